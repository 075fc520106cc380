//! Deliveries, on a real database.

use std::collections::BTreeSet;

use segura_model::api::SecretFaultKind::{self, Missing, MissingField, MissingVersion, NotGranted};
use segura_model::audit::{Event, Outcome};
use segura_model::{Classify, Kind, SecretText};
use serde_json::json;

use crate::service::delivery::{Delivered, DeliveryError, Repeated};
use crate::service::refusals::Refusing;
use crate::service::testing::{DEPLOY, World, origin, request};

const WANTED: &[&str] = &["db/prod/password", "app/login#user"];

fn values(delivered: &Delivered) -> Vec<(String, String)> {
    let fields = delivered.secrets.iter().flat_map(|secret| secret.fields.iter());
    fields.map(|(name, value)| (name.to_string(), value.expose().to_owned())).collect()
}

fn code(error: &DeliveryError) -> &'static str {
    error.class().code
}

#[tokio::test]
async fn a_job_gets_its_secrets_and_the_ledger_says_so() {
    let world = World::with_job().await;
    let delivered = world.deliver(world.token("1", &json!({})), "k", WANTED).await.unwrap();
    assert_eq!(
        values(&delivered),
        [("value".into(), "hunter2-canary".into()), ("user".into(), "app".into())]
    );
    assert_eq!(delivered.repeated, Repeated::No);
    assert!(delivered.token.expose().starts_with("sgr_"));
    let records = world.records(Event::Delivery).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Outcome::Released);
    assert_eq!(records[0].session, Some(delivered.session));
    assert_eq!(records[0].detail, json!({ "policies": ["payments-deploy"] }));
    assert_eq!(records[0].paths.len(), 2);
    assert!(!serde_json::to_string(&records).unwrap().contains("canary"));
}

#[tokio::test]
async fn a_lost_answer_is_repeated_and_a_replay_refused() {
    let world = World::with_job().await;
    let token = world.token("1", &json!({}));
    let first = world.deliver(token.clone(), "key", WANTED).await.unwrap();
    world.put("db/prod/password", &[("value", "newer-canary")]).await;

    let again = world.deliver(token.clone(), "key", WANTED).await.unwrap();
    assert_eq!(again.repeated, Repeated::Yes);
    assert_eq!((again.session, again.expires_at), (first.session, first.expires_at));
    assert_eq!(values(&again), values(&first), "the same versions");

    for (key, wanted) in [("other", WANTED), ("key", &["app/login"])] {
        let error = world.deliver(token.clone(), key, wanted).await.unwrap_err();
        assert_eq!(code(&error), "token-replayed");
        let told = error.to_string();
        let first = "used before: fetch all secrets of a job with one `segura exec`, or keep its \
                     session with `--session-file`";
        assert!(told.contains(first), "{told}");
        assert_eq!(error.class().kind, Kind::Conflict);
        assert!(error.refusal().is_some());
    }
    world.app.sessions.end(&first.token, origin()).await.unwrap();
    let error = world.deliver(token, "key", WANTED).await.unwrap_err();
    assert_eq!(code(&error), "token-replayed", "its session is over");
    assert_eq!(world.records(Event::Refusal).await.len(), 3);
}

#[tokio::test]
async fn of_many_replays_at_once_one_wins() {
    let world = World::with_job().await;
    let token = world.token("1", &json!({}));
    let keys: Vec<String> = (0..50).map(|key| key.to_string()).collect();
    let all = keys.iter().map(|key| world.deliver(token.clone(), key, WANTED));
    let results = futures::future::join_all(all).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(code(error), "token-replayed");
    }
}

