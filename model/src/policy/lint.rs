//! What is allowed and unwise.
//!
//! Warnings are shown when a policy is applied and never stop it: the author may know
//! better. Each has a stable code, so that a pipeline can accept one by name.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Accept, Check, Value};
use super::draft::AnchorDraft;
use super::never;
use super::trust::{PolicyState, TrustPolicy};
use crate::clock::Timestamp;
use crate::preset::ClaimTrust;

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Stable, in kebab-case.
    pub code: String,
    /// What is unwise, and why.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}

/// Anchors that hold for everything an owner has.
const WIDE_ANCHORS: [&str; 4] = ["enterprise_id", "namespace_id", "org_id", "repository_owner_id"];

/// Claims of which at least one says which code runs.
const CODE_CLAIMS: [&str; 10] = [
    "environment",
    "job_workflow_ref",
    "job_workflow_sha",
    "ref",
    "ref_path",
    "ref_protected",
    "rpo_ref",
    "sub",
    "workflow_ref",
    "workflow_sha",
];

/// The branch or tag, under the names that platforms give it.
const REF_CLAIMS: [&str; 3] = ["ref", "ref_path", "rpo_ref"];

/// An id that stays with a project whose owner changes, and the owner's.
const OWNED: [(&str, &str); 2] =
    [("project_id", "namespace_id"), ("repository_id", "repository_owner_id")];

const LINTS: [fn(&TrustPolicy) -> Option<Warning>; 12] = [
    pending,
    wide_anchor,
    transferable,
    no_anchor,
    anchor_under_claims,
    any_code,
    wide_ref,
    unprotected_environment,
    self_hosted,
    lifted_events,
    read_everything,
    denied_grant,
];

impl TrustPolicy {
    /// What is unwise about this policy at `now`. Empty is good.
    pub fn lint(&self, now: Timestamp) -> Vec<Warning> {
        let grants_nothing = never::expired(self, now).into_iter().chain(never::unmatchable(self));
        let lints = LINTS.iter().filter_map(|lint| lint(self));
        let unwise = lints.chain(literal_stars(self)).chain(foreign_globs(self));
        grants_nothing.chain(unwise).collect()
    }

    fn check_of(&self, claim: &str) -> Option<&Check> {
        self.checks.iter().chain(&self.anchor).find(|check| &*check.claim == claim)
    }

    fn platform_has(&self, claim: &str) -> bool {
        self.facts.claims.iter().any(|spec| spec.name == claim)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.code, self.message, self.fix)
    }
}

impl Warning {
    pub(super) fn new(code: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), fix: fix.into() }
    }
}

fn pending(policy: &TrustPolicy) -> Option<Warning> {
    let PolicyState::Pending(reason) = policy.state() else { return None };
    let fix = format!(
        "run `segura policy pin {}` after a job of it was refused, or with the ids",
        policy.name()
    );
    Some(Warning::new("pending", format!("it grants nothing: {reason}"), fix))
}

fn wide_anchor(policy: &TrustPolicy) -> Option<Warning> {
    let wide = |check: &Check| WIDE_ANCHORS.contains(&&*check.claim);
    if policy.anchor.is_empty() || !policy.anchor.iter().all(wide) {
        return None;
    }
    let claims: Vec<&str> = policy.anchor.iter().map(|check| &*check.claim).collect();
    Some(Warning::new(
        "wide-anchor",
        format!(
            "`{}` holds for every project of its owner, those made tomorrow too",
            claims.join("`, `")
        ),
        "also pin the project's own id",
    ))
}

fn transferable(policy: &TrustPolicy) -> Option<Warning> {
    let pins = |claim: &str| policy.anchor.iter().any(|check| &*check.claim == claim);
    let (id, owner) = OWNED.iter().find(|(id, owner)| {
        pins(id) && !pins(owner) && policy.facts.anchors.iter().any(|set| set.contains(owner))
    })?;
    Some(Warning::new(
        "transferable",
        format!("`{id}` stays with a project that is transferred: its next owner gets the secrets"),
        format!("also pin `{owner}`"),
    ))
}

fn no_anchor(policy: &TrustPolicy) -> Option<Warning> {
    let identifies = |check: &Check| {
        check.is_positive() && matches!(check.spec.trust, ClaimTrust::Anchor | ClaimTrust::Raw)
    };
    let applies = policy.is_active() && policy.anchor.is_empty();
    if !applies || policy.checks.iter().any(identifies) {
        return None;
    }
    Some(Warning::new(
        "no-anchor",
        "it pins no immutable id: whatever comes to carry the same values gets the secrets",
        "pin ids under `anchor`",
    ))
}

