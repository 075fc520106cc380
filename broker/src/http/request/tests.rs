//! Requests through the wrapping alone, without a server.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use actix_web::dev::Service;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpRequest, HttpResponse, web};
use futures::FutureExt;
use segura_model::api::Problem;
use segura_model::{ManualClock, Timestamp};
use segura_vault::SystemRandom;

use super::*;
use crate::config::Size;
use crate::http::error::PROBLEM_JSON;
use crate::http::metrics::Metrics;
use crate::http::overload::{Line as Queue, Overload};
use crate::jobs::DiskGuard;

fn edge(disk: DiskGuard) -> Data<Edge> {
    Data::new(Edge {
        trusted_proxies: Vec::new(),
        body_time: Duration::from_secs(1),
        clock: Arc::new(ManualClock::at(Timestamp(1_800_000_000))),
        random: Arc::new(SystemRandom),
        disk: Arc::new(disk),
        overload: Overload::new(1, || Duration::ZERO),
        connections: Arc::default(),
        metrics: Arc::new(Metrics::new()),
    })
}

/// What requests from behind such proxies are looked at with.
pub(in crate::http) fn edge_behind(proxies: crate::net::Network) -> Data<Edge> {
    let edge = edge(DiskGuard::idle()).into_inner();
    let edge = Arc::into_inner(edge).expect("nobody else has it");
    Data::new(Edge { trusted_proxies: vec![proxies], ..edge })
}

async fn fails() -> Result<&'static str, ApiError> {
    Err(ApiError::new(Class::forbidden("no"), "you may not"))
}

async fn inner_fails<B>(_: ServiceRequest, _: Next<B>) -> Result<ServiceResponse<B>, Error> {
    Err(ApiError::new(Class::unauthenticated("who"), "say who you are").into())
}

async fn own_shape() -> HttpResponse {
    HttpResponse::BadRequest().json(serde_json::json!({"error": "invalid_request"}))
}

/// The status, the media type and the body of an answer.
async fn answer(request: TestRequest, disk: DiskGuard) -> (u16, String, String) {
    let app = App::new()
        .app_data(edge(disk))
        .wrap(from_fn(wrap))
        .route("/", web::get().to(|| async { "fine" }))
        .route("/fails", web::get().to(fails))
        .route("/guarded", web::get().to(fails).wrap(from_fn(inner_fails::<BoxBody>)))
        .route("/own", web::get().to(own_shape))
        .service(web::resource("/post").route(web::post().to(|| async { "fine" })))
        .route("/api/v2/deliveries", web::post().to(|| async { "delivered" }));
    let app = init_service(app).await;
    let response = match app.call(request.to_request()).await {
        Ok(response) => response.into_parts().1,
        Err(error) => error.error_response(),
    };
    let header = |name: &str| {
        let value = response.headers().get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    let (id, media_type) = (header("x-request-id"), header("content-type"));
    let status = response.status().as_u16();
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    if media_type == PROBLEM_JSON {
        let problem = Problem::from_answer(status, body.as_bytes()).unwrap();
        assert_eq!(problem.request_id.unwrap().to_string(), id);
    }
    (status, media_type, body)
}

async fn code(request: TestRequest) -> (u16, String) {
    let (status, media_type, body) = answer(request, DiskGuard::idle()).await;
    assert_eq!(media_type, PROBLEM_JSON, "{body}");
    (status, Problem::from_answer(status, body.as_bytes()).unwrap().code)
}

#[actix_web::test]
async fn every_error_is_a_problem_with_the_id_of_its_request() {
    let get = |uri: &str| TestRequest::get().uri(uri);
    for (request, status, expected) in [
        (get("/fails"), 403, "no"),
        (get("/guarded"), 401, "who"),
        (get("/nowhere"), 404, "no-such-route"),
        (get("/post"), 405, "method-not-allowed"),
        (get("//"), 400, "path-ambiguous"),
        (get("/a/%2e%2e/fails"), 400, "path-ambiguous"),
        (get("/a%2Fb"), 400, "path-ambiguous"),
        (get("http://evil.example/"), 400, "target-absolute"),
        (get(&format!("/?{}", "x".repeat(5000))), 400, "target-too-long"),
    ] {
        assert_eq!(code(request).await, (status, expected.to_owned()));
    }
}

#[actix_web::test]
async fn an_answer_in_a_shape_of_its_own_keeps_it() {
    let (status, media_type, body) =
        answer(TestRequest::get().uri("/own"), DiskGuard::idle()).await;
    assert_eq!((status, media_type.as_str()), (400, "application/json"));
    assert_eq!(body, r#"{"error":"invalid_request"}"#);
}

#[actix_web::test]
async fn with_a_full_disk_exchanges_stop_and_others_go_on() {
    let full = || DiskGuard::watching(std::env::temp_dir(), Size(u64::MAX - 1));
    let post = TestRequest::post().uri("/api/v2/deliveries");
    let (status, _, body) = answer(post, full()).await;
    assert_eq!(status, 503);
    assert!(body.contains("disk-low") && body.contains("free"), "{body}");
    assert_eq!(answer(TestRequest::get().uri("/"), full()).await.0, 200);
    // The router would find the route by this spelling, and the guard would not.
    let post = TestRequest::post().uri("/api/v2/%64eliveries");
    assert_eq!(answer(post, full()).await.0, 400);
    let post = TestRequest::post().uri("/api/v2/deliveries");
    assert_eq!(answer(post, DiskGuard::idle()).await.2, "delivered");
}

#[actix_web::test]
async fn a_full_gate_refuses_jobs_alone_and_opens_again() {
    let edge = edge(DiskGuard::idle());
    let app = App::new()
        .app_data(edge.clone())
        .wrap(from_fn(wrap))
        .route("/api/v2/deliveries", web::post().to(|| async { "delivered" }))
        .route("/api/v2/trust/policies", web::get().to(|| async { "listed" }))
        .route("/healthz", web::get().to(|| async { "alive" }));
    let app = init_service(app).await;
    let post = || TestRequest::post().uri("/api/v2/deliveries").to_request();
    let pass = edge.overload.admit(Queue::Jobs, Duration::ZERO).unwrap();
    let refused = call_service(&app, post()).await;
    assert_eq!(refused.status(), 503);
    let after = refused.headers().get("retry-after").unwrap().to_str().unwrap();
    assert!((1..=3).contains(&after.parse::<u8>().unwrap()), "{after}");
    let problem = Problem::from_answer(503, &read_body(refused).await).unwrap();
    assert_eq!(problem.code, "overloaded");
    for uri in ["/api/v2/trust/policies", "/healthz"] {
        let got = call_service(&app, TestRequest::get().uri(uri).to_request()).await;
        assert_eq!(got.status(), 200, "{uri}");
    }
    drop(pass);
    assert_eq!(call_service(&app, post()).await.status(), 200);
    assert_eq!(edge.overload.in_flight(), [("jobs", 0), ("operators", 0)]);
}

#[actix_web::test]
async fn a_good_answer_is_left_as_it_is() {
    let app = App::new().app_data(edge(DiskGuard::idle())).wrap(from_fn(wrap));
    let app = init_service(app.route("/", web::get().to(|| async { "fine" }))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_eq!(read_body(response).await, "fine");
}

/// What is logged on this thread while it lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Whether a line is wanted is remembered where it is first written. With nobody at all
    /// who listens that is "never", also for who begins to at that very moment: so somebody
    /// always does.
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        static SOMEBODY: Once = Once::new();
        SOMEBODY.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
        });
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().json().flatten_event(true);
        let lines = lines.with_writer(move || writer.clone()).finish();
        let listening = tracing::subscriber::set_default(lines);
        tracing::callsite::rebuild_interest_cache();
        (log, listening)
    }

    /// The lines of requests.
    fn requests(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &serde_json::Value| line["message"] == "request").collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn never_answers(request: HttpRequest) -> &'static str {
    note_caller(&request, "session 1");
    std::future::pending().await
}

