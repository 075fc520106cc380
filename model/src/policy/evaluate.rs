//! The decision: which wanted secrets a workload may have.
//!
//! Grants add up, deny wins, the caller never names a policy. No trace is built here,
//! this runs for every request; `explain.rs` builds it when somebody must learn why.

use std::sync::Arc;

use super::set::PolicySet;
use super::trust::TrustPolicy;
use crate::clock::Timestamp;
use crate::name::{PolicyName, SecretPath};
use crate::workload::Workload;

/// What was decided. Holds no borrow, so that it can travel to the writer.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// One outcome per wanted path, in the order asked.
    pub outcomes: Vec<Outcome>,
    /// The policies that grant what was granted, by name. If no path was wanted, every
    /// policy that matches and grants something: what a session may stand on.
    pub policies_used: Vec<Arc<TrustPolicy>>,
    /// The shortest session of the policies used; `None` if none is used.
    pub session_seconds: Option<i64>,
    /// Whether some policy's anchor matched: the caller is a rightful owner.
    pub anchored: bool,
}

/// What was decided of one path.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This policy grants it.
    Granted(Arc<TrustPolicy>),
    /// It is not granted.
    Refused(NotGranted),
}

/// Why a path is not granted. For operators: a caller hears "not granted" for each.
#[derive(Clone, Debug)]
pub enum NotGranted {
    /// This policy matches and denies it.
    Denied(Arc<TrustPolicy>),
    /// Policies match, and none of them grants it.
    OutsideGrants,
    /// No policy matches the workload.
    Unmatched,
}

impl Decision {
    /// Whether a session may be opened: every wanted path is granted, and some policy
    /// stands behind it.
    pub fn is_granted(&self) -> bool {
        !self.policies_used.is_empty()
            && self.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Granted(_)))
    }

    /// The names of the policies used.
    pub fn policy_names(&self) -> Vec<PolicyName> {
        self.policies_used.iter().map(|policy| policy.name().clone()).collect()
    }

    /// The paths that were refused, of those that were `wanted`.
    pub fn refused<'d>(
        &'d self,
        wanted: &'d [SecretPath],
    ) -> impl Iterator<Item = (&'d SecretPath, &'d NotGranted)> {
        wanted.iter().zip(&self.outcomes).filter_map(|(path, outcome)| match outcome {
            Outcome::Granted(_) => None,
            Outcome::Refused(why) => Some((path, why)),
        })
    }
}

/// Decide what the workload may have of the wanted paths.
pub fn evaluate(
    set: &PolicySet,
    workload: &Workload,
    wanted: &[SecretPath],
    now: Timestamp,
) -> Decision {
    let matching = matching(set, workload, now);
    let anchored = anchored(set, workload, &matching);
    let outcomes: Vec<Outcome> = wanted.iter().map(|path| decide(&matching, path)).collect();
    let policies_used = if wanted.is_empty() { standing(&matching) } else { used(&outcomes) };
    let session_seconds = policies_used.iter().map(|policy| policy.session_seconds()).min();
    Decision { outcomes, policies_used, session_seconds, anchored }
}

/// The policies that match, by name.
pub(super) fn matching<'s>(
    set: &'s PolicySet,
    workload: &Workload,
    now: Timestamp,
) -> Vec<&'s Arc<TrustPolicy>> {
    let candidates = set.candidates(workload);
    let mut matching: Vec<_> = candidates.filter(|policy| policy.matches(workload, now)).collect();
    matching.sort_unstable_by(|left, right| left.name().cmp(right.name()));
    matching
}

/// Whether the workload carries the ids of some policy's anchor, whether that policy
/// matches or not.
fn anchored(set: &PolicySet, workload: &Workload, matching: &[&Arc<TrustPolicy>]) -> bool {
    matching.iter().any(|policy| !policy.anchor.is_empty())
        || set.anchored(workload).any(|policy| policy.owned_by(&workload.claims))
}

/// Decide one path among the policies that match.
pub(super) fn decide(matching: &[&Arc<TrustPolicy>], path: &SecretPath) -> Outcome {
    if matching.is_empty() {
        return Outcome::Refused(NotGranted::Unmatched);
    }
    if let Some(policy) = matching.iter().find(|policy| policy.denies(path)) {
        return Outcome::Refused(NotGranted::Denied(Arc::clone(policy)));
    }
    // Of several that grant it the one with the shortest session stands behind it, so
    // that adding a policy never lengthens what another one bounds.
    let granting = matching.iter().filter(|policy| policy.grants(path));
    let shortest = granting.min_by_key(|policy| (policy.session_seconds(), policy.name()));
    shortest.map_or(Outcome::Refused(NotGranted::OutsideGrants), |policy| {
        Outcome::Granted(Arc::clone(policy))
    })
}

/// Without a wanted path: all that grant something.
fn standing(matching: &[&Arc<TrustPolicy>]) -> Vec<Arc<TrustPolicy>> {
    let granting = matching.iter().filter(|policy| !policy.draft().read.is_empty());
    by_name(granting.map(|policy| Arc::clone(policy)).collect())
}

fn used(outcomes: &[Outcome]) -> Vec<Arc<TrustPolicy>> {
    let granted = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Granted(policy) => Some(Arc::clone(policy)),
        Outcome::Refused(_) => None,
    });
    by_name(granted.collect())
}

fn by_name(mut policies: Vec<Arc<TrustPolicy>>) -> Vec<Arc<TrustPolicy>> {
    policies.sort_by(|left, right| left.name().cmp(right.name()));
    policies.dedup_by(|left, right| left.name() == right.name());
    policies
}
