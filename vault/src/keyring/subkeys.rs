//! One subkey per purpose and generation.
//!
//! HKDF-SHA256 (RFC 5869): the salt is the broker id, the input is the root key, the
//! info is a tag, the purpose and the generation. A label is part of every format
//! that hangs on it and is never reworded. The blobs sealed here say which generation
//! sealed them, so that opening never means trying keys.

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use segura_model::{BrokerId, Random, SecretBytes};

use super::{Keyring, Root};
use crate::aead::{AeadKey, RawKey};
use crate::codec::{Context, Reader};

const FORMAT: u8 = 1;

/// A purpose whose subkey seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealing {
    /// The private keys of the certificate authority and of its leaf.
    Authority,
    /// Session tokens.
    SessionToken,
    /// The keys that wrap data keys.
    WrappingKey,
}

impl Sealing {
    const fn label(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::SessionToken => "session token",
            Self::WrappingKey => "wrapping key",
        }
    }
}

/// A purpose whose subkey is the key of a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// The heads of the ledger's chains.
    LedgerHead,
    /// Operator tokens at rest.
    OperatorToken,
    /// The rows that decide trust.
    TrustRow,
}

impl Hashing {
    const fn label(self) -> &'static str {
        match self {
            Self::LedgerHead => "ledger head",
            Self::OperatorToken => "operator token",
            Self::TrustRow => "trust row",
        }
    }
}

impl Keyring {
    /// The keys that seal for one purpose.
    pub(crate) fn sealing(&self, purpose: Sealing) -> PurposeKeys {
        let held = ArcSwap::from_pointee(Held::of(self, purpose, self.generation()));
        PurposeKeys { purpose, broker: self.broker(), held }
    }

    /// The key of the keyed hash for one purpose.
    pub(crate) fn hashing(&self, purpose: Hashing) -> HashKey {
        let key = subkey(self.broker(), self.oldest(), purpose.label());
        HashKey(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }
}

fn subkey(broker: BrokerId, root: &Root, label: &'static str) -> RawKey {
    let prk = Salt::new(HKDF_SHA256, &broker.to_bytes()).extract(root.key.expose());
    let info =
        Context::new("segura subkey 1").part(label.as_bytes()).number(u64::from(root.generation));
    RawKey::derive(|key| {
        prk.expand(&[info.bytes()], HKDF_SHA256)
            .and_then(|okm| okm.fill(key))
            .expect("HKDF-SHA256 gives 32 bytes");
    })
}

/// What sealed for a purpose does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsealed {
    /// Sealed elsewhere, for something else, or damaged.
    #[error("it was not sealed under this keyring for this use, or it is damaged")]
    Damaged,
    /// Sealed under a root key that this keyring lacks.
    #[error("it was sealed under generation {0} of the root key, which this keyring does not hold")]
    Generation(u32),
    /// Not in a form that this version knows.
    #[error("it is not in a form that this version reads")]
    Malformed,
}

/// AES-256-GCM-SIV under the subkeys of one purpose.
///
/// A blob is `format (1) ‖ generation (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. What
/// is authenticated along: the purpose, the broker id, format and generation, and the
/// parts that say what the blob is of.
pub(crate) struct PurposeKeys {
    purpose: Sealing,
    broker: BrokerId,
    held: ArcSwap<Held>,
}

/// The keys of one purpose, as of one look at the keyring.
struct Held {
    /// By generation, oldest first; never empty.
    keys: Vec<(u32, AeadKey)>,
    /// The generation that seals: one of them.
    sealing: u32,
}

impl Held {
    fn of(keyring: &Keyring, purpose: Sealing, sealing: u32) -> Self {
        let key = |root| AeadKey::gcm_siv(&subkey(keyring.broker(), root, purpose.label()));
        let keys: Vec<_> = keyring.roots.iter().map(|root| (root.generation, key(root))).collect();
        let newest = keyring.generation();
        let is_held = keys.iter().any(|(generation, _)| *generation == sealing);
        Self { keys, sealing: if is_held { sealing } else { newest } }
    }

    fn find(&self, generation: u32) -> Option<&AeadKey> {
        self.keys.iter().find(|(held, _)| *held == generation).map(|(_, key)| key)
    }
}

impl PurposeKeys {
    /// Take the keys of a keyring that was rolled; all of them open, and the generation
    /// that is named seals.
    pub(crate) fn adopt(&self, keyring: &Keyring, sealing: u32) {
        self.held.store(Arc::new(Held::of(keyring, self.purpose, sealing)));
    }

    /// Seal under the newest generation, or the one that is to seal until all nodes have
    /// the newest.
    pub(crate) fn seal(&self, of: &[&[u8]], plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        let held = self.held.load();
        let generation = held.sealing;
        let key = held.find(generation).expect("the generation that seals is held");
        let sealed = key.seal(self.context(generation, of).bytes(), plaintext, random);
        [&[FORMAT], &generation.to_be_bytes()[..], &sealed].concat()
    }