#[tokio::test]
async fn all_or_nothing_and_what_is_missing_is_said_inside_the_grant_only() {
    let world = World::with_job().await;
    world.put("other/there", &[("value", "x")]).await;
    let wanted = &[
        "db/prod/password",
        "db/prod/none",
        "app/login#pin",
        "app/login@9",
        "other/there",
        "other/none",
        "db/prod/root",
    ];
    let token = world.token("1", &json!({}));
    let error = world.deliver(token.clone(), "k", wanted).await.unwrap_err();
    assert_eq!(code(&error), "secret-not-granted");
    let why: Vec<SecretFaultKind> =
        error.refusal().unwrap().secrets.iter().map(|fault| fault.why).collect();
    assert_eq!(why, [Missing, MissingField, MissingVersion, NotGranted, NotGranted, NotGranted]);
    let texts: BTreeSet<String> = error.refusal().unwrap().secrets[3..5]
        .iter()
        .map(|fault| fault.detail.replace("there", "none"))
        .collect();
    assert_eq!(texts.len(), 1, "existing or not, the words are the same: {texts:?}");

    // A refusal spends nothing.
    let missing = world.deliver(token.clone(), "k", &["db/prod/none"]).await.unwrap_err();
    assert_eq!((code(&missing), missing.class().kind), ("secret-missing", Kind::NotFound));
    world.deliver(token, "k", WANTED).await.unwrap();
}

#[tokio::test]
async fn the_owner_is_taught_and_a_fork_is_not() {
    let world = World::with_job().await;
    let changes = json!({ "ref": "refs/heads/feature" });
    let owner = world.deliver(world.token("1", &changes), "k", WANTED).await.unwrap_err();
    assert_eq!(code(&owner), "policy-mismatch");
    let checks = &owner.refusal().unwrap().checks;
    assert_eq!((checks.len(), checks[0].claim.as_str()), (1, "ref"));
    assert_eq!(checks[0].presented.as_deref(), Some("refs/heads/feature"));

    let fork = world.deliver(world.fork_token("2"), "k", WANTED).await.unwrap_err();
    let stale = world.token("3", &json!({ "exp": 1_795_520_000, "iat": 1_795_519_000 }));
    let expired = world.deliver(stale, "k", WANTED).await.unwrap_err();
    let stranger = world.token("4", &json!({ "iss": "https://evil.example" }));
    let stranger = world.deliver(stranger, "k", WANTED).await.unwrap_err();
    for error in [&fork, &expired, &stranger] {
        let refusal = error.refusal().unwrap();
        assert_eq!((code(error), error.class().kind), ("access-refused", Kind::Forbidden));
        assert!(refusal.checks.is_empty() && refusal.secrets.is_empty());
        let told = error.to_string().replace(&refusal.denial.to_string(), "ID");
        assert_eq!(
            told,
            "access was refused; an operator sees why: segura policy explain --denial ID (if this \
             refusal is one of the first of the hour, which are kept whole), or with this token: \
             segura policy explain --job-token FILE; `segura whoami` in the job shows what the \
             broker makes of it"
        );
    }
    // Each of them opens for an operator.
    let trust = &world.app.trust;
    let denial = trust.denial(fork.refusal().unwrap().denial, &world.admin).await.unwrap();
    let trace = denial.trace.unwrap();
    assert_eq!(trace.policies[0].policy.as_str(), "payments-deploy");
    let denial = trust.denial(expired.refusal().unwrap().denial, &world.admin).await.unwrap();
    assert_eq!(denial.record.code.as_deref(), Some("token-expired"));
}

#[tokio::test]
async fn the_owner_is_told_that_its_policy_expired() {
    let world = World::with_job().await;
    let ends = "2026-11-24T13:00:00Z";
    world.apply(&format!("{DEPLOY}expires_at: {ends}\n")).await;
    world.clock.advance(2 * 3600);
    let refused = world.deliver(world.token("1", &json!({})), "k", WANTED).await.unwrap_err();
    assert_eq!(code(&refused), "policy-mismatch");
    let told = refused.to_string();
    assert!(told.contains(&format!("policy `payments-deploy`: it expired at {ends}")), "{told}");
    assert!(!told.contains("are listed"), "none is: {told}");
    let seen = world.app.whoami.whoami(&world.token("2", &json!({})), origin()).await.unwrap();
    assert!(seen.policies[0].note.as_ref().unwrap().contains(ends), "{:?}", seen.policies);

    let changes = json!({ "ref": "refs/heads/x" });
    let refused = world.deliver(world.token("3", &changes), "k", WANTED).await.unwrap_err();
    let told = refused.to_string();
    assert!(told.contains(ends) && told.contains("are listed"), "{told}");
    let stranger = world.deliver(world.fork_token("4"), "k", WANTED).await.unwrap_err();
    assert!(!stranger.to_string().contains("expired"), "{stranger}");
}

