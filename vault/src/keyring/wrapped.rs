//! The keyring at rest: encrypted under its guard.
//!
//! One row in the database, so that a second node joins with the same guard. Layout,
//! all numbers big-endian:
//! `"SGKR" ‖ format (1) ‖ guard (1) ‖ [memory KiB (4) ‖ passes (4) ‖ lanes (4)] ‖ salt (16) ‖ sealed`,
//! the costs for a passphrase only. Everything before `sealed` is authenticated along.
//! Each wrap draws a new salt, so a guard's key seals once and its nonce cannot repeat.

use std::fmt;

use segura_model::random::make_bytes;
use segura_model::{BrokerId, Class, Classify, Random, SecretBytes, Timestamp};
use zeroize::Zeroizing;

use super::{Keyring, MAX_ROOTS, Root};
use crate::aead::{AeadKey, KEY_LEN, RawKey};
use crate::codec::Reader;
use crate::guard::{Guard, GuardKind, PassphraseCost, SALT_LEN};

const MAGIC: [u8; 4] = *b"SGKR";
const FORMAT: u8 = 1;
const KEY_FILE: u8 = 1;
const PASSPHRASE: u8 = 2;
/// Generation, moment, key.
const ROOT_LEN: usize = 4 + 8 + KEY_LEN;
const MAX_WRAPPED: usize = 16 * 1024;

/// A keyring encrypted under its guard: what is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKeyring(Vec<u8>);

impl WrappedKeyring {
    /// The bytes, as they were stored. Nothing is checked until it is opened.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which guard opens it.
    pub fn guard_kind(&self) -> Result<GuardKind, KeyringError> {
        Header::read(&mut Reader::new(&self.0)).map(|header| header.kind())
    }
}

impl fmt::Debug for WrappedKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKeyring({} bytes)", self.0.len())
    }
}

impl Keyring {
    /// Encrypt the keyring under a guard. Takes a second or so with a passphrase.
    pub fn wrap(&self, guard: &Guard, random: &dyn Random) -> WrappedKeyring {
        let header = Header {
            cost: match guard {
                Guard::KeyFile(_) => None,
                Guard::Passphrase(passphrase) => Some(passphrase.cost()),
            },
            salt: make_bytes(random),
        };
        let key = AeadKey::gcm(&header.key_of(guard).expect("the header is of this guard"));
        let mut bytes = header.write();
        let sealed = key.seal(&bytes, &self.encode(), random);
        bytes.extend_from_slice(&sealed);
        WrappedKeyring(bytes)
    }

    /// Decrypt a keyring with its guard.
    pub fn open(wrapped: &WrappedKeyring, guard: &Guard) -> Result<Self, KeyringError> {
        if wrapped.0.len() > MAX_WRAPPED {
            return Err(KeyringError::Malformed);
        }
        let mut reader = Reader::new(&wrapped.0);
        let header = Header::read(&mut reader)?;
        let needed = header.kind();
        let key = header
            .key_of(guard)
            .ok_or(KeyringError::OtherGuard { needed, presented: guard.kind() })?;
        let opened = AeadKey::gcm(&key)
            .open(&header.write(), reader.rest())
            .map_err(|_| KeyringError::WrongGuard(needed))?;
        Self::decode(&opened).ok_or(KeyringError::Malformed)
    }

    /// `broker id (16) ‖ count (1) ‖ (generation (4) ‖ made at (8) ‖ key (32))*`
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(17 + self.roots.len() * ROOT_LEN));
        bytes.extend_from_slice(&self.broker.to_bytes());
        bytes.push(u8::try_from(self.roots.len()).expect("a keyring holds at most 64 root keys"));
        for root in &self.roots {
            bytes.extend_from_slice(&root.generation.to_be_bytes());
            bytes.extend_from_slice(&root.made_at.0.to_be_bytes());
            bytes.extend_from_slice(root.key.expose());
        }
        bytes
    }

    fn decode(opened: &SecretBytes) -> Option<Self> {
        // EXPOSE: the root keys move into their own boxes.
        let mut reader = Reader::new(opened.expose());
        let broker = BrokerId::from_bytes(reader.array()?);
        let [count] = reader.array()?;
        let roots = (0..count).map(|_| Root::decode(&mut reader)).collect::<Option<Vec<_>>>()?;
        let ascending = roots.windows(2).all(|pair| pair[0].generation < pair[1].generation);
        let bounded = (1..=MAX_ROOTS).contains(&roots.len());
        reader.finish((ascending && bounded).then_some(Self { broker, roots }))?
    }
}

