//! The issuers' keys, cached.
//!
//! Read without a lock and replaced whole. What other brokers got wrong is the shape of
//! this file: one refresh at a time per entry, however many wait for it; every attempt
//! counts against the cool-down, failed ones too; no lock is held while an issuer thinks;
//! keys that work stay until better ones have been read; and nothing is trusted longer
//! than the hard bound after the issuer last vouched for it. Cache: key issuer entry,
//! lifetime 5 min to 1 h (then refreshed behind the request), bound 24 h.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use base64::Engine;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use segura_model::issuer::KeySource;
use segura_model::{Clock, IssuerEntry, IssuerId, Timestamp};
use tracing::Instrument;

use super::compact::CANONICAL;
use super::discovery::{self, DevIssuers, DiscoveryError};
use super::fetch::{Fetch, FetchError, FetchRequest, Fetched};
use super::jwks::{KeySet, KeySetError};
use super::pace::Pace;
use super::replay;
use super::shelf::{KeyShelf, ShelvedKeys};
use crate::telemetry::TRACES;

/// Why an issuer's keys cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Nothing usable, and the issuer was asked too recently to ask again.
    #[error(
        "the issuer `{issuer}` was asked moments ago and did not answer well; it is asked again within 30 s"
    )]
    CoolingDown {
        /// The entry.
        issuer: IssuerId,
        /// How it answered.
        #[source]
        last: Option<Arc<KeysError>>,
    },
    /// A document that is not believed.
    #[error("the documents of the issuer `{issuer}` are refused")]
    Discovery {
        /// The entry.
        issuer: IssuerId,
        /// Why.
        #[source]
        reason: DiscoveryError,
    },
    /// A document that did not come.
    #[error("the keys of the issuer `{issuer}` could not be fetched")]
    Fetch {
        /// The entry.
        issuer: IssuerId,
        /// Why.
        #[source]
        reason: FetchError,
    },
    /// The refresh ended without a result: the server is stopping.
    #[error("fetching the keys of the issuer `{0}` was interrupted")]
    Interrupted(IssuerId),
    /// A key set without a usable key.
    #[error("the key set of the issuer `{issuer}` is refused")]
    Set {
        /// The entry.
        issuer: IssuerId,
        /// Why.
        #[source]
        reason: KeySetError,
    },
}

/// What is known about an entry's keys, for `/readyz` and `/metrics`.
#[derive(Clone, Debug)]
pub struct KeyStatus {
    /// The entry.
    pub issuer: IssuerId,
    /// Seconds since the issuer vouched for the keys in use; `None` without keys.
    pub age: Option<i64>,
    /// The number of usable keys.
    pub keys: usize,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<Arc<KeysError>>,
}

/// Keys in use.
pub(super) struct Kept {
    pub(super) set: KeySet,
    fetched_at: Timestamp,
    refresh_at: Timestamp,
}

/// The cache of all entries' keys.
#[derive(Clone)]
pub(super) struct KeyCache(Arc<Inner>);

struct Inner {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    shelf: Arc<dyn KeyShelf>,
    dev: DevIssuers,
    /// Seconds after which keys the issuer no longer vouches for are dropped.
    bound: i64,
    slots: Mutex<HashMap<IssuerId, Arc<Slot>>>,
}

struct Slot {
    entry: Arc<IssuerEntry>,
    kept: ArcSwapOption<Kept>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Refresh>,
    pace: Pace,
    last_error: Option<Arc<KeysError>>,
    shelved: Option<(String, Timestamp)>,
}

type RefreshResult = Result<Arc<Kept>, Arc<KeysError>>;
type Refresh = Shared<BoxFuture<'static, RefreshResult>>;

impl KeyCache {
    pub(super) fn new(
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        shelf: Arc<dyn KeyShelf>,
        dev: DevIssuers,
        bound: i64,
    ) -> Self {
        let slots = Mutex::default();
        Self(Arc::new(Inner { fetch, clock, shelf, dev, bound, slots }))
    }

    /// Keys to check a token with: those in use, or else the issuer's.
    pub(super) async fn current(&self, entry: &Arc<IssuerEntry>) -> RefreshResult {
        let slot = self.0.slot(entry);
        let now = self.0.clock.now();
        if let Some(kept) = self.0.usable(&slot, now) {
            if now >= kept.refresh_at {
                // Behind the request: this one uses what is there.
                drop(self.0.refresh(&slot));
            }
            return Ok(kept);
        }
        let Some(refresh) = self.0.refresh(&slot) else {
            let last = locked(&slot.state).last_error.clone();
            return Err(Arc::new(KeysError::CoolingDown { issuer: entry.id.clone(), last }));
        };
        refresh.await
    }

    /// Newer keys than `seen`, which did not fit a token; `None` if there are none to have.
    pub(super) async fn newer(
        &self,
        entry: &Arc<IssuerEntry>,
        seen: &Arc<Kept>,
    ) -> Option<Arc<Kept>> {
        let slot = self.0.slot(entry);
        match slot.kept.load_full() {
            Some(kept) if !Arc::ptr_eq(&kept, seen) => Some(kept),
            _ => self.0.refresh(&slot)?.await.ok(),
        }
    }

