//! `/api/v2/a2a/secrets`: the vault, for sessions and operators.
//!
//! The whole tail of the address is the path of the secret.

mod answer;
mod list;
mod put;
mod read;
mod remove;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};
use crate::service::access::Permission;

const SECRET: &str = "/api/v2/a2a/secrets/{path:.*}";

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v2/a2a/secrets",
        access: Access::Operator(Permission::SecretList),
        to: || web::get().to(list::secret_list),
    },
    Route {
        method: Method::GET,
        path: SECRET,
        // Every operator may see the history; the service asks more for the values.
        access: Access::SessionOrOperator(Permission::SecretList),
        to: || web::get().to(read::secret_read),
    },
    Route {
        method: Method::PUT,
        path: SECRET,
        access: Access::Operator(Permission::SecretWrite),
        to: || web::put().to(put::secret_put),
    },
    Route {
        method: Method::DELETE,
        path: SECRET,
        access: Access::Operator(Permission::SecretWrite),
        to: || web::delete().to(remove::secret_remove),
    },
];
