//! Where a request came from, for the ledger.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use segura_model::Class;

use super::{ClientAddr, RequestId};
use crate::http::error::ApiError;
use crate::service::Origin;

/// The origin of this request.
pub(in crate::http) fn origin_of(request: &HttpRequest) -> Result<Origin, ApiError> {
    let id = request.extensions().get::<RequestId>().copied();
    let missing = || ApiError::new(Class::internal("request-without-id"), "the server failed");
    let RequestId(id) = id.ok_or_else(missing)?;
    Ok(Origin { client: ClientAddr::of(request).0, request: id })
}

impl FromRequest for Origin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(origin_of(request))
    }
}