impl Root {
    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            generation: u32::from_be_bytes(reader.array()?),
            made_at: Timestamp(i64::from_be_bytes(reader.array()?)),
            key: RawKey::from_slice(reader.slice(KEY_LEN)?)?,
        })
    }
}

/// What stands before the sealed part: how to get the key from the guard.
struct Header {
    /// For a passphrase.
    cost: Option<PassphraseCost>,
    salt: [u8; SALT_LEN],
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, KeyringError> {
        let magic = reader.array().ok_or(KeyringError::Malformed)?;
        let [format, guard] = reader.array().ok_or(KeyringError::Malformed)?;
        match (magic, format) {
            (MAGIC, FORMAT) => (),
            (MAGIC, newer) if newer > FORMAT => return Err(KeyringError::Newer(newer)),
            _ => return Err(KeyringError::Malformed),
        }
        let cost = match guard {
            KEY_FILE => None,
            PASSPHRASE => Some(read_cost(reader)?),
            _ => return Err(KeyringError::Malformed),
        };
        Ok(Self { cost, salt: reader.array().ok_or(KeyringError::Malformed)? })
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(FORMAT);
        bytes.push(if self.cost.is_some() { PASSPHRASE } else { KEY_FILE });
        if let Some(cost) = self.cost {
            for number in [cost.memory_kib, cost.passes, cost.lanes] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        bytes.extend_from_slice(&self.salt);
        bytes
    }

    const fn kind(&self) -> GuardKind {
        if self.cost.is_some() { GuardKind::Passphrase } else { GuardKind::KeyFile }
    }

    /// The key that this guard gives, if it is of the kind that is needed.
    fn key_of(&self, guard: &Guard) -> Option<RawKey> {
        match (self.cost, guard) {
            (None, Guard::KeyFile(file)) => Some(file.derive(&self.salt)),
            (Some(cost), Guard::Passphrase(phrase)) => Some(phrase.derive(&self.salt, cost)),
            _ => None,
        }
    }
}

fn read_cost(reader: &mut Reader<'_>) -> Result<PassphraseCost, KeyringError> {
    let mut number = || reader.array().map(u32::from_be_bytes).ok_or(KeyringError::Malformed);
    let cost = PassphraseCost { memory_kib: number()?, passes: number()?, lanes: number()? };
    if cost.is_bearable() { Ok(cost) } else { Err(KeyringError::Malformed) }
}

/// Why a keyring does not open, or cannot grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// 64 generations are enough.
    #[error("the keyring holds {MAX_ROOTS} root keys already")]
    Full,
    /// Not a keyring, or one with a header that no version writes.
    #[error("the stored keyring is damaged: restore it from a backup")]
    Malformed,
    /// Written by a later version.
    #[error("the stored keyring has format {0}, which is newer than this version: upgrade segura")]
    Newer(u8),
    /// A passphrase was given for a key file, or the other way round.
    #[error("the keyring is guarded by {needed}, and {presented} was given")]
    OtherGuard {
        /// What opens it.
        needed: GuardKind,
        /// What was given.
        presented: GuardKind,
    },
    /// The right kind of guard, and not the one; or damage, which looks the same.
    #[error(
        "the keyring does not open: {0} was given, but not the one that guards it, or the stored keyring is damaged"
    )]
    WrongGuard(GuardKind),
}

impl Classify for KeyringError {
    fn class(&self) -> Class {
        match self {
            Self::Full => Class::conflict("keyring-full"),
            Self::Malformed => Class::internal("keyring-damaged"),
            Self::Newer(_) => Class::conflict("keyring-newer"),
            Self::OtherGuard { .. } => Class::bad_request("keyring-other-guard"),
            Self::WrongGuard(_) => Class::unauthenticated("keyring-wrong-guard"),
        }
    }
}

#[cfg(test)]
mod tests {
    use segura_model::SecretText;

    use super::*;
    use crate::random::SystemRandom;

