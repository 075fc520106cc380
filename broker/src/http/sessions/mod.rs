//! `/api/v2/sessions`: a session's life.

mod end;
mod heartbeat;
mod list;
mod remove;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};
use crate::service::access::Permission;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v2/sessions",
        access: Access::Operator(Permission::SessionRead),
        to: || web::get().to(list::session_list),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/sessions/self/heartbeat",
        access: Access::Session,
        to: || web::post().to(heartbeat::session_heartbeat),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/sessions/self/end",
        access: Access::Session,
        to: || web::post().to(end::session_end),
    },
    Route {
        method: Method::DELETE,
        path: "/api/v2/sessions/{id}",
        access: Access::Operator(Permission::SessionEnd),
        to: || web::delete().to(remove::session_remove),
    },
];
