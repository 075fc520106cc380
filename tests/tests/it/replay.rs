//! A token is spent once: in parallel, over two servers, by its twin.

use acceptance::world::request_key;
use acceptance::{Database, TokenIssuer, World, attack, on_each_database};
use segura_model::Algorithm;
use serde_json::{Value, json};

use crate::main_job::{POLICY, claims, github_world};
use crate::refusals::refusals;

/// Send `count` deliveries of one token at once, in turn to each node; how many won.
async fn race(world: &World, token: &str, count: usize) -> Vec<u16> {
    let nodes = world.nodes().len();
    let requests = (0..count).map(|number| async move {
        world
            .deliver_with_key(number % nodes, token, &request_key(), &["db/prod/password"])
            .await
            .status
    });
    futures::future::join_all(requests).await
}

fn winners(statuses: &[u16]) -> usize {
    statuses.iter().filter(|status| **status == 200).count()
}

on_each_database! {
    async fn a_hundred_at_once_and_one_wins(database: Database) {
        let (mut world, issuer) = github_world(database).await;
        if database == Database::Postgres {
            world.add_node().await;
        }
        let token = issuer.token(&claims());

        let statuses = race(&world, &token, 100).await;

        assert_eq!(winners(&statuses), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
        let delivered = world.ledger(&["--event", "delivery"]);
        assert_eq!(delivered.len(), 1, "{delivered:?}");
        assert_eq!(delivered[0]["outcome"], "released");
        let (whole, counted) = refusals(&world, "token-replayed");
        assert_eq!((whole, counted), (99, 0), "a rightful owner's are kept whole");
        world.administer(&["audit", "verify"]);
    }
}

on_each_database! {
    async fn a_lost_answer_can_be_asked_for_again(database: Database) {
        let (world, issuer) = github_world(database).await;
        let (token, key) = (issuer.token(&claims()), request_key());
        let first = world.deliver_with_key(0, &token, &key, &["db/prod/password"]).await;

        // A newer version in between changes nothing about what was delivered.
        world.put_secret("db/prod/password", "the next one");
        let again = world.deliver_with_key(0, &token, &key, &["db/prod/password"]).await;

        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(again.body["repeated"], true);
        assert_eq!(again.body["session"]["id"], first.body["session"]["id"]);
        assert_eq!(again.body["secrets"], first.body["secrets"]);

        world.put_secret("db/prod/more", "another secret");
        let other = world.deliver_with_key(0, &token, &key, &["db/prod/password", "db/prod/more"]).await;
        assert_eq!(other.status, 409, "another list is another request: {other:?}");
    }
}

on_each_database! {
    async fn another_token_with_the_same_jti_gets_no_lost_answer(database: Database) {
        let (world, issuer) = github_world(database).await;
        let (mut claims, key) = (claims(), request_key());
        claims["jti"] = json!("used twice");
        let first =
            world.deliver_with_key(0, &issuer.token(&claims), &key, &["db/prod/password"]).await;
        assert_eq!(first.status, 200, "{first:?}");

        claims["run_id"] = json!("another run");
        let second =
            world.deliver_with_key(0, &issuer.token(&claims), &key, &["db/prod/password"]).await;
        assert_eq!((second.status, second.code()), (409, "token-replayed"), "{second:?}");
    }
}

on_each_database! {
    async fn a_spent_token_stays_spent_through_a_restart(database: Database) {
        let (mut world, issuer) = github_world(database).await;
        let token = issuer.token(&claims());
        assert_eq!(world.deliver(&token, &["db/prod/password"]).await.status, 200);

        world.kill();
        world.add_node().await;

        let answer = world.deliver(&token, &["db/prod/password"]).await;
        assert_eq!((answer.status, answer.code()), (409, "token-replayed"), "{answer:?}");
        world.refusal(&answer, "token-replayed");
    }
}

on_each_database! {
    async fn the_ecdsa_twin_of_a_spent_token_is_spent(database: Database) {
        let world = World::start(database).await;
        let issuer = TokenIssuer::start(Algorithm::ES256).await;
        world.enrol_entry(&json!({
            "issuer": "github",
            "preset": "github",
            "iss": issuer.url(),
            "audiences": [acceptance::world::AUDIENCE],
            "algorithms": ["ES256"],
            "insecure_loopback": true,
        }));
        world.put_secret("db/prod/password", "correct horse battery staple");
        world.apply_policy(POLICY);
        let mut claims = claims();
        claims["jti"] = Value::Null;
        let token = issuer.token(&claims);
        let twin = attack::ecdsa_twin(&token);
        assert_ne!(token, twin);

        assert_eq!(world.deliver(&token, &["db/prod/password"]).await.status, 200);

        let answer = world.deliver(&twin, &["db/prod/password"]).await;
        assert_eq!((answer.status, answer.code()), (409, "token-replayed"), "{answer:?}");
        world.refusal(&answer, "token-replayed");
        assert_eq!(world.ledger(&["--event", "delivery"]).len(), 1);
    }
}
