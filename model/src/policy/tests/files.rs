//! Reading policy files.

use super::world::{FORGE, draft};
use crate::error::{Classify, Kind};
use crate::policy::{
    AnchorDraft, AnchorTest, ClaimTest, Explain, PolicyDraft, PolicyFileError, Scalar, schema,
};

const FULL: &str = r#"
policy: payments-deploy
issuer: github
description: Deploys payments.
anchor: { repository_id: "456789", repository_owner_id: { in: ["1", "2"] } }
claims:
  repository: acme/payments
  ref: { glob: "refs/heads/release/*", not: [refs/heads/release/old] }
  environment: { in: [prod, staging] }
  run_attempt: 1
  protected: true
allow_events: [pull_request_target]
read: [ "db/prod/*", "app/**" ]
deny: [ "db/prod/root" ]
session: 20m
expires_at: 2027-01-31T00:00:00Z
"#;

fn error(text: &str) -> PolicyFileError {
    PolicyDraft::parse_documents(text).unwrap_err()
}

#[test]
fn a_file_reads_as_it_is_written() {
    let draft = PolicyDraft::parse_documents(FULL).unwrap().remove(0);
    assert_eq!(draft.policy.as_str(), "payments-deploy");
    let Some(AnchorDraft::Ids(ids)) = &draft.anchor else { panic!() };
    assert_eq!(ids["repository_id"], AnchorTest(vec!["456789".into()]));
    assert_eq!(ids["repository_owner_id"], AnchorTest(vec!["1".into(), "2".into()]));
    assert_eq!(draft.claims["repository"], ClaimTest::Exactly("acme/payments".into()));
    assert_eq!(draft.claims["run_attempt"], ClaimTest::Exactly(Scalar::Integer(1)));
    assert_eq!(draft.claims["protected"], ClaimTest::Exactly(Scalar::Bool(true)));
    assert_eq!(
        draft.claims["ref"],
        ClaimTest::Keys {
            any_of: vec![],
            globs: vec!["refs/heads/release/*".into()],
            none_of: vec!["refs/heads/release/old".into()],
        }
    );
    assert_eq!(draft.session.unwrap().count(), 1200);
    assert_eq!(draft.explain, Explain::Anchor);
}

#[test]
fn a_draft_survives_json_and_is_read_from_it() {
    let draft = PolicyDraft::parse_documents(FULL).unwrap().remove(0);
    let json = serde_json::to_string(&draft).unwrap();
    assert_eq!(serde_json::from_str::<PolicyDraft>(&json).unwrap(), draft);
    assert_eq!(PolicyDraft::parse_documents(&json).unwrap(), [draft]);
}

#[test]
fn a_file_holds_many_documents_in_their_order() {
    let text = "---\npolicy: b\nissuer: i\n---\n# nothing\n---\npolicy: a\nissuer: i\n";
    let drafts = PolicyDraft::parse_documents(text).unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.policy.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(error("# nothing\n"), PolicyFileError::Empty);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_key() {
    let text = "policy: a\nissuer: i\n---\npolicy: b\nissuer: i\nallow-events: [x]\n";
    let PolicyFileError::UnknownKey { line, key, nearest, .. } = error(text) else { panic!() };
    assert_eq!((line, key.as_str(), nearest), (6, "allow-events", Some("allow_events")));
    let text = "policy: a\nissuer: i\nclaims:\n  ref:\n    globs: x*\n";
    let message = error(text).to_string();
    assert!(message.starts_with("line 5"), "{message}");
    assert!(message.contains("unknown key `globs` (did you mean `glob`?)"), "{message}");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, line, said) in [
        ("policy: a\nissuer: i\nsession: 15\n", 3, "not a length of time"),
        ("policy: A b\nissuer: i\n", 1, "not a policy name"),
        ("policy: a\n", 1, "issuer"),
        ("policy: a\nissuer: i\nclaims:\n  ref:\n", 4, "nothing is there"),
        ("policy: a\nissuer: i\nclaims:\n  ref: [a, b]\n", 4, "{ in: [a, b] }"),
        ("policy: a\nissuer: i\nclaims:\n  x: 1.5\n", 4, "quote other numbers"),
        ("policy: a\nissuer: i\nclaims:\n  x: 99999999999999999999\n", 4, "or a mapping"),
        ("policy: a\nissuer: i\nclaims:\n  x: {in: []}\n", 4, "1 to 256"),
        ("policy: a\nissuer: i\nclaims:\n  x: {}\n", 4, "empty"),
        ("policy: a\nissuer: i\nclaims:\n  x: {in: [a], glob: b*}\n", 4, "not both"),
        ("policy: a\nissuer: i\nanchor: soon\n", 3, "`pending`, or a mapping"),
        ("policy: a\nissuer: i\nanchor: {id: {glob: 4*}}\n", 3, "exact ids only"),
        ("policy: a\nissuer: i\nread: [/db]\n", 3, "not a path pattern"),
        ("policy: a\nissuer: i\nexpires_at: tomorrow\n", 3, "RFC 3339"),
        ("policy: a\nissuer: i\nclaims:\n  x: 1\n  x: 2\n", 5, "`x` is written twice"),
        ("policy: a\nissuer: i\nclaims:\n  x: !secret 1\n", 4, "tag"),
        ("policy: [\n", 1, ""),
    ] {
        let PolicyFileError::Malformed { line: at, message, .. } = error(text) else {
            panic!("{text}: {:?}", error(text))
        };
        assert!(message.contains(said), "{text}: {message}");
        assert_eq!(at, line, "{text}: {message}");
    }
}

