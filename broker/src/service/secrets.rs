//! The vault for operators: write, read, list, remove.
//!
//! Writing and reading are two permissions that no role but the administrator's has
//! together, and a read is recorded before it is answered. One authoriser is asked for
//! every verb, with the parsed path; there is no way to a secret around it.

use std::collections::BTreeSet;
use std::sync::Arc;

use segura_model::api::{MetaField, SecretPut};
use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::duration::Seconds;
use segura_model::wanted::WantedSecret;
use segura_model::{Class, Classify, FieldName, SecretPath, Timestamp};
use segura_store::{Commit, Entry, ListedSecret, Receipt, SecretHead, StoreError, VersionSummary};
use segura_vault::{Edit, Fields, FieldsError, MetaChange, PutSecret, SecretsError, Written};
use tracing::Instrument;

use super::access::{Operator, Permission};
use super::opening::{self, NotOpened, OpenedSecret};
use super::operators::{OperatorService, OperatorsError};
use super::refusals::{Refusal, Refusing};
use super::{Core, Origin};
use crate::telemetry::TRACES;

/// What an operator wants to do with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    History,
    List,
    Put,
    Read,
    Remove,
}

impl Verb {
    const fn permission(self) -> Permission {
        match self {
            Self::History | Self::List => Permission::SecretList,
            Self::Put | Self::Remove => Permission::SecretWrite,
            Self::Read => Permission::SecretRead,
        }
    }
}

/// A secret that an operator read, durably written down.
#[derive(Debug)]
pub struct SecretRead {
    /// The secret.
    pub secret: OpenedSecret,
    /// Proof that the read is in the ledger.
    pub receipt: Receipt,
}

/// A version that an operator wrote.
#[derive(Clone, Debug)]
pub struct SecretWritten {
    /// Its number.
    pub version: u32,
    /// When the secret stops being given, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether that is past.
    pub expired: bool,
    /// Whether the version before has fields that this one does not have.
    pub drops: bool,
    /// Which, for an operator who may read values.
    pub dropped: Vec<FieldName>,
}

/// A secret's versions.
#[derive(Clone, Debug)]
pub struct SecretHistory {
    /// The secret.
    pub head: SecretHead,
    /// They, newest first.
    pub versions: Vec<VersionSummary>,
}

impl SecretHistory {
    /// Whether the current version is older than the secret's maximum age.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let current = self.versions.first();
        current.is_some_and(|version| self.head.meta.is_overdue(version.created_at, now))
    }
}

/// Why a secret was not touched.
#[derive(Debug, thiserror::Error)]
pub enum SecretServiceError {
    /// The values break a limit.
    #[error(transparent)]
    Fields(#[from] FieldsError),
    /// What was asked for is not there.
    #[error("{0}")]
    Missing(String),
    /// The operator may not.
    #[error(transparent)]
    Operator(#[from] OperatorsError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] SecretsError),
}

impl Classify for SecretServiceError {
    fn class(&self) -> Class {
        match self {
            Self::Fields(error) => error.class(),
            Self::Missing(_) => Class::not_found("secret-missing"),
            Self::Operator(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Vault(error) => error.class(),
        }
    }
}

impl Refusing for SecretServiceError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Operator(error) => error.refusal(),
            _ => None,
        }
    }
}

/// Secrets, for operators.
#[derive(Clone)]
pub struct SecretService {
    core: Arc<Core>,
    operators: OperatorService,
}

