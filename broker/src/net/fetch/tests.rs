//! Against real sockets: what an issuer, or whoever poses as one, could answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use segura_plugins::MapEnv;
use url::Url;

use super::*;

/// A server that answers every connection with these bytes and tells what it was asked.
pub(in crate::net) fn serve(answer: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, heard) = channel();
    let answer = answer.into();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 8192];
            let length = stream.read(&mut request).unwrap();
            asked.send(String::from_utf8_lossy(&request[..length]).into_owned()).ok();
            stream.write_all(&answer).ok();
        }
    });
    (address, heard)
}

/// One that waits longer than a busy machine takes.
fn fetcher(vars: &[(&str, &str)]) -> HttpFetch {
    let proxy = OutboundProxy::from_env(&MapEnv::new(vars.iter().copied())).unwrap();
    // The tests' files are where temporary files are.
    let files = IssuerFiles::new(vec![std::env::temp_dir()]);
    HttpFetch { time: PATIENCE, ..HttpFetch::new(&proxy, files).unwrap() }
}

/// Only a failure waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

fn request(url: &str) -> FetchRequest {
    FetchRequest { url: Url::parse(url).unwrap(), ca_file: None, bearer_token_file: None }
}

async fn fetch(answer: impl Into<Vec<u8>>) -> Result<Fetched, FetchError> {
    let (address, _heard) = serve(answer);
    fetcher(&[]).fetch(request(&format!("http://{address}/keys"))).await
}

pub(in crate::net) fn file(
    directory: &tempfile::TempDir,
    name: &str,
    text: &str,
) -> std::path::PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[tokio::test]
async fn a_document_comes_with_its_age() {
    let answer =
        "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=600\r\nContent-Length: 2\r\n\r\n{}";
    let fetched = fetch(answer).await.unwrap();
    assert_eq!(fetched, Fetched { body: b"{}".to_vec(), max_age: Some(600) });
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, heard) = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        );
        let error = fetch(answer).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Status { status: seen, .. } if seen == status),
            "{error}"
        );
    }
    assert!(heard.try_recv().is_err(), "nobody went there");
}

#[tokio::test]
async fn a_long_document_is_cut_off() {
    let body = "x".repeat(MAX_DOCUMENT + 1);
    let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert!(matches!(fetch(said).await, Err(FetchError::TooLong(_))));
    let unsaid = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
    assert!(matches!(fetch(unsaid).await, Err(FetchError::TooLong(_))));
}

#[tokio::test]
async fn a_compressed_document_is_refused() {
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        assert!(matches!(fetch(answer).await, Err(FetchError::Encoded(_))), "{coding}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_not_waited_for() {
    let (address, _heard) = serve("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
    // The server closes; that is no complete answer either.
    let fetcher = fetcher(&[]);
    let broken = fetcher.fetch(request(&format!("http://{address}/"))).await;
    assert!(matches!(broken, Err(FetchError::NoAnswer { .. })), "{broken:?}");

    // Two that do not close: one says nothing, one begins a body.
    let hasty = HttpFetch { time: Duration::from_millis(100), ..fetcher };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (begun, _open) = begin("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
    for address in [silent.local_addr().unwrap(), begun] {
        let late = hasty.fetch(request(&format!("http://{address}/")));
        let late = tokio::time::timeout(PATIENCE, late).await.expect("it gives up");
        let late = late.unwrap_err().to_string();
        assert!(late.contains("nothing complete within 100ms"), "{late}");
    }
}

/// A server that begins an answer and leaves the connection open for as long as the second
/// value lives.
fn begin(answer: &'static str) -> (SocketAddr, std::sync::mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (open, closed) = channel();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        assert_ne!(stream.read(&mut [0; 8192]).unwrap(), 0);
        stream.write_all(answer.as_bytes()).ok();
        closed.recv().ok()
    });
    (address, open)
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    for answer in ["", "nonsense\r\n\r\n", "HTTP/1.1 999999 X\r\n\r\n"] {
        assert!(matches!(fetch(answer).await, Err(FetchError::NoAnswer { .. })), "{answer:?}");
    }
    assert!(matches!(
        fetch("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").await,
        Err(FetchError::Status { status: 500, .. })
    ));
}

#[tokio::test]
async fn the_token_for_the_issuer_is_read_and_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "token", "of-the-cluster\n");
    let (address, heard) = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let mut request = request(&format!("http://{address}/openid/v1/jwks"));
    request.bearer_token_file = Some(path);
    fetcher(&[]).fetch(request.clone()).await.unwrap();
    let asked = heard.recv().unwrap().to_ascii_lowercase();
    assert!(asked.contains("authorization: bearer of-the-cluster\r\n"), "{asked}");
    assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");

    request.bearer_token_file = Some("/nowhere/token".into());
    let error = fetcher(&[]).fetch(request).await.unwrap_err();
    assert!(matches!(error, FetchError::File { .. }), "{error}");
}

