//! An identity token at the door: verified, or refused and written down.
//!
//! What is wrong with the form of a token is told, as anyone can see it without us; that
//! the issuer's keys cannot be had is told, so that the job tries again. All else is
//! refused in the same words, whatever it was (design, decision 5).

use segura_model::{Class, Classify, Kind, SecretText};
use segura_store::{ChangeNumber, StoreError};
use tracing::Instrument;

use super::refusals::{Refusal, Refusing, Stranger, Turned};
use super::snapshot::Snapshot;
use super::{Core, Origin};
use crate::oidc::{self, Verified, VerifyError};
use crate::telemetry::{Chain, TRACES};

/// Why a token was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// It has not the form of a token.
    #[error("{error}")]
    Form {
        /// What is wrong with it.
        error: Box<VerifyError>,
        /// Under which the ledger has it.
        refusal: Box<Refusal>,
    },
    /// It was decided from an older number: decide anew.
    #[error("the decision was overtaken by a change")]
    Overtaken(ChangeNumber),
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The refusal could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be verified now.
    #[error("the identity token cannot be verified now")]
    Unavailable {
        /// Why.
        #[source]
        error: Box<VerifyError>,
        /// Under which the ledger has it.
        refusal: Box<Refusal>,
    },
}

impl Classify for AdmissionError {
    fn class(&self) -> Class {
        match self {
            Self::Form { error, .. } | Self::Unavailable { error, .. } => error.class(),
            Self::Overtaken(_) => Class::unavailable("changes-too-fast"),
            Self::Refused(refusal) => refusal.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl Refusing for AdmissionError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Form { refusal, .. }
            | Self::Refused(refusal)
            | Self::Unavailable { refusal, .. } => Some(refusal),
            Self::Overtaken(_) | Self::Store(_) => None,
        }
    }
}

/// Verify a token against the issuers of this snapshot.
pub(crate) async fn admit(
    core: &Core,
    snapshot: &Snapshot,
    token: &SecretText,
    origin: Origin,
) -> Result<Verified, AdmissionError> {
    // EXPOSE: the token is what is verified.
    let verifying = core.verifier.verify(&snapshot.issuers, token.expose());
    let span = tracing::info_span!(target: TRACES, "verify");
    let error = match verifying.instrument(span).await {
        Ok(verified) => return Ok(verified),
        Err(error) => Box::new(error),
    };
    // Operators read which document of the issuer did not come, and why.
    let why = Chain(&*error).to_string();
    let (class, issuer) = (error.class(), error.issuer().cloned());
    let is_outage = class.kind == Kind::Unavailable;
    let stranger = Stranger { origin, issuer, class, why };
    let refusal = match core.refusals.stranger_at(snapshot.change, stranger).await? {
        Turned::Away(refusal) => Box::new(refusal),
        Turned::Overtaken(now) => return Err(AdmissionError::Overtaken(now)),
    };
    Err(match error.refusal() {
        _ if is_outage => AdmissionError::Unavailable { error, refusal },
        oidc::Refusal::Form(_) => AdmissionError::Form { error, refusal },
        _ => AdmissionError::Refused(refusal),
    })
}
