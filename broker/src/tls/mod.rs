//! The server's side of TLS: one certificate at a time, replaced without a pause.
//!
//! TLS 1.3 and 1.2, HTTP/1.1 only, aws-lc-rs. A handshake takes whatever certificate is
//! in place at that moment; connections that exist are not touched by a new one.

mod given;
mod managed;
mod resolver;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;

pub use given::{GivenCertificate, GivenError};
pub use managed::{ManagedCertificate, ManagedError};
pub use resolver::{Certificates, Shown};

/// The configuration of connections that show what is in `certificates`.
pub fn server_config(certificates: Arc<Certificates>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    // A job connects once and an agent keeps its connection: one ticket is enough.
    config.send_tls13_tickets = 1;
    Ok(config)
}

#[cfg(test)]
mod tests;
