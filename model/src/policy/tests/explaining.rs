//! Who learns what, and whether it helps.

use serde_json::{Value, json};

use super::world::{FORGE, LAB, NOON, OPEN, job, only, paths, policy, push, workload};
use crate::policy::{CheckFault, CheckTrace, PolicySet, Scope, Standing, Trace, explain};
use crate::workload::Workload;

const OURS: &str = "anchor: {repository_id: '456789'}\nread: ['db/prod/*']\n";

fn all(set: &PolicySet, workload: &Workload) -> Trace {
    explain(set, workload, &paths(&["db/prod/password"]), NOON, Scope::All)
}

/// The one failed check of a policy with this test of a workload.
fn failed(test: &str, claims: &Value) -> CheckTrace {
    let trace =
        all(&only(&FORGE, &format!("{OURS}claims: {{{test}}}")), &push(claims)).for_caller();
    let failed: Vec<_> = trace.policies[0].checks.iter().filter(|check| !check.passed).collect();
    assert_eq!(failed.len(), 1, "{test}: {trace:#?}");
    failed[0].clone()
}

#[test]
fn the_owner_learns_each_check_with_expected_and_presented() {
    let set = only(&FORGE, &format!("{OURS}claims: {{ref: refs/heads/main, environment: prod}}"));
    let trace = all(&set, &push(&json!({ "ref": "refs/heads/dev" }))).for_caller();
    let policy = &trace.policies[0];
    assert!(policy.anchor_matched && !policy.matched);
    let seen: Vec<_> =
        policy.checks.iter().map(|check| (check.claim.as_str(), check.passed)).collect();
    assert_eq!(
        seen,
        [("repository_id", true), ("environment", false), ("ref", false), ("event_name", true)]
    );
    let check = &policy.checks[2];
    assert_eq!(check.expected, "`refs/heads/main`");
    assert_eq!(check.presented.as_deref(), Some("refs/heads/dev"));
    assert_eq!(policy.checks[1].presented, None);
    assert!(!trace.secrets[0].granted);
}

#[test]
fn a_missing_claim_is_told_from_another_mismatch() {
    for (test, claims, fault) in [
        ("environment: prod", json!({}), CheckFault::Missing),
        ("environment: {not: [prod]}", json!({}), CheckFault::Missing),
        ("ref: refs/heads/main", json!({ "ref": null }), CheckFault::Missing),
        ("ref: refs/heads/dev", json!({}), CheckFault::Mismatch),
        ("ref: {glob: 'refs/tags/*'}", json!({}), CheckFault::Mismatch),
        ("ref: {glob: 'refs/*'}", json!({}), CheckFault::Separator),
        ("ref: {glob: 'refs/**', not: [refs/heads/main]}", json!({}), CheckFault::Mismatch),
        ("run_attempt: '1'", json!({ "run_attempt": 1 }), CheckFault::WrongType),
    ] {
        assert_eq!(failed(test, &claims).fault, Some(fault), "{test}");
    }
}

#[test]
fn text_is_told_from_a_number_where_that_is_the_difference() {
    let check = failed("run_attempt: '1'", &json!({ "run_attempt": 1 }));
    assert_eq!((check.expected.as_str(), check.presented.as_deref()), ("`\"1\"`", Some("1")));
    let check = failed("run_attempt: '1'", &json!({ "run_attempt": "2" }));
    assert_eq!((check.expected.as_str(), check.presented.as_deref()), ("`1`", Some("2")));
    let set = only(&OPEN, "claims: {sub: x, tier: 1}\nread: ['**']\nexplain: anyone");
    let trace = all(&set, &workload(&OPEN, &json!({ "sub": "x", "tier": "1" }), &json!({})));
    let check = trace.policies[0].checks.iter().find(|check| check.claim == "tier").unwrap();
    assert_eq!((check.expected.as_str(), check.presented.as_deref()), ("`1`", Some("\"1\"")));
}

