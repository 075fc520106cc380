//! Around every request: its id, what is refused before routing, and the one log line.
//!
//! Refused here are targets that two readers could understand differently: a path with
//! percent-encoding, which the router would decode and nothing in a path of ours needs,
//! empty and dot segments, an authority other than ours. With the disk nearly full the two
//! exchange routes stop here, while operators can still work.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use segura_model::Class;

use super::error::{ApiError, PROBLEM_JSON, to_json};
use super::extract::{ClientAddr, RequestId};
use super::idle;
use super::limits::{Edge, MAX_TARGET};
use crate::jobs::DiskLow;

/// Wrap a request; to be used with `middleware::from_fn`.
pub async fn wrap<B: MessageBody + 'static>(
    edge: Data<Edge>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let line = Line::start(&edge, &request);
    let serving = idle::serving(&request);
    if let Err(error) = screen(&request, &edge) {
        let response = line.finish(error.error_response(), None);
        return Ok(request.into_response(response));
    }
    let route = request.match_pattern();
    match next.call(request).await {
        Ok(response) => {
            let (request, response) = response.into_parts();
            let mut response = line.finish(response.map_into_boxed_body(), route);
            if serving.is_some_and(|serving| serving.is_last()) {
                response.head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(ServiceResponse::new(request, response))
        }
        // Of a middleware inside, such as the guard of a route.
        Err(error) => {
            let response = line.finish(error.error_response(), route);
            Err(InternalError::from_response("refused", response).into())
        }
    }
}

/// Say in the log line who called: `operator alice`, `session 01J…`.
pub fn note_caller(request: &HttpRequest, caller: impl Display) {
    if let Some(notes) = request.extensions().get::<Notes>() {
        *notes.0.borrow_mut() = Some(caller.to_string());
    }
}

/// Who called, as the log line says it.
#[cfg(test)]
pub(in crate::http) fn noted_caller(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<Notes>().and_then(|notes| notes.0.borrow().clone())
}

/// What handlers leave for the log line.
#[derive(Clone, Default)]
struct Notes(Rc<RefCell<Option<String>>>);

/// The log line of a request, begun before it is routed.
struct Line {
    edge: Data<Edge>,
    id: segura_model::RequestId,
    started: Instant,
    method: String,
    client: String,
    notes: Notes,
}

impl Line {
    fn start(edge: &Data<Edge>, request: &ServiceRequest) -> Self {
        let id = segura_model::RequestId::make(edge.clock.now(), &*edge.random);
        let notes = Notes::default();
        request.extensions_mut().insert(RequestId(id));
        request.extensions_mut().insert(notes.clone());
        Self {
            edge: edge.clone(),
            id,
            started: Instant::now(),
            method: request.method().to_string(),
            client: ClientAddr::of(request.request()).0.to_string(),
            notes,
        }
    }

    /// Complete the response and write the line.
    fn finish(self, mut response: HttpResponse, route: Option<String>) -> HttpResponse {
        let error = response.extensions_mut().remove::<ApiError>();
        let error = error.or_else(|| foreign(&response));
        let mut response = match &error {
            Some(error) if !has_own_body(&response) => self.problem(error, &response),
            _ => response,
        };
        for (name, value) in HEADERS {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Ok(id) = HeaderValue::from_str(&self.id.to_string()) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
        }
        self.write(response.status(), error.as_ref(), &route.unwrap_or_else(|| "-".to_owned()));
        response
    }

    fn problem(&self, error: &ApiError, response: &HttpResponse) -> HttpResponse {
        let mut problem = HttpResponse::build(response.status());
        for (name, value) in response.headers() {
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                problem.append_header((name.clone(), value.clone()));
            }
        }
        let mut body = error.problem(Some(self.id));
        // The framework has statuses, such as 405, that are no kind of ours.
        body.status = response.status().as_u16();
        problem.content_type(PROBLEM_JSON).body(to_json(&body))
    }

    fn write(self, status: StatusCode, error: Option<&ApiError>, route: &str) {
        let elapsed = self.started.elapsed();
        let code = error.map_or("ok", |error| error.class().code);
        let outcome = match status.as_u16() {
            0..400 => "granted",
            400..500 => "refused",
            _ => "failed",
        };
        self.edge.metrics.observe(&self.method, route, outcome, code, elapsed);
        if let Some(chain) = error.and_then(ApiError::chain) {
            tracing::error!(request_id = %self.id, code, error = chain, "a request failed");
        }
        let caller = self.notes.0.borrow().clone().unwrap_or_else(|| "anonymous".to_owned());
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            request_id = %self.id,
            method = self.method,
            route,
            client = self.client,
            caller,
            outcome,
            code,
            status = status.as_u16(),
            elapsed_ms,
            "request"
        );
    }
}

