//! The claims of a verified token, read strictly.
//!
//! JSON lets one object name a member twice, and readers disagree about which one
//! counts; here it is refused at every depth. Depth, members and bytes are
//! bounded before anything is stored. A number that is no 64-bit integer is kept
//! as text for display and matches nothing.

mod read;

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, Serializer};

/// The most bytes of a claims object.
pub const MOST_BYTES: usize = 64 * 1024;
/// The most members and elements in it, at all depths together.
pub const MOST_MEMBERS: usize = 512;
/// How deep objects and lists may nest; the claims object itself is the first.
pub const MOST_DEPTH: usize = 8;

/// One claim's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// `true` or `false`, not their texts.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A list.
    List(Vec<ClaimValue>),
    /// `null`: the same as a missing claim to every check.
    Null,
    /// A number that is no `i64`. Matches nothing.
    Number(String),
    /// An object.
    Object(BTreeMap<String, ClaimValue>),
    /// Text.
    Text(String),
}

impl ClaimValue {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a whole number.
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The member of this name, if it is an object that has one.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// What sort of value it is, for messages: `text`, `a number`, …
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::List(_) => "a list",
            Self::Null => "null",
            Self::Number(_) => "a number that is not a whole 64-bit one",
            Self::Object(_) => "an object",
            Self::Text(_) => "text",
        }
    }
}

/// Text as it is, anything else as compact JSON.
impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            other => f.write_str(&serde_json::to_string(other).map_err(|_| fmt::Error)?),
        }
    }
}

impl Serialize for ClaimValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Integer(value) => to.serialize_i64(*value),
            Self::List(values) => values.serialize(to),
            Self::Null => to.serialize_unit(),
            Self::Number(text) => match (text.parse::<u64>(), text.parse::<f64>()) {
                (Ok(number), _) => to.serialize_u64(number),
                (_, Ok(number)) if number.is_finite() => to.serialize_f64(number),
                _ => to.serialize_str(text),
            },
            Self::Object(members) => members.serialize(to),
            Self::Text(text) => to.serialize_str(text),
        }
    }
}

/// The claims of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(BTreeMap<String, ClaimValue>);

impl Claims {
    /// Read the payload of a token.
    pub fn parse(json: &[u8]) -> Result<Self, ClaimsError> {
        read::claims(json)
    }

    /// Give a claim that is not there this value.
    pub fn supply(&mut self, name: &str, value: ClaimValue) {
        self.0.entry(name.to_owned()).or_insert(value);
    }

    /// The claim of this name. Names are compared exactly.
    pub fn get(&self, name: &str) -> Option<&ClaimValue> {
        self.0.get(name)
    }

    /// The value at the end of a chain of member names. None of them is split:
    /// `kubernetes.io` is one name.
    pub fn pointer(&self, names: &[&str]) -> Option<&ClaimValue> {
        let (first, rest) = names.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, name| value.member(name))
    }

    /// The claim of this name, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// The claim of this name, if it is a whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_integer()
    }

    /// `sub`, if it is text.
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// All claims by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClaimValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl schemars::JsonSchema for Claims {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Claims".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "description": "The claims of a token." })
    }
}

/// Why a text is not a claims object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// It is not JSON, or not an object, or broke one of the bounds or rules here.
    #[error("the claims cannot be read: {0}")]
    Malformed(String),
    /// It is larger than [`MOST_BYTES`].
    #[error("the claims have {0} bytes, at most {MOST_BYTES} are read")]
    TooLarge(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_does_not_split_names() {
        let claims =
            Claims::parse(br#"{"kubernetes.io":{"serviceaccount":{"uid":"u"}},"a":1}"#).unwrap();
        let uid = claims.pointer(&["kubernetes.io", "serviceaccount", "uid"]).unwrap();
        assert_eq!(uid.as_text(), Some("u"));
        assert_eq!(claims.pointer(&[]), None);
        assert_eq!(claims.pointer(&["a", "b"]), None);
        assert_eq!(claims.pointer(&["kubernetes", "io"]), None);
    }

    #[test]
    fn names_are_exact() {
        let claims = Claims::parse(br#"{"sub":"x","Aud":1}"#).unwrap();
        assert_eq!(claims.subject(), Some("x"));
        assert_eq!(claims.get("aud"), None);
        assert_eq!(Claims::parse(br#"{"sub":7}"#).unwrap().subject(), None);
    }

    #[test]
    fn what_was_read_can_be_written_and_read_again() {
        let text = r#"{"a":[1,"x",null,true,1.5],"b":18446744073709551615,"c":{"d":-9}}"#;
        let claims = Claims::parse(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&claims).unwrap(), text);
        assert_eq!(serde_json::from_str::<Claims>(text).unwrap(), claims);
    }

    #[test]
    fn a_value_displays_as_a_person_would_write_it() {
        let claims = Claims::parse(br#"{"t":"x y","n":5,"l":["a",1]}"#).unwrap();
        let shown: Vec<String> = claims.iter().map(|(_, value)| value.to_string()).collect();
        assert_eq!(shown, [r#"["a",1]"#, "5", "x y"]);
    }
}
