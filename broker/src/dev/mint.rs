//! Minting through a Unix socket that only the user who runs the world can open.
//!
//! A loopback port would let every local user, and every page in a browser, mint
//! tokens. One line of JSON in, one line of JSON out, then the connection closes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use actix_web::web::Data;
use segura_model::random::make_bytes;
use segura_model::{Class, Classify, Clock, Random};
use segura_plugins::platform::PLATFORMS;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::issuers::Issuers;
use super::job::Job;

/// The longest request, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// No world listens there.
    #[error(
        "no dev world answers at {path}: start one with `segura dev`, and use the environment that it prints"
    )]
    NoWorld {
        /// Where its socket should be.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The world refused.
    #[error("{0}")]
    Refused(String),
    /// The world did not answer in our words.
    #[error("the dev world's answer cannot be read; is it of another version?")]
    Unreadable,
}

impl Classify for MintError {
    fn class(&self) -> Class {
        match self {
            Self::NoWorld { .. } => Class::unavailable("no-dev-world"),
            Self::Refused(_) => Class::bad_request("dev-token"),
            Self::Unreadable => Class::internal("dev-answer"),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Error(String),
    Token(String),
}

/// Ask the world behind `socket` for a token of this job.
///
/// # Errors
/// [`MintError`], in words for a person.
pub async fn ask(socket: &Path, job: &Job) -> Result<String, MintError> {
    let no_world = |source| MintError::NoWorld { path: socket.display().to_string(), source };
    let stream = UnixStream::connect(socket).await.map_err(no_world)?;
    let mut stream = BufReader::new(stream);
    let mut line = serde_json::to_string(job).map_err(|_| MintError::Unreadable)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await.map_err(no_world)?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await.map_err(no_world)?;
    match serde_json::from_str(&answer) {
        Ok(Answer::Token(token)) => Ok(token),
        Ok(Answer::Error(reason)) => Err(MintError::Refused(reason)),
        Err(_) => Err(MintError::Unreadable),
    }
}

/// What minting needs.
pub(super) struct Mint {
    pub(super) issuers: Data<Issuers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

/// Open the socket, mode 0600.
pub(super) fn listen(path: &Path) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Mint until the task is dropped.
pub(super) async fn serve(listener: UnixListener, mint: Arc<Mint>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mint = Arc::clone(&mint);
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &mint).await {
                tracing::debug!(%error, "a caller of the mint went away");
            }
        });
    }
}

async fn answer(stream: UnixStream, mint: &Mint) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Job>(&line) {
        Ok(job) => {
            let jti = u128::from_be_bytes(make_bytes(&*mint.random));
            let token = mint.issuers.token(&job, mint.clock.now(), &format!("{jti:032x}"));
            token.map_or_else(|| Answer::Error(unknown(&job.like)), Answer::Token)
        }
        Err(error) => Answer::Error(format!("the request cannot be read: {error}")),
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

fn unknown(like: &str) -> String {
    let known: Vec<&str> = PLATFORMS.iter().map(|platform| platform.id()).collect();
    format!("no dev issuer is like `{like}`: use {}", known.join(", "))
}
