//! The main job: a token in, a secret out, the session ended, the ledger told.

use acceptance::world::Answer;
use acceptance::{Database, TokenIssuer, World, on_each_database};
use segura_model::Algorithm;
use segura_plugins::sample;
use serde_json::json;

/// A world with a GitHub-shaped issuer, one secret and one policy.
pub(crate) async fn github_world(database: Database) -> (World, TokenIssuer) {
    let world = World::start(database).await;
    let issuer = TokenIssuer::start(Algorithm::RS256).await;
    world.enrol("github", "github", &issuer);
    world.put_secret("db/prod/password", "correct horse battery staple");
    world.put_secret("db/prod/root", "never for jobs");
    world.apply_policy(POLICY);
    (world, issuer)
}

/// The policy of `acme/payments`, as in the README.
pub(crate) const POLICY: &str = r#"
policy: payments-deploy
issuer: github
anchor: { repository_id: "456789", repository_owner_id: "123456" }
claims:
  ref: { glob: "refs/heads/*" }
read: ["db/prod/*"]
deny: ["db/prod/root"]
session: 10m
"#;

/// Claims of a job of `acme/payments` on `main`, for the audience of every world.
pub(crate) fn claims() -> serde_json::Value {
    let mut claims = sample::github();
    claims["aud"] = json!(acceptance::world::AUDIENCE);
    claims
}

on_each_database! {
    async fn a_job_gets_its_secret_and_only_that(database: Database) {
        let (world, issuer) = github_world(database).await;

        let answer = world.deliver(&issuer.token(&claims()), &["db/prod/password"]).await;

        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["secrets"][0]["fields"]["value"], "correct horse battery staple");
        assert_eq!(answer.body["secrets"][0]["version"], 1);
        assert_eq!(answer.body["repeated"], false);

        let refused = world.deliver(&issuer.token(&claims()), &["db/prod/password", "db/prod/root"]).await;
        assert_eq!(refused.status, 403, "one refused secret refuses all: {refused:?}");
        assert!(!refused.body.to_string().contains("correct horse"));
        assert!(refused.body.to_string().contains("db/prod/root"), "the answer says which: {refused:?}");

        let deliveries = world.ledger(&["--event", "delivery"]);
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0]["outcome"], "released");
        world.administer(&["audit", "verify"]);
    }
}

on_each_database! {
    async fn the_standard_way_takes_two_steps(database: Database) {
        let (world, issuer) = github_world(database).await;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &issuer.token(&claims())),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ];

        let url = format!("{}/oauth2/token", world.url());
        let exchanged = Answer::of(world.http().post(url).form(&form)).await;
        assert_eq!(exchanged.status, 200, "{exchanged:?}");
        let session = exchanged.body["access_token"].as_str().expect("a session token").to_owned();
        assert!(session.starts_with("sgr_"));

        let read = async |path: &str| {
            let url = format!("{}/api/v2/a2a/secrets/{path}", world.url());
            Answer::of(world.http().get(url).bearer_auth(&session)).await
        };
        let secret = read("db/prod/password").await;
        assert_eq!(secret.status, 200, "{secret:?}");
        assert_eq!(secret.body["fields"]["value"], "correct horse battery staple");
        assert_eq!(read("db/prod/root").await.status, 403);
        assert_eq!(read("db/elsewhere").await.status, 403, "outside the grant nothing is missing");
        assert_eq!(read("db/prod/nothing").await.status, 404, "inside the grant it may be said");

        let url = format!("{}/api/v2/sessions/self/end", world.url());
        let ended = Answer::of(world.http().post(url).bearer_auth(&session)).await;
        assert!(ended.status == 200 || ended.status == 204, "{ended:?}");
        assert_eq!(read("db/prod/password").await.status, 401, "an ended session reads nothing");
    }
}

on_each_database! {
    async fn a_policy_removed_ends_what_it_granted(database: Database) {
        let (world, issuer) = github_world(database).await;
        let delivered = world.deliver(&issuer.token(&claims()), &["db/prod/password"]).await;
        let session = delivered.body["session"]["token"].as_str().expect("a session").to_owned();
        let url = format!("{}/api/v2/a2a/secrets/db/prod/password", world.url());
        let read = async || Answer::of(world.http().get(&url).bearer_auth(&session)).await;
        assert_eq!(read().await.status, 200);

        world.administer(&["policy", "rm", "payments-deploy"]);

        assert_eq!(read().await.status, 403, "the very next read");
    }
}

on_each_database! {
    async fn both_subject_formats_of_github_are_accepted(database: Database) {
        let (world, issuer) = github_world(database).await;
        let mut immutable = sample::github_immutable_subject();
        immutable["aud"] = json!(acceptance::world::AUDIENCE);
        for claims in [claims(), immutable] {
            let answer = world.deliver(&issuer.token(&claims), &["db/prod/password"]).await;
            assert_eq!(answer.status, 200, "sub {}: {answer:?}", claims["sub"]);
        }
    }
}

on_each_database! {
    async fn gitlabs_published_example_claims_are_accepted(database: Database) {
        let world = World::start(database).await;
        let issuer = TokenIssuer::start(Algorithm::RS256).await;
        world.enrol("gitlab", "gitlab", &issuer);
        world.put_secret("db/prod/password", "from gitlab");
        let mut claims = sample::gitlab();
        claims["aud"] = json!(acceptance::world::AUDIENCE);
        world.apply_policy(&format!(
            "policy: gitlab-deploy\nissuer: gitlab\nanchor: {{ project_id: {}, namespace_id: {} }}\n\
             claims: {{ ref_protected: \"true\" }}\nread: [\"db/prod/password\"]\n",
            claims["project_id"], claims["namespace_id"],
        ));

        let answer = world.deliver(&issuer.token(&claims), &["db/prod/password"]).await;

        assert_eq!(answer.status, 200, "{answer:?}");
    }
}
