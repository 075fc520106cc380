//! The keyring: the root keys, and a subkey of them for every purpose.
//!
//! A root key never encrypts anything: HKDF-SHA256 makes a subkey of it per purpose,
//! so that a flaw in one use teaches nothing about another. Root keys have
//! generations; the newest seals, all of them open. The trap: the two keyed hashes
//! stay with the first generation, because what they hashed is compared, never
//! opened, and would all be orphaned by a roll.

mod subkeys;
mod wrapped;

use std::fmt;

use segura_model::{BrokerId, Random, Timestamp};

use crate::aead::RawKey;

pub(crate) use subkeys::{HashKey, Hashing, PurposeKeys, Sealing, Unsealed};
pub use wrapped::{KeyringError, WrappedKeyring};

/// How many generations of root key a keyring holds at most.
const MAX_ROOTS: usize = 64;

/// The root keys of one broker, in memory; wiped when dropped.
pub struct Keyring {
    broker: BrokerId,
    /// Oldest first; never empty.
    roots: Vec<Root>,
}

struct Root {
    generation: u32,
    made_at: Timestamp,
    key: RawKey,
}

impl Keyring {
    /// A new broker's keyring: a fresh id, and a root key of generation 1.
    pub fn make(random: &dyn Random, now: Timestamp) -> Self {
        let root = Root { generation: 1, made_at: now, key: RawKey::make(random) };
        Self { broker: BrokerId::make(now, random), roots: vec![root] }
    }

    /// The id of the broker whose keys these are. It is part of every sealed thing.
    pub const fn broker(&self) -> BrokerId {
        self.broker
    }

    /// The generation that seals now.
    pub fn generation(&self) -> u32 {
        self.newest().generation
    }

    /// When the generation that seals now was made.
    pub fn generation_made_at(&self) -> Timestamp {
        self.newest().made_at
    }

    /// Add a generation. What the older ones sealed still opens.
    ///
    /// The change is in memory only until the keyring is wrapped and stored again.
    pub fn roll(&mut self, random: &dyn Random, now: Timestamp) -> Result<(), KeyringError> {
        if self.roots.len() >= MAX_ROOTS {
            return Err(KeyringError::Full);
        }
        let generation = self.newest().generation + 1;
        self.roots.push(Root { generation, made_at: now, key: RawKey::make(random) });
        Ok(())
    }

    fn newest(&self) -> &Root {
        self.roots.last().expect("a keyring holds at least one root key")
    }

    fn oldest(&self) -> &Root {
        self.roots.first().expect("a keyring holds at least one root key")
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, generation {})", self.broker, self.newest().generation)
    }
}