    /// Refresh what is due, so that an idle server too has fresh keys when an outage begins.
    pub(super) async fn refresh_due<'a>(
        &self,
        entries: impl Iterator<Item = &'a Arc<IssuerEntry>>,
    ) {
        let now = self.0.clock.now();
        let due: Vec<Refresh> = entries
            .map(|entry| self.0.slot(entry))
            .filter(|slot| slot.kept.load().as_ref().is_none_or(|kept| now >= kept.refresh_at))
            .filter_map(|slot| self.0.refresh(&slot))
            .collect();
        futures::future::join_all(due).await;
    }

    pub(super) fn status(&self, entry: &Arc<IssuerEntry>) -> KeyStatus {
        let slot = self.0.slot(entry);
        let kept = slot.kept.load_full();
        KeyStatus {
            issuer: entry.id.clone(),
            age: kept.as_ref().map(|kept| self.0.clock.now().since(kept.fetched_at)),
            keys: kept.map_or(0, |kept| kept.set.len()),
            last_error: locked(&slot.state).last_error.clone(),
        }
    }
}

impl Inner {
    /// The entry's slot; a new one when the entry's issuer or its source of keys changed.
    fn slot(&self, entry: &Arc<IssuerEntry>) -> Arc<Slot> {
        let mut slots = locked(&self.slots);
        match slots.get(&entry.id) {
            Some(slot) if slot.serves(entry) => slot.clone(),
            _ => {
                let slot = Arc::new(Slot {
                    entry: entry.clone(),
                    kept: ArcSwapOption::empty(),
                    state: Mutex::default(),
                });
                slots.insert(entry.id.clone(), slot.clone());
                slot
            }
        }
    }

    fn usable(&self, slot: &Slot, now: Timestamp) -> Option<Arc<Kept>> {
        slot.kept.load_full().filter(|kept| now.since(kept.fetched_at) <= self.bound)
    }

    /// Join the refresh that runs, or start one if the pace allows.
    fn refresh(self: &Arc<Self>, slot: &Arc<Slot>) -> Option<Refresh> {
        let mut state = locked(&slot.state);
        if let Some(running) = &state.running {
            return Some(running.clone());
        }
        if !state.pace.take(self.clock.now()) {
            return None;
        }
        // A task of its own: a caller that goes away must not abort what others wait for.
        let issuer = tracing::field::display(&slot.entry.id);
        let span = tracing::info_span!(target: TRACES, "fetch keys", segura.issuer = issuer);
        let task = tokio::spawn(self.clone().run(slot.clone()).instrument(span));
        let id = slot.entry.id.clone();
        let refresh = task
            .map(move |ended| ended.unwrap_or_else(|_| Err(Arc::new(KeysError::Interrupted(id)))))
            .boxed()
            .shared();
        state.running = Some(refresh.clone());
        Some(refresh)
    }

    async fn run(self: Arc<Self>, slot: Arc<Slot>) -> RefreshResult {
        let _running = Running(&slot);
        let shelved = match slot.kept.load_full() {
            Some(_) => None,
            None => self.take_from_shelf(&slot).await,
        };
        if let Some(kept) = shelved.as_ref().filter(|kept| self.clock.now() < kept.refresh_at) {
            locked(&slot.state).pace.give_back();
            slot.kept.store(Some(kept.clone()));
            return Ok(kept.clone());
        }
        match self.ask(&slot.entry).await {
            Ok((document, kept)) => {
                locked(&slot.state).last_error = None;
                let kept = Arc::new(kept);
                slot.kept.store(Some(kept.clone()));
                self.put_on_shelf(&slot, &document, kept.fetched_at).await;
                Ok(kept)
            }
            Err(error) => {
                let error = Arc::new(error);
                log_failure(&error);
                locked(&slot.state).last_error = Some(error.clone());
                // Keys that are due may have been withdrawn while nobody looked: they serve
                // only where the issuer does not answer.
                slot.kept.store(slot.kept.load_full().or_else(|| shelved.clone()));
                shelved.ok_or(error)
            }
        }
    }

    /// Fetch and read the issuer's keys.
    async fn ask(&self, entry: &IssuerEntry) -> Result<(String, Kept), KeysError> {
        let fetched = self.fetch_keys(entry).await?;
        let refused = |reason| KeysError::Discovery { issuer: entry.id.clone(), reason };
        discovery::check_mark(&fetched.body, self.dev).map_err(refused)?;
        let kept = read(&fetched, self.clock.now(), entry)?;
        let document =
            String::from_utf8(fetched.body).map_err(|_| refused(DiscoveryError::Malformed))?;
        for reason in kept.set.left_out() {
            tracing::warn!(issuer = %entry.id, %reason, "a key of the issuer's set is left out");
        }
        Ok((document, kept))
    }

