//! Names: every word that an operator or a pipeline types, parsed once.
//!
//! A name is short, printable and free of look-alikes of other syntax, so that it
//! can stand in a log line, a URL or a database key without being escaped. Paths and
//! path patterns are in `path.rs`, names of environment variables in `env.rs`.

mod env;
mod path;

use std::fmt;
use std::str::FromStr;

pub use env::EnvName;
pub use path::{PathPattern, SecretPath};

/// A text breaks the rule of the name that it was given as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{presented}` is not {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    presented: String,
    rule: String,
}

impl NameError {
    pub(crate) fn new(what: &'static str, presented: &str, rule: impl Into<String>) -> Self {
        Self { what, presented: shown(presented), rule: rule.into() }
    }

    /// The rule that was broken, without the text that broke it.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

/// A presented text as an error or a trace may show it: short, and with control
/// characters escaped, so that it cannot forge a log line or drive a terminal.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// A presented text inside an error message, short and escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0))
    }
}

/// A newtype over `String` that serialises as its text and parses on the way in.
macro_rules! text_type {
    ($name:ident, $pattern:literal, $longest:literal) => {
        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = <Self as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "minLength": 1, "maxLength": $longest, "pattern": $pattern,
                })
            }
        }
    };
}
pub(crate) use text_type;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $pattern:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        text_type!($name, $pattern, 64);

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let ok: fn(&str) -> bool = $ok;
                if (1..=LONGEST).contains(&text.len()) && ok(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError::new($what, text, $rule))
                }
            }
        }
    };
}

/// Who is asked about a secret: `team-payments`, `Maria Silva <maria@acme.example>`.
/// 1–128 characters, none of them a control character.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

text_type!(Owner, r"^[^\x00-\x1f\x7f]+$", 128);

impl FromStr for Owner {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let characters = text.chars().count();
        if (1..=128).contains(&characters) && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("an owner", text, "use 1–128 characters, no line breaks or the like"))
    }
}

/// The longest name, in bytes.
const LONGEST: usize = 64;

name!(
    /// A field of a secret: `password`, `tls.crt`. 1–64 of `A–Z a–z 0–9 . _ -`.
    FieldName, "a field name", "use 1–64 of A–Z, a–z, 0–9, `.`, `_`, `-`",
    "^[A-Za-z0-9._-]+$", |text| text.bytes().all(is_mixed)
);
name!(
    /// The id of an issuer entry: `github`. 1–64 of `a–z 0–9 -`, no `-` in front.
    IssuerId, "an issuer id",
    "use 1–64 of a–z, 0–9 and `-`, and begin with a letter or a digit",
    "^[a-z0-9][a-z0-9-]*$", is_kebab
);
name!(
    /// An operator's name: `maria`, `ci.apply`. 1–64 of `a–z 0–9 . _ -`.
    OperatorName, "an operator's name", "use 1–64 of a–z, 0–9, `.`, `_`, `-`",
    "^[a-z0-9._-]+$", |text| text.bytes().all(|byte| is_lower(byte) || b"._-".contains(&byte))
);
name!(
    /// The name of a trust policy: `payments-deploy`. 1–64 of `a–z 0–9 -`, no `-` in front.
    PolicyName, "a policy name",
    "use 1–64 of a–z, 0–9 and `-`, and begin with a letter or a digit",
    "^[a-z0-9][a-z0-9-]*$", is_kebab
);
name!(
    /// A label on a secret: `team:payments`. 1–64 of `a–z 0–9 . _ : -`.
    Tag, "a tag", "use 1–64 of a–z, 0–9, `.`, `_`, `:`, `-`",
    "^[a-z0-9._:-]+$", |text| text.bytes().all(|byte| is_lower(byte) || b"._:-".contains(&byte))
);

fn is_kebab(text: &str) -> bool {
    text.bytes().all(|byte| is_lower(byte) || byte == b'-') && !text.starts_with('-')
}

const fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A byte of a path segment or a field name.
const fn is_mixed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for good in ["github", "github-2", "0", "a"] {
            assert_eq!(good.parse::<PolicyName>().unwrap().as_str(), good);
            assert_eq!(good.parse::<IssuerId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a_b", "a b", "a/b", "é", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<PolicyName>().is_err(), "{bad:?}");
            assert!(bad.parse::<IssuerId>().is_err(), "{bad:?}");
        }
        assert!("Tls.crt_1-x".parse::<FieldName>().is_ok());
        assert!("ci.apply_1".parse::<OperatorName>().is_ok());
        assert!("team:payments".parse::<Tag>().is_ok());
        for bad in ["", "a:b", "a b", "ü", &"a".repeat(65)] {
            assert!(bad.parse::<FieldName>().is_err(), "{bad:?}");
            assert!(bad.parse::<OperatorName>().is_err(), "{bad:?}");
        }
        assert!("Maria Silva <maria@acme.example>".parse::<Owner>().is_ok());
        for bad in ["", "a\nb", "\u{1b}[2J", &"é".repeat(129)] {
            assert!(bad.parse::<Owner>().is_err(), "{bad:?}");
        }
        assert!("Team".parse::<Tag>().is_err());
        assert!("Maria".parse::<OperatorName>().is_err());
    }

    #[test]
    fn an_error_names_rule_and_presented_text() {
        let error = "Payments!".parse::<PolicyName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`Payments!` is not a policy name: use 1–64 of a–z, 0–9 and `-`, \
             and begin with a letter or a digit"
        );
    }

    #[test]
    fn an_error_shows_little_and_no_control_characters() {
        let error = format!("\u{1b}[31m\n{}", "x".repeat(500)).parse::<Tag>().unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 200 && !text.contains(['\n', '\u{1b}']), "{text}");
    }

    #[test]
    fn a_name_is_checked_when_it_is_read_from_json() {
        assert!(serde_json::from_str::<PolicyName>("\"ok-1\"").is_ok());
        assert!(serde_json::from_str::<PolicyName>("\"Not ok\"").is_err());
    }
}
