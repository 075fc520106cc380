//! What the tests of policies share: two presets shaped like the great platforms',
//! and their tokens.

use std::sync::Arc;

use crate::claims::Claims;
use crate::clock::Timestamp;
use crate::issuer::{Algorithm, IssuerEntry, KeySource, Spend};
use crate::name::SecretPath;
use crate::policy::{PolicyDraft, PolicyError, PolicySet, TrustPolicy, evaluate};
use crate::preset::{ClaimKind, ClaimSpec, ClaimTrust, Preset, RefusedValue};
use crate::workload::Workload;

/// Noon on the day of most tests.
pub(super) const NOON: Timestamp = Timestamp(1_795_521_600);

const ID: ClaimSpec = ClaimSpec::text("").trust(ClaimTrust::Anchor);
const WORKFLOW_REF: ClaimSpec = ClaimSpec::text("").separators("/@").trust(ClaimTrust::Name);

const fn named(name: &'static str, spec: ClaimSpec) -> ClaimSpec {
    ClaimSpec { name, ..spec }
}

/// Shaped like GitHub: one issuer for everybody.
pub(super) static FORGE: Preset = Preset {
    id: "forge",
    shared: true,
    iss: Some("https://token.forge.example"),
    audiences: &[],
    algorithms: &[Algorithm::RS256],
    max_age: 600,
    spend: Spend::Once,
    claims: &[
        ClaimSpec::text("sub").trust(ClaimTrust::Raw),
        named("repository_id", ID),
        named("repository_owner_id", ID),
        ClaimSpec::text("repository").separators("/").trust(ClaimTrust::Name),
        ClaimSpec::text("actor").trust(ClaimTrust::Name),
        ClaimSpec::text("environment").separators("/"),
        ClaimSpec::text("event_name"),
        named("job_workflow_ref", WORKFLOW_REF),
        named("workflow_ref", WORKFLOW_REF),
        ClaimSpec::text("workflow"),
        ClaimSpec::text("ref").separators("/"),
        ClaimSpec::text("run_attempt").kind(ClaimKind::TextNumber),
        ClaimSpec::text("runner_environment"),
        ClaimSpec::text("repo_property_*"),
    ],
    open_claims: false,
    anchors: &[&["repository_id"], &["repository_owner_id"]],
    refused: &[RefusedValue {
        claim: "event_name",
        values: &["pull_request_target", "workflow_run", "issue_comment"],
        reason: "it runs with the rights of the base branch on input of strangers",
    }],
    require_same: &[],
    everyday: &[],
    run: &["run_id"],
    check: |_, _| Ok(()),
};

/// Shaped like GitLab: typed claims, a pair that must agree, lists.
pub(super) static LAB: Preset = Preset {
    id: "lab",
    shared: false,
    iss: None,
    audiences: &[],
    algorithms: &[Algorithm::RS256],
    max_age: 600,
    spend: Spend::Once,
    claims: &[
        ClaimSpec::text("sub").trust(ClaimTrust::Raw),
        named("project_id", ID).kind(ClaimKind::TextNumber),
        named("job_project_id", ID).kind(ClaimKind::TextNumber),
        named("namespace_id", ID).kind(ClaimKind::TextNumber),
        ClaimSpec::text("project_path").separators("/").trust(ClaimTrust::Name),
        ClaimSpec::text("ref").separators("/"),
        ClaimSpec::text("ref_protected").kind(ClaimKind::TextBool),
        ClaimSpec::text("runner_id").kind(ClaimKind::Number),
        ClaimSpec::text("groups_direct").kind(ClaimKind::List).separators("/"),
        ClaimSpec::text("ssh_rerun").kind(ClaimKind::Bool),
    ],
    open_claims: false,
    anchors: &[&["project_id", "namespace_id"]],
    refused: &[],
    require_same: &[("project_id", "job_project_id")],
    everyday: &[],
    run: &["job_id"],
    check: |_, _| Ok(()),
};

/// An issuer nobody knows beforehand.
pub(super) static OPEN: Preset = Preset {
    id: "open",
    claims: &[ClaimSpec::text("sub").trust(ClaimTrust::Raw)],
    open_claims: true,
    anchors: &[],
    require_same: &[],
    everyday: &[],
    ..copy(&LAB)
};