    async fn fetch_keys(&self, entry: &IssuerEntry) -> Result<Fetched, KeysError> {
        let unfetched = |reason| KeysError::Fetch { issuer: entry.id.clone(), reason };
        let refused = |reason| KeysError::Discovery { issuer: entry.id.clone(), reason };
        let request = |url, ca_file: &Option<_>, bearer_token_file: &Option<_>| FetchRequest {
            url,
            ca_file: ca_file.clone(),
            bearer_token_file: bearer_token_file.clone(),
        };
        match &entry.keys {
            KeySource::Discovery { ca_file, bearer_token_file } => {
                let url = discovery::document_url(entry).map_err(refused)?;
                let asked = self.fetch.fetch(request(url, ca_file, bearer_token_file)).await;
                let document = asked.map_err(unfetched)?.body;
                discovery::check_mark(&document, self.dev).map_err(refused)?;
                let url = discovery::keys_url(&document, entry).map_err(refused)?;
                self.fetch.fetch(request(url, ca_file, bearer_token_file)).await.map_err(unfetched)
            }
            KeySource::JwksFile { path } => self.fetch.read(path.clone()).await.map_err(unfetched),
            KeySource::JwksUri { url, ca_file, bearer_token_file } => {
                let url = discovery::checked_url(url.as_str(), entry).map_err(refused)?;
                self.fetch.fetch(request(url, ca_file, bearer_token_file)).await.map_err(unfetched)
            }
        }
    }

    async fn take_from_shelf(&self, slot: &Slot) -> Option<Arc<Kept>> {
        let entry = &slot.entry;
        let shelved = match self.shelf.find(&entry.id).await {
            Ok(shelved) => shelved?,
            Err(error) => {
                log_failure(&error);
                return None;
            }
        };
        let age = self.clock.now().since(shelved.fetched_at);
        if shelved.source != source(entry) || !(0..=self.bound).contains(&age) {
            return None;
        }
        let fetched = Fetched { body: shelved.document.clone().into_bytes(), max_age: None };
        discovery::check_mark(&fetched.body, self.dev).ok()?;
        let kept = Arc::new(read(&fetched, shelved.fetched_at, entry).ok()?);
        locked(&slot.state).shelved = Some((shelved.document, shelved.fetched_at));
        Some(kept)
    }

    /// Shelve what was fetched, unless the shelf has it already and not for long.
    async fn put_on_shelf(&self, slot: &Slot, document: &str, fetched_at: Timestamp) {
        let fresh = locked(&slot.state).shelved.as_ref().is_some_and(|(shelved, at)| {
            shelved == document && fetched_at.since(*at) < SHELVE_EVERY
        });
        if fresh {
            return;
        }
        let source = source(&slot.entry);
        let keys = ShelvedKeys { document: document.to_owned(), fetched_at, source };
        match self.shelf.put(&slot.entry.id, keys).await {
            Ok(()) => {
                locked(&slot.state).shelved = Some((document.to_owned(), fetched_at));
            }
            Err(error) => log_failure(&error),
        }
    }
}

/// Read a key set, and say for how long it is fresh.
fn read(fetched: &Fetched, fetched_at: Timestamp, entry: &IssuerEntry) -> Result<Kept, KeysError> {
    let set = KeySet::parse(&fetched.body)
        .map_err(|reason| KeysError::Set { issuer: entry.id.clone(), reason })?;
    let longest = match entry.keys {
        // A file is changed by whoever wants it read, and costs nothing to read again.
        KeySource::JwksFile { .. } => SHORTEST_LIFE,
        KeySource::Discovery { .. } | KeySource::JwksUri { .. } => LONGEST_LIFE,
    };
    let life = fetched.max_age.unwrap_or(longest).clamp(SHORTEST_LIFE, longest);
    Ok(Kept { set, fetched_at, refresh_at: fetched_at.plus(life - life / 4) })
}

impl Slot {
    fn serves(&self, entry: &Arc<IssuerEntry>) -> bool {
        let same = |other: &IssuerEntry| {
            self.entry.iss == other.iss
                && self.entry.keys == other.keys
                && self.entry.insecure_loopback == other.insecure_loopback
        };
        Arc::ptr_eq(&self.entry, entry) || same(entry)
    }
}

/// Clears the running refresh when it ends, however it ends.
struct Running<'a>(&'a Slot);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        locked(&self.0.state).running = None;
    }
}

/// What an entry's keys were fetched for, as one text.
fn source(entry: &IssuerEntry) -> String {
    let keys = serde_json::to_string(&entry.keys).unwrap_or_default();
    CANONICAL.encode(replay::digest(&["segura/key-source/1", entry.iss.as_str(), &keys]))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log_failure(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error = %crate::telemetry::Chain(error), "issuer keys");
}

/// Bounds of an issuer's `max-age`, in seconds.
const SHORTEST_LIFE: i64 = 5 * 60;
const LONGEST_LIFE: i64 = 60 * 60;
/// Unchanged keys are shelved anew this often, in seconds.
const SHELVE_EVERY: i64 = 60 * 60;
