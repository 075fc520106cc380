//! Why a database could not be worked on locally.

use std::io;
use std::path::PathBuf;

use segura_model::{Class, Classify};

use crate::config::FolderError;
use crate::service::authority::AuthorityError;
use crate::service::operators::OperatorsError;
use crate::startup::StartError;

/// Why a database could not be made or changed on the machine itself.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Others could change what would be made.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no authority to show.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A key file that would have to be made, for a keyring that another opens.
    #[error("this database has a keyring already; name its guard: there is no {}", .0.display())]
    GuardMissing(PathBuf),
    /// The first operator could not be made.
    #[error(transparent)]
    Operators(#[from] OperatorsError),
    /// Two at once, and this is the second.
    #[error("another `segura init` of this database was first")]
    OtherInit,
    /// A server rolled the keyring at the same moment.
    #[error(
        "the keyring was changed at this moment; it is under the guard of before: run this again"
    )]
    Overtaken,
    /// The database or its keyring does not open.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file or folder could not be made.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Classify for LocalError {
    fn class(&self) -> Class {
        match self {
            Self::Folder(error) => error.class(),
            Self::Authority(error) => error.class(),
            Self::GuardMissing(_) => Class::bad_request("guard-missing"),
            Self::Operators(error) => error.class(),
            Self::OtherInit => Class::conflict("other-init"),
            Self::Overtaken => Class::conflict("keyring-overtaken"),
            Self::Start(error) => error.class(),
            Self::Write { .. } => Class::bad_request("cannot-write"),
        }
    }
}
