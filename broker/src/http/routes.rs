//! Every route of the API, in one list, each with who may call it.
//!
//! A route cannot be registered without an [`Access`], and the guard that enforces it
//! is put around the handler here, so that no handler can forget to ask. The routes
//! that jobs call pay nothing for it: their proof is checked by the service. Health,
//! metrics and the description of the API stand outside, in `http/health.rs`.
//!
//! Adding a route: a file with its handler, a line in its folder's `ROUTES`; a new
//! folder: a line in [`all`].

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{Resource, web};

use crate::http::guard;
use crate::http::{audit, deliveries, oauth2, operators, secrets, sessions, sys, trust, whoami};
use crate::service::access::Permission;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An operator whose role has the permission.
    Operator(Permission),
    /// The proof is an identity or session token in the body; the service checks it.
    Presented,
    /// Anyone. Nothing is changed, and nothing said that is not public.
    Public,
    /// A job's session.
    Session,
    /// A job's session, or an operator whose role has the permission.
    SessionOrOperator(Permission),
}

/// One verb on one path.
#[derive(Debug)]
pub struct Route {
    /// The verb.
    pub method: Method,
    /// The path, in the router's pattern language.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// The handler.
    pub to: fn() -> actix_web::Route,
}

/// Every route.
pub fn all() -> impl Iterator<Item = &'static Route> {
    [
        audit::ROUTES,
        deliveries::ROUTES,
        oauth2::ROUTES,
        operators::ROUTES,
        secrets::ROUTES,
        sessions::ROUTES,
        sys::ROUTES,
        trust::ROUTES,
        whoami::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// Register every route. Paths are grouped, so that a wrong verb is a 405.
pub fn configure(config: &mut ServiceConfig) {
    let mut seen = Vec::new();
    for Route { path, .. } in all() {
        if !seen.contains(path) {
            seen.push(path);
            config.service(resource(path));
        }
    }
}

fn resource(path: &'static str) -> Resource {
    let bare = if path.starts_with("/oauth2/") {
        web::resource(path).default_service(web::to(oauth2::wrong_method))
    } else {
        web::resource(path)
    };
    all().filter(|route| route.path == path).fold(bare, |resource, route| {
        let bare = (route.to)().method(route.method.clone());
        resource.route(match route.access {
            Access::Presented | Access::Public => bare,
            access => bare.wrap(from_fn(move |request, next| guard::check(access, request, next))),
        })
    })
}

#[cfg(test)]
mod tests;