impl SecretService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>, operators: OperatorService) -> Self {
        Self { core, operators }
    }

    /// Write a version, and say what of the one before is easily lost by it unseen.
    pub async fn put(
        &self,
        path: SecretPath,
        put: SecretPut,
        by: &Operator,
        origin: Origin,
    ) -> Result<SecretWritten, SecretServiceError> {
        self.authorise(by, Verb::Put, Some(&path), origin).await?;
        let meta = change(&put);
        let fields = Fields::new(put.fields.into_inner())?;
        let (at, names) = (path.clone(), fields.names().cloned().collect());
        let record = self.record(Event::SecretPut, Outcome::Changed, by, origin);
        let expected_version = put.expected_version;
        let put = PutSecret { path, fields, expected_version, meta, by: by.into() };
        let sealing = tracing::info_span!(target: TRACES, "seal");
        let put = self.core.vault.put(put, record).instrument(sealing).await;
        let Written { version, replaced, expires_at } = self.written(put, by, origin).await?;
        self.core.catch_up().await;
        let now = self.core.clock.now();
        let mut dropped = self.dropped(&at, replaced, &names).await;
        let drops = !dropped.is_empty();
        if !by.may(Permission::SecretRead) {
            dropped.clear();
        }
        Ok(SecretWritten {
            version,
            expires_at,
            expired: expires_at.is_some_and(|at| now >= at),
            drops,
            dropped,
        })
    }

    /// The fields that a version has and its successor has not. Versions never change, so
    /// this is as true after the write as in it. That they cannot be told is no failure of
    /// the write, which is durable.
    async fn dropped(
        &self,
        path: &SecretPath,
        replaced: u32,
        kept: &BTreeSet<FieldName>,
    ) -> Vec<FieldName> {
        if replaced == 0 {
            return Vec::new();
        }
        let vault = &self.core.vault;
        let names = async {
            let before = vault.version(path, replaced).await?;
            before.as_ref().map(|before| vault.field_names(before)).transpose()
        };
        match names.await {
            Ok(before) => before.unwrap_or_default().difference(kept).cloned().collect(),
            Err(error) => {
                let code = error.class().code;
                tracing::warn!(code, "which fields a new version lacks cannot be told");
                Vec::new()
            }
        }
    }

    /// Read a version's values.
    pub async fn read(
        &self,
        wanted: WantedSecret,
        by: &Operator,
        origin: Origin,
    ) -> Result<SecretRead, SecretServiceError> {
        self.authorise(by, Verb::Read, Some(&wanted.path), origin).await?;
        // What is in memory may be half a second old, and a person notices.
        self.core.snapshots.poll().await?;
        let secret = match opening::open(&self.core, &wanted, self.core.clock.now()).await {
            Ok(secret) => secret,
            Err(NotOpened::Fault(why)) => {
                return Err(SecretServiceError::Missing(opening::fault(&wanted, why).detail));
            }
            Err(NotOpened::Failed(error)) => return Err(error.into()),
        };
        let mut record = self.record(Event::SecretRead, Outcome::Released, by, origin);
        record.paths = vec![secret.released()];
        let entry = Entry { records: vec![record], ..Entry::default() };
        match self.core.submit_by(by, origin, entry).await? {
            Commit::Done { receipts, .. } => {
                let receipt = *receipts.first().expect("the entry has one record");
                Ok(SecretRead { secret, receipt })
            }
            Commit::SessionEnded | Commit::Spent(_) | Commit::Stale { .. } => {
                Err(StoreError::Invalid("an entry without conditions was refused").into())
            }
        }
    }

    /// Secrets without values, by path: all, or the one at `under` and those below it.
    pub async fn list(
        &self,
        under: Option<&SecretPath>,
        after: Option<&SecretPath>,
        limit: usize,
        by: &Operator,
        origin: Origin,
    ) -> Result<Vec<ListedSecret>, SecretServiceError> {
        self.authorise(by, Verb::List, under, origin).await?;
        let vault = &self.core.vault;
        let Some(under) = under else { return Ok(vault.list("", after, limit).await?) };
        let mut heads = Vec::new();
        if after.is_none_or(|after| after < under) {
            // Of all that begin with these letters it is the first, if it is there.
            heads = vault.list(under.as_str(), None, 1).await?;
            heads.retain(|listed| listed.head.path == *under);
        }
        let (below, room) = (format!("{under}/"), limit - heads.len());
        heads.extend(vault.list(&below, after, room).await?);
        Ok(heads)
    }

    /// A secret's versions, without values.
    pub async fn history(
        &self,
        path: &SecretPath,
        by: &Operator,
        origin: Origin,
    ) -> Result<SecretHistory, SecretServiceError> {
        self.authorise(by, Verb::History, Some(path), origin).await?;
        let versions = self.core.vault.history(path).await?;
        let current = self.core.vault.current(path).await?;
        let current = current.ok_or_else(|| SecretsError::NotFound(path.clone()))?;
        Ok(SecretHistory { head: current.head().clone(), versions })
    }

    /// Remove a secret with all its versions.
    pub async fn remove(
        &self,
        path: SecretPath,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), SecretServiceError> {
        self.authorise(by, Verb::Remove, Some(&path), origin).await?;
        let record = self.record(Event::SecretRemove, Outcome::Changed, by, origin);
        let removed = self.core.vault.remove(path, by.into(), record).await;
        self.written(removed, by, origin).await?;
        self.core.catch_up().await;
        Ok(())
    }

    /// Whether this operator may do this to this path. The one place that says so. Today
    /// a role covers every path; the path is here because tomorrow it may not.
    async fn authorise(
        &self,
        by: &Operator,
        verb: Verb,
        _path: Option<&SecretPath>,
        origin: Origin,
    ) -> Result<(), SecretServiceError> {
        Ok(self.operators.demand(by, verb.permission(), origin).await?)
    }

    /// What came of a write; that its credential is gone is written down.
    async fn written<T>(
        &self,
        result: Result<T, SecretsError>,
        by: &Operator,
        origin: Origin,
    ) -> Result<T, SecretServiceError> {
        match result {
            Err(SecretsError::Store(StoreError::CredentialGone)) => {
                Err(self.core.refuse_gone(by, origin).await.into())
            }
            other => Ok(other?),
        }
    }

    fn record(&self, event: Event, outcome: Outcome, by: &Operator, origin: Origin) -> Record {
        self.core.record(event, outcome, Actor::from(by), origin)
    }
}

/// What is not mentioned is kept: who rotates a password need not know its owner.
fn change(put: &SecretPut) -> MetaChange {
    let tags = (!put.tags.is_empty()).then(|| put.tags.clone());
    MetaChange {
        owner: edit(put, MetaField::Owner, put.owner.as_ref().map(ToString::to_string)),
        tags: edit(put, MetaField::Tags, tags),
        max_age: edit(put, MetaField::MaxAge, put.max_age.map(Seconds::count)),
        expires_at: edit(put, MetaField::ExpiresAt, put.expires_at),
    }
}

fn edit<T>(put: &SecretPut, field: MetaField, value: Option<T>) -> Edit<T> {
    match value {
        Some(value) => Edit::Set(value),
        None if put.clear.contains(&field) => Edit::Clear,
        None => Edit::Keep,
    }
}

#[cfg(test)]
mod tests;
