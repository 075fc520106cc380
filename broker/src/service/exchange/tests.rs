//! The parameter matrix of RFC 8693, and what an exchange opens.

use segura_model::api::token::{GRANT_TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_TOKEN, TYPE_JWT};
use segura_model::audit::{Event, Outcome};
use segura_model::{Classify, SecretText};
use segura_store::StoreError;
use serde_json::json;

use super::{ExchangeError, ExchangeRequest};
use crate::service::testing::{World, origin};

fn text(text: &str) -> SecretText {
    SecretText::new(text)
}

fn good(token: &SecretText) -> ExchangeRequest {
    ExchangeRequest {
        grant_type: Some(text(GRANT_TOKEN_EXCHANGE)),
        subject_token: Some(token.clone()),
        subject_token_type: Some(text(TYPE_JWT)),
        ..ExchangeRequest::default()
    }
}

/// The standard's code of a request that is good but for one change.
async fn refused(world: &World, change: impl FnOnce(&mut ExchangeRequest)) -> &'static str {
    let token = world.token("never-spent", &json!({}));
    let mut request = good(&token);
    change(&mut request);
    world.app.exchange.exchange(request, origin()).await.unwrap_err().oauth_code()
}

#[test]
fn what_nobody_knows_is_not_called_temporary() {
    let code = |error: StoreError| ExchangeError::Grant(error.into()).oauth_code();
    assert_eq!(code(StoreError::Unresolved), "server_error");
    assert_eq!(code(StoreError::Busy), "temporarily_unavailable");
}

#[tokio::test]
async fn a_token_is_exchanged_once() {
    let world = World::with_job().await;
    let token = world.token("1", &json!({}));
    let exchanged = world.app.exchange.exchange(good(&token), origin()).await.unwrap();
    assert_eq!(exchanged.expires_in, 900);
    assert!(exchanged.token.expose().starts_with("sgr_"));
    assert_eq!(world.records(Event::Exchange).await[0].outcome, Outcome::Granted);

    let error = world.app.exchange.exchange(good(&token), origin()).await.unwrap_err();
    assert_eq!((error.oauth_code(), error.class().code), ("invalid_request", "token-replayed"));
}

#[tokio::test]
async fn what_the_standard_allows_is_taken() {
    let world = World::with_job().await;
    let tokens = ["1", "2", "3"].map(|jti| world.token(jti, &json!({})));
    let requests = [
        ExchangeRequest { subject_token_type: Some(text(TYPE_ID_TOKEN)), ..good(&tokens[0]) },
        ExchangeRequest { requested_token_type: Some(text(TYPE_ACCESS_TOKEN)), ..good(&tokens[1]) },
        ExchangeRequest {
            audience: vec![SecretText::new("https://segura.example/")],
            resource: vec![SecretText::new("https://segura.example")],
            ..good(&tokens[2])
        },
    ];
    for request in requests {
        world.app.exchange.exchange(request, origin()).await.unwrap();
    }
}

#[tokio::test]
async fn every_other_parameter_is_refused_by_the_right_error() {
    let world = World::with_job().await;
    let invalid = "invalid_request";
    assert_eq!(refused(&world, |request| request.grant_type = None).await, invalid);
    let grant = Some(text("authorization_code"));
    assert_eq!(
        refused(&world, |request| request.grant_type = grant).await,
        "unsupported_grant_type"
    );
    assert_eq!(refused(&world, |request| request.subject_token = None).await, invalid);
    assert_eq!(refused(&world, |request| request.subject_token_type = None).await, invalid);
    for kind in [TYPE_ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:saml2", "jwt"] {
        let kind = Some(text(kind));
        assert_eq!(refused(&world, |request| request.subject_token_type = kind).await, invalid);
    }
    assert_eq!(refused(&world, |request| request.actor_token = Some(text("a.b.c"))).await, invalid);
    assert_eq!(
        refused(&world, |request| request.actor_token_type = Some(text(TYPE_JWT))).await,
        invalid
    );
    let refresh = Some(text("urn:ietf:params:oauth:token-type:refresh_token"));
    assert_eq!(refused(&world, |request| request.requested_token_type = refresh).await, invalid);
    assert_eq!(refused(&world, |request| request.scope = Some(text("db"))).await, "invalid_scope");
    let elsewhere = || SecretText::new("https://elsewhere.example");
    let ours = || SecretText::new("https://segura.example");
    let audience = vec![ours(), elsewhere()];
    assert_eq!(refused(&world, |request| request.audience = audience).await, "invalid_target");
    let resource = vec![elsewhere()];
    assert_eq!(refused(&world, |request| request.resource = resource).await, "invalid_target");
    assert_eq!(world.records(Event::Exchange).await.len(), 0);
}

#[tokio::test]
async fn a_session_token_is_not_exchanged_again() {
    let world = World::with_job().await;
    let token = world.token("1", &json!({}));
    let exchanged = world.app.exchange.exchange(good(&token), origin()).await.unwrap();
    let error = world.app.exchange.exchange(good(&exchanged.token), origin()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Grant(_)));
    assert_eq!(error.oauth_code(), "invalid_request");
}
