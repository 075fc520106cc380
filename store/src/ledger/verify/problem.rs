//! What a verification can find, in words.

use std::fmt;

use segura_model::ChainId;

/// The most problems that a report lists; more are counted.
const LISTED: usize = 1000;

/// What [`verify`](crate::ledger::verify()) found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many chains were read.
    pub chains: u64,
    /// How many records were read.
    pub records: u64,
    /// What is wrong; empty when nothing is. At most 1,000.
    pub problems: Vec<Problem>,
    /// How many problems there are beside those listed.
    pub unlisted: u64,
}

/// Something wrong with the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The chain.
    pub chain: ChainId,
    /// The record, from 1; 0 for the chain's line in the register.
    pub seq: i64,
    /// What is wrong with it.
    pub what: ProblemKind,
}

/// What is wrong with a record or a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The record is past the head of its chain.
    BeyondHead,
    /// The record's body does not match the digest in the record.
    Body,
    /// The record's body is gone; the record itself still proves when it was and of what.
    BodyMissing,
    /// Whole chains are missing before this one.
    ChainsMissing {
        /// The number of the first in the register.
        first: i64,
        /// The number of the last.
        last: i64,
    },
    /// The record was changed after it was written.
    Edited,
    /// The record says it is of an encoding that this release does not know.
    Encoding {
        /// The number of the encoding.
        number: i64,
    },
    /// A head that was given to compare with was not made by this broker.
    ForeignHead,
    /// The chain's stored head is not the hash of its last record, or its MAC is not ours.
    Head,
    /// A head that was kept outside proves another record here.
    KeptHeadDiffers,
    /// A head that was kept outside proves a record here that is missing.
    KeptHeadMissing,
    /// This and the following records are missing.
    Missing {
        /// The last of them.
        last: i64,
    },
    /// The record here was written as another number.
    Moved {
        /// That number.
        from: i64,
    },
    /// The chain registered next saw a record here that is missing or another.
    Predecessor,
    /// The chain's line in the register was changed.
    Register,
    /// The chain was cut short: this and the following records are missing at its end.
    Truncated {
        /// The last of them.
        last: i64,
    },
    /// The record does not follow the one before it: one of the two was changed.
    Unlinked,
    /// The record's chain is not in the register.
    Unregistered,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Note a problem.
    pub(super) fn add(&mut self, chain: ChainId, seq: i64, what: ProblemKind) {
        if self.problems.len() < LISTED {
            self.problems.push(Problem { chain, seq, what });
        } else {
            self.unlisted += 1;
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            0 => write!(f, "chain {}: {}", self.chain, self.what),
            seq => write!(f, "chain {} record {seq}: {}", self.chain, self.what),
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeyondHead => f.write_str("stands after the head of its chain"),
            Self::Body => f.write_str("its body was changed"),
            Self::BodyMissing => f.write_str("its body was removed"),
            Self::ChainsMissing { first, last } => {
                write!(f, "the chains registered as numbers {first} to {last} are missing")
            }
            Self::Edited => f.write_str("was changed after it was written"),
            Self::Encoding { number } => write!(
                f,
                "says that it is of encoding {number}, not known here: verify with the release \
                 that wrote it; if none did, the record was changed"
            ),
            Self::ForeignHead => f.write_str("the head given was not made by this broker"),
            Self::Head => f.write_str("the stored head is not this record's, or not our own"),
            Self::KeptHeadDiffers => {
                f.write_str("the head kept outside proves another record in this place")
            }
            Self::KeptHeadMissing => {
                f.write_str("the head kept outside proves it, and it is missing")
            }
            Self::Missing { last } => write!(f, "it and all up to record {last} are missing"),
            Self::Moved { from } => write!(f, "what is here was written as record {from}"),
            Self::Predecessor => {
                f.write_str("the next server start saw it, and it is missing or another now")
            }
            Self::Register => f.write_str("its line in the register of chains was changed"),
            Self::Truncated { last } => {
                write!(f, "the chain was cut short: it and all up to record {last} are missing")
            }
            Self::Unlinked => {
                f.write_str("does not follow the record before it: one of the two was changed")
            }
            Self::Unregistered => f.write_str("its chain is not in the register"),
        }
    }
}
