//! `/oauth2` and its metadata: the standard way in.
//!
//! RFC 8693 (exchange), 7009 (revocation), 7662 (introspection), 8414 (metadata). Errors
//! are RFC 6749's, not problem documents: that is what clients of these standards read.

mod error;
mod form;
mod introspect;
mod metadata;
mod revoke;
mod token;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};
use crate::service::access::Permission;

pub(super) use error::wrong_method;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::POST,
        path: "/oauth2/token",
        access: Access::Presented,
        to: || web::post().to(token::token_exchange),
    },
    Route {
        method: Method::POST,
        path: "/oauth2/revoke",
        access: Access::Presented,
        to: || web::post().to(revoke::token_revoke),
    },
    Route {
        method: Method::POST,
        path: "/oauth2/introspect",
        access: Access::Operator(Permission::SessionRead),
        to: || web::post().to(introspect::token_introspect),
    },
    Route {
        method: Method::GET,
        path: "/.well-known/oauth-authorization-server",
        access: Access::Public,
        to: || web::get().to(metadata::server_metadata),
    },
];
