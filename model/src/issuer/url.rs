//! URLs of issuers and of their keys.
//!
//! `https`, or `http` on a literal loopback address (an entry must then say
//! `insecure_loopback`). The name `localhost` is not literal: a resolver decides
//! where it leads.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::name::{NameError, text_type};

const LONGEST: usize = 512;

/// `iss`: compared byte for byte, so kept as written. No user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl(String);

text_type!(IssuerUrl, "^https?://[!-~]+$", 512);

impl IssuerUrl {
    /// The host, as written, without brackets or port.
    pub fn host(&self) -> &str {
        host(&self.0)
    }

    /// Whether it is plain `http`, which only a loopback address may be.
    pub fn is_loopback_http(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Where OpenID Connect Discovery 1.0 (section 4) puts the metadata.
    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.strip_suffix('/').unwrap_or(&self.0))
    }
}

impl FromStr for IssuerUrl {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |rule: &str| Err(NameError::new("an issuer", text, rule));
        if let Err(rule) = check(text) {
            return refuse(rule);
        }
        if text.contains('?') {
            return refuse("an issuer has no query (OpenID Connect Discovery 1.0, section 3)");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where a key set is fetched from. May have a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeysUrl(String);

text_type!(KeysUrl, "^https?://[!-~]+$", 512);

impl KeysUrl {
    /// The host, as written, without brackets or port.
    pub fn host(&self) -> &str {
        host(&self.0)
    }

    /// Whether it is plain `http`, which only a loopback address may be.
    pub fn is_loopback_http(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl FromStr for KeysUrl {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(rule) => Err(NameError::new("a URL of a key set", text, rule)),
        }
    }
}

/// The rules that both kinds share. What a URL parser would silently change is
/// refused, so that the text that is compared is also the place that is asked.
fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST {
        return Err("at most 512 bytes fit");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("use printable ASCII without spaces; write other names as punycode");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("write it in full, such as https://ci.example");
    };
    if text.contains(['\\', '#']) {
        return Err("it may hold neither `\\` nor a fragment");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("it may not hold a user or a password");
    }
    let url = Url::parse(text).map_err(|_| "it is not a URL (RFC 3986)")?;
    if has_dot_segment(rest) {
        return Err("its path may not hold `.` or `..` segments");
    }
    match url.host_str() {
        Some(parsed) if parsed.trim_matches(['[', ']']).eq_ignore_ascii_case(host(text)) => {}
        _ => return Err("write its host in the usual way"),
    }
    match (scheme, url.host()) {
        ("https", _) => Ok(()),
        ("http", Some(Host::Ipv4(address))) if address.is_loopback() => Ok(()),
        ("http", Some(Host::Ipv6(address))) if address.is_loopback() => Ok(()),
        ("http", _) => Err("use https; http is taken only on 127.0.0.1 or [::1], for development"),
        _ => Err("use https, in small letters"),
    }
}

fn has_dot_segment(rest: &str) -> bool {
    rest.split(['/', '?']).any(|segment| {
        matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
    })
}

/// The host in a text that has a scheme.
fn host(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_issuer_is_kept_byte_for_byte() {
        for good in [
            "https://token.actions.githubusercontent.com",
            "https://token.actions.githubusercontent.com/acme-corp",
            "https://gitlab.example/",
            "https://ci.example:8443/a/b/",
            "https://CI.example",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC",
            "https://vstoken.dev.azure.com/6c3b9c5e-0000-4000-8000-000000000001",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/dev",
        ] {
            assert_eq!(good.parse::<IssuerUrl>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused() {
        let long = format!("https://ci.example/{}", "a".repeat(512));
        for bad in [
            "",
            "ci.example",
            "kubernetes/serviceaccount",
            "https://",
            "https:///x",
            "https:/ci.example",
            "HTTPS://ci.example",
            "ftp://ci.example",
            "http://ci.example",
            "http://localhost:9000",
            "http://127.0.0.1.example",
            "http://127.1",
            "http://0x7f000001",
            "http://2130706433",
            "http://10.0.0.1",
            "http://[::ffff:127.0.0.1]",
            "https://user@ci.example",
            "https://u:p@ci.example",
            "https://ci.example@evil.example",
            "https://ci.example?x=1",
            "https://ci.example#x",
            "https://ci.example\\@evil.example",
            "https://ci.example/a b",
            "https://ci.example/\n",
            "https://cï.example",
            "https://ci.example/../x",
            "https://ci.example/%2e%2E/x",
            "https://ci.example/.",
            "https://ci%2eexample",
            &long,
            "https://ci.example:99999",
            "https://[::1",
            " https://ci.example",
        ] {
            assert!(bad.parse::<IssuerUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_set_may_have_a_query() {
        assert!("https://ci.example/keys?p=1".parse::<KeysUrl>().is_ok());
        for bad in ["https://ci.example/keys#1", "http://ci.example/keys", "file:///etc/passwd"] {
            assert!(bad.parse::<KeysUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn host_and_discovery_are_found() {
        let url: IssuerUrl = "https://ci.example:8443/a/".parse().unwrap();
        assert_eq!(url.host(), "ci.example");
        assert_eq!(
            url.discovery_url(),
            "https://ci.example:8443/a/.well-known/openid-configuration"
        );
        let local: IssuerUrl = "http://[::1]:80".parse().unwrap();
        assert_eq!(local.host(), "::1");
        assert!(local.is_loopback_http() && !url.is_loopback_http());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}", tail in "[a-z0-9:/@.%?\\[\\]-]{0,40}") {
            let _ = text.parse::<IssuerUrl>();
            let _ = format!("https://{tail}").parse::<IssuerUrl>();
        }
    }
}
