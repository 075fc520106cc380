//! Named secret values in a body.
//!
//! JSON lets a body name a field twice and keeps the last; here that is refused,
//! since two readers of the same request could store different values.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::name::FieldName;
use crate::secret::SecretText;

/// The most fields of a secret.
pub const MOST_FIELDS: usize = 64;

/// Fields and their values. Prints its names only; serialises with the values.
#[derive(Clone, Default)]
pub struct FieldValues(BTreeMap<FieldName, SecretText>);

impl FieldValues {
    /// The fields by name.
    pub const fn new(fields: BTreeMap<FieldName, SecretText>) -> Self {
        Self(fields)
    }

    /// The value of one field.
    pub fn find(&self, name: &FieldName) -> Option<&SecretText> {
        self.0.get(name)
    }

    /// The only field, if there is exactly one.
    pub fn only(&self) -> Option<(&FieldName, &SecretText)> {
        if self.0.len() == 1 { self.0.first_key_value() } else { None }
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &SecretText)> {
        self.0.iter()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &FieldName> {
        self.0.keys()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The map of them.
    pub fn into_inner(self) -> BTreeMap<FieldName, SecretText> {
        self.0
    }
}

impl fmt::Debug for FieldValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(FieldName::as_str)).finish()
    }
}

impl FromIterator<(FieldName, SecretText)> for FieldValues {
    fn from_iter<I: IntoIterator<Item = (FieldName, SecretText)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Serialize for FieldValues {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            // EXPOSE: the values are the payload of the body, which is never logged.
            map.serialize_entry(name, value.expose())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FieldValues {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Not `deserialize_map`: its error repeats the value that stands there instead.
        from.deserialize_any(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = FieldValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of field names and texts")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<FieldValues, E> {
        Err(E::invalid_type(Unexpected::Other("something else"), &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<FieldValues, E> {
        self.visit_bool(false)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<FieldValues, E> {
        self.visit_bool(false)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<FieldValues, E> {
        self.visit_bool(false)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<FieldValues, E> {
        self.visit_bool(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<FieldValues, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = from.next_key::<FieldName>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the field `{name}` is there twice")));
            }
            if fields.len() == MOST_FIELDS {
                return Err(A::Error::custom(format_args!("more than {MOST_FIELDS} fields")));
            }
            fields.insert(name, from.next_value()?);
        }
        Ok(FieldValues(fields))
    }
}

impl JsonSchema for FieldValues {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FieldValues".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": MOST_FIELDS,
            "additionalProperties": generator.subschema_for::<SecretText>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<FieldValues, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn values_travel_but_do_not_print() {
        let fields = read(r#"{"user":"app","password":"hunter2"}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&fields).unwrap(),
            r#"{"password":"hunter2","user":"app"}"#
        );
        assert_eq!(format!("{fields:?}"), r#"{"password", "user"}"#);
        assert!(fields.only().is_none());
        assert!(read(r#"{"value":"x"}"#).unwrap().only().is_some());
    }

    #[test]
    fn a_field_named_twice_is_refused() {
        assert!(read(r#"{"a":"1","a":"2"}"#).unwrap_err().contains("there twice"));
        assert!(read(r#"{"a":"1","\u0061":"2"}"#).unwrap_err().contains("there twice"));
    }

    #[test]
    fn fields_are_bounded_and_named_by_rule() {
        let many = |count: usize| {
            let fields: Vec<String> = (0..count).map(|at| format!("\"f{at}\":\"\"")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert_eq!(read(&many(MOST_FIELDS)).unwrap().len(), MOST_FIELDS);
        assert!(read(&many(MOST_FIELDS + 1)).unwrap_err().contains("more than 64"));
        assert!(read(r#"{"a/b":"x"}"#).is_err());
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated() {
        for json in [r#""hunter2""#, r#"{"pin":7777777}"#, r#"{"a":["hunter2"]}"#, "7777777"] {
            let error = read(json).unwrap_err();
            assert!(!error.contains("hunter2") && !error.contains("7777777"), "{error}");
        }
    }
}