#[tokio::test]
async fn https_goes_through_the_proxy_and_the_excepted_do_not() {
    let (address, heard) = serve("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let proxy = format!("http://{address}");
    let vars = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", ".internal,127.0.0.1")];
    let through = fetcher(&vars).fetch(request("https://ci.example/keys")).await;
    assert!(through.is_err());
    assert!(heard.recv().unwrap().starts_with("CONNECT ci.example:443 HTTP/1.1\r\n"));
    let around = fetcher(&vars).fetch(request("https://ci.invalid.internal/keys")).await;
    assert!(around.is_err());
    assert!(heard.try_recv().is_err(), "an excepted host is reached directly");
}

#[tokio::test]
async fn a_file_is_read_and_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "jwks", "{}");
    assert_eq!(fetcher(&[]).read(path).await.unwrap().body, b"{}");
    let long = file(&directory, "long", &"x".repeat(MAX_DOCUMENT + 1));
    assert!(matches!(fetcher(&[]).read(long).await, Err(FetchError::TooLong(_))));
    for path in ["/nowhere/jwks", "/dev/zero", "/dev"] {
        let refused = fetcher(&[]).read(path.into()).await;
        assert!(matches!(refused, Err(FetchError::File { .. })), "{path}");
    }
}

#[tokio::test]
async fn no_file_outside_of_the_folders_is_read_or_sent() {
    let (listed, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outside = file(&other, "password", "hunter2\n");
    let link = listed.path().join("token");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let files = IssuerFiles::new(vec![listed.path().to_owned()]);
    let fetcher = HttpFetch { files, ..fetcher(&[]) };
    let (address, heard) = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    for path in [outside, link] {
        let mut request = request(&format!("http://{address}/keys"));
        request.bearer_token_file = Some(path.clone());
        let sent = fetcher.fetch(request.clone()).await.unwrap_err();
        (request.ca_file, request.bearer_token_file) = (Some(path.clone()), None);
        let trusted = fetcher.fetch(request).await.unwrap_err();
        let read = fetcher.read(path).await.unwrap_err();
        for error in [sent, trusted, read] {
            assert!(error.to_string().contains("server.issuer_files"), "{error}");
        }
    }
    assert!(heard.try_recv().is_err(), "nothing left the server");
}

#[tokio::test]
async fn a_given_authority_is_trusted_and_only_for_the_right_name() {
    let directory = tempfile::tempdir().unwrap();
    let (right, ca) = tls_server("localhost");
    let (wrong, other_ca) = tls_server("other.example");
    let ca_file = |name: &str, pem: &str| Some(file(&directory, name, pem));
    let mut request = request(&format!("https://localhost:{}/", right.port()));

    let untrusted = fetcher(&[]).fetch(request.clone()).await;
    assert!(matches!(untrusted, Err(FetchError::NoAnswer { .. })), "{untrusted:?}");
    request.ca_file = ca_file("ca.pem", &ca);
    assert_eq!(fetcher(&[]).fetch(request.clone()).await.unwrap().body, b"{}");
    request.ca_file = ca_file("other.pem", &other_ca);
    let error = fetcher(&[]).fetch(request.clone()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    request.url = Url::parse(&format!("https://localhost:{}/", wrong.port())).unwrap();
    assert!(fetcher(&[]).fetch(request.clone()).await.is_err(), "its name is another");
    request.ca_file = Some("/nowhere/ca.pem".into());
    assert!(matches!(fetcher(&[]).fetch(request).await, Err(FetchError::File { .. })));
}

#[test]
fn the_age_of_a_document_is_read() {
    let age = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, value.parse().unwrap());
        max_age(&headers)
    };
    assert_eq!(age("max-age=0"), Some(0));
    assert_eq!(age("public, Max-Age=\"86400\", must-revalidate"), Some(86_400));
    assert_eq!(age("max-age=99999999999999999999"), None);
    assert_eq!(age("max-age=18446744073709551615"), Some(i64::MAX));
    assert_eq!(age("max-age=600, no-store"), Some(0));
    assert_eq!(age("no-cache"), Some(0));
    assert_eq!(age("max-age=-1"), None);
    assert_eq!(age("public"), None);
    assert_eq!(max_age(&HeaderMap::new()), None);
}

/// An HTTPS server for this name, and the PEM of the authority that vouches for it.
pub(in crate::net) fn tls_server(name: &str) -> (SocketAddr, String) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 4096];
            if tls.read(&mut request).is_ok() {
                tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").ok();
                tls.conn.send_close_notify();
                tls.flush().ok();
            }
        }
    });
    (address, ca.pem())
}
