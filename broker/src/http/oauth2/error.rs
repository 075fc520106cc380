//! Errors in the words of RFC 6749 section 5.2.

use actix_web::http::header::{ALLOW, CACHE_CONTROL, PRAGMA};
use actix_web::{HttpResponse, HttpResponseBuilder};
use segura_model::Class;
use segura_model::api::OAuthError;

use super::form::FormError;
use crate::http::error::ApiError;

/// An error on its way to a client of the standard.
pub(super) struct Standard {
    /// Its code in the standard.
    pub(super) code: &'static str,
    /// What it is to us: status, log line, metric.
    pub(super) error: ApiError,
}

impl Standard {
    /// A request that cannot be understood.
    pub(super) fn invalid_request(error: ApiError) -> Self {
        Self { code: "invalid_request", error }
    }

    /// The answer.
    pub(super) fn answer(self) -> HttpResponse {
        let Self { code, error } = self;
        // RFC 6749 wants 400 for what is wrong with a request or a grant, whatever it is.
        let status = match error.status() {
            status if status.is_client_error() => actix_web::http::StatusCode::BAD_REQUEST,
            status => status,
        };
        let mut answer = no_store(HttpResponse::build(status));
        for header in error.headers() {
            answer.insert_header(header);
        }
        let error_description = Some(describe(&error));
        let mut answer = answer.json(OAuthError { error: code.to_owned(), error_description });
        error.leave_on(&mut answer);
        answer
    }
}

impl From<FormError> for Standard {
    fn from(error: FormError) -> Self {
        let class = Class::bad_request("form-malformed");
        Self::invalid_request(ApiError::new(class, error.to_string()))
    }
}

/// Nothing of these answers may be kept, by old caches either.
pub(super) fn no_store(mut builder: HttpResponseBuilder) -> HttpResponseBuilder {
    builder.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
    builder
}

/// Every verb but `POST`: RFC 6749 section 3.2 knows no other.
pub(in crate::http) async fn wrong_method() -> HttpResponse {
    let class = Class::bad_request("method-not-allowed");
    let error = ApiError::new(class, "send a POST request with the parameters in its body");
    let mut answer = no_store(HttpResponse::MethodNotAllowed())
        .insert_header((ALLOW, "POST"))
        .json(OAuthError {
            error: "invalid_request".to_owned(),
            error_description: Some(error.detail().to_owned()),
        });
    error.leave_on(&mut answer);
    answer
}

/// The standard has one field for everything that a problem document has members for.
fn describe(error: &ApiError) -> String {
    let problem = error.problem(None);
    let mut text = problem.detail;
    for check in &problem.checks {
        let presented = check.presented.as_deref().unwrap_or("nothing");
        text.extend(["; ", &check.claim, ": expected ", &check.expected, ", got ", presented]);
    }
    match problem.denial.map(|denial| denial.to_string()) {
        Some(denial) if !text.contains(&denial) => text.extend(["; refusal ", &denial]),
        _ => {}
    }
    plain(&text)
}

/// Text in the alphabet of `error_description`: printable ASCII without `"` and `\`.
fn plain(text: &str) -> String {
    let plain = |character| match character {
        '"' | '\\' | '`' => '\'',
        '–' => '-',
        ' '..='~' => character,
        _ => '?',
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_keeps_to_the_standards_alphabet() {
        assert_eq!(plain("`a\\b\" – c\n\u{e9}"), "'a'b' - c??");
    }
}
