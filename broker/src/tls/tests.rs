//! Handshakes: which certificate is shown, and that a new one disturbs nobody.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::*;
use crate::jobs::{CertificateSource, renew};

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn cert_file(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    fn key_file(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }

    /// Write a fresh certificate; what is shown for it.
    fn write(&self) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let names = vec!["segura.example".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        write(&self.cert_file(), &certificate.pem(), 0o644);
        write(&self.key_file(), &key.serialize_pem(), 0o600);
        certificate.der().to_vec()
    }

    fn read(&self) -> Result<GivenCertificate, GivenError> {
        GivenCertificate::read(&self.cert_file(), &self.key_file())
    }

    fn source(&self) -> Arc<CertificateSource> {
        let (cert_file, key_file) = (self.cert_file(), self.key_file());
        Arc::new(CertificateSource::Files { cert_file, key_file })
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Echo over TLS.
fn serve(certificates: Arc<Certificates>) -> u16 {
    let config = Arc::new(server_config(certificates).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut tls = StreamOwned::new(connection, stream.unwrap());
            std::thread::spawn(move || {
                let mut byte = [0];
                while tls.read(&mut byte).is_ok_and(|length| length > 0) {
                    tls.write_all(&byte).ok();
                }
            });
        }
    });
    port
}

type Client = StreamOwned<ClientConnection, TcpStream>;

fn connect(port: u16, versions: &[&'static rustls::SupportedProtocolVersion]) -> Client {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let name = ServerName::try_from("segura.example").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port)).unwrap())
}

fn echo(client: &mut Client) {
    client.write_all(b"x").unwrap();
    let mut byte = [0];
    client.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

fn shown(client: &Client) -> Vec<u8> {
    client.conn.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_changed_certificate_is_shown_and_no_connection_drops() {
    let files = Files::new();
    let first = files.write();
    let certificates = Arc::new(Certificates::new(files.read().unwrap().into_shown()));
    let port = serve(certificates.clone());
    let mut before = connect(port, &[&rustls::version::TLS13]);
    echo(&mut before);
    assert_eq!(shown(&before), first);

    let second = files.write();
    renew(files.source(), certificates.clone()).await;
    let mut after = connect(port, &[&rustls::version::TLS13]);
    echo(&mut after);
    assert_eq!(shown(&after), second);
    echo(&mut before);

    // Half of the next pair is there: nothing changes until it fits.
    let key = std::fs::read_to_string(files.key_file()).unwrap();
    files.write();
    write(&files.key_file(), &key, 0o600);
    renew(files.source(), certificates.clone()).await;
    let mut still = connect(port, &[&rustls::version::TLS12]);
    echo(&mut still);
    assert_eq!(shown(&still), second);
}

#[tokio::test]
async fn a_certificate_replaced_under_load_drops_nothing() {
    let files = Files::new();
    let mut whole = BTreeSet::from([files.write()]);
    let certificates = Arc::new(Certificates::new(files.read().unwrap().into_shown()));
    let port = serve(certificates.clone());
    let is_over = Arc::new(AtomicBool::new(false));
    let load = [(); 4].map(|()| {
        let is_over = is_over.clone();
        std::thread::spawn(move || {
            let mut kept = connect(port, &[&rustls::version::TLS13]);
            let mut seen = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                echo(&mut kept);
                let mut fresh = connect(port, rustls::ALL_VERSIONS);
                echo(&mut fresh);
                seen.insert(shown(&fresh));
            }
            seen
        })
    });
    for _ in 0..20 {
        let next = files.write();
        whole.insert(next.clone());
        renew(files.source(), certificates.clone()).await;
        let mut fresh = connect(port, rustls::ALL_VERSIONS);
        echo(&mut fresh);
        assert_eq!(shown(&fresh), next);
    }
    is_over.store(true, Ordering::Relaxed);
    // A handshake or an echo that fails panics there.
    let seen: BTreeSet<_> = load.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert!(!seen.is_empty() && seen.is_subset(&whole), "{} of {}", seen.len(), whole.len());
}

#[test]
fn only_http_1_1_is_offered() {
    let files = Files::new();
    files.write();
    let certificates = Arc::new(Certificates::new(files.read().unwrap().into_shown()));
    let config = server_config(certificates).unwrap();
    assert!(!config.alpn_protocols.iter().any(|protocol| protocol == b"h2"));
    assert_eq!(config.max_early_data_size, 0);
}

#[test]
fn a_given_certificate_says_what_is_wrong_with_it() {
    let files = Files::new();
    let said = || files.read().err().unwrap().to_string();
    assert!(said().contains("tls.crt"));
    files.write();
    let given = files.read().unwrap();
    assert!(given.covers("segura.example") && given.covers("127.0.0.1"));
    assert!(!given.covers("other.example") && !given.covers("127.0.0.2"));

    write(&files.cert_file(), "no certificate", 0o644);
    assert!(said().contains("BEGIN CERTIFICATE"));
    files.write();
    write(&files.key_file(), "no key", 0o600);
    assert!(said().contains("BEGIN PRIVATE KEY"));
    write(&files.key_file(), &KeyPair::generate().unwrap().serialize_pem(), 0o600);
    assert!(matches!(files.read(), Err(GivenError::Mismatch { .. })));
    files.write();
    std::fs::set_permissions(files.key_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(files.read(), Err(GivenError::Key(_))), "others can read the key");
}

/// A client that takes any certificate, to see which one it is.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
