//! Ways in which other brokers were fooled, each by a test.

use serde_json::json;

use super::world::{FORGE, LAB, OPEN, entry, gets, job, only, policy, push, try_policy, workload};
use crate::policy::{PolicySet, TrustPolicy};

const OURS: &str = "anchor: {repository_id: '456789'}\nread: ['**']\n";

fn ours(test: &str) -> PolicySet {
    only(&FORGE, &format!("{OURS}claims: {{{test}}}"))
}

#[test]
fn a_wildcard_subject_is_no_policy() {
    assert!(try_policy(&FORGE, "claims: {sub: {glob: 'repo:acme/*'}}\nread: [a]").is_err());
    let literal = only(&LAB, "claims: {sub: '*'}\nread: ['**']");
    assert!(!gets(&literal, &job(&json!({}))), "a star is a letter in an exact value");
    assert!(!gets(&only(&FORGE, "read: ['**']"), &push(&json!({}))));
}

#[test]
fn a_missing_claim_fails_negated_tests_too() {
    for test in [
        "environment: {not: [prod]}",
        "environment: prod",
        "environment: {glob: '**'}",
        "environment: ''",
    ] {
        assert!(!gets(&ours(test), &push(&json!({}))), "{test}");
        assert!(!gets(&ours(test), &push(&json!({ "environment": null }))), "{test}");
    }
    assert!(gets(&ours("environment: {not: [prod]}"), &push(&json!({ "environment": "dev" }))));
}

#[test]
fn a_missing_event_is_a_refused_event() {
    let set = only(&FORGE, OURS);
    assert!(gets(&set, &push(&json!({}))));
    assert!(!gets(&set, &push(&json!({ "event_name": null }))));
    assert!(!gets(&set, &push(&json!({ "event_name": 7 }))));
}

#[test]
fn a_glob_does_not_cross_a_separator() {
    let set = ours("job_workflow_ref: {glob: 'acme/ci/.github/workflows/*@refs/heads/main'}");
    let with = |text: &str| gets(&set, &push(&json!({ "job_workflow_ref": text })));
    assert!(with("acme/ci/.github/workflows/deploy.yml@refs/heads/main"));
    assert!(!with("acme/ci/.github/workflows/x@refs/heads/evil/y@refs/heads/main"));
    assert!(!with("acme/ci/.github/workflows/a/b.yml@refs/heads/main"));
    let set = ours("repository: {glob: 'acme/*'}");
    assert!(!gets(&set, &push(&json!({ "repository": "acme/x/environment:prod" }))));
}

#[test]
fn the_whole_value_must_fit_both_ends() {
    for evil in [
        "xrefs/heads/main",
        "refs/heads/mainx",
        "refs/heads/main\nrefs/heads/x",
        " refs/heads/main",
    ] {
        assert!(
            !gets(&ours("ref: {in: [refs/heads/main, main]}"), &push(&json!({ "ref": evil }))),
            "{evil:?}"
        );
        assert!(
            !gets(&ours("ref: {glob: 'refs/heads/mai*n'}"), &push(&json!({ "ref": evil }))),
            "{evil:?}"
        );
    }
}

#[test]
fn a_name_registered_again_by_another_gets_nothing() {
    let set = only(&FORGE, &format!("{OURS}claims: {{repository: acme/payments}}"));
    assert!(gets(&set, &push(&json!({}))));
    assert!(!gets(&set, &push(&json!({ "repository_id": "999" }))), "same name, new id");
}

#[test]
fn a_project_that_changed_its_owner_gets_nothing() {
    let set = only(
        &FORGE,
        "anchor: {repository_id: '456789', repository_owner_id: '123456'}\nread: ['**']",
    );
    assert!(gets(&set, &push(&json!({}))));
    assert!(!gets(&set, &push(&json!({ "repository_owner_id": "666" }))));
    assert!(!gets(&set, &push(&json!({ "repository_owner_id": null }))));
}

#[test]
fn the_same_ids_from_another_issuer_get_nothing() {
    let set = only(&FORGE, OURS);
    let mut other = push(&json!({}));
    other.issuer = "forge-enterprise".parse().unwrap();
    assert!(!gets(&set, &other), "the same text of `iss`, another entry");
}

#[test]
fn a_display_name_is_no_identity() {
    assert!(try_policy(&FORGE, &format!("{OURS}claims: {{workflow: Deploy}}")).is_err());
    assert!(
        try_policy(&FORGE, &format!("{OURS}claims: {{workflow: Deploy, actor: maria}}")).is_err()
    );
    for file in ["ref: x", "job_workflow_ref: a/b/c.yml@refs/heads/main"] {
        let claims = format!("claims: {{workflow: Deploy, {file}}}");
        assert!(try_policy(&FORGE, &format!("{OURS}{claims}")).is_ok(), "{file}");
    }
}

#[test]
fn a_branch_cannot_pretend_to_be_an_environment() {
    let set = ours("environment: prod");
    let branch = json!({
        "ref": "refs/heads/x:environment:prod",
        "sub": "repo:acme/payments:ref:refs/heads/x:environment:prod",
    });
    assert!(!gets(&set, &push(&branch)));
}

#[test]
fn events_of_strangers_are_refused_unless_lifted_by_name() {
    let lifted = only(&FORGE, &format!("{OURS}allow_events: [pull_request_target]"));
    for event in ["pull_request_target", "workflow_run", "issue_comment"] {
        let workload = push(&json!({ "event_name": event }));
        assert!(!gets(&only(&FORGE, OURS), &workload), "{event}");
        assert_eq!(gets(&lifted, &workload), event == "pull_request_target", "{event}");
    }
    let tested = only(&FORGE, &format!("{OURS}claims: {{event_name: workflow_run}}"));
    assert!(
        !gets(&tested, &push(&json!({ "event_name": "workflow_run" }))),
        "a test lifts nothing"
    );
}

