//! Secrets: a row per path, a sealed row per version.
//!
//! A path keeps its case, and two that differ only in case cannot both exist. A removed
//! secret leaves a row without versions behind, so that a version number is never given
//! twice: ledger and ciphertext both name versions.

mod read;
mod write;

use segura_model::name::Tag;
use segura_model::{SecretPath, Timestamp};

/// What is known about a secret besides its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretMeta {
    /// Who is asked about it.
    pub owner: Option<String>,
    /// Words to find it by.
    pub tags: Vec<Tag>,
    /// Seconds after which a version should be replaced.
    pub max_age: Option<i64>,
    /// When it stops being handed out.
    pub expires_at: Option<Timestamp>,
}

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHead {
    /// Where it lives.
    pub path: SecretPath,
    /// The version in use, from 1.
    pub version: u32,
    /// What is known about it.
    pub meta: SecretMeta,
    /// When its first version was written.
    pub created_at: Timestamp,
    /// When a version or its metadata was last written.
    pub changed_at: Timestamp,
    /// The name of the operator who wrote that.
    pub changed_by: String,
}

/// A secret of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSecret {
    /// It.
    pub head: SecretHead,
    /// When the version in use was written.
    pub written_at: Timestamp,
}

impl ListedSecret {
    /// Whether the version in use is older than the secret's maximum age.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.head.meta.is_overdue(self.written_at, now)
    }
}

impl SecretMeta {
    /// Whether a version that was written then is older than the maximum age.
    pub fn is_overdue(&self, written_at: Timestamp, now: Timestamp) -> bool {
        self.max_age.is_some_and(|age| now.since(written_at) > age)
    }
}

/// A version's sealed values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// The secret it is a version of.
    pub head: SecretHead,
    /// Its number.
    pub version: u32,
    /// The fields, sealed under the data key.
    pub ciphertext: Vec<u8>,
    /// The data key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// Which wrapping key wrapped it.
    pub wrapping_key: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The name of the operator who wrote it.
    pub created_by: String,
}

/// A version without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSummary {
    /// Its number.
    pub version: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// The name of the operator who wrote it.
    pub created_by: String,
}

/// A version to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// Where.
    pub path: SecretPath,
    /// Its number: [`SecretSlot::next`], which the ciphertext is bound to.
    pub version: u32,
    /// The fields, sealed under the data key.
    pub ciphertext: Vec<u8>,
    /// The data key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// Which wrapping key wrapped it.
    pub wrapping_key: String,
    /// When.
    pub created_at: Timestamp,
    /// The name of the operator who writes it.
    pub created_by: String,
}

/// Where a path stands: what check-and-set compares, and what the next version is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSlot {
    /// The version in use; 0 when there is no such secret.
    pub current: u32,
    /// The number the next version gets; not always `current + 1`.
    pub next: u32,
    /// An existing secret whose path differs only in case.
    pub twin: Option<SecretPath>,
}

/// What came of adding a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionAdded {
    /// It is the version in use now.
    Added,
    /// A secret exists whose path differs only in case.
    CaseTwin(SecretPath),
    /// The number is not the next one any more; this is where the path stands.
    Conflict(SecretSlot),
}
