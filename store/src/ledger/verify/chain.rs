//! The check of one chain, record by record.
//!
//! After a bad record the next is checked against whatever could have been before it, so
//! that one edit gives one problem, and records that changed places are named as such.
//! What is remembered for that is bounded; past the bound, problems are told less exactly
//! and never lost.

use segura_model::ChainId;

use super::super::encoding::{Hash, record_hash, sha256};
use super::super::rows::{Row, hash_or_none};
use super::problem::{Problem, ProblemKind, VerifyReport};
use crate::{Head, HeadMac};

/// How many bad records are remembered to explain others by.
const SUSPECTS: usize = 64;
/// How many problems of one chain are remembered; more are counted.
const PROBLEMS: usize = 2000;

/// The check of one chain.
pub(super) struct ChainCheck {
    chain: ChainId,
    cursor: i64,
    last_seq: i64,
    link: Link,
    suspects: Vec<Suspect>,
    problems: Vec<Problem>,
    uncounted: u64,
}

/// What the record before leaves to be checked against.
enum Link {
    /// The record before is bad: its stored hash may or may not be the right one.
    Doubtful(Hash),
    /// The record before holds.
    Known(Hash),
    /// The record before is missing.
    Unknown,
}

/// A record that does not fit its place.
struct Suspect {
    record: Record,
    /// What should have been before it, if that is known.
    previous: Option<Hash>,
    problem: usize,
}

/// What a record's place is checked with.
#[derive(Clone, Copy)]
struct Record {
    encoding: i64,
    seq: i64,
    content: Hash,
    stored: Hash,
}

impl ChainCheck {
    /// The check of a chain whose first record follows `start`, its line in the register.
    pub(super) fn new(chain: ChainId, start: Hash) -> Self {
        Self {
            chain,
            cursor: i64::MIN,
            last_seq: 0,
            link: Link::Known(start),
            suspects: Vec::new(),
            problems: Vec::new(),
            uncounted: 0,
        }
    }

    /// The number of the last record that was checked.
    pub(super) const fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// Which rows were seen: from the very first, for one that was put before record 1.
    pub(super) const fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Check the next record.
    pub(super) fn record(&mut self, row: &Row, paths: Vec<(String, i64)>) {
        if row.seq < 1 {
            self.add(row.seq, ProblemKind::Unlinked);
            self.cursor = row.seq;
            return;
        }
        let columns = row.columns(paths);
        if row.seq > self.last_seq + 1 {
            self.add(self.last_seq + 1, ProblemKind::Missing { last: row.seq - 1 });
            self.link = Link::Unknown;
        }
        (self.last_seq, self.cursor) = (row.seq, row.seq);
        let (encoding, stored) = (row.encoding, hash_or_none(&row.hash));
        if let Some(content) = columns.content(encoding) {
            self.place(Record { encoding, seq: row.seq, content, stored });
        } else {
            self.add(row.seq, ProblemKind::Encoding { number: encoding });
            self.link = Link::Doubtful(stored);
        }
        match &row.body {
            Some(body) if sha256(body.as_bytes()) != columns.body_digest => {
                self.add(row.seq, ProblemKind::Body);
            }
            Some(_) => {}
            // The chain would hold without it; until something retires bodies by rule, only
            // a hand at the database takes one away.
            None => {
                self.add(row.seq, ProblemKind::BodyMissing);
            }
        }
    }

    /// Check the head, which was read after the last record.
    pub(super) fn head(&mut self, head: &Head, mac: &dyn HeadMac) {
        let last = self.last_seq;
        if head.seq > last {
            self.add(last + 1, ProblemKind::Truncated { last: head.seq });
        } else if head.seq < last {
            self.add(head.seq + 1, ProblemKind::BeyondHead);
        }
        let is_hash = match self.link {
            Link::Doubtful(stored) | Link::Known(stored) => stored == head.hash,
            Link::Unknown => false,
        };
        if !head.is_authentic(mac) || (head.seq == last && !is_hash) {
            self.add(head.seq, ProblemKind::Head);
        }
    }

