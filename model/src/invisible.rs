//! Characters that show nothing, or that change how what stands beside them is shown.
//!
//! Two names that look the same must not be two names, so whoever shows the text of a
//! stranger to a person escapes them. Control characters are another matter.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether a person sees nothing of this character: Unicode's formats and separators of
/// lines and paragraphs, and what else is ignored by default.
pub fn is_invisible(character: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    matches!(character.general_category(), Format | LineSeparator | ParagraphSeparator)
        || is_ignored(character)
}

/// Marks and letters that show nothing: a joiner, fillers, selectors of a variant.
const fn is_ignored(character: char) -> bool {
    matches!(
        character,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2065}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_known() {
        for invisible in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{1d173}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            assert!(is_invisible(invisible), "{}", invisible.escape_unicode());
        }
    }

    #[test]
    fn what_is_read_is_left_alone() {
        for visible in "aZ0 -_/é\u{301}ß中ا🙂\u{a0}\t".chars() {
            assert!(!is_invisible(visible), "{}", visible.escape_unicode());
        }
    }
}
