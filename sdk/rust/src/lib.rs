#![doc = include_str!("../README.md")]
//!
//! # Adding a call
//!
//! The wire types are in `segura_model::api`; a call is one method below the token
//! it needs: none ([`Client`]), a session's ([`Session`]), an operator's
//! ([`Operator`]). Say in its `Repeat` whether a lost answer may be asked for again.

mod client;
mod error;
mod operator;
mod options;
mod proxy;
mod request_key;
mod retry;
mod session;
mod transport;

pub use segura_model as model;

pub use client::Client;
pub use error::SdkError;
pub use operator::Operator;
pub use options::ClientOptions;
pub use proxy::ProxySettings;
pub use request_key::make_request_key;
pub use session::Session;
