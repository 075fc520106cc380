//! Who gets what.

use std::sync::Arc;

use serde_json::json;

use super::world::{
    FORGE, LAB, NOON, OPEN, draft, entry, gets, job, only, paths, policy, push, workload,
};
use crate::policy::{
    AnchorDraft, AnchorTest, Decision, NotGranted, Outcome, PolicySet, TrustPolicy, evaluate,
};

const OURS: &str = "anchor: {repository_id: '456789'}\nread: ['db/prod/*']\n";

fn set(policies: &[(&str, &str)]) -> PolicySet {
    PolicySet::build(policies.iter().map(|(name, yaml)| policy(&FORGE, name, yaml)).collect())
}

fn decide(set: &PolicySet, wanted: &[&str]) -> Decision {
    evaluate(set, &push(&json!({})), &paths(wanted), NOON)
}

#[test]
fn the_owner_gets_what_the_policy_grants_and_nothing_else() {
    let set = only(&FORGE, OURS);
    let decision = decide(&set, &["db/prod/password", "db/prod/deep/er", "db/staging/password"]);
    assert!(matches!(decision.outcomes[0], Outcome::Granted(_)));
    assert!(matches!(decision.outcomes[1], Outcome::Refused(NotGranted::OutsideGrants)));
    assert!(matches!(decision.outcomes[2], Outcome::Refused(NotGranted::OutsideGrants)));
    assert!(!decision.is_granted(), "all or nothing");
    assert!(decision.anchored);
    assert!(decide(&set, &["db/prod/password"]).is_granted());
    let stranger = push(&json!({ "repository_id": "1" }));
    let decision = evaluate(&set, &stranger, &paths(&["db/prod/password"]), NOON);
    assert!(matches!(decision.outcomes[0], Outcome::Refused(NotGranted::Unmatched)));
    assert!(!decision.is_granted() && !decision.anchored);
}

#[test]
fn every_condition_must_hold() {
    let yaml = format!(
        "{OURS}claims: {{ref: {{glob: 'refs/heads/release/*'}}, environment: {{in: [prod, \
         staging]}}, actor: {{not: ['bot']}}}}"
    );
    let set = only(&FORGE, &yaml);
    let good = json!({ "ref": "refs/heads/release/1.2", "environment": "prod" });
    assert!(gets(&set, &push(&good)));
    for (claim, bad) in [
        ("ref", "refs/heads/main"),
        ("ref", "refs/heads/release/1/2"),
        ("environment", "Prod"),
        ("actor", "bot"),
    ] {
        let mut claims = good.clone();
        claims[claim] = bad.into();
        assert!(!gets(&set, &push(&claims)), "{claim} {bad}");
    }
}

#[test]
fn grants_add_up_and_deny_wins() {
    let set = set(&[
        ("db", OURS),
        ("app", "anchor: {repository_owner_id: '123456'}\nread: ['app/**', 'db/prod/root']"),
        ("no-root", "anchor: {repository_owner_id: '123456'}\ndeny: ['db/prod/root']"),
        ("not-ours", "anchor: {repository_id: '1'}\nread: ['**']\ndeny: ['app/**']"),
    ]);
    assert!(decide(&set, &["db/prod/password", "app/a/b"]).is_granted());
    let denied = decide(&set, &["db/prod/root", "app/x"]);
    let Outcome::Refused(NotGranted::Denied(by)) = &denied.outcomes[0] else { panic!() };
    assert_eq!(by.name().as_str(), "no-root");
    assert!(matches!(denied.outcomes[1], Outcome::Granted(_)));
}

#[test]
fn a_deny_of_a_policy_that_does_not_match_denies_nothing() {
    let set = set(&[
        ("db", OURS),
        ("deny", "anchor: {repository_id: '456789'}\nclaims: {ref: refs/heads/x}\ndeny: ['**']"),
    ]);
    assert!(decide(&set, &["db/prod/password"]).is_granted());
}

#[test]
fn the_shortest_session_of_the_policies_used_counts() {
    let id = "anchor: {repository_id: '456789'}\n";
    let set = set(&[
        ("a-long", &format!("{id}read: ['db/**']\nsession: 4h")),
        ("b-short", &format!("{id}read: ['db/prod/*']\nsession: 5m")),
        ("c-unused", &format!("{id}read: ['other/*']\nsession: 1m")),
    ]);
    let decision = decide(&set, &["db/prod/password"]);
    assert_eq!(decision.session_seconds, Some(300));
    assert_eq!(decision.policy_names()[0].as_str(), "b-short");
    assert_eq!(decide(&set, &["db/staging/x"]).session_seconds, Some(4 * 3600));
    let both = decide(&set, &["db/staging/x", "db/prod/password"]);
    assert_eq!(both.session_seconds, Some(300));
    assert_eq!(both.policies_used.len(), 2);
    assert_eq!(decide(&only(&FORGE, OURS), &["db/prod/x"]).session_seconds, Some(900));
}

