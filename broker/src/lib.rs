//! The broker: from an identity token to secrets, over HTTP.
//!
//! `http` turns requests into calls, `service` decides, `oidc` knows who is calling,
//! `config` and `startup` build it all from values, `jobs` keeps it fresh. No room here
//! names a database or a CI platform: those are `segura_store` and `segura_plugins`.
//!
//! Adding an endpoint: `http/routes.rs`. Adding a setting: `config/keys.rs`. Adding a
//! check of tokens: `oidc`. Adding something that runs on its own: `jobs`.

pub mod app;
pub mod config;
pub mod dev;
pub mod http;
pub mod jobs;
pub mod local;
pub mod net;
pub mod oidc;
pub mod service;
pub mod startup;
pub mod telemetry;
pub mod tls;
