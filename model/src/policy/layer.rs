//! Policies by name, and by the issuer entry whose tokens they speak of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::draft::Explain;
use super::index::{By, Index};
use super::trust::TrustPolicy;
use crate::name::{IssuerId, PolicyName};
use crate::workload::Workload;

/// Policies, indexed once.
#[derive(Debug, Default)]
pub(super) struct Layer {
    issuers: HashMap<IssuerId, IssuerPolicies>,
    by_name: BTreeMap<PolicyName, Arc<TrustPolicy>>,
}

/// The policies of one issuer entry.
#[derive(Debug, Default)]
struct IssuerPolicies {
    /// Active and pending, by name.
    all: Vec<Arc<TrustPolicy>>,
    /// Active ones, by whatever they demand.
    active: Index,
    /// Active ones with an anchor, by that.
    anchored: Index,
    /// Active ones that explain themselves to anyone.
    open: Vec<Arc<TrustPolicy>>,
    /// Pending ones that offer ids to pin, by whatever they demand.
    pending: Index,
}

impl Layer {
    /// Index these policies. Of two with one name the later counts.
    pub(super) fn build(policies: impl IntoIterator<Item = Arc<TrustPolicy>>) -> Self {
        let by_name: BTreeMap<_, _> =
            policies.into_iter().map(|policy| (policy.name().clone(), policy)).collect();
        let mut issuers: HashMap<IssuerId, IssuerPolicies> = HashMap::new();
        for policy in by_name.values() {
            issuers.entry(policy.issuer().clone()).or_default().all.push(Arc::clone(policy));
        }
        issuers.values_mut().for_each(IssuerPolicies::index);
        Self { issuers, by_name }
    }

    pub(super) fn find(&self, name: &PolicyName) -> Option<&Arc<TrustPolicy>> {
        self.by_name.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.by_name.values()
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn of_issuer(&self, issuer: &IssuerId) -> &[Arc<TrustPolicy>] {
        self.issuers.get(issuer).map_or(&[], |policies| &policies.all)
    }

    /// Active ones that explain themselves to anyone.
    pub(super) fn open(&self, issuer: &IssuerId) -> &[Arc<TrustPolicy>] {
        self.issuers.get(issuer).map_or(&[], |policies| &policies.open)
    }

    /// Active ones that may match.
    pub(super) fn candidates(&self, of: &Workload) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.issuers
            .get(&of.issuer)
            .into_iter()
            .flat_map(move |issuer| issuer.active.find(&of.claims))
    }

    /// Active ones whose anchor the workload may carry.
    pub(super) fn anchored(&self, of: &Workload) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.issuers
            .get(&of.issuer)
            .into_iter()
            .flat_map(move |issuer| issuer.anchored.find(&of.claims))
    }

    /// Pending ones that the workload may fit.
    pub(super) fn pending(&self, of: &Workload) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.issuers
            .get(&of.issuer)
            .into_iter()
            .flat_map(move |issuer| issuer.pending.find(&of.claims))
    }
}

impl IssuerPolicies {
    fn index(&mut self) {
        let active = || self.all.iter().filter(|policy| policy.is_active());
        let anchored = active().filter(|policy| !policy.anchor.is_empty());
        let open = active().filter(|policy| policy.draft().explain == Explain::Anyone);
        let offering = self.all.iter().filter(|policy| !policy.is_active() && policy.offers_ids());
        let indexes = (
            Index::of(active(), By::Demand),
            Index::of(anchored, By::Anchor),
            Index::of(offering, By::Demand),
        );
        self.open = open.cloned().collect();
        (self.active, self.anchored, self.pending) = indexes;
    }
}
