//! The one named thing in an address: a policy, an issuer entry, a session.

use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use segura_model::Class;

use crate::http::error::ApiError;

/// The last named part of the route's path.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: FromStr<Err: Display>> FromRequest for Named<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().iter().last().map_or("", |(_, text)| text);
        let named = text.parse().map(Self);
        ready(named.map_err(|error| {
            ApiError::new(Class::bad_request("address-malformed"), format!("{error}"))
        }))
    }
}
