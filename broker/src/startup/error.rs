//! Why a server does not start.

use std::sync::Arc;

use segura_model::{Class, Classify};
use segura_store::{AccessFault, StoreError};
use segura_vault::KeyringError;

use super::missing::Lack;
use super::open::DatabasePlace;
use crate::config::{FolderError, GuardReadError};
use crate::net::{HttpFetchError, ListenError, ProxyError};
use crate::tls::{GivenError, ManagedError};

/// Why a server does not start, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The application behind the routes could not be assembled.
    #[error("the application could not be assembled")]
    App(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server's own certificate cannot be had.
    #[error("the server has no certificate to show")]
    Certificate(#[from] ManagedError),
    /// The database does not let us in.
    #[error("{place}, {fault}")]
    Database {
        /// Where it is.
        place: Box<DatabasePlace>,
        /// Why not, as far as a person can mend it.
        fault: AccessFault,
        /// What was said.
        #[source]
        reason: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Others could change the database's files.
    #[error("the data directory is not safe")]
    Folder(#[from] FolderError),
    /// The given certificate cannot be used.
    #[error("the given certificate cannot be used")]
    GivenCertificate(#[from] GivenError),
    /// The guard cannot be read.
    #[error("the guard of the keyring cannot be read")]
    Guard(#[from] GuardReadError),
    /// The process is stopping.
    #[error("the start was interrupted")]
    Interrupted,
    /// The guard does not open the keyring.
    #[error("the keyring does not open")]
    Keyring(#[from] KeyringError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is nothing that `init` made.
    #[error("{place}, {lack}")]
    NotInitialised {
        /// Where it should be.
        place: Box<DatabasePlace>,
        /// What is not there.
        lack: Lack,
    },
    /// The way out is misconfigured.
    #[error(transparent)]
    Outbound(#[from] HttpFetchError),
    /// The environment's proxy is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Serving ended with an error of the system.
    #[error("serving failed")]
    Serve(#[source] std::io::Error),
    /// The system refuses signal handlers.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    /// The database.
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    /// The TLS library refuses the certificate.
    #[error("the TLS settings cannot be used")]
    Tls(#[from] rustls::Error),
    /// A dev world's database for a real server, or the other way round.
    #[error("{0}")]
    World(&'static str),
    /// The task that writes to the database panicked.
    #[error("the writer of the database ended: the log says where it panicked")]
    WriterLost,
}

impl Classify for StartError {
    fn class(&self) -> Class {
        match self {
            Self::App(_) | Self::Serve(_) | Self::Signals(_) | Self::Tls(_) => {
                Class::internal("start-failed")
            }
            Self::Certificate(_) | Self::GivenCertificate(_) => Class::bad_request("certificate"),
            Self::Database { fault: AccessFault::Silent, .. } => {
                Class::unavailable("database-unreachable")
            }
            Self::Database { fault: AccessFault::Files | AccessFault::NotADatabase, .. }
            | Self::NotInitialised { lack: Lack::Folder | Lack::FolderIsFile, .. } => {
                Class::bad_request("data-directory-unusable")
            }
            Self::Database { .. } => Class::bad_request("database-refuses"),
            Self::Folder(error) => error.class(),
            Self::Guard(error) => error.class(),
            Self::Interrupted => Class::unavailable("interrupted"),
            Self::Keyring(error) => error.class(),
            Self::Listen(error) => error.class(),
            Self::NotInitialised { .. } => Class::not_found("not-initialised"),
            Self::Outbound(_) | Self::Proxy(_) => Class::bad_request("proxy-invalid"),
            // Of the server that starts, not of a caller: a setting names that directory.
            Self::Store(StoreError::Io { .. }) => Class::bad_request("data-directory-unusable"),
            Self::Store(error) => error.class(),
            Self::World(_) => Class::conflict("other-world"),
            Self::WriterLost => Class::internal("writer-lost"),
        }
    }
}