/// What the framework answers by itself, as an error of ours.
fn foreign(response: &HttpResponse) -> Option<ApiError> {
    let (class, detail) = match response.status() {
        status if status.as_u16() < 400 => return None,
        StatusCode::METHOD_NOT_ALLOWED => {
            (Class::bad_request("method-not-allowed"), "this address does not take this method")
        }
        StatusCode::NOT_FOUND => {
            (Class::not_found("no-such-route"), "there is nothing at this address")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            (Class::too_large("body-too-large"), "the body is too large")
        }
        status if status.is_server_error() => (Class::internal("unexpected"), "the server failed"),
        _ => (Class::bad_request("request-malformed"), "the request cannot be understood"),
    };
    Some(ApiError::new(class, detail))
}

/// Whether the answer is in a shape of its own, such as RFC 6749's.
fn has_own_body(response: &HttpResponse) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// Refuse what must not reach routing.
fn screen(request: &ServiceRequest, edge: &Edge) -> Result<(), ApiError> {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > MAX_TARGET {
        let detail = format!("the path and query may have at most {MAX_TARGET} bytes");
        return Err(ApiError::new(Class::bad_request("target-too-long"), detail));
    }
    if uri.authority().is_some() || uri.scheme().is_some() {
        let detail = "send the path alone, as clients of an origin server do";
        return Err(ApiError::new(Class::bad_request("target-absolute"), detail));
    }
    if !is_plain_path(uri.path()) {
        let detail = "the path has percent-encoding, an empty or dot segment, a backslash, or \
                      bytes outside ASCII";
        return Err(ApiError::new(Class::bad_request("path-ambiguous"), detail));
    }
    if EXCHANGES.contains(&uri.path()) {
        edge.disk.check().map_err(|low| disk_low(&low))?;
    }
    Ok(())
}

fn is_plain_path(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"%\\".contains(&byte));
    let fine = |rest: &str| rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    plain && (path == "/" || path.strip_prefix('/').is_some_and(fine))
}

/// Unlike other faults it is told in words: an operator must know what to free.
fn disk_low(low: &DiskLow) -> ApiError {
    ApiError::new(Class::unavailable("disk-low"), low.to_string())
}

/// The routes that stop when the disk is nearly full.
const EXCHANGES: [&str; 2] = ["/api/v2/deliveries", "/oauth2/token"];

/// On every answer: answers are for the caller alone, and are never a page.
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};
    use segura_model::api::Problem;
    use segura_model::{ManualClock, Timestamp};
    use segura_vault::SystemRandom;

    use super::*;
    use crate::config::Size;
    use crate::http::metrics::Metrics;
    use crate::jobs::DiskGuard;

    fn edge(disk: DiskGuard) -> Data<Edge> {
        Data::new(Edge {
            trusted_proxies: Vec::new(),
            body_time: Duration::from_secs(1),
            clock: Arc::new(ManualClock::at(Timestamp(1_800_000_000))),
            random: Arc::new(SystemRandom),
            disk: Arc::new(disk),
            metrics: Arc::new(Metrics::new()),
        })
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
        let response = match actix_web::dev::Service::call(&app, request.to_request()).await {
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
    async fn a_good_answer_is_left_as_it_is() {
        let app = App::new().app_data(edge(DiskGuard::idle())).wrap(from_fn(wrap));
        let app = init_service(app.route("/", web::get().to(|| async { "fine" }))).await;
        let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
        assert_eq!(read_body(response).await, "fine");
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
}
