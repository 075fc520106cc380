//! The keyring's generations: rolled by an administrator, followed by every node.
//!
//! A roll stores the keyring with one root key more. Every node learns of it from the feed
//! of changes, opens under the new generation at once, and seals under it when all others
//! have had time to learn of it too: what one node seals, all can open at any moment. Only
//! the guard opens what is stored, so that it is read again, from where the settings say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use segura_model::api::{KeyringAnswer, WrappingKeySummary};
use segura_model::audit::{Actor, Event, Outcome};
use segura_model::{Class, Classify};
use segura_store::{ChangeNumber, StoreError, WrappingKey};
use segura_vault::{Keyring, KeyringError, SEAL_BOUND, Secrets, WrappedKeyring};
use serde_json::json;

use super::access::Operator;
use super::{Core, Origin};
use crate::config::{GuardReadError, GuardSource};
use crate::telemetry::Chain;

/// The open keyring, as of its last roll that this node knows of.
pub type LiveKeyring = Arc<ArcSwap<Keyring>>;

/// How often a node looks whether the feed told of a roll.
const LOOK: Duration = Duration::from_millis(250);
/// After this long every node has learned of a roll: each asks the feed twice a second, and
/// the database itself when the feed was silent for two.
const SETTLED: Duration = Duration::from_secs(3);

/// Why the keyring was not rolled or followed.
#[derive(Debug, thiserror::Error)]
pub enum KeyringServiceError {
    /// The guard cannot be read any more.
    #[error("the guard of the keyring cannot be read")]
    Guard(#[from] GuardReadError),
    /// The stored keyring does not open with it, or takes no more generations.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The keyring is at another generation than the one that was to give way.
    #[error(
        "the keyring is at generation {found}, not {replaces}: it was rolled since you looked, \
         perhaps by this very request, sent twice; `segura keyring show` says what there is"
    )]
    OtherGeneration {
        /// The one that was to give way.
        replaces: u32,
        /// The one that is there.
        found: u32,
    },
    /// Somebody else changed it at the same moment.
    #[error("the keyring was changed by somebody else at this moment: look, and try again")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for KeyringServiceError {
    fn class(&self) -> Class {
        match self {
            // The caller can do nothing about the server's files.
            Self::Guard(_)
            | Self::Keyring(KeyringError::OtherGuard { .. } | KeyringError::WrongGuard(_)) => {
                Class::internal("guard-changed")
            }
            Self::Keyring(error) => error.class(),
            Self::OtherGeneration { .. } | Self::Overtaken => Class::conflict("keyring-overtaken"),
            Self::Store(error) => error.class(),
        }
    }
}

/// Rolls the keyring, and follows the rolls of other nodes.
#[derive(Clone)]
pub struct KeyringService {
    core: Arc<Core>,
    live: LiveKeyring,
    guard: Option<GuardSource>,
    /// Whether what is stored could not be opened when it was last looked at.
    behind: Arc<AtomicBool>,
    /// How long every node needs to learn of a roll.
    settled: Duration,
}

impl KeyringService {
    /// The service over this core; without a guard the keyring stays as it is.
    pub fn new(core: Arc<Core>, live: LiveKeyring, guard: Option<GuardSource>) -> Self {
        Self { core, live, guard, behind: Arc::default(), settled: SETTLED }
    }

    /// Whether the keyring was changed and does not open here: another node's next roll is
    /// not followed, and its tokens are refused.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Which keys there are.
    pub async fn show(&self) -> Result<KeyringAnswer, KeyringServiceError> {
        let stored = self.stored().await?;
        let wrapping_keys = self.core.store().wrapping_key_list().await?;
        let live = self.live.load();
        let summary = |key: WrappingKey| WrappingKeySummary {
            id: key.id,
            seals: key.seals,
            made_at: key.made_at,
        };
        Ok(KeyringAnswer {
            generation: live.generation(),
            made_at: live.generation_made_at(),
            guard: WrappedKeyring::from_bytes(stored).guard_kind()?.to_string(),
            wrapping_keys: wrapping_keys.into_iter().map(summary).collect(),
            seal_bound: SEAL_BOUND,
        })
    }

    /// Give the keyring a generation in place of this one, and then the wrapping key one that
    /// is sealed under it. Done when both seal; goes on if the caller goes away, and if its
    /// credential does: the roll was allowed as a whole when it began, and half of one helps
    /// nobody. Each generation is one of few for good, so that a request that comes twice
    /// must not roll twice.
    pub async fn roll(
        &self,
        replaces: u32,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), KeyringServiceError> {
        let (this, by) = (self.clone(), by.clone());
        let rolling = tokio::spawn(async move {
            let keyring = this.roll_root(replaces, &by, origin).await?;
            this.settle(keyring).await;
            this.roll_wrapping_key(&by, origin).await
        });
        rolling.await.map_err(|_| StoreError::Unresolved)?
    }

