//! All policies, indexed so that ten thousand cost what ten do.
//!
//! A set is immutable and stands on two layers: most policies in one that sets share, and
//! what changed since that was indexed in a small one above it, which hides what it
//! replaces. So a change of one policy among ten thousand indexes a few, until the small
//! layer has grown to a sixteenth and all is indexed anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::layer::Layer;
use super::trust::TrustPolicy;
use crate::name::{IssuerId, PolicyName};
use crate::workload::Workload;

/// How many policies may have changed before all are indexed anew: these at least, …
const FEW: usize = 64;
/// … and one of this many.
const SHARE: usize = 16;

/// Every policy of the broker, immutable: a change makes a new set.
#[derive(Debug, Default)]
pub struct PolicySet {
    base: Arc<Layer>,
    changed: Layer,
    /// Those of the base that were replaced or removed.
    hidden: HashSet<PolicyName>,
}

impl PolicySet {
    /// Index these policies. Of two with one name the later counts.
    pub fn build(policies: Vec<Arc<TrustPolicy>>) -> Self {
        Self { base: Arc::new(Layer::build(policies)), ..Self::default() }
    }

    /// The set without the policies of these names, and with those given.
    #[must_use]
    pub fn replace(&self, names: &BTreeSet<PolicyName>, with: Vec<Arc<TrustPolicy>>) -> Self {
        let new = with.iter().map(|policy| policy.name());
        let gone: HashSet<PolicyName> = names.iter().chain(new).cloned().collect();
        let stays = |policy: &&Arc<TrustPolicy>| !gone.contains(policy.name());
        let in_base = gone.iter().filter(|name| self.base.find(name).is_some());
        let hidden: HashSet<PolicyName> = self.hidden.iter().chain(in_base).cloned().collect();
        let changed: Vec<_> = self.changed.iter().filter(stays).cloned().chain(with).collect();
        if changed.len().max(hidden.len()) > FEW.max(self.base.len() / SHARE) {
            let base = self.shown(self.base.iter()).filter(stays).cloned();
            return Self::build(base.chain(changed).collect());
        }
        Self { base: Arc::clone(&self.base), changed: Layer::build(changed), hidden }
    }

    /// The policy of this name.
    pub fn find(&self, name: &PolicyName) -> Option<&Arc<TrustPolicy>> {
        let below = || self.base.find(name).filter(|policy| self.is_shown(policy));
        self.changed.find(name).or_else(below)
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.base.len() - self.hidden.len() + self.changed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The active policies that may match the workload: all that do, and few others, each
    /// once.
    pub fn candidates(&self, workload: &Workload) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.shown(self.base.candidates(workload)).chain(self.changed.candidates(workload))
    }

    /// The active policies whose anchor the workload may carry, in the same way.
    pub(super) fn anchored(&self, workload: &Workload) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.shown(self.base.anchored(workload)).chain(self.changed.anchored(workload))
    }

    /// Every policy of the workload's issuer entry, pending ones too.
    pub fn of_issuer(&self, issuer: &IssuerId) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.shown(self.base.of_issuer(issuer).iter()).chain(self.changed.of_issuer(issuer))
    }

    /// Whether an active policy of the entry explains itself to anyone.
    pub fn teaches_anyone(&self, issuer: &IssuerId) -> bool {
        !self.changed.open(issuer).is_empty()
            || self.base.open(issuer).iter().any(|policy| self.is_shown(policy))
    }

    /// Pending policies that this workload would fit, with the ids to pin; by name.
    pub fn pending(&self, workload: &Workload) -> BTreeMap<&PolicyName, BTreeMap<String, String>> {
        let pending = self.shown(self.base.pending(workload)).chain(self.changed.pending(workload));
        pending.filter_map(|policy| Some((policy.name(), policy.ids_seen(workload)?))).collect()
    }

    fn shown<'s>(
        &'s self,
        base: impl Iterator<Item = &'s Arc<TrustPolicy>>,
    ) -> impl Iterator<Item = &'s Arc<TrustPolicy>> {
        base.filter(|policy| self.is_shown(policy))
    }

    fn is_shown(&self, of_base: &TrustPolicy) -> bool {
        !self.hidden.contains(of_base.name())
    }
}
