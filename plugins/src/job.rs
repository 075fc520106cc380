//! What a platform's adapter may touch: the environment, files and one HTTP call.
//!
//! All three come in as values, so that every adapter's test is exact and needs
//! neither a network nor a clock.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::future::BoxFuture;
use segura_model::{SecretBytes, SecretText};

use crate::env::Env;

/// A job that wants an identity token.
pub struct Job<'a> {
    /// Whom the token is for: the broker's audience.
    pub audience: &'a str,
    /// The job's environment.
    pub env: &'a dyn Env,
    /// The job's files.
    pub files: &'a dyn Files,
    /// The way to the platform's token service.
    pub http: &'a dyn Http,
}

/// Reads files.
pub trait Files: Send + Sync {
    /// The content of a file, or an error if it has more than `limit` bytes.
    fn read(&self, path: &Path, limit: usize) -> io::Result<SecretBytes>;
}

/// Sends a request to a platform's token service, and waits between two of them.
pub trait Http: Send + Sync {
    /// Send one request. Redirects are not followed, the body read is bounded, and an
    /// error status is an answer like any other.
    fn send<'a>(
        &'a self,
        request: &'a TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenAnswer, HttpError>>;

    /// Wait before the next attempt.
    fn pause(&self, time: Duration) -> BoxFuture<'_, ()>;
}

/// A request for an identity token.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    /// `GET`, or `POST` without a body.
    pub method: TokenMethod,
    /// Where to.
    pub url: String,
    /// What the job proves itself with to its own platform.
    pub bearer: &'a SecretText,
}

/// How a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMethod {
    /// `GET`.
    Get,
    /// `POST` with `Content-Type: application/json` and no body.
    Post,
}

/// What a token service answered.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: SecretBytes,
}

/// The token service was not reached, or its answer was lost.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {host}")]
pub struct HttpError {
    /// The host that was called.
    pub host: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