#[test]
fn a_session_without_wanted_paths_stands_on_all_that_match() {
    let id = "anchor: {repository_id: '456789'}\n";
    let set = set(&[
        ("db", OURS),
        ("deny", &format!("{id}deny: [x]\nsession: 1m")),
        ("app", &format!("{id}read: [app]\nsession: 5m")),
    ]);
    let decision = decide(&set, &[]);
    assert!(decision.is_granted());
    let names: Vec<String> = decision.policy_names().into_iter().map(String::from).collect();
    assert_eq!(names, ["app", "db"]);
    assert_eq!(decision.session_seconds, Some(300));
    assert!(!decide(&PolicySet::default(), &[]).is_granted());
}

#[test]
fn a_read_is_decided_like_an_exchange() {
    let set = only(&FORGE, OURS);
    let read = |set: &PolicySet, path: &str| decide(set, &[path]).outcomes.remove(0);
    assert!(
        matches!(read(&set, "db/prod/x"), Outcome::Granted(by) if by.name().as_str() == "deploy")
    );
    assert!(matches!(read(&set, "x"), Outcome::Refused(NotGranted::OutsideGrants)));
    let none = PolicySet::default();
    assert!(matches!(read(&none, "db/prod/x"), Outcome::Refused(NotGranted::Unmatched)));
}

#[test]
fn a_pending_policy_neither_grants_nor_denies() {
    let pending = "claims: {repository: acme/payments}\nread: ['**']\ndeny: ['db/**']";
    let set = set(&[("pending", pending), ("db", OURS)]);
    assert!(decide(&set, &["db/prod/password"]).is_granted());
    assert!(!decide(&set, &["other"]).is_granted());
    assert!(!gets(&only(&FORGE, pending), &push(&json!({}))));
}

#[test]
fn an_expired_policy_neither_grants_nor_denies() {
    let set = set(&[
        ("db", OURS),
        (
            "freeze",
            "anchor: {repository_id: '456789'}\ndeny: ['db/**']\nexpires_at: 2026-11-24T12:00:00Z",
        ),
    ]);
    let wanted = paths(&["db/prod/password"]);
    let at = |now| evaluate(&set, &push(&json!({})), &wanted, now).is_granted();
    assert!(!at(NOON.plus(-1)));
    assert!(at(NOON));
}

#[test]
fn an_expired_policy_still_knows_its_owner() {
    let set = only(&FORGE, &format!("{OURS}expires_at: 2026-01-01T00:00:00Z"));
    let decision = decide(&set, &["db/prod/password"]);
    assert!(!decision.is_granted() && decision.anchored);
}

#[test]
fn a_workload_of_another_issuer_entry_gets_nothing() {
    let set = only(&FORGE, OURS);
    let mut elsewhere = push(&json!({}));
    elsewhere.issuer = "forge-2".parse().unwrap();
    assert!(!gets(&set, &elsewhere));
    let policy = set.find(&"deploy".parse().unwrap()).unwrap();
    assert!(policy.matches(&push(&json!({})), NOON));
    assert!(!policy.matches(&elsewhere, NOON), "not by the index alone");
}

#[test]
fn an_anchor_may_list_several_ids() {
    let set = only(&FORGE, "anchor: {repository_id: {in: ['1', '456789', '1']}}\nread: ['db/**']");
    assert!(gets(&set, &push(&json!({}))));
    assert!(gets(&set, &push(&json!({ "repository_id": "1" }))));
    assert!(!gets(&set, &push(&json!({ "repository_id": "2" }))));
    assert_eq!(set.candidates(&push(&json!({ "repository_id": "1" }))).count(), 1);
}