#[test]
fn a_key_that_json_writes_twice_is_refused() {
    for json in [
        r#"{"policy":"a","issuer":"i","claims":{"x":"1","x":"2"}}"#,
        r#"{"policy":"a","issuer":"i","anchor":{"x":"1","x":"2"}}"#,
        r#"{"policy":"a","issuer":"i","claims":{"x":{"not":"1","not":"2"}}}"#,
        r#"{"policy":"a","policy":"b","issuer":"i"}"#,
    ] {
        assert!(serde_json::from_str::<PolicyDraft>(json).is_err(), "{json}");
        assert!(PolicyDraft::parse_documents(json).is_err(), "{json}");
    }
}

#[test]
fn text_stays_text_and_numbers_stay_numbers() {
    let claims =
        draft(&FORGE, "a", "claims: {a: yes, b: '7', c: 0755, d: on, e: 'true', f: 1_0}").claims;
    for (claim, text) in
        [("a", "yes"), ("b", "7"), ("c", "0755"), ("d", "on"), ("e", "true"), ("f", "1_0")]
    {
        assert_eq!(claims[claim], ClaimTest::Exactly(text.into()), "{claim}");
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let levels = ["b", "c", "d", "e", "f", "g"].map(|level| {
        let below = char::from(level.as_bytes()[0] - 1);
        format!("  {level}: {{in: &{level} [{}]}}\n", vec![format!("*{below}"); 9].join(","))
    });
    let head = "policy: a\nissuer: i\nclaims:\n  a: {in: &a [x,x,x,x,x,x,x,x,x]}\n";
    assert!(PolicyDraft::parse_documents(&(head.to_owned() + &levels.concat())).is_err());
    // Nothing in it is nested: what grows is the number of replays.
    let copies = |count: usize| {
        let claims: Vec<String> = (0..count).map(|at| format!("  c{at}: *a\n")).collect();
        let list = vec!["x"; 200].join(",");
        format!("policy: a\nissuer: i\nclaims:\n  a: &a {{in: [{list}]}}\n{}", claims.concat())
    };
    assert!(PolicyDraft::parse_documents(&copies(5)).is_ok());
    let error = error(&copies(200)).to_string();
    assert!(error.contains("alias"), "{error}");
}

#[test]
fn a_huge_or_deep_file_is_refused() {
    let huge = error(&format!("policy: a\nissuer: i\n# {}", "x".repeat(8 * 1024 * 1024)));
    assert_eq!(huge.class().kind, Kind::TooLarge);
    let deep = format!("policy: a\nissuer: i\nclaims: {}1{}", "{a: ".repeat(100), "}".repeat(100));
    assert_eq!(error(&deep).class().kind, Kind::BadRequest);
    let many = |count| "---\npolicy: a\nissuer: i\nread: [x]\n".repeat(count);
    assert_eq!(PolicyDraft::parse_documents(&many(10_000)).unwrap().len(), 10_000);
    assert!(PolicyDraft::parse_documents(&many(10_001)).is_err());
}

#[test]
fn merge_keys_are_refused() {
    let text = "policy: a\nissuer: i\nclaims:\n  <<: {ref: x}\n";
    assert!(PolicyDraft::parse_documents(text).is_err());
}

#[test]
fn the_schema_describes_every_key_and_refuses_others() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["policy", "issuer"]));
    let properties = schema["properties"].as_object().unwrap();
    for key in [
        "policy",
        "issuer",
        "description",
        "anchor",
        "claims",
        "allow_events",
        "read",
        "deny",
        "session",
        "explain",
        "expires_at",
    ] {
        let property = &properties[key];
        assert!(property["description"].is_string(), "{key}: {property}");
    }
    assert_eq!(properties.len(), 11);
    assert!(properties["anchor"]["examples"].is_array());
    assert!(schema["$defs"]["ClaimTest"]["examples"].is_array());
}
