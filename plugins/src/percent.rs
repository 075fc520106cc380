//! Percent-encoding by RFC 3986: all but letters, digits and `-._~`.

use std::fmt::Write as _;

/// Encode `text` for a place in a URL where one value goes.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        assert_eq!(encode("https://a.example/ x~é"), "https%3A%2F%2Fa.example%2F%20x~%C3%A9");
    }
}