const fn copy(preset: &Preset) -> Preset {
    Preset { ..*preset }
}

/// The entry of a preset, its id the preset's.
pub(super) fn entry(preset: &Preset) -> IssuerEntry {
    IssuerEntry {
        id: preset.id.parse().unwrap(),
        preset: preset.id.to_owned(),
        iss: "https://token.forge.example".parse().unwrap(),
        audiences: vec!["https://segura.example".parse().unwrap()],
        algorithms: vec![Algorithm::RS256],
        max_age: 600,
        spend: Spend::Once,
        keys: KeySource::Discovery { ca_file: None, bearer_token_file: None },
        insecure_loopback: false,
        shared: preset.shared,
    }
}

/// A draft from YAML without its first two keys.
pub(super) fn draft(preset: &Preset, name: &str, yaml: &str) -> PolicyDraft {
    let text = format!("policy: {name}\nissuer: {}\n{yaml}", preset.id);
    PolicyDraft::parse_documents(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).remove(0)
}

/// Compile a draft from YAML without its first two keys.
pub(super) fn try_policy(preset: &Preset, yaml: &str) -> Result<TrustPolicy, PolicyError> {
    TrustPolicy::compile(draft(preset, "deploy", yaml), &entry(preset), preset)
}

/// The same, where it must succeed.
pub(super) fn policy(preset: &Preset, name: &str, yaml: &str) -> Arc<TrustPolicy> {
    let compiled = TrustPolicy::compile(draft(preset, name, yaml), &entry(preset), preset);
    Arc::new(compiled.unwrap_or_else(|error| panic!("{error}")))
}

/// A set of one policy.
pub(super) fn only(preset: &Preset, yaml: &str) -> PolicySet {
    PolicySet::build(vec![policy(preset, "deploy", yaml)])
}

/// A workload of the forge: a push to main of acme/payments, changed by `claims`.
/// `null` takes a claim away.
pub(super) fn push(claims: &serde_json::Value) -> Workload {
    let base = serde_json::json!({
        "sub": "repo:acme/payments:ref:refs/heads/main",
        "repository": "acme/payments",
        "repository_id": "456789",
        "repository_owner_id": "123456",
        "actor": "maria",
        "event_name": "push",
        "ref": "refs/heads/main",
        "workflow": "Deploy",
        "workflow_ref": "acme/payments/.github/workflows/deploy.yml@refs/heads/main",
        "job_workflow_ref": "acme/payments/.github/workflows/deploy.yml@refs/heads/main",
        "run_attempt": "1",
        "runner_environment": "hosted",
    });
    workload(&FORGE, &base, claims)
}

/// A workload of the lab: a job of project 7 in namespace 3, changed by `claims`.
pub(super) fn job(claims: &serde_json::Value) -> Workload {
    let base = serde_json::json!({
        "sub": "project_path:acme/payments:ref_type:branch:ref:main",
        "project_id": "7",
        "namespace_id": "3",
        "project_path": "acme/payments",
        "ref": "main",
        "ref_protected": "true",
        "runner_id": 12,
        "groups_direct": ["acme", "acme/platform"],
        "ssh_rerun": false,
    });
    workload(&LAB, &base, claims)
}

/// A workload with these claims; `changes` replace those of `base`.
pub(super) fn workload(
    preset: &Preset,
    base: &serde_json::Value,
    changes: &serde_json::Value,
) -> Workload {
    let mut claims = base.as_object().unwrap().clone();
    claims.extend([
        ("iss".to_owned(), "https://token.forge.example".into()),
        ("iat".to_owned(), NOON.0.into()),
        ("exp".to_owned(), NOON.plus(300).0.into()),
    ]);
    claims.extend(changes.as_object().unwrap().clone());
    let claims = Claims::parse(&serde_json::to_vec(&claims).unwrap()).unwrap();
    let audience = "https://segura.example".parse().unwrap();
    Workload::from_claims(&entry(preset), preset, audience, claims).unwrap()
}

/// Paths from texts.
pub(super) fn paths(texts: &[&str]) -> Vec<SecretPath> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Whether the workload gets `db/prod/password` from a set.
pub(super) fn gets(set: &PolicySet, workload: &Workload) -> bool {
    evaluate(set, workload, &paths(&["db/prod/password"]), NOON).is_granted()
}
