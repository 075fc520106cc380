//! Why a call did not succeed.
//!
//! No variant holds a body, a header or a value: what could be a secret is left out
//! even where it would help, and the position in the answer is given instead.

use std::error::Error;

use rustls::{CertificateError, InvalidMessage};
use segura_model::api::Problem;
use segura_model::{Class, Classify, Kind};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdkError {
    /// An answer that is not what the route answers.
    #[error("the broker's answer cannot be read (line {line}, column {column})")]
    Answer {
        /// Where in the answer.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// The trusted certificates cannot be read.
    #[error("the trusted certificates hold no PEM block `BEGIN CERTIFICATE`")]
    CaPem,
    /// No connection.
    #[error("cannot connect to {host}{}", via(.proxy.as_deref()))]
    Connect {
        /// The broker's host, and its port if the URL names one.
        host: String,
        /// The proxy that was used, without its password.
        proxy: Option<String>,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke before the answer was whole.
    #[error("the connection to {host} broke before the answer was whole")]
    Lost {
        /// The broker's host, and its port if the URL names one.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The proxy cannot be understood. Its text may hold a password and is not shown.
    #[error("the proxy in `https_proxy` is not a URL like http://proxy.example:3128")]
    Proxy,
    /// The broker refused, and said why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// A request that cannot be written as JSON.
    #[error("the request cannot be written as JSON")]
    Request,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
    /// An error status, in words that are not a broker's.
    #[error("status {status} came from something that is not a Segura broker")]
    Stranger {
        /// The HTTP status.
        status: u16,
    },
    /// No answer in time.
    #[error("no answer from {host} in time{}", via(.proxy.as_deref()))]
    Timeout {
        /// The broker's host, and its port if the URL names one.
        host: String,
        /// The proxy that was used, without its password.
        proxy: Option<String>,
    },
    /// The token holds characters that no token has.
    #[error("the token holds spaces, line breaks or characters outside ASCII")]
    TokenShape,
    /// More than the bound for this answer.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The server's certificate does not convince.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Untrusted {
        /// The broker's host, and its port if the URL names one.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The server's certificate is for other names than the one in the URL.
    #[error("the certificate of {host} is for other names: {reason}")]
    WrongName {
        /// The broker's host, and its port if the URL names one.
        host: String,
        /// Which name was asked for, and which there are.
        reason: String,
    },
    /// `https` where plain HTTP is spoken, or the other way round.
    #[error("{host} does not speak {expected}")]
    WrongScheme {
        /// The broker's host, and its port if the URL names one.
        host: String,
        /// What the URL says is spoken there.
        expected: &'static str,
    },
    /// The broker's URL cannot be used.
    #[error("the broker's URL `{presented}` {why}")]
    Url {
        /// What was given.
        presented: String,
        /// Which rule it breaks.
        why: &'static str,
    },
}

impl SdkError {
    /// The broker's own words, if it answered.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// The stable code of the failure: the broker's if it answered.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(problem) => &problem.code,
            other => other.class().code,
        }
    }

    /// Whether it is the same in a second, whatever is asked: a server that is not the
    /// broker answers, or none may be believed.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Stranger { status } => !(502..=504).contains(status),
            Self::Untrusted { .. } | Self::WrongName { .. } => true,
            _ => false,
        }
    }

    /// Sort an error of the HTTP client that came without an answer.
    pub(crate) fn lost(host: String, proxy: Option<String>, source: reqwest::Error) -> Self {
        match tls_error(&source) {
            Some(rustls::Error::InvalidCertificate(error)) if is_about_names(error) => {
                return Self::WrongName { host, reason: error.to_string() };
            }
            Some(rustls::Error::InvalidCertificate(error)) => {
                return Self::Untrusted { host, reason: in_words(error) };
            }
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                return Self::WrongScheme { host, expected: "TLS" };
            }
            _ => {}
        }
        if is_no_http(&source) {
            Self::WrongScheme { host, expected: "plain HTTP" }
        } else if source.is_timeout() {
            Self::Timeout { host, proxy }
        } else if source.is_connect() {
            Self::Connect { host, proxy, source }
        } else {
            Self::Lost { host, source }
        }
    }
}

impl Classify for SdkError {
    fn class(&self) -> Class {
        match self {
            Self::Answer { .. } => Class::internal("answer-unreadable"),
            Self::CaPem => Class::bad_request("ca-unreadable"),
            Self::Connect { .. } => Class::unavailable("broker-unreachable"),
            Self::Lost { .. } => Class::unavailable("connection-lost"),
            Self::Proxy => Class::bad_request("proxy-invalid"),
            Self::Refused(problem) => Class { kind: kind_of(problem.status), code: "refused" },
            Self::Request => Class::bad_request("request-unwritable"),
            Self::Setup(_) => Class::internal("client-setup"),
            Self::Stranger { .. } => Class::unavailable("not-a-broker"),
            Self::Timeout { .. } => Class::unavailable("broker-timeout"),
            Self::TokenShape => Class::bad_request("token-shape"),
            Self::TooLarge { .. } => Class::internal("answer-too-large"),
            Self::Untrusted { .. } => Class::unavailable("certificate-untrusted"),
            Self::WrongName { .. } => Class::unavailable("certificate-name"),
            Self::WrongScheme { .. } => Class::bad_request("url-scheme"),
            Self::Url { .. } => Class::bad_request("url-invalid"),
        }
    }
}

/// The kind of failure that an HTTP status tells.
fn kind_of(status: u16) -> Kind {
    match status {
        401 => Kind::Unauthenticated,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        413 => Kind::TooLarge,
        429 | 502..=504 => Kind::Unavailable,
        400..=499 => Kind::BadRequest,
        _ => Kind::Internal,
    }
}

fn via(proxy: Option<&str>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

/// What TLS said, wherever in the chain of errors it stands. The trap: the `source` of an
/// I/O error is the source of what it wraps, not that itself.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    let io: Option<&'a std::io::Error> = error.downcast_ref();
    match io.and_then(std::io::Error::get_ref) {
        Some(wrapped) => tls_error(wrapped),
        None => tls_error(error.source()?),
    }
}

/// Whether what answers plain HTTP is something else: a TLS server sends an alert, which
/// no HTTP version begins with. The HTTP library says so in words only.
fn is_no_http(error: &(dyn Error + 'static)) -> bool {
    error.to_string() == "invalid HTTP version parsed" || error.source().is_some_and(is_no_http)
}

fn is_about_names(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    )
}

fn in_words(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("it has expired, or this machine's clock is wrong ({error})")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("it is not valid yet, or this machine's clock is wrong ({error})")
        }
        CertificateError::UnknownIssuer => {
            "this client does not know the authority that signed it".to_owned()
        }
        other => other.to_string(),
    }
}
