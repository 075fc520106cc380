//! Starting, answering, stopping.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segura_broker::startup::{self, StartError};
use segura_model::api::{Problem, ReadyAnswer, ReadyState};
use segura_model::{Classify, Clock, SystemClock, Timestamp};
use segura_plugins::MapEnv;
use segura_vault::SystemRandom;

use crate::world::{Running, config};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_answers_and_stops() {
    let server = Running::start(&[]).await;
    let get = async |path: &str| server.client.get(server.url(path)).send().await.unwrap();

    assert_eq!(get("/healthz").await.status(), 200);
    let ready: ReadyAnswer = get("/readyz").await.json().await.unwrap();
    assert_eq!(ready.state, ReadyState::Ready, "{ready:?}");
    let names: Vec<_> = ready.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["database", "keyring", "trust", "disk", "jobs", "certificate"]);

    let openapi: serde_json::Value = get("/openapi.json").await.json().await.unwrap();
    assert!(openapi["paths"]["/api/v2/deliveries"]["post"].is_object());

    let missing = get("/nowhere").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
    let id = missing.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem = Problem::from_answer(404, &missing.bytes().await.unwrap()).unwrap();
    assert_eq!(problem.request_id.unwrap().to_string(), id);

    assert_eq!(get("/metrics").await.status(), 404, "it has a listener of its own");
    let metrics = reqwest::get(format!("http://{}/metrics", server.metrics)).await.unwrap();
    let text = metrics.text().await.unwrap();
    for metric in [
        "segura_build_info{version=",
        "segura_http_requests_total{",
        "segura_http_request_duration_seconds_bucket{",
        "segura_certificate_expiry_timestamp_seconds 1",
        "segura_disk_free_bytes ",
        "segura_check{check=\"database\"} 0",
    ] {
        assert!(text.contains(metric), "{metric} in {text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_of_operators_want_a_credential() {
    let server = Running::start(&[]).await;
    let answer = server.client.get(server.url("/api/v2/trust/policies")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("www-authenticate"));
    let wrong = server.client.get(server.url("/api/v2/trust/policies")).bearer_auth("sgo_nonsense");
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_starts_again_with_its_leaf() {
    let leaf = async |server: &Running, client: &reqwest::Client| {
        let answer = client.get(server.url("/healthz")).send().await.unwrap();
        let shown = answer.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
        shown.peer_certificate().unwrap().to_vec()
    };
    let server = Running::start(&[]).await;
    let client = server.client.clone();
    let before = leaf(&server, &client).await;
    let again = Running::start_again(server.stop().await, client.clone()).await;
    assert!(leaf(&again, &client).await == before, "it shows another leaf");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_a_database_is_named_with_its_setting_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let started = startup::build(
        config(directory.path(), &[]),
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
        &MapEnv::default(),
    )
    .await;
    let error = started.err().unwrap();
    assert!(matches!(error, StartError::NotInitialised { .. }), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("`server.data_dir` (from the command line)"), "{told}");
    assert!(told.contains(directory.path().to_str().unwrap()), "{told}");
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "nothing is made there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_directory_is_refused() {
    let server = Running::start(&[]).await;
    let directory = server.directory().to_owned();
    let second = startup::build(
        config(&directory, &[]),
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
        &MapEnv::default(),
    )
    .await;
    assert!(matches!(second.err().unwrap(), StartError::Store(_)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_others_can_write_to_is_refused() {
    let server = Running::start(&[]).await;
    let directory = server.stop().await;
    let shared = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path(), shared).unwrap();
    let started = startup::build(
        config(directory.path(), &[]),
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
        &MapEnv::default(),
    )
    .await;
    let error = started.err().unwrap();
    assert!(matches!(error, StartError::Folder(_)), "{error:?}");
}

/// The time, until it is broken.
struct Breakable(AtomicBool);

impl Clock for Breakable {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "the clock is broken: this test wants it");
        SystemClock.now()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_writer_dies_while_it_drains_does_not_drain_on() {
    let clock = Arc::new(Breakable(AtomicBool::new(false)));
    let mut server = Running::start_by(clock.clone(), &[("limits.drain_time", "1h")]).await;
    server.begin_stop();
    while server.client.get(server.url("/readyz")).send().await.unwrap().status() != 503 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    clock.0.store(true, Ordering::SeqCst);
    let ended = tokio::time::timeout(Duration::from_mins(1), server.ended()).await;
    let error = ended.expect("it ends by itself").expect_err("and says that it had to");
    assert!(matches!(error, StartError::WriterLost), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_writer_died_ends_with_an_error() {
    let clock = Arc::new(Breakable(AtomicBool::new(false)));
    let server = Running::start_by(clock.clone(), &[]).await;
    server.client.get(server.url("/healthz")).send().await.unwrap();
    // The writer looks at the clock every second.
    clock.0.store(true, Ordering::SeqCst);
    let ended = tokio::time::timeout(Duration::from_mins(1), server.ended()).await;
    let error = ended.expect("it ends by itself").expect_err("and says that it had to");
    assert!(matches!(error, StartError::WriterLost), "{error:?}");
    assert_eq!(error.class().code, "writer-lost");
}
