//! How a step hands a secret to the steps after it: masks, and the runner's files.
//!
//! The runner masks each line of a masked value however short it is, so that a PEM or
//! JSON value would turn every `{` of the log into `***`: lines are masked one by one
//! here, and short ones are not. An entry of an environment file ends at a delimiter
//! that must not be guessable, or a value could set variables of its own.

use segura_model::SecretText;

use crate::mask::{SHORTEST, lines};

/// The variable that names the file for later steps' environment.
pub const ENV_FILE: &str = "GITHUB_ENV";
/// The variable that names the file for this step's outputs.
pub const OUTPUT_FILE: &str = "GITHUB_OUTPUT";

/// The commands that make the runner mask a value, one for each of its lines, ready to
/// be printed: the runner reads them from the output and does not show them.
pub fn mask_commands(value: &SecretText) -> Vec<SecretText> {
    // EXPOSE: the command is how the runner learns what to hide.
    lines(value.expose())
        .filter(|line| line.chars().count() >= SHORTEST)
        .map(|line| SecretText::new(format!("::add-mask::{}", line.replace('%', "%25"))))
        .collect()
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
            ["::add-mask::\"key\": \"v\""],
            "short lines would mask the whole log"
        );
    }

    #[test]
    fn an_entry_ends_where_the_value_cannot_end_it() {
        let entry = |text: &str| file_entry("DB", &SecretText::new(text), "segura_x");
        assert_eq!(entry("a\nb\n").unwrap().expose(), "DB<<segura_x\na\nb\n\nsegura_x\n");
        assert!(entry("x\nsegura_x\nPATH=/evil").is_none());
        assert!(entry("a\0b").is_none());
    }
}
