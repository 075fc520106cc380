//! Wrapping keys: each wraps the data keys of many versions, and is counted.
//!
//! A wrapping key is random, sealed under the keyring, and one row in the store. Its
//! nonces are random, so AES-256-GCM bounds how often it may seal: the row counts, in
//! the transaction that stores what was sealed, and at [`SEAL_BOUND`] the next key
//! takes over. 2^28 seals with random 96-bit nonces leave a chance of 2^-41 that any
//! two were equal; NIST SP 800-38D, section 8.3, allows 2^32.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use segura_model::Random;

use crate::aead::{AeadKey, RawKey};
use crate::keyring::{Keyring, PurposeKeys, Sealing, Unsealed};

/// How many data keys one wrapping key wraps.
pub const SEAL_BOUND: i64 = 1 << 28;
const _: () = assert!(SEAL_BOUND * 16 <= 1 << 32, "far below what the standard allows");

/// The number of a wrapping key: 1, 2, 3 … Its decimal text is the id of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KekId(pub u32);

impl KekId {
    /// The number that this id of a row is.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self).filter(|id| id.to_string() == text)
    }

    /// The number of the key after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A wrapping key in memory. Clones share it.
#[derive(Clone)]
pub struct Kek(Arc<Opened>);

struct Opened {
    id: KekId,
    key: AeadKey,
}

impl Kek {
    /// The wrapping key with these bytes.
    pub(crate) fn new(id: KekId, key: &RawKey) -> Self {
        Self(Arc::new(Opened { id, key: AeadKey::gcm(key) }))
    }

    /// Its number, which what it wraps is bound to.
    pub fn id(&self) -> KekId {
        self.0.id
    }

    /// The key itself.
    pub(crate) fn key(&self) -> &AeadKey {
        &self.0.key
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kek({})", self.0.id)
    }
}

/// Makes and opens wrapping keys, and keeps the ones that are stored.
pub(crate) struct WrappingKeys {
    seal: PurposeKeys,
    kept: RwLock<BTreeMap<KekId, Kek>>,
}

impl WrappingKeys {
    /// None kept yet.
    pub(crate) fn new(keyring: &Keyring) -> Self {
        Self { seal: keyring.sealing(Sealing::WrappingKey), kept: RwLock::default() }
    }

    /// Take the keys of a keyring that was rolled; `sealing` is the generation that seals.
    pub(crate) fn adopt(&self, keyring: &Keyring, sealing: u32) {
        self.seal.adopt(keyring, sealing);
    }

    /// A fresh wrapping key, sealed to be stored.
    pub(crate) fn make(&self, id: KekId, random: &dyn Random) -> Vec<u8> {
        let key = RawKey::make(random);
        self.seal.seal(&[&id.0.to_be_bytes()], key.expose(), random)
    }

    /// Open a sealed wrapping key.
    pub(crate) fn open(&self, id: KekId, sealed: &[u8]) -> Result<Kek, Unsealed> {
        let opened = self.seal.open(&[&id.0.to_be_bytes()], sealed)?;
        // EXPOSE: the key moves into the cipher.
        let key = RawKey::from_slice(opened.expose()).ok_or(Unsealed::Malformed)?;
        Ok(Kek::new(id, &key))
    }

    /// Keep a wrapping key. Only one whose row is committed: a key that a rolled-back
    /// transaction made would take the place of the stored one.
    pub(crate) fn keep(&self, kek: Kek) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).insert(kek.id(), kek);
    }

    /// A wrapping key that is kept.
    pub(crate) fn find(&self, id: KekId) -> Option<Kek> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use segura_model::Timestamp;

    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_wrapping_key_opens_under_its_number_and_keyring_only() {
        let keyring = Keyring::make(&SystemRandom, Timestamp(0));
        let keys = WrappingKeys::new(&keyring);
        let sealed = keys.make(KekId(7), &SystemRandom);
        assert_eq!(keys.open(KekId(8), &sealed).err(), Some(Unsealed::Damaged));
        let other = WrappingKeys::new(&Keyring::make(&SystemRandom, Timestamp(0)));
        assert_eq!(other.open(KekId(7), &sealed).err(), Some(Unsealed::Damaged));
        let kek = keys.open(KekId(7), &sealed).unwrap();
        assert_eq!(kek.id(), KekId(7));
        assert!(keys.find(KekId(7)).is_none(), "opening does not keep");
        keys.keep(kek);
        assert!(keys.find(KekId(7)).is_some());
    }

    #[test]
    fn a_number_reads_back_from_its_text_and_from_no_other() {
        assert_eq!(KekId::parse("12"), Some(KekId(12)));
        for text in ["", "01", "+1", "1 ", "-1", "4294967296", "x"] {
            assert_eq!(KekId::parse(text), None, "{text}");
        }
    }
}
