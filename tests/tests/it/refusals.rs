//! What is refused, each from outside and each in the ledger.

use acceptance::world::{Answer, text};
use acceptance::{Database, TokenIssuer, World, attack, on_each_database};
use segura_model::{Algorithm, Clock, SystemClock};
use segura_plugins::sample;
use serde_json::{Value, json};

use crate::main_job::{claims, github_world};

/// A world whose clients are told apart by what a proxy says of them: of one network only
/// the first refusals are kept whole.
async fn proxied_world(database: Database) -> (World, TokenIssuer) {
    let (mut world, issuer) = github_world(database).await;
    world.stop();
    world.set("server.trusted_proxies=127.0.0.1");
    world.add_node().await;
    (world, issuer)
}

/// Refused with this status and code, with an id, and without a value.
fn told(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{answer:?}");
    assert!(answer.body["denial"].is_string(), "an id to open: {answer:?}");
    assert!(!answer.body.to_string().contains("correct horse"));
}

/// What failed in the refusal with this id, as the ledger has it.
fn failed(world: &World, answer: &Answer) -> Value {
    world.refusal(answer, "policy-mismatch")["detail"]["failed"].clone()
}

/// How many refusals with this code the ledger has, whole and counted in summaries.
pub(crate) fn refusals(world: &World, code: &str) -> (usize, u64) {
    let of = |event: &str| {
        let rows = world.ledger(&["--event", event]).into_iter();
        let records = rows.map(|row| row["record"].clone());
        records.filter(|record| record["code"] == code).collect::<Vec<_>>()
    };
    let counted =
        of("summary").iter().map(|record| record["detail"]["count"].as_u64()).sum::<Option<_>>();
    (of("refusal").len(), counted.expect("summaries count"))
}

fn with(edit: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    edit(&mut claims);
    claims
}

on_each_database! {
    async fn tokens_that_do_not_verify(database: Database) {
        let (world, issuer) = proxied_world(database).await;
        let now = SystemClock.now().0;
        let stranger = TokenIssuer::start(Algorithm::RS256).await;
        let complete = issuer.complete(&claims());
        let other_algorithm = segura_broker::dev::SigningKey::make(Algorithm::ES256, issuer.key().kid());

        // Whoever cannot prove who it is gets one answer, whatever was wrong.
        let unproved = [
            ("token-audience", "audience", issuer.token(&with(|c| c["aud"] = json!("https://elsewhere.test")))),
            ("token-expired", "expired", issuer.token(&with(|c| { c["iat"] = json!(now - 900); c["exp"] = json!(now - 300); }))),
            ("token-not-yet-valid", "`nbf`", issuer.token(&with(|c| c["nbf"] = json!(now + 300)))),
            ("token-issuer", stranger.url(), stranger.token(&claims())),
            ("token-algorithm", "`ES256`", other_algorithm.sign(&complete)),
            ("token-algorithm", "`HS256`", attack::hs256_with_public_key(&issuer.key(), &complete)),
            ("token-algorithm", "`none`", attack::unsigned_with_junk(&complete)),
            ("token-signature", "signature", attack::edited(&issuer.token(&claims()), |c| c["ref"] = json!("refs/heads/evil"))),
            ("token-claims", "`exp`", issuer.token(&with(|c| c["exp"] = Value::Null))),
            ("token-claims", "`exp`", issuer.token(&with(|c| c["exp"] = json!((now + 300).to_string())))),
        ]
        .map(|(code, why, token)| ((403, "access-refused"), code, why.to_owned(), token));
        // What is no token at all is said: it tells nobody anything about the broker.
        let oversized = issuer.token(&with(|c| c["padding"] = json!("x".repeat(20_000))));
        let no_token = [
            ((413, "token-too-large"), "token-too-large", "16384", oversized),
            ((401, "token-malformed"), "token-malformed", "signature", attack::unsigned(&complete)),
            ((401, "token-malformed"), "token-malformed", "three", "hello".to_owned()),
        ]
        .map(|(said, code, why, token)| (said, code, why.to_owned(), token));

        for (number, (said, code, why, token)) in unproved.into_iter().chain(no_token).enumerate() {
            let answer = world.deliver_from(&format!("192.0.{number}.7"), &token, &["db/prod/password"]).await;
            told(&answer, said.0, said.1);
            let record = world.refusal(&answer, code);
            assert_eq!(record["actor"]["kind"], "stranger", "{record}");
            assert!(record["detail"]["why"].as_str().is_some_and(|told| told.contains(&why)), "{why}: {record}");
        }
        world.administer(&["audit", "verify"]);
    }
}

