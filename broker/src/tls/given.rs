//! A certificate that the operator gives, in two files.
//!
//! Both files are read again every minute; a pair that fits replaces the one in use, and
//! one that does not (a tool has written the first file and not yet the second) leaves it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use segura_vault::Validity;
use segura_vault::authority::ValidityError;

use super::resolver::Shown;
use crate::config::{GuardReadError, read_private};

/// A certificate and key from files, checked to fit each other.
pub struct GivenCertificate {
    shown: Shown,
}

/// The files hold no certificate that can be shown.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// The certificate file cannot be read.
    #[error("cannot read the certificate {}", .0.display())]
    Certificate(PathBuf, #[source] std::io::Error),
    /// The certificate file holds no PEM certificate.
    #[error("{} holds no certificate: expected PEM with `BEGIN CERTIFICATE`", .0.display())]
    NoCertificate(PathBuf),
    /// The key file cannot be read, or others can read it.
    #[error("the private key cannot be used")]
    Key(#[from] GuardReadError),
    /// The key file holds no PEM key.
    #[error("{} holds no private key: expected PEM with `BEGIN PRIVATE KEY`", .0.display())]
    NoKey(PathBuf),
    /// The key is not the certificate's, or of a kind that is not taken.
    #[error(
        "the private key in {} is not that of the certificate in {}: give the two files that were \
         made together, the certificate of this server first in its file",
        key_file.display(), cert_file.display()
    )]
    Mismatch {
        /// Where the key is.
        key_file: PathBuf,
        /// Where the certificate is.
        cert_file: PathBuf,
        /// Why.
        #[source]
        reason: Box<rustls::Error>,
    },
    /// The certificate's lifetime cannot be read.
    #[error("the certificate's lifetime cannot be read")]
    Validity(#[from] ValidityError),
}

impl GivenCertificate {
    /// Read and check both files.
    pub fn read(cert_file: &Path, key_file: &Path) -> Result<Self, GivenError> {
        let pem = std::fs::read(cert_file)
            .map_err(|error| GivenError::Certificate(cert_file.to_owned(), error))?;
        let no_certificate = || GivenError::NoCertificate(cert_file.to_owned());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        let leaf = chain.first().ok_or_else(no_certificate)?;
        let validity = Validity::of_der(leaf)?;
        // EXPOSE: parsed into the key that signs handshakes.
        let key = PrivateKeyDer::from_pem_slice(read_private(key_file)?.expose())
            .map_err(|_| GivenError::NoKey(key_file.to_owned()))?;
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|reason| {
            let (key_file, cert_file) = (key_file.to_owned(), cert_file.to_owned());
            GivenError::Mismatch { key_file, cert_file, reason: reason.into() }
        })?;
        Ok(Self { shown: Shown { key: Arc::new(key), validity } })
    }

    /// Whether a client that looks for this host would take it.
    pub fn covers(&self, host: &str) -> bool {
        let Some(leaf) = self.shown.key.cert.first() else { return false };
        let (Ok(leaf), Ok(name)) = (ParsedCertificate::try_from(leaf), ServerName::try_from(host))
        else {
            return false;
        };
        verify_server_name(&leaf, &name).is_ok()
    }

    /// From when to when it is good.
    pub const fn validity(&self) -> Validity {
        self.shown.validity
    }

    /// Whether it is the one that is shown already.
    pub fn is(&self, other: &Shown) -> bool {
        self.shown.key.cert == other.key.cert
    }

    /// As the resolver wants it.
    pub fn into_shown(self) -> Shown {
        self.shown
    }
}