async fn panics() -> &'static str {
    panic!("a handler panics: this test wants it")
}

#[actix_web::test]
async fn every_request_leaves_one_line_however_it_ends() {
    let app = App::new().app_data(edge(DiskGuard::idle())).wrap(from_fn(wrap));
    let app = app
        .route("/", web::get().to(|| async { "fine" }))
        .route("/api/v2/a2a/secrets/{path:.*}", web::get().to(never_answers))
        .route("/healthz", web::get().to(panics));
    let app = init_service(app).await;
    let call = |uri: &str| app.call(TestRequest::get().uri(uri).to_request());

    let (log, _logging) = Log::start();
    call("/").await.unwrap();
    let mut left = Box::pin(call("/api/v2/a2a/secrets/db/prod/password"));
    assert!(futures::poll!(&mut left).is_pending());
    assert_eq!(log.requests().len(), 1, "it is waited for");
    drop(left);
    // As the framework does with the connection of a handler that panics.
    let panicked = std::panic::AssertUnwindSafe(call("/healthz")).catch_unwind().await;
    assert!(panicked.is_err());

    let lines = log.requests();
    let of = |line: &serde_json::Value| {
        ["route", "outcome", "code", "caller"].map(|name| line[name].as_str().unwrap().to_owned())
    };
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!(of(&lines[0]), ["-", "granted", "ok", "anonymous"]);
    let secrets = "/api/v2/a2a/secrets/{path:.*}";
    assert_eq!(of(&lines[1]), [secrets, "disconnected", "disconnected", "session 1"]);
    assert_eq!(of(&lines[2]), ["/healthz", "failed", "panicked", "anonymous"]);
    assert_eq!((lines[0]["status"].as_u64(), lines[1].get("status")), (Some(200), None));
}

#[actix_web::test]
async fn a_made_up_method_is_not_written_into_the_log() {
    let app = App::new().app_data(edge(DiskGuard::idle())).wrap(from_fn(wrap));
    let app = init_service(app).await;
    let long = || actix_web::http::Method::from_bytes(&[b'A'; 10_000]).unwrap();
    let call = || app.call(TestRequest::get().method(long()).uri("/").to_request());
    // Whether a line is wanted is remembered where it is first written.
    call().await.unwrap();
    let (log, _logging) = Log::start();
    call().await.unwrap();
    assert_eq!(log.requests()[0]["method"], "other");
}

#[test]
fn a_path_has_one_reading() {
    for path in ["/", "/healthz", "/api/v2/a2a/secrets/db/prod/password", "/a/b-c_d.e/~x"] {
        assert!(is_plain_path(path), "{path}");
    }
    for path in [
        "",
        "*",
        "//",
        "/a//b",
        "/a/",
        "/a/./b",
        "/a/../b",
        "/..",
        "/a%2Fb",
        "/a%2fb",
        "/a/%2e%2E/b",
        "/a%5cb",
        "/a\\b",
        "/a%00",
        "/%61",
        "/a%",
        "/a\u{e9}",
    ] {
        assert!(!is_plain_path(path), "{path}");
    }
}