#[test]
fn what_failed_is_of_the_nearest_policy_and_without_values() {
    let set = PolicySet::build(vec![
        policy(&FORGE, "far", "anchor: {repository_id: '1'}\nread: ['db/prod/*']"),
        policy(&FORGE, "near", &format!("{OURS}claims: {{environment: prod, ref: refs/heads/x}}")),
    ]);
    let failed = all(&set, &push(&json!({ "ref": "refs/heads/a-branch" }))).failed();
    assert_eq!(
        serde_json::to_value(failed).unwrap(),
        json!([
            { "claim": "environment", "fault": "missing" },
            { "claim": "ref", "fault": "mismatch" },
        ])
    );
}

#[test]
fn a_stranger_learns_nothing_at_all() {
    let set = PolicySet::build(vec![
        policy(&FORGE, "ours", &format!("{OURS}claims: {{repository: acme/payments}}")),
        policy(&FORGE, "pending", "claims: {repository: acme/payments}\nread: ['**']"),
    ]);
    let stranger = push(&json!({ "repository_id": "1" }));
    for scope in [Scope::All, Scope::Candidates] {
        let trace =
            explain(&set, &stranger, &paths(&["db/prod/password"]), NOON, scope).for_caller();
        assert!(trace.is_empty() && trace.secrets.is_empty() && trace.omitted == 0);
    }
    let operator = all(&set, &stranger);
    assert_eq!(operator.policies.len(), 2);
}

#[test]
fn the_owner_of_one_policy_learns_nothing_of_others() {
    let set = PolicySet::build(vec![
        policy(&FORGE, "a-ours", &format!("{OURS}claims: {{ref: x}}")),
        policy(&FORGE, "theirs", "anchor: {repository_id: '1'}\nread: ['db/prod/*']"),
    ]);
    let ours = all(&set, &push(&json!({}))).for_caller();
    assert_eq!(ours.policies.len(), 1);
    assert_eq!(ours.policies[0].policy.as_str(), "a-ours");
}

#[test]
fn a_name_of_an_unseen_policy_does_not_stand_beside_a_secret() {
    let set = PolicySet::build(vec![
        policy(&LAB, "ours", "anchor: {project_id: '7', namespace_id: '3'}\nread: [app]"),
        policy(&LAB, "open", "claims: {ref: main}\ndeny: ['db/**']"),
    ]);
    let trace = all(&set, &job(&json!({})));
    assert_eq!(trace.secrets[0].policy.as_ref().unwrap().as_str(), "open");
    assert_eq!(trace.for_caller().secrets[0].policy, None);
}

#[test]
fn a_policy_without_an_anchor_teaches_only_if_it_says_so() {
    let yaml = "claims: {sub: x}\nread: ['db/**']\n";
    let anyone = job(&json!({ "sub": "y" }));
    assert!(all(&only(&LAB, yaml), &anyone).for_caller().is_empty());
    let trace = all(&only(&LAB, &format!("{yaml}explain: anyone")), &anyone).for_caller();
    assert_eq!(trace.policies.len(), 1);
    assert!(!trace.policies[0].anchor_matched);
}

