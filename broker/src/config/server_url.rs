//! An address under which callers know the server, normalised once.
//!
//! It is compared with tokens' audiences and put into certificates, so it has one
//! spelling: lower-case host, no default port, no path, no slash at the end.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// `https://segura.example.com`, or `http` on a literal loopback address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUrl {
    text: String,
    host: String,
    port: u16,
}

/// The text is no address for a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an address of this server: write https://host or https://host:port (http only \
     on a literal loopback address), without path, user or query"
)]
pub struct ServerUrlError(String);

impl ServerUrl {
    /// The address, as an audience has it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, as a certificate has it; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that callers come to.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let refused = || ServerUrlError(text.chars().take(100).collect());
        // An internationalised name must come as it is in DNS, or look-alikes would differ.
        let url = Url::parse(text).ok().filter(|_| text.is_ascii()).ok_or_else(refused)?;
        let (host, loopback) = match url.host() {
            Some(Host::Domain(name)) => (name.to_owned(), false),
            Some(Host::Ipv4(address)) => (address.to_string(), address.is_loopback()),
            Some(Host::Ipv6(address)) => (address.to_string(), address.is_loopback()),
            None => return Err(refused()),
        };
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !scheme || !bare {
            return Err(refused());
        }
        let port = url.port_or_known_default().ok_or_else(refused)?;
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), host, port })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for (text, normal, host, port) in [
            (
                "https://Segura.Example.com/",
                "https://segura.example.com",
                "segura.example.com",
                443,
            ),
            (
                "https://segura.example.com:443",
                "https://segura.example.com",
                "segura.example.com",
                443,
            ),
            ("https://10.0.0.7:8443", "https://10.0.0.7:8443", "10.0.0.7", 8443),
            ("https://[2001:DB8::1]/", "https://[2001:db8::1]", "2001:db8::1", 443),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", 8080),
            ("http://[::1]:8080/", "http://[::1]:8080", "::1", 8080),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.as_str(), url.host()), (normal, host), "{text}");
            assert_eq!(url.port(), port, "{text}");
        }
    }

    #[test]
    fn what_callers_could_not_compare_is_refused() {
        for text in [
            "",
            "segura.example.com",
            "http://segura.example.com",
            "http://localhost:8080",
            "http://10.0.0.7",
            "https://segura.example.com/api",
            "https://user@segura.example.com",
            "https://segura.example.com/?x",
            "https://segura.example.com/#x",
            "https://s\u{e9}gura.example.com",
            "ftp://127.0.0.1",
        ] {
            assert!(text.parse::<ServerUrl>().is_err(), "{text}");
        }
    }
}
