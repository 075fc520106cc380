//! What a session may read, and when its life is over.

use segura_model::api::EpochScope;
use segura_model::audit::{Event, Outcome};
use segura_model::{Classify, Kind, SecretText};
use serde_json::json;

use crate::app::App;
use crate::service::reads::{ReadError, ReadSecret};
use crate::service::refusals::Refusing;
use crate::service::sessions::{ListSessions, SessionsError};
use crate::service::testing::{DEPLOY, World, origin};

async fn session(world: &World, jti: &str) -> SecretText {
    world.deliver(world.token(jti, &json!({})), "k", &["app/login"]).await.unwrap().token
}

async fn read(app: &App, token: &SecretText, wanted: &str) -> Result<ReadSecret, ReadError> {
    app.reads.read(token, wanted.parse().unwrap(), origin()).await
}

async fn code(app: &App, token: &SecretText, wanted: &str) -> &'static str {
    read(app, token, wanted).await.unwrap_err().class().code
}

#[tokio::test]
async fn a_session_reads_what_todays_policy_grants() {
    let world = World::with_job().await;
    let token = session(&world, "1").await;
    let found = read(&world.app, &token, "db/prod/password").await.unwrap();
    let (_, value) = found.secret.fields.only().unwrap();
    assert_eq!(value.expose(), "hunter2-canary");
    world.put("db/prod/password", &[("value", "newer")]).await;
    let pinned = read(&world.app, &token, "db/prod/password@1").await.unwrap();
    assert_eq!(pinned.secret.sealed.version(), 1);
    let records = world.records(Event::Read).await;
    assert_eq!((records.len(), records[0].outcome), (2, Outcome::Released));

    world.apply(&DEPLOY.replace("db/prod/*", "db/dev/*")).await;
    assert_eq!(code(&world.app, &token, "db/prod/password").await, "secret-not-granted");
}

#[tokio::test]
async fn outside_the_grant_every_path_is_the_same() {
    let world = World::with_job().await;
    world.put("other/there", &[("value", "x")]).await;
    let token = session(&world, "1").await;
    let told = async |path: &str| {
        let error = read(&world.app, &token, path).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        let text = error.to_string().replace(path, "PATH");
        (error.class(), text, refusal.checks.len(), refusal.secrets.len())
    };
    assert_eq!(told("other/there").await, told("other/none").await);
    let error = read(&world.app, &token, "db/prod/none").await.unwrap_err();
    assert_eq!((error.class().code, error.class().kind), ("secret-missing", Kind::NotFound));
}

#[tokio::test]
async fn after_the_end_nothing_is_read_and_ending_again_is_no_error() {
    let world = World::with_job().await;
    let other = world.second_node().await;
    let token = session(&world, "1").await;
    read(&other, &token, "app/login").await.unwrap();
    let id = world.app.sessions.end(&token, origin()).await.unwrap();
    assert_eq!(world.app.sessions.end(&token, origin()).await.unwrap(), id);
    assert_eq!(world.records(Event::SessionEnd).await.len(), 1);
    for app in [&*world.app, &*other] {
        assert_eq!(code(app, &token, "app/login").await, "session-ended");
        let error = app.sessions.heartbeat(&token, origin()).await.unwrap_err();
        assert_eq!(error.class().code, "session-ended");
    }
}

#[tokio::test]
async fn a_removed_policy_stops_the_next_read_on_every_node() {
    let world = World::with_job().await;
    let other = world.second_node().await;
    let token = session(&world, "1").await;
    let name = "payments-deploy".parse().unwrap();
    world.app.trust.policy_remove(name, &world.admin, origin()).await.unwrap();
    assert_eq!(code(&other, &token, "app/login").await, "access-refused");
    assert_eq!(code(&world.app, &token, "app/login").await, "access-refused");
}

#[tokio::test]
async fn a_raised_epoch_stops_the_sessions_of_before() {
    let world = World::with_job().await;
    let other = world.second_node().await;
    let scopes = [
        EpochScope::All,
        EpochScope::Issuer("github".parse().unwrap()),
        EpochScope::Policy("payments-deploy".parse().unwrap()),
        EpochScope::Workload {
            issuer: "github".parse().unwrap(),
            subject: "repo:acme/payments:ref:refs/heads/main".to_owned(),
        },
    ];
    for (turn, scope) in scopes.into_iter().enumerate() {
        let token = session(&world, &turn.to_string()).await;
        read(&other, &token, "app/login").await.unwrap();
        world.app.epochs.raise(scope, &world.admin, origin()).await.unwrap();
        assert_eq!(code(&other, &token, "app/login").await, "session-epoch", "{turn}");
        assert!(world.app.sessions.heartbeat(&token, origin()).await.is_err());
    }
    assert_eq!(world.records(Event::EpochRaise).await.len(), 4);
    read(&world.app, &session(&world, "new").await, "app/login").await.unwrap();
}

