//! Ids seen in tokens that would fit a pending policy, but for its anchor.
//!
//! They wait here for an operator to confirm them with `segura policy pin`. In memory and
//! of this node only: the refusal that taught them is in the ledger with the same ids.
//! Bounded, and fed by what is granted or recorded whole: a stranger beyond the quota is
//! not asked about.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use segura_model::PolicyName;

/// Sets of ids of one policy.
const MAX_SETS: usize = 20;
/// Policies.
const MAX_POLICIES: usize = 1000;

/// Claims and the ids in them.
pub(crate) type Ids = BTreeMap<String, String>;

/// What was seen since the server started.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<PolicyName, Vec<Ids>>>);

impl Seen {
    /// Remember the ids of a workload that these policies would fit.
    pub(crate) fn note(&self, fitting: BTreeMap<&PolicyName, Ids>) {
        // Nearly always; every grant comes by here.
        if fitting.is_empty() {
            return;
        }
        let mut seen = self.lock();
        for (policy, ids) in fitting {
            if seen.len() >= MAX_POLICIES && !seen.contains_key(policy) {
                continue;
            }
            let sets = seen.entry(policy.clone()).or_default();
            if sets.len() < MAX_SETS && !sets.contains(&ids) {
                sets.push(ids);
            }
        }
    }

    /// The ids seen for a policy, in the order in which they first came.
    pub(crate) fn of(&self, policy: &PolicyName) -> Vec<Ids> {
        self.lock().get(policy).cloned().unwrap_or_default()
    }

    /// Forget what was seen for a policy: it was written anew, pinned or removed.
    pub(crate) fn forget(&self, policy: &PolicyName) {
        self.lock().remove(policy);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PolicyName, Vec<Ids>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids as a person types them: `repository_id=456789`.
pub(crate) fn shown(ids: &Ids) -> String {
    let pairs: Vec<String> = ids.iter().map(|(claim, id)| format!("{claim}={id}")).collect();
    pairs.join(" ")
}
