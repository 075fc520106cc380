//! What a policy file may say about one claim.
//!
//! A plain value is compared exactly; `in`, `glob` and `not` are keys of a mapping. Read
//! by hand and not as an untagged enum, so that a wrong key or type is named in the
//! error instead of "did not match any variant". Types are kept as written: `12` and
//! `"12"` differ, as they do in a token.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most values in one list.
const MAX_VALUES: usize = 256;

/// One value as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`, unquoted.
    Bool(bool),
    /// A whole number, unquoted.
    Integer(i64),
    /// Anything else.
    Text(String),
}

/// The test of one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTest {
    /// The claim is exactly this value.
    Exactly(Scalar),
    /// The keys of a mapping.
    Keys {
        /// `in`: the claim is one of these. Excludes `glob`.
        any_of: Vec<Scalar>,
        /// `glob`: the claim fits one of these patterns.
        globs: Vec<String>,
        /// `not`: the claim is there, and none of these.
        none_of: Vec<Scalar>,
    },
}

/// The ids that an anchor claim may have: `"1"` or `{ in: ["1", "2"] }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorTest(pub Vec<Scalar>);

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Text(value) => write!(f, "\"{value}\""),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a whole number, true or false (quote anything else)")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
        let fits = i64::try_from(value).map(Scalar::Integer);
        fits.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::from(value))
    }
}

/// One value or a list of them, never none.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value or a list of 1 to {MAX_VALUES} values")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        one(de::value::BoolDeserializer::new(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        one(de::value::I64Deserializer::new(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        one(de::value::U64Deserializer::new(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        one(de::value::StrDeserializer::new(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
            if values.len() > MAX_VALUES {
                return Err(de::Error::invalid_length(values.len(), &self));
            }
        }
        if values.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(OneOrMany(values))
    }
}

fn one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<OneOrMany<T>, D::Error> {
    T::deserialize(value).map(|value| OneOrMany(vec![value]))
}

impl<'de> Deserialize<'de> for ClaimTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimTestVisitor)
    }
}

struct ClaimTestVisitor;

impl<'de> Visitor<'de> for ClaimTestVisitor {
    type Value = ClaimTest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "text, a whole number, true or false, or a mapping with `in`, `glob` or `not` \
             (several values: `{ in: [a, b] }`; quote other numbers)",
        )
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ClaimTest, E> {
        Ok(ClaimTest::Exactly(Scalar::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ClaimTest, E> {
        Ok(ClaimTest::Exactly(Scalar::Integer(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ClaimTest, E> {
        ScalarVisitor.visit_u64(value).map(ClaimTest::Exactly)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<ClaimTest, E> {
        Ok(ClaimTest::Exactly(Scalar::from(value)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<ClaimTest, E> {
        Err(E::custom("nothing is there: write a value to compare with, or take the claim out"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClaimTest, A::Error> {
        let (mut any_of, mut globs, mut none_of) = (None, None, None);
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match key.as_ref() {
                "glob" => put(&mut globs, "glob", map.next_value::<OneOrMany<String>>()?)?,
                "in" => put(&mut any_of, "in", map.next_value::<OneOrMany<Scalar>>()?)?,
                "not" => put(&mut none_of, "not", map.next_value::<OneOrMany<Scalar>>()?)?,
                other => return Err(de::Error::unknown_field(other, &["glob", "in", "not"])),
            }
        }
        match (any_of, globs, none_of) {
            (None, None, None) => Err(de::Error::custom("a claim test is empty: write a value")),
            (Some(_), Some(_), _) => {
                Err(de::Error::custom("a claim test has `in` or `glob`, not both"))
            }
            (any_of, globs, none_of) => Ok(ClaimTest::Keys {
                any_of: any_of.unwrap_or_default(),
                globs: globs.unwrap_or_default(),
                none_of: none_of.unwrap_or_default(),
            }),
        }
    }
}

fn put<T, E: de::Error>(
    slot: &mut Option<Vec<T>>,
    key: &'static str,
    values: OneOrMany<T>,
) -> Result<(), E> {
    match slot.replace(values.0) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(key)),
    }
}

impl Serialize for ClaimTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (any_of, globs, none_of) = match self {
            Self::Exactly(value) => return value.serialize(serializer),
            Self::Keys { any_of, globs, none_of } => (any_of, globs, none_of),
        };
        let mut map = serializer.serialize_map(None)?;
        if !any_of.is_empty() {
            map.serialize_entry("in", any_of)?;
        }
        if !globs.is_empty() {
            map.serialize_entry("glob", globs)?;
        }
        if !none_of.is_empty() {
            map.serialize_entry("not", none_of)?;
        }
        map.end()
    }
}

impl JsonSchema for ClaimTest {
    fn schema_name() -> Cow<'static, str> {
        "ClaimTest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let scalar = serde_json::json!({ "type": ["string", "integer", "boolean"] });
        let scalars = list_of(&scalar);
        let globs = list_of(&serde_json::json!({ "type": "string", "pattern": "\\*" }));
        json_schema!({
            "description": "A plain value is compared exactly. A claim that is absent fails \
                            every test, `not` too.",
            "anyOf": [
                scalar,
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": false,
                    "not": { "required": ["in", "glob"] },
                    "properties": {
                        "in": { "description": "The claim is one of these.", "anyOf": scalars },
                        "glob": {
                            "description": "The claim fits one of these: `*` stays inside one \
                                            segment, `**` crosses.",
                            "anyOf": globs,
                        },
                        "not": {
                            "description": "The claim is there, and none of these.",
                            "anyOf": scalars,
                        },
                    },
                },
            ],
            "examples": [
                "acme/payments",
                { "in": ["prod", "staging"] },
                { "glob": "refs/heads/release/*" },
                { "not": ["dependabot[bot]"] },
            ],
        })
    }
}

fn list_of(item: &serde_json::Value) -> serde_json::Value {
    let list = serde_json::json!({
        "type": "array", "items": item, "minItems": 1, "maxItems": MAX_VALUES,
    });
    serde_json::json!([item, list])
}

impl<'de> Deserialize<'de> for AnchorTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ClaimTest::deserialize(deserializer)? {
            ClaimTest::Exactly(value) => Ok(Self(vec![value])),
            ClaimTest::Keys { any_of, globs, none_of }
                if globs.is_empty() && none_of.is_empty() =>
            {
                Ok(Self(any_of))
            }
            ClaimTest::Keys { .. } => Err(de::Error::custom(
                "an anchor takes exact ids only: a value or `{ in: [a, b] }`, never `glob` or \
                 `not`",
            )),
        }
    }
}

impl Serialize for AnchorTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => BTreeMap::from([("in", many)]).serialize(serializer),
        }
    }
}

impl JsonSchema for AnchorTest {
    fn schema_name() -> Cow<'static, str> {
        "AnchorTest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let id = serde_json::json!({ "type": ["string", "integer"] });
        json_schema!({
            "description": "An immutable id, exact. Write ids in quotes.",
            "anyOf": [id, {
                "type": "object",
                "required": ["in"],
                "additionalProperties": false,
                "properties": { "in": { "anyOf": list_of(&id) } },
            }],
            "examples": ["456789", { "in": ["456789", "456790"] }],
        })
    }
}
