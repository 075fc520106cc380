//! What compiles, what is pending, and what is refused with which words.

use std::collections::BTreeMap;

use super::world::{FORGE, LAB, NOON, OPEN, draft, entry, job, push, try_policy};
use crate::error::{Classify, Kind};
use crate::policy::{PendingReason, PolicyState, TrustPolicy};
use crate::preset::Preset;

fn state(preset: &Preset, yaml: &str) -> PolicyState {
    try_policy(preset, yaml).unwrap_or_else(|error| panic!("{error}")).state().clone()
}

fn refusal(preset: &Preset, yaml: &str) -> String {
    let error = try_policy(preset, yaml).expect_err(yaml);
    assert_eq!(error.class().kind, Kind::BadRequest);
    error.to_string()
}

fn ids(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(claim, id)| ((*claim).to_owned(), (*id).to_owned())).collect()
}

#[test]
fn a_full_anchor_makes_a_policy_active() {
    for yaml in [
        "anchor: {repository_id: '1'}\nread: [a]",
        "anchor: {repository_owner_id: '1'}\nread: [a]",
        "anchor: {repository_id: {in: ['1', '2']}, repository_owner_id: '3'}\nread: [a]",
    ] {
        assert_eq!(state(&FORGE, yaml), PolicyState::Active, "{yaml}");
    }
    assert_eq!(
        state(&LAB, "anchor: {project_id: 7, namespace_id: '3'}\nread: [a]"),
        PolicyState::Active
    );
}

#[test]
fn on_a_shared_issuer_a_policy_without_an_anchor_is_pending() {
    use PendingReason::{Declared, NoAnchor};
    let pending = |reason| PolicyState::Pending(reason);
    assert_eq!(state(&FORGE, "read: [a]"), pending(NoAnchor));
    assert_eq!(state(&FORGE, "claims: {repository: acme/payments}\nread: [a]"), pending(NoAnchor));
    assert_eq!(state(&FORGE, "claims: {sub: 'repo:a/b:x'}\nread: [a]"), pending(NoAnchor));
    assert_eq!(state(&FORGE, "claims: {repository_id: '1'}\nread: [a]"), pending(NoAnchor));
    assert_eq!(state(&FORGE, "anchor: pending\nread: [a]"), pending(Declared));
    assert_eq!(state(&FORGE, "anchor: {}\nread: [a]"), pending(NoAnchor));
}

#[test]
fn half_an_anchor_is_pending_and_says_what_is_missing() {
    let PolicyState::Pending(reason) = state(&LAB, "anchor: {project_id: '7'}\nread: [a]") else {
        panic!()
    };
    assert_eq!(reason, PendingReason::Incomplete { missing: vec!["namespace_id"] });
    assert!(reason.to_string().contains("namespace_id"));
}

#[test]
fn on_an_issuer_of_one_tenant_names_alone_are_pending() {
    let names =
        |yaml| matches!(state(&LAB, yaml), PolicyState::Pending(PendingReason::NamesOnly { .. }));
    assert!(names("claims: {project_path: acme/payments}\nread: [a]"));
    assert!(names("claims: {project_path: acme/payments, ref: main}\nread: [a]"));
    assert!(!names("claims: {project_path: acme/payments, project_id: '7'}\nread: [a]"));
    assert_eq!(state(&LAB, "claims: {sub: exact}\nread: [a]"), PolicyState::Active);
    assert_eq!(state(&LAB, "claims: {ref: main}\nread: [a]"), PolicyState::Active);
}

#[test]
fn an_open_preset_takes_what_its_operator_vouches_for() {
    assert_eq!(state(&OPEN, "claims: {sub: 'https://ci/job/x/'}\nread: [a]"), PolicyState::Active);
    assert_eq!(state(&OPEN, "anchor: {org/project-id: u-1}\nread: [a]"), PolicyState::Active);
    let mut shared = entry(&OPEN);
    shared.shared = true;
    let compile =
        |yaml| TrustPolicy::compile(draft(&OPEN, "deploy", yaml), &shared, &OPEN).unwrap();
    assert!(!compile("anchor: {org/project-id: u-1}\nread: [a]").is_active());
    assert!(compile("anchor: {sub: exact}\nread: [a]").is_active());
}

