//! Lengths of time as people write them: `90s`, `15m`, `12h`, `30d`.
//!
//! A bare number is refused, because nobody agrees on its unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::Shown;

/// A length of time in whole seconds, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seconds(i64);

impl Seconds {
    /// A length of this many seconds; negative becomes zero.
    pub const fn new(seconds: i64) -> Self {
        Self(if seconds < 0 { 0 } else { seconds })
    }

    /// The number of seconds, never negative.
    pub const fn count(self) -> i64 {
        self.0
    }
}

impl FromStr for Seconds {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let refuse = || DurationError(Shown(text).to_string());
        let (number, unit) =
            text.split_at_checked(text.len().wrapping_sub(1)).ok_or_else(refuse)?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?.1;
        let digits = (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let number: i64 = number.parse().ok().filter(|_| digits).ok_or_else(refuse)?;
        Ok(Self(number.saturating_mul(unit)))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: i64| self.0 != 0 && self.0 % unit == 0;
        let (name, unit) = UNITS.iter().find(|(_, unit)| whole(*unit)).unwrap_or(&("s", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl TryFrom<String> for Seconds {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        text.parse()
    }
}

impl From<Seconds> for String {
    fn from(seconds: Seconds) -> Self {
        seconds.to_string()
    }
}

impl schemars::JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^[0-9]{1,9}[smhd]$", "examples": ["15m", "12h"],
        })
    }
}

/// The text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time: write a number and a unit, such as 90s, 15m, 12h or 30d")]
pub struct DurationError(String);

/// Longest first: the first that divides is the one to write.
const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_and_write() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            let parsed: Seconds = text.parse().unwrap();
            assert_eq!(parsed.count(), seconds);
            assert_eq!(parsed.to_string(), text);
        }
        assert_eq!("60s".parse::<Seconds>().unwrap().to_string(), "1m");
        assert_eq!("0s".parse::<Seconds>().unwrap().to_string(), "0s");
    }

    #[test]
    fn what_has_no_unit_or_no_number_is_refused() {
        for bad in ["", "s", "15", "15 m", "1.5h", "-5m", "+5m", "15w", "5é", "9999999999s", "１m"]
        {
            assert!(bad.parse::<Seconds>().is_err(), "{bad:?}");
        }
    }
}