#[test]
fn lists_and_typed_claims_are_compared_element_by_element_and_typed() {
    let gets_with = |test: &str, claims: serde_json::Value| {
        gets(
            &only(
                &LAB,
                &format!(
                    "claims: {{sub: {{in: \
                     ['project_path:acme/payments:ref_type:branch:ref:main']}}, {test}}}\nread: \
                     ['**']"
                ),
            ),
            &job(&claims),
        )
    };
    assert!(gets_with("groups_direct: acme/platform", json!({})));
    assert!(gets_with("groups_direct: {glob: 'acme/*'}", json!({})));
    assert!(!gets_with("groups_direct: {not: [acme]}", json!({})));
    assert!(!gets_with("groups_direct: acme", json!({ "groups_direct": ["acme", 7] })));
    assert!(!gets_with("groups_direct: {not: [x]}", json!({ "groups_direct": "acme" })));
    assert!(gets_with("ref_protected: true", json!({})));
    assert!(!gets_with("ref_protected: true", json!({ "ref_protected": true })));
    assert!(!gets_with("ref_protected: true", json!({ "ref_protected": "false" })));
    assert!(gets_with("runner_id: {not: [13]}", json!({})));
    assert!(!gets_with("runner_id: 12", json!({ "runner_id": "12" })));
    assert!(gets_with("ssh_rerun: false", json!({})));
}

#[test]
fn an_open_claim_is_compared_as_it_was_written() {
    let open = |test: &str, claims: serde_json::Value| {
        gets(
            &only(&OPEN, &format!("claims: {{{test}}}\nread: ['**']")),
            &workload(&OPEN, &json!({ "sub": "s" }), &claims),
        )
    };
    assert!(open("team: a", json!({ "team": "a" })));
    assert!(open("team: a", json!({ "team": ["b", "a"] })));
    assert!(open("build: 7", json!({ "build": 7 })));
    assert!(!open("build: 7", json!({ "build": "7" })));
    assert!(!open("build: '7'", json!({ "build": 7 })));
    assert!(!open("build: 7", json!({ "build": 7.5 })));
    let anchored = only(&OPEN, "anchor: {team: a}\nread: ['**']");
    let ours = |team: serde_json::Value| {
        gets(&anchored, &workload(&OPEN, &json!({ "sub": "s" }), &json!({ "team": team })))
    };
    assert!(ours("a".into()));
    assert!(!ours(json!(["a"])), "a list is no id");
}

#[test]
fn ten_thousand_policies_cost_what_ten_do() {
    let yaml = |id: &str| {
        format!("anchor: {{repository_id: '{id}', repository_owner_id: '123456'}}\nread: ['db/**']")
    };
    let mut policies = vec![
        policy(&FORGE, "ours", &yaml("456789")),
        policy(&FORGE, "wide", "anchor: {repository_owner_id: '123456'}\nread: ['app/**']"),
    ];
    let model = draft(&FORGE, "model", &yaml("1"));
    for at in 0..10_000 {
        let mut draft = model.clone();
        draft.policy = format!("p{at}").parse().unwrap();
        let Some(AnchorDraft::Ids(ids)) = &mut draft.anchor else { panic!() };
        ids.insert("repository_id".into(), AnchorTest(vec![at.to_string().as_str().into()]));
        policies.push(Arc::new(TrustPolicy::compile(draft, &entry(&FORGE), &FORGE).unwrap()));
    }
    let set = PolicySet::build(policies);
    let names: Vec<&str> = set.candidates(&push(&json!({}))).map(|p| p.name().as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(gets(&set, &push(&json!({}))));
}

#[test]
fn policies_without_an_anchor_are_indexed_too() {
    let policies = (0..1000).map(|at| {
        policy(
            &LAB,
            &format!("p{at}"),
            &format!("claims: {{sub: 'job/{at}', ref: main}}\nread: ['db/**']"),
        )
    });
    let glob = policy(&LAB, "glob", "claims: {ref: {glob: 'm*'}}\nread: ['app/**']");
    let set = PolicySet::build(policies.chain([glob]).collect());
    let ours = job(&json!({ "sub": "job/7" }));
    assert_eq!(set.candidates(&ours).count(), 2);
    assert!(gets(&set, &ours));
    assert!(!gets(&set, &job(&json!({ "sub": "job/x" }))));
}

#[test]
fn of_two_policies_with_one_name_the_later_counts() {
    let set = set(&[("p", "anchor: {repository_id: '1'}\nread: ['**']"), ("p", OURS)]);
    assert_eq!(set.len(), 1);
    assert!(decide(&set, &["db/prod/x"]).is_granted());
    assert!(set.find(&"p".parse().unwrap()).is_some_and(|p| Arc::strong_count(p) >= 1));
    assert_eq!(set.of_issuer(&entry(&FORGE).id).count(), 1);
}