/// The session is kept opened after the first read: its expiry is asked all the same.
#[tokio::test]
async fn a_session_that_was_read_from_expires_all_the_same() {
    let world = World::with_job().await;
    let token = session(&world, "1").await;
    read(&world.app, &token, "app/login").await.unwrap();
    world.clock.advance(15 * 60);
    assert_eq!(code(&world.app, &token, "app/login").await, "session-token-expired");
}

#[tokio::test]
async fn a_removed_issuer_ends_the_reads_and_its_sessions_can_still_be_ended() {
    let world = World::with_job().await;
    let token = session(&world, "1").await;
    read(&world.app, &token, "app/login").await.unwrap();
    let trust = &world.app.trust;
    let name = "payments-deploy".parse().unwrap();
    trust.policy_remove(name, &world.admin, origin()).await.unwrap();
    trust.issuer_remove("github".parse().unwrap(), &world.admin, origin()).await.unwrap();
    assert_eq!(code(&world.app, &token, "app/login").await, "session-issuer");
    world.app.sessions.end(&token, origin()).await.unwrap();
}

#[tokio::test]
async fn a_policy_bounds_what_is_read_by_it() {
    let world = World::with_job().await;
    world
        .apply(
            "{policy: short, issuer: github, anchor: {repository_id: '456789'}, \
         claims: {ref: refs/heads/main}, read: ['quick/*'], session: 60s}",
        )
        .await;
    world.put("quick/one", &[("value", "x")]).await;
    let token = session(&world, "1").await;
    read(&world.app, &token, "quick/one").await.unwrap();
    world.clock.advance(61);
    assert_eq!(code(&world.app, &token, "quick/one").await, "session-too-old");
    read(&world.app, &token, "app/login").await.unwrap();
    let alive = world.app.sessions.heartbeat(&token, origin()).await.unwrap();
    assert_eq!(alive.expires_at.since(crate::service::testing::NOON), 900);
    world.clock.advance(900);
    assert_eq!(code(&world.app, &token, "app/login").await, "session-token-expired");
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_refused_and_counted() {
    let world = World::with_job().await;
    for token in ["sgr_x", "nonsense", world.admin_token.expose()] {
        let error = read(&world.app, &SecretText::new(token), "app/login").await.unwrap_err();
        assert_eq!(error.class().kind, Kind::Unauthenticated);
        assert!(error.refusal().is_some());
    }
    assert_eq!(world.records(Event::Refusal).await.len(), 3);
}

#[tokio::test]
async fn operators_list_and_end_sessions() {
    let world = World::with_job().await;
    let mut tokens = Vec::new();
    for jti in ["1", "2", "3"] {
        tokens.push(session(&world, jti).await);
    }
    let list = |limit| ListSessions { limit, ..ListSessions::default() };
    let sessions = &world.app.sessions;
    let page = sessions.list(list(2)).await.unwrap();
    assert_eq!(page.sessions.len(), 2);
    let rest = ListSessions { after: page.next, ..list(2) };
    assert_eq!(sessions.list(rest).await.unwrap().sessions.len(), 1);
    let nobody = ListSessions { subject: Some("nobody".into()), ..list(10) };
    assert!(sessions.list(nobody).await.unwrap().sessions.is_empty());

    let id = sessions.heartbeat(&tokens[0], origin()).await.unwrap().id;
    sessions.end_by_operator(id, &world.admin, origin()).await.unwrap();
    assert_eq!(code(&world.app, &tokens[0], "app/login").await, "session-ended");
    let unknown = segura_model::SessionId::from_bytes([1; 16]);
    let error = sessions.end_by_operator(unknown, &world.admin, origin()).await.unwrap_err();
    assert!(matches!(error, SessionsError::NotFound(_)));
    assert_eq!(sessions.list(list(10)).await.unwrap().sessions.len(), 2);
}

#[tokio::test]
async fn the_standards_revocation_and_introspection_are_the_same_two_things() {
    let world = World::with_job().await;
    let token = session(&world, "1").await;
    let sessions = &world.app.sessions;
    let found = sessions.introspect(&token).await.unwrap().unwrap();
    assert_eq!(found.subject, "repo:acme/payments:ref:refs/heads/main");
    sessions.revoke(&token, origin()).await.unwrap();
    assert_eq!(sessions.introspect(&token).await.unwrap(), None);
    sessions.revoke(&SecretText::new("of somebody else"), origin()).await.unwrap();
    let error = sessions.revoke(&world.admin_token, origin()).await.unwrap_err();
    assert!(matches!(error, SessionsError::OperatorToken));
}
