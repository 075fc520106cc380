//! When an issuer is asked for its keys, and how long they are trusted.

use std::sync::Arc;

use segura_model::IssuerEntry;
use serde_json::{Value, json};

use crate::oidc::testing::{JWKS, TestKey, World, claims, entry};
use crate::oidc::{Fetched, IssuerSet};

/// The usual claims as of now.
fn fresh(world: &World) -> Value {
    use segura_model::Clock;
    let mut claims = claims();
    let now = world.clock.now().0;
    for (time, offset) in [("iat", -10), ("nbf", -10), ("exp", 290)] {
        claims[time] = json!(now + offset);
    }
    claims
}

/// Let the tasks that a request started come to an end.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rotated_key_works_at_once_and_its_predecessor_no_more() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    world.issuer.times_asked();
    let next = TestKey::make("key-2");
    world.issuer.publishes_keys(&[next.jwk()]);
    world.verify(&next.sign(&fresh(&world))).await.unwrap();
    assert_eq!(world.issuer.times_asked(), 2, "asked once");
    assert_eq!(world.refusal(&world.key.sign(&fresh(&world))).await, "token-key");
}

#[tokio::test]
async fn a_key_rotated_under_its_old_name_works_too() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    let next = TestKey::make("key-1");
    world.issuer.publishes_keys(&[next.jwk()]);
    world.verify(&next.sign(&fresh(&world))).await.unwrap();
    assert_eq!(world.refusal(&world.key.sign(&fresh(&world))).await, "token-signature");
}

#[tokio::test]
async fn made_up_keys_do_not_make_a_storm() {
    let world = World::new();
    for minute in 0..10 {
        for n in 0..200 {
            let header =
                json!({"alg": "ES256", "kid": format!("made-up-{minute}-{n}")}).to_string();
            let token = world.key.sign_texts(&header, &fresh(&world).to_string());
            world.refusal(&token).await;
        }
        world.clock.advance(60);
    }
    let asked = world.issuer.times_asked() / 2;
    assert!(asked <= 10 * 2 + 1, "asked {asked} times in ten minutes");
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
}

#[tokio::test]
async fn failed_attempts_count_too() {
    let world = World::new();
    world.issuer.goes_down();
    for _ in 0..50 {
        assert_eq!(world.refusal(&world.key.sign(&fresh(&world))).await, "issuer-keys-unavailable");
    }
    assert_eq!(world.issuer.times_asked(), 2);
    world.issuer.publishes_keys(&[world.key.jwk()]);
    world.clock.advance(30);
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
}

#[tokio::test]
async fn many_callers_wait_for_one_answer() {
    let world = Arc::new(World::new());
    let token = world.key.sign(&fresh(&world));
    let callers = (0..100).map(|_| world.verify(&token));
    assert!(futures::future::join_all(callers).await.into_iter().all(|verified| verified.is_ok()));
    assert_eq!(world.issuer.times_asked(), 2);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_spoil_it_for_others() {
    let world = World::new();
    let token = world.key.sign(&fresh(&world));
    let mut leaves = Box::pin(world.verify(&token));
    assert!(futures::poll!(leaves.as_mut()).is_pending());
    drop(leaves);
    world.verify(&token).await.unwrap();
    assert_eq!(world.issuer.times_asked(), 2);
}

#[tokio::test]
async fn keys_are_refreshed_behind_the_request_that_finds_them_old() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    world.issuer.times_asked();
    world.clock.advance(44 * 60);
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    settle().await;
    assert_eq!(world.issuer.times_asked(), 0, "not yet");
    world.clock.advance(60);
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    settle().await;
    assert_eq!(world.issuer.times_asked(), 2);
}

