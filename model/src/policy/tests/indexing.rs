//! The index finds what a walk over all policies finds, in the same order; and so does a
//! set that came about by changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::properties::{WORDS, claims, draft};
use super::world::{FORGE, LAB, NOON, OPEN, entry, job, paths, policy, push, workload};
use crate::name::PolicyName;
use crate::policy::evaluate::{decide, matching};
use crate::policy::layer::Layer;
use crate::policy::{
    Explain, Outcome, PolicyDraft, PolicySet, Scope, Trace, TrustPolicy, evaluate, explain,
};
use crate::preset::Preset;
use crate::workload::Workload;

type ByName = BTreeMap<PolicyName, Arc<TrustPolicy>>;

/// Policies and what happens to them: one apply after the other, each of a few drafts, and
/// the removal of a name.
type Story = (Vec<Vec<PolicyDraft>>, Vec<Option<PolicyName>>);

fn story(drafts: impl Strategy<Value = PolicyDraft>) -> impl Strategy<Value = Story> {
    let removed = prop_oneof![Just(None), "[a-h]".prop_map(|name| name.parse().ok())];
    (vec(vec(drafts, 1..8), 1..4), vec(removed, 3))
}

/// Both ways to the same policies: changed step by step, and indexed at once.
fn told(preset: &Preset, (applies, removals): Story) -> (PolicySet, PolicySet, ByName) {
    let (mut all, mut set) = (ByName::new(), PolicySet::default());
    for (index, (drafts, removed)) in applies.into_iter().zip(removals).enumerate() {
        let compile = |draft| TrustPolicy::compile(draft, &entry(preset), preset).ok();
        let with: ByName = drafts
            .into_iter()
            .filter_map(compile)
            .map(|policy| (policy.name().clone(), Arc::new(policy)))
            .collect();
        let mut names: BTreeSet<PolicyName> = with.keys().cloned().collect();
        names.extend(removed);
        all.retain(|name, _| !names.contains(name));
        all.extend(with.clone());
        let with: Vec<_> = with.into_values().collect();
        // The first lies below, what comes later above it.
        set = if index == 0 { PolicySet::build(with) } else { set.replace(&names, with) };
    }
    (set, PolicySet::build(all.values().cloned().collect()), all)
}

const PATHS: [&str; 4] = ["db/prod/password", "db/prod/root", "db/dev", "app"];

fn names<'p>(policies: impl IntoIterator<Item = &'p Arc<TrustPolicy>>) -> Vec<&'p str> {
    policies.into_iter().map(|policy| policy.name().as_str()).collect()
}

/// How many were found, of which none may be another one again.
fn each_once<'p>(policies: impl Iterator<Item = &'p Arc<TrustPolicy>>) -> usize {
    let found = names(policies);
    let different: BTreeSet<&str> = found.iter().copied().collect();
    assert_eq!(found.len(), different.len(), "each once: {found:?}");
    found.len()
}

/// The set decides as a walk over all policies does.
fn decides(set: &PolicySet, all: &ByName, workload: &Workload) -> Result<(), TestCaseError> {
    each_once(set.candidates(workload));
    each_once(set.anchored(workload));
    let found = all.values().filter(|policy| policy.matches(workload, NOON));
    let walked: Vec<&Arc<TrustPolicy>> = found.collect();
    prop_assert_eq!(names(matching(set, workload, NOON)), names(walked.iter().copied()));

    let wanted = paths(&PATHS);
    let decision = evaluate(set, workload, &wanted, NOON);
    for (path, outcome) in wanted.iter().zip(&decision.outcomes) {
        let expected: Outcome = decide(&walked, path);
        prop_assert_eq!(format!("{outcome:?}"), format!("{expected:?}"));
    }
    let owned = all.values().any(|policy| policy.owned_by(&workload.claims));
    prop_assert_eq!(decision.anchored, owned);
    let seen = all.values().filter_map(|it| Some((it.name(), it.ids_seen(workload)?)));
    prop_assert_eq!(set.pending(workload), seen.collect::<BTreeMap<_, _>>());
    Ok(())
}

