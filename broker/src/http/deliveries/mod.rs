//! `/api/v2/deliveries`: the main job.

mod create;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};

pub(super) const ROUTES: &[Route] = &[Route {
    method: Method::POST,
    path: "/api/v2/deliveries",
    access: Access::Presented,
    to: || web::post().to(create::delivery_create),
}];