#[tokio::test]
async fn what_an_issuer_says_about_caching_is_bounded() {
    for (max_age, refreshed_after) in [(Some(0), 225), (Some(i64::MAX), 2700), (None, 2700)] {
        let world = World::new();
        let body = json!({"keys": [world.key.jwk()]}).to_string().into_bytes();
        world.issuer.answers(JWKS, Ok(Fetched { body, max_age }));
        world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
        world.issuer.times_asked();
        for (wait, asked) in [(refreshed_after - 1, 0), (1, 2)] {
            world.clock.advance(wait);
            world.verifier.refresh_due(&world.issuers).await;
            assert_eq!(world.issuer.times_asked(), asked, "{max_age:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_is_bridged_for_a_day_and_no_longer() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    world.issuer.goes_down();
    world.clock.advance(24 * 3600);
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    settle().await;
    let status = world.verifier.key_status(&world.issuers).remove(0);
    assert_eq!((status.age, status.keys), (Some(24 * 3600), 1));
    assert!(status.last_error.is_some());
    world.clock.advance(1);
    assert_eq!(world.refusal(&world.key.sign(&fresh(&world))).await, "issuer-keys-unavailable");
}

#[tokio::test]
async fn a_restart_during_an_outage_still_verifies() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    world.issuer.goes_down();
    world.clock.advance(23 * 3600);
    let world = world.restarted();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    world.clock.advance(3601);
    let world = world.restarted();
    assert_eq!(world.refusal(&world.key.sign(&fresh(&world))).await, "issuer-keys-unavailable");
}

#[tokio::test]
async fn a_rotation_while_the_server_was_down_is_found() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    let next = TestKey::make("key-2");
    world.issuer.publishes_keys(&[next.jwk()]);
    let world = world.restarted();
    world.verify(&next.sign(&fresh(&world))).await.unwrap();
}

#[tokio::test]
async fn a_key_withdrawn_while_the_server_was_down_serves_nobody() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    let next = TestKey::make("key-2");
    world.issuer.publishes_keys(&[next.jwk()]);
    world.clock.advance(5 * 3600);
    let world = world.restarted();
    let stolen = world.key.sign(&fresh(&world));
    let (one, two) = tokio::join!(world.refusal(&stolen), world.refusal(&stolen));
    assert_eq!([one, two], ["token-key"; 2]);
}

#[tokio::test]
async fn an_answer_without_good_keys_replaces_nothing() {
    let world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    for (hour, document) in
        (1..).zip([json!({"keys": []}), json!({}), json!({"keys": [{"kty": "oct"}]})])
    {
        world.issuer.publishes(JWKS, &document);
        world.clock.advance(3600);
        world.issuer.times_asked();
        world.verifier.refresh_due(&world.issuers).await;
        assert_eq!(world.issuer.times_asked(), 2, "it was asked, and answered {document}");
        let status = world.verifier.key_status(&world.issuers).remove(0);
        assert!(status.last_error.is_some(), "{document} is no good answer");
        assert_eq!((status.age, status.keys), (Some(hour * 3600), 1), "{document}");
        world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
        // That found the keys old and asked again behind the request.
        settle().await;
    }
}

#[tokio::test]
async fn a_changed_entry_asks_its_own_issuer() {
    let mut world = World::new();
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
    let moved = IssuerEntry { iss: "https://moved.example".parse().unwrap(), ..entry() };
    world.issuers = IssuerSet::build(vec![moved]).unwrap();
    let mut claims = fresh(&world);
    claims["iss"] = json!("https://moved.example");
    assert_eq!(
        world.refusal(&world.key.sign(&claims)).await,
        "issuer-keys-unavailable",
        "neither the cache nor the shelf serves another issuer"
    );
}

#[tokio::test]
async fn a_clock_set_back_does_not_stop_the_asking() {
    let world = World::new();
    world.issuer.goes_down();
    for _ in 0..3 {
        world.refusal(&world.key.sign(&fresh(&world))).await;
    }
    world.clock.advance(-3600);
    world.issuer.publishes_keys(&[world.key.jwk()]);
    world.verify(&world.key.sign(&fresh(&world))).await.unwrap();
}
