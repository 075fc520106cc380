//! What the YAML parser says, in words for whoever wrote the file.
//!
//! The parser speaks of sequences and mappings; its reader indented a line wrongly at
//! night. The place is left to the caller, who knows the file.

use serde_saphyr::Error;

use crate::name::shown;
use crate::policy::nearest;

/// What is wrong and what was expected, without the place.
pub fn words(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => words(error),
        Error::DuplicateMappingKey { key, .. } => {
            format!("`{}` is written twice", key.as_deref().map(shown).unwrap_or_default())
        }
        Error::Message { msg, .. } => msg.clone(),
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        Error::Unexpected { expected: "mapping start", .. } => {
            "pairs `name: value` belong here: `{ name: value }`, or lines that are indented more \
             than the key above them"
                .to_owned()
        }
        Error::Unexpected { expected: "sequence start", .. } => {
            "a list belongs here: `[a, b]`, or lines that begin with `- `".to_owned()
        }
        other => in_its_own_words(other),
    }
}

fn unknown(what: &str, presented: &str, known: &[&'static str]) -> String {
    let near = nearest(presented, known.iter().copied());
    let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
    format!("unknown {what} `{}`{near}; known here: {}", shown(presented), known.join(", "))
}

fn in_its_own_words(error: &Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = error.location() {
        let tail = format!(" at line {}, column {}", at.line(), at.column());
        text.truncate(text.strip_suffix(&tail).map_or(text.len(), str::len));
    }
    let advice = [
        ("found a tab", "; indent with spaces"),
        ("tabs disallowed", "; indent with spaces"),
        ("did not find expected key", "; is this line indented like those beside it?"),
    ];
    let advice = advice.iter().find(|(said, _)| text.contains(said));
    text + advice.map_or("", |(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        list: Vec<String>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        pairs: BTreeMap<String, String>,
        #[expect(dead_code, reason = "only read")]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        Large,
        Small,
    }

    #[test]
    fn the_parsers_words_become_advice() {
        for (text, expected) in [
            ("list: one\n", "a list belongs here: `[a, b]`"),
            ("pairs:\nkind: Small\n", "indented more than the key above"),
            ("lits: [one]\n", "unknown key `lits` (did you mean `list`?); known here: list, pairs"),
            ("kind: Smal\n", "unknown value `Smal` (did you mean `Small`?); known here: Large"),
            ("list: [a]\nlist: [b]\n", "`list` is written twice"),
            ("pairs:\n\ta: b\n", "indent with spaces"),
            ("pairs:\n   a: b\n  c: d\n", "indented like those beside it"),
        ] {
            let options = serde_saphyr::options! { with_snippet: false };
            let error = serde_saphyr::from_str_with_options::<File>(text, options).unwrap_err();
            let told = words(error.without_snippet());
            assert!(told.contains(expected), "{text}{told}");
            assert!(!told.contains("column"), "{told}");
        }
    }
}
