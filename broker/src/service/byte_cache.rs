//! A cache that is bounded in bytes: of sealed secrets, and of opened sessions.
//!
//! Two generations stand in for an exact order of use: what is asked for moves to the
//! young one, and when that has half of the bytes allowed, the old one is dropped.
//! The trap is a slow read that puts back what a change has just thrown out. So a
//! reader takes a [`Ticket`] before it asks the database, and what was changed since
//! is not kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How large an entry is, in bytes.
pub(crate) trait Weigh {
    /// Bytes that it keeps.
    fn weight(&self) -> usize;
}

/// A cache bounded in bytes.
#[derive(Debug)]
pub(crate) struct ByteCache<K, V> {
    most: usize,
    state: Mutex<State<K, V>>,
}

/// The moment at which a reader began to ask the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
struct State<K, V> {
    /// Raised by every change; a ticket of before is void.
    moment: u64,
    young_weight: usize,
    old_weight: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    hits: u64,
    misses: u64,
}

/// How full a cache is, and how often it served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCacheFigures {
    /// What is kept, in bytes.
    pub bytes: usize,
    /// How many are kept.
    pub entries: usize,
    /// How often something was found.
    pub hits: u64,
    /// How often nothing was.
    pub misses: u64,
}

impl<K: Clone + Eq + Hash, V: Clone + Weigh> ByteCache<K, V> {
    /// An empty cache that keeps at most `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        let state = State {
            moment: 0,
            young_weight: 0,
            old_weight: 0,
            young: HashMap::new(),
            old: HashMap::new(),
            hits: 0,
            misses: 0,
        };
        Self { most, state: Mutex::new(state) }
    }

    /// What is kept under `key`, or a ticket to put there what the database says.
    pub(crate) fn find(&self, key: &K) -> Result<V, Ticket> {
        let mut state = self.lock();
        if let Some(found) = state.young.get(key).cloned() {
            state.hits += 1;
            return Ok(found);
        }
        let Some(found) = state.old.remove(key) else {
            state.misses += 1;
            return Err(Ticket(state.moment));
        };
        state.hits += 1;
        state.old_weight -= found.weight();
        self.keep(&mut state, key.clone(), found.clone());
        Ok(found)
    }

    /// Keep what the database said, unless something has changed since the ticket.
    pub(crate) fn put(&self, ticket: Ticket, key: K, value: V) {
        let mut state = self.lock();
        if state.moment == ticket.0 {
            self.keep(&mut state, key, value);
        }
    }

    /// Throw out every entry that a change touches.
    pub(crate) fn forget(&self, touched: impl Fn(&K) -> bool) {
        let mut state = self.lock();
        state.moment += 1;
        state.old.retain(|key, _| !touched(key));
        state.young.retain(|key, _| !touched(key));
        state.young_weight = state.young.values().map(Weigh::weight).sum();
        state.old_weight = state.old.values().map(Weigh::weight).sum();
    }

    /// How full it is, and how often it served.
    pub(crate) fn figures(&self) -> ByteCacheFigures {
        let state = self.lock();
        ByteCacheFigures {
            bytes: state.young_weight + state.old_weight,
            entries: state.young.len() + state.old.len(),
            hits: state.hits,
            misses: state.misses,
        }
    }

    fn keep(&self, state: &mut State<K, V>, key: K, value: V) {
        let weight = value.weight();
        if weight > self.most / 2 {
            return;
        }
        if state.young_weight + weight > self.most / 2 {
            state.old = std::mem::take(&mut state.young);
            state.old_weight = std::mem::take(&mut state.young_weight);
        }
        state.young_weight += weight;
        if let Some(before) = state.young.insert(key, value) {
            state.young_weight -= before.weight();
        }
    }

    /// Nothing that holds the lock can panic half way; a poisoned one is still whole.
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for &'static str {
        fn weight(&self) -> usize {
            self.len()
        }
    }

    fn put(cache: &ByteCache<u8, &'static str>, key: u8, value: &'static str) {
        let ticket = cache.find(&key).unwrap_err();
        cache.put(ticket, key, value);
    }

    #[test]
    fn what_was_put_is_found() {
        let cache = ByteCache::new(100);
        put(&cache, 1, "one");
        assert_eq!(cache.find(&1).ok(), Some("one"));
    }

    #[test]
    fn a_read_that_began_before_a_change_is_not_kept() {
        let cache = ByteCache::new(100);
        let ticket = cache.find(&1).unwrap_err();
        cache.forget(|key| *key == 2);
        cache.put(ticket, 1, "stale");
        assert!(cache.find(&1).is_err());
    }

    #[test]
    fn a_change_throws_out_what_it_touches_and_nothing_else() {
        let cache = ByteCache::new(100);
        put(&cache, 1, "one");
        put(&cache, 2, "two");
        cache.forget(|key| *key == 1);
        assert!(cache.find(&1).is_err());
        assert_eq!(cache.find(&2).ok(), Some("two"));
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let cache = ByteCache::new(20);
        put(&cache, 0, "hot");
        for key in 1..50 {
            put(&cache, key, "cold");
            assert_eq!(cache.find(&0).ok(), Some("hot"), "after {key}");
            let state = cache.lock();
            let kept: usize = state.young.values().chain(state.old.values()).map(|v| v.len()).sum();
            assert!(kept <= 20, "{kept}");
            drop(state);
            assert_eq!(cache.figures().bytes, kept);
        }
        let figures = cache.figures();
        assert_eq!((figures.hits, figures.misses), (49, 50));
        cache.forget(|_| true);
        assert_eq!(cache.figures(), ByteCacheFigures { bytes: 0, entries: 0, ..figures });
    }

    #[test]
    fn what_is_larger_than_half_is_never_kept() {
        let cache = ByteCache::new(10);
        put(&cache, 1, "far too long");
        assert!(cache.find(&1).is_err());
    }
}