#[test]
fn a_mistake_is_refused_in_words_that_help() {
    const ID: &str = "anchor: {repository_id: '1'}\nread: [a]\n";
    for (yaml, said) in [
        ("claims: {enviroment: prod}", "no claim of `forge` tokens (did you mean `environment`?)"),
        ("claims: {repo_property_: x}", "no claim of `forge` tokens"),
        ("claims: {sub: {glob: 'repo:acme/*'}}", "`sub` takes exact values only"),
        ("claims: {sub: {not: [x]}}", "`sub` takes exact values only"),
        ("claims: {ref: {glob: main}}", "has no `*`: write it as an exact value"),
        ("claims: {ref: {glob: 'a/***'}}", "three `*`"),
        ("claims: {ref: 12}", "write it in quotes, `\"12\"`"),
        ("claims: {run_attempt: first}", "digits"),
        ("claims: {run_attempt: {glob: '1*'}}", "takes no glob"),
        ("claims: {workflow: Deploy}", "display name"),
        ("claims: {workflow: Deploy, repository: acme/payments}", "display name"),
        ("claims: {ref: \"a\\nb\"}", "without control characters"),
        ("allow_events: [pull_request_taget]", "did you mean `pull_request_target`?"),
        ("allow_events: [push]", "does not refuse"),
        ("explain: anyone", "`explain: anyone`"),
        ("session: 59s", "out of range"),
        ("session: 13h", "out of range"),
    ] {
        let text = refusal(&FORGE, &format!("{ID}{yaml}"));
        assert!(text.starts_with("policy `deploy`: "), "{text}");
        assert!(text.contains(said), "{yaml}: {text}");
    }
}

#[test]
fn an_anchor_takes_immutable_ids_only() {
    for (yaml, said) in [
        (
            "anchor: {repository: acme/payments}\nread: [a]",
            "pin `repository_id`, or `repository_owner_id`",
        ),
        ("anchor: {sub: x}\nread: [a]", "no anchor"),
        ("anchor: {ref: x}\nread: [a]", "no anchor"),
        ("anchor: {repository_id: ''}\nread: [a]", "1 to 512 bytes"),
        ("anchor: {repository_id: 456789}\nread: [a]", "write it in quotes, `\"456789\"`"),
        ("anchor: {repositoryid: '1'}\nread: [a]", "did you mean `repository_id`?"),
    ] {
        let text = refusal(&FORGE, yaml);
        assert!(text.contains(said), "{yaml}: {text}");
    }
    assert!(refusal(&OPEN, "anchor: {id: {in: ['1', 2]}}\nread: [a]").contains("in quotes"));
}

#[test]
fn a_policy_must_say_something() {
    assert!(refusal(&FORGE, "anchor: {repository_id: '1'}").contains("no `read` and no `deny`"));
    assert!(refusal(&LAB, "read: [a]").contains("every workload"));
    assert!(refusal(&LAB, "claims: {ref: {not: [main]}}\nread: [a]").contains("every workload"));
    assert!(try_policy(&FORGE, "anchor: {repository_id: '1'}\ndeny: [a]").is_ok());
}

