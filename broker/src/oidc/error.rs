//! Why a token is refused, classified once.
//!
//! The messages go to whoever sent the token, so they name what was presented and what
//! to do, and of our configuration only what the owner of a token of an enrolled issuer
//! needs. They hold no part of the token but sanitised names.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use segura_model::workload::WorkloadError;
use segura_model::{Algorithm, Class, Classify, IssuerId};

use super::claims::ClaimError;
use super::compact::FormError;
use super::header::HeaderError;
use super::keys::KeysError;

/// A refused token, and the enrolled issuer it claimed, for the tallies.
#[derive(Debug)]
pub struct VerifyError {
    issuer: Option<IssuerId>,
    refusal: Refusal,
}

impl VerifyError {
    /// A refusal before an issuer entry was found.
    pub(super) const fn stranger(refusal: Refusal) -> Self {
        Self { issuer: None, refusal }
    }

    /// A refusal of a token that claims this issuer entry.
    pub(super) const fn of(issuer: IssuerId, refusal: Refusal) -> Self {
        Self { issuer: Some(issuer), refusal }
    }

    /// The enrolled issuer that the token *claims*; nothing is proved by it.
    pub const fn issuer(&self) -> Option<&IssuerId> {
        self.issuer.as_ref()
    }

    /// What was wrong.
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.refusal.source()
    }
}

impl Classify for VerifyError {
    fn class(&self) -> Class {
        match &self.refusal {
            Refusal::Algorithm { .. } => Class::unauthenticated("token-algorithm"),
            Refusal::Audience { .. } => Class::unauthenticated("token-audience"),
            Refusal::Claim(error) => error.class(),
            Refusal::Form(FormError::TooLong(_)) => Class::too_large("token-too-large"),
            Refusal::Claims(_) | Refusal::Form(_) | Refusal::Header(_) => {
                Class::unauthenticated("token-malformed")
            }
            Refusal::Issuer { .. } => Class::unauthenticated("token-issuer"),
            Refusal::AccessToken => Class::unauthenticated("token-kind"),
            Refusal::KeyIdMissing | Refusal::UnknownKey(_) => Class::unauthenticated("token-key"),
            Refusal::Keys(_) => Class::unavailable("issuer-keys-unavailable"),
            Refusal::Signature => Class::unauthenticated("token-signature"),
            Refusal::Workload(error) => error.class(),
        }
    }
}

/// What was wrong with a token.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// An access token where the platform signs identity tokens.
    #[error("the token is an access token (`at+jwt`); jobs of this issuer have identity tokens")]
    AccessToken,
    /// The header's algorithm is not one this issuer signs with.
    #[error("the token is signed with `{presented}`; tokens of this issuer use {}", list(.allowed))]
    Algorithm {
        /// The header's `alg`.
        presented: String,
        /// The issuer entry's list.
        allowed: Vec<Algorithm>,
    },
    /// No entry of this issuer accepts the audience.
    #[error(
        "the token is for the audience `{presented}`, which this server is not: ask the platform \
         for a token whose one audience is this server's address"
    )]
    Audience {
        /// The token's `aud`.
        presented: String,
    },
    /// A standard claim breaks its rule.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The payload is not a strict JSON object.
    #[error("the token's claims cannot be read: {0}")]
    Claims(String),
    /// Not three parts of canonical base64url.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A header member that is missing, unknown or malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No entry trusts this issuer.
    #[error(
        "no issuer entry trusts `{presented}`: an operator enrols issuers with `segura issuer apply`"
    )]
    Issuer {
        /// The token's `iss`.
        presented: String,
    },
    /// The token does not name its key and must.
    #[error("the token's header names no key (`kid`), and this issuer has more than one")]
    KeyIdMissing,
    /// The issuer's keys cannot be had.
    #[error("the issuer's keys are not available")]
    Keys(#[source] Arc<KeysError>),
    /// The signature does not fit.
    #[error("the token's signature does not verify under the issuer's keys")]
    Signature,
    /// No key of the issuer has this id.
    #[error(
        "the issuer has no key `{0}` for this algorithm; its keys are asked for at most every 30 s"
    )]
    UnknownKey(String),
    /// A rule of the platform, beyond the standard claims.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}

fn list(algorithms: &[Algorithm]) -> String {
    let names: Vec<String> = algorithms.iter().map(ToString::to_string).collect();
    names.join(", ")
}
