//! A refusal by its id: what the caller was not told.

use segura_model::DenialId;
use segura_model::audit::Record;
use segura_model::policy::Trace;
use segura_store::LedgerFilter;

use super::{TrustError, TrustService};

/// A refusal, whole.
#[derive(Clone, Debug)]
pub struct Denial {
    /// What the ledger has.
    pub record: Record,
    /// Every policy and every check, if it came that far.
    pub trace: Option<Trace>,
}

impl TrustService {
    /// Open a refusal.
    pub async fn denial(&self, id: DenialId) -> Result<Denial, TrustError> {
        let filter = LedgerFilter { denial: Some(id), ..LedgerFilter::default() };
        let page = self.core.store().ledger_page(&filter, 1).await?;
        let record = page.rows.into_iter().find_map(|row| row.record);
        let record = record.ok_or(TrustError::DenialNotFound(id))?;
        let trace = record.detail.get("trace").cloned();
        let trace = trace.and_then(|trace| serde_json::from_value(trace).ok());
        Ok(Denial { record, trace })
    }
}
