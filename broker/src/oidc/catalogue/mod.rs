//! The negative catalogue: what must never verify, one row each.
//!
//! Every token here is signed by a key that the issuer publishes unless the row is about
//! the signature, so that nothing is refused for the wrong reason. Before an entry is
//! found, the issuer must not be asked.

mod claims;
mod keys;
mod refresh;
mod tokens;