on_each_database! {
    async fn strangers_without_end_are_counted(database: Database) {
        let (mut world, issuer) = github_world(database).await;
        let token = issuer.token(&with(|c| c["aud"] = json!("https://elsewhere.test")));
        for number in 0..12 {
            let answer = world.deliver(&token, &["db/prod/password"]).await;
            told(&answer, 403, "access-refused");
            if number < 5 {
                world.refusal(&answer, "token-audience");
            }
        }
        // Their minute closes the count, and a stop does too.
        world.stop();
        world.add_node().await;
        assert_eq!(refusals(&world, "token-audience"), (5, 7));
        world.administer(&["audit", "verify"]);
    }
}

on_each_database! {
    async fn jobs_that_the_policy_does_not_mean(database: Database) {
        let (world, issuer) = github_world(database).await;
        // The rightful owner learns which check failed.
        let slash = with(|c| c["ref"] = json!("refs/heads/release/1.0"));
        let answer = world.deliver(&issuer.token(&slash), &["db/prod/password"]).await;
        assert_eq!(answer.status, 403, "`*` stays inside a segment: {answer:?}");
        assert!(answer.body["checks"].to_string().contains("refs/heads/release/1.0"), "{answer:?}");
        assert_eq!(failed(&world, &answer), json!([{ "claim": "ref", "fault": "separator" }]));

        let missing = with(|c| { c.as_object_mut().expect("claims").remove("ref"); });
        let answer = world.deliver(&issuer.token(&missing), &["db/prod/password"]).await;
        assert_eq!((answer.status, answer.code()), (403, "policy-mismatch"), "{answer:?}");
        assert_eq!(failed(&world, &answer), json!([{ "claim": "ref", "fault": "missing" }]));

        let tag = with(|c| c["ref"] = json!("refs/tags/v1"));
        let answer = world.deliver(&issuer.token(&tag), &["db/prod/password"]).await;
        assert_eq!((answer.status, answer.code()), (403, "policy-mismatch"), "{answer:?}");
        assert_eq!(failed(&world, &answer), json!([{ "claim": "ref", "fault": "mismatch" }]));

        // A fork of the same workflow learns nothing.
        let fork = with(|c| {
            c["repository"] = json!("mallory/payments");
            c["repository_id"] = json!("999");
            c["repository_owner"] = json!("mallory");
            c["repository_owner_id"] = json!("666");
        });
        let answer = world.deliver(&issuer.token(&fork), &["db/prod/password"]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.body["checks"].is_null(), "{answer:?}");
        assert!(!answer.body.to_string().contains("payments-deploy"), "{answer:?}");
        let record = world.refusal(&answer, "policy-mismatch");
        assert_eq!(record["actor"]["anchors"]["repository_id"], "999", "{record}");

        // A secret outside the policy: the same answer whether it exists or not.
        for path in ["db/prod/root", "nowhere/at/all"] {
            refused_path(&world, &issuer.token(&claims()), path).await;
        }
        world.administer(&["audit", "verify"]);
    }
}

on_each_database! {
    async fn a_pull_request_of_anybody_is_refused_for_its_event(database: Database) {
        let (world, issuer) = github_world(database).await;
        let mut target = sample::github_pull_request_target();
        target["aud"] = json!(acceptance::world::AUDIENCE);
        let answer = world.deliver(&issuer.token(&target), &["db/prod/password"]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.body["checks"].to_string().contains("pull_request_target"), "{answer:?}");
        assert_eq!(failed(&world, &answer), json!([{ "claim": "event_name", "fault": "mismatch" }]));
        let denial = answer.body["denial"].as_str().expect("an id");
        let explained = world.administer(&["--json", "policy", "explain", "--denial", denial]).json();
        let checks = explained["trace"]["policies"][0]["checks"].as_array().expect("checks");
        let faulty: Vec<_> = checks.iter().filter(|check| !check["fault"].is_null()).collect();
        assert!(matches!(faulty[..], [check] if check["claim"] == "event_name"), "{faulty:?}");
    }
}

async fn refused_path(world: &World, token: &str, path: &str) {
    let answer = world.deliver(token, &[path]).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.body["secrets"][0]["path"], path, "{answer:?}");
    assert_eq!(answer.body["secrets"][0]["why"], "not-granted", "{answer:?}");
    let record = world.refusal(&answer, "secret-not-granted");
    assert_eq!(record["paths"][0]["path"], path, "{record}");
}

on_each_database! {
    async fn an_operator_opens_a_refusal_by_its_id(database: Database) {
        let (world, issuer) = github_world(database).await;
        let wrong = with(|c| c["ref"] = json!("refs/tags/v1"));
        let answer = world.deliver(&issuer.token(&wrong), &["db/prod/password"]).await;
        let denial = answer.body["denial"].as_str().expect("an id").to_owned();

        let told = world.administer(&["policy", "explain", "--denial", &denial]).stdout;

        assert!(told.contains("payments-deploy"), "{told}");
        assert!(told.contains("refs/tags/v1"), "{told}");
    }
}

