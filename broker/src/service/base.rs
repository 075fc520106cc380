//! What every service works with.

use std::net::IpAddr;
use std::sync::Arc;

use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::{Classify, Clock, Random, RequestId};
use segura_store::{BoxFuture, Commit, Entry, ShownCredential, Store, StoreError, Tx, Writer};
use segura_vault::{Keyring, Secrets, SecretsError, SessionTokens, TrustMac};

use super::access::Operator;
use super::opened::OpenedSessions;
use super::refusals::Refusals;
use super::refused_rows::RefusedRows;
use super::snapshot::{Snapshots, Source};
use super::trust::seen::Seen;
use crate::oidc::Verifier;

/// How often an operator's entry is decided before it gives way to a storm of changes.
const TRIES: usize = 5;

/// What a [`Core`] is made of.
pub struct CoreParts<'a> {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The way to write, and the database behind it.
    pub writer: Writer,
    /// Who verifies identity tokens.
    pub verifier: Arc<Verifier>,
    /// The keys.
    pub keyring: &'a Keyring,
    /// How many bytes of sealed secrets are kept in memory.
    pub envelope_bytes: usize,
}

/// What every service works with.
pub struct Core {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) writer: Writer,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) vault: Secrets,
    pub(crate) tokens: SessionTokens,
    pub(crate) opened: OpenedSessions,
    pub(crate) snapshots: Snapshots,
    pub(crate) refusals: Refusals,
    pub(crate) seen: Seen,
    pub(crate) row_mac: Arc<TrustMac>,
    pub(crate) refused_rows: RefusedRows,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The caller's address.
    pub client: IpAddr,
    /// The request's id.
    pub request: RequestId,
}

/// Why an operator's unit of work was not done.
enum Undone<E> {
    Failed(E),
    Gone,
}

impl<E: From<StoreError>> From<StoreError> for Undone<E> {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::CredentialGone => Self::Gone,
            other => Self::Failed(other.into()),
        }
    }
}

impl Core {
    /// Load the first snapshot and the wrapping keys.
    pub async fn start(parts: CoreParts<'_>) -> Result<Self, SecretsError> {
        let CoreParts { clock, random, writer, verifier, keyring, envelope_bytes } = parts;
        let row_mac = Arc::new(TrustMac::new(keyring));
        let source = Source { store: writer.store().clone(), row_mac: Arc::clone(&row_mac) };
        let core = Self {
            snapshots: Snapshots::start(source, Arc::clone(&clock), envelope_bytes).await?,
            vault: Secrets::start(writer.clone(), keyring, Arc::clone(&random)).await?,
            refusals: Refusals::new(writer.clone(), Arc::clone(&clock), Arc::clone(&random)),
            tokens: SessionTokens::new(keyring),
            opened: OpenedSessions::default(),
            seen: Seen::default(),
            refused_rows: RefusedRows::default(),
            row_mac,
            clock,
            random,
            writer,
            verifier,
        };
        core.refused_rows.look(core.store(), &*core.row_mac).await?;
        Ok(core)
    }

    pub(crate) fn store(&self) -> &Store {
        self.writer.store()
    }

    /// A record of something that happens now.
    pub(crate) fn record(
        &self,
        event: Event,
        outcome: Outcome,
        actor: Actor,
        origin: Origin,
    ) -> Record {
        let mut record = Record::new(event, outcome, self.clock.now(), actor);
        record.client = Some(origin.client);
        record.request = Some(origin.request);
        record
    }

    /// Run an operator's unit of work, unless its credential was rotated, removed or ran out,
    /// or it was given another role, since its request was let in.
    pub(crate) async fn run_by<T, E, F>(
        &self,
        by: &Operator,
        origin: Origin,
        work: F,
    ) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shown = ShownCredential::from(by);
        let unit = self.writer.run(move |tx| {
            Box::pin(async move {
                tx.credential_demand(&shown).await.map_err(Undone::from)?;
                work(tx).await.map_err(Undone::Failed)
            })
        });
        match unit.await {
            Ok(done) => Ok(done),
            Err(Undone::Failed(error)) => Err(error),
            Err(Undone::Gone) => Err(self.refuse_gone(by, origin).await.into()),
        }
    }

    /// Write an operator's entry on the hot path, unless its credential was rotated, removed
    /// or ran out, or it was given another role, since its request was let in.
    ///
    /// All but the time raise the change number: what is there under the number that the
    /// entry is written under, is there when it is written. The time is asked right before.
    pub(crate) async fn submit_by(
        &self,
        by: &Operator,
        origin: Origin,
        mut entry: Entry,
    ) -> Result<Commit, StoreError> {
        for _ in 0..TRIES {
            entry.decided_at = Some(self.store().change_number().await?);
            self.demand_credential(by, origin).await?;
            match self.writer.submit(entry.clone()).await? {
                Commit::Stale { .. } => {}
                decided => return Ok(decided),
            }
        }
        Err(StoreError::Busy)
    }

    /// Demand that the credential, with which a request was let in, was not rotated, removed
    /// or ran out since, and that its operator was not given another role.
    pub(crate) async fn demand_credential(
        &self,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), StoreError> {
        let found = self.store().operator_find_by_id(by.id, &*self.row_mac).await?;
        let (shown, now) = (ShownCredential::from(by), self.clock.now());
        match found {
            Some(found) if shown.is_good_for(&found, now) => Ok(()),
            _ => Err(self.refuse_gone(by, origin).await),
        }
    }

    /// Write down that an operator's credential does not hold any more.
    pub(crate) async fn refuse_gone(&self, by: &Operator, origin: Origin) -> StoreError {
        let class = StoreError::CredentialGone.class();
        let tried = "do anything any more";
        match self.refusals.operator(origin, by, class, tried).await {
            Ok(_) => StoreError::CredentialGone,
            Err(error) => error,
        }
    }

    /// Let this node's next decision see what was just written.
    ///
    /// A failure is no failure of the write, which is durable: a decision from an older
    /// snapshot is refused by the writer and made anew.
    pub(crate) async fn catch_up(&self) {
        let caught_up: Result<_, StoreError> = self.snapshots.poll().await;
        if let Err(error) = caught_up {
            tracing::warn!(error = %error, "the change just made is not in memory yet");
        }
    }
}

/// Compiling and indexing ten thousand policies takes a moment, in which no worker should
/// stand still.
pub(crate) async fn off_worker<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Stopped)
}
