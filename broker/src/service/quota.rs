//! How many refusals of one owner are kept whole.
//!
//! A refusal of a stranger is counted, not written, so that nobody can fill the disk
//! with valid tokens of a public platform; but an operator must be able to open the
//! id that a confused colleague sends. So the first few of each owner in an hour are
//! kept, within one bound for all (design, decision 10).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use segura_model::Timestamp;

const HOUR: i64 = 3600;

/// A count per owner that starts anew every hour.
#[derive(Debug)]
pub(crate) struct Quota<K> {
    per_owner: u32,
    in_all: u32,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    hour: i64,
    taken: u32,
    owners: HashMap<K, u32>,
}

impl<K: Clone + Eq + Hash> Quota<K> {
    /// At most `per_owner` of one owner and `in_all` of all, each hour. `in_all` also
    /// bounds the memory: only an owner that was given something is remembered.
    pub(crate) fn new(per_owner: u32, in_all: u32) -> Self {
        let state = State { hour: i64::MIN, taken: 0, owners: HashMap::new() };
        Self { per_owner, in_all, state: Mutex::new(state) }
    }

    /// Whether one more may be kept of something that all of these own: a repository
    /// counts for itself and for its owner, so that many repositories do not help.
    pub(crate) fn take(&self, owners: &[K], now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now.0.div_euclid(HOUR);
        if state.hour != hour {
            *state = State { hour, taken: 0, owners: HashMap::new() };
        }
        let spent = |owner| state.owners.get(owner).is_some_and(|had| *had >= self.per_owner);
        if state.taken >= self.in_all || owners.iter().any(spent) {
            return false;
        }
        for owner in owners {
            *state.owners.entry(owner.clone()).or_insert(0) += 1;
        }
        state.taken += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_521_600);

    #[test]
    fn the_first_of_an_owner_are_kept_and_the_next_hour_begins_anew() {
        let quota = Quota::new(2, 100);
        let kept: Vec<bool> = (0..4).map(|_| quota.take(&["acme"], NOON)).collect();
        assert_eq!(kept, [true, true, false, false]);
        assert!(quota.take(&["other"], NOON));
        assert!(quota.take(&["acme"], NOON.plus(HOUR)));
    }

    #[test]
    fn many_repositories_of_one_owner_count_as_one() {
        let quota = Quota::new(3, 100);
        let kept = (0..50)
            .filter(|repository| quota.take(&["acme".to_owned(), repository.to_string()], NOON));
        assert_eq!(kept.count(), 3);
    }

    #[test]
    fn many_owners_share_one_bound() {
        let quota = Quota::new(5, 10);
        let kept = (0..1000).filter(|owner| quota.take(&[*owner], NOON)).count();
        assert_eq!(kept, 10);
        assert_eq!(quota.state.lock().unwrap().owners.len(), 10);
    }
}
