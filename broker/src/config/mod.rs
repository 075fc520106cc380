//! The server's settings: one TOML file, the environment over it, flags over that.
//!
//! `keys` lists every setting once; what is unknown, how the environment spells it and
//! the commented file all follow from that list. Values are parsed here and nowhere
//! else, every problem is collected and all are told at once. A secret is never in the
//! file: it has a `*_file` key, or comes from the environment.
//!
//! Adding a setting: a row in `keys`, a field here, a line in `read`.

mod certificate;
mod check;
mod folder;
mod gather;
mod guard;
mod keys;
mod problem;
mod read;
mod server_url;
mod size;
mod source;
mod template;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use segura_model::Timestamp;
use segura_plugins::Env;
use segura_store::DatabaseUrl;
use url::Url;

use crate::net::{IssuerFiles, Network};

pub use folder::{FolderError, check_folder};
pub use guard::{GuardReadError, GuardSource, read_private};
pub use problem::{ConfigErrors, Problem};
pub use server_url::{ServerUrl, ServerUrlError};
pub use size::Size;
pub use source::SettingSource;
pub use template::template;

/// Everything the server is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Addresses and places.
    pub server: Server,
    /// Where the data is.
    pub database: DatabaseUrl,
    /// Which setting says so.
    pub database_setting: SettingSource,
    /// What opens the keyring.
    pub guard: GuardSource,
    /// How connections are protected.
    pub tls: Tls,
    /// The bounds.
    pub limits: Limits,
    /// What is logged and traced.
    pub telemetry: Telemetry,
}

/// Addresses and places.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Under which addresses callers know the server: the names in its certificate, and
    /// the audiences that tokens for it have. Never empty.
    pub urls: Vec<ServerUrl>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where `/metrics` is; `None` turns it off.
    pub metrics_listen: Option<SocketAddr>,
    /// The directory of the database file and whatever else is the server's own.
    pub data_dir: PathBuf,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The folders in which issuer entries may name files.
    pub issuer_files: IssuerFiles,
}

/// How connections are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// With the certificate in these files, picked up when they change.
    Files {
        /// The chain, PEM, the server's own certificate first.
        cert_file: PathBuf,
        /// Its private key, PEM.
        key_file: PathBuf,
    },
    /// With a leaf of the broker's private authority, renewed by itself.
    Managed,
    /// Not at all: on loopback, or where the operator said so in words.
    Off,
}

/// The bounds; `docs/reference/limits.md` lists them with those that cannot be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections at once, over all workers.
    pub connections: usize,
    /// Connections at once of one address that is no trusted proxy.
    pub connections_per_address: usize,
    /// TLS handshakes at once, per worker.
    pub handshakes: usize,
    /// Connections that wait to be accepted.
    pub backlog: i32,
    /// For a TLS handshake, and for a request's head.
    pub header_time: Duration,
    /// For a request's body.
    pub body_time: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a server that stops still serves, so that a balancer moves on.
    pub drain_time: Duration,
    /// How long running requests have when the server stops.
    pub shutdown_time: Duration,
    /// Event loops; `None` is one per processor.
    pub workers: Option<usize>,
    /// Requests of jobs served at once.
    pub requests: usize,
    /// Requests that wait for the writer.
    pub queue: usize,
    /// Below this much free disk, exchanges stop.
    pub min_free_disk: Size,
    /// How long keys are trusted that their issuer no longer vouches for.
    pub keys_max_stale: Duration,
}

/// What is logged and traced.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: tracing::Level,
    /// How lines look.
    pub format: LogFormat,
    /// Where traces go; `None` when they are off.
    pub traces: Option<Traces>,
}

/// Where traces go, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    /// Where spans are posted: `/v1/traces` under the endpoint.
    pub url: Url,
    /// The authorities that vouch for the collector; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// The part of the requests that begin a trace, 0 to 1.
    pub ratio: f64,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

impl Config {
    /// Read the file, if there is one, the environment and the flags (`server.listen`,
    /// value), the later over the earlier.
    pub fn load(
        file: Option<&Path>,
        env: &dyn Env,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigErrors> {
        let mut problems = Vec::new();
        // Of a file that cannot be read nothing is known: that it lacks settings is no news.
        let settings = gather::gather(file, env, flags, &mut problems);
        let config = settings.and_then(|settings| read::read(&settings, &mut problems));
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigErrors(problems)),
        }
    }

    /// What would keep a server with these settings from starting or serving: files that
    /// are missing, unreadable or readable by others, a certificate that does not fit.
    pub fn check(&self, now: Timestamp) -> Vec<Problem> {
        check::check(self, now)
    }

    /// Read the certificate that the settings name, if they name one: what callers will not
    /// like about it. The error is why no server starts with it.
    pub fn look_at_certificate(&self, now: Timestamp) -> Result<Vec<Problem>, ConfigErrors> {
        certificate::look(self, now)
    }

    /// What a server may be told and is mostly not meant.
    pub fn warnings(&self) -> Vec<Problem> {
        check::warnings(self)
    }
}
