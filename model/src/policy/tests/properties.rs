//! Whatever is thrown at it: it agrees with the reference, and it does not panic.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::reference;
use super::world::{FORGE, LAB, NOON, entry, job, paths, push};
use crate::policy::{
    AnchorDraft, AnchorTest, ClaimTest, Glob, Outcome, PolicyDraft, PolicySet, Scalar, Scope,
    TrustPolicy, evaluate, explain,
};
use crate::preset::Preset;
use crate::workload::Workload;

const PATHS: [&str; 4] = ["db/prod/password", "db/prod/root", "db/dev", "app"];

fn glob_text() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "/", "@", "*", "**", "refs", "main"]), 1..7)
        .prop_map(|parts| parts.concat())
}

fn scalar(words: &'static [&'static str]) -> impl Strategy<Value = Scalar> {
    prop_oneof![
        40 => select(words).prop_map(Scalar::from),
        1 => any::<bool>().prop_map(Scalar::Bool),
        1 => (11_i64..14).prop_map(Scalar::Integer),
    ]
}

fn claim_test(words: &'static [&'static str]) -> impl Strategy<Value = ClaimTest> {
    let list = move |most| vec(scalar(words), 0..most);
    let glob = glob_text().prop_map(|text| if text.contains('*') { text } else { text + "*" });
    let keys = (list(3), vec(glob, 0..3), list(2), any::<bool>()).prop_map(
        |(any_of, globs, none_of, exact)| {
            let (any_of, globs) = if exact { (any_of, vec![]) } else { (vec![], globs) };
            ClaimTest::Keys { any_of, globs, none_of }
        },
    );
    prop_oneof![scalar(words).prop_map(ClaimTest::Exactly), keys]
}

pub(super) const WORDS: &[&str] = &["a", "a/b", "true", "refs/main", "push", "7"];

pub(super) fn draft(
    preset: &'static Preset,
    anchors: &'static [&'static str],
    claims: &'static [&'static str],
) -> impl Strategy<Value = PolicyDraft> {
    let ids = btree_map(
        select(anchors).prop_map(str::to_owned),
        vec(select(vec!["7", "8"]).prop_map(Scalar::from), 1..3).prop_map(AnchorTest),
        0..3,
    );
    let anchor = prop_oneof![
        1 => Just(None),
        1 => Just(Some(AnchorDraft::Pending)),
        6 => ids.prop_map(|ids| Some(AnchorDraft::Ids(ids))),
    ];
    let tests = btree_map(select(claims).prop_map(str::to_owned), claim_test(WORDS), 0..3);
    let read = subsequence(vec!["db/prod/*", "db/**", "**", "ap*"], 1..3);
    let deny = select(vec![vec![], vec![], vec![], vec!["db/prod/root"], vec!["db/**", "ap*"]]);
    let events = subsequence(vec!["pull_request_target", "workflow_run"], 0..2);
    let end = select(vec![None, None, None, Some(NOON.plus(1)), Some(NOON)]);
    (anchor, tests, read, deny, events, end, "[a-h]").prop_map(
        move |(anchor, claims, read, deny, events, expires_at, name)| {
            let pattern = |text: &str| text.parse().unwrap();
            PolicyDraft {
                policy: name.parse().unwrap(),
                issuer: preset.id.parse().unwrap(),
                description: None,
                anchor,
                claims,
                allow_events: events.into_iter().map(str::to_owned).collect(),
                read: read.into_iter().map(pattern).collect(),
                deny: deny.into_iter().map(pattern).collect(),
                session: None,
                explain: crate::policy::Explain::Anchor,
                expires_at,
            }
        },
    )
}

/// Those that compile, the last of each name.
fn compiled(preset: &Preset, drafts: &[PolicyDraft]) -> (PolicySet, Vec<PolicyDraft>) {
    let mut kept = BTreeMap::new();
    for draft in drafts {
        if let Ok(policy) = TrustPolicy::compile(draft.clone(), &entry(preset), preset) {
            kept.insert(draft.policy.clone(), Arc::new(policy));
        }
    }
    let drafts = kept.values().map(|policy| policy.draft().clone()).collect();
    (PolicySet::build(kept.into_values().collect()), drafts)
}

