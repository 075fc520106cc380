//! Amounts of memory and disk as people write them: `256 MiB`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a whole number and a unit, such as 512 KiB, 256 MiB or 4 GiB")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let refused = || SizeError(text.chars().take(40).collect());
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(refused)?.1;
        let number: u64 = number.parse().map_err(|_| refused())?;
        number.checked_mul(unit).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: &u64| self.0 != 0 && self.0.is_multiple_of(*unit);
        let (name, unit) = UNITS.iter().find(|(_, unit)| whole(unit)).unwrap_or(&("B", 1));
        write!(f, "{} {name}", self.0 / unit)
    }
}

/// Largest first: the first that divides is the one to write.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_write() {
        for (text, bytes) in
            [("256 MiB", 256 << 20), ("4GiB", 4 << 30), ("0 B", 0), ("1 KiB", 1024)]
        {
            assert_eq!(text.parse::<Size>().unwrap(), Size(bytes), "{text}");
        }
        assert_eq!(Size(256 << 20).to_string(), "256 MiB");
    }

    #[test]
    fn what_has_no_unit_is_refused() {
        for text in ["", "256", "MiB", "-1 MiB", "1.5 GiB", "1 MB", "99999999999999 GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }
}
