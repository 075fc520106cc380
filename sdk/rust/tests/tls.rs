//! Whom a client trusts: the given certificates alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use segura_sdk::model::{Classify, Kind};
use segura_sdk::{Client, ClientOptions, SdkError};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 29\r\n\r\n\
    {\"pem\":\"x\",\"fingerprint\":\"y\"}";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate of `authority` for `name`; its port.
fn serve(authority: &Authority, name: &str) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust us hangs up here.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(ANSWER);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

async fn ask(port: u16, ca_pem: Option<String>) -> Result<(), SdkError> {
    ask_at(format!("https://localhost:{port}"), ca_pem).await
}

/// Ask for the authority; what fails must fail at once.
async fn ask_at(url: String, ca_pem: Option<String>) -> Result<(), SdkError> {
    let mut options = ClientOptions::new(url);
    options.ca_pem = ca_pem.map(String::into_bytes);
    options.on_wait = Some(|error| panic!("this does not get better by waiting: {error}"));
    Client::new(&options)?.ca().await.map(drop)
}

#[tokio::test]
async fn a_given_authority_is_trusted() {
    let authority = authority();
    ask(serve(&authority, "localhost"), Some(authority.pem())).await.unwrap();
}

#[tokio::test]
async fn another_authority_is_not_and_no_time_is_lost_on_it() {
    let port = serve(&authority(), "localhost");
    let error = ask(port, Some(authority().pem())).await.unwrap_err();
    assert!(matches!(error, SdkError::Untrusted { .. }), "{error:?}");
    assert_eq!(error.class().kind, Kind::Unavailable);
}

#[tokio::test]
async fn without_one_a_private_authority_is_not_trusted() {
    let error = ask(serve(&authority(), "localhost"), None).await.unwrap_err();
    assert!(matches!(error, SdkError::Untrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_with_both_names() {
    let authority = authority();
    let port = serve(&authority, "segura.example");
    let error = ask(port, Some(authority.pem())).await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("localhost") && words.contains("segura.example"), "{words}");
    assert!(matches!(error, SdkError::WrongName { .. }), "{error:?}");
}

#[tokio::test]
async fn plain_http_to_a_tls_server_is_told_apart_at_once() {
    let port = serve(&authority(), "localhost");
    let error = ask_at(format!("http://localhost:{port}"), None).await.unwrap_err();
    assert!(matches!(error, SdkError::WrongScheme { expected: "plain HTTP", .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("localhost:{port}")), "{error}");
}

#[tokio::test]
async fn tls_to_a_plain_server_is_told_apart_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = ask(port, Some(authority().pem())).await.unwrap_err();
    assert!(matches!(error, SdkError::WrongScheme { expected: "TLS", .. }), "{error:?}");
}

#[test]
fn a_file_without_a_certificate_is_refused() {
    for pem in ["", "hello", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"] {
        let mut options = ClientOptions::new("https://localhost");
        options.ca_pem = Some(pem.as_bytes().to_vec());
        assert!(matches!(Client::new(&options), Err(SdkError::CaPem)), "{pem}");
    }
}