#[tokio::test]
async fn a_stranger_cannot_fill_the_ledger() {
    let world = World::with_job().await;
    for jti in 0..60 {
        let token = world.fork_token(&jti.to_string());
        assert!(world.deliver(token, "k", WANTED).await.is_err());
        assert!(world.deliver(SecretText::new("a.b.c"), "k", WANTED).await.is_err());
    }
    let kept = world.records(Event::Refusal).await.len();
    assert_eq!(kept, 10 + 5, "the first of the owner and of the network");
    let counted = world.deliver(world.fork_token("60"), "k", WANTED).await.unwrap_err();
    assert!(counted.to_string().contains("--job-token"), "{counted}");
    let denial =
        world.app.trust.denial(counted.refusal().unwrap().denial, &world.admin).await.unwrap_err();
    let told = denial.to_string();
    assert!(told.contains("the first 10 of an hour") && told.contains("5 without"), "{told}");
}

#[tokio::test]
async fn the_form_of_a_token_is_told() {
    let world = World::with_job().await;
    let error = world.deliver(SecretText::new("nonsense"), "k", WANTED).await.unwrap_err();
    assert_eq!(code(&error), "token-malformed");
    let long = SecretText::new("a".repeat(100_000));
    let error = world.deliver(long, "k", WANTED).await.unwrap_err();
    assert_eq!(error.class().kind, Kind::TooLarge);
    assert!(error.refusal().is_some(), "and it has an id all the same");
}

#[tokio::test]
async fn what_was_decided_from_an_old_snapshot_is_decided_anew() {
    let world = World::with_job().await;
    let other = world.second_node().await;
    let name = "payments-deploy".parse().unwrap();
    world.app.trust.policy_remove(name, &world.admin, origin()).await.unwrap();
    // The other node has heard of nothing, and its decision would still be a grant.
    let asked = request(world.token("1", &json!({})), "k", WANTED);
    let error = other.delivery.deliver(asked, origin()).await.unwrap_err();
    assert_eq!(code(&error), "access-refused");

    world.apply(DEPLOY).await;
    let asked = request(world.token("1", &json!({})), "k", WANTED);
    other.delivery.deliver(asked, origin()).await.unwrap();
}

#[tokio::test]
async fn a_changed_secret_is_not_delivered_from_memory() {
    let world = World::with_job().await;
    let other = world.second_node().await;
    for (turn, value) in ["hunter2-canary", "second", "third"].into_iter().enumerate() {
        if turn > 0 {
            world.put("db/prod/password", &[("value", value)]).await;
        }
        for (app, jti) in [(&world.app, "a"), (&other, "b")] {
            let token = world.token(&format!("{jti}{turn}"), &json!({}));
            let asked = request(token, "k", &["db/prod/password"]);
            let delivered = app.delivery.deliver(asked, origin()).await.unwrap();
            assert_eq!(values(&delivered)[0].1, value);
        }
    }
}

#[tokio::test]
async fn a_delivery_without_secrets_opens_a_session() {
    let world = World::with_job().await;
    world.deliver(world.token("1", &json!({})), "k", &[]).await.unwrap();
    assert_eq!(world.records(Event::Delivery).await[0].outcome, Outcome::Granted);
    let many: Vec<&str> = vec!["a"; 101];
    let error = world.deliver(world.token("2", &json!({})), "k", &many).await.unwrap_err();
    assert_eq!(code(&error), "too-many-secrets");
}

#[tokio::test]
async fn what_does_not_open_is_recorded_and_spends_nothing() {
    let world = World::with_job().await;
    // The row of one secret under the path of another: authentic, and at the wrong place.
    let stored = world.store().secret_current(&"app/login".parse().unwrap()).await.unwrap();
    let mut stored = stored.unwrap();
    stored.head.path = "app/moved".parse().unwrap();
    let row = segura_store::NewVersion {
        path: stored.head.path,
        version: 1,
        ciphertext: stored.ciphertext,
        wrapped_key: stored.wrapped_key,
        wrapping_key: stored.wrapping_key,
        created_at: stored.created_at,
        created_by: "thief".to_owned(),
    };
    world
        .core
        .writer
        .run(move |tx| Box::pin(async move { tx.secret_version_add(&row).await }))
        .await
        .unwrap();

    let token = world.token("1", &json!({}));
    let error = world.deliver(token.clone(), "k", &["app/moved", "app/login"]).await.unwrap_err();
    assert_eq!((code(&error), error.class().kind), ("secret-unopenable", Kind::Internal));
    let records = world.records(Event::Delivery).await;
    assert_eq!(records[0].outcome, Outcome::Failed);
    assert_eq!(records[0].code.as_deref(), Some("secret-unopenable"));
    world.deliver(token, "k", WANTED).await.unwrap();
}

