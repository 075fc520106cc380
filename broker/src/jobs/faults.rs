//! What runs beside the requests and does not run as it should, for `/readyz` and the log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Their names; every clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<BTreeSet<&'static str>>>);

impl Faults {
    /// This one does not run as it should, and why; said once until it is mended.
    pub fn add(&self, name: &'static str, why: &str) {
        if self.change(|names| names.insert(name)) {
            tracing::error!(job = name, why, "a job beside the requests failed");
        }
    }

    /// This one runs as it should.
    pub fn mend(&self, name: &'static str) {
        if self.change(|names| names.remove(name)) {
            tracing::info!(job = name, "a job beside the requests runs again");
        }
    }

    /// Those that do not, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<&'static str>) -> bool) -> bool {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
