//! The operator whom the guard of the route let in.
//!
//! There is none on a route without that guard, and a handler that asks for one there
//! fails: closed, and in every test of it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use segura_model::Class;

use crate::http::error::ApiError;
use crate::service::access::Operator;

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || ApiError::new(Class::internal("route-without-guard"), "the server failed");
        ready(request.extensions().get::<Self>().cloned().ok_or_else(missing))
    }
}
