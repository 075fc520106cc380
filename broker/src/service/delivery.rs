//! Deliveries: an identity token in, secrets and a session out, in one round trip.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use segura_model::api::DeliveryRequest;
use segura_model::audit::Event;
use segura_model::wanted::MOST_WANTED;
use segura_model::{Class, Classify, SecretText, SessionId, Timestamp, Workload};
use segura_store::Receipt;

use super::granting::{Ask, Grant, GrantError, grant};
use super::refusals::{Refusal, Refusing};
use super::{Core, Origin};

pub use super::granting::Repeated;
pub use super::opening::OpenedSecret;

/// A delivery, durably written down.
#[derive(Debug)]
pub struct Delivered {
    /// The session.
    pub session: SessionId,
    /// Its token.
    pub token: SecretText,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The secrets, in the order asked for.
    pub secrets: Vec<OpenedSecret>,
    /// Proof that it is in the ledger.
    pub receipt: Receipt,
    /// Whether it was given before.
    pub repeated: Repeated,
    /// Who the caller is.
    pub workload: Arc<Workload>,
}

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The way in was refused or failed.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// More secrets than one delivery holds.
    #[error("{0} secrets are wanted: a delivery holds at most {MOST_WANTED}, so make several")]
    TooMany(usize),
}

impl Classify for DeliveryError {
    fn class(&self) -> Class {
        match self {
            Self::Grant(error) => error.class(),
            Self::TooMany(_) => Class::bad_request("too-many-secrets"),
        }
    }
}

impl Refusing for DeliveryError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Grant(error) => error.refusal(),
            Self::TooMany(_) => None,
        }
    }
}

/// Delivers.
#[derive(Clone)]
pub struct DeliveryService {
    core: Arc<Core>,
}

impl DeliveryService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Deliver everything that is wanted, or nothing.
    pub async fn deliver(
        &self,
        request: DeliveryRequest,
        origin: Origin,
    ) -> Result<Delivered, DeliveryError> {
        let DeliveryRequest { token, request_key, secrets: wanted } = request;
        if wanted.len() > MOST_WANTED {
            return Err(DeliveryError::TooMany(wanted.len()));
        }
        let texts: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let ask = Ask {
            event: Event::Delivery,
            token: &token,
            wanted: &wanted,
            request_key: digest("segura/request-key/1", &[request_key.as_str()]),
            request_digest: digest("segura/delivery/1", &texts),
            origin,
        };
        let Grant { session, token, secrets, receipt, repeated } = grant(&self.core, &ask).await?;
        Ok(Delivered {
            session: session.id,
            token,
            expires_at: session.expires_at,
            secrets,
            receipt,
            repeated,
            workload: session.workload,
        })
    }
}

/// A digest of these parts; lengths go first, so that no two lists share their bytes.
fn digest(purpose: &str, parts: &[impl AsRef<str>]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for part in std::iter::once(purpose).chain(parts.iter().map(AsRef::as_ref)) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests;
