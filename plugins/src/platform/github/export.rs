//! How a step hands a secret to the steps after it: masks, and the runner's files.
//!
//! The runner masks each line of a masked value however short it is, so that a PEM or
//! JSON value would turn every `{` of the log into `***`: lines are masked one by one
//! here, and short ones are not. The whole is masked as it stands in one line, in JSON and
//! in base64. A value without a line that is long enough is not for a log. An entry of an environment file ends at a delimiter
//! that must not be guessable, or a value could set variables of its own.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use segura_model::SecretText;
use zeroize::Zeroizing;

use crate::mask::{SHORTEST, json, json_escaped, lines};

/// The variable that names the file for later steps' environment.
pub const ENV_FILE: &str = "GITHUB_ENV";
/// The variable that names the file for this step's outputs.
pub const OUTPUT_FILE: &str = "GITHUB_OUTPUT";

/// Whether the runner can hide this value: it hides lines.
pub fn can_mask(value: &SecretText) -> bool {
    // EXPOSE: only to count.
    lines(value.expose()).any(is_long_enough)
}

/// The commands that make the runner mask a value, one for each of its lines and of the
/// lines of the texts inside JSON, ready to be printed: the runner reads them from the
/// output and does not show them.
pub fn mask_commands(value: &SecretText) -> Vec<SecretText> {
    // EXPOSE: the command is how the runner learns what to hide.
    let text = value.expose();
    let mut inner = json::texts(text);
    if text.trim().contains(['\n', '\r']) {
        inner.extend([json_escaped(text.trim()), STANDARD.encode(text)].map(Zeroizing::new));
    }
    let pieces = [text].into_iter().chain(inner.iter().map(|piece| piece.as_str()));
    let mut known = HashSet::new();
    pieces
        .flat_map(lines)
        .filter(|line| is_long_enough(line) && known.insert(*line))
        .map(|line| SecretText::new(format!("::add-mask::{}", line.replace('%', "%25"))))
        .collect()
}

fn is_long_enough(line: &str) -> bool {
    line.chars().count() >= SHORTEST
}

/// An entry of `$GITHUB_ENV` or `$GITHUB_OUTPUT`, with its last line break. `delimiter`
/// must be made at random for this entry. A value with NUL or the delimiter in it
/// cannot be written and is `None`.
pub fn file_entry(name: &str, value: &SecretText, delimiter: &str) -> Option<SecretText> {
    // EXPOSE: the file is where the user asked the value to go.
    let text = value.expose();
    let possible = !text.contains(delimiter) && !text.contains('\0');
    possible.then(|| SecretText::new(format!("{name}<<{delimiter}\n{text}\n{delimiter}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(value: &str) -> Vec<String> {
        mask_commands(&SecretText::new(value)).iter().map(|line| line.expose().to_owned()).collect()
    }

    #[test]
    fn a_value_is_masked_line_by_line() {
        assert_eq!(commands("50%off"), ["::add-mask::50%25off"]);
        assert_eq!(
            commands("{\r\n  \"key\": \"v\"\n}\n"),
            [
                "::add-mask::\"key\": \"v\"",
                r#"::add-mask::{\r\n  \"key\": \"v\"\n}"#,
                "::add-mask::ew0KICAia2V5IjogInYiCn0K",
            ],
            "short lines would mask the whole log"
        );
    }

    #[test]
    fn a_text_inside_json_is_masked_by_itself() {
        let masks = commands(r#"{"user":"app","key":"-----BEGIN-----\nline-of-key\n}\n"}"#);
        assert!(masks.contains(&"::add-mask::line-of-key".to_owned()), "{masks:?}");
        assert!(!masks.iter().any(|mask| mask.ends_with("::}") || mask.ends_with("::app")));
    }

    #[test]
    fn a_value_of_short_lines_alone_cannot_be_masked() {
        let can_mask = |text: &str| can_mask(&SecretText::new(text));
        assert!(!can_mask("123\n456\n789") && !can_mask("us") && !can_mask("  a  \r\n  b  "));
        assert!(can_mask("123\n4567\n89") && can_mask("hunter2"));
    }

    #[test]
    fn an_entry_ends_where_the_value_cannot_end_it() {
        let entry = |text: &str| file_entry("DB", &SecretText::new(text), "segura_x");
        assert_eq!(entry("a\nb\n").unwrap().expose(), "DB<<segura_x\na\nb\n\nsegura_x\n");
        assert!(entry("x\nsegura_x\nPATH=/evil").is_none());
        assert!(entry("a\0b").is_none());
    }
}
