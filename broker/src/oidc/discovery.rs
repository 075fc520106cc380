//! The discovery document: which address an issuer's keys have.
//!
//! It may only say where on the issuer's own host they are. An issuer that keeps them
//! elsewhere (Google, many Kubernetes clusters) is enrolled with `jwks_uri`, so that the
//! host is an operator's decision and not the document's. OpenID Connect Discovery 1.0,
//! sections 3 and 4.

use segura_model::IssuerEntry;
use serde::Deserialize;
use url::{Host, Url};

use super::{object, shown};

/// Why an issuer's documents are not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The address is not one that keys may come from.
    #[error(
        "`{0}` is not an address to fetch keys from: https, or http on a literal loopback \
             address with `insecure_loopback: true`"
    )]
    Address(String),
    /// A `segura dev` world, asked for by a server that is not one.
    #[error("the issuer is a `segura dev` world: anyone on its machine can sign anything")]
    DevWorld,
    /// `jwks_uri` points to another host.
    #[error(
        "the discovery document of `{issuer}` keeps its keys on another host, `{jwks_uri}`: \
             if that is right, enrol the issuer with this `jwks_uri`"
    )]
    ForeignHost {
        /// The issuer.
        issuer: String,
        /// What its document says.
        jwks_uri: String,
    },
    /// `issuer` is not the issuer that was asked.
    #[error(
        "the discovery document is that of `{presented}`, not of `{asked}`: `iss` must be \
             enrolled exactly as the document says it"
    )]
    Issuer {
        /// The issuer entry's `iss`.
        asked: String,
        /// The document's `issuer`.
        presented: String,
    },
    /// Not an object with `issuer` and `jwks_uri`.
    #[error("the discovery document is not a JSON object with `issuer` and `jwks_uri`")]
    Malformed,
}

/// Whether a dev world's keys are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevIssuers {
    /// By `segura dev`, whose issuers they are.
    Accept,
    /// By every other server.
    #[default]
    Refuse,
}

/// Where the issuer's discovery document is.
pub(super) fn document_url(entry: &IssuerEntry) -> Result<Url, DiscoveryError> {
    checked_url(&entry.iss.discovery_url(), entry)
}

/// The address of the keys, from the issuer's discovery document.
pub(super) fn keys_url(document: &[u8], entry: &IssuerEntry) -> Result<Url, DiscoveryError> {
    let raw: RawDocument = object(document).map_err(|_| DiscoveryError::Malformed)?;
    if raw.issuer != entry.iss.as_str() {
        return Err(DiscoveryError::Issuer {
            asked: entry.iss.as_str().to_owned(),
            presented: shown(&raw.issuer),
        });
    }
    let url = checked_url(&raw.jwks_uri, entry)?;
    let origin = checked_url(entry.iss.as_str(), entry)?.origin();
    if url.origin() == origin {
        return Ok(url);
    }
    Err(DiscoveryError::ForeignHost { issuer: raw.issuer, jwks_uri: shown(&raw.jwks_uri) })
}

/// An address that this entry may fetch from.
pub(super) fn checked_url(text: &str, entry: &IssuerEntry) -> Result<Url, DiscoveryError> {
    let refused = || DiscoveryError::Address(shown(text));
    let url = Url::parse(text).map_err(|_| refused())?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    let scheme_is_fine = match url.scheme() {
        "https" => true,
        "http" => loopback && entry.insecure_loopback,
        _ => false,
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if scheme_is_fine && bare && url.has_host() { Ok(url) } else { Err(refused()) }
}

/// Refuse a document that bears the mark of a dev world.
pub(super) fn check_mark(document: &[u8], dev: DevIssuers) -> Result<(), DiscoveryError> {
    let marked = object::<Mark>(document).is_ok_and(|mark| mark.segura_dev);
    if marked && dev == DevIssuers::Refuse { Err(DiscoveryError::DevWorld) } else { Ok(()) }
}

#[derive(Deserialize)]
struct RawDocument {
    issuer: String,
    jwks_uri: String,
}

/// What `segura dev` writes into its discovery documents and key sets.
#[derive(Deserialize)]
struct Mark {
    #[serde(default)]
    segura_dev: bool,
}
