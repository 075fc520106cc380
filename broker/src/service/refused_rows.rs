//! Which stored rows that decide trust were not written by this broker.
//!
//! They count for nothing wherever they are read; this is so that somebody learns of them,
//! also of those that nothing has read since they were planted.

use std::sync::Arc;

use arc_swap::ArcSwap;
use segura_store::{RefusedRow, RowMac, Store, StoreError};

/// The most rows that one look names in the log: whoever plants them may plant many.
const NAMED: usize = 100;

/// The rows that did not check when they were last looked at.
#[derive(Default)]
pub(crate) struct RefusedRows(ArcSwap<Vec<RefusedRow>>);

impl RefusedRows {
    /// Look at every row, and say in the log which are new among the refused.
    pub(crate) async fn look(&self, store: &Store, mac: &dyn RowMac) -> Result<(), StoreError> {
        let refused = store.refused_rows(mac).await?;
        let known = self.0.load();
        for row in refused.iter().filter(|row| !known.contains(row)).take(NAMED) {
            tracing::error!(
                table = row.table,
                id = ?row.id,
                "a row that decides trust was not written by this broker"
            );
        }
        self.0.store(Arc::new(refused));
        Ok(())
    }

    /// What the last look found.
    pub(crate) fn seen(&self) -> Arc<Vec<RefusedRow>> {
        self.0.load_full()
    }
}

#[cfg(test)]
mod tests;