fn agrees(
    preset: &Preset,
    drafts: &[PolicyDraft],
    workload: &Workload,
) -> Result<(), TestCaseError> {
    let (set, drafts) = compiled(preset, drafts);
    let wanted = paths(&PATHS);
    let decision = evaluate(&set, workload, &wanted, NOON);
    let refused: Vec<_> = decision.refused(&wanted).map(|(path, _)| path).collect();
    for path in &wanted {
        let expected = reference::grants(preset, &drafts, workload, path);
        prop_assert_eq!(!refused.contains(&path), expected, "{} {:#?}", path.as_str(), drafts);
        // A read of one path is decided as it is among others.
        let alone = evaluate(&set, workload, std::slice::from_ref(path), NOON);
        prop_assert_eq!(matches!(alone.outcomes[..], [Outcome::Granted(_)]), expected);
        prop_assert_eq!(alone.is_granted(), expected);
    }
    let trace = explain(&set, workload, &wanted, NOON, Scope::All);
    for policy in &trace.policies {
        let draft = drafts.iter().find(|draft| draft.policy == policy.policy).unwrap();
        let expected = reference::matches(preset, draft, workload);
        prop_assert_eq!(policy.matched, expected);
        prop_assert!(!expected || policy.checks.iter().all(|check| check.passed));
    }
    for policy in trace.for_caller().policies {
        prop_assert!(set.find(&policy.policy).unwrap().owned_by(&workload.claims));
    }
    Ok(())
}

pub(super) fn claims(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        6 => select(WORDS).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => (11_i64..14).prop_map(Value::from),
        1 => vec(select(WORDS), 0..3).prop_map(Value::from),
    ];
    btree_map(select(names).prop_map(str::to_owned), value, 0..4).prop_map(|claims| json!(claims))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn on_a_shared_issuer_it_grants_what_the_reference_grants(
        drafts in vec(draft(
            &FORGE,
            &["repository_id", "repository_owner_id"],
            &[
                "ref", "environment", "event_name", "repository", "job_workflow_ref", "sub",
                "workflow",
            ],
        ), 1..5),
        claims in claims(&[
            "repository_id", "repository_owner_id", "ref", "environment", "repository",
            "job_workflow_ref",
        ]),
        event in select(vec!["push", "push", "pull_request_target", "workflow_run"]),
        id in select(vec!["7", "8"]),
    ) {
        let mut all = json!({
            "repository_id": id, "repository_owner_id": "7", "event_name": event,
            "ref": "refs/main", "environment": "a", "repository": "a/b",
            "job_workflow_ref": "a/b@refs/main",
        });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        agrees(&FORGE, &drafts, &push(&all))?;
    }

    #[test]
    fn on_an_issuer_of_one_tenant_it_grants_what_the_reference_grants(
        drafts in vec(draft(
            &LAB,
            &["project_id", "namespace_id"],
            &[
                "sub", "ref", "project_path", "ref_protected", "runner_id", "groups_direct",
                "ssh_rerun",
            ],
        ), 1..5),
        claims in claims(&[
            "project_id", "namespace_id", "job_project_id", "ref", "project_path",
            "ref_protected", "runner_id", "groups_direct", "ssh_rerun",
        ]),
    ) {
        let mut drafts = drafts;
        for draft in &mut drafts {
            draft.allow_events.clear();
        }
        agrees(&LAB, &drafts, &job(&claims))?;
    }

    #[test]
    fn a_glob_fits_what_the_reference_fits(
        pattern in glob_text(),
        text in "[ab/@]{0,8}|(refs|main|a|/|@){0,6}",
    ) {
        if let Ok(glob) = Glob::parse(&pattern, "/@") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = reference::fits(&chars(&pattern), &chars(&text), "/@");
            prop_assert_eq!(glob.matches(&text), expected, "{} {}", pattern, text);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|[a-z:{}\\[\\]&*!,\\n -]{0,200}") {
        let _ = PolicyDraft::parse_documents(&text);
        let _ = PolicyDraft::parse_documents(&format!("policy: a\nissuer: i\n{text}"));
        let _ = Glob::parse(&text, "/").map(|glob| glob.matches(&text));
    }

    #[test]
    fn a_draft_that_is_read_is_written_and_read_the_same(draft in draft(
        &LAB, &["project_id", "namespace_id"], &["sub", "ref", "ref_protected", "runner_id"],
    )) {
        // An empty mapping of tests cannot be written in a file.
        let empty = ClaimTest::Keys { any_of: vec![], globs: vec![], none_of: vec![] };
        prop_assume!(!draft.claims.values().any(|test| *test == empty));
        let json = serde_json::to_string(&draft).unwrap();
        prop_assert_eq!(PolicyDraft::parse_documents(&json).unwrap(), vec![draft]);
    }
}
