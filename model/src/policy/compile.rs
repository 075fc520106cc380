//! From draft to decision: every rule that a policy must keep.
//!
//! Deny by default: what cannot be checked is refused here, at apply, where its author
//! sees it, and not at two in the morning when a deployment fails. What is merely
//! unwise is a warning (`lint.rs`).

use std::collections::BTreeMap;

use super::check::{Accept, Check, Value};
use super::claim_test::{AnchorTest, ClaimTest, Scalar};
use super::draft::{AnchorDraft, Explain, PolicyDraft};
use super::error::{PolicyError, PolicyFault};
use super::glob::Glob;
use super::nearest::nearest;
use super::state::state;
use super::trust::{Facts, PolicyState, Refusal, SamePair, TrustPolicy};
use super::typed::{narrowed, typed};
use crate::issuer::IssuerEntry;
use crate::preset::{ClaimKind, ClaimSpec, ClaimTrust, Preset};

/// The session of a policy that names no length.
const DEFAULT_SESSION: i64 = 15 * 60;
const SHORTEST_SESSION: i64 = 60;
const LONGEST_SESSION: i64 = 12 * 60 * 60;
const MAX_CHECKS: usize = 64;
const MAX_PATTERNS: usize = 256;
const MAX_EVENTS: usize = 32;
const MAX_DESCRIPTION: usize = 512;

/// Claims that any file of a repository can carry whatever it does: a test of one looks
/// like a test of the file and is none.
const DISPLAY_NAMES: [&str; 1] = ["workflow"];

impl TrustPolicy {
    /// Compile a draft for the issuer entry it names.
    ///
    /// A policy without a full anchor where one is due compiles, as
    /// [`PolicyState::Pending`].
    pub fn compile(
        draft: PolicyDraft,
        entry: &IssuerEntry,
        preset: &Preset,
    ) -> Result<Self, PolicyError> {
        let policy = draft.policy.clone();
        compile(draft, entry, preset).map_err(|fault| PolicyError { policy, fault })
    }

    /// The same policy with these ids pinned beside those it has.
    ///
    /// Refused if they contradict a pinned id, or if the policy would stay pending.
    pub fn pin(
        &self,
        ids: &BTreeMap<String, String>,
        entry: &IssuerEntry,
        preset: &Preset,
    ) -> Result<Self, PolicyError> {
        let mut draft = self.draft.clone();
        let refuse = |fault| PolicyError { policy: self.name().clone(), fault };
        draft.anchor = Some(AnchorDraft::Ids(pinned(&draft, ids, preset).map_err(refuse)?));
        let policy = Self::compile(draft, entry, preset)?;
        match policy.state() {
            PolicyState::Active => Ok(policy),
            PolicyState::Pending(reason) => Err(refuse(PolicyFault::Pin(reason.to_string()))),
        }
    }
}

fn compile(
    draft: PolicyDraft,
    entry: &IssuerEntry,
    preset: &Preset,
) -> Result<TrustPolicy, PolicyFault> {
    check_bounds(&draft)?;
    if draft.issuer != entry.id {
        return Err(PolicyFault::Issuer { named: draft.issuer, given: entry.id.clone() });
    }
    let anchor = anchor_checks(&draft, preset)?;
    let checks = claim_checks(&draft, preset)?;
    check_identity(&draft, entry, &checks)?;
    Ok(TrustPolicy {
        state: state(&draft, entry, preset, &anchor, &checks),
        session_seconds: session_seconds(&draft)?,
        refusals: refusals(&draft, preset)?,
        same: same_pairs(preset)?,
        facts: Facts { claims: preset.claims, anchors: preset.anchors },
        anchor,
        checks,
        draft,
    })
}

fn check_bounds(draft: &PolicyDraft) -> Result<(), PolicyFault> {
    if draft.read.is_empty() && draft.deny.is_empty() {
        return Err(PolicyFault::NoPaths);
    }
    if let Some(text) = &draft.description {
        check_text("`description`", text, MAX_DESCRIPTION)?;
    }
    for (what, count, most) in [
        ("claim tests", draft.claims.len(), MAX_CHECKS),
        ("`read` patterns", draft.read.len(), MAX_PATTERNS),
        ("`deny` patterns", draft.deny.len(), MAX_PATTERNS),
        ("`allow_events`", draft.allow_events.len(), MAX_EVENTS),
    ] {
        if count > most {
            return Err(PolicyFault::TooMany { what, count, most });
        }
    }
    Ok(())
}

