//! What decisions are made from: issuers, policies and epochs, in memory, as of a number.
//!
//! The feed of changes says what to load anew, so that one change among ten thousand
//! policies costs one row. A snapshot may hold something newer than its number says, as
//! the rows are read after it; never something older. That errs on the safe side: the
//! writer compares numbers and sends such a decision back. A node whose feed is silent
//! asks the database before it decides.

mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use segura_model::policy::PolicySet;
use segura_model::{Clock, SecretPath, Timestamp};
use segura_store::{ChangeNumber, Store, StoreError};
use segura_vault::{SealedSecret, Secrets, SecretsError, TrustMac};
use tokio::sync::{Mutex, MutexGuard};

use super::byte_cache::{ByteCache, ByteCacheFigures, Weigh};
use super::epochs::Epochs;
use crate::oidc::IssuerSet;

/// How often the feed is asked.
const POLL: Duration = Duration::from_millis(500);
/// How long a decision waits for others who ask the feed.
const TURN: Duration = Duration::from_secs(5);
/// Seconds without an answer of the feed after which a decision asks by itself.
const PATIENCE: i64 = 2;

/// The truth as of one change number.
#[derive(Default)]
pub struct Snapshot {
    /// The number.
    pub change: ChangeNumber,
    /// Whom the broker believes.
    pub issuers: Arc<IssuerSet>,
    /// Who may have what.
    pub policies: Arc<PolicySet>,
    /// Which sessions are over.
    pub epochs: Arc<Epochs>,
    /// The number under which the keyring was last seen to change.
    pub keyring: ChangeNumber,
}

/// Where snapshots come from.
#[derive(Clone)]
pub struct Source {
    /// The database.
    pub store: Store,
    /// What its rows are checked with: one that does not check is not there.
    pub row_mac: Arc<TrustMac>,
}

/// The newest snapshot, and the sealed secrets that belong to it.
pub struct Snapshots {
    source: Source,
    clock: Arc<dyn Clock>,
    held: ArcSwap<Snapshot>,
    /// When the feed last answered, in seconds.
    heard_at: AtomicI64,
    /// One refresh at a time; who waited looks again at what is held by then.
    turn: Mutex<()>,
    /// How long one waits for that.
    turn_time: Duration,
    envelopes: ByteCache<SecretPath, Arc<SealedSecret>>,
}

/// What is held in memory, and how old it is.
#[derive(Clone, Copy, Debug)]
pub struct CacheFigures {
    /// Seconds since the feed of changes last answered.
    pub age: i64,
    /// The number that decisions are made from.
    pub change: i64,
    /// Issuer entries.
    pub issuers: usize,
    /// Policies.
    pub policies: usize,
    /// Sealed secrets.
    pub envelopes: ByteCacheFigures,
}

impl Weigh for Arc<SealedSecret> {
    fn weight(&self) -> usize {
        self.size()
    }
}

impl Snapshots {
    /// Load everything; keep at most `envelope_bytes` of sealed secrets.
    pub async fn start(
        source: Source,
        clock: Arc<dyn Clock>,
        envelope_bytes: usize,
    ) -> Result<Self, StoreError> {
        let heard_at = AtomicI64::new(clock.now().0);
        let change = source.store.change_number().await?;
        let held = ArcSwap::from_pointee(load::everything(&source, change).await?);
        let envelopes = ByteCache::new(envelope_bytes);
        let (turn, turn_time) = (Mutex::new(()), TURN);
        Ok(Self { source, clock, held, heard_at, turn, turn_time, envelopes })
    }

    /// What is held now, however old: to show, not to decide.
    pub fn held(&self) -> Arc<Snapshot> {
        self.held.load_full()
    }

