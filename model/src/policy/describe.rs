//! Checks and values in words, for traces.
//!
//! Presented values come from strangers: they are cut short and escaped, so that a
//! branch name cannot drive a terminal or fill the ledger.

use super::check::{Accept, Check, Value, Verdict};
use crate::claims::ClaimValue;
use crate::invisible::is_invisible;
use crate::preset::ClaimKind;

/// Most characters shown of a presented value.
const MAX_SHOWN: usize = 256;

/// Most values of a list shown.
const MAX_LISTED: usize = 8;

/// What a check expects: "one of `prod`, `staging`, and not `x`".
pub(super) fn expected(check: &Check, verdict: Verdict) -> String {
    let typed = types_matter(check, verdict);
    let text = |value: &Value| match value {
        Value::Text(text) if typed => unmistakable(text),
        value => value.text(),
    };
    let accept = match &check.accept {
        Accept::Any => None,
        Accept::Globs(globs) => {
            Some(format!("fits {}", listed(globs.iter().map(|glob| glob.as_str().to_owned()))))
        }
        Accept::OneOf(values) if values.len() == 1 => Some(listed(values.iter().map(text))),
        Accept::OneOf(values) => Some(format!("one of {}", listed(values.iter().map(text)))),
    };
    let reject = (!check.reject.is_empty())
        .then(|| format!("not {}", listed(check.reject.iter().map(text))));
    [accept, reject].into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

/// What a token presents, short and escaped.
pub(super) fn presented(value: &ClaimValue) -> String {
    escaped(&value.to_string())
}

/// The same, for a check that came to this verdict: text is told from a number where that
/// may be why it failed.
pub(super) fn presented_to(check: &Check, verdict: Verdict, value: &ClaimValue) -> String {
    match value {
        ClaimValue::Text(text) if types_matter(check, verdict) => escaped(&unmistakable(text)),
        value => presented(value),
    }
}

fn types_matter(check: &Check, verdict: Verdict) -> bool {
    verdict == Verdict::WrongType || (verdict == Verdict::Failed && check.kind == ClaimKind::Any)
}

/// Text that looks like a number, a list or `true`, in quotes as in JSON.
fn unmistakable(text: &str) -> String {
    let other = serde_json::from_str::<serde_json::Value>(text).is_ok_and(|read| !read.is_string());
    if other { serde_json::Value::from(text).to_string() } else { text.to_owned() }
}

/// Text of a stranger, short and escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_SHOWN));
    for character in text.chars().take(MAX_SHOWN) {
        if character.is_control() || is_invisible(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn listed(texts: impl ExactSizeIterator<Item = String>) -> String {
    let more = texts.len().saturating_sub(MAX_LISTED);
    let shown: Vec<String> = texts.take(MAX_LISTED).map(|text| format!("`{text}`")).collect();
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{tail}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presented_value_cannot_drive_a_terminal() {
        assert_eq!(escaped("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escaped("main\u{202e}niam"), "main\\u{202e}niam");
        assert_eq!(escaped("größe \"x\""), "größe \"x\"");
        assert!(escaped(&"x".repeat(10_000)).chars().count() == MAX_SHOWN + 1);
    }
}
