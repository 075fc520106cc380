//! What a client is told once, when it is made.

use std::time::Duration;

use url::{Host, Url};

use crate::error::SdkError;
use crate::proxy::ProxySettings;

/// How to reach a broker.
///
/// Nothing is read from the process's environment: hand the proxy's variables in
/// with [`ProxySettings::from_vars`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The broker's URL: `https`, or `http` on a literal loopback address or
    /// `localhost`. A path in it is kept as a prefix.
    pub url: String,
    /// PEM certificates. Given, they alone are trusted and the system's are not even
    /// loaded; else the system's are.
    pub ca_pem: Option<Vec<u8>>,
    /// The proxy for `https`; none unless said.
    pub proxy: ProxySettings,
    /// Longest wait for a connection, TLS included. 5 seconds.
    pub connect_timeout: Duration,
    /// Longest wait for one attempt, from connecting to the last byte. 30 seconds.
    pub timeout: Duration,
    /// How long to go on repeating a request that the broker cannot serve just now, in
    /// all: attempts and waits. Only the first attempt may take longer, if `timeout` is.
    /// Zero means one attempt. 30 seconds.
    pub patience: Duration,
    /// Told once for each request that is repeated, before the first wait, and why:
    /// whoever watches should not wonder. Nobody unless said.
    pub on_wait: Option<fn(&SdkError)>,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl ClientOptions {
    /// Options with the defaults written above.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_pem: None,
            proxy: ProxySettings::none(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            on_wait: None,
            user_agent: concat!("segura-sdk-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A broker's URL that tokens may be sent to, with a trailing slash.
pub(crate) fn parse_base(text: &str) -> Result<Url, SdkError> {
    let refuse = |why| SdkError::Url { presented: text.chars().take(200).collect(), why };
    let mut url = Url::parse(text.trim()).map_err(|_| refuse("is not a URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(refuse("would send tokens in the clear")),
        _ => return Err(refuse("is neither https nor http")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated in the error: what stands there may be a credential.
        let presented = url.host_str().unwrap_or_default().to_owned();
        return Err(SdkError::Url { presented, why: "has a user name or password in it" });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("has a query or fragment"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// The host of a URL, and the port if it is not the scheme's own: for messages.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether the host is this machine, by its name in the URL alone.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_a_base_with_a_trailing_slash() {
        for (text, base) in [
            ("https://segura.example", "https://segura.example/"),
            ("https://segura.example:8443/", "https://segura.example:8443/"),
            ("https://ops.example/segura", "https://ops.example/segura/"),
            ("http://127.0.0.1:8300", "http://127.0.0.1:8300/"),
            ("http://[::1]:8300", "http://[::1]:8300/"),
        ] {
            assert_eq!(parse_base(text).unwrap().as_str(), base);
        }
    }

    #[test]
    fn a_url_that_would_leak_or_confuse_is_refused() {
        for text in [
            "segura.example",
            "http://segura.example",
            "http://127.0.0.1.evil.example",
            "ftp://segura.example",
            "https://user:pass@segura.example",
            "https://segura.example/?a=b",
            "https://segura.example/#x",
        ] {
            assert!(parse_base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let error = parse_base("https://user:hunter2@segura.example").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
