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
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{Resource, web};
use segura_vault::SESSION_TOKEN_PREFIX;

use crate::http::overload::Line;
use crate::http::{
    audit, deliveries, oauth2, operators, permit, secrets, sessions, sys, trust, whoami,
};
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

/// The pattern of the route that the router would take, and the line that it waits in.
///
/// The router's own answer comes too late to refuse what is too much, and as a new text each
/// time. Paths were screened by now: they have one spelling and no empty segment.
pub fn place(method: &Method, path: &str, headers: &HeaderMap) -> (&'static str, Line) {
    let Some(first) = all().find(|route| fits(route.path, path)) else {
        return match path {
            // Whoever asks decides by the answer whether this node is sent anything.
            "/healthz" => ("/healthz", Line::Free),
            // Who shows a credential is looked up, and written down if it is nobody's.
            "/readyz" if headers.contains_key(AUTHORIZATION) => ("/readyz", Line::Operators),
            "/readyz" => ("/readyz", Line::Free),
            "/openapi.json" => ("/openapi.json", Line::Jobs),
            _ => (NO_ROUTE, Line::Free),
        };
    };
    let mut verbs = all().filter(|route| route.path == first.path);
    let line = match verbs.find(|route| route.method == *method).map(|route| route.access) {
        None => Line::Free,
        Some(Access::Operator(_)) => Line::Operators,
        Some(Access::SessionOrOperator(_)) if !is_session(headers) => Line::Operators,
        Some(_) => Line::Jobs,
    };
    (first.path, line)
}

/// The label of an address that has no route.
pub const NO_ROUTE: &str = "-";

fn fits(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    for wanted in pattern.split('/') {
        if wanted.ends_with(":.*}") {
            return path.next().is_some();
        }
        if !path.next().is_some_and(|found| found == wanted || wanted.starts_with('{')) {
            return false;
        }
    }
    path.next().is_none()
}

/// Whether it says it is a session's; to wait in the right line, not to be let in.
fn is_session(headers: &HeaderMap) -> bool {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().get(BEARER..));
    token.is_some_and(|token| token.starts_with(SESSION_TOKEN_PREFIX.as_bytes()))
}

/// The length of `Bearer `.
const BEARER: usize = 7;

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
            access => bare.wrap(from_fn(move |request, next| permit::check(access, request, next))),
        })
    })
}

#[cfg(test)]
mod tests;
