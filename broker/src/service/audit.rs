//! The ledger, read and verified.
//!
//! A verification reads everything, so a server runs one at a time and refuses the others:
//! if they waited, they would hold the places that operators are served in.

use std::collections::BTreeSet;
use std::sync::Arc;

use segura_model::{Class, Classify};
use segura_store::ledger::{self, LedgerFilter, LedgerPage, VerifyReport};
use segura_store::{Head, HeadMac, StoreError};

use tokio::sync::Semaphore;

use super::Core;

/// Why the ledger was not read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A head that is none.
    #[error("`heads` must be texts that `segura audit head` printed: the {0}. is not")]
    Head(usize),
    /// More heads than one verification is made against.
    #[error("at most {MOST_HEADS} different heads are verified against at once")]
    TooManyHeads,
    /// Another verification runs.
    #[error("this server verifies the ledger already: try again when that is done")]
    Running,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for AuditError {
    fn class(&self) -> Class {
        match self {
            Self::Head(_) => Class::bad_request("head-malformed"),
            Self::TooManyHeads => Class::bad_request("heads-too-many"),
            Self::Running => Class::unavailable("verify-running"),
            Self::Store(error) => error.class(),
        }
    }
}

/// Reads the ledger.
#[derive(Clone)]
pub struct AuditService {
    core: Arc<Core>,
    mac: Arc<dyn HeadMac>,
    verifying: Arc<Semaphore>,
}

/// Each start of a server leaves one head, and each that was kept is looked up.
const MOST_HEADS: usize = 10_000;

impl AuditService {
    /// The service over this core.
    pub fn new(core: Arc<Core>, mac: Arc<dyn HeadMac>) -> Self {
        Self { core, mac, verifying: Arc::new(Semaphore::new(1)) }
    }

    /// A page of records.
    pub async fn page(
        &self,
        filter: &LedgerFilter,
        limit: usize,
    ) -> Result<LedgerPage, AuditError> {
        Ok(self.core.store().ledger_page(filter, limit).await?)
    }

    /// The head of every chain, to be kept outside.
    pub async fn heads(&self) -> Result<Vec<Head>, AuditError> {
        Ok(self.core.store().ledger_heads().await?)
    }

    /// Read it all again and say what is wrong; against heads kept outside, if given.
    pub async fn verify(&self, heads: &[String]) -> Result<VerifyReport, AuditError> {
        let parse =
            |(at, text): (usize, &String)| text.parse().map_err(|_| AuditError::Head(at + 1));
        // Kept heads repeat: each look at the ledger keeps those of all chains.
        let mut seen = BTreeSet::new();
        let first = heads.iter().enumerate().filter(|(_, text)| seen.insert(text.as_str()));
        let heads: Vec<Head> = first.map(parse).collect::<Result<_, _>>()?;
        if heads.len() > MOST_HEADS {
            return Err(AuditError::TooManyHeads);
        }
        let _turn = self.verifying.try_acquire().map_err(|_| AuditError::Running)?;
        let kept = (!heads.is_empty()).then_some(heads.as_slice());
        Ok(ledger::verify(self.core.store(), &*self.mac, kept).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::World;

    #[tokio::test]
    async fn one_verification_runs_at_a_time() {
        let world = World::with_job().await;
        let mut first = Box::pin(world.app.audit.verify(&[]));
        assert!(futures::poll!(&mut first).is_pending());
        let second = world.app.audit.verify(&[]).await;
        assert!(matches!(second, Err(AuditError::Running)), "{second:?}");
        assert!(first.await.unwrap().problems.is_empty());
        world.app.audit.verify(&[]).await.unwrap();
    }

    #[tokio::test]
    async fn each_head_is_looked_up_once_and_not_too_many_are() {
        let world = World::with_job().await;
        let head = world.app.audit.heads().await.unwrap().remove(0);
        let foreign = Head { seq: head.seq + 1, ..head }.to_string();
        let report = world.app.audit.verify(&vec![foreign; 20_000]).await.unwrap();
        assert_eq!(report.problems.len(), 1);
        let many = |seq| Head { seq, ..head }.to_string();
        let many: Vec<String> = (1..=10_001).map(many).collect();
        let refused = world.app.audit.verify(&many).await;
        assert!(matches!(refused, Err(AuditError::TooManyHeads)), "{refused:?}");
    }
}