    /// What is held, for whoever watches.
    pub fn figures(&self) -> CacheFigures {
        let held = self.held();
        CacheFigures {
            age: self.clock.now().0.saturating_sub(self.heard_at.load(Ordering::Relaxed)),
            change: held.change.0,
            issuers: held.issuers.iter().count(),
            policies: held.policies.len(),
            envelopes: self.envelopes.figures(),
        }
    }

    /// A snapshot to decide from.
    pub async fn current(&self) -> Result<Arc<Snapshot>, StoreError> {
        if self.is_heard(self.clock.now()) {
            return Ok(self.held());
        }
        let _turn = self.turn().await?;
        // Of many who wait one asks for all.
        if self.is_heard(self.clock.now()) {
            return Ok(self.held());
        }
        self.refresh(self.held()).await
    }

    /// A snapshot of this number or a later one: after the writer called one stale.
    pub async fn at_least(&self, number: ChangeNumber) -> Result<Arc<Snapshot>, StoreError> {
        let _turn = self.turn().await?;
        let held = self.held();
        if held.change >= number { Ok(held) } else { self.refresh(held).await }
    }

    /// Ask the feed.
    pub async fn poll(&self) -> Result<Arc<Snapshot>, StoreError> {
        let _turn = self.turn().await?;
        self.refresh(self.held()).await
    }

    /// Ask the feed twice a second, for as long as this is polled.
    pub async fn watch(&self) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            ticks.tick().await;
            match self.poll().await {
                Ok(_) => silent = false,
                Err(error) if !silent => {
                    silent = true;
                    tracing::warn!(error = %error, "the feed of changes does not answer");
                }
                Err(_) => {}
            }
        }
    }

    /// A secret, sealed: the current version from memory if it is there, else and any
    /// other version from the database. Take the snapshot to decide from before this.
    pub async fn secret(
        &self,
        vault: &Secrets,
        path: &SecretPath,
        version: Option<u32>,
    ) -> Result<Option<Arc<SealedSecret>>, SecretsError> {
        let is_wanted = |secret: &SealedSecret| version.is_none_or(|it| it == secret.version());
        let ticket = match self.envelopes.find(path) {
            Ok(secret) if is_wanted(&secret) => return Ok(Some(secret)),
            Ok(_) => None,
            Err(ticket) => Some(ticket),
        };
        if let Some(version) = version {
            return Ok(vault.version(path, version).await?.map(Arc::new));
        }
        let Some(secret) = vault.current(path).await?.map(Arc::new) else { return Ok(None) };
        // What is found in memory is not seen to again, so that its wrapping key must be kept.
        if let Some(ticket) = ticket.filter(|_| vault.has_key_of(&secret)) {
            self.envelopes.put(ticket, path.clone(), Arc::clone(&secret));
        }
        Ok(Some(secret))
    }

    /// Wait for one's turn, but not behind a long line of others whom a dead database keeps.
    async fn turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let turn = tokio::time::timeout(self.turn_time, self.turn.lock()).await;
        turn.map_err(|_| StoreError::BusyReaders)
    }

    fn is_heard(&self, now: Timestamp) -> bool {
        let silence = now.0.saturating_sub(self.heard_at.load(Ordering::Relaxed));
        (0..=PATIENCE).contains(&silence)
    }

    /// Only in one's turn.
    async fn refresh(&self, held: Arc<Snapshot>) -> Result<Arc<Snapshot>, StoreError> {
        let asked_at = self.clock.now().0;
        let changes = self.source.store.changes_since(held.change).await?;
        if changes.now == held.change {
            self.heard_at.store(asked_at, Ordering::Relaxed);
            return Ok(held);
        }
        let next = if changes.complete {
            self.envelopes.forget(load::touches(&changes.list));
            load::changed(&self.source, held, &changes).await?
        } else {
            self.envelopes.forget(|_| true);
            load::everything(&self.source, changes.now).await?
        };
        let next = Arc::new(next);
        self.held.store(Arc::clone(&next));
        self.heard_at.store(asked_at, Ordering::Relaxed);
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
