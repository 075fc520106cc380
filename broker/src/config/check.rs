//! What a look at the machine says about the settings.

use std::path::Path;

use futures::FutureExt;
use segura_model::Timestamp;
use segura_store::{DatabaseUrl, OpenMode, OpenOptions, Store, StoreError};
use url::{Host, Url};

use super::folder::check_folder;
use super::problem::Problem;
use super::{Config, GuardSource, ServerUrl, certificate};
use crate::net::{Collector, OutboundProxy};
use crate::telemetry::Chain;

/// Every problem that the files on this machine show.
pub(super) fn check(config: &Config, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(message) = check_directory(&config.server.data_dir) {
        problems.push(Problem::of("server.data_dir", message));
    }
    if let Err(message) = check_database(&config.database) {
        problems.push(Problem::of("database.url", message));
    }
    if let Err(error) = config.guard.read() {
        let place = match config.guard {
            GuardSource::KeyFile(_) => "guard.key_file",
            GuardSource::Passphrase(_) => "guard.passphrase",
            GuardSource::PassphraseFile(_) => "guard.passphrase_file",
        };
        problems.push(Problem::of(place, Chain(&error).to_string()));
    }
    problems.extend(certificate::look(config, now).unwrap_or_else(|unusable| unusable.0));
    if let Some(traces) = &config.telemetry.traces
        && let Err(error) = Collector::new(traces, &OutboundProxy::default())
    {
        problems.push(Problem::of("telemetry.otlp_ca_file", Chain(&error).to_string()));
    }
    problems
}

/// What is allowed and mostly not meant.
pub(super) fn warnings(config: &Config) -> Vec<Problem> {
    port_warning(config).into_iter().chain(collector_warning(config)).collect()
}

/// Callers come to a port where nobody listens, unless something in between forwards them.
fn port_warning(config: &Config) -> Option<Problem> {
    let server = &config.server;
    let listens_at = server.listen.port();
    let met = |url: &ServerUrl| url.port() == listens_at;
    // A proxy in front has its own port; port 0 is a free one.
    if listens_at == 0 || !server.trusted_proxies.is_empty() || server.urls.iter().any(met) {
        return None;
    }
    let url = server.urls.first()?;
    let message = format!(
        "{url} says port {}, and the server listens on {listens_at}: unless something in between \
         forwards one to the other, say that port in the URL, or listen there (`server.listen`)",
        url.port()
    );
    Some(Problem::of("server.url", message))
}

/// Traces hold no secret, but tell who asks what when.
fn collector_warning(config: &Config) -> Option<Problem> {
    let url = &config.telemetry.traces.as_ref()?.url;
    if url.scheme() == "https" || is_loopback(url) {
        return None;
    }
    let message = "traces go there over plain HTTP, for whoever is on the way to read: use https, \
                   or a collector on this machine";
    Some(Problem::of("telemetry.otlp_endpoint", message))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Read the address of the database as the server does, which it does before it connects:
/// the one poll here comes that far, and the runtime of the connection never runs.
fn check_database(url: &DatabaseUrl) -> Result<(), String> {
    let DatabaseUrl::Postgres(_) = url else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let _within = runtime.enter();
    match Store::open(url, OpenOptions::new(OpenMode::Reader)).now_or_never() {
        Some(Err(StoreError::Url(why))) => Err(why.to_owned()),
        Some(Err(error)) => Err(Chain(&error).to_string()),
        Some(Ok(_)) | None => Ok(()),
    }
}

fn check_directory(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            check_folder(path).map_err(|error| Chain(&error).to_string())
        }
        Ok(_) => Err(format!("{} is not a directory", path.display())),
        Err(error) => {
            Err(format!("cannot look at {}: {error}; `segura init` makes it", path.display()))
        }
    }
}