/// Refuse an empty text, a long one, and one with control characters.
pub(super) fn check_text(what: &str, text: &str, most: usize) -> Result<(), PolicyFault> {
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        return Err(PolicyFault::Text { what: what.to_owned(), most });
    }
    Ok(())
}

fn session_seconds(draft: &PolicyDraft) -> Result<i64, PolicyFault> {
    let Some(session) = draft.session else { return Ok(DEFAULT_SESSION) };
    if (SHORTEST_SESSION..=LONGEST_SESSION).contains(&session.count()) {
        Ok(session.count())
    } else {
        Err(PolicyFault::Session(session.to_string()))
    }
}

fn anchor_checks(draft: &PolicyDraft, preset: &Preset) -> Result<Box<[Check]>, PolicyFault> {
    let Some(AnchorDraft::Ids(ids)) = &draft.anchor else { return Ok([].into()) };
    ids.iter().map(|(claim, test)| anchor_check(claim, test, preset)).collect()
}

fn anchor_check(claim: &str, test: &AnchorTest, preset: &Preset) -> Result<Check, PolicyFault> {
    let spec = known(claim, preset)?;
    let listed = preset.anchors.iter().any(|set| set.contains(&claim));
    // Nobody knows the claims of an open preset better than the author of the policy.
    let vouched = preset.open_claims && spec.trust != ClaimTrust::Name;
    if !(spec.trust == ClaimTrust::Anchor || listed || vouched) {
        let sets = preset.anchors.iter().map(|set| format!("`{}`", set.join("` and `")));
        let expected = sets.collect::<Vec<_>>().join(", or ");
        return Err(PolicyFault::AnchorClaim { claim: claim.to_owned(), expected });
    }
    for id in &test.0 {
        if let Scalar::Text(text) = id {
            check_text(&format!("the id of `{claim}`"), text, 512)?;
        }
    }
    let kind = narrowed(claim, spec.kind, &test.0)?;
    Ok(Check {
        accept: Accept::OneOf(values(claim, kind, &test.0)?),
        claim: claim.into(),
        spec,
        kind,
        reject: [].into(),
    })
}

fn claim_checks(draft: &PolicyDraft, preset: &Preset) -> Result<Box<[Check]>, PolicyFault> {
    draft.claims.iter().map(|(claim, test)| claim_check(claim, test, preset)).collect()
}

fn claim_check(claim: &str, test: &ClaimTest, preset: &Preset) -> Result<Check, PolicyFault> {
    let spec = known(claim, preset)?;
    let kind = spec.kind;
    let (accept, reject): (_, Box<[Value]>) = match test {
        ClaimTest::Exactly(value) => {
            (Accept::OneOf([typed(claim, kind, value)?].into()), [].into())
        }
        ClaimTest::Keys { any_of, globs, none_of } => {
            if spec.trust == ClaimTrust::Raw && !(globs.is_empty() && none_of.is_empty()) {
                return Err(PolicyFault::RawClaim(claim.to_owned()));
            }
            (accept(claim, spec, any_of, globs)?, values(claim, kind, none_of)?)
        }
    };
    Ok(Check { claim: claim.into(), spec, kind, accept, reject })
}

fn accept(
    claim: &str,
    spec: &ClaimSpec,
    any_of: &[Scalar],
    globs: &[String],
) -> Result<Accept, PolicyFault> {
    if !any_of.is_empty() {
        return values(claim, spec.kind, any_of).map(Accept::OneOf);
    }
    if globs.is_empty() {
        return Ok(Accept::Any);
    }
    if !matches!(spec.kind, ClaimKind::Any | ClaimKind::List | ClaimKind::Text) {
        let kind = spec.kind.expected();
        return Err(PolicyFault::GlobKind { claim: claim.to_owned(), kind });
    }
    let parse = |glob: &String| {
        Glob::parse(glob, spec.separators)
            .map_err(|fault| PolicyFault::Glob { claim: claim.to_owned(), fault })
    };
    globs.iter().map(parse).collect::<Result<_, _>>().map(Accept::Globs)
}

fn values(claim: &str, kind: ClaimKind, scalars: &[Scalar]) -> Result<Box<[Value]>, PolicyFault> {
    scalars.iter().map(|scalar| typed(claim, kind, scalar)).collect()
}

/// What the preset knows of a claim; unknown ones are refused, because a test of a
/// misspelt claim would fail for ever and a misspelt `not` would seem to hold.
fn known(claim: &str, preset: &Preset) -> Result<&'static ClaimSpec, PolicyFault> {
    check_text("a claim's name", claim, 128)?;
    preset.claim(claim).ok_or_else(|| PolicyFault::UnknownClaim {
        claim: claim.to_owned(),
        preset: preset.id.to_owned(),
        nearest: preset.meant(claim),
        known: preset.claims.iter().map(|spec| spec.name).collect(),
    })
}

