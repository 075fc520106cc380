//! The ledger, read and verified.

use std::sync::Arc;

use segura_model::{Class, Classify};
use segura_store::ledger::{self, LedgerFilter, LedgerPage, VerifyReport};
use segura_store::{Head, HeadMac, StoreError};

use super::Core;

/// Why the ledger was not read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A head that is none.
    #[error("`heads` must be texts that `segura audit head` printed: the {0}. is not")]
    Head(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for AuditError {
    fn class(&self) -> Class {
        match self {
            Self::Head(_) => Class::bad_request("head-malformed"),
            Self::Store(error) => error.class(),
        }
    }
}

/// Reads the ledger.
#[derive(Clone)]
pub struct AuditService {
    core: Arc<Core>,
    mac: Arc<dyn HeadMac>,
}

impl AuditService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>, mac: Arc<dyn HeadMac>) -> Self {
        Self { core, mac }
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
        let heads: Vec<Head> = heads.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
        let kept = (!heads.is_empty()).then_some(heads.as_slice());
        Ok(ledger::verify(self.core.store(), &*self.mac, kept).await?)
    }
}