/// The set explains as a walk over all policies does.
fn explains(set: &PolicySet, all: &ByName, workload: &Workload) -> Result<(), TestCaseError> {
    let open = |it: &Arc<TrustPolicy>| it.is_active() && it.draft().explain == Explain::Anyone;
    prop_assert_eq!(set.teaches_anyone(&workload.issuer), all.values().any(open));
    let trace = |scope| explain(set, workload, &paths(&PATHS), NOON, scope);
    prop_assert_eq!(trace(Scope::All).policies.len(), all.len());
    let owned = |trace: Trace| {
        let owned = trace.for_caller().policies.into_iter().filter(|policy| policy.anchor_matched);
        owned.collect::<Vec<_>>()
    };
    let told = owned(trace(Scope::Candidates));
    prop_assert_eq!(&told, &owned(trace(Scope::All)));
    let mut told: Vec<&str> = told.iter().map(|policy| policy.policy.as_str()).collect();
    told.sort_unstable();
    let walked = all.values().filter(|policy| policy.owned_by(&workload.claims));
    prop_assert_eq!(told, names(walked));
    Ok(())
}

fn check(preset: &Preset, story: Story, workload: &Workload) -> Result<(), TestCaseError> {
    let (set, fresh, all) = told(preset, story);
    prop_assert_eq!(set.len(), all.len());
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| name.parse().unwrap()) {
        let there = |found: Option<&Arc<TrustPolicy>>| found.map(Arc::as_ptr);
        prop_assert_eq!(there(set.find(&name)), there(all.get(&name)));
    }
    for set in [&fresh, &set] {
        decides(set, &all, workload)?;
        explains(set, &all, workload)?;
    }
    let whole = |set| explain(set, workload, &paths(&PATHS), NOON, Scope::All);
    prop_assert_eq!(whole(&set), whole(&fresh));
    Ok(())
}

/// The same drafts, some of which explain themselves to anyone where they may.
fn some_open(drafts: impl Strategy<Value = PolicyDraft>) -> impl Strategy<Value = PolicyDraft> {
    (drafts, any::<bool>()).prop_map(|(draft, open)| {
        let explain = if open && draft.anchor.is_none() { Explain::Anyone } else { draft.explain };
        PolicyDraft { explain, allow_events: Vec::new(), ..draft }
    })
}

fn open_claims() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        4 => select(WORDS).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (6_i64..9).prop_map(Value::from),
        4 => vec(select(WORDS), 0..4).prop_map(Value::from),
    ];
    btree_map(select(vec!["team", "build", "sub"]).prop_map(str::to_owned), value, 1..4)
        .prop_map(|claims| json!(claims))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn on_a_shared_issuer_the_index_finds_what_a_walk_finds(
        story in story(draft(
            &FORGE,
            &["repository_id", "repository_owner_id"],
            &["ref", "environment", "event_name", "repository", "job_workflow_ref", "sub"],
        )),
        claims in claims(&["repository_id", "ref", "environment", "repository", "sub"]),
    ) {
        let mut all = json!({
            "repository_id": "7", "repository_owner_id": "8", "ref": "refs/main",
            "environment": "a", "repository": "a/b", "job_workflow_ref": "a/b@refs/main",
        });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        // A subject of another type is no workload.
        all.as_object_mut().unwrap().retain(|name, value| name != "sub" || value.is_string());
        check(&FORGE, story, &push(&all))?;
    }

    #[test]
    fn on_an_issuer_of_one_tenant_the_index_finds_what_a_walk_finds(
        story in story(some_open(draft(
            &LAB,
            &["project_id", "namespace_id"],
            &[
                "sub", "ref", "project_path", "ref_protected", "runner_id", "groups_direct",
                "ssh_rerun",
            ],
        ))),
        claims in claims(&[
            "project_id", "namespace_id", "ref", "project_path", "ref_protected", "runner_id",
            "groups_direct", "ssh_rerun",
        ]),
    ) {
        check(&LAB, story, &job(&claims))?;
    }

    #[test]
    fn where_any_claim_may_be_named_the_index_finds_what_a_walk_finds(
        story in story(some_open(draft(&OPEN, &["team", "sub"], &["team", "build", "sub"]))),
        claims in open_claims(),
    ) {
        let sub = claims["sub"].is_string();
        let base = if sub { json!({}) } else { json!({ "sub": "a" }) };
        let mut claims = claims;
        claims.as_object_mut().unwrap().retain(|name, _| name != "sub" || sub);
        check(&OPEN, story, &workload(&OPEN, &base, &claims))?;
    }
}

/// One of an organisation's many repositories, named and not pinned.
fn repository(at: usize, reference: &str) -> Arc<TrustPolicy> {
    let yaml = format!(
        "anchor: {{repository_owner_id: '123456'}}\nclaims: {{repository: acme/r{at}, ref: \
         {reference}}}\nread: ['team-{at}/*']"
    );
    policy(&FORGE, &format!("p{at:04}"), &yaml)
}