#[tokio::test]
async fn a_tenants_own_issuer_needs_no_anchor_and_teaches_nobody() {
    let world = World::with_job().await;
    world.apply("{policy: own, issuer: own, claims: {sub: job-1}, read: ['app/*']}").await;
    let token = world.own_token("1", &json!({}));
    world.deliver(token, "k", &["app/login"]).await.unwrap();
    let other = world.own_token("2", &json!({ "sub": "job-2" }));
    let error = world.deliver(other.clone(), "k", &["app/login"]).await.unwrap_err();
    assert_eq!(code(&error), "access-refused");

    let open = "{policy: own, issuer: own, claims: {sub: job-1}, read: ['app/*'], explain: anyone}";
    world.apply(open).await;
    let error = world.deliver(other, "k", &["app/login"]).await.unwrap_err();
    assert_eq!(code(&error), "policy-mismatch");
    assert_eq!(error.refusal().unwrap().checks[0].claim, "sub");
}

#[tokio::test]
async fn a_refusal_with_a_large_trace_is_recorded_and_shrunk() {
    let world = World::with_job().await;
    let wide: String =
        (0..8).fold(String::new(), |wide, n| wide + &format!(", '{n}{}'", "x".repeat(250)));
    let large = |n| {
        let claims =
            ["actor", "environment", "workflow", "base_ref", "head_ref", "runner_environment"]
                .map(|claim| format!("  {claim}: {{ in: ['{n}'{wide}] }}\n"))
                .concat();
        format!(
            "policy: large-{n:02}\nissuer: github\nanchor: {{ repository_id: '456789', repository_owner_id: '123456' }}\n\
             claims:\n{claims}read: [x]\n---\n"
        )
    };
    world.apply(&(0..70).map(large).collect::<String>()).await;
    let changes = json!({ "ref": "refs/heads/other" });
    let refused = world.deliver(world.token("1", &changes), "k", WANTED).await.unwrap_err();
    assert_eq!(code(&refused), "policy-mismatch");
    let refusal = refused.refusal().unwrap();
    assert!(!refusal.checks.is_empty());
    let trace = world.app.trust.denial(refusal.denial, &world.admin).await.unwrap().trace.unwrap();
    assert_eq!(trace.policies[0].policy.as_str(), "payments-deploy", "the nearest is first");
    assert_eq!(trace.policies.len() + trace.omitted, 71);
    assert!(trace.omitted > 7, "{}", trace.omitted);
}

#[tokio::test]
async fn what_no_policy_is_to_blame_for_lists_no_checks() {
    let world = World::with_job().await;
    world.apply(&DEPLOY.replace("payments-deploy", "other").replace("/main", "/release")).await;
    let token = world.token("1", &json!({}));
    let given = world.deliver(token.clone(), "k", WANTED).await.unwrap();
    let replayed = world.deliver(token, "other", WANTED).await.unwrap_err();
    let missing = world.deliver(world.token("2", &json!({})), "k", &["db/prod/none"]).await;
    let missing = missing.unwrap_err();
    for (error, expected) in [(&replayed, "token-replayed"), (&missing, "secret-missing")] {
        assert_eq!(code(error), expected);
        assert!(error.refusal().unwrap().checks.is_empty(), "{expected}");
    }
    world.app.sessions.end(&given.token, origin()).await.unwrap();
    let wanted = "app/login".parse().unwrap();
    let ended = world.app.reads.read(&given.token, wanted, origin()).await.unwrap_err();
    assert_eq!(ended.class().code, "session-ended");
    assert!(ended.refusal().unwrap().checks.is_empty());
    let outside = world.deliver(world.token("3", &json!({})), "k", &["x"]).await.unwrap_err();
    assert_eq!(code(&outside), "secret-not-granted");
    assert_eq!(outside.refusal().unwrap().checks[0].claim, "ref", "here they may be why");
}
