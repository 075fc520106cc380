//! Any other OpenID issuer: the caller names where the token is.
//!
//! No platform, so nothing is detected; the preset knows the standard claims only.

pub mod claims;
pub mod preset;
mod runner;
pub mod sample;

pub use runner::TokenPlace;
pub(crate) use runner::read_token;
