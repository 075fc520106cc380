//! What becomes of each order of a batch: the decisions, without a database.
//!
//! Each arm asks in the same order: what is stale, whose session is over, whose token is
//! spent. An order that falls at one question is out of the later ones, so it writes
//! nothing; what is left is written together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use segura_model::Timestamp;

use super::entry::{Commit, SpentToken};
use super::figures::WriterFigures;
use super::order::{Order, Step};
use super::since::Since;
use super::tip::{Placed, Tip};
use crate::ledger::encoding::{Hash, Prepared};
use crate::spent_tokens::{Key, Spent};
use crate::tallies::{Book, Counts};
use crate::{ChangeNumber, HeadMac, Receipt, StoreError, sessions, spent_tokens};

/// When a session ended, and when it expires.
pub(super) type SessionState = (Option<i64>, i64);

/// Orders that are written together.
#[derive(Debug)]
pub(super) struct Batch {
    orders: Vec<Order>,
    fates: Vec<Fate>,
    now: i64,
    number: i64,
    lost: BTreeSet<Key>,
    spent: HashMap<Key, Spent>,
}

/// What becomes of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    SessionEnded,
    Spent(Key),
    Stale,
    Written,
}

impl Batch {
    /// A batch, decided on at `now`.
    pub(super) fn new(orders: Vec<Order>, now: Timestamp) -> Self {
        let fates = vec![Fate::Written; orders.len()];
        Self { orders, fates, now: now.0, number: 0, lost: BTreeSet::new(), spent: HashMap::new() }
    }

    /// When the batch is decided on.
    pub(super) const fn now(&self) -> i64 {
        self.now
    }

    /// Take the orders apart again.
    pub(super) fn into_orders(self) -> Vec<Order> {
        self.orders
    }

    /// The oldest number before `number` that an order was decided under, if any was.
    pub(super) fn oldest_before(&self, number: i64) -> Option<i64> {
        let decided = self.orders.iter().filter_map(|order| order.decided_at);
        decided.filter(|decided| *decided < number).min()
    }

    /// First question: for which did something change since they were decided? `since`
    /// tells what changed after the oldest of them, up to `number`.
    pub(super) fn judge_number(&mut self, number: i64, since: &Since) {
        self.number = number;
        self.lost.clear();
        self.spent.clear();
        for (order, fate) in self.orders.iter().zip(&mut self.fates) {
            *fate = match order.decided_at {
                Some(decided) if decided > number => Fate::Stale,
                Some(decided) if decided < number && since.concerns(order, decided) => Fate::Stale,
                _ => Fate::Written,
            };
        }
    }

    /// The sessions that orders end, sorted.
    pub(super) fn ends(&self) -> BTreeSet<String> {
        let ends = self.live().filter_map(|order| match &order.step {
            Step::End(id) => Some(id.clone()),
            _ => None,
        });
        ends.collect()
    }

    /// The sessions that orders demand to be open and that no order ends, sorted.
    pub(super) fn checks(&self) -> BTreeSet<String> {
        let ends = self.ends();
        let checks = self.live().filter_map(|order| match &order.step {
            Step::Check(id) if !ends.contains(id) => Some(id.clone()),
            _ => None,
        });
        checks.collect()
    }

    /// Second question: whose session is over? In the order of the queue: after an order
    /// that ends a session, none may use it.
    pub(super) fn judge_sessions(&mut self, states: &HashMap<String, SessionState>) {
        let mut ended_here = HashSet::new();
        for (order, fate) in self.orders.iter().zip(&mut self.fates) {
            if *fate != Fate::Written {
                continue;
            }
            let fine = match &order.step {
                Step::Check(id) => {
                    !ended_here.contains(id)
                        && states.get(id).is_some_and(|state| is_open(state, self.now))
                }
                Step::End(id) => {
                    let running = states.get(id).is_some_and(|(ended_at, _)| ended_at.is_none());
                    running && ended_here.insert(id)
                }
                Step::None | Step::Open(_) => true,
            };
            if !fine {
                *fate = Fate::SessionEnded;
            }
        }
    }

    /// The tokens to spend, sorted by key, each once: of two orders with one token the
    /// first in the queue gets to try.
    pub(super) fn spends(&self) -> Vec<&spent_tokens::Row> {
        let mut rows = BTreeMap::new();
        for row in self.live().filter_map(|order| order.spend.as_ref()) {
            rows.entry((&row.issuer, &row.token_key)).or_insert(row);
        }
        rows.into_values().collect()
    }

    /// Third question: whose token was spent before? `won` are the keys that were inserted.
    pub(super) fn judge_spends(&mut self, won: &HashSet<Key>) {
        let mut taken = HashSet::new();
        for (order, fate) in self.orders.iter().zip(&mut self.fates) {
            let Some(spend) = order.spend.as_ref().filter(|_| *fate == Fate::Written) else {
                continue;
            };
            let key = spend.key();
            if won.contains(&key) && taken.insert(key.clone()) {
                continue;
            }
            *fate = Fate::Spent(key.clone());
            self.lost.insert(key);
        }
    }

