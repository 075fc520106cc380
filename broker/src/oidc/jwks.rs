//! A JSON Web Key Set, read so that one bad key costs only itself.
//!
//! The document is bounded before it comes here (`fetch`); here its keys are counted,
//! judged one by one, and those whose id is not their own are left out. A set without
//! one good key is an error, so that an issuer's mistake never replaces keys that work.

use std::collections::HashMap;

use segura_model::Algorithm;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::key::{KeyError, VerificationKey};
use super::object;

/// The most keys a set may hold.
pub const MAX_KEYS: usize = 64;

/// The good keys of an issuer, and why the others are not.
pub struct KeySet {
    keys: Vec<VerificationKey>,
    left_out: Vec<KeyError>,
}

/// How a token names its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyIdRule {
    /// The platform always names its key: a token that does not is refused.
    Required,
    /// A set of one key, or of keys without ids, may be used without.
    WhereNeeded,
}

/// Why a document is no key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not `{"keys": […]}`.
    #[error("the key set is not a JSON object with a member `keys`")]
    Malformed,
    /// Not one key in it can be used.
    #[error("the key set has no usable key{}", first(.0))]
    NoUsableKey(Vec<KeyError>),
    /// More than [`MAX_KEYS`].
    #[error("the key set has {0} keys; at most {MAX_KEYS} are read")]
    TooMany(usize),
}

/// Why no key of the set can check a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The token does not name its key and must.
    IdMissing,
    /// No key has this id and algorithm.
    Unknown,
}

impl KeySet {
    /// Read a document.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let raw: RawKeySet<'_> = object(document).map_err(|_| KeySetError::Malformed)?;
        if raw.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(raw.keys.len()));
        }
        let mut left_out = Vec::new();
        let mut keys = Vec::with_capacity(raw.keys.len());
        for json in raw.keys {
            match VerificationKey::parse(json.get()) {
                Ok(key) => keys.push(key),
                Err(error) => left_out.push(error),
            }
        }
        leave_out_duplicates(&mut keys, &mut left_out);
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey(left_out));
        }
        Ok(Self { keys, left_out })
    }

    /// Why keys of the document were left out.
    pub fn left_out(&self) -> &[KeyError] {
        &self.left_out
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key; never so for a set that was parsed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys to try for a token.
    pub(super) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        rule: KeyIdRule,
    ) -> Result<Vec<&VerificationKey>, NoKey> {
        let fits = |key: &&VerificationKey| key.algorithm == algorithm;
        let found: Vec<_> = match kid {
            Some(kid) => self
                .keys
                .iter()
                .filter(|key| key.kid.as_deref() == Some(kid))
                .filter(fits)
                .collect(),
            None if rule == KeyIdRule::Required => return Err(NoKey::IdMissing),
            None if self.keys.len() == 1 => self.keys.iter().filter(fits).collect(),
            None if self.keys.iter().all(|key| key.kid.is_some()) => return Err(NoKey::IdMissing),
            None => self
                .keys
                .iter()
                .filter(|key| key.kid.is_none())
                .filter(fits)
                .take(MAX_TRIES)
                .collect(),
        };
        if found.is_empty() { Err(NoKey::Unknown) } else { Ok(found) }
    }
}

fn leave_out_duplicates(keys: &mut Vec<VerificationKey>, left_out: &mut Vec<KeyError>) {
    let mut uses = HashMap::new();
    for kid in keys.iter().filter_map(|key| key.kid.clone()) {
        *uses.entry(kid).or_insert(0_usize) += 1;
    }
    let before = keys.len();
    keys.retain(|key| key.kid.as_ref().is_none_or(|kid| uses[kid] == 1));
    left_out.extend(std::iter::repeat_n(KeyError::DuplicateId, before - keys.len()));
}

fn first(left_out: &[KeyError]) -> String {
    left_out.first().map(|error| format!(": {error}")).unwrap_or_default()
}

#[derive(Deserialize)]
struct RawKeySet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// How many keys without an id are tried for a token without one.
const MAX_TRIES: usize = 4;
