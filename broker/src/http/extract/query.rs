//! The query of a request, strictly: each name once, and known.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use segura_model::Class;
use segura_model::api::{MOST_PER_PAGE, USUAL_PER_PAGE};
use serde::de::DeserializeOwned;

use crate::http::error::ApiError;

/// The query as a value of this type.
#[derive(Debug)]
pub struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequest for StrictQuery<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()))
    }
}

/// How many entries a page has, of how many were asked for.
pub(in crate::http) fn page_size(limit: Option<u32>) -> usize {
    let limit = limit.map_or(USUAL_PER_PAGE, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit.clamp(1, MOST_PER_PAGE)
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<StrictQuery<T>, ApiError> {
    Query::from_query(query).map(|Query(value)| StrictQuery(value)).map_err(|error| {
        // The framework's own words in front say nothing to a caller.
        let why = match error {
            QueryPayloadError::Deserialize(why) => why.to_string(),
            other => other.to_string(),
        };
        let detail = format!("the query is not what this route takes: {why}");
        ApiError::new(Class::bad_request("query-malformed"), detail)
    })
}

#[cfg(test)]
mod tests {
    use segura_model::api::SecretQuery;

    use super::*;

    #[test]
    fn unknown_and_repeated_names_are_refused() {
        assert_eq!(parse::<SecretQuery>("version=3").unwrap().0.version, Some(3));
        assert!(parse::<SecretQuery>("").is_ok());
        for query in ["versoin=3", "version=3&version=4", "version=x", "view=all", "version=-1"] {
            let error = parse::<SecretQuery>(query).unwrap_err().to_string();
            assert!(!error.contains("eserialize"), "{query}: {error}");
        }
    }
}
