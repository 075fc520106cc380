//! Readiness, as probes and operators see it.

use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use segura_model::{Role, SecretText};
use segura_vault::SystemRandom;

use super::*;
use crate::config::Size;
use crate::http::limits::Edge;
use crate::http::metrics::Metrics;
use crate::http::overload::Overload;
use crate::http::phase::PhaseSender;
use crate::http::request;
use crate::service::testing::World;

async fn readyz(world: &World, token: Option<&SecretText>) -> (u16, String) {
    let disk = Arc::new(DiskGuard::watching(std::env::temp_dir(), Size(u64::MAX - 1)));
    let issuers = world.app.clone();
    let health = Health {
        store: world.store().clone(),
        issuers: Box::new(move || issuers.issuers()),
        keyring_is_behind: Box::new(|| false),
        refused_rows: Box::new(Arc::default),
        faults: world.app.faults().clone(),
        verifier: world.core.verifier.clone(),
        certificates: None,
        disk: disk.clone(),
        clock: world.clock.clone(),
        phase: PhaseSender::new(Phase::Serving).subscribe(),
        asked: Mutex::default(),
    };
    let edge = Edge {
        trusted_proxies: Vec::new(),
        body_time: Duration::from_secs(1),
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
        disk,
        overload: Overload::new(1, || Duration::ZERO),
        connections: Arc::default(),
        metrics: Arc::new(Metrics::new()),
    };
    let app = actix_web::App::new()
        .app_data(Data::new(edge))
        .app_data(Data::new(health))
        .app_data(Data::from(world.app.clone()))
        .wrap(from_fn(request::wrap))
        .configure(configure);
    let app = init_service(app).await;
    let mut request = TestRequest::get().uri("/readyz");
    if let Some(token) = token {
        // EXPOSE: a test presents it.
        request = request.insert_header(("authorization", format!("Bearer {}", token.expose())));
    }
    let response = call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
}

#[actix_web::test]
async fn anyone_reads_states_and_an_operator_reads_which_and_why() {
    let world = World::new().await;
    let (status, body) = readyz(&world, None).await;
    assert_eq!(status, 200);
    let answer: ReadyAnswer = serde_json::from_str(&body).unwrap();
    assert_eq!(answer.state, ReadyState::Warning);
    let checks = |answer: &ReadyAnswer| -> Vec<(String, ReadyState, bool)> {
        let checks = answer.checks.iter();
        checks.map(|one| (one.name.clone(), one.state, one.detail.is_some())).collect()
    };
    let named = |name: &str, state, told| (name.to_owned(), state, told);
    let (ready, warning) = (ReadyState::Ready, ReadyState::Warning);
    assert_eq!(
        checks(&answer),
        [
            named("database", ready, false),
            named("keyring", ready, false),
            named("trust", ready, false),
            named("disk", warning, false),
            named("jobs", ready, false),
            named("issuers", ready, false),
        ]
    );
    assert!(!body.contains("github"), "{body}");

    for role in [Role::Admin, Role::Auditor, Role::Author] {
        let (_, token) = world.operator(role).await;
        let (status, body) = readyz(&world, Some(&token)).await;
        assert_eq!(status, 200);
        let answer: ReadyAnswer = serde_json::from_str(&body).unwrap();
        let checks = checks(&answer);
        assert!(checks.contains(&named("disk", warning, true)), "{body}");
        assert!(checks.contains(&named("issuer github", ready, false)), "{body}");
    }

    world.app.faults().add("the feed of changes", "a test says so");
    let (status, body) = readyz(&world, Some(&world.admin_token)).await;
    assert_eq!(status, 200);
    assert!(body.contains("failed: the feed of changes"), "{body}");
}

#[test]
fn a_node_that_is_behind_serves_with_a_warning() {
    assert_eq!(keyring(false), check("keyring", ReadyState::Ready, None));
    let behind = keyring(true);
    assert_eq!(behind.state, ReadyState::Warning);
    assert!(behind.detail.unwrap().contains("start it anew"));
}

#[actix_web::test]
async fn a_credential_that_is_none_is_refused_and_not_passed_over() {
    let world = World::new().await;
    let (status, body) = readyz(&world, Some(&SecretText::new("sgo_nonsense"))).await;
    assert_eq!(status, 401, "{body}");
}