#[test]
fn policies_that_share_an_anchor_are_found_by_what_else_they_demand() {
    let policies = (0..1000).map(|at| repository(at, "refs/heads/main")).collect();
    let set = PolicySet::build(policies);
    let ours = push(&json!({ "repository": "acme/r7" }));
    assert_eq!(names(set.candidates(&ours)), ["p0007"]);
    assert!(evaluate(&set, &ours, &paths(&["team-7/x"]), NOON).is_granted());
    // Whoever carries the anchor is known, whichever policy is not met.
    let other = evaluate(&set, &push(&json!({ "repository": "acme/x" })), &[], NOON);
    assert!(other.anchored && !other.is_granted());
}

#[test]
fn pending_policies_are_found_by_what_they_demand() {
    let pending = |at: usize| {
        let yaml = format!("anchor: pending\nclaims: {{repository: acme/r{at}}}\nread: [x]");
        policy(&FORGE, &format!("p{at}"), &yaml)
    };
    let set = PolicySet::build((0..1000).map(pending).collect());
    let seen = set.pending(&push(&json!({ "repository": "acme/r7" })));
    assert_eq!(seen.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["p7"]);
}

#[test]
fn many_changes_one_by_one_lead_where_one_build_leads() {
    let mut all: ByName = (0..100)
        .map(|at| repository(at, "refs/heads/main"))
        .map(|it| (it.name().clone(), it))
        .collect();
    let mut set = PolicySet::build(all.values().cloned().collect());
    for at in 50..250 {
        let changed = repository(at, "refs/heads/next");
        let name = changed.name().clone();
        all.insert(name.clone(), Arc::clone(&changed));
        set = set.replace(&BTreeSet::from([name]), vec![changed]);
        let gone: PolicyName = format!("p{:04}", at / 3).parse().unwrap();
        all.remove(&gone);
        set = set.replace(&BTreeSet::from([gone]), Vec::new());
        assert_eq!(set.len(), all.len(), "{at}");
    }
    for at in 0..260 {
        let ours = push(&json!({
            "repository": format!("acme/r{at}"), "ref": "refs/heads/next",
        }));
        decides(&set, &all, &ours).unwrap();
    }
}

/// A list of that many: `u0`, `u1`, ….
fn many(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("u{at}")).collect()
}

#[test]
fn a_list_finds_each_policy_once_however_often_it_names_it() {
    let all = many(256).join(", ");
    let tests = ["u0", &format!("{{in: [{all}]}}"), "{in: [u9, u8, x]}"];
    let policies = (0..90).map(|at| {
        let yaml = format!("claims: {{groups_direct: {}}}\nread: [x]", tests[at % 3]);
        policy(&LAB, &format!("p{at}"), &yaml)
    });
    let repeated = [vec!["u0".to_owned(); 400], many(100)].concat();
    let active = Layer::build(policies);
    let listed = |groups: &[String]| job(&json!({ "groups_direct": groups }));
    assert_eq!(each_once(active.candidates(&listed(&repeated))), 90);
    assert_eq!(each_once(active.candidates(&listed(&many(500)))), 90);
    assert_eq!(each_once(active.candidates(&listed(&["u0".to_owned()]))), 60);
    assert_eq!(each_once(active.candidates(&listed(&["u7".to_owned()]))), 30);
    assert_eq!(each_once(active.candidates(&listed(&[]))), 0);
}

#[test]
fn so_does_a_list_where_the_platform_writes_one_value() {
    let ids = (0..256).map(|at| format!("'{at}'")).collect::<Vec<_>>().join(", ");
    let many = |anchor: &str, claims: &str| {
        let yaml = format!("anchor: {anchor}\nclaims: {claims}\nread: [x]");
        Layer::build((0..50).map(|at| policy(&FORGE, &format!("p{at}"), &yaml)))
    };
    let anchored = many(&format!("{{repository_id: {{in: [{ids}]}}}}"), "{}");
    let pending = many("pending", &format!("{{repository: {{in: [{ids}]}}}}"));
    let texts: Vec<String> = (0..400).map(|at| (at % 256).to_string()).collect();
    let listed = push(&json!({ "repository_id": texts }));
    assert_eq!(each_once(anchored.anchored(&listed)), 50);
    assert_eq!(each_once(anchored.candidates(&listed)), 50);
    assert_eq!(each_once(pending.pending(&push(&json!({ "repository": texts })))), 50);
}
