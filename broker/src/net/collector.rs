//! The way to a collector of traces: one POST at a time, from a thread of its own.
//!
//! Each sending has a runtime of its own, as each of an issuer's documents has a client of
//! its own: they come once a second at most in quiet times, and so nothing of theirs can
//! hold up a request, nor a server that stops. The answer's body is a stranger's and of no
//! use: it is not read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use url::Url;

use super::proxy::{OutboundProxy, ProxyError};
use crate::config::Traces;

/// Where spans are posted.
#[derive(Debug)]
pub struct Collector {
    http: Client,
    url: Url,
}

/// A collector cannot be spoken to, whether it is there or not.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The file does not hold certificates.
    #[error("{} does not hold certificates in PEM form", .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; nothing, if there are none.
        #[source]
        error: Option<reqwest::Error>,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
    /// The environment's proxy is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The file with the authorities cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// The collector did not take what it was sent.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It did not answer.
    #[error("the collector at {url} does not answer")]
    NoAnswer {
        /// Where it should be.
        url: Url,
        /// Why.
        #[source]
        error: reqwest::Error,
    },
    /// The system refuses a runtime to send from.
    #[error("nothing can be sent from here")]
    Runtime(#[source] io::Error),
    /// It answered with this status.
    #[error("the collector at {url} answered with status {status}")]
    Status {
        /// Where it is.
        url: Url,
        /// How it answered.
        status: u16,
    },
}

impl Collector {
    /// The way to this collector: through this proxy, if any, without redirects.
    pub fn new(traces: &Traces, proxy: &OutboundProxy) -> Result<Self, CollectorError> {
        let mut builder = Client::builder()
            .user_agent(concat!("segura/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .timeout(TIME)
            // A connection would be tied to the runtime it was made on.
            .pool_max_idle_per_host(0)
            .no_proxy();
        if let Some(proxy) = proxy.to_reqwest()? {
            builder = builder.proxy(proxy);
        }
        if let Some(path) = &traces.ca_file {
            builder = builder.tls_certs_only(authorities(path)?);
        }
        let http = builder.build().map_err(CollectorError::Client)?;
        Ok(Self { http, url: traces.url.clone() })
    }

    /// Post a message of OTLP and wait for the answer, on this thread, which no runtime may
    /// have.
    pub fn post(&self, message: Vec<u8>) -> Result<(), NotTaken> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(NotTaken::Runtime)?;
        let post = self.http.post(self.url.clone()).header(CONTENT_TYPE, PROTOBUF).body(message);
        let answer = runtime.block_on(async { post.send().await });
        // A name that is still being looked up is not waited for.
        runtime.shutdown_background();
        let url = || self.url.clone();
        let answer = answer
            .map_err(|error| NotTaken::NoAnswer { url: url(), error: error.without_url() })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(NotTaken::Status { url: url(), status: status.as_u16() })
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, CollectorError> {
    let unreadable = |error| CollectorError::Unreadable { path: path.to_owned(), error };
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MOST_PEM).read_to_end(&mut pem).map_err(unreadable)?;
    let refused = |error| CollectorError::Authority { path: path.to_owned(), error };
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| refused(Some(error)))?;
    if roots.is_empty() { Err(refused(None)) } else { Ok(roots) }
}

const PROTOBUF: &str = "application/x-protobuf";
/// For one sending, from connecting to the answer's head.
const TIME: Duration = Duration::from_secs(5);
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// Bytes of a file with authorities.
const MOST_PEM: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use segura_plugins::MapEnv;

    use super::*;
    use crate::net::fetch::tests::{file, serve, tls_server};

    fn collector(url: &str, ca_file: Option<PathBuf>, vars: &[(&str, &str)]) -> Collector {
        let proxy = OutboundProxy::from_env(&MapEnv::new(vars.iter().copied())).unwrap();
        let traces = Traces { url: url.parse().unwrap(), ca_file, ratio: 1.0 };
        Collector::new(&traces, &proxy).unwrap()
    }

    #[test]
    fn what_it_answers_decides_and_a_redirect_is_not_followed() {
        let post = |answer: &str| {
            let (address, heard) = serve(answer);
            let url = format!("http://{address}/v1/traces");
            (collector(&url, None, &[]).post(b"spans".to_vec()), heard)
        };
        let (taken, heard) = post("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        taken.unwrap();
        let asked = heard.recv().unwrap();
        assert!(asked.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{asked}");
        let (elsewhere, led_to) = serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let moved = format!("Location: http://{elsewhere}/\r\nContent-Length: 0");
        for (status, more) in [(307, moved.as_str()), (503, "Content-Length: 0")] {
            let (refused, _heard) = post(&format!("HTTP/1.1 {status} X\r\n{more}\r\n\r\n"));
            let refused = refused.unwrap_err();
            assert!(matches!(refused, NotTaken::Status { status: it, .. } if it == status));
        }
        assert!(led_to.try_recv().is_err(), "nobody went there");
        assert!(matches!(post("nonsense").0, Err(NotTaken::NoAnswer { .. })));
    }

    #[test]
    fn only_the_given_authority_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let (server, ca) = tls_server("localhost");
        let (_, other_ca) = tls_server("other.example");
        let url = format!("https://localhost:{}/v1/traces", server.port());
        let post = |ca_file| collector(&url, ca_file, &[]).post(Vec::new());
        post(Some(file(&folder, "ca.pem", &ca))).unwrap();
        for ca_file in [None, Some(file(&folder, "other.pem", &other_ca))] {
            assert!(matches!(post(ca_file), Err(NotTaken::NoAnswer { .. })));
        }
        for (path, said) in [
            (file(&folder, "empty.pem", "no certificate"), "does not hold certificates"),
            ("/nowhere/ca.pem".into(), "cannot be read"),
        ] {
            let traces = Traces { url: url.parse().unwrap(), ca_file: Some(path), ratio: 1.0 };
            let error = Collector::new(&traces, &OutboundProxy::default()).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn https_goes_through_the_proxy_and_plain_http_does_not() {
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        let ((proxy, heard), (direct, came)) = (serve(refusal), serve(refusal));
        let proxy = format!("http://{proxy}");
        let vars = [("HTTPS_PROXY", proxy.as_str()), ("HTTP_PROXY", proxy.as_str())];
        collector("https://otel.example/v1/traces", None, &vars).post(Vec::new()).unwrap_err();
        assert!(heard.recv().unwrap().starts_with("CONNECT otel.example:443 HTTP/1.1\r\n"));
        collector(&format!("http://{direct}/v1/traces"), None, &vars).post(Vec::new()).unwrap_err();
        assert!(came.recv().is_ok() && heard.try_recv().is_err());
    }
}
