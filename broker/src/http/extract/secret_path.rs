//! The path of a secret: the tail of the request's own path, as it was sent.
//!
//! The router decodes what it matches, and two decoders rarely agree. So the bytes are
//! taken from before any decoding, where nothing that a path may hold needs encoding:
//! a `%` is refused, and with it every other spelling of a path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use segura_model::{Class, SecretPath};

use crate::http::error::ApiError;

/// Where secrets are, up to their path.
const SECRETS: &str = "/api/v2/a2a/secrets/";

/// The path in the address of a secret.
#[derive(Debug)]
pub struct PathOfSecret(pub SecretPath);

impl FromRequest for PathOfSecret {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.uri().path()))
    }
}

fn parse(path: &str) -> Result<PathOfSecret, ApiError> {
    let refused = |detail: String| ApiError::new(Class::bad_request("secret-path"), detail);
    let tail = path.strip_prefix(SECRETS);
    let tail = tail.ok_or_else(|| refused("write the address without percent-encoding".into()))?;
    tail.parse().map(PathOfSecret).map_err(|error| refused(format!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let path = |tail: &str| parse(&format!("{SECRETS}{tail}")).map(|path| path.0);
        assert_eq!(path("db/prod/Password").unwrap().as_str(), "db/prod/Password");
        for tail in [
            "",
            "/",
            "db//prod",
            "/db",
            "db/",
            "db/./prod",
            "db/../prod",
            "..",
            "db%2Fprod",
            "db/%2e%2e/prod",
            "%64b",
            "db/pro d",
            "db/prod;v=1",
        ] {
            assert!(path(tail).is_err(), "{tail}");
        }
        assert!(parse("/api/v2/%61%32a/secrets/db").is_err());
    }
}
