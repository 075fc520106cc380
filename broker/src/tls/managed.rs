//! A certificate of the broker's own private authority.
//!
//! The newest leaf in the store is shown while it is good for all the server's names;
//! otherwise the authority, whose key only the keyring opens, signs another. Nodes share
//! the leaf through the store.
//!
//! The trap: two nodes that are called by different names must not each sign a leaf for its
//! own, in turn and for ever. So a new leaf keeps the names of the one before, as far as the
//! authority may sign for them.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use segura_model::{Clock, Random, Timestamp};
use segura_store::{CertificateRole, Store, StoreError, Tx, Writer};
use segura_vault::authority::{AuthorityError, NamesError};
use segura_vault::{CertificateAuthority, CertificateNames, Keyring, Leaf, Renewal};

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
        let keyring = self.keyring.load_full();
        if let Some(stored) = self.store.certificate_newest(CertificateRole::Leaf).await? {
            let leaf = Leaf::open(&stored, &keyring)?;
            if is_good(&leaf, &self.names, self.clock.now()) {
                return shown(&leaf);
            }
        }
        let stored = self.store.certificate_newest(CertificateRole::Authority).await?;
        let stored = stored.ok_or(ManagedError::NoAuthority)?;
        let signing = Signing {
            authority: CertificateAuthority::open(&stored, &keyring)?,
            keyring,
            names: self.names.clone(),
            now: self.clock.now(),
            random: Arc::clone(&self.random),
        };
        let leaf: Result<_, ManagedError> =
            self.writer.run(move |tx| Box::pin(signing.run(tx))).await;
        shown(&leaf?)
    }
}

/// What it takes to sign a leaf, owned, for a unit of work.
struct Signing {
    authority: CertificateAuthority,
    keyring: Arc<Keyring>,
    names: CertificateNames,
    now: Timestamp,
    random: Arc<dyn Random>,
}

impl Signing {
    async fn run(self, tx: &mut Tx) -> Result<Leaf, ManagedError> {
        let Self { authority, keyring, names, now, random } = self;
        let newest = tx.certificate_newest(CertificateRole::Leaf).await?;
        let before = newest.as_ref().map(|stored| Leaf::open(stored, &keyring)).transpose()?;
        let wide = match before {
            // Another node was faster.
            Some(leaf) if is_good(&leaf, &names, now) => return Ok(leaf),
            Some(leaf) => authority.widen(&names, &leaf)?,
            None => names,
        };
        let leaf = authority.issue(&wide, now, &*random)?;
        // The newest also where the clock of who made the one before is ahead of this one.
        let made_at = newest.map_or(now, |stored| now.max(stored.made_at.plus(1)));
        tx.certificate_add(&leaf.seal(&keyring, made_at, &*random)).await?;
        tx.certificate_trim(CertificateRole::Leaf, KEPT).await?;
        tracing::info!(until = %leaf.validity().not_after, "a server certificate was made");
        Ok(leaf)
    }
}

fn is_good(leaf: &Leaf, names: &CertificateNames, now: Timestamp) -> bool {
    leaf.covers(names) && leaf.validity().renewal(now) == Renewal::Fresh
}

fn shown(leaf: &Leaf) -> Result<Shown, ManagedError> {
    // EXPOSE: parsed into the key that signs handshakes.
    let key = PrivatePkcs8KeyDer::from(leaf.key_der().expose().to_vec());
    let key = CertifiedKey::from_der(vec![leaf.der().clone()], key.into(), &default_provider())?;
    Ok(Shown { key: Arc::new(key), validity: leaf.validity() })
}

/// How many leaves the store keeps. Only the newest is read; some more tell what was shown.
const KEPT: u32 = 5;

#[cfg(test)]
mod tests;
