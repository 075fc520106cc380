//! Who is trusted: issuer entries and policies, applied like files, and why not.
//!
//! A write replaces and never merges; a file is applied whole or not at all; what it
//! changes is in the ledger as a difference, in the same transaction. What an apply would
//! do and what it does are one computation, so a dry run cannot lie.
//!
//! Adding a thing that is applied: a file here with a plan, and its routes in
//! `http/trust/`.

pub mod denials;
pub mod explain;
pub mod issuers;
pub mod policies;

mod catalogue;
mod diff;
pub(crate) mod seen;
mod turn;

use std::sync::Arc;

use segura_model::api::MOST_APPLIED;
use segura_model::issuer::Audience;
use segura_model::policy::PolicyError;
use segura_model::{Class, Classify, DenialId, IssuerId, PolicyName};
use segura_store::StoreError;

use self::turn::{Turn, Turns};
use super::access::Operator;
use super::refusals::{OWNER_QUOTA, STRANGER_QUOTA};
use super::{Core, Origin};
use crate::net::IssuerFiles;
use crate::oidc::{IssuerSetError, VerifyError};

/// Why something about trust was not changed or told.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Neither a token nor claims with an issuer.
    #[error("send either `token`, or `claims` with `issuer`")]
    Ask,
    /// Claims that are no workload of the issuer.
    #[error("with these claims no token of `{issuer}` would be accepted: {why}")]
    Claims {
        /// The issuer entry.
        issuer: IssuerId,
        /// Why.
        why: String,
    },
    /// A refusal that the ledger does not have by itself.
    #[error(
        "the ledger has no refusal `{0}` by itself: of a stranger the first {verified} of an hour \
         are kept ({unverified} without a token that verifies) and the others counted (`segura \
         audit ls --event summary`); `segura policy explain --job-token FILE` tells the same of the \
         job's token",
        verified = OWNER_QUOTA.0,
        unverified = STRANGER_QUOTA.0
    )]
    DenialNotFound(DenialId),
    /// One file names another twice.
    #[error("`{0}` is there twice: a file is applied whole, so name each once")]
    Duplicate(String),
    /// An issuer file breaks a rule.
    #[error("issuer `{issuer}`: {why}")]
    IssuerDraft {
        /// Which.
        issuer: IssuerId,
        /// Which rule.
        why: String,
    },
    /// Active policies would grant nothing under the entry as it would be.
    #[error(
        "with issuer `{issuer}` so changed, policies that are active would become pending and \
         grant nothing: {}; give each an `anchor`, or remove it, first",
        .policies.iter().map(PolicyName::as_str).collect::<Vec<_>>().join(", ")
    )]
    IssuerDisarms {
        /// Which entry.
        issuer: IssuerId,
        /// They, at most ten.
        policies: Vec<PolicyName>,
    },
    /// Policies speak of the entry that would be removed.
    #[error(
        "policies speak of issuer `{issuer}`: {}; remove them first",
        .policies.iter().map(PolicyName::as_str).collect::<Vec<_>>().join(", ")
    )]
    IssuerInUse {
        /// Which entry.
        issuer: IssuerId,
        /// They, at most ten.
        policies: Vec<PolicyName>,
    },
    /// There is no such entry.
    #[error("there is no issuer entry `{0}`: `segura issuer ls` lists them")]
    IssuerNotFound(IssuerId),
    /// Entries cannot stand together.
    #[error(transparent)]
    IssuerSet(#[from] IssuerSetError),
    /// Nothing to pin.
    #[error("policy `{0}` is active already: there is nothing to pin")]
    NotPending(PolicyName),
    /// Several sets of ids were seen, or none.
    #[error("policy `{policy}` cannot be pinned without ids: {why}")]
    PinUnclear {
        /// Which.
        policy: PolicyName,
        /// Why, and what to do.
        why: String,
    },
    /// A policy breaks a rule; of several, the first.
    #[error("{}", list(.0))]
    Policies(Vec<PolicyError>),
    /// A policy of an issuer that is not there.
    #[error(
        "policy `{policy}`: there is no issuer entry `{issuer}`: `segura issuer ls` lists them"
    )]
    PolicyIssuer {
        /// Which.
        policy: PolicyName,
        /// Whose tokens it speaks of.
        issuer: IssuerId,
    },
    /// There is no such policy.
    #[error("there is no policy `{0}`: `segura policy ls` lists them")]
    PolicyNotFound(PolicyName),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token that is to be explained is not accepted. The operator is told why.
    #[error("the token would be refused: {0}")]
    Token(Box<VerifyError>),
    /// More than the bound.
    #[error("{0} are applied at once: at most {MOST_APPLIED}")]
    TooMany(usize),
}

impl Classify for TrustError {
    fn class(&self) -> Class {
        match self {
            Self::Ask => Class::bad_request("explain-what"),
            Self::Claims { .. } => Class::bad_request("claims-unsuitable"),
            Self::DenialNotFound(_) => Class::not_found("denial-not-found"),
            Self::Duplicate(_) => Class::bad_request("applied-twice"),
            Self::IssuerDisarms { .. } => Class::conflict("issuer-disarms"),
            Self::IssuerDraft { .. } => Class::bad_request("issuer-invalid"),
            Self::IssuerInUse { .. } => Class::conflict("issuer-in-use"),
            Self::IssuerNotFound(_) | Self::PolicyIssuer { .. } => {
                Class::not_found("issuer-not-found")
            }
            Self::IssuerSet(error) => error.class(),
            Self::NotPending(_) => Class::conflict("policy-active"),
            Self::PinUnclear { .. } => Class::conflict("pin-unclear"),
            Self::Policies(_) => Class::bad_request("policy-invalid"),
            Self::PolicyNotFound(_) => Class::not_found("policy-not-found"),
            Self::Store(error) => error.class(),
            Self::Token(error) => match error.class() {
                class if class.kind.is_fault() => class,
                class => Class::bad_request(class.code),
            },
            Self::TooMany(_) => Class::too_large("applied-too-many"),
        }
    }
}

/// Who is trusted, and why not.
#[derive(Clone)]
pub struct TrustService {
    core: Arc<Core>,
    /// What tokens for this server are meant for: its URLs, as configured.
    audiences: Arc<[Audience]>,
    /// The files that an entry may name.
    files: IssuerFiles,
    turns: Turns,
}

impl TrustService {
    /// The service over this core, for a server of these URLs whose issuer entries may name
    /// these files.
    pub fn new(core: Arc<Core>, urls: &[String], files: IssuerFiles) -> Self {
        // A URL too long for an audience is none.
        let audiences = urls.iter().filter_map(|url| url.parse().ok()).collect();
        Self { core, audiences, files, turns: Turns::new() }
    }

    /// The turn of what takes a while, for this operator.
    async fn turn(&self, by: &Operator, origin: Origin) -> Result<Turn, StoreError> {
        self.turns.take(&self.core, by, origin).await
    }
}

fn list(errors: &[PolicyError]) -> String {
    let texts: Vec<String> = errors.iter().take(10).map(ToString::to_string).collect();
    texts.join("\n")
}

fn check_count(count: usize) -> Result<(), TrustError> {
    if count > MOST_APPLIED { Err(TrustError::TooMany(count)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
