//! The strict reader behind [`Claims`].
//!
//! One counter goes through the whole document, so that a wide object and a deep
//! one are stopped by the same bound before memory is spent on them. It walks
//! serde's visitor, not `serde_json::Value`, which drops duplicate members.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{ClaimValue, Claims, ClaimsError, MOST_BYTES, MOST_DEPTH, MOST_MEMBERS};
use crate::name::Shown;

pub(super) fn claims(json: &[u8]) -> Result<Claims, ClaimsError> {
    if json.len() > MOST_BYTES {
        return Err(ClaimsError::TooLarge(json.len()));
    }
    serde_json::from_slice(json).map_err(|error| ClaimsError::Malformed(error.to_string()))
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut members = 0;
        let seed = Node { depth: 1, members: &mut members };
        match seed.deserialize(from)? {
            ClaimValue::Object(members) => Ok(Self(members)),
            other => {
                Err(D::Error::custom(format_args!("expected an object, not {}", other.kind())))
            }
        }
    }
}

/// Reads one value at `depth`, counting into `members`.
struct Node<'a> {
    depth: usize,
    members: &'a mut usize,
}

impl Node<'_> {
    fn enter<E: Error>(&self) -> Result<(), E> {
        if self.depth > MOST_DEPTH {
            return Err(E::custom(format_args!("it nests deeper than {MOST_DEPTH}")));
        }
        Ok(())
    }

    fn count<E: Error>(&mut self) -> Result<Node<'_>, E> {
        *self.members += 1;
        if *self.members > MOST_MEMBERS {
            return Err(E::custom(format_args!("it has more than {MOST_MEMBERS} members")));
        }
        Ok(Node { depth: self.depth + 1, members: self.members })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ClaimValue;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<ClaimValue, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ClaimValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ClaimValue, E> {
        Ok(i64::try_from(value)
            .map_or_else(|_| ClaimValue::Number(value.to_string()), ClaimValue::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ClaimValue, E> {
        check_text(text)?;
        Ok(ClaimValue::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Null)
    }

    fn visit_none<E: Error>(self) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut from: A) -> Result<ClaimValue, A::Error> {
        self.enter()?;
        let mut values = Vec::new();
        while let Some(value) =
            from.next_element_seed(Node { depth: self.depth + 1, members: &mut *self.members })?
        {
            let _ = self.count::<A::Error>()?;
            values.push(value);
        }
        Ok(ClaimValue::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut from: A) -> Result<ClaimValue, A::Error> {
        self.enter()?;
        let mut members = BTreeMap::new();
        while let Some(name) = from.next_key::<String>()? {
            check_name(&name)?;
            let value = from.next_value_seed(self.count()?)?;
            match members.entry(name) {
                Entry::Occupied(twin) => {
                    let name = Shown(twin.key()).to_string();
                    return Err(A::Error::custom(format_args!("`{name}` is there twice")));
                }
                Entry::Vacant(place) => place.insert(value),
            };
        }
        Ok(ClaimValue::Object(members))
    }
}

fn check_name<E: Error>(name: &str) -> Result<(), E> {
    if name.chars().any(char::is_control) {
        return Err(E::custom(format_args!("the name `{}` has control characters", Shown(name))));
    }
    Ok(())
}

/// Line breaks and tabs occur in what people name things; the rest would only ever
/// drive a terminal or trouble a database.
fn check_text<E: Error>(text: &str) -> Result<(), E> {
    if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
        return Err(E::custom(format_args!("the text `{}` has control characters", Shown(text))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(json: &str) -> String {
        Claims::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn only_an_object_holds_claims() {
        for json in
            ["[]", "1", "\"x\"", "null", "true", "", "{", "{}x", "{}{}", "{'a':1}", "{\"a\":1,}"]
        {
            refused(json);
        }
        assert!(Claims::parse(b" {} ").is_ok());
        assert!(Claims::parse(b"\xef\xbb\xbf{}").is_err(), "a byte order mark is not JSON");
        assert!(Claims::parse(b"{\"a\":\"\xff\"}").is_err(), "text is UTF-8");
    }

    #[test]
    fn a_member_named_twice_is_refused_at_every_depth() {
        for json in [
            r#"{"sub":"a","sub":"a"}"#,
            r#"{"sub":"a","\u0073ub":"b"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":null,"a":null}"#,
        ] {
            assert!(refused(json).contains("is there twice"), "{json}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(Claims::parse(nested(MOST_DEPTH - 1).as_bytes()).is_ok());
        assert!(refused(&nested(MOST_DEPTH)).contains("nests deeper"));
        assert!(refused(&nested(30_000)).contains("nests deeper"));
        let objects = format!("{}1{}", "{\"a\":".repeat(9), "}".repeat(9));
        assert!(refused(&objects).contains("nests deeper"));
    }

    #[test]
    fn members_are_counted_over_all_depths() {
        let list = |count: usize| format!("{{\"a\":[{}]}}", vec!["1"; count].join(","));
        assert!(Claims::parse(list(MOST_MEMBERS - 1).as_bytes()).is_ok());
        assert!(refused(&list(MOST_MEMBERS)).contains("more than 512 members"));
        let wide: Vec<String> = (0..=MOST_MEMBERS).map(|at| format!("\"m{at}\":1")).collect();
        assert!(refused(&format!("{{{}}}", wide.join(","))).contains("more than 512 members"));
    }

    #[test]
    fn bytes_are_bounded() {
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MOST_BYTES));
        assert!(refused(&large).contains("at most 65536"));
    }

    #[test]
    fn numbers_are_integers_or_nothing_that_matches() {
        let claims = Claims::parse(
            br#"{"a":1,"b":-9223372036854775808,"c":9223372036854775808,"d":1.0,"e":1e3}"#,
        )
        .unwrap();
        assert_eq!(claims.integer("a"), Some(1));
        assert_eq!(claims.integer("b"), Some(i64::MIN));
        for name in ["c", "d", "e"] {
            assert!(matches!(claims.get(name), Some(ClaimValue::Number(_))), "{name}");
        }
        refused(r#"{"a":1e999}"#);
        refused(r#"{"a":NaN}"#);
        refused(r#"{"a":01}"#);
    }

    #[test]
    fn control_characters_are_refused() {
        assert!(refused("{\"a\":\"\\u0000\"}").contains("control characters"));
        assert!(refused("{\"a\":\"\\u001b[2J\"}").contains("control characters"));
        assert!(refused("{\"a\\n\":1}").contains("control characters"));
        assert!(Claims::parse(b"{\"workflow\":\"Deploy\\n\"}").is_ok());
        refused("{\"a\":\"\\ud800\"}");
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Claims::parse(&bytes);
        }

        #[test]
        fn no_text_panics(text in r#"[{}\[\]:,"a1\\u0-]{0,200}"#) {
            let _ = Claims::parse(text.as_bytes());
        }
    }
}
