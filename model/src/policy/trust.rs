//! A policy that can decide.
//!
//! Immutable and shared by `Arc`: the index and every decision hold the same one. It
//! keeps its draft, which is what is stored and shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::draft::{Explain, PolicyDraft};
use crate::claims::{ClaimValue, Claims};
use crate::clock::Timestamp;
use crate::name::{IssuerId, PolicyName, SecretPath};
use crate::preset::{ClaimSpec, ClaimTrust};
use crate::workload::Workload;

/// A compiled trust policy. Made by [`TrustPolicy::compile`].
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    pub(super) draft: PolicyDraft,
    pub(super) state: PolicyState,
    /// The pinned ids. All must pass before anything is said about the rest.
    pub(super) anchor: Box<[Check]>,
    /// What the preset refuses and this policy does not lift.
    pub(super) refusals: Box<[Refusal]>,
    /// Pairs that must be equal where both are present.
    pub(super) same: Box<[SamePair]>,
    pub(super) checks: Box<[Check]>,
    pub(super) session_seconds: i64,
    /// What the lint and `pin` must know of preset and entry.
    pub(super) facts: Facts,
}

/// Whether a policy grants anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyState {
    /// It decides.
    Active,
    /// It is stored and grants nothing until it is pinned.
    Pending(PendingReason),
}

/// Whether a policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It decides.
    Active,
    /// Its `expires_at` has passed.
    Expired,
    /// It is not pinned.
    Pending,
}

/// Why a policy is pending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PendingReason {
    /// It says `anchor: pending`.
    #[error("it says `anchor: pending`")]
    Declared,
    /// Some ids are pinned, and they are no full set.
    #[error("its anchor is not a full set: also pin {}", .missing.join(", "))]
    Incomplete {
        /// The claims of the nearest set that are missing.
        missing: Vec<&'static str>,
    },
    /// All it says of who calls are names, which others can take over.
    #[error("it names its workload only by `{}`, a name that another can take over", .names.join("`, `"))]
    NamesOnly {
        /// The claims.
        names: Vec<String>,
    },
    /// Nothing is pinned, on an issuer that many tenants share.
    #[error("many tenants share its issuer, and it pins no immutable id")]
    NoAnchor,
}

/// Values that the preset refuses.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) check: Check,
    pub(super) reason: &'static str,
}

/// Two claims that must be equal where both are present.
#[derive(Clone, Copy, Debug)]
pub(super) struct SamePair {
    pub(super) names: (&'static str, &'static str),
    pub(super) specs: (&'static ClaimSpec, &'static ClaimSpec),
}

/// What was known when the policy was compiled.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) claims: &'static [ClaimSpec],
    pub(super) anchors: &'static [&'static [&'static str]],
}

impl TrustPolicy {
    /// Its name.
    pub fn name(&self) -> &PolicyName {
        &self.draft.policy
    }

    /// The issuer entry whose tokens it speaks of.
    pub fn issuer(&self) -> &IssuerId {
        &self.draft.issuer
    }

    /// The draft that it was compiled from.
    pub fn draft(&self) -> &PolicyDraft {
        &self.draft
    }

    /// Whether it decides.
    pub fn state(&self) -> &PolicyState {
        &self.state
    }

    /// Whether it decides.
    pub fn is_active(&self) -> bool {
        self.state == PolicyState::Active
    }

    /// Whether it decides at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            PolicyState::Pending(_) => Standing::Pending,
            PolicyState::Active if self.is_expired(now) => Standing::Expired,
            PolicyState::Active => Standing::Active,
        }
    }

    /// Whether it is out of force at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.draft.expires_at.is_some_and(|end| now >= end)
    }

    /// The longest session it allows, in seconds.
    pub fn session_seconds(&self) -> i64 {
        self.session_seconds
    }

    /// Whether its read patterns cover the path.
    pub fn grants(&self, path: &SecretPath) -> bool {
        self.draft.read.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether its deny patterns cover the path.
    pub fn denies(&self, path: &SecretPath) -> bool {
        self.draft.deny.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether the token carries all ids that the policy pins. Without an anchor there
    /// is nothing to carry: [`TrustPolicy::owned_by`] tells the two apart.
    pub(super) fn anchor_passes(&self, claims: &Claims) -> bool {
        self.is_active() && self.anchor.iter().all(|check| check.passes(claims))
    }

    /// Whether the token carries the ids of the policy's anchor: its rightful owner.
    pub fn owned_by(&self, claims: &Claims) -> bool {
        !self.anchor.is_empty() && self.anchor_passes(claims)
    }

    /// Whether a refusal of this policy is explained to who presents these claims.
    pub(super) fn teaches(&self, claims: &Claims) -> bool {
        self.owned_by(claims) || (self.is_active() && self.draft.explain == Explain::Anyone)
    }

    /// Whether all but the anchor holds.
    pub(super) fn conditions_pass(&self, claims: &Claims) -> bool {
        self.checks.iter().all(|check| check.passes(claims))
            && self.refusals.iter().all(|refusal| refusal.check.passes(claims))
            && self.same.iter().all(|pair| pair.holds(claims))
    }

    /// Whether the policy speaks of this workload now.
    pub fn matches(&self, workload: &Workload, now: Timestamp) -> bool {
        workload.issuer == *self.issuer()
            && !self.is_expired(now)
            && self.anchor_passes(&workload.claims)
            && self.conditions_pass(&workload.claims)
    }

    /// Of a pending policy whose other checks this workload passes: the ids to pin, if
    /// an operator confirms that the workload is the one meant. All ids that the platform
    /// has, so that a project which changes its owner must be confirmed anew. A policy
    /// that does not name its project exactly offers none: any stranger would pass.
    pub fn ids_seen(&self, workload: &Workload) -> Option<BTreeMap<String, String>> {
        let meant = !self.is_active()
            && workload.issuer == *self.issuer()
            && self.offers_ids()
            && self.anchor.iter().all(|check| check.passes(&workload.claims))
            && self.conditions_pass(&workload.claims);
        if !meant {
            return None;
        }
        let id = |name: &&str| Some(((*name).to_owned(), workload.anchors.get(*name)?.clone()));
        let full = |set: &&[&str]| set.iter().map(id).collect::<Option<Vec<_>>>();
        let ids: BTreeMap<_, _> = self.facts.anchors.iter().filter_map(full).flatten().collect();
        (!ids.is_empty()).then_some(ids)
    }

    /// Whether it names its project exactly, so that a workload that passes may be meant.
    pub(super) fn offers_ids(&self) -> bool {
        self.checks.iter().any(|check| {
            check.names_project()
                || (check.spec.trust == ClaimTrust::Raw && !check.exact().is_empty())
        })
    }
}

impl PolicyState {
    /// `active` or `pending`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending(_) => "pending",
        }
    }
}

impl Standing {
    /// `active`, `expired` or `pending`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Pending => "pending",
        }
    }
}

impl SamePair {
    /// Whether the two are equal, or one is absent.
    pub(super) fn holds(&self, claims: &Claims) -> bool {
        let (left, right) = self.values(claims);
        left.is_none() || right.is_none() || left == right
    }

    pub(super) fn values<'c>(
        &self,
        claims: &'c Claims,
    ) -> (Option<&'c ClaimValue>, Option<&'c ClaimValue>) {
        let (left, right) = self.names;
        (self.specs.0.value(left, claims), self.specs.1.value(right, claims))
    }
}