    /// Follow the rolls of other nodes, for as long as this is polled.
    pub async fn follow(&self) {
        if self.guard.is_none() {
            return;
        }
        // What is held was read before the first snapshot: a roll in between is in that one
        // already, and not in what is held. So it is read once more, whatever the feed says.
        let mut seen = ChangeNumber::default();
        let mut failed = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.core.snapshots.held().keyring;
            if now == seen {
                continue;
            }
            let caught_up = self.catch_up().await;
            self.behind.store(caught_up.is_err(), Ordering::Relaxed);
            match caught_up {
                Ok(()) => (seen, failed) = (now, None),
                Err(error) if failed != Some(now) => {
                    failed = Some(now);
                    tracing::error!(error = %Chain(&error), "the keyring was changed and does not open here");
                }
                Err(_) => tokio::time::sleep(self.settled).await,
            }
        }
    }

    /// Take what is stored, if it is newer than what is held.
    async fn catch_up(&self) -> Result<(), KeyringServiceError> {
        let wrapped = self.stored().await?;
        let keyring = self.off_worker(move |guard| open(wrapped, guard)).await?;
        if keyring.generation() > self.live.load().generation() {
            self.settle(Arc::new(keyring)).await;
        }
        Ok(())
    }

    /// Open under a keyring now, and seal under it when every node can open.
    async fn settle(&self, keyring: Arc<Keyring>) {
        let (newest, sealing) = (keyring.generation(), self.live.load().generation());
        self.core.tokens.adopt(&keyring, sealing);
        self.core.vault.adopt(&keyring, sealing);
        self.live.store(Arc::clone(&keyring));
        tokio::time::sleep(self.settled).await;
        // Another roll may have come in between; it sees to itself.
        if self.live.load().generation() == newest {
            self.core.tokens.adopt(&keyring, newest);
            self.core.vault.adopt(&keyring, newest);
            tracing::info!(generation = newest, "the keyring has a new generation");
        }
    }

    async fn roll_root(
        &self,
        replaces: u32,
        by: &Operator,
        origin: Origin,
    ) -> Result<Arc<Keyring>, KeyringServiceError> {
        let before = self.stored().await?;
        let (wrapped, random) = (before.clone(), Arc::clone(&self.core.random));
        let mut record =
            self.core.record(Event::KeyringRoll, Outcome::Changed, Actor::from(by), origin);
        let at = record.at;
        let (keyring, after) = self
            .off_worker(move |guard| {
                let guard = guard.read()?;
                let mut keyring = Keyring::open(&WrappedKeyring::from_bytes(wrapped), &guard)?;
                let found = keyring.generation();
                if found != replaces {
                    return Err(KeyringServiceError::OtherGeneration { replaces, found });
                }
                keyring.roll(&*random, at)?;
                let after = keyring.wrap(&guard, &*random);
                Ok((keyring, after))
            })
            .await?;
        record.detail = json!({ "generation": keyring.generation() });
        let unit = self.core.run_by(by, origin, move |tx| {
            Box::pin(async move {
                if tx.keyring_load().await?.as_ref() != Some(&before) {
                    return Err(KeyringServiceError::Overtaken);
                }
                tx.keyring_replace(after.as_bytes(), at).await?;
                Ok(tx.record(&record)?)
            })
        });
        unit.await?;
        Ok(Arc::new(keyring))
    }

    async fn roll_wrapping_key(
        &self,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), KeyringServiceError> {
        let maker = self.core.vault.wrapping_key_maker();
        let mut record =
            self.core.record(Event::KeyringRoll, Outcome::Changed, Actor::from(by), origin);
        let unit = self.core.writer.run(move |tx| {
            Box::pin(async move {
                let id = Secrets::wrapping_key_roll(tx, maker, record.at).await?;
                record.detail = json!({ "wrapping_key": id });
                Ok(tx.record(&record)?)
            })
        });
        let rolled: Result<(), KeyringServiceError> = unit.await;
        rolled?;
        self.core.catch_up().await;
        Ok(())
    }

    async fn stored(&self) -> Result<Vec<u8>, KeyringServiceError> {
        let stored = self.core.store().keyring_load().await?;
        Ok(stored.ok_or(StoreError::Invalid("there is no keyring"))?)
    }

    /// A passphrase takes a moment of processor time, which no worker should stand still.
    async fn off_worker<T: Send + 'static>(
        &self,
        work: impl FnOnce(&GuardSource) -> Result<T, KeyringServiceError> + Send + 'static,
    ) -> Result<T, KeyringServiceError> {
        let guard = self.guard.clone().ok_or(StoreError::Invalid("this node has no guard"))?;
        let done = tokio::task::spawn_blocking(move || work(&guard)).await;
        done.map_err(|_| StoreError::Stopped)?
    }
}

fn open(wrapped: Vec<u8>, guard: &GuardSource) -> Result<Keyring, KeyringServiceError> {
    Ok(Keyring::open(&WrappedKeyring::from_bytes(wrapped), &guard.read()?)?)
}

#[cfg(test)]
mod tests;