#[test]
fn values_are_typed_as_the_platform_writes_them() {
    for good in
        ["ref_protected: true", "ref_protected: 'true'", "runner_id: 12", "ssh_rerun: false"]
    {
        assert!(
            try_policy(&LAB, &format!("claims: {{sub: x, {good}}}\nread: [a]")).is_ok(),
            "{good}"
        );
    }
    for bad in [
        "ref_protected: yes",
        "ref_protected: 1",
        "runner_id: '12'",
        "ssh_rerun: 'false'",
        "ref: true",
        "groups_direct: 7",
        "ref_protected: {glob: 't*'}",
        "ssh_rerun: {glob: 't*'}",
    ] {
        assert!(
            try_policy(&LAB, &format!("claims: {{sub: x, {bad}}}\nread: [a]")).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn bounds_hold() {
    let many = |what: &str, item: &str, count: usize| {
        let items: Vec<String> = (0..count).map(|at| format!("{item}{at}")).collect();
        format!("anchor: {{repository_id: '1'}}\n{what}: [{}]\n", items.join(", "))
    };
    assert!(refusal(&FORGE, &many("read", "p/", 257)).contains("257 `read` patterns: at most 256"));
    assert!(try_policy(&FORGE, &many("read", "p/", 256)).is_ok());
    assert!(
        refusal(&FORGE, &many("read", "p", 1).replace("read", "description: ''\nread"))
            .contains("description")
    );
    let claims: Vec<String> = (0..65).map(|at| format!("repo_property_{at}: x")).collect();
    let yaml =
        format!("anchor: {{repository_id: '1'}}\nread: [a]\nclaims: {{{}}}", claims.join(", "));
    assert!(refusal(&FORGE, &yaml).contains("at most 64"));
}

#[test]
fn a_policy_is_compiled_for_the_issuer_it_names() {
    let error = TrustPolicy::compile(draft(&LAB, "deploy", "read: [a]"), &entry(&FORGE), &FORGE);
    assert!(error.unwrap_err().to_string().contains("names issuer `lab`"));
}

#[test]
fn pinning_makes_a_pending_policy_active() {
    let pending = try_policy(&FORGE, "claims: {repository: acme/payments}\nread: [a]").unwrap();
    let seen = pending.ids_seen(&push(&serde_json::json!({}))).unwrap();
    assert_eq!(seen, ids(&[("repository_id", "456789"), ("repository_owner_id", "123456")]));
    let pinned = pending.pin(&seen, &entry(&FORGE), &FORGE).unwrap();
    assert!(pinned.is_active());
    assert!(pinned.owned_by(&push(&serde_json::json!({})).claims));
    assert!(pinned.ids_seen(&push(&serde_json::json!({}))).is_none());
}

#[test]
fn pinning_neither_contradicts_nor_leaves_gaps() {
    let half = try_policy(&LAB, "anchor: {project_id: '7'}\nread: [a]").unwrap();
    let pin =
        |pairs: &[_]| half.pin(&ids(pairs), &entry(&LAB), &LAB).map_err(|error| error.to_string());
    assert!(pin(&[("project_id", "8"), ("namespace_id", "3")]).unwrap_err().contains("another id"));
    assert!(pin(&[]).unwrap_err().contains("also pin namespace_id"));
    assert!(pin(&[("project_path", "x")]).unwrap_err().contains("no anchor"));
    assert!(pin(&[("namespace_id", "3")]).unwrap().is_active());
}

#[test]
fn ids_are_offered_only_by_a_workload_that_the_policy_names() {
    let named =
        try_policy(&LAB, "anchor: pending\nclaims: {project_path: acme/payments}\nread: [a]");
    let named = named.unwrap();
    let ours = serde_json::json!({});
    assert_eq!(
        named.ids_seen(&job(&ours)),
        Some(ids(&[("project_id", "7"), ("namespace_id", "3")]))
    );
    assert_eq!(named.ids_seen(&job(&serde_json::json!({ "project_path": "evil/payments" }))), None);
    assert_eq!(named.ids_seen(&job(&serde_json::json!({ "namespace_id": null }))), None);
    assert_eq!(named.ids_seen(&push(&ours)), None, "of another issuer");
    for stranger in [
        "job_workflow_ref: 'acme/payments/.github/workflows/deploy.yml@refs/heads/main'",
        "actor: maria",
        "repository: {glob: '*/payments'}",
    ] {
        let policy = try_policy(&FORGE, &format!("claims: {{{stranger}}}\nread: [a]")).unwrap();
        assert_eq!(policy.ids_seen(&push(&ours)), None, "{stranger}");
    }
    let nameless = try_policy(&LAB, "anchor: pending\nclaims: {ref: main}\nread: [a]").unwrap();
    assert_eq!(nameless.ids_seen(&job(&ours)), None, "any stranger's job would fit");
}

const HOSTED: &str = "runner_environment: hosted";

#[test]
fn unwise_policies_are_warned_about() {
    let codes = |preset: &Preset, yaml: &str| -> Vec<String> {
        try_policy(preset, yaml)
            .unwrap()
            .lint(NOON)
            .into_iter()
            .map(|warning| warning.code)
            .collect()
    };
    let forge = |yaml: &str| {
        let anchor = "anchor: {repository_id: '1', repository_owner_id: '2'}";
        codes(&FORGE, &format!("{anchor}\n{yaml}"))
    };
    assert!(forge(&format!("claims: {{ref: x, {HOSTED}}}\nread: [a]")).is_empty());
    assert_eq!(forge(&format!("claims: {{{HOSTED}}}\nread: [a]")), ["any-branch"]);
    assert_eq!(forge("claims: {ref: x}\nread: [a]"), ["any-runner"]);
    for (claim, code) in [
        ("ref: {glob: 'refs/**'}", "wide-ref"),
        ("ref: 'refs/heads/*'", "literal-star"),
        ("environment: prod", "unprotected-environment"),
        ("ref: {glob: '^refs/*'}", "foreign-glob"),
        ("ref: {glob: 'refs/heads/.*'}", "foreign-glob"),
        ("ref: {glob: 'release-{a,b}*'}", "foreign-glob"),
    ] {
        assert_eq!(forge(&format!("claims: {{{HOSTED}, {claim}}}\nread: [a]")), [code], "{claim}");
    }
    let rest = |yaml: &str| forge(&format!("claims: {{ref: x, {HOSTED}}}\n{yaml}"));
    assert_eq!(rest("read: ['**']"), ["read-everything"]);
    assert_eq!(rest("read: [a]\ndeny: [a]"), ["denied-grant"]);
    assert_eq!(rest("read: [a]\nallow_events: [workflow_run]"), ["lifted-events"]);
    let wide = "anchor: {repository_owner_id: '1'}\nclaims: {ref: x, runner_environment: \
                hosted}\nread: [a]";
    assert_eq!(codes(&FORGE, wide), ["wide-anchor"]);
    let id_only = wide.replace("repository_owner_id", "repository_id");
    assert_eq!(codes(&FORGE, &id_only), ["transferable"]);
    assert_eq!(
        codes(&FORGE, "claims: {repository_id: '1', ref: x, runner_environment: h}\nread: [a]"),
        ["pending", "anchor-under-claims"]
    );
    assert_eq!(codes(&LAB, "claims: {ref: main}\nread: [a]"), ["no-anchor"]);
}
