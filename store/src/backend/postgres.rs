//! PostgreSQL: the protocol in Rust, TLS by rustls; no libpq, no OpenSSL.
//!
//! The trap is a setting that makes a commit answer before it is durable: what a
//! connection can set is set when it is made, and a server with `fsync=off` is refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use segura_model::SecretText;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Purpose;
use crate::StoreError;

/// `remote_apply` is stronger than `on`, so it stays. A transaction whose client is gone
/// must end by itself: the writer waits for its row when it looks whether a lost commit
/// was done.
const SETTINGS: &str = "
    SELECT set_config('synchronous_commit',
        CASE current_setting('synchronous_commit')
            WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false);
    SET default_transaction_isolation = 'read committed';
    SET idle_in_transaction_session_timeout = '10s';
    SET statement_timeout = '30s';
";

/// A PostgreSQL server.
#[derive(Clone)]
pub(crate) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// Read a connection URL.
    pub(crate) fn parse(url: &SecretText) -> Result<Self, StoreError> {
        // EXPOSE: the URL with its password goes to the driver, and nowhere else.
        let (rest, parameters) = take_tls(url.expose())?;
        let mut config: Config =
            rest.parse().map_err(|_| StoreError::Url("it is not a PostgreSQL connection URL"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(StoreError::Url("it names no host: write postgres://user@host/name"));
        }
        let encrypt = match parameters.mode {
            Some(mode) => mode == SslMode::Require,
            None => !config.get_hosts().iter().all(is_here),
        };
        let tls = encrypt.then(|| tls(parameters.roots.as_deref())).transpose()?;
        config.ssl_mode(if encrypt { SslMode::Require } else { SslMode::Disable });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("segura");
        }
        config.keepalives_idle(Duration::from_secs(20));
        config.tcp_user_timeout(Duration::from_secs(20));
        Ok(Self { config, tls })
    }

    /// Connect, and make sure that what is answered is durable. The socket and the task
    /// that drives it belong to the runtime this is polled on.
    pub(crate) async fn connect(&self, purpose: Purpose) -> Result<AsyncPgConnection, StoreError> {
        let made = if let Some(tls) = &self.tls {
            let connected = self.config.connect(tls.clone()).await;
            let (client, socket) = connected.map_err(StoreError::unreachable)?;
            AsyncPgConnection::try_from_client_and_connection(client, socket).await
        } else {
            let (client, socket) =
                self.config.connect(NoTls).await.map_err(StoreError::unreachable)?;
            AsyncPgConnection::try_from_client_and_connection(client, socket).await
        };
        let mut conn = made.map_err(StoreError::unreachable)?;
        // A server that is stopping lets one in and ends the connection right away.
        prepare(&mut conn, purpose).await.map_err(StoreError::of_dead)?;
        Ok(conn)
    }
}

/// Set what a connection must have, and refuse a server that would lose commits.
async fn prepare(conn: &mut AsyncPgConnection, purpose: Purpose) -> Result<(), StoreError> {
    conn.batch_execute(SETTINGS).await?;
    if purpose == Purpose::Read {
        conn.batch_execute("SET default_transaction_read_only = on").await?;
    }
    let fsync = diesel::select(sql::<Text>("current_setting('fsync')"));
    demand_fsync(&fsync.get_result::<String>(conn).await?)
}

fn demand_fsync(setting: &str) -> Result<(), StoreError> {
    if setting == "on" { Ok(()) } else { Err(StoreError::FsyncOff) }
}

/// What a URL says about TLS.
struct TlsParameters {
    mode: Option<SslMode>,
    roots: Option<String>,
}

/// Split off the parameters that are read here rather than by the driver, which knows
/// neither `verify-full` nor a file of roots.
fn take_tls(url: &str) -> Result<(String, TlsParameters), StoreError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters = TlsParameters { mode: None, roots: None };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match ::url::form_urlencoded::parse(pair.as_bytes()).next() {
            Some((key, value)) if key == "sslmode" => parameters.mode = Some(ssl_mode(&value)?),
            Some((key, value)) if key == "sslrootcert" => {
                parameters.roots = Some(value.into_owned());
            }
            _ => kept.push(pair),
        }
    }
    Ok((format!("{address}?{}", kept.join("&")), parameters))
}

fn ssl_mode(text: &str) -> Result<SslMode, StoreError> {
    match text {
        "disable" => Ok(SslMode::Disable),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        // `allow` and `prefer` let whoever sits between switch encryption off.
        _ => Err(StoreError::Url("`sslmode` is none of disable, require, verify-ca, verify-full")),
    }
}

/// Whether packets to this host stay on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

fn tls(roots: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(path) => {
            let bad = || StoreError::Url("the file `sslrootcert` names holds no certificate");
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| bad())? {
                let certificate = certificate.map_err(|_| bad())?;
                store.add(certificate).map_err(|_| bad())?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        return Err(StoreError::Url("no root certificate is known: set `sslrootcert`"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(StoreError::unreachable)?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, StoreError> {
        Target::parse(&SecretText::new(url))
    }

    #[test]
    fn a_connection_off_this_machine_is_encrypted_unless_told_otherwise() {
        assert!(target("postgres://u@127.0.0.1/db").unwrap().tls.is_none());
        assert!(target("postgres://u@localhost/db?sslmode=disable").unwrap().tls.is_none());
        assert!(target("postgres://u@db.example/db?sslmode=disable").unwrap().tls.is_none());
        assert!(!matches!(target("postgres://u@db.example/db"), Ok(Target { tls: None, .. })));
    }

    #[test]
    fn a_url_without_a_host_is_refused() {
        for url in ["postgres:///segura", "postgres://u@/segura?sslmode=disable"] {
            let refused = target(url).err().map(|error| error.to_string());
            assert!(refused.is_some_and(|told| told.contains("no host")), "{url}");
        }
        assert!(target("postgres:///segura?host=/run/postgresql").is_ok());
    }

    #[test]
    fn a_mode_that_can_be_talked_down_is_refused() {
        for mode in ["prefer", "allow", "perhaps"] {
            let url = format!("postgres://u@db.example/db?sslmode={mode}");
            assert!(matches!(target(&url), Err(StoreError::Url(_))), "{mode}");
        }
    }

    #[test]
    fn a_file_of_roots_must_hold_one() {
        let url = "postgres://u@db.example/db?sslmode=verify-full&sslrootcert=/dev/null";
        assert!(matches!(target(url), Err(StoreError::Url(_))));
    }

    #[test]
    fn a_server_that_loses_commits_is_refused() {
        assert!(demand_fsync("on").is_ok());
        assert!(matches!(demand_fsync("off"), Err(StoreError::FsyncOff)));
    }
}
