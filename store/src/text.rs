//! The edge that text crosses on its way in.
//!
//! PostgreSQL refuses NUL and SQLite does not, so what one stored the other could not
//! take over; and a control character in a name lies on a terminal. Both databases
//! refuse the same here, before a statement is made.

use crate::StoreError;

/// Names and other text of one line.
pub(crate) const LINE: usize = 1024;
/// Documents: policies, key sets, certificates, record bodies.
pub(crate) const DOCUMENT: usize = 1024 * 1024;

/// One line: no control character, at most [`LINE`] bytes.
pub(crate) fn line(what: &'static str, text: &str) -> Result<(), StoreError> {
    check(what, text, LINE, |_| false)
}

/// A document: line ends and tabs are fine, at most `limit` bytes.
pub(crate) fn document(what: &'static str, text: &str, limit: usize) -> Result<(), StoreError> {
    check(what, text, limit, |character| matches!(character, '\n' | '\r' | '\t'))
}

/// Bytes: at most `limit`.
pub(crate) fn bytes(what: &'static str, bytes: &[u8], limit: usize) -> Result<(), StoreError> {
    if bytes.len() > limit { Err(StoreError::TooLarge { what, limit }) } else { Ok(()) }
}

fn check(
    what: &'static str,
    text: &str,
    limit: usize,
    fine: fn(char) -> bool,
) -> Result<(), StoreError> {
    bytes(what, text.as_bytes(), limit)?;
    if text.chars().any(|character| character.is_control() && !fine(character)) {
        return Err(StoreError::Text(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_refused() {
        assert!(line("a name", "plain – text").is_ok());
        for bad in ["nul\0", "line\n", "escape\u{1b}[0m", "c1\u{85}"] {
            assert!(matches!(line("a name", bad), Err(StoreError::Text("a name"))), "{bad:?}");
        }
        assert!(document("a file", "two\r\n\tlines", 100).is_ok());
        assert!(document("a file", "nul\0", 100).is_err());
    }

    #[test]
    fn text_is_bounded_in_bytes() {
        assert!(line("a name", &"x".repeat(LINE)).is_ok());
        assert!(matches!(
            line("a name", &"é".repeat(LINE)),
            Err(StoreError::TooLarge { limit: LINE, .. })
        ));
    }
}
