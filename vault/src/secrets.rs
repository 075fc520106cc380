//! Secrets at paths, in versions: the service over the store.
//!
//! Writing seals inside the unit of work, because the version's number and the count of
//! the wrapping key are decided there; the ledger record rides in the same transaction.
//! Reading gives a [`SealedSecret`], ciphertext that may be cached, and opens it when
//! the values are needed. Who may do either is decided before this file is reached.

mod error;
mod meta;
mod sealed;

use std::collections::BTreeSet;
use std::sync::Arc;

use segura_model::audit::{Record, ReleasedPath};
use segura_model::{FieldName, Random, SecretPath, Timestamp};
use segura_store::{
    BoxFuture, ListedSecret, NewVersion, ShownCredential, Store, StoreError, Tx, VersionAdded,
    VersionSummary, WrappingKey, Writer,
};

use crate::envelope::{Envelopes, OpenFault};
use crate::fields::Fields;
use crate::keyring::Keyring;
use crate::wrapping::{Kek, KekId, SEAL_BOUND};

pub use error::SecretsError;
pub use meta::{Edit, MetaChange};
pub use sealed::SealedSecret;

/// The most secrets in one answer of [`Secrets::list`].
pub const MAX_LISTED: usize = 1000;

/// What makes wrapping keys: their seal, and chance.
pub type WrappingKeyMaker = (Arc<Envelopes>, Arc<dyn Random>);

/// A new version to write.
#[derive(Clone, Debug)]
pub struct PutSecret {
    /// Where.
    pub path: SecretPath,
    /// The values.
    pub fields: Fields,
    /// Check-and-set: the version that must be the current one; 0 when there must be none.
    pub expected_version: Option<u32>,
    /// What else to write about the secret.
    pub meta: MetaChange,
    /// The operator who writes.
    pub by: ShownCredential,
}

/// A version that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub version: u32,
    /// The version that was the current one before; 0 when there was none.
    pub replaced: u32,
    /// When the secret stops being handed out, if ever: given by this write or kept.
    pub expires_at: Option<Timestamp>,
}

/// The secrets of one broker. Clones share keys and connections.
#[derive(Clone)]
pub struct Secrets {
    writer: Writer,
    envelopes: Arc<Envelopes>,
    random: Arc<dyn Random>,
}

impl Secrets {
    /// The secrets in the writer's store, with the wrapping keys that are there now.
    pub async fn start(
        writer: Writer,
        keyring: &Keyring,
        random: Arc<dyn Random>,
    ) -> Result<Self, SecretsError> {
        let secrets = Self { writer, envelopes: Arc::new(Envelopes::new(keyring)), random };
        secrets.load_keks().await?;
        Ok(secrets)
    }

    /// Take the keys of a keyring that was rolled; `sealing` is the generation that seals.
    pub fn adopt(&self, keyring: &Keyring, sealing: u32) {
        self.envelopes.adopt(keyring, sealing);
    }

    /// Put a new wrapping key into use, sealed under the generation that seals now, in the
    /// caller's transaction. Gives its number.
    ///
    /// Every write reads in its transaction which key is the newest, so from the commit on
    /// all nodes seal under this one.
    pub async fn wrapping_key_roll(
        tx: &mut Tx,
        (envelopes, random): WrappingKeyMaker,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let rows = tx.wrapping_key_list().await?;
        let newest = rows.iter().filter_map(|row| KekId::parse(&row.id)).max();
        let id = newest.map_or(KekId(1), KekId::next);
        let wrapped = envelopes.make_kek(id, &*random);
        tx.wrapping_key_add(&WrappingKey { id: id.to_string(), wrapped, seals: 0, made_at: now })
            .await?;
        Ok(id.0)
    }

    /// What makes wrapping keys, owned, for a unit of work.
    pub fn wrapping_key_maker(&self) -> WrappingKeyMaker {
        (Arc::clone(&self.envelopes), Arc::clone(&self.random))
    }

