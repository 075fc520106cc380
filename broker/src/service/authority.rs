//! The certificate authority to trust for this server, for whoever asks.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use segura_model::{Class, Classify};
use segura_store::{CertificateRole, Store, StoreError};

use super::hex::hex;

/// The authority's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// PEM.
    pub pem: String,
    /// SHA-256 of its DER form, in hexadecimal.
    pub fingerprint: String,
}

/// Why there is none to show.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The server shows a certificate that was given to it.
    #[error("this server has no authority of its own: trust whoever signed its certificate")]
    None,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for AuthorityError {
    fn class(&self) -> Class {
        match self {
            Self::None => Class::not_found("no-authority"),
            Self::Store(error) => error.class(),
        }
    }
}

/// Shows the authority.
#[derive(Clone)]
pub struct AuthorityService {
    store: Store,
}

impl AuthorityService {
    /// The service over this store.
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// The authority in use.
    pub async fn show(&self) -> Result<Authority, AuthorityError> {
        let newest = self.store.certificate_newest(CertificateRole::Authority).await?;
        let pem = newest.ok_or(AuthorityError::None)?.pem;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
            let source = Arc::new(error);
            StoreError::Corrupt { what: "the authority's certificate", source }
        })?;
        let fingerprint = hex(digest(&SHA256, &der).as_ref());
        Ok(Authority { pem, fingerprint })
    }
}