fn refusals(draft: &PolicyDraft, preset: &Preset) -> Result<Box<[Refusal]>, PolicyFault> {
    let all = || preset.refused.iter().flat_map(|refused| refused.values).copied();
    if let Some(event) = draft.allow_events.iter().find(|event| !all().any(|known| known == *event))
    {
        return Err(PolicyFault::UnknownEvent {
            event: event.chars().take(80).collect(),
            preset: preset.id.to_owned(),
            nearest: nearest(event, all()).map(str::to_owned),
        });
    }
    let mut refusals = Vec::new();
    for refused in preset.refused {
        let spec = known(refused.claim, preset)?;
        let lifted = |value: &str| draft.allow_events.iter().any(|event| event == value);
        let left: Vec<Value> = refused
            .values
            .iter()
            .filter(|value| !lifted(value))
            .map(|value| refused_value(spec.kind, value))
            .collect();
        if !left.is_empty() {
            let (claim, kind) = (refused.claim.into(), spec.kind);
            let check = Check { claim, spec, kind, accept: Accept::Any, reject: left.into() };
            refusals.push(Refusal { check, reason: refused.reason });
        }
    }
    Ok(refusals.into())
}

/// A preset writes its values as text, whatever type the claim has.
fn refused_value(kind: ClaimKind, value: &str) -> Value {
    match (kind, value.parse::<bool>(), value.parse::<i64>()) {
        (ClaimKind::Bool, Ok(value), _) => Value::Bool(value),
        (ClaimKind::Number, _, Ok(value)) => Value::Integer(value),
        _ => Value::Text(value.into()),
    }
}

/// A pair that the preset itself does not list is an error: dropped, it would be a
/// check switched off.
fn same_pairs(preset: &Preset) -> Result<Box<[SamePair]>, PolicyFault> {
    let pair = |names: &(&'static str, &'static str)| {
        let specs = (known(names.0, preset)?, known(names.1, preset)?);
        Ok(SamePair { names: *names, specs })
    };
    preset.require_same.iter().map(pair).collect()
}

/// The rules about who a policy speaks of that are errors, not a pending state.
fn check_identity(
    draft: &PolicyDraft,
    entry: &IssuerEntry,
    checks: &[Check],
) -> Result<(), PolicyFault> {
    if draft.explain == Explain::Anyone && (entry.shared || draft.anchor.is_some()) {
        return Err(PolicyFault::ExplainAnyone);
    }
    let positive = || checks.iter().filter(|check| check.is_positive());
    if !entry.shared && draft.anchor.is_none() && positive().count() == 0 {
        return Err(PolicyFault::MatchesAll);
    }
    let is_display = |check: &&Check| DISPLAY_NAMES.contains(&&*check.claim);
    // A name that ends in `@ref` says which file runs; the other names only repeat who calls.
    let is_name = |check: &Check| {
        check.spec.trust == ClaimTrust::Name && !check.spec.separators.contains('@')
    };
    let narrows = |check: &Check| !is_name(check) && !is_display(&check);
    match positive().find(is_display) {
        Some(display) if !positive().any(narrows) => {
            Err(PolicyFault::DisplayName(display.claim.to_string()))
        }
        _ => Ok(()),
    }
}

/// The ids of a draft with others beside them, typed as their claims are.
fn pinned(
    draft: &PolicyDraft,
    ids: &BTreeMap<String, String>,
    preset: &Preset,
) -> Result<BTreeMap<String, AnchorTest>, PolicyFault> {
    let mut anchor = match &draft.anchor {
        Some(AnchorDraft::Ids(ids)) => ids.clone(),
        Some(AnchorDraft::Pending) | None => BTreeMap::new(),
    };
    for (claim, text) in ids {
        let is_number = known(claim, preset)?.kind == ClaimKind::Number;
        let number = text.parse().ok().filter(|_| is_number).map(Scalar::Integer);
        let id = AnchorTest(vec![number.unwrap_or_else(|| Scalar::Text(text.clone()))]);
        match anchor.get(claim) {
            Some(there) if *there != id => {
                return Err(PolicyFault::Pin(format!(
                    "`{claim}` is already pinned to another id; apply the policy anew to change it"
                )));
            }
            _ => anchor.insert(claim.clone(), id),
        };
    }
    Ok(anchor)
}
