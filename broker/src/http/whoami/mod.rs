//! `/api/v2/whoami`: what the broker sees in a token.

mod ask;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};

pub(super) const ROUTES: &[Route] = &[Route {
    method: Method::POST,
    path: "/api/v2/whoami",
    access: Access::Presented,
    to: || web::post().to(ask::whoami_ask),
}];
