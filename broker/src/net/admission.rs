//! How many connections one address may have, so that no stranger takes them all.
//!
//! An IPv6 caller has a whole /64 to choose addresses from, so that counts as one. A trusted
//! proxy brings many callers and is not counted. Counted is from the moment a connection is
//! accepted: one that never speaks TLS counts too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segura_model::{Clock, Timestamp};

use super::Network;

/// Lets connections in, or turns them away.
pub struct Admission {
    most: usize,
    exempt: Vec<Network>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections that are open now. One that has none has no place here.
    open: HashMap<IpAddr, usize>,
    told_at: Option<Timestamp>,
    /// Turned away since.
    untold: u64,
}

/// A connection that was let in. Its place is free again when this is dropped.
pub struct Ticket {
    admission: Arc<Admission>,
    /// `None`: it is not counted.
    counted: Option<IpAddr>,
}

impl Admission {
    /// At most so many connections of one address, except of these networks.
    pub fn new(most: usize, exempt: Vec<Network>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { most, exempt, clock, state: Mutex::default() })
    }

    /// Let a connection from this address in, unless it has too many; that is logged at most
    /// once a minute.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Ticket> {
        let ticket = |counted| Some(Ticket { admission: Arc::clone(self), counted });
        if self.exempt.iter().any(|network| network.contains(peer)) {
            return ticket(None);
        }
        let source = source(peer);
        let mut state = self.state();
        let open = state.open.entry(source).or_insert(0);
        if *open < self.most {
            *open += 1;
            return ticket(Some(source));
        }
        if let Some(count) = state.turn_away(self.clock.now()) {
            let most = self.most;
            tracing::warn!(%source, most, count, "an address has too many connections");
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many to tell of now, if it is time.
    fn turn_away(&mut self, now: Timestamp) -> Option<u64> {
        self.untold += 1;
        if self.told_at.is_some_and(|told| (0..PAUSE).contains(&now.since(told))) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(source) = self.counted else { return };
        if let Entry::Occupied(mut open) = self.admission.state().open.entry(source) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// What counts as one caller: an IPv4 address, or the /64 of an IPv6 one.
fn source(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}

/// Seconds between two lines of the log.
const PAUSE: i64 = 60;

#[cfg(test)]
mod tests {
    use segura_model::ManualClock;

    use super::*;

    fn admission(most: usize, exempt: &[&str]) -> Arc<Admission> {
        let exempt = exempt.iter().map(|text| text.parse().unwrap()).collect();
        Admission::new(most, exempt, Arc::new(ManualClock::at(Timestamp(1_800_000_000))))
    }

    fn admit(admission: &Arc<Admission>, peer: &str) -> Option<Ticket> {
        admission.admit(peer.parse().unwrap())
    }

    #[test]
    fn one_address_has_so_many_and_others_have_theirs() {
        let admission = admission(2, &[]);
        let held: Vec<_> = (0..5).filter_map(|_| admit(&admission, "192.0.2.1")).collect();
        assert_eq!(held.len(), 2);
        assert!(admit(&admission, "::ffff:192.0.2.1").is_none(), "the same, written otherwise");
        assert!(admit(&admission, "192.0.2.2").is_some());
        drop(held);
        assert!(admit(&admission, "192.0.2.1").is_some());
        assert!(admission.state().open.is_empty(), "nobody who has left is remembered");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_together() {
        let admission = admission(2, &[]);
        let held: Vec<_> = (1..6)
            .filter_map(|host| admit(&admission, &format!("2001:db8:0:1:{host}::{host}")))
            .collect();
        assert_eq!(held.len(), 2);
        assert!(admit(&admission, "2001:db8:0:2::1").is_some());
    }

    #[test]
    fn a_trusted_proxy_has_as_many_as_it_likes() {
        let admission = admission(1, &["10.0.0.0/8"]);
        let held: Vec<_> = (0..100).filter_map(|_| admit(&admission, "10.0.0.1")).collect();
        assert_eq!(held.len(), 100);
    }

    #[test]
    fn it_is_told_once_a_minute_with_how_many() {
        let mut state = State::default();
        let now = Timestamp(1_800_000_000);
        assert_eq!(state.turn_away(now), Some(1));
        assert_eq!((1..60).find_map(|second| state.turn_away(now.plus(second))), None);
        assert_eq!(state.turn_away(now.plus(60)), Some(60));
    }
}
