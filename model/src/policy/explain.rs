//! Why: every policy and every check, passed or failed.
//!
//! Built only when somebody must learn it. What an operator may see, a caller may not:
//! [`Trace::for_caller`] keeps the policies whose anchor the caller carries, and those
//! that say `explain: anyone`; about the rest it does not even say that they exist.

use std::cmp::Ordering;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::causes::{self, Advice};
use super::check::{Check, Verdict};
use super::describe::{escaped, expected, presented, presented_to};
use super::evaluate::{NotGranted, Outcome, decide, matching};
use super::set::PolicySet;
use super::trust::{PolicyState, Refusal, SamePair, Standing, TrustPolicy};
use crate::claims::ClaimValue;
use crate::clock::Timestamp;
use crate::name::{IssuerId, PolicyName, SecretPath};
use crate::workload::Workload;

/// Most policies in a trace; the rest are counted.
const MAX_POLICIES: usize = 64;

/// Most checks in [`Trace::failed`].
const MAX_FAILED: usize = 8;

/// Which policies a trace looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those the index finds by their anchor, or, where they have none, by what they
    /// demand: for the answer to a refused caller, at the cost of one more evaluation.
    Candidates,
    /// All of the issuer entry, pending and expired too, nearest first: for operators.
    All,
}

/// Why a workload got what it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// The issuer entry.
    pub issuer: IssuerId,
    /// The policies, those that came nearest first.
    pub policies: Vec<PolicyTrace>,
    /// How many policies of the scope are not listed.
    #[serde(default)]
    pub omitted: usize,
    /// The wanted secrets.
    pub secrets: Vec<PathTrace>,
}

/// One policy of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyTrace {
    /// Its name.
    pub policy: PolicyName,
    /// `active`, `pending` or `expired`.
    pub state: Standing,
    /// Whether the workload carries all ids it pins. Never true without an anchor.
    pub anchor_matched: bool,
    /// Whether its refusals are explained to this caller.
    pub shown_to_caller: bool,
    /// Whether it matches the workload: every check passed, and it is active.
    pub matched: bool,
    /// Every check.
    pub checks: Vec<CheckTrace>,
    /// Why it is pending or expired, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One check of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckTrace {
    /// The claim.
    pub claim: String,
    /// What the policy or the preset expects, in words.
    pub expected: String,
    /// What the token presents; `None` if the claim is absent.
    pub presented: Option<String>,
    /// Whether the check holds.
    pub passed: bool,
    /// In which way it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<CheckFault>,
    /// The likely cause of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// In which way a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckFault {
    /// The claim is there, of the right type, and another than the check accepts.
    Mismatch,
    /// The claim is not in the token.
    Missing,
    /// A `*` of the check would have to cross a separator of the claim to fit.
    Separator,
    /// The claim is written otherwise than the platform's tokens do.
    WrongType,
}

/// A check that failed, without any value: what records and refusals are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedClaim {
    /// The claim.
    pub claim: String,
    /// In which way.
    pub fault: CheckFault,
}

/// One wanted secret of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathTrace {
    /// The path, existing or not.
    pub path: SecretPath,
    /// Whether it is granted.
    pub granted: bool,
    /// The policy that grants or denies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
}

impl Trace {
    /// What the caller may learn: nothing at all unless it is somebody's rightful owner.
    #[must_use]
    pub fn for_caller(&self) -> Self {
        let policies: Vec<PolicyTrace> =
            self.policies.iter().filter(|policy| policy.shown_to_caller).cloned().collect();
        let shown = |name: &PolicyName| policies.iter().any(|policy| policy.policy == *name);
        let mut secrets = if policies.is_empty() { Vec::new() } else { self.secrets.clone() };
        for secret in &mut secrets {
            secret.policy.take_if(|name| !shown(name));
        }
        Self { issuer: self.issuer.clone(), policies, omitted: 0, secrets }
    }

