//! What a secret's version holds: named values.
//!
//! Holding [`Fields`] proves the limits: 1 to 64 fields, 1 MiB together. Encoded as
//! `form (1) ‖ count (1) ‖ (name length (1) ‖ name ‖ value length (4) ‖ value)*`, in
//! the order of the names.

use std::collections::BTreeMap;
use std::fmt;

use segura_model::{Class, Classify, FieldName, SecretBytes, SecretText};
use zeroize::Zeroizing;

use crate::codec::{Reader, put_long, put_short};

/// The most fields that a version has.
pub const MAX_FIELDS: usize = 64;
/// The most that names and values of a version weigh together, in bytes.
pub const MAX_FIELDS_BYTES: usize = 1024 * 1024;
const FORM: u8 = 1;

/// The named values of one version of a secret. Prints its names only.
#[derive(Clone)]
pub struct Fields(BTreeMap<FieldName, SecretText>);

impl Fields {
    /// These fields, if they are within the limits.
    pub fn new(fields: BTreeMap<FieldName, SecretText>) -> Result<Self, FieldsError> {
        if fields.is_empty() {
            return Err(FieldsError::None);
        }
        if fields.len() > MAX_FIELDS {
            return Err(FieldsError::TooMany(fields.len()));
        }
        let weight = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if weight > MAX_FIELDS_BYTES {
            return Err(FieldsError::TooLarge(weight));
        }
        Ok(Self(fields))
    }

    /// The value of a field.
    pub fn find(&self, name: &FieldName) -> Option<&SecretText> {
        self.0.get(name)
    }

    /// The only field, if there is just one.
    pub fn only(&self) -> Option<(&FieldName, &SecretText)> {
        self.0.iter().next().filter(|_| self.0.len() == 1)
    }

    /// The names, in order. Names are not secret.
    pub fn names(&self) -> impl Iterator<Item = &FieldName> {
        self.0.keys()
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &SecretText)> {
        self.0.iter()
    }

    /// The map itself.
    pub fn into_map(self) -> BTreeMap<FieldName, SecretText> {
        self.0
    }

    /// The bytes that are sealed.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let weight: usize =
            self.iter().map(|(name, value)| 5 + name.as_str().len() + value.len()).sum();
        // Of its final size from the start: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 + weight));
        bytes.push(FORM);
        bytes.push(u8::try_from(self.0.len()).expect("there are at most 64 fields"));
        for (name, value) in self.iter() {
            put_short(&mut bytes, name.as_str().as_bytes());
            // EXPOSE: into the buffer that is sealed, and wiped after.
            put_long(&mut bytes, value.expose().as_bytes());
        }
        bytes
    }

    /// The fields that these opened bytes hold.
    pub(crate) fn decode(opened: &SecretBytes) -> Option<Self> {
        // EXPOSE: each value moves into its own box.
        let mut reader = Reader::new(opened.expose());
        let [form, count] = reader.array()?;
        let fields = (0..count).map(|_| decode_field(&mut reader)).collect::<Option<_>>()?;
        let fields = reader.finish((form == FORM).then(|| Self::new(fields)))?;
        fields?.ok().filter(|fields| fields.0.len() == usize::from(count))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(FieldName::as_str)).finish()
    }
}

/// The fields break a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// A version must hold something.
    #[error("a secret has at least one field")]
    None,
    /// Too heavy.
    #[error("the fields weigh {0} bytes: a version holds at most {MAX_FIELDS_BYTES}")]
    TooLarge(usize),
    /// Too many.
    #[error("there are {0} fields: a version holds at most {MAX_FIELDS}")]
    TooMany(usize),
}

impl Classify for FieldsError {
    fn class(&self) -> Class {
        match self {
            Self::None => Class::bad_request("fields-none"),
            Self::TooLarge(_) => Class::too_large("fields-too-large"),
            Self::TooMany(_) => Class::too_large("fields-too-many"),
        }
    }
}

fn decode_field(reader: &mut Reader<'_>) -> Option<(FieldName, SecretText)> {
    let name = reader.short_parsed()?;
    let value = std::str::from_utf8(reader.long()?).ok()?;
    Some((name, SecretText::new(value)))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    /// Fields from literals.
    pub(crate) fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), SecretText::new(*value)));
        Fields::new(pairs.collect()).unwrap()
    }

    /// Names and values in the clear, to compare.
    pub(crate) fn exposed(fields: &Fields) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| (name.to_string(), value.expose().to_owned())).collect()
    }

    fn numbered(count: usize, value: &str) -> BTreeMap<FieldName, SecretText> {
        (0..count).map(|n| (format!("f{n}").parse().unwrap(), SecretText::new(value))).collect()
    }

    #[test]
    fn the_limits_hold() {
        assert_eq!(Fields::new(numbered(0, "")).unwrap_err(), FieldsError::None);
        assert!(Fields::new(numbered(64, "")).is_ok());
        assert_eq!(Fields::new(numbered(65, "")).unwrap_err(), FieldsError::TooMany(65));
        assert!(Fields::new(numbered(1, &"x".repeat(MAX_FIELDS_BYTES - 2))).is_ok());
        let error = Fields::new(numbered(1, &"x".repeat(MAX_FIELDS_BYTES - 1))).unwrap_err();
        assert_eq!(error, FieldsError::TooLarge(MAX_FIELDS_BYTES + 1));
    }

    #[test]
    fn the_only_field_is_there_when_there_is_one() {
        assert_eq!(fields(&[("a", "1")]).only().unwrap().0.as_str(), "a");
        assert!(fields(&[("a", "1"), ("b", "2")]).only().is_none());
    }

    #[test]
    fn printing_shows_names_only() {
        assert_eq!(
            format!("{:?}", fields(&[("user", "canary"), ("pass", "canary")])),
            r#"{"pass", "user"}"#
        );
    }

    #[test]
    fn bytes_that_are_not_fields_are_none() {
        let good = fields(&[("a", "1"), ("b", "22")]).encode();
        for end in 0..good.len() {
            assert!(Fields::decode(&SecretBytes::new(&good[..end])).is_none(), "cut at {end}");
        }
        let changed = |at: usize, to: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = to;
            Fields::decode(&SecretBytes::new(bytes))
        };
        assert!(changed(0, 2).is_none(), "another form");
        assert!(changed(1, 1).is_none(), "bytes left over");
        assert!(changed(1, 3).is_none(), "a field too few");
        assert!(changed(3, b'/').is_none(), "not a name");
        assert!(changed(8, 0xFF).is_none(), "not UTF-8");
        assert!(changed(10, b'a').is_none(), "the same name twice");
        assert!(Fields::decode(&SecretBytes::new([FORM, 0])).is_none(), "nothing");
    }

    proptest! {
        #[test]
        fn fields_read_back(map in btree_map("[A-Za-z0-9._-]{1,64}", "\\PC{0,200}|(?s).{0,40}", 1..=64)) {
            let pairs: Vec<(&str, &str)> = map.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let fields = fields(&pairs);
            let read = Fields::decode(&SecretBytes::new(fields.encode().to_vec())).unwrap();
            prop_assert_eq!(exposed(&read), exposed(&fields));
        }
    }
}