#[test]
fn a_job_run_for_a_fork_gets_nothing() {
    let set = only(&LAB, "anchor: {project_id: '7', namespace_id: '3'}\nread: ['**']");
    assert!(gets(&set, &job(&json!({}))), "older servers send no job_project_id");
    assert!(gets(&set, &job(&json!({ "job_project_id": "7" }))));
    assert!(!gets(&set, &job(&json!({ "job_project_id": "8" }))));
    assert!(!gets(&set, &job(&json!({ "job_project_id": 7 }))), "typed, also between claims");
}

#[test]
fn a_rerun_with_a_shell_can_be_refused_and_absence_does_not_pass() {
    let set = only(
        &LAB,
        "anchor: {project_id: '7', namespace_id: '3'}\nclaims: {ssh_rerun: false}\nread: ['**']",
    );
    assert!(gets(&set, &job(&json!({}))));
    assert!(!gets(&set, &job(&json!({ "ssh_rerun": true }))));
    assert!(!gets(&set, &job(&json!({ "ssh_rerun": null }))));
    assert!(!gets(&set, &job(&json!({ "ssh_rerun": "false" }))));
}

#[test]
fn a_customised_subject_does_not_help() {
    let set = ours("sub: 'repo:acme/payments:ref:refs/heads/main', ref: refs/heads/main");
    let forged =
        json!({ "sub": "repo:acme/payments:ref:refs/heads/main", "ref": "refs/heads/evil" });
    assert!(!gets(&set, &push(&forged)));
    assert!(!gets(&set, &push(&json!({ "sub": "repository_owner:acme" }))));
}

#[test]
fn letters_are_compared_exactly() {
    for (claim, text) in [
        ("repository", "ACME/payments"),
        ("ref", "refs/heads/Main"),
        ("ref", "refs/heads/ma\u{131}n"),
    ] {
        let set = ours("repository: acme/payments, ref: refs/heads/main");
        assert!(!gets(&set, &push(&json!({ claim: text }))), "{text}");
    }
}

#[test]
fn a_value_with_commas_is_one_value() {
    let set = ours("environment: {in: ['dev, prod', staging]}");
    assert!(gets(&set, &push(&json!({ "environment": "dev, prod" }))));
    for alone in ["dev", "prod", " prod", "staging, prod"] {
        assert!(!gets(&set, &push(&json!({ "environment": alone }))), "{alone}");
    }
}

#[test]
fn numbers_are_exact() {
    let set = only(&LAB, "claims: {sub: x, runner_id: 9007199254740993}\nread: ['**']");
    let with = |json: &str| gets(&set, &job(&serde_json::from_str(json).unwrap()));
    assert!(with(r#"{"sub":"x","runner_id":9007199254740993}"#));
    assert!(!with(r#"{"sub":"x","runner_id":9007199254740992}"#));
    assert!(!with(r#"{"sub":"x","runner_id":9007199254740993.0}"#));
    assert!(!with(r#"{"sub":"x","runner_id":"9007199254740993"}"#));
    let id = only(&FORGE, OURS);
    assert!(!gets(&id, &push(&json!({ "repository_id": 456_789 }))), "an id that is text");
    assert!(!gets(&id, &push(&json!({ "repository_id": "0456789" }))));
}

#[test]
fn nothing_is_granted_where_there_is_nothing() {
    assert!(!gets(&PolicySet::default(), &push(&json!({}))));
    assert!(!gets(&PolicySet::build(vec![]), &push(&json!({}))));
}

#[test]
fn a_policy_applied_anew_keeps_nothing_of_the_old_one() {
    let old = policy(&FORGE, "deploy", &format!("{OURS}claims: {{ref: refs/heads/main}}"));
    let new = policy(&FORGE, "deploy", "anchor: {repository_id: '1'}\nread: ['**']");
    let set = PolicySet::build(vec![old, new]);
    assert!(!gets(&set, &push(&json!({}))), "replaced, not merged");
    assert!(gets(&set, &push(&json!({ "repository_id": "1", "ref": "x" }))));
}

#[test]
fn ids_are_not_trusted_at_first_sight() {
    let pending = policy(&FORGE, "deploy", "claims: {repository: acme/payments}\nread: ['**']");
    let set = PolicySet::build(vec![pending]);
    let first = push(&json!({}));
    assert!(!gets(&set, &first) && !gets(&set, &first), "seeing an id pins nothing");
    assert_eq!(set.pending(&first).len(), 1);
}

#[test]
fn an_entry_marked_shared_needs_anchors_whatever_its_preset_says() {
    let mut shared = entry(&LAB);
    shared.shared = true;
    let draft = super::world::draft(&LAB, "deploy", "claims: {sub: x}\nread: ['**']");
    assert!(!TrustPolicy::compile(draft, &shared, &LAB).unwrap().is_active());
}

#[test]
fn an_object_or_a_nested_name_is_not_taken_for_a_value() {
    let set = only(&OPEN, "claims: {team: a}\nread: ['**']");
    for team in [json!({ "a": "a" }), json!([["a"]]), json!([]), json!([{ "team": "a" }])] {
        assert!(
            !gets(&set, &workload(&OPEN, &json!({ "sub": "s" }), &json!({ "team": team }))),
            "{team}"
        );
    }
}
