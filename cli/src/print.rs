//! Output: results on standard output, all else on standard error.
//!
//! Everything for a person's eyes is cleaned of control characters first: claims and
//! paths come from strangers, and a terminal obeys what it is shown. A closed pipe
//! (`segura audit ls | head`) ends the command without a word.

mod failure;
mod table;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

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
            let mut text = serde_json::to_vec_pretty(value).expect("results are plain JSON");
            text.push(b'\n');
            raw(&text)
        }
        Format::Person => text(&person(value)),
    }
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
    let _ = writeln!(io::stderr().lock(), "{}", without_tokens(&clean(words)));
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

/// Text without characters that a terminal would obey.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
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

/// Control characters, and those that reorder the text around them.
fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_commanded_by_a_claim() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\td"), "a\u{fffd}[31mb\u{fffd}c\td");
    }

    #[test]
    fn no_token_is_told_wherever_it_was_typed() {
        let (own, job) = ("sgo_Ze2vQB6QFWjlLAadSYbxrt6p5GI5", "eyJhbGciOiJub25lIn0.e30.c2ln");
        let told = without_tokens(&format!("cannot read {own}, nor '{job}' (sgo_…, sgo_abc)"));
        assert_eq!(told, "cannot read sgo_…, nor 'eyJ…' (sgo_…, sgo_abc)");
    }
}
