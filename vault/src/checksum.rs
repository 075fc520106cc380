//! The last six characters of a token: a checksum that scanners can verify.
//!
//! CRC-32 (IEEE) of everything before it, in base 62, most significant digit first,
//! padded with `0`. A leak scanner tells a token from a look-alike without asking us,
//! and a token that was cut or mistyped is named as such. It protects nothing else:
//! anyone can compute it.

/// Digits, capitals, small letters.
pub(crate) const BASE62: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How long a checksum is.
pub(crate) const CHECKSUM_LEN: usize = 6;

/// Append the checksum of `text` to it.
pub(crate) fn append(text: &mut String) {
    let digits = digits(text);
    text.extend(digits.iter().copied().map(char::from));
}

/// `text` without its checksum, if that is right.
pub(crate) fn strip(text: &str) -> Option<&str> {
    let (body, presented) = text.split_at_checked(text.len().checked_sub(CHECKSUM_LEN)?)?;
    (presented.as_bytes() == digits(body)).then_some(body)
}

fn digits(text: &str) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_what_other_tools_compute() {
        // CRC-32 of "123456789" is 0xCBF43926, the check value of its catalogue entry.
        let mut text = "123456789".to_owned();
        append(&mut text);
        assert_eq!(text, "1234567893jZRME");
        // CRC-32 of nothing is zero.
        let mut text = String::new();
        append(&mut text);
        assert_eq!(text, "000000");
    }

    #[test]
    fn a_changed_character_and_a_cut_text_are_noticed() {
        let mut text = "sgo_abcdef".to_owned();
        append(&mut text);
        assert_eq!(strip(&text), Some("sgo_abcdef"));
        assert_eq!(strip(&text[1..]), None);
        assert_eq!(strip(&text[..text.len() - 1]), None);
        assert_eq!(strip("short"), None);
        assert_eq!(strip("ééé€x"), None);
    }
}
