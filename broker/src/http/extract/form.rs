//! The body of a form (`application/x-www-form-urlencoded`), bounded and not yet parsed:
//! the rules for its parameters are OAuth's and live there.

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::body::BodyRules;
use crate::http::error::ApiError;

/// The bytes of a form of at most 64 KiB. They may hold a token.
pub struct FormBody(pub Bytes);

impl FromRequest for FormBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let rules = BodyRules::check(request, "application/x-www-form-urlencoded", LIMIT);
        let payload = payload.take();
        async move { rules?.read(payload).await.map(Self) }.boxed_local()
    }
}

const LIMIT: usize = 65_536;
