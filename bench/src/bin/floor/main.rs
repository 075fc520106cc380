//! The floor: what a broker costs when it does only what it cannot leave out.
//!
//! The same HTTP stack with the server's own settings, its allocator without the wiping, one
//! signature check, one look into a table, one AES-GCM opening a secret, one durable row in a
//! group commit. No decision worth the name, no chain, no log, no metrics, no limits. Its
//! routes and answers look like the broker's, so that one load generator drives both.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

mod crypt;
mod http;
mod token;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};
use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use segura_broker::net::listen;

use http::State;
use token::Verifier;
use writer::{Synchronous, Writer};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Serve the floor until killed.
#[derive(Parser)]
struct Options {
    /// The issuer's RSA key, SubjectPublicKeyInfo in DER.
    #[arg(long)]
    public_key: PathBuf,
    /// The SQLite file to make.
    #[arg(long)]
    database: PathBuf,
    /// Whether a commit waits for the disk.
    #[arg(long, value_enum, default_value_t = Synchronous::Full)]
    synchronous: Synchronous,
    /// Speak TLS, and write the certificate here, PEM.
    #[arg(long)]
    certificate: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let verifier = Verifier::read(&options.public_key)?;
    let writer = Writer::start(&options.database, options.synchronous)?;
    let state = Data::new(State::new(verifier, writer));
    let listener = listen("127.0.0.1:0".parse()?, "the floor", 1024)?;
    let address = listener.local_addr()?;
    // As `broker/src/startup/serve.rs` has it by default.
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(PayloadConfig::new(64 * 1024))
            .configure(http::configure)
    })
    .workers(std::thread::available_parallelism()?.get())
    .max_connection_rate(256)
    .tls_handshake_timeout(Duration::from_secs(5))
    .client_request_timeout(Duration::from_secs(5))
    .client_disconnect_timeout(Duration::from_secs(2))
    .keep_alive(Duration::from_secs(75));
    let server = match &options.certificate {
        Some(path) => server.listen_rustls_0_23(listener, server_config(path)?)?,
        None => server.listen(listener)?,
    };
    println!("{}", address.port());
    server.run().await.context("serving")
}

/// A P-256 certificate for loopback, as the broker's own authority makes them.
fn server_config(path: &PathBuf) -> anyhow::Result<rustls::ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    std::fs::write(path, made.cert.pem())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.send_tls13_tickets = 1;
    Ok(config)
}
