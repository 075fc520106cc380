//! The certificate that is shown now.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use segura_vault::Validity;

/// A certificate with its key, ready to be shown.
#[derive(Clone)]
pub struct Shown {
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
    /// From when to when it is good.
    pub validity: Validity,
}

/// Holds the certificate that is shown; replaced at any time.
pub struct Certificates(ArcSwap<Shown>);

impl Certificates {
    /// Begin with this one.
    pub fn new(first: Shown) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// Show this one from now on.
    pub fn replace(&self, next: Shown) {
        self.0.store(Arc::new(next));
    }

    /// The one that is shown.
    pub fn shown(&self) -> Arc<Shown> {
        self.0.load_full()
    }

    /// From when to when the one that is shown is good.
    pub fn validity(&self) -> Validity {
        self.0.load().validity
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({:?})", self.validity())
    }
}
