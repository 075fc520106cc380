//! `/api/v2/sys`: the server itself.

mod ca;
mod epoch;
mod keyring;
mod whoami;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};
use crate::service::access::Permission;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v2/sys/ca",
        access: Access::Public,
        to: || web::get().to(ca::ca_show),
    },
    Route {
        method: Method::GET,
        path: "/api/v2/sys/self",
        access: Access::Operator(Permission::SelfRead),
        to: || web::get().to(whoami::self_show),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/sys/epoch",
        access: Access::Operator(Permission::EpochRaise),
        to: || web::post().to(epoch::epoch_raise),
    },
    Route {
        method: Method::GET,
        path: "/api/v2/sys/keyring",
        access: Access::Operator(Permission::KeyringRead),
        to: || web::get().to(keyring::keyring_show),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/sys/keyring/roll",
        access: Access::Operator(Permission::KeyringRoll),
        to: || web::post().to(keyring::keyring_roll),
    },
];
