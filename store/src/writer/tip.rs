//! Where the writer's chain stands.

use segura_model::ChainId;

use crate::ledger::encoding::{ENCODING, Hash, Prepared, record_hash};
use crate::ledger::rows::{NewPath, NewRow};
use crate::{Head, HeadMac};

/// The end of the chain, as of the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) chain: ChainId,
    pub(super) text: String,
    pub(super) seq: i64,
    pub(super) hash: Hash,
    /// How many commits the chain has seen: what tells a lost commit that was done from one
    /// that was not, even if it wrote no record.
    pub(super) commits: i64,
}

/// Records that were given their places, and the tip once they are written.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) first_seq: i64,
    pub(super) hashes: Vec<Hash>,
    moved: bool,
    pub(super) tip: Tip,
}

impl Tip {
    /// Chain `records` to this tip.
    pub(super) fn place<'a>(&self, records: impl Iterator<Item = &'a Prepared>) -> Placed {
        let (mut seq, mut hash) = (self.seq, self.hash);
        let mut hashes = Vec::new();
        for record in records {
            seq += 1;
            hash = record_hash(ENCODING, self.chain, seq, &hash, &record.content);
            hashes.push(hash);
        }
        Placed {
            first_seq: self.seq + 1,
            hashes,
            moved: true,
            tip: Self { seq, hash, commits: self.commits + 1, ..self.clone() },
        }
    }

    /// No records and no commit.
    pub(super) fn unmoved(&self) -> Placed {
        Placed { first_seq: self.seq + 1, hashes: Vec::new(), moved: false, tip: self.clone() }
    }

    /// The head to store.
    pub(super) fn head(&self, mac: &dyn HeadMac) -> Head {
        Head::make(mac, self.chain, self.seq, self.hash)
    }
}

impl Placed {
    /// Whether there was nothing to write.
    pub(super) const fn is_unmoved(&self) -> bool {
        !self.moved
    }

    /// The rows of the records, which must be the ones that were placed.
    pub(super) fn rows<'a>(
        &'a self,
        records: impl Iterator<Item = &'a Prepared>,
    ) -> impl Iterator<Item = NewRow<'a>> {
        (self.first_seq..)
            .zip(&self.hashes)
            .zip(records)
            .map(|((seq, hash), record)| NewRow::new(&self.tip.text, seq, hash, record))
    }

    /// The lines of their index of paths.
    pub(super) fn paths<'a>(
        &'a self,
        records: impl Iterator<Item = &'a Prepared>,
    ) -> impl Iterator<Item = NewPath<'a>> {
        (self.first_seq..)
            .zip(records)
            .flat_map(|(seq, record)| NewPath::of(&self.tip.text, seq, record))
    }
}