on_each_database! {
    async fn a_refused_token_is_not_spent(database: Database) {
        let (world, issuer) = github_world(database).await;
        let token = issuer.token(&claims());
        let answer = world.deliver(&token, &["db/prod/root"]).await;
        told(&answer, 403, "secret-not-granted");
        world.refusal(&answer, "secret-not-granted");
        assert_eq!(world.deliver(&token, &["db/prod/password"]).await.status, 200);
        let answer = world.deliver(&token, &["db/prod/password"]).await;
        told(&answer, 409, "token-replayed");
        world.refusal(&answer, "token-replayed");
    }
}

on_each_database! {
    async fn a_policy_that_can_grant_nothing_is_taken_and_told(database: Database) {
        let (world, issuer) = github_world(database).await;
        let file = world.write(
            "never.yaml",
            "policy: never\nissuer: github\nanchor: { repository_id: '456789' }\n\
             claims: { ref: main, repository: payments }\n\
             expires_at: 2020-01-01T00:00:00Z\nread: [db/prod/password]\n",
        );
        for more in [&["--dry-run"][..], &[]] {
            let file = text(&file);
            let line = [&["--json", "policy", "apply", "-f", &file][..], more].concat();
            let run = world.administer(&line);
            let applied = &run.json()["policies"][0];
            assert_eq!(applied["state"], "expired", "{applied}");
            let warnings = applied["warnings"].to_string();
            for part in ["expired: ", "never-matches: `ref`", "`refs/heads/main`", "`OWNER/payments`"] {
                assert!(warnings.contains(part) && run.stderr.contains(part), "{part}: {run:?}");
            }
        }
        let shown = world.administer(&["policy", "show", "never"]).stdout;
        assert!(shown.starts_with("# expired at 2020-01-01"), "{shown}");
        let all = world.administer(&["policy", "ls"]).stdout;
        let of = |name: &str| all.lines().find(|line| line.starts_with(name)).expect("a row").to_owned();
        assert!(of("never").contains(" expired ") && of("payments-deploy").contains(" active "), "{all}");

        let token = world.write("never.token", &issuer.token(&claims()));
        let told = world.administer(&["policy", "explain", "--job-token", &text(&token)]).stdout;
        assert!(told.contains("is never `payments`") && told.contains("it expired at"), "{told}");
    }
}

on_each_database! {
    async fn a_refusal_that_no_policy_is_to_blame_for_says_what_was_wrong(database: Database) {
        let (world, issuer) = github_world(database).await;
        let explain = |answer: &Answer| {
            let denial = answer.body["denial"].as_str().expect("an id").to_owned();
            let told = world.administer(&["policy", "explain", "--denial", &denial]).stdout;
            let json = world.administer(&["--json", "policy", "explain", "--denial", &denial]).json();
            assert!(json["reasons"][0]["fix"].is_string() && json["trace"].is_object(), "{json}");
            told
        };
        world.put_secret("db/prod/gone", "a value that goes");
        world.administer(&["secret", "rm", "db/prod/gone", "--yes"]);
        for (wanted, parts) in [
            ("db/prod/gone", &["no secret at `db/prod/gone`", "removed at 20", "by operator", "segura secret put db/prod/gone"][..]),
            ("db/prod/none", &["no secret at `db/prod/none`; ", "segura secret ls"]),
            ("db/prod/password#user", &["`db/prod/password#user`: the secret has no such field", "after `#`"]),
            ("db/prod/password@7", &["no such version", "segura secret history db/prod/password"]),
        ] {
            let answer = world.deliver(&issuer.token(&claims()), &[wanted]).await;
            assert_eq!(answer.code(), "secret-missing", "{answer:?}");
            let told = explain(&answer).replace("\nhelp: ", "; ");
            for part in parts {
                assert!(told.contains(part), "{wanted}: {part}: {told}");
            }
            assert!(!told.contains("matches"), "policies had no part in it: {told}");
        }

        let token = issuer.token(&claims());
        let first = world.deliver(&token, &["db/prod/password"]).await;
        let session = first.body["session"]["id"].as_str().expect("a session").to_owned();
        let told = explain(&world.deliver(&token, &["db/prod/password"]).await);
        let run = claims()["run_id"].as_str().expect("a run").to_owned();
        for part in ["was spent before, at 20", "from 127.0.0.1", &run, &session, "given db/prod/password", "one `segura exec`"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
