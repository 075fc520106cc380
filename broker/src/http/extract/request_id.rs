//! The id of the request, made by us and never taken from the caller.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use segura_model::Class;

use crate::http::error::ApiError;

/// The id under which this request is in the log, the ledger and the answer.
#[derive(Clone, Copy, Debug)]
pub struct RequestId(pub segura_model::RequestId);

impl FromRequest for RequestId {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || ApiError::new(Class::internal("request-without-id"), "the server failed");
        ready(request.extensions().get::<Self>().copied().ok_or_else(missing))
    }
}
