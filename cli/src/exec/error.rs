//! Why `segura exec` could not start its child.

use std::io;
use std::path::PathBuf;

use rustix::process::Signal;
use segura_model::wanted::{WantedError, WantedSecret};
use segura_model::{Class, Classify};
use segura_plugins::PlatformError;
use segura_sdk::SdkError;

use super::program::ProgramError;

/// Why `segura exec` could not start its child.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    #[error("`{wanted}` has several fields ({fields}): name one, as in `{wanted}#{first}`")]
    AmbiguousField { wanted: WantedSecret, fields: String, first: String },
    #[error("the broker's answer lacks `{wanted}`, which was asked for")]
    AnswerIncomplete { wanted: WantedSecret },
    #[error("{place}: {fault}")]
    Bindings { place: String, fault: WantedError },
    #[error("the value for {name} {why}; `{name}:file` hands it over as a file")]
    NotForEnvironment { name: String, why: &'static str },
    #[error("{path} cannot be written to hand secrets to later steps")]
    Export {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{variable} is not set: `segura export` hands secrets to later steps of a GitHub job")]
    ExportPlace { variable: &'static str },
    #[error("the value for {name} cannot be hidden in output: {why}")]
    Mask { name: String, why: String },
    #[error("the memory-backed file for {name} cannot be made")]
    MemoryFile {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("the child's output cannot be piped")]
    Pipe(#[source] io::Error),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("the session's file {} cannot be used", path.display())]
    SessionFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} cannot keep a session: {why}", path.display())]
    SessionFileUnsafe { path: PathBuf, why: &'static str },
    #[error("signal {} came while the secrets were fetched: they were used for nothing", .0.as_raw())]
    Signalled(Signal),
    #[error("signals cannot be listened for")]
    Signals(#[source] io::Error),
    #[error(
        "this job's only identity token is spent, and no session of this job is open any more: \
         fetch all secrets with one `segura exec`, or ask for a longer `session:` in the policy"
    )]
    TokenSpent(#[source] Box<SdkError>),
}

impl Classify for ExecError {
    fn class(&self) -> Class {
        match self {
            Self::AmbiguousField { .. } => Class::bad_request("field-ambiguous"),
            Self::AnswerIncomplete { .. } => Class::internal("answer-incomplete"),
            Self::Bindings { fault, .. } => fault.class(),
            Self::Export { .. } => Class::internal("export-unwritable"),
            Self::ExportPlace { .. } => Class::bad_request("export-place"),
            Self::Mask { .. } => Class::bad_request("value-unmaskable"),
            Self::MemoryFile { .. } => Class::internal("memory-file"),
            Self::NotForEnvironment { .. } => Class::bad_request("value-not-for-environment"),
            Self::Pipe(_) => Class::internal("pipe"),
            Self::Platform(error) => error.class(),
            Self::Program(error) => error.class(),
            Self::SessionFile { .. } => Class::internal("session-file"),
            Self::SessionFileUnsafe { .. } => Class::forbidden("session-file-unsafe"),
            Self::Signalled(_) => Class::unavailable("signalled"),
            Self::Signals(_) => Class::internal("signals"),
            Self::TokenSpent(_) => Class::conflict("token-spent"),
        }
    }
}
