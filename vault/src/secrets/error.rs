//! Why a secret cannot be written, found or opened. Names paths and versions, no bytes.

use segura_model::{Class, Classify, SecretPath, Timestamp};
use segura_store::StoreError;

use crate::envelope::{OpenFault, Unopenable};

/// What [`Secrets`](super::Secrets) could not do.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Two paths that differ only in case cannot both exist.
    #[error(
        "`{path}` differs only in case from `{twin}`, which exists: use that path, or another name"
    )]
    CaseTwin {
        /// What was to be written.
        path: SecretPath,
        /// What is there.
        twin: SecretPath,
    },
    /// Check-and-set: somebody else wrote first.
    #[error(
        "`{path}` is at version {current} and version {expected} was expected (0 means none): \
         read it again before writing"
    )]
    Conflict {
        /// Which secret.
        path: SecretPath,
        /// What the caller expected.
        expected: u32,
        /// What is there; 0 for nothing.
        current: u32,
    },
    /// Its `expires_at` is past.
    #[error("`{path}` expired at {at}: write a new version or move its expiry")]
    Expired {
        /// Which secret.
        path: SecretPath,
        /// When.
        at: Timestamp,
    },
    /// Metadata breaks a limit.
    #[error("{0}")]
    Meta(&'static str),
    /// There is no such secret.
    #[error("there is no secret at `{0}`")]
    NotFound(SecretPath),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Unopenable(#[from] Unopenable),
    /// The wrapping key in use does not open, so nothing can be sealed.
    #[error("nothing can be sealed: {0}")]
    WrappingKey(OpenFault),
}

impl Classify for SecretsError {
    fn class(&self) -> Class {
        match self {
            Self::CaseTwin { .. } => Class::conflict("secret-case-twin"),
            Self::Conflict { .. } => Class::conflict("secret-version-conflict"),
            Self::Expired { .. } => Class::not_found("secret-expired"),
            Self::Meta(_) => Class::bad_request("secret-metadata"),
            Self::NotFound(_) => Class::not_found("secret-not-found"),
            Self::Store(error) => error.class(),
            Self::Unopenable(_) => Class::internal("secret-unopenable"),
            Self::WrappingKey(_) => Class::internal("wrapping-key-unopenable"),
        }
    }
}
