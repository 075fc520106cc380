//! Why a call did not succeed.
//!
//! No variant holds a body, a header or a value: what could be a secret is left out
//! even where it would help, and the position in the answer is given instead.

use std::error::Error;

use rustls::CertificateError;
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
        /// The broker's host.
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
        /// The broker's host.
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
        /// The broker's host.
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
        /// The broker's host.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
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

    /// Sort an error of the HTTP client that came without an answer.
    pub(crate) fn lost(host: String, proxy: Option<String>, source: reqwest::Error) -> Self {
        if let Some(reason) = certificate_error(&source) {
            Self::Untrusted { host, reason }
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
            Self::Stranger { status } => Class { kind: kind_of(*status), code: "not-a-broker" },
            Self::Timeout { .. } => Class::unavailable("broker-timeout"),
            Self::TokenShape => Class::bad_request("token-shape"),
            Self::TooLarge { .. } => Class::internal("answer-too-large"),
            Self::Untrusted { .. } => Class::unavailable("certificate-untrusted"),
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

/// What TLS said about the certificate, wherever in the chain of errors it stands. The
/// trap: the `source` of an I/O error is the source of what it wraps, not that itself.
fn certificate_error(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(reason)) = error.downcast_ref() {
        return Some(in_words(reason));
    }
    let wrapped = error.downcast_ref().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => certificate_error(wrapped),
        None => certificate_error(error.source()?),
    }
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
