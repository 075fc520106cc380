//! Errors as answers: problem+json (RFC 9457), and the only table of statuses.
//!
//! Any classified error becomes an [`ApiError`] with `?`. Its text is the answer's
//! `detail` when the caller can do something about it; a fault of ours answers one fixed
//! sentence, and its whole chain goes to the log, once, beside the request's id.

use std::fmt;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use segura_model::api::{FailedCheck, Problem, SecretFault};
use segura_model::{Class, Classify, DenialId, Kind, RequestId, SessionId};

use crate::telemetry::Chain;

/// An error on its way to the caller.
#[derive(Clone)]
pub struct ApiError(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    class: Class,
    /// What the caller reads.
    detail: String,
    /// What the log reads: the chain of a fault.
    chain: Option<String>,
    denial: Option<DenialId>,
    checks: Vec<FailedCheck>,
    secrets: Vec<SecretFault>,
    /// Whose it is, for the log.
    session: Option<SessionId>,
}

impl<E: Classify + 'static> From<E> for ApiError {
    fn from(error: E) -> Self {
        let class = error.class();
        if !class.kind.is_fault() {
            return Self::new(class, error.to_string());
        }
        Self::build(class, fault(class).to_owned(), Some(Chain(&error).to_string()))
    }
}

impl ApiError {
    /// An error of the HTTP layer itself, with a text that anyone may read.
    pub fn new(class: Class, detail: impl Into<String>) -> Self {
        Self::build(class, detail.into(), None)
    }

    /// The same error with the id under which an operator can open the refusal.
    #[must_use]
    pub fn denial(self, denial: DenialId) -> Self {
        self.with(|parts| parts.denial = Some(denial))
    }

    /// The same error with the checks that failed, for the rightful owner.
    #[must_use]
    pub fn checks(self, checks: Vec<FailedCheck>) -> Self {
        self.with(|parts| parts.checks = checks)
    }

    /// The same error with the wanted secrets that could not be given.
    #[must_use]
    pub fn secrets(self, secrets: Vec<SecretFault>) -> Self {
        self.with(|parts| parts.secrets = secrets)
    }

    /// The same error with the session that was refused, which the log line names.
    #[must_use]
    pub fn session(self, session: Option<SessionId>) -> Self {
        self.with(|parts| parts.session = session)
    }

    /// The session that was refused, if it is known.
    pub fn refused_session(&self) -> Option<SessionId> {
        self.0.session
    }

    /// What sort of error, and which.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// What the caller reads.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The chain of a fault, for the log and nobody else.
    pub fn chain(&self) -> Option<&str> {
        self.0.chain.as_deref()
    }

    /// The status, from the only table there is.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.class.kind.http_status())
            .expect("every kind has a status between 100 and 599")
    }

    /// The problem document; `request` is known once the request has its id.
    pub fn problem(&self, request: Option<RequestId>) -> Problem {
        let Class { kind, code } = self.0.class;
        Problem {
            kind: format!("urn:segura:problem:{code}"),
            title: title(kind).to_owned(),
            status: kind.http_status(),
            detail: self.0.detail.clone(),
            code: code.to_owned(),
            request_id: request,
            denial: self.0.denial,
            checks: self.0.checks.clone(),
            secrets: self.0.secrets.clone(),
        }
    }

    /// The headers that belong to this kind of error.
    pub fn headers(&self) -> Vec<(header::HeaderName, HeaderValue)> {
        match self.0.class.kind {
            Kind::Unauthenticated => {
                vec![(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"segura\""),
                )]
            }
            Kind::Unavailable => vec![(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER))],
            _ => Vec::new(),
        }
    }

    fn build(class: Class, detail: String, chain: Option<String>) -> Self {
        let (denial, checks, secrets, session) = (None, Vec::new(), Vec::new(), None);
        Self(Arc::new(Parts { class, detail, chain, denial, checks, secrets, session }))
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }

    /// Leave this error on a response of another shape (RFC 6749's), for the log line.
    pub fn leave_on(&self, response: &mut HttpResponse) {
        response.extensions_mut().insert(self.clone());
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({}: {})", self.0.class, self.0.detail)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        for header in self.headers() {
            response.insert_header(header);
        }
        let mut response = response.content_type(PROBLEM_JSON).body(to_json(&self.problem(None)));
        self.leave_on(&mut response);
        response
    }
}

/// A problem document as a body.
pub(super) fn to_json(problem: &Problem) -> String {
    serde_json::to_string(problem).expect("a problem holds only text, numbers and lists")
}

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest => "The request cannot be understood",
        Kind::Conflict => "The request is at odds with what is stored",
        Kind::Forbidden => "The caller may not do this",
        Kind::Internal => "The server failed",
        Kind::NotFound => "What the request names does not exist",
        Kind::TooLarge => "The request is larger than the bounds allow",
        Kind::Unauthenticated => "The caller did not prove who it is",
        Kind::Unavailable => "The server cannot do this now",
    }
}

fn fault(class: Class) -> &'static str {
    match (class.kind, class.code) {
        (_, "issuer-keys-unavailable") => {
            "the issuer of this identity token does not give its keys now, so the token cannot be \
             checked: try again in a few seconds; an operator finds the reason under the refusal's \
             id, or in the log under the request id"
        }
        (Kind::Unavailable, _) => {
            "the server cannot do this now: try again in a few seconds; an operator finds the \
             reason in its log under the request id"
        }
        _ => "the server failed: an operator finds the reason in its log under the request id",
    }
}

/// Seconds.
const RETRY_AFTER: &str = "2";

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Sample {
        #[error("`x` is not a path")]
        Path,
        #[error("the disk is on fire")]
        Disk(#[source] std::io::Error),
    }

    impl Classify for Sample {
        fn class(&self) -> Class {
            match self {
                Self::Path => Class::bad_request("bad-path"),
                Self::Disk(_) => Class::internal("disk"),
            }
        }
    }

    #[test]
    fn a_callers_error_is_told() {
        let denial = DenialId::from_bytes([7; 16]);
        let error = ApiError::from(Sample::Path).denial(denial);
        let problem = error.problem(None);
        assert_eq!(problem.detail, "`x` is not a path");
        assert_eq!(problem.kind, "urn:segura:problem:bad-path");
        assert_eq!((problem.status, problem.denial), (400, Some(denial)));
        assert_eq!(error.chain(), None);
    }

    #[test]
    fn a_fault_is_logged_and_not_told() {
        let error = ApiError::from(Sample::Disk(std::io::Error::other("sector 7")));
        assert!(!to_json(&error.problem(None)).contains("fire"));
        assert_eq!(error.chain(), Some("the disk is on fire: sector 7"));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