#[test]
fn a_failure_names_its_likely_cause_and_a_fix() {
    for (test, claims, cause, fix) in [
        ("ref: main", json!({}), "full name of the ref", "refs/heads/"),
        ("ref: {glob: 'mai*'}", json!({}), "full name of the ref", "refs/heads/"),
        ("ref: v1", json!({ "ref": "refs/tags/v1" }), "full name of the ref", "refs/tags/"),
        ("ref: refs/heads/main", json!({ "ref": "main" }), "the bare name", "`main`"),
        ("repository: Acme/Payments", json!({}), "letter case", "`acme/payments`"),
        ("ref: {glob: 'refs/heads/MA*'}", json!({}), "letter case", "`refs/heads/main`"),
        ("environment: prod", json!({}), "no environment", "`environment:`"),
        (
            "repo_property_tier: '1'",
            json!({}),
            "no claim `repo_property_tier`",
            "take the test out",
        ),
        ("ref: 'refs/heads/*'", json!({}), "ordinary character", "glob: \"refs/heads/*\""),
        ("ref: {glob: 'refs/*'}", json!({}), "inside one segment, up to `/`", "`**`"),
        ("repository: acme/payments/", json!({}), "a last `/`", "`acme/payments`"),
        ("actor: {not: [maria]}", json!({}), "rules this value out", "`not`"),
        ("run_attempt: '1'", json!({ "run_attempt": 1 }), "a whole number", "preset"),
        (
            "ref: refs/heads/main",
            json!({ "ref": "refs/pull/7/merge" }),
            "pull request",
            "after the merge",
        ),
        (
            "repository: acme/payments",
            json!({ "repository": "evil/payments" }),
            "a fork",
            "the policy names",
        ),
    ] {
        let check = failed(test, &claims);
        let said = check.cause.as_deref().unwrap_or_else(|| panic!("{test} has no cause"));
        assert!(said.contains(cause), "{test}: {said}");
        let said = check.fix.unwrap();
        assert!(said.contains(fix), "{test}: {said}");
    }
}

#[test]
fn a_sub_that_changed_its_format_is_recognised() {
    for (wanted, presented, cause) in [
        (
            "repo:acme/payments:ref:refs/heads/main",
            "repo:acme/payments:environment:prod",
            "replaces the ref",
        ),
        (
            "repo:acme/payments:environment:prod",
            "repo:acme/payments:ref:refs/heads/main",
            "no `environment`",
        ),
        (
            "repo:acme/payments:environment:prod",
            "repo:acme@1/payments@2:environment:prod",
            "immutable ids",
        ),
        (
            "repo:acme@1/payments@2:environment:prod",
            "repo:acme/payments:environment:prod",
            "immutable ids",
        ),
        (
            "repo:acme/payments:ref:refs/heads/main",
            "repo:acme@1/payments@2:environment:prod",
            "replaces the ref",
        ),
        ("repo:acme/*", "repo:acme/payments:environment:prod", "ordinary character"),
        ("repo:acme/payments:pull_request", "project:x", "composes `sub` otherwise"),
    ] {
        let check = failed(&format!("sub: '{wanted}'"), &json!({ "sub": presented }));
        assert!(check.cause.as_ref().unwrap().contains(cause), "{wanted} {presented}: {check:?}");
    }
}

#[test]
fn a_reusable_workflow_is_recognised() {
    let called = "acme/automation/.github/workflows/deploy.yml@refs/heads/main";
    let check = failed(&format!("workflow_ref: {called}"), &json!({ "job_workflow_ref": called }));
    assert!(check.cause.unwrap().contains("reusable workflow"));
    assert!(check.fix.unwrap().contains("`job_workflow_ref`"));
    let elsewhere = "acme/payments/.github/workflows/deploy.yml@refs/heads/dev";
    let check = failed(&format!("job_workflow_ref: {elsewhere}"), &json!({}));
    assert!(check.cause.unwrap().contains("at another ref"));
}

#[test]
fn a_refused_event_says_why_and_how_to_lift_it() {
    let check = failed("ref: refs/heads/main", &json!({ "event_name": "pull_request_target" }));
    assert_eq!(check.claim, "event_name");
    assert!(check.expected.starts_with("not `pull_request_target`"));
    assert!(check.cause.unwrap().contains("refused, because it runs with the rights"));
    assert!(check.fix.unwrap().contains("allow_events: [pull_request_target]"));
}

