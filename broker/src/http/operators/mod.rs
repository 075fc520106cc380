//! `/api/v2/sys/operators`: who administers.

mod add;
mod list;
mod remove;
mod rotate;

use actix_web::http::Method;
use actix_web::web;
use segura_model::api::OperatorCredential;

use super::routes::{Access, Route};
use crate::service::access::Permission;
use crate::service::operators::Credential;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v2/sys/operators",
        access: Access::Operator(Permission::OperatorRead),
        to: || web::get().to(list::operator_list),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/sys/operators",
        access: Access::Operator(Permission::OperatorWrite),
        to: || web::post().to(add::operator_add),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/sys/operators/{name}/rotate",
        access: Access::Operator(Permission::OperatorRotate),
        to: || web::post().to(rotate::operator_rotate),
    },
    Route {
        method: Method::DELETE,
        path: "/api/v2/sys/operators/{name}",
        access: Access::Operator(Permission::OperatorWrite),
        to: || web::delete().to(remove::operator_remove),
    },
];

fn credential(credential: Credential) -> OperatorCredential {
    let Credential { operator, token } = credential;
    let (id, name, role, expires_at) =
        (operator.id, operator.name, operator.role, operator.expires_at);
    OperatorCredential { id, name, role, token, expires_at }
}