    /// The keys of the tokens that were spent before, which [`tell`](Self::tell) is about.
    pub(super) const fn lost(&self) -> &BTreeSet<Key> {
        &self.lost
    }

    /// Learn how a token was spent before.
    pub(super) fn tell(&mut self, key: Key, spent: Spent) {
        self.spent.insert(key, spent);
    }

    /// The sessions to open, sorted by id.
    pub(super) fn opened(&self) -> Vec<&sessions::NewRow> {
        let opened = self.live().filter_map(|order| match &order.step {
            Step::Open(row) => Some(row),
            _ => None,
        });
        let mut opened: Vec<_> = opened.collect();
        opened.sort_unstable_by_key(|new| &new.row.id);
        opened
    }

    /// The records to write, in the order of the queue.
    pub(super) fn records(&self) -> impl Iterator<Item = &Prepared> {
        self.live().flat_map(|order| &order.records)
    }

    /// What to count, sorted by key.
    pub(super) fn counts(&self, book: &mut Book) -> Counts {
        book.count(self.now, self.live().flat_map(|order| &order.tallies))
    }

    /// Whether anything is left to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.live().all(|order| {
            order.records.is_empty()
                && order.tallies.is_empty()
                && order.spend.is_none()
                && matches!(order.step, Step::Check(_) | Step::None)
        })
    }

    /// Count what became of the orders, now that the transaction is over.
    pub(super) fn note(&self, figures: &WriterFigures) {
        let (mut orders, mut rows, mut spent) = (0, 0, 0);
        for order in self.live() {
            let spends = usize::from(order.spend.is_some());
            let steps = usize::from(matches!(order.step, Step::End(_) | Step::Open(_)));
            (orders, spent) = (orders + 1, spent + spends);
            rows += order.records.len() + steps + spends;
        }
        for fate in &self.fates {
            match fate {
                Fate::SessionEnded => figures.session_ended.raise(),
                Fate::Spent(_) => figures.spent_before.raise(),
                Fate::Stale => figures.stale.raise(),
                Fate::Written => figures.written.raise(),
            }
        }
        figures.spent_tokens.raise_by(spent);
        figures.orders_per_commit.add(orders);
        figures.rows_per_commit.add(u64::try_from(rows).unwrap_or(u64::MAX));
    }

    /// Give the records their places after `tip`.
    pub(super) fn place(&self, tip: &Tip) -> Placed {
        tip.place(self.records())
    }

    /// What to answer, now that the transaction is over.
    pub(super) fn answers(
        &self,
        placed: &Placed,
        mac: &dyn HeadMac,
    ) -> Vec<Result<Commit, StoreError>> {
        let mut next = 0;
        let pairs = self.orders.iter().zip(&self.fates);
        let answers = pairs.map(|(order, fate)| match fate {
            Fate::SessionEnded => Ok(Commit::SessionEnded),
            Fate::Spent(key) => self.spent_answer(order, key),
            Fate::Stale => Ok(Commit::Stale { now: ChangeNumber(self.number) }),
            Fate::Written => {
                let own = next..next + order.records.len();
                next = own.end;
                let receipts = receipts(placed, own, mac);
                Ok(Commit::Done { receipts, change: ChangeNumber(self.number) })
            }
        });
        answers.collect()
    }

    fn spent_answer(&self, order: &Order, key: &Key) -> Result<Commit, StoreError> {
        // It was there when the insert met it; only a purge in between removes it, and what
        // is purged is long expired.
        let (Some(spent), Step::Open(mine)) = (self.spent.get(key), &order.step) else {
            return Err(StoreError::Invalid("a spent token is gone"));
        };
        let session = spent.session.as_ref();
        let repeat = session.map(|session| &session.repeat);
        Ok(Commit::Spent(SpentToken {
            same_request: repeat.is_some_and(|repeat| repeat.is_of_the_request_of(&mine.repeat)),
            session: spent.id.parse().map_err(StoreError::corrupt("a session's id"))?,
            answer: repeat.and_then(|repeat| repeat.answer.clone()).unwrap_or_default(),
            session_ended: !session.is_some_and(|session| is_open(&session.state, self.now)),
        }))
    }

    fn live(&self) -> impl Iterator<Item = &Order> {
        let pairs = self.orders.iter().zip(&self.fates);
        pairs.filter(|(_, fate)| **fate == Fate::Written).map(|(order, _)| order)
    }
}

fn is_open((ended_at, expires_at): &SessionState, now: i64) -> bool {
    ended_at.is_none() && *expires_at > now
}

/// Receipts for the records that were placed as `own`.
fn receipts(placed: &Placed, own: Range<usize>, mac: &dyn HeadMac) -> Vec<Receipt> {
    let first = placed.first_seq + i64::try_from(own.start).unwrap_or(i64::MAX);
    let receipt = |(seq, hash): (i64, &Hash)| Receipt::make(mac, placed.tip.chain, seq, *hash);
    (first..).zip(&placed.hashes[own]).map(receipt).collect()
}
