//! Policies that can grant nothing are taken, and said to be such.

use super::reference::fits;
use super::world::{NOON, push};
use crate::issuer::IssuerEntry;
use crate::policy::never::overlap;
use crate::policy::{PolicyDraft, PolicySet, Scope, Standing, TrustPolicy, Warning, explain};
use crate::preset::{ClaimForm, ClaimSpec, ClaimTrust, Preset, RefusedValue};

const FULL_REF: ClaimForm =
    ClaimForm::of(&["refs/heads/**", "refs/tags/**"], "the full name, refs/heads/BRANCH")
        .after(&["refs/heads/", "refs/tags/"]);

/// The forge, with forms.
static FORGE: Preset = Preset {
    claims: &[
        ClaimSpec::text("repository_id").trust(ClaimTrust::Anchor),
        ClaimSpec::text("repository")
            .separators("/")
            .trust(ClaimTrust::Name)
            .form(ClaimForm::of(&["*/*"], "OWNER/NAME").after(&["OWNER/"])),
        ClaimSpec::text("event_name"),
        ClaimSpec::text("ref").separators("/").form(FULL_REF),
        ClaimSpec::text("branch")
            .separators("/")
            .form(ClaimForm::never(&["refs/heads/**"], "the name alone")),
        ClaimSpec::text("ref_type").form(ClaimForm::of(&["branch", "tag"], "branch or tag")),
        ClaimSpec::text("runner_environment"),
    ],
    refused: &[RefusedValue {
        claim: "event_name",
        values: &["pull_request_target", "workflow_run"],
        reason: "it is run by strangers",
    }],
    anchors: &[&["repository_id"]],
    ..super::world::FORGE
};

fn compiled(yaml: &str) -> TrustPolicy {
    let text = format!(
        "policy: deploy\nissuer: forge\nanchor: {{repository_id: '456789'}}\nread: [a]\n{yaml}"
    );
    let entry = IssuerEntry { ..super::world::entry(&FORGE) };
    let draft = PolicyDraft::parse_documents(&text).unwrap().remove(0);
    TrustPolicy::compile(draft, &entry, &FORGE).unwrap()
}

fn never(claim: &str) -> Vec<Warning> {
    let warnings = compiled(&format!("claims: {{{claim}}}")).lint(NOON);
    warnings.into_iter().filter(|warning| warning.code == "never-matches").collect()
}

#[test]
fn what_no_token_has_is_named_with_what_was_meant() {
    for (claim, meant) in [
        ("ref: main", "write `refs/heads/main` or `refs/tags/main`"),
        ("ref: heads/main", "write `refs/heads/main`"),
        ("ref: /refs/heads/main", "write `refs/heads/main`"),
        ("ref: refs/head/main", "write the full name, refs/heads/BRANCH"),
        ("ref: {glob: 'release/*'}", "write `refs/heads/release/*` or `refs/tags/release/*`"),
        ("ref: {glob: '*'}", "write `refs/heads/*` or `refs/tags/*`"),
        ("ref: {glob: 'refs/*'}", "write the full name, refs/heads/BRANCH"),
        ("repository: payments", "write `OWNER/payments`"),
        ("repository: 'https://forge.example/acme/payments.git'", "write `acme/payments`"),
        ("branch: refs/heads/main", "write `main`"),
        ("ref_type: Branch", "write `branch`"),
        ("ref_type: commit", "write branch or tag"),
        ("event_name: workflow_run", "add `allow_events: [workflow_run]`"),
    ] {
        let warnings = never(claim);
        let [warning] = warnings.as_slice() else { panic!("{claim}: {warnings:?}") };
        assert!(warning.fix.contains(meant), "{claim}: {warning}");
    }
    let told = never("ref: main").remove(0).to_string();
    assert!(told.starts_with("never-matches: `ref` is never `main`, so no token ever"), "{told}");
}

#[test]
fn what_a_token_can_have_is_not_warned_about() {
    for claim in [
        "ref: refs/heads/main",
        "ref: {glob: 'refs/**'}",
        "ref: {glob: ['refs/heads/release/*', '**/main']}",
        "ref: ''",
        "repository: acme/payments",
        "repository: {glob: 'acme/*'}",
        "branch: {glob: '**'}",
        "branch: {glob: 'refs/**'}",
        "ref_type: {not: [tag]}",
        "event_name: {in: [push, workflow_run]}",
        "runner_environment: anything",
    ] {
        assert_eq!(never(claim), [], "{claim}");
    }
}

#[test]
fn of_several_values_each_is_told_and_whether_all_are_lost() {
    let some = never("ref: {in: [main, refs/heads/main]}");
    assert_eq!(some.len(), 1);
    assert!(!some[0].message.contains("no token ever"), "{}", some[0]);
    let all = never("ref: {in: [main, dev]}");
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|one| one.message.contains("no token ever matches")), "{all:?}");
}

#[test]
fn a_not_that_rules_nothing_out_is_told() {
    let told = never("ref: {not: [main]}").remove(0).to_string();
    assert!(told.contains("rules nothing out") && told.contains("`refs/heads/main`"), "{told}");
}

#[test]
fn a_policy_whose_end_is_past_is_told_and_has_expired() {
    let at = |end: &str| {
        let policy = compiled(&format!("expires_at: {end}\nclaims: {{ref: refs/heads/main}}"));
        let codes = policy.lint(NOON).into_iter().map(|one| one.code);
        (policy.standing(NOON), codes.filter(|code| code == "expired").count())
    };
    assert_eq!(at("2020-01-01T00:00:00Z"), (Standing::Expired, 1));
    assert_eq!(at("2100-01-01T00:00:00Z"), (Standing::Active, 0));
}

#[test]
fn whoever_fails_such_a_test_is_told_too() {
    let set = PolicySet::build(vec![compiled("claims: {repository: payments}").into()]);
    let trace = explain(&set, &push(&serde_json::json!({})), &[], NOON, Scope::All);
    let check = trace.policies[0].checks.iter().find(|check| check.claim == "repository").unwrap();
    assert!(check.cause.as_deref().unwrap().contains("is never `payments`"), "{check:?}");
    assert_eq!(check.fix.as_deref(), Some("write `OWNER/payments`"));
}

#[test]
fn two_globs_overlap_just_when_some_text_fits_both() {
    const PARTS: [&str; 4] = ["a", "/", "*", "**"];
    let mut globs = vec![String::new()];
    for length in 1..=3_u32 {
        for number in 0..4_usize.pow(length) {
            let part = |at: u32| PARTS[number / 4_usize.pow(at) % 4];
            let glob: String = (0..length).map(part).collect();
            if !glob.contains("***") {
                globs.push(glob);
            }
        }
    }
    let texts: Vec<Vec<char>> = (0..=4_u32)
        .flat_map(|length| (0..2_usize.pow(length)).map(move |number| (length, number)))
        .map(|(length, number)| {
            (0..length).map(|at| if number >> at & 1 == 0 { 'a' } else { '/' }).collect()
        })
        .collect();
    let fit = |glob: &str| -> Vec<bool> {
        let glob: Vec<char> = glob.chars().collect();
        texts.iter().map(|text| fits(&glob, text, "/")).collect()
    };
    let fitting: Vec<Vec<bool>> = globs.iter().map(|glob| fit(glob)).collect();
    for (left, fits_left) in globs.iter().zip(&fitting) {
        for (right, fits_right) in globs.iter().zip(&fitting) {
            let both = fits_left.iter().zip(fits_right).any(|(one, other)| *one && *other);
            assert_eq!(overlap(left, right, "/"), both, "`{left}` and `{right}`");
        }
    }
}
