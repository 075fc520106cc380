//! `/api/v2/audit`: the ledger.

mod head;
mod page;
mod verify;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};
use crate::service::access::Permission;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v2/audit",
        access: Access::Operator(Permission::AuditRead),
        to: || web::get().to(page::audit_page),
    },
    Route {
        method: Method::GET,
        path: "/api/v2/audit/head",
        access: Access::Operator(Permission::AuditRead),
        to: || web::get().to(head::audit_head),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/audit/verify",
        access: Access::Operator(Permission::AuditRead),
        to: || web::post().to(verify::audit_verify),
    },
];
