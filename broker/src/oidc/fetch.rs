//! How an issuer's documents come in: as a value, so that tests need no network.
//!
//! What a [`Fetch`] must keep: no redirects, at most [`MAX_DOCUMENT`] bytes, five
//! seconds, no content encoding, and the bearer token to no other host. The real one is
//! `net::HttpFetch`.

use std::path::PathBuf;

use futures::future::BoxFuture;
use url::Url;

/// The longest document read, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// One document to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Where; the scheme was checked against the issuer entry.
    pub url: Url,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A token to send (Kubernetes' API server may ask for one). Read anew each time.
    pub bearer_token_file: Option<PathBuf>,
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes.
    pub body: Vec<u8>,
    /// `max-age` of its `Cache-Control`, in seconds.
    pub max_age: Option<i64>,
}

/// Why a document could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's word on it.
        reason: String,
    },
    /// The answer was compressed although nothing was offered.
    #[error("{0} answered with a content encoding")]
    Encoded(String),
    /// No answer: connection, TLS, timeout.
    #[error("no answer from {url}: {reason}")]
    NoAnswer {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Any status but 200; redirects are not followed.
    #[error("{url} answered {status}; only 200 is taken and redirects are not followed")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Longer than [`MAX_DOCUMENT`].
    #[error("the document at {0} is longer than {MAX_DOCUMENT} bytes")]
    TooLong(String),
}

/// A way to get documents.
pub trait Fetch: Send + Sync {
    /// Get a document over HTTP.
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>>;

    /// Read a document from a file.
    fn read(&self, path: PathBuf) -> BoxFuture<'_, Result<Fetched, FetchError>>;
}