fn anchor_under_claims(policy: &TrustPolicy) -> Option<Warning> {
    if matches!(policy.draft().anchor, Some(AnchorDraft::Ids(_))) {
        return None;
    }
    let is_id =
        |check: &&Check| check.spec.trust == ClaimTrust::Anchor && !check.exact().is_empty();
    let id = policy.checks.iter().find(is_id)?;
    Some(Warning::new(
        "anchor-under-claims",
        format!(
            "`{}` is an immutable id and stands under `claims`, where it anchors nothing",
            id.claim
        ),
        "move it under `anchor`",
    ))
}

fn any_code(policy: &TrustPolicy) -> Option<Warning> {
    let tested = |claim: &&str| policy.check_of(claim).is_some_and(Check::is_positive);
    let relevant = REF_CLAIMS.iter().any(|claim| policy.platform_has(claim))
        && !policy.draft().read.is_empty();
    if !relevant || CODE_CLAIMS.iter().any(tested) {
        return None;
    }
    Some(Warning::new(
        "any-branch",
        "it tests neither ref nor environment nor workflow: whoever may push a branch gets the \
         secrets",
        "test `ref`, or a protected `environment`",
    ))
}

fn wide_ref(policy: &TrustPolicy) -> Option<Warning> {
    let globs = |claim: &&str| match &policy.check_of(claim)?.accept {
        Accept::Globs(globs) => globs.iter().find(|glob| glob.as_str().contains("**")),
        Accept::Any | Accept::OneOf(_) => None,
    };
    let glob = REF_CLAIMS.iter().find_map(globs)?;
    Some(Warning::new(
        "wide-ref",
        format!("the ref fits `{glob}`: whoever may push a branch of such a name gets the secrets"),
        "name the branches, or use `*` within one segment",
    ))
}

fn unprotected_environment(policy: &TrustPolicy) -> Option<Warning> {
    let tested = |claim: &str| policy.check_of(claim).is_some_and(Check::is_positive);
    if !tested("environment") || tested("environment_protected") || tested("ref_protected") {
        return None;
    }
    let fix = if policy.platform_has("environment_protected") {
        "also test `environment_protected: \"true\"`"
    } else {
        "give the environment required reviewers or a branch rule"
    };
    let message =
        "anyone who can edit a workflow can name an environment that has no protection rules";
    Some(Warning::new("unprotected-environment", message, fix))
}

fn self_hosted(policy: &TrustPolicy) -> Option<Warning> {
    if !policy.platform_has("runner_environment") || policy.check_of("runner_environment").is_some()
    {
        return None;
    }
    Some(Warning::new(
        "any-runner",
        "it does not say where the job runs: on a self-hosted runner earlier jobs may have left \
         something behind",
        "test `runner_environment`",
    ))
}

fn lifted_events(policy: &TrustPolicy) -> Option<Warning> {
    let events = &policy.draft().allow_events;
    if events.is_empty() {
        return None;
    }
    Some(Warning::new(
        "lifted-events",
        format!("it admits `{}`, events that strangers can cause", events.join("`, `")),
        "make sure that such a job never runs, builds or reads code of the pull request",
    ))
}

fn read_everything(policy: &TrustPolicy) -> Option<Warning> {
    let all = policy.draft().read.iter().find(|pattern| matches!(pattern.as_str(), "**" | "*"))?;
    Some(Warning::new(
        "read-everything",
        format!("`read` has `{all}`, every secret there is"),
        "name the paths",
    ))
}

fn denied_grant(policy: &TrustPolicy) -> Option<Warning> {
    let draft = policy.draft();
    let both = draft.read.iter().find(|pattern| draft.deny.contains(pattern))?;
    Some(Warning::new(
        "denied-grant",
        format!("`{both}` is in `read` and in `deny`; deny wins, so it is never granted"),
        "take it out of one of them",
    ))
}

/// Patterns where a value is compared letter by letter.
fn literal_stars(policy: &TrustPolicy) -> impl Iterator<Item = Warning> {
    policy.checks.iter().filter_map(|check| {
        let value = check.exact().iter().map(Value::text).find(|text| text.contains('*'))?;
        Some(Warning::new(
            "literal-star",
            format!("`{}` is compared with `{value}` letter by letter, `*` too", check.claim),
            format!("for a pattern write `{{ glob: \"{value}\" }}`"),
        ))
    })
}

/// Signs of other dialects, which here are letters.
fn foreign_globs(policy: &TrustPolicy) -> impl Iterator<Item = Warning> {
    policy.checks.iter().filter_map(|check| {
        let Accept::Globs(globs) = &check.accept else { return None };
        let foreign = |text: &str| {
            text.contains(".*")
                || text.starts_with('^')
                || text.ends_with('$')
                || text.contains(['?', '{', '|', '('])
        };
        let glob = globs.iter().find(|glob| foreign(glob.as_str()))?;
        Some(Warning::new(
            "foreign-glob",
            format!(
                "`{}` fits `{glob}`: only `*` has a meaning in a glob, the rest are letters",
                check.claim
            ),
            "write several values as a list, and leave signs of regular expressions out",
        ))
    })
}
