//! The HTTP surface: extractors in, one service call, an answer out.
//!
//! `routes` lists every route and who may call it, one folder per resource holds the
//! handlers, `error` is the only table of statuses, `request` wraps every request with
//! an id, the refusals that come before routing, and the one log line. Nothing here
//! builds an address from `Host`.
//!
//! Adding an endpoint: `routes.rs` says how.

pub mod error;
pub mod extract;
pub mod health;
pub mod idle;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod overload;
pub mod permit;
pub mod phase;
pub mod request;
pub mod routes;

mod audit;
mod deliveries;
mod oauth2;
mod operators;
mod refused;
mod secrets;
mod sessions;
mod sys;
mod trust;
mod whoami;