    /// Hand in what was found.
    pub(super) fn finish(mut self, report: &mut VerifyReport) {
        self.problems.sort_by_key(|problem| problem.seq);
        for problem in self.problems {
            report.add(problem.chain, problem.seq, problem.what);
        }
        report.unlisted += self.uncounted;
    }

    fn place(&mut self, record: Record) {
        let (previous, doubted) = match self.link {
            Link::Known(previous) => (Some(previous), None),
            Link::Doubtful(stored) => (None, Some(stored)),
            Link::Unknown => {
                // Nothing to check it with: its own hash has to do for the next.
                self.link = Link::Known(record.stored);
                return;
            }
        };
        let fits = |candidate: Hash| record.fits(self.chain, record.seq, &candidate);
        let mut candidates = previous.into_iter().chain(doubted);
        if candidates.any(fits) || (doubted.is_some() && self.stored_elsewhere().any(fits)) {
            self.link = Link::Known(record.stored);
            return;
        }
        self.suspect(record, previous);
        self.link = Link::Doubtful(record.stored);
    }

    /// The hashes stored beside bad records: each may belong to another place.
    fn stored_elsewhere(&self) -> impl Iterator<Item = Hash> {
        self.suspects.iter().map(|suspect| suspect.record.stored)
    }

    /// Note a bad record, and see what it explains and what explains it.
    fn suspect(&mut self, record: Record, previous: Option<Hash>) {
        let what = match previous {
            Some(_) => ProblemKind::Edited,
            None => ProblemKind::Unlinked,
        };
        let Some(problem) = self.add(record.seq, what) else { return };
        self.explain(record, previous, problem);
        if self.suspects.len() < SUSPECTS {
            self.suspects.push(Suspect { record, previous, problem });
        }
        self.clear(record.stored);
    }

    /// See whether a bad record belongs to the place of another, or another to its place.
    fn explain(&mut self, record: Record, previous: Option<Hash>, problem: usize) {
        let chain = self.chain;
        let mut places = Vec::from_iter(previous.map(|before| (record.seq, before)));
        for suspect in &self.suspects {
            let seq = suspect.record.seq;
            if suspect.previous.is_some_and(|before| record.fits(chain, seq, &before)) {
                self.problems[problem].what = ProblemKind::Moved { from: seq };
                // So its hash is what the place after that one follows.
                places.push((seq + 1, record.stored));
            }
        }
        for suspect in &self.suspects {
            for (seq, before) in &places {
                if suspect.record.fits(chain, *seq, before) {
                    self.problems[suspect.problem].what = ProblemKind::Moved { from: *seq };
                }
            }
        }
    }

    /// Take back what was said of records that only lacked the hash found here: they follow
    /// a record that had moved.
    fn clear(&mut self, found: Hash) {
        let chain = self.chain;
        let mut cleared = Vec::new();
        self.suspects.retain(|suspect| {
            let explained = suspect.previous.is_none()
                && suspect.record.fits(chain, suspect.record.seq, &found);
            if explained {
                cleared.push(suspect.problem);
            }
            !explained
        });
        for problem in cleared.into_iter().rev() {
            self.problems.remove(problem);
            for suspect in &mut self.suspects {
                suspect.problem -= usize::from(suspect.problem > problem);
            }
        }
    }

    /// Note a problem and say where; `None` when there are too many already.
    fn add(&mut self, seq: i64, what: ProblemKind) -> Option<usize> {
        if self.problems.len() == PROBLEMS {
            self.uncounted += 1;
            return None;
        }
        self.problems.push(Problem { chain: self.chain, seq, what });
        Some(self.problems.len() - 1)
    }
}

impl Record {
    /// Whether the record's stored hash is that of its content as number `seq` after
    /// `previous`.
    fn fits(&self, chain: ChainId, seq: i64, previous: &Hash) -> bool {
        record_hash(self.encoding, chain, seq, previous, &self.content) == self.stored
    }
}
