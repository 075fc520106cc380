//! The rules: who may do what, and what becomes of it. No HTTP, no SQL.
//!
//! Every service holds the one [`Core`]: clock, chance, writer, verifier, vault, and the
//! snapshot that decisions are made from. A decision carries the number of the snapshot
//! it was made from to the writer, which refuses it when that is no longer the truth;
//! then it is made anew.
//!
//! Adding a service: a file here, a field of `App`, its routes in `http/`.

pub mod access;
pub mod audit;
pub mod authority;
pub mod delivery;
pub mod epochs;
pub mod exchange;
pub mod keyring;
pub mod operators;
pub mod reads;
pub mod refusals;
pub mod secrets;
pub mod sessions;
pub mod snapshot;
pub mod trust;
pub mod whoami;

mod admission;
mod base;
mod byte_cache;
mod granting;
pub(crate) mod hex;
mod opened;
mod opening;
mod quota;
mod refused_rows;
mod ticket;

#[cfg(test)]
pub(crate) mod testing;

pub use base::{Core, CoreParts, Origin};