    const NOON: Timestamp = Timestamp(1_795_521_600);
    const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };

    fn key_file() -> Guard {
        Guard::make_key_file(&SystemRandom).0
    }

    fn passphrase(text: &str) -> Guard {
        match Guard::passphrase(&SecretText::new(text)) {
            Ok(Guard::Passphrase(phrase)) => Guard::Passphrase(phrase.with_cost(CHEAP)),
            other => panic!("{other:?}"),
        }
    }

    fn keyring() -> Keyring {
        let mut keyring = Keyring::make(&SystemRandom, NOON);
        keyring.roll(&SystemRandom, NOON.plus(1)).unwrap();
        keyring
    }

    fn fault(wrapped: &WrappedKeyring, guard: &Guard) -> KeyringError {
        Keyring::open(wrapped, guard).unwrap_err()
    }

    #[test]
    fn a_keyring_reads_back_under_its_guard() {
        let keyring = keyring();
        for guard in [key_file(), passphrase("correct horse battery")] {
            let wrapped = keyring.wrap(&guard, &SystemRandom);
            assert_eq!(wrapped.guard_kind(), Ok(guard.kind()));
            let opened = Keyring::open(&wrapped, &guard).unwrap();
            assert_eq!(opened.broker(), keyring.broker());
            assert_eq!(*opened.encode(), *keyring.encode());
        }
    }

    #[test]
    fn the_cost_that_was_stored_is_the_cost_that_opens() {
        let wrapped = keyring().wrap(&passphrase("correct horse battery"), &SystemRandom);
        let default = Guard::passphrase(&SecretText::new("correct horse battery")).unwrap();
        assert!(Keyring::open(&wrapped, &default).is_ok());
    }

    #[test]
    fn another_guard_does_not_open_it() {
        let keyring = keyring();
        let (file, phrase) = (key_file(), passphrase("correct horse battery"));
        let under_file = keyring.wrap(&file, &SystemRandom);
        let under_phrase = keyring.wrap(&phrase, &SystemRandom);
        let wrong = KeyringError::WrongGuard;
        assert_eq!(fault(&under_file, &key_file()), wrong(GuardKind::KeyFile));
        assert_eq!(
            fault(&under_phrase, &passphrase("correct horse batterx")),
            wrong(GuardKind::Passphrase)
        );
        let other = |needed, presented| KeyringError::OtherGuard { needed, presented };
        assert_eq!(fault(&under_file, &phrase), other(GuardKind::KeyFile, GuardKind::Passphrase));
        assert_eq!(fault(&under_phrase, &file), other(GuardKind::Passphrase, GuardKind::KeyFile));
    }

    #[test]
    fn no_flipped_byte_and_no_cut_opens() {
        let keyring = keyring();
        for guard in [key_file(), passphrase("correct horse battery")] {
            let wrapped = keyring.wrap(&guard, &SystemRandom).0;
            for at in 0..wrapped.len() {
                let mut flipped = wrapped.clone();
                // The lowest bit: a flip in the stored costs must stay cheap to try.
                flipped[at] ^= 1;
                fault(&WrappedKeyring(flipped), &guard);
                fault(&WrappedKeyring(wrapped[..at].to_vec()), &guard);
            }
        }
    }

    #[test]
    fn a_header_that_no_version_writes_is_refused_before_any_work() {
        let guard = passphrase("correct horse battery");
        let wrapped = keyring().wrap(&guard, &SystemRandom).0;
        let changed = |at: usize, to: u8| {
            let mut bytes = wrapped.clone();
            bytes[at] = to;
            fault(&WrappedKeyring(bytes), &guard)
        };
        assert_eq!(changed(0, b'X'), KeyringError::Malformed);
        assert_eq!(changed(4, 2), KeyringError::Newer(2));
        assert_eq!(changed(4, 0), KeyringError::Malformed);
        assert_eq!(changed(5, 3), KeyringError::Malformed);
        assert_eq!(changed(6, 0x7F), KeyringError::Malformed, "two gigabytes of memory");
        assert_eq!(changed(10, 0x7F), KeyringError::Malformed, "a billion passes");
        assert_eq!(fault(&WrappedKeyring(vec![]), &guard), KeyringError::Malformed);
        let long = WrappedKeyring(vec![0; MAX_WRAPPED + 1]);
        assert_eq!(fault(&long, &guard), KeyringError::Malformed);
    }

    #[test]
    fn two_wraps_share_no_salt() {
        let (keyring, guard) = (keyring(), key_file());
        let [one, two] = [(); 2].map(|()| keyring.wrap(&guard, &SystemRandom).0);
        assert_ne!(one[6..22], two[6..22]);
    }

    #[test]
    fn a_full_keyring_still_fits_its_row() {
        let (mut keyring, guard) = (Keyring::make(&SystemRandom, NOON), key_file());
        while keyring.roll(&SystemRandom, NOON).is_ok() {}
        assert_eq!(keyring.generation(), 64);
        let wrapped = keyring.wrap(&guard, &SystemRandom);
        assert_eq!(Keyring::open(&wrapped, &guard).unwrap().generation(), 64);
    }
}