    /// Write a version, and the record of it, in one transaction.
    ///
    /// The record's `paths` are filled in here, because only the transaction knows the
    /// number.
    pub async fn put(&self, put: PutSecret, record: Record) -> Result<Written, SecretsError> {
        put.meta.check()?;
        let unit = PutUnit {
            put,
            record,
            envelopes: Arc::clone(&self.envelopes),
            random: Arc::clone(&self.random),
        };
        let (written, kek) = self
            .writer
            .run(|tx| -> BoxFuture<'_, Result<_, SecretsError>> { Box::pin(unit.run(tx)) })
            .await?;
        self.envelopes.keep_kek(kek);
        Ok(written)
    }

    /// Change what is known about a secret, and no value of it.
    pub async fn describe(
        &self,
        path: SecretPath,
        change: MetaChange,
        by: ShownCredential,
        mut record: Record,
    ) -> Result<(), SecretsError> {
        change.check()?;
        let work = async move |tx: &mut Tx| {
            tx.credential_demand(&by).await?;
            let head = tx.secret_head(&path).await?;
            let head = head.ok_or_else(|| SecretsError::NotFound(path.clone()))?;
            let meta = change.apply(head.meta);
            tx.secret_meta_set(&path, &meta, by.name.as_str(), record.at).await?;
            record.paths = vec![ReleasedPath { path, version: Some(head.version), fields: vec![] }];
            Ok(tx.record(&record)?)
        };
        self.writer
            .run(|tx| -> BoxFuture<'_, Result<(), SecretsError>> { Box::pin(work(tx)) })
            .await
    }

    /// Remove a secret with the values of all its versions. Their numbers are not given
    /// again if the path is written anew.
    pub async fn remove(
        &self,
        path: SecretPath,
        by: ShownCredential,
        mut record: Record,
    ) -> Result<(), SecretsError> {
        let work = async move |tx: &mut Tx| {
            tx.credential_demand(&by).await?;
            if !tx.secret_remove(&path, by.name.as_str(), record.at).await? {
                return Err(SecretsError::NotFound(path));
            }
            record.paths = vec![ReleasedPath { path, version: None, fields: vec![] }];
            Ok(tx.record(&record)?)
        };
        self.writer
            .run(|tx| -> BoxFuture<'_, Result<(), SecretsError>> { Box::pin(work(tx)) })
            .await
    }

    /// The version in use, sealed.
    pub async fn current(&self, path: &SecretPath) -> Result<Option<SealedSecret>, SecretsError> {
        let stored = self.store().secret_current(path).await?;
        self.ready(stored.map(SealedSecret::new)).await
    }

    /// A version by its number, sealed.
    pub async fn version(
        &self,
        path: &SecretPath,
        version: u32,
    ) -> Result<Option<SealedSecret>, SecretsError> {
        let stored = self.store().secret_find(path, version).await?;
        self.ready(stored.map(SealedSecret::new)).await
    }

    /// Whether the wrapping key of a secret is kept, so that it opens as well later: one
    /// that is sealed under a generation which this node has not learned of yet is not.
    pub fn has_key_of(&self, secret: &SealedSecret) -> bool {
        secret.sealed().is_none_or(|sealed| self.envelopes.has_kek(sealed.kek))
    }

    /// Open a sealed secret, unless its time is over.
    ///
    /// Does no I/O: `current` and `version` have seen to its wrapping key.
    pub fn open(&self, secret: &SealedSecret, now: Timestamp) -> Result<Fields, SecretsError> {
        if let Some(at) = secret.expired_at(now) {
            return Err(SecretsError::Expired { path: secret.path().clone(), at });
        }
        self.unseal(secret)
    }

    /// The names of its fields, also of one whose time is over: no value is told.
    pub fn field_names(&self, secret: &SealedSecret) -> Result<BTreeSet<FieldName>, SecretsError> {
        Ok(self.unseal(secret)?.names().cloned().collect())
    }

    fn unseal(&self, secret: &SealedSecret) -> Result<Fields, SecretsError> {
        let (path, version) = (secret.path(), secret.version());
        let sealed = secret.sealed().ok_or_else(|| secret.unreadable())?;
        Ok(self.envelopes.open(path, version, sealed)?)
    }

    /// Secrets whose path starts with `prefix`, after `after`, in order of path; at most
    /// [`MAX_LISTED`].
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&SecretPath>,
        limit: usize,
    ) -> Result<Vec<ListedSecret>, SecretsError> {
        Ok(self.store().secret_list(prefix, after, limit.min(MAX_LISTED)).await?)
    }

    /// The versions of a secret, newest first; empty when there is no such secret.
    pub async fn history(&self, path: &SecretPath) -> Result<Vec<VersionSummary>, SecretsError> {
        Ok(self.store().secret_history(path).await?)
    }

    fn store(&self) -> &Store {
        self.writer.store()
    }

    /// See to it that the wrapping key of a secret is kept: another node may have rolled.
    async fn ready(
        &self,
        secret: Option<SealedSecret>,
    ) -> Result<Option<SealedSecret>, SecretsError> {
        if secret.as_ref().is_some_and(|secret| !self.has_key_of(secret)) {
            self.load_keks().await?;
        }
        Ok(secret)
    }

    /// Keep every stored wrapping key that opens. One that does not is an error for what
    /// it wrapped, not for the rest.
    async fn load_keks(&self) -> Result<(), StoreError> {
        for row in self.store().wrapping_key_list().await? {
            if let Ok(kek) = open_row(&self.envelopes, &row) {
                self.envelopes.keep_kek(kek);
            }
        }
        Ok(())
    }
}

/// What one write needs, owned, so that it runs to its end on its own.
struct PutUnit {
    put: PutSecret,
    record: Record,
    envelopes: Arc<Envelopes>,
    random: Arc<dyn Random>,
}

impl PutUnit {
    async fn run(mut self, tx: &mut Tx) -> Result<(Written, Kek), SecretsError> {
        tx.credential_demand(&self.put.by).await?;
        let (replaced, version) = self.claim_version(tx).await?;
        let kek = self.claim_kek(tx).await?;
        self.add_version(tx, version, &kek).await?;
        let expires_at = self.set_meta(tx).await?;
        let fields = self.put.fields.names().cloned().collect();
        let path = self.put.path.clone();
        self.record.paths = vec![ReleasedPath { path, version: Some(version), fields }];
        tx.record(&self.record)?;
        Ok((Written { version, replaced, expires_at }, kek))
    }

    /// The version in use, and the number of the one to write, if it may be written.
    async fn claim_version(&self, tx: &mut Tx) -> Result<(u32, u32), SecretsError> {
        let path = &self.put.path;
        let slot = tx.secret_slot(path).await?;
        if let Some(twin) = slot.twin {
            return Err(SecretsError::CaseTwin { path: path.clone(), twin });
        }
        match self.put.expected_version {
            Some(expected) if expected != slot.current => {
                Err(SecretsError::Conflict { path: path.clone(), expected, current: slot.current })
            }
            _ => Ok((slot.current, slot.next)),
        }
    }

    /// The wrapping key in use, with one more seal counted; a new one at the bound.
    async fn claim_kek(&self, tx: &mut Tx) -> Result<Kek, SecretsError> {
        let rows = tx.wrapping_key_list().await?;
        let newest = rows
            .into_iter()
            .filter_map(|row| KekId::parse(&row.id).map(|id| (id, row)))
            .max_by_key(|(id, _)| *id);
        let row = match newest {
            Some((_, row)) if row.seals < SEAL_BOUND => row,
            full => self.add_kek(tx, full.map_or(KekId(1), |(id, _)| id.next())).await?,
        };
        let counted = tx.wrapping_key_count(&row.id, 1).await?;
        counted.ok_or(StoreError::Invalid("a wrapping key that was just read is gone"))?;
        open_row(&self.envelopes, &row).map_err(SecretsError::WrappingKey)
    }

    async fn add_kek(&self, tx: &mut Tx, id: KekId) -> Result<WrappingKey, SecretsError> {
        let wrapped = self.envelopes.make_kek(id, &*self.random);
        let row = WrappingKey { id: id.to_string(), wrapped, seals: 0, made_at: self.record.at };
        tx.wrapping_key_add(&row).await?;
        Ok(row)
    }

    async fn add_version(&self, tx: &mut Tx, version: u32, kek: &Kek) -> Result<(), SecretsError> {
        let PutSecret { path, fields, by, .. } = &self.put;
        let sealed = self.envelopes.seal(path, version, fields, kek, &*self.random);
        let row = NewVersion {
            path: path.clone(),
            version,
            ciphertext: sealed.ciphertext,
            wrapped_key: sealed.wrapped_key,
            wrapping_key: sealed.kek.to_string(),
            created_at: self.record.at,
            created_by: by.name.to_string(),
        };
        match tx.secret_version_add(&row).await? {
            VersionAdded::Added => Ok(()),
            VersionAdded::CaseTwin(twin) => {
                Err(SecretsError::CaseTwin { path: path.clone(), twin })
            }
            VersionAdded::Conflict(slot) => Err(SecretsError::Conflict {
                path: path.clone(),
                expected: version.saturating_sub(1),
                current: slot.current,
            }),
        }
    }

    /// Change the metadata as the write says; gives the expiry that holds from now on.
    async fn set_meta(&mut self, tx: &mut Tx) -> Result<Option<Timestamp>, SecretsError> {
        let path = &self.put.path;
        let head = tx.secret_head(path).await?;
        let head = head.ok_or_else(|| SecretsError::NotFound(path.clone()))?;
        if self.put.meta.is_empty() {
            return Ok(head.meta.expires_at);
        }
        let meta = self.put.meta.clone().apply(head.meta);
        tx.secret_meta_set(path, &meta, self.put.by.name.as_str(), self.record.at).await?;
        Ok(meta.expires_at)
    }
}

fn open_row(envelopes: &Envelopes, row: &WrappingKey) -> Result<Kek, OpenFault> {
    let id = KekId::parse(&row.id).ok_or(OpenFault::Form)?;
    envelopes.open_kek(id, &row.wrapped)
}
