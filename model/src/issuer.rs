//! Who vouches: issuer entries, the allow-list of token signers.
//!
//! An entry has an id, and everything is keyed by that, never by the text of
//! `iss`: self-managed clusters share one `iss`. `iss` itself is compared byte for
//! byte, so it is kept as it was written, trailing slash or none.

mod draft;
mod url;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use draft::{IssuerDraft, IssuerDraftError, KeysDraft};
pub use url::{IssuerUrl, KeysUrl};

use crate::name::{IssuerId, NameError, text_type};

/// An issuer as this broker trusts it: what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IssuerEntry {
    /// Its id.
    pub id: IssuerId,
    /// The preset that knows its tokens.
    pub preset: String,
    /// `iss`, byte for byte.
    pub iss: IssuerUrl,
    /// Audiences of which a token must name exactly one and no other.
    pub audiences: Vec<Audience>,
    /// Signature algorithms that count.
    pub algorithms: Vec<Algorithm>,
    /// Seconds since `iat` for which a token is taken.
    pub max_age: i64,
    /// How often one token may be used.
    pub spend: Spend,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Whether plain `http` on loopback is accepted; never outside development.
    pub insecure_loopback: bool,
    /// Whether many tenants share it, so that a policy needs an anchor.
    pub shared: bool,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// `<iss>/.well-known/openid-configuration` names the key set.
    Discovery {
        /// PEM file of certificate authorities to trust for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf>,
        /// File whose content goes into `Authorization: Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bearer_token_file: Option<PathBuf>,
    },
    /// A file with the key set: clusters that the broker cannot reach.
    JwksFile {
        /// Where.
        path: PathBuf,
    },
    /// The key set is here.
    JwksUri {
        /// Where.
        url: KeysUrl,
        /// PEM file of certificate authorities to trust for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf>,
        /// File whose content goes into `Authorization: Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bearer_token_file: Option<PathBuf>,
    },
}

impl KeySource {
    /// The files on the server that it names, with the keys of an issuer file that name them.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let (ca_file, token_file, jwks_file) = match self {
            Self::JwksFile { path } => (None, None, Some(path)),
            Self::Discovery { ca_file, bearer_token_file }
            | Self::JwksUri { ca_file, bearer_token_file, .. } => {
                (ca_file.as_ref(), bearer_token_file.as_ref(), None)
            }
        };
        let named =
            [("ca_file", ca_file), ("bearer_token_file", token_file), ("jwks_file", jwks_file)];
        named.into_iter().filter_map(|(key, path)| Some((key, path?.as_path())))
    }
}

/// How often one token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spend {
    /// Once.
    Once,
    /// As often as wanted until it expires: platforms that hand one token to many steps.
    WhileValid,
}

/// A signature algorithm of RFC 7518 or RFC 8037. There are no others here: none
/// that is symmetric, and no `none`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RS256,
}

impl Algorithm {
    /// The text in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "ES256" => Ok(Self::ES256),
            "EdDSA" => Ok(Self::EdDSA),
            "RS256" => Ok(Self::RS256),
            _ => Err(NameError::new(
                "a signature algorithm here",
                text,
                "use RS256, ES256 or EdDSA, in these letters",
            )),
        }
    }
}

/// Whom a token is for: 1–512 printable ASCII characters without spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Audience(String);

text_type!(Audience, "^[!-~]+$", 512);

impl FromStr for Audience {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new(
            "an audience",
            text,
            "use 1–512 printable ASCII characters without spaces, such as https://segura.example",
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An entry of the sample preset, for the tests of this crate.
    pub(crate) fn entry() -> IssuerEntry {
        IssuerEntry {
            id: "ci".parse().unwrap(),
            preset: "sample".into(),
            iss: "https://ci.example".parse().unwrap(),
            audiences: vec!["https://segura.example".parse().unwrap()],
            algorithms: vec![Algorithm::RS256],
            max_age: 600,
            spend: Spend::Once,
            keys: KeySource::Discovery { ca_file: None, bearer_token_file: None },
            insecure_loopback: false,
            shared: true,
        }
    }

    #[test]
    fn only_three_algorithms_exist() {
        for name in ["RS256", "ES256", "EdDSA"] {
            assert_eq!(name.parse::<Algorithm>().unwrap().to_string(), name);
            assert!(serde_json::from_str::<Algorithm>(&format!("\"{name}\"")).is_ok());
        }
        for bad in ["none", "None", "HS256", "rs256", "PS256", "RS512", "ES384", "Ed25519", ""] {
            assert!(bad.parse::<Algorithm>().is_err(), "{bad}");
            assert!(serde_json::from_str::<Algorithm>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_audience_is_printable() {
        for good in ["https://segura.example", "api://AzureADTokenExchange", "x", &"a".repeat(512)]
        {
            assert!(good.parse::<Audience>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\n", "é", "\u{7f}", &"a".repeat(513)] {
            assert!(bad.parse::<Audience>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_entry_survives_its_json() {
        let json = serde_json::to_string(&entry()).unwrap();
        assert_eq!(serde_json::from_str::<IssuerEntry>(&json).unwrap(), entry());
        assert!(json.contains(r#""spend":"once""#) && json.contains(r#""keys":{"discovery":{}}"#));
    }
}
