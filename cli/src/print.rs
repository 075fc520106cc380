//! Output: results on standard output, all else on standard error.
//!
//! Everything for a person's eyes is cleaned of control characters first, and invisible
//! ones are shown: claims and paths come from strangers, and a terminal obeys what it is
//! shown. In JSON both are escaped, which is the same JSON. A closed pipe
//! (`segura audit ls | head`) ends the command without a word.

mod failure;
mod table;
mod words;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use segura_model::is_invisible;
use serde::Serialize;

pub(crate) use failure::{failure, misused, waiting};
pub(crate) use table::Table;
pub(crate) use words::{actor, advice, yaml};

use crate::error::CliError;

/// Who reads the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A program.
    Json,
    /// A person.
    Person,
}

/// Print a result: as JSON, or as `person` words it.
pub(crate) fn result<T: Serialize>(
    format: Format,
    value: &T,
    person: impl FnOnce(&T) -> String,
) -> Result<(), CliError> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(value).expect("results are plain JSON");
            raw(format!("{}\n", ascii_where_hidden(&text)).as_bytes())
        }
        Format::Person => text(&person(value)),
    }
}

/// Print a value as JSON, in one line.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string(value).expect("results are plain JSON");
    raw(format!("{}\n", ascii_where_hidden(&text)).as_bytes())
}

/// Print text for a person, cleaned, with a final line break.
pub(crate) fn text(text: &str) -> Result<(), CliError> {
    let mut clean: String = text.lines().flat_map(|line| [clean(line), "\n".to_owned()]).collect();
    if clean.is_empty() {
        clean.push('\n');
    }
    raw(clean.as_bytes())
}

/// Print bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|source| CliError::Stdout { source })
}

/// Print bytes as they are on standard error, where they must arrive.
pub(crate) fn raw_beside(bytes: &[u8]) -> Result<(), CliError> {
    io::stderr().lock().write_all(bytes).map_err(|source| CliError::Stderr { source })
}

/// Say something beside the result. Standard error that is closed hears nothing, and
/// nobody is told a token there: one that was typed in a wrong place is in the message.
pub(crate) fn note(words: &str) {
    say(&clean(words));
}

/// Say something to a program, beside the result.
fn machine_note(words: &serde_json::Value) {
    say(&ascii_where_hidden(&words.to_string()));
}

fn say(words: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", without_tokens(words));
}

/// Warn about something that was done all the same.
pub(crate) fn warning(words: &str) {
    note(&format!("warning: {words}"));
}

/// The binary was called by a name that a later tool will answer to.
pub(crate) fn reserved_name(name: &str) -> ExitCode {
    note(&format!(
        "error: this version does not answer to the name `{name}` yet; call it `segura`"
    ));
    ExitCode::from(2)
}

/// Text without characters that a terminal would obey; those that it would not show are
/// shown as `\u{200b}`.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_invisible(c) => clean.extend(c.escape_unicode()),
            c if c.is_control() && c != '\t' => clean.push(char::REPLACEMENT_CHARACTER),
            c => clean.push(c),
        }
    }
    clean
}

/// JSON text in which whatever a terminal would obey or hide is escaped. Only strings can
/// hold it: outside of them JSON has line breaks at most.
fn ascii_where_hidden(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if is_invisible(c) || (c.is_control() && c != '\n') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").expect("a string takes all that is written");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The text with every token in it cut to what it begins with.
fn without_tokens(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, begin)) =
        TOKENS.iter().filter_map(|begin| Some((rest.find(begin)?, *begin))).min()
    {
        let (before, token) = rest.split_at(at);
        let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = token.find(|c| !of_token(c)).unwrap_or(token.len());
        shown.push_str(before);
        if end < SHORTEST_TOKEN {
            shown.push_str(&token[..end]);
        } else {
            shown.push_str(begin);
            shown.push('…');
        }
        rest = &token[end..];
    }
    shown.push_str(rest);
    shown
}

/// What the tokens of operators, of sessions and of jobs begin with.
const TOKENS: [&str; 3] = ["sgo_", "sgr_", "eyJ"];
const SHORTEST_TOKEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_commanded_by_a_claim() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\td"), "a\u{fffd}[31mb\\u{202e}c\td");
    }

    #[test]
    fn what_a_terminal_would_hide_is_shown() {
        let hidden = "a\u{200b}b\u{61c}c\u{2028}d\u{ad}e\u{e0041}f";
        assert_eq!(clean(hidden), "a\\u{200b}b\\u{61c}c\\u{2028}d\\u{ad}e\\u{e0041}f");
    }

    #[test]
    fn json_says_the_same_with_nothing_hidden() {
        let value =
            serde_json::json!({"a\u{200b}": "\u{e0041}\u{9b}31m\u{7f}\n\u{1b} é", "b": [1]});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let shown = ascii_where_hidden(&text);
            assert!(!shown.contains(['\u{200b}', '\u{e0041}', '\u{9b}', '\u{7f}']), "{shown}");
            assert!(shown.contains(r"\udb40\udc41") && shown.contains('é'), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }

    #[test]
    fn no_token_is_told_wherever_it_was_typed() {
        let (own, job) = ("sgo_Ze2vQB6QFWjlLAadSYbxrt6p5GI5", "eyJhbGciOiJub25lIn0.e30.c2ln");
        let told = without_tokens(&format!("cannot read {own}, nor '{job}' (sgo_…, sgo_abc)"));
        assert_eq!(told, "cannot read sgo_…, nor 'eyJ…' (sgo_…, sgo_abc)");
    }
}
