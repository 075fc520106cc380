//! Shows a new certificate when there is one: a changed file, or a renewed leaf.

use std::path::PathBuf;
use std::sync::Arc;

use crate::telemetry::Chain;
use crate::tls::{Certificates, GivenCertificate, ManagedCertificate};

/// Where certificates come from.
pub enum CertificateSource {
    /// From two files.
    Files {
        /// The chain.
        cert_file: PathBuf,
        /// The key.
        key_file: PathBuf,
    },
    /// From the broker's own authority.
    Managed(ManagedCertificate),
}

/// Show what the source has now, if it is another.
pub async fn renew(source: Arc<CertificateSource>, certificates: Arc<Certificates>) {
    match &*source {
        CertificateSource::Files { cert_file, key_file } => {
            match GivenCertificate::read(cert_file, key_file) {
                Ok(given) if given.is(&certificates.shown()) => {}
                Ok(given) => {
                    certificates.replace(given.into_shown());
                    tracing::info!("a changed certificate was picked up");
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "the certificate stays as it is");
                }
            }
        }
        CertificateSource::Managed(managed) => match managed.current().await {
            Ok(shown) => certificates.replace(shown),
            Err(error) => tracing::error!(error = %Chain(&error), "the certificate stays as it is"),
        },
    }
}
