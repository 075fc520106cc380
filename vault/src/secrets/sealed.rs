//! A version as it was read: ciphertext and what is known about it.
//!
//! Safe to keep in memory and to print: nothing in it is secret without the keyring.

use segura_model::{SecretPath, Timestamp};
use segura_store::{SecretHead, StoredVersion};

use crate::envelope::{OpenFault, SealedVersion, Unopenable};
use crate::wrapping::KekId;

/// A version of a secret, sealed.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    head: SecretHead,
    version: u32,
    created_at: Timestamp,
    created_by: String,
    /// `None` when its row names a wrapping key in a form that this version does not read.
    sealed: Option<SealedVersion>,
}

impl SealedSecret {
    pub(super) fn new(stored: StoredVersion) -> Self {
        let sealed = KekId::parse(&stored.wrapping_key).map(|kek| SealedVersion {
            kek,
            wrapped_key: stored.wrapped_key,
            ciphertext: stored.ciphertext,
        });
        Self {
            head: stored.head,
            version: stored.version,
            created_at: stored.created_at,
            created_by: stored.created_by,
            sealed,
        }
    }

    /// Where it lives.
    pub const fn path(&self) -> &SecretPath {
        &self.head.path
    }

    /// The number of this version.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The secret it is a version of: current version, owner, tags, times.
    pub const fn head(&self) -> &SecretHead {
        &self.head
    }

    /// When this version was written.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The name of the operator who wrote this version.
    pub fn created_by(&self) -> &str {
        &self.created_by
    }

    /// When it expired, if it has.
    pub fn expired_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.head.meta.expires_at.filter(|at| now >= *at)
    }

    /// Whether this version is older than the secret's maximum age. Such a version is
    /// handed out still; it should be replaced.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.head.meta.is_overdue(self.created_at, now)
    }

    /// Bytes of ciphertext, and a little for the rest: what a cache counts.
    pub fn size(&self) -> usize {
        const REST: usize = 256;
        let sealed = self.sealed.as_ref();
        sealed.map_or(0, |it| it.ciphertext.len() + it.wrapped_key.len()) + REST
    }

    pub(super) const fn sealed(&self) -> Option<&SealedVersion> {
        self.sealed.as_ref()
    }

    pub(super) fn unreadable(&self) -> Unopenable {
        Unopenable { path: self.path().clone(), version: self.version, fault: OpenFault::Form }
    }
}