    /// Keep the nearest policies that fit into this many bytes of JSON together, each
    /// whole; the others are counted as omitted.
    #[must_use]
    pub fn within(mut self, bytes: usize) -> Self {
        let (before, mut left) = (self.policies.len(), bytes);
        self.policies.retain(|policy| {
            let rest = left.checked_sub(size(policy));
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        self.omitted += before - self.policies.len();
        self
    }

    /// The first checks that failed of the policy that came nearest.
    #[must_use]
    pub fn failed(&self) -> Vec<FailedClaim> {
        let nearest = self.policies.iter().find(|policy| !policy.matched);
        let checks = nearest.into_iter().flat_map(|policy| &policy.checks);
        let failed = checks.filter_map(|check| {
            Some(FailedClaim { claim: check.claim.clone(), fault: check.fault? })
        });
        failed.take(MAX_FAILED).collect()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }
}

/// Explain what [`super::evaluate()`] decides of the same arguments.
pub fn explain(
    set: &PolicySet,
    workload: &Workload,
    wanted: &[SecretPath],
    now: Timestamp,
    scope: Scope,
) -> Trace {
    let policies = in_scope(set, workload, scope);
    let omitted = policies.len().saturating_sub(MAX_POLICIES);
    let policies = nearest(policies, workload);
    let matching = matching(set, workload, now);
    Trace {
        issuer: workload.issuer.clone(),
        policies: policies.iter().map(|policy| policy_trace(policy, workload, now)).collect(),
        omitted,
        secrets: wanted.iter().map(|path| path_trace(&matching, path)).collect(),
    }
}

/// The policies of the scope, each once.
fn in_scope<'s>(
    set: &'s PolicySet,
    workload: &Workload,
    scope: Scope,
) -> Vec<&'s Arc<TrustPolicy>> {
    if scope == Scope::All {
        return set.of_issuer(&workload.issuer).collect();
    }
    let unanchored = set.candidates(workload).filter(|policy| policy.anchor.is_empty());
    set.anchored(workload).chain(unanchored).collect()
}

/// The nearest few, in order: of ten thousand only those are sorted.
fn nearest<'s>(
    policies: Vec<&'s Arc<TrustPolicy>>,
    workload: &Workload,
) -> Vec<&'s Arc<TrustPolicy>> {
    let near = |policy: &'s Arc<TrustPolicy>| Near(nearness(policy, workload), policy);
    let mut found: Vec<Near<'s>> = policies.into_iter().map(near).collect();
    if found.len() > MAX_POLICIES {
        found.select_nth_unstable_by(MAX_POLICIES, Near::order);
        found.truncate(MAX_POLICIES);
    }
    found.sort_unstable_by(Near::order);
    found.into_iter().map(|near| near.1).collect()
}

/// A policy and how near it is.
struct Near<'s>((bool, bool, usize, usize), &'s Arc<TrustPolicy>);

impl Near<'_> {
    fn order(&self, other: &Self) -> Ordering {
        (self.0, self.1.name()).cmp(&(other.0, other.1.name()))
    }
}

fn size(policy: &PolicyTrace) -> usize {
    serde_json::to_vec(policy).map_or(usize::MAX, |json| json.len())
}

/// Smaller is nearer: first what the caller may see, then what it almost is.
fn nearness(policy: &TrustPolicy, workload: &Workload) -> (bool, bool, usize, usize) {
    let failed =
        |checks: &[Check]| checks.iter().filter(|check| !check.passes(&workload.claims)).count();
    let taught = policy.teaches(&workload.claims);
    let pinnable = policy.ids_seen(workload).is_some();
    (!taught, !pinnable, failed(&policy.anchor), failed(&policy.checks))
}

fn policy_trace(policy: &TrustPolicy, workload: &Workload, now: Timestamp) -> PolicyTrace {
    let claims = &workload.claims;
    let own = policy.anchor.iter().chain(&policy.checks);
    let mut checks: Vec<CheckTrace> =
        own.map(|check| check_trace(check, policy, workload)).collect();
    checks.extend(policy.refusals.iter().map(|refusal| refusal_trace(refusal, workload)));
    checks.extend(policy.same.iter().map(|pair| same_trace(*pair, workload)));
    PolicyTrace {
        policy: policy.name().clone(),
        state: policy.standing(now),
        anchor_matched: policy.owned_by(claims),
        shown_to_caller: policy.teaches(claims),
        matched: policy.matches(workload, now),
        checks,
        note: note(policy, workload, now),
    }
}