    /// Open what was sealed for the same purpose, of the same thing.
    pub(crate) fn open(&self, of: &[&[u8]], blob: &[u8]) -> Result<SecretBytes, Unsealed> {
        let mut reader = Reader::new(blob);
        let [format] = reader.array().ok_or(Unsealed::Malformed)?;
        if format != FORMAT {
            return Err(Unsealed::Malformed);
        }
        let generation = u32::from_be_bytes(reader.array().ok_or(Unsealed::Malformed)?);
        let held = self.held.load();
        let key = held.find(generation).ok_or(Unsealed::Generation(generation))?;
        key.open(self.context(generation, of).bytes(), reader.rest()).map_err(|_| Unsealed::Damaged)
    }

    fn context(&self, generation: u32, of: &[&[u8]]) -> Context {
        let context = Context::new("segura sealed 1")
            .part(self.purpose.label().as_bytes())
            .part(&self.broker.to_bytes())
            .number(u64::from(FORMAT))
            .number(u64::from(generation));
        of.iter().fold(context, |context, part| context.part(part))
    }
}

/// HMAC-SHA256 under the subkey of one purpose.
pub(crate) struct HashKey(hmac::Key);

impl HashKey {
    /// The keyed hash of these bytes.
    pub(crate) fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        hmac::sign(&self.0, bytes).as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use segura_model::Timestamp;

    use super::*;
    use crate::random::SystemRandom;

    const NOON: Timestamp = Timestamp(1_795_521_600);

    #[test]
    fn a_purpose_opens_only_its_own() {
        let keyring = Keyring::make(&SystemRandom, NOON);
        let blob = keyring.sealing(Sealing::Authority).seal(&[b"x"], b"key", &SystemRandom);
        let open = |purpose, of| keyring.sealing(purpose).open(of, &blob).map(|_| ());
        assert_eq!(open(Sealing::Authority, &[b"x"]), Ok(()));
        assert_eq!(open(Sealing::Authority, &[b"y"]), Err(Unsealed::Damaged));
        assert_eq!(open(Sealing::Authority, &[]), Err(Unsealed::Damaged));
        assert_eq!(open(Sealing::SessionToken, &[b"x"]), Err(Unsealed::Damaged));
        assert_eq!(open(Sealing::WrappingKey, &[b"x"]), Err(Unsealed::Damaged));
    }

    #[test]
    fn no_two_purposes_share_a_key() {
        let keyring = Keyring::make(&SystemRandom, NOON);
        let purposes = [Hashing::LedgerHead, Hashing::OperatorToken, Hashing::TrustRow];
        let hashes = purposes.map(|purpose| keyring.hashing(purpose).hash(b"same"));
        assert_eq!(std::collections::BTreeSet::from(hashes).len(), purposes.len());
    }

    #[test]
    fn an_older_generation_still_opens_and_the_newest_seals() {
        let mut keyring = Keyring::make(&SystemRandom, NOON);
        let old = keyring.sealing(Sealing::WrappingKey).seal(&[], b"old", &SystemRandom);
        let hash = keyring.hashing(Hashing::LedgerHead).hash(b"head");
        keyring.roll(&SystemRandom, NOON.plus(60)).unwrap();
        let keys = keyring.sealing(Sealing::WrappingKey);
        let new = keys.seal(&[], b"new", &SystemRandom);
        assert_eq!(keys.open(&[], &old).unwrap().expose(), b"old");
        assert_eq!(keys.open(&[], &new).unwrap().expose(), b"new");
        assert_eq!((old[4], new[4]), (1, 2));
        assert_eq!(keyring.hashing(Hashing::LedgerHead).hash(b"head"), hash);

        // A blob does not open under a generation that did not seal it.
        let mut moved = old;
        moved[4] = 2;
        assert_eq!(keys.open(&[], &moved).unwrap_err(), Unsealed::Damaged);
        moved[4] = 3;
        assert_eq!(keys.open(&[], &moved).unwrap_err(), Unsealed::Generation(3));
        moved[0] = 2;
        assert_eq!(keys.open(&[], &moved).unwrap_err(), Unsealed::Malformed);
    }

    #[test]
    fn a_roll_that_is_adopted_opens_at_once_and_seals_when_it_is_told_to() {
        let mut keyring = Keyring::make(&SystemRandom, NOON);
        let keys = keyring.sealing(Sealing::SessionToken);
        keyring.roll(&SystemRandom, NOON.plus(60)).unwrap();
        let elsewhere = keyring.sealing(Sealing::SessionToken).seal(&[], b"new", &SystemRandom);
        assert_eq!(keys.open(&[], &elsewhere).unwrap_err(), Unsealed::Generation(2));
        keys.adopt(&keyring, 1);
        assert_eq!(keys.open(&[], &elsewhere).unwrap().expose(), b"new");
        assert_eq!(keys.seal(&[], b"x", &SystemRandom)[4], 1);
        keys.adopt(&keyring, 2);
        assert_eq!(keys.seal(&[], b"x", &SystemRandom)[4], 2);
    }
}
