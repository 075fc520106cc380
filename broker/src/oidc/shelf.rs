//! Where the last good keys are kept, so that a restart during an issuer's outage still
//! verifies.
//!
//! What is shelved is the document as fetched, with the time and a fingerprint of the
//! entry it was fetched for: a changed entry never finds the old issuer's keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use segura_model::{IssuerId, Timestamp};

/// An issuer's last good keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShelvedKeys {
    /// The key set, as the issuer sent it.
    pub document: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Fingerprint of the `iss` and key source it was fetched for.
    pub source: String,
}

/// The shelf could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the shelf of issuer keys failed")]
pub struct ShelfError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps the last good keys of each issuer entry.
pub trait KeyShelf: Send + Sync {
    /// What was shelved last for this entry.
    fn find<'a>(
        &'a self,
        issuer: &'a IssuerId,
    ) -> BoxFuture<'a, Result<Option<ShelvedKeys>, ShelfError>>;

    /// Shelve, replacing what was there.
    fn put<'a>(
        &'a self,
        issuer: &'a IssuerId,
        keys: ShelvedKeys,
    ) -> BoxFuture<'a, Result<(), ShelfError>>;
}

/// A shelf that lasts as long as the process.
#[derive(Debug, Default)]
pub struct MemoryShelf(Mutex<HashMap<IssuerId, ShelvedKeys>>);

impl KeyShelf for MemoryShelf {
    fn find<'a>(
        &'a self,
        issuer: &'a IssuerId,
    ) -> BoxFuture<'a, Result<Option<ShelvedKeys>, ShelfError>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        futures::future::ready(Ok(found)).boxed()
    }

    fn put<'a>(
        &'a self,
        issuer: &'a IssuerId,
        keys: ShelvedKeys,
    ) -> BoxFuture<'a, Result<(), ShelfError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(issuer.clone(), keys);
        futures::future::ready(Ok(())).boxed()
    }
}
