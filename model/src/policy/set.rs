//! All policies, indexed so that ten thousand cost what ten do.
//!
//! An anchored policy stands in the rows of one of its anchor's claims, the one whose
//! ids the fewest policies share; a policy without an anchor in the rows of an exact
//! test, if it has one. A lookup reads one row per indexed claim. The trap: a row only
//! narrows the search. Whether a policy matches is decided by its checks alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::check::{Check, Value};
use super::trust::TrustPolicy;
use crate::claims::{ClaimValue, Claims};
use crate::name::{IssuerId, PolicyName};
use crate::preset::ClaimKind;
use crate::workload::Workload;

/// Every policy of the broker, immutable: a change builds a new set.
#[derive(Debug, Default)]
pub struct PolicySet {
    issuers: HashMap<IssuerId, IssuerPolicies>,
    by_name: BTreeMap<PolicyName, Arc<TrustPolicy>>,
}

/// The policies of one issuer entry.
#[derive(Debug, Default)]
struct IssuerPolicies {
    /// Active and pending, by name.
    all: Vec<Arc<TrustPolicy>>,
    columns: Vec<Column>,
    /// Active ones with nothing exact to index.
    rest: Vec<Arc<TrustPolicy>>,
    /// Pending ones, by name: few, while an operator has yet to pin them.
    pending: Vec<Arc<TrustPolicy>>,
}

/// The policies indexed by one claim.
#[derive(Debug)]
struct Column {
    claim: Box<str>,
    kind: ClaimKind,
    /// The check of any policy here: all find the claim in the same place.
    sample: Check,
    rows: HashMap<Box<str>, Vec<Arc<TrustPolicy>>>,
}

impl PolicySet {
    /// Index these policies. Of two with one name the later counts.
    pub fn build(policies: Vec<Arc<TrustPolicy>>) -> Self {
        let by_name: BTreeMap<_, _> =
            policies.into_iter().map(|policy| (policy.name().clone(), policy)).collect();
        let mut issuers: HashMap<IssuerId, IssuerPolicies> = HashMap::new();
        for policy in by_name.values() {
            issuers.entry(policy.issuer().clone()).or_default().all.push(Arc::clone(policy));
        }
        for issuer in issuers.values_mut() {
            issuer.index();
        }
        Self { issuers, by_name }
    }

    /// The policy of this name.
    pub fn find(&self, name: &PolicyName) -> Option<&Arc<TrustPolicy>> {
        self.by_name.get(name)
    }

    /// All policies, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.by_name.values()
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The active policies that may match the workload: all that do, and few others.
    pub fn candidates(&self, workload: &Workload) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.issuers.get(&workload.issuer).into_iter().flat_map(move |issuer| {
            let rows = issuer.columns.iter().filter_map(|column| column.row(&workload.claims));
            rows.flatten().chain(&issuer.rest)
        })
    }

    /// Every policy of the workload's issuer entry, pending ones too, by name.
    pub fn of_issuer(&self, issuer: &IssuerId) -> &[Arc<TrustPolicy>] {
        self.issuers.get(issuer).map_or(&[], |policies| &policies.all)
    }

    /// Pending policies that this workload would fit, with the ids to pin.
    pub fn pending<'s>(
        &'s self,
        workload: &'s Workload,
    ) -> impl Iterator<Item = (&'s Arc<TrustPolicy>, BTreeMap<String, String>)> {
        let pending = self.issuers.get(&workload.issuer).map(|policies| &policies.pending);
        pending
            .into_iter()
            .flatten()
            .filter_map(|policy| Some((policy, policy.ids_seen(workload)?)))
    }
}

impl IssuerPolicies {
    fn index(&mut self) {
        let active = || self.all.iter().filter(|policy| policy.is_active());
        let mut crowds: HashMap<(&str, &Value), usize> = HashMap::new();
        for check in active().flat_map(|policy| indexable(policy)) {
            for value in check.exact() {
                *crowds.entry((&check.claim, value)).or_default() += 1;
            }
        }
        let crowd =
            |check: &Check| check.exact().iter().map(|value| crowds[&(&*check.claim, value)]).max();
        let mut columns = Vec::new();
        let mut rest = Vec::new();
        for policy in active() {
            match indexable(policy).min_by_key(|check| crowd(check)) {
                Some(check) => put(&mut columns, check, policy),
                None => rest.push(Arc::clone(policy)),
            }
        }
        (self.columns, self.rest) = (columns, rest);
        self.pending = self.all.iter().filter(|policy| !policy.is_active()).cloned().collect();
    }
}

/// The checks that a policy can be found by: they are exact, and the claim has one value.
fn indexable(policy: &TrustPolicy) -> impl Iterator<Item = &Check> {
    let checks = if policy.anchor.is_empty() { &policy.checks } else { &policy.anchor };
    checks.iter().filter(|check| {
        !check.exact().is_empty() && !matches!(check.kind, ClaimKind::Any | ClaimKind::List)
    })
}

fn put(columns: &mut Vec<Column>, check: &Check, policy: &Arc<TrustPolicy>) {
    let same = |column: &Column| column.claim == check.claim && column.kind == check.kind;
    let at = columns.iter().position(same).unwrap_or_else(|| {
        columns.push(Column {
            claim: check.claim.clone(),
            kind: check.kind,
            sample: check.clone(),
            rows: HashMap::new(),
        });
        columns.len() - 1
    });
    for value in check.exact() {
        let row = columns[at].rows.entry(value.text().into()).or_default();
        // One id written twice must not list the policy twice.
        if !row.last().is_some_and(|last| Arc::ptr_eq(last, policy)) {
            row.push(Arc::clone(policy));
        }
    }
}

impl Column {
    /// The policies whose id is the one presented.
    fn row(&self, claims: &Claims) -> Option<&[Arc<TrustPolicy>]> {
        let key = match self.sample.presented(claims)? {
            ClaimValue::Text(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.to_string()),
        };
        self.rows.get(key.as_ref()).map(Vec::as_slice)
    }
}
