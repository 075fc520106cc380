//! `/api/v2/trust`: who is trusted, and why not.

mod denial_show;
mod explain;
mod issuer_remove;
mod issuer_show;
mod issuers_apply;
mod issuers_list;
mod policies_apply;
mod policies_list;
mod policy_pin;
mod policy_remove;
mod policy_show;

use actix_web::http::Method;
use actix_web::web;

use super::routes::{Access, Route};
use crate::service::access::Permission;
use crate::service::trust::policies::Run;

const ISSUERS: &str = "/api/v2/trust/issuers";
const ISSUER: &str = "/api/v2/trust/issuers/{id}";
const POLICIES: &str = "/api/v2/trust/policies";
const POLICY: &str = "/api/v2/trust/policies/{name}";

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: ISSUERS,
        access: Access::Operator(Permission::IssuerRead),
        to: || web::get().to(issuers_list::issuers_list),
    },
    Route {
        method: Method::PUT,
        path: ISSUERS,
        access: Access::Operator(Permission::IssuerWrite),
        to: || web::put().to(issuers_apply::issuers_apply),
    },
    Route {
        method: Method::GET,
        path: ISSUER,
        access: Access::Operator(Permission::IssuerRead),
        to: || web::get().to(issuer_show::issuer_show),
    },
    Route {
        method: Method::DELETE,
        path: ISSUER,
        access: Access::Operator(Permission::IssuerWrite),
        to: || web::delete().to(issuer_remove::issuer_remove),
    },
    Route {
        method: Method::GET,
        path: POLICIES,
        access: Access::Operator(Permission::PolicyRead),
        to: || web::get().to(policies_list::policies_list),
    },
    Route {
        method: Method::PUT,
        path: POLICIES,
        access: Access::Operator(Permission::PolicyWrite),
        to: || web::put().to(policies_apply::policies_apply),
    },
    Route {
        method: Method::GET,
        path: POLICY,
        access: Access::Operator(Permission::PolicyRead),
        to: || web::get().to(policy_show::policy_show),
    },
    Route {
        method: Method::DELETE,
        path: POLICY,
        access: Access::Operator(Permission::PolicyWrite),
        to: || web::delete().to(policy_remove::policy_remove),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/trust/policies/{name}/pin",
        access: Access::Operator(Permission::PolicyWrite),
        to: || web::post().to(policy_pin::policy_pin),
    },
    Route {
        method: Method::POST,
        path: "/api/v2/trust/explain",
        access: Access::Operator(Permission::PolicyRead),
        to: || web::post().to(explain::trust_explain),
    },
    Route {
        method: Method::GET,
        path: "/api/v2/trust/denials/{id}",
        access: Access::Operator(Permission::PolicyRead),
        to: || web::get().to(denial_show::denial_show),
    },
];

const fn run(dry_run: bool) -> Run {
    if dry_run { Run::Dry } else { Run::Real }
}
