//! The token of `Authorization: Bearer`: exactly one, bounded, never logged.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use segura_model::{Class, SecretText};

use crate::http::error::ApiError;

/// The caller's bearer token. `Option<Bearer>` where there may be none.
#[derive(Debug)]
pub struct Bearer(pub SecretText);

impl Bearer {
    /// The token in these headers.
    pub fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut values = headers.get_all(AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(refused("send one `Authorization: Bearer …` header"));
        };
        let text = value.to_str().map_err(|_| refused("the token must be plain ASCII"))?;
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Self::check(token),
            _ => Err(refused("the `Authorization` header must begin with `Bearer `")),
        }
    }

    /// RFC 6750's `b64token`, of a length that any of our tokens fits in.
    fn check(token: &str) -> Result<Self, ApiError> {
        let is_token_byte = |byte: u8| {
            matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
                || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
        };
        if token.is_empty() || token.len() > MAX_BEARER || !token.bytes().all(is_token_byte) {
            return Err(refused(
                "the bearer token is empty, too long or has other characters than a token",
            ));
        }
        Ok(Self(SecretText::new(token)))
    }
}

impl FromRequest for Bearer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The guard of the route has read it, unless the route has none.
        let read = request.extensions_mut().remove::<Self>();
        ready(read.map_or_else(|| Self::read(request.headers()), Ok))
    }
}

fn refused(detail: &'static str) -> ApiError {
    ApiError::new(Class::unauthenticated("credentials-missing"), detail)
}

const MAX_BEARER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(headers: &[&str]) -> Result<Bearer, ApiError> {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.append_header((AUTHORIZATION, *header));
        }
        Bearer::read(request.to_http_request().headers())
    }

    #[test]
    fn a_bearer_token_is_read_whatever_the_case_of_the_scheme() {
        for header in ["Bearer sgr_abc", "bearer sgr_abc", "BEARER sgr_abc"] {
            // EXPOSE: a test compares it.
            assert_eq!(read(&[header]).unwrap().0.expose(), "sgr_abc");
        }
    }

    #[test]
    fn anything_else_is_no_bearer_token() {
        let long = format!("Bearer {}", "a".repeat(MAX_BEARER + 1));
        for headers in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Basic dXNlcjpwYXNz"],
            &["Bearer a b"],
            &["Bearer  a"],
            &["Bearer a", "Bearer b"],
            &["sgr_abc"],
            &[&long],
        ] {
            assert!(read(headers).is_err(), "{headers:?}");
        }
    }
}
