//! The log line of a request, and what its answer is completed with.
//!
//! A client that goes away takes its request with it: the framework drops what it was
//! waiting for. So the line is written by whatever ends first, the answer or the wait.

use std::cell::RefCell;
use std::fmt::Display;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use segura_model::Class;
use tracing::Span;

use super::last::Last;
use crate::http::error::{ApiError, PROBLEM_JSON, to_json};
use crate::http::extract::{ClientAddr, RequestId};
use crate::http::limits::Edge;
use crate::http::metrics::{RequestLabels, method_label};
use crate::http::routes;
use crate::telemetry::traces::{self, RequestEnd};

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

/// The log line of a request, begun before it is routed, written once.
pub(super) struct Line {
    edge: Data<Edge>,
    id: segura_model::RequestId,
    started: Instant,
    method: Method,
    /// The pattern of its route, once that is known.
    pub(super) route: &'static str,
    client: IpAddr,
    pub(super) last: Last,
    notes: Notes,
    /// What the parts of the request are in, when traces are on.
    pub(super) span: Span,
    is_written: bool,
}

/// How a request ended, as its line says it.
struct Ending {
    outcome: &'static str,
    code: &'static str,
    /// `None` when nothing was answered.
    status: Option<u16>,
}

impl Ending {
    fn answered(status: StatusCode, code: &'static str) -> Self {
        let outcome = match status.as_u16() {
            0..400 => "granted",
            400..500 => "refused",
            _ => "failed",
        };
        Self { outcome, code, status: Some(status.as_u16()) }
    }

    /// Dropped before its answer: whoever waited for it is gone, or a fault of ours ended it.
    fn dropped() -> Self {
        if std::thread::panicking() {
            Self { outcome: "failed", code: "panicked", status: None }
        } else {
            Self { outcome: "disconnected", code: "disconnected", status: None }
        }
    }
}

impl Line {
    pub(super) fn start(edge: &Data<Edge>, request: &ServiceRequest) -> Self {
        let id = segura_model::RequestId::make_at(edge.clock.millis(), &*edge.random);
        let notes = Notes::default();
        request.extensions_mut().insert(RequestId(id));
        request.extensions_mut().insert(notes.clone());
        Self {
            edge: edge.clone(),
            id,
            started: Instant::now(),
            method: request.method().clone(),
            route: routes::NO_ROUTE,
            client: ClientAddr::of(request.request()).0,
            last: Last::of(request),
            notes,
            span: Span::none(),
            is_written: false,
        }
    }

    /// Begin the trace of this request, or its part in its caller's. Not before it has a
    /// place: a flood of refusals would crowd out everything else.
    pub(super) fn trace(&mut self, request: &ServiceRequest) {
        let method = method_label(&self.method);
        self.span = traces::begin_request(self.id, method, self.route, request.headers());
    }

    /// Complete the response and write the line.
    pub(super) fn finish(mut self, mut response: HttpResponse) -> HttpResponse {
        let error = response.extensions_mut().remove::<ApiError>();
        let error = error.or_else(|| foreign(&response));
        if let Some(session) = error.as_ref().and_then(ApiError::refused_session) {
            *self.notes.0.borrow_mut() = Some(format!("session {session}"));
        }
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
        let code = error.as_ref().map_or("ok", |error| error.class().code);
        if code == OVERLOADED {
            // Clients that were refused together are not to come back together; the end of an
            // id is chance.
            let seconds = 1 + u16::from(self.id.to_bytes()[15] % 3);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(chain) = error.as_ref().and_then(ApiError::chain) {
            tracing::error!(request_id = %self.id, code, error = chain, "a request failed");
        }
        self.last.mark(response.head_mut());
        self.write(&Ending::answered(response.status(), code));
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

    fn write(&mut self, ending: &Ending) {
        self.is_written = true;
        let Ending { outcome, code, status } = *ending;
        let elapsed = self.started.elapsed();
        let (method, route) = (method_label(&self.method), self.route);
        self.edge.metrics.observe(&RequestLabels { method, route, outcome, code }, elapsed);
        traces::end_request(&self.span, &RequestEnd { outcome, code, status });
        if code == OVERLOADED {
            return;
        }
        let caller = self.notes.0.borrow().clone().unwrap_or_else(|| "anonymous".to_owned());
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            request_id = %self.id,
            // Not as it was sent: a method may have a hundred kilobytes.
            method,
            route,
            client = %self.client,
            caller,
            outcome,
            code,
            status,
            elapsed_ms,
            trace_id = traces::trace_id(&self.span),
            "request"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_written {
            self.write(&Ending::dropped());
        }
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

/// The code of what is refused for overload.
pub(super) const OVERLOADED: &str = "overloaded";

/// On every answer: answers are for the caller alone, and are never a page.
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];
