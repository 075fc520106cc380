//! A certificate of the broker's own private authority.
//!
//! The newest leaf in the store is shown while it is good for all the server's names;
//! otherwise the authority, whose key only the keyring opens, signs another. Nodes share
//! the leaf through the store.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use segura_model::{Clock, Random};
use segura_store::{CertificateRole, Store, StoreError, Writer};
use segura_vault::authority::{AuthorityError, NamesError};
use segura_vault::{CertificateAuthority, CertificateNames, Leaf, Renewal};

use super::resolver::Shown;
use crate::config::ServerUrl;
use crate::service::keyring::LiveKeyring;

/// Gives the leaf to show, and renews it.
pub struct ManagedCertificate {
    /// Where leaves are.
    pub store: Store,
    /// The way to write a new one.
    pub writer: Writer,
    /// Opens the keys of authority and leaf.
    pub keyring: LiveKeyring,
    /// What the leaf must be good for.
    pub names: CertificateNames,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// No leaf can be had.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// The authority or a leaf does not open, or signing failed.
    #[error("the broker's certificate could not be made")]
    Authority(#[from] AuthorityError),
    /// The server's addresses cannot stand in a certificate.
    #[error("the server's addresses cannot stand in a certificate")]
    Names(#[from] NamesError),
    /// There is no authority: `init` made none, or made it with a given certificate.
    #[error(
        "the broker has no private certificate authority: run `segura init`, or set \
             `tls.cert_file` and `tls.key_file`"
    )]
    NoAuthority,
    /// The key cannot be used for TLS.
    #[error("the broker's key cannot be used for TLS")]
    Tls(#[from] rustls::Error),
    /// The store failed.
    #[error("certificates could not be read or written")]
    Store(#[from] StoreError),
}

impl ManagedCertificate {
    /// The names that a leaf for these addresses has.
    pub fn names(urls: &[ServerUrl]) -> Result<CertificateNames, ManagedError> {
        Ok(CertificateNames::parse(urls.iter().map(ServerUrl::host))?)
    }

    /// The leaf to show now: the newest one, or one made because that is old or narrow.
    pub async fn current(&self) -> Result<Shown, ManagedError> {
        let now = self.clock.now();
        if let Some(stored) = self.store.certificate_newest(CertificateRole::Leaf).await? {
            let leaf = Leaf::open(&stored, &self.keyring.load())?;
            if leaf.covers(&self.names) && leaf.validity().renewal(now) == Renewal::Fresh {
                return shown(&leaf);
            }
        }
        self.renew().await
    }

    async fn renew(&self) -> Result<Shown, ManagedError> {
        let stored = self.store.certificate_newest(CertificateRole::Authority).await?;
        let stored = stored.ok_or(ManagedError::NoAuthority)?;
        let now = self.clock.now();
        let keyring = self.keyring.load_full();
        let authority = CertificateAuthority::open(&stored, &keyring)?;
        let leaf = authority.issue(&self.names, now, &*self.random)?;
        let row = leaf.seal(&keyring, now, &*self.random);
        self.writer
            .run(move |tx| Box::pin(async move { tx.certificate_add(&row).await }))
            .await
            .map_err(|error: StoreError| ManagedError::Store(error))?;
        tracing::info!(until = %leaf.validity().not_after, "a server certificate was made");
        shown(&leaf)
    }
}

fn shown(leaf: &Leaf) -> Result<Shown, ManagedError> {
    // EXPOSE: parsed into the key that signs handshakes.
    let key = PrivatePkcs8KeyDer::from(leaf.key_der().expose().to_vec());
    let key = CertifiedKey::from_der(vec![leaf.der().clone()], key.into(), &default_provider())?;
    Ok(Shown { key: Arc::new(key), validity: leaf.validity() })
}