fn note(policy: &TrustPolicy, workload: &Workload, now: Timestamp) -> Option<String> {
    if let PolicyState::Pending(reason) = policy.state() {
        let ids = policy.ids_seen(workload).unwrap_or_default();
        let ids: Vec<String> =
            ids.iter().map(|(claim, id)| format!(" {claim}={}", escaped(id))).collect();
        return Some(format!(
            "it grants nothing: {reason}; once you know whose ids they are, run `segura policy \
             pin {}{}`",
            policy.name(),
            ids.concat()
        ));
    }
    let end = policy.draft().expires_at.filter(|_| policy.is_expired(now))?;
    Some(format!("it expired at {end}: apply it with a later `expires_at`"))
}

fn check_trace(check: &Check, policy: &TrustPolicy, workload: &Workload) -> CheckTrace {
    let value = check.presented(&workload.claims);
    let verdict = check.judge(value);
    let advice = causes::of_check(check, verdict, policy, &workload.claims);
    let shown = value.map(|value| presented_to(check, verdict, value));
    let wanted = expected(check, verdict);
    trace(&check.claim, wanted, shown, fault(check, verdict, value), advice)
}

fn refusal_trace(refusal: &Refusal, workload: &Workload) -> CheckTrace {
    let check = &refusal.check;
    let value = check.presented(&workload.claims);
    let verdict = check.judge(value);
    let advice = causes::of_refusal(refusal, verdict, value);
    let shown = value.map(|value| presented_to(check, verdict, value));
    let wanted = expected(check, verdict);
    trace(&check.claim, wanted, shown, fault(check, verdict, value), advice)
}

fn fault(check: &Check, verdict: Verdict, value: Option<&ClaimValue>) -> Option<CheckFault> {
    let crosses =
        || value.is_some_and(|value| causes::crosses_separator(check, &value.to_string()));
    Some(match verdict {
        Verdict::Passed => return None,
        Verdict::Absent => CheckFault::Missing,
        Verdict::WrongType => CheckFault::WrongType,
        Verdict::Failed if crosses() => CheckFault::Separator,
        Verdict::Failed => CheckFault::Mismatch,
    })
}

fn same_trace(pair: SamePair, workload: &Workload) -> CheckTrace {
    let (left, right) = pair.values(&workload.claims);
    let other =
        right.map_or_else(|| "absent".to_owned(), |value| format!("`{}`", presented(value)));
    let wanted = format!("the same as `{}` ({other}), where both are present", pair.names.1);
    let fault = (!pair.holds(&workload.claims)).then_some(CheckFault::Mismatch);
    let advice = fault.map(|_| causes::of_pair(pair));
    trace(pair.names.0, wanted, left.map(presented), fault, advice)
}

fn trace(
    claim: &str,
    expected: String,
    presented: Option<String>,
    fault: Option<CheckFault>,
    advice: Option<Advice>,
) -> CheckTrace {
    let passed = fault.is_none();
    let (cause, fix) = advice.filter(|_| !passed).map(|advice| (advice.cause, advice.fix)).unzip();
    CheckTrace { claim: claim.to_owned(), expected, presented, passed, fault, cause, fix }
}

fn path_trace(matching: &[&Arc<TrustPolicy>], path: &SecretPath) -> PathTrace {
    let (granted, policy) = match decide(matching, path) {
        Outcome::Granted(policy) => (true, Some(policy)),
        Outcome::Refused(NotGranted::Denied(policy)) => (false, Some(policy)),
        Outcome::Refused(NotGranted::OutsideGrants | NotGranted::Unmatched) => (false, None),
    };
    PathTrace { path: path.clone(), granted, policy: policy.map(|policy| policy.name().clone()) }
}
