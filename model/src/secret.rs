//! Secrets are types that cannot be printed.
//!
//! No `Debug` of the value, no `Display`, no `Serialize`, no `PartialEq`: wiped on
//! drop, compared in constant time. Each call of `expose` carries an `// EXPOSE:`
//! line that says why the value leaves its box there.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serializer};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A secret that is text.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Box a value.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Reveal the value. Say why with an `// EXPOSE:` comment.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compare in constant time (lengths are not secret).
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// In constant time, as [`SecretText::matches`].
impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for SecretText {}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// Only text is taken, and what else was there is not repeated: serde's own message
/// would say ``invalid type: integer `1234` ``.
impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text; put a number in quotes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::new(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText::new(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretText, E> {
        Err(E::invalid_type(Unexpected::Other("true or false"), &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretText, E> {
        Err(E::invalid_type(Unexpected::Other("a number"), &self))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretText, E> {
        self.visit_i64(0)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretText, E> {
        self.visit_i64(0)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<SecretText, E> {
        Err(E::invalid_type(Unexpected::Other("bytes"), &self))
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password" })
    }
}

/// Serialize the value itself: for the body of an answer or request that exists to
/// carry it (`#[serde(serialize_with = "secret::serialize_exposed")]`).
pub fn serialize_exposed<S: Serializer>(text: &SecretText, to: S) -> Result<S::Ok, S::Error> {
    // EXPOSE: the field is the payload; bodies are never logged.
    to.serialize_str(text.expose())
}

/// [`serialize_exposed`] for a field that may be absent.
pub fn serialize_exposed_option<S: Serializer>(
    text: &Option<SecretText>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => serialize_exposed(text, to),
        None => to.serialize_none(),
    }
}

/// A secret that is bytes: keys, sealed payloads once opened.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Box a value.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Reveal the value. Say why with an `// EXPOSE:` comment.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Compare in constant time (lengths are not secret).
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }

    /// The bytes as text, if they are UTF-8; wiped either way.
    pub fn into_text(mut self) -> Option<SecretText> {
        match String::from_utf8(std::mem::take(&mut *self.0)) {
            Ok(text) => Some(SecretText::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", SecretText::new("hunter2")), "SecretText(…)");
        assert_eq!(format!("{:?}", SecretBytes::new(*b"hunter2")), "SecretBytes(…)");
    }

    #[test]
    fn secrets_compare_by_value() {
        assert!(SecretText::new("a").matches(&SecretText::new("a")));
        assert!(!SecretText::new("a").matches(&SecretText::new("b")));
    }

    #[test]
    fn a_value_of_another_type_is_not_repeated_in_the_error() {
        for json in ["1234567", "-1234567", "1234567.5", "true", "null", "[1234567]", "{\"a\":1}"] {
            let error = serde_json::from_str::<SecretText>(json).unwrap_err().to_string();
            assert!(!error.contains("1234567"), "{error}");
        }
        assert!(
            serde_json::from_str::<SecretText>("\"x\"").unwrap().matches(&SecretText::new("x"))
        );
    }
}
