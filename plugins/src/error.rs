//! Why a job has no identity token, in words for whoever has to mend it.
//!
//! The usual cause is a line missing from a pipeline's YAML, so the message shows it.

use std::path::PathBuf;

use segura_model::{Class, Classify};

use crate::job::HttpError;
use crate::token::TokenShapeError;

/// Why a job has no identity token.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The token service answered something without a token in it.
    #[error("the token service of {platform} answered without a token")]
    Answer {
        /// The platform's name.
        platform: &'static str,
    },
    /// The token's file cannot be read.
    #[error("the identity token's file {path} cannot be read")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The platform gives tokens, but not to this job as it is written.
    #[error("{platform} gave this job no identity token: {what}\n\n{advice}")]
    NotOffered {
        /// The platform's name.
        platform: &'static str,
        /// What is missing.
        what: String,
        /// What to write where, YAML included.
        advice: &'static str,
    },
    /// No platform is recognised and no token is named.
    #[error(
        "no CI platform was recognised here ({looked_for}); name the identity token with \
         --token-file FILE or --token-env NAME"
    )]
    NoPlatform {
        /// The signs that were looked for.
        looked_for: String,
    },
    /// What was found is no identity token.
    #[error("the identity token in {place} cannot be used: {why}")]
    NotAToken {
        /// Where it was found.
        place: String,
        /// What is wrong with its shape.
        why: TokenShapeError,
    },
    /// The token service refused the job.
    #[error("the token service of {platform} refused this job (status {status}); {advice}")]
    Refused {
        /// The platform's name.
        platform: &'static str,
        /// The HTTP status.
        status: u16,
        /// What to look at.
        advice: &'static str,
    },
    /// The token service does not work now.
    #[error("the token service of {platform} did not give a token, asked {attempts} times{}", last(*.status))]
    Unavailable {
        /// The platform's name.
        platform: &'static str,
        /// How often it was asked.
        attempts: u32,
        /// The last status, if there was an answer.
        status: Option<u16>,
        /// Why there was none.
        #[source]
        source: Option<HttpError>,
    },
    /// `--platform` names none.
    #[error("`{presented}` is not a platform: use one of {known}")]
    Unknown {
        /// What was given.
        presented: String,
        /// The names there are.
        known: String,
    },
    /// The variable that should hold the token does not.
    #[error("the variable {name} holds no identity token: it is not set")]
    Variable {
        /// Which variable.
        name: String,
    },
}

impl Classify for PlatformError {
    fn class(&self) -> Class {
        match self {
            Self::Answer { .. } => Class::unavailable("token-service-answer"),
            Self::File { .. } => Class::bad_request("token-file"),
            Self::NoPlatform { .. } => Class::bad_request("no-platform"),
            Self::NotAToken { .. } => Class::bad_request("not-a-token"),
            Self::NotOffered { .. } => Class::bad_request("token-not-offered"),
            Self::Refused { .. } => Class::unauthenticated("token-service-refused"),
            Self::Unavailable { .. } => Class::unavailable("token-service-unavailable"),
            Self::Unknown { .. } => Class::bad_request("platform-unknown"),
            Self::Variable { .. } => Class::bad_request("token-variable"),
        }
    }
}

fn last(status: Option<u16>) -> String {
    status.map(|status| format!(" (last status {status})")).unwrap_or_default()
}
