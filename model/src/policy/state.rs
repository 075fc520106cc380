//! Whether a policy may grant at all.
//!
//! Names never grant: a deleted repository, project or account can be registered again
//! by anybody. So a policy on a shared issuer must pin one full set of immutable ids,
//! and until it does it is stored, shown, and grants nothing.

use std::collections::BTreeSet;

use super::check::Check;
use super::draft::{AnchorDraft, PolicyDraft};
use super::trust::{PendingReason, PolicyState};
use crate::issuer::IssuerEntry;
use crate::preset::{ClaimTrust, Preset};

/// The state of a policy with these checks.
pub(super) fn state(
    draft: &PolicyDraft,
    entry: &IssuerEntry,
    preset: &Preset,
    anchor: &[Check],
    checks: &[Check],
) -> PolicyState {
    let reason = if draft.anchor == Some(AnchorDraft::Pending) {
        Some(PendingReason::Declared)
    } else if anchor.is_empty() {
        if entry.shared { Some(PendingReason::NoAnchor) } else { names_only(checks) }
    } else {
        incomplete(entry, preset, anchor)
    };
    reason.map_or(PolicyState::Active, PolicyState::Pending)
}

/// On an issuer of one tenant: what names the workload must be more than names.
fn names_only(checks: &[Check]) -> Option<PendingReason> {
    let positive = || checks.iter().filter(|check| check.is_positive());
    let identified =
        positive().any(|check| matches!(check.spec.trust, ClaimTrust::Anchor | ClaimTrust::Raw));
    let names: Vec<String> = positive()
        .filter(|check| check.spec.trust == ClaimTrust::Name)
        .map(|check| check.claim.to_string())
        .collect();
    (!identified && !names.is_empty()).then_some(PendingReason::NamesOnly { names })
}

/// What is missing from the nearest full set, if no set is full.
fn incomplete(entry: &IssuerEntry, preset: &Preset, anchor: &[Check]) -> Option<PendingReason> {
    let pinned: BTreeSet<&str> = anchor.iter().map(|check| &*check.claim).collect();
    let vouched = |check: &Check| {
        !entry.shared || matches!(check.spec.trust, ClaimTrust::Anchor | ClaimTrust::Raw)
    };
    if preset.open_claims && anchor.iter().any(vouched) {
        return None;
    }
    let missing = |set: &&'static [&'static str]| -> Vec<&'static str> {
        set.iter().copied().filter(|claim| !pinned.contains(claim)).collect()
    };
    let sets = preset.anchors.iter().filter(|set| !set.is_empty());
    match sets.map(missing).min_by_key(Vec::len) {
        Some(missing) if missing.is_empty() => None,
        Some(missing) => Some(PendingReason::Incomplete { missing }),
        None if anchor.iter().any(|check| check.spec.trust == ClaimTrust::Anchor) => None,
        None if preset.open_claims => Some(PendingReason::Incomplete { missing: vec!["sub"] }),
        None => Some(PendingReason::NoAnchor),
    }
}