#[test]
fn an_operator_learns_why_an_id_differs() {
    let set = only(&FORGE, &format!("{OURS}claims: {{repository: acme/payments}}"));
    let cause = |claims: Value| {
        let trace = all(&set, &push(&claims));
        trace.policies[0].checks[0].cause.clone().unwrap()
    };
    assert!(cause(json!({ "repository_id": "1" })).contains("made anew"));
    let fork = json!({ "repository_id": "1", "repository": "evil/payments" });
    assert!(cause(fork).contains("a fork or a copy"));
    let trace = all(&only(&FORGE, OURS), &push(&json!({ "repository_id": "1" })));
    let check = &trace.policies[0].checks[0];
    assert_eq!(
        check.fix.as_deref().unwrap(),
        "if `1` is your own `repository_id`, correct the policy; else this is another's job, \
         maybe a fork's, and rightly refused"
    );
    let pair = all(
        &only(&LAB, "anchor: {project_id: '7', namespace_id: '3'}\nread: [a]"),
        &job(&json!({ "job_project_id": "8" })),
    );
    let check = pair.for_caller().policies[0].checks.last().unwrap().clone();
    assert!(!check.passed && check.cause.unwrap().contains("fork"));
    assert!(check.expected.contains("the same as `job_project_id` (`8`)"));
}

#[test]
fn a_pending_policy_tells_the_operator_what_to_pin() {
    let set = only(&FORGE, "claims: {repository: acme/payments}\nread: ['**']");
    let trace = all(&set, &push(&json!({})));
    assert_eq!(trace.policies[0].state, Standing::Pending);
    let note = trace.policies[0].note.as_ref().unwrap();
    assert!(note.contains("segura policy pin deploy repository_id=456789"), "{note}");
    assert!(trace.for_caller().is_empty());
}

#[test]
fn an_expired_policy_says_so() {
    let set = only(&FORGE, &format!("{OURS}expires_at: 2026-01-01T00:00:00Z"));
    let trace = all(&set, &push(&json!({}))).for_caller();
    assert_eq!(trace.policies[0].state, Standing::Expired);
    assert!(trace.policies[0].note.as_ref().unwrap().contains("2026-01-01T00:00:00Z"));
}

#[test]
fn the_nearest_policies_come_first_and_the_rest_are_counted() {
    let other = |at: usize| {
        policy(&FORGE, &format!("a{at}"), &format!("anchor: {{repository_id: '{at}'}}\nread: [x]"))
    };
    let mut policies: Vec<_> = (0..100).map(other).collect();
    policies.push(policy(&FORGE, "z-ours", &format!("{OURS}claims: {{ref: x}}")));
    let set = PolicySet::build(policies);
    let trace = all(&set, &push(&json!({})));
    assert_eq!(trace.policies[0].policy.as_str(), "z-ours");
    assert_eq!((trace.policies.len(), trace.omitted), (64, 37));
    let few = explain(&set, &push(&json!({})), &[], NOON, Scope::Candidates);
    assert_eq!((few.policies.len(), few.omitted), (1, 0));
}

#[test]
fn a_trace_survives_its_json_and_carries_no_control_characters() {
    let set = only(&FORGE, &format!("{OURS}claims: {{ref: x, environment: prod}}"));
    let trace = all(&set, &push(&json!({ "ref": "a\u{202e}\nb".repeat(200) })));
    let json = serde_json::to_string(&trace).unwrap();
    assert_eq!(serde_json::from_str::<Trace>(&json).unwrap(), trace);
    assert!(!json.contains('\u{202e}') && !json.contains("\\n"));
    assert!(json.len() < 4000);
}

#[test]
fn the_nearest_policies_that_fit_are_kept_whole() {
    let policies = ["a", "b", "c", "d"].map(|name| policy(&FORGE, name, OURS)).to_vec();
    let whole = all(&PolicySet::build(policies), &push(&json!({})));
    let size = |trace: &Trace| serde_json::to_vec(&trace.policies).unwrap().len();
    assert_eq!((whole.policies.len(), whole.clone().within(size(&whole))), (4, whole.clone()));
    let half = whole.clone().within(size(&whole) / 2);
    assert_eq!((half.policies.as_slice(), half.omitted), (&whole.policies[..2], 2));
    assert!(size(&half) <= size(&whole) / 2 + 2);
    assert_eq!(whole.within(0).omitted, 4);
}
