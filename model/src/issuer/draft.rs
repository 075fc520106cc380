//! An issuer file as an operator writes it, and its compilation into an entry.
//!
//! A preset fills in what the file leaves out. What would weaken trust is never
//! silent: plain `http`, an unshared public issuer and the issuer's own audience
//! are refused or must be said.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Algorithm, Audience, IssuerEntry, IssuerUrl, KeySource, KeysUrl, Spend};
use crate::duration::Seconds;
use crate::error::{Class, Classify};
use crate::name::{IssuerId, Shown};
use crate::preset::Preset;

const MOST_AUDIENCES: usize = 16;
/// The longest maximum age, in seconds.
const LONGEST_AGE: i64 = 24 * 3600;

/// An issuer file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerDraft {
    /// The id that policies name.
    pub issuer: IssuerId,
    /// The platform: `github`, `gitlab`, `azure-devops`, `kubernetes`, or `oidc` for any other.
    pub preset: String,
    /// `iss` as tokens have it, byte for byte. Left out: the platform's public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<IssuerUrl>,
    /// The audiences accepted, normally this broker's URLs. Left out: the platform's, or
    /// else the broker's URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Audience>,
    /// Signature algorithms accepted. Left out: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<Algorithm>>,
    /// How long after `iat` a token is taken, such as `10m`. Left out: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Seconds>,
    /// `once`, or `while-valid`. Left out: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<Spend>,
    /// Where its keys come from. Left out: discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysDraft>,
    /// Accept plain `http` on a loopback address: for development only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_loopback: Option<bool>,
    /// Whether many tenants share it. Left out: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
}

/// Where the keys of an issuer come from: one of `discovery: true`, `jwks_uri`, `jwks_file`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysDraft {
    /// Ask the issuer's metadata; the only value is `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<bool>,
    /// Fetch the key set here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<KeysUrl>,
    /// Read the key set from this file on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// PEM file on the server: the certificate authorities to trust for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// File on the server whose content is sent as a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
}

impl IssuerDraft {
    /// Accept these audiences if the file names none and its platform has none of its own.
    pub fn audiences_or(&mut self, preset: &Preset, own: &[Audience]) {
        if self.audiences.is_empty() && preset.audiences.is_empty() {
            self.audiences = own.iter().take(MOST_AUDIENCES).cloned().collect();
        }
    }

    /// The entry that this file stands for, `preset` being the one it names.
    pub fn compile(self, preset: &Preset) -> Result<IssuerEntry, IssuerDraftError> {
        if self.preset != preset.id {
            let presented = Shown(&self.preset).to_string();
            return Err(IssuerDraftError::Preset { presented, expected: preset.id });
        }
        let insecure_loopback = self.insecure_loopback.unwrap_or(false);
        let iss = iss(self.iss, preset)?;
        let keys = self.keys.unwrap_or_default().compile()?;
        let over_http = iss.is_loopback_http()
            || matches!(&keys, KeySource::JwksUri { url, .. } if url.is_loopback_http());
        if over_http && !insecure_loopback {
            return Err(IssuerDraftError::InsecureLoopback);
        }
        Ok(IssuerEntry {
            audiences: audiences(self.audiences, &iss, preset)?,
            algorithms: algorithms(self.algorithms, preset)?,
            max_age: max_age(self.max_age, preset)?,
            spend: self.spend.unwrap_or(preset.spend),
            shared: shared(self.shared, &iss, preset)?,
            id: self.issuer,
            preset: self.preset,
            iss,
            keys,
            insecure_loopback,
        })
    }
}

impl KeysDraft {
    fn compile(self) -> Result<KeySource, IssuerDraftError> {
        let Self { discovery, jwks_uri, jwks_file, ca_file, bearer_token_file } = self;
        for (key, path) in [
            ("ca_file", &ca_file),
            ("bearer_token_file", &bearer_token_file),
            ("jwks_file", &jwks_file),
        ] {
            if path.as_deref().is_some_and(|path| !is_plain(path)) {
                return Err(IssuerDraftError::RelativePath(key));
            }
        }
        match (discovery, jwks_uri, jwks_file) {
            (None | Some(true), None, None) => {
                Ok(KeySource::Discovery { ca_file, bearer_token_file })
            }
            (None, Some(url), None) => Ok(KeySource::JwksUri { url, ca_file, bearer_token_file }),
            (None, None, Some(path)) if ca_file.is_none() && bearer_token_file.is_none() => {
                Ok(KeySource::JwksFile { path })
            }
            (None, None, Some(_)) => Err(IssuerDraftError::NothingFetched),
            _ => Err(IssuerDraftError::KeySource),
        }
    }
}

fn iss(written: Option<IssuerUrl>, preset: &Preset) -> Result<IssuerUrl, IssuerDraftError> {
    match (written, preset.iss) {
        (Some(iss), _) => Ok(iss),
        (None, Some(iss)) => Ok(iss.parse().expect("a preset's issuer is a valid one")),
        (None, None) => Err(IssuerDraftError::MissingIss(preset.id)),
    }
}

fn audiences(
    written: Vec<Audience>,
    iss: &IssuerUrl,
    preset: &Preset,
) -> Result<Vec<Audience>, IssuerDraftError> {
    let fixed = preset.audiences;
    let filled_in = || fixed.iter().map(|text| text.parse().expect("a preset's audience parses"));
    let audiences = if written.is_empty() { filled_in().collect() } else { written };
    if audiences.is_empty() {
        return Err(IssuerDraftError::MissingAudience);
    }
    if audiences.len() > MOST_AUDIENCES {
        return Err(IssuerDraftError::ManyAudiences(audiences.len()));
    }
    let mut seen = BTreeSet::new();
    for audience in &audiences {
        if !seen.insert(audience) {
            return Err(IssuerDraftError::RepeatedAudience(audience.clone()));
        }
        if !fixed.is_empty() && !fixed.contains(&audience.as_str()) {
            return Err(IssuerDraftError::FixedAudience { presented: audience.clone(), fixed });
        }
        let bare = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
        if bare(audience.as_str()) == bare(iss.as_str()) {
            return Err(IssuerDraftError::IssuersOwnAudience(audience.clone()));
        }
    }
    Ok(audiences)
}

fn algorithms(
    written: Option<Vec<Algorithm>>,
    preset: &Preset,
) -> Result<Vec<Algorithm>, IssuerDraftError> {
    let mut algorithms = written.unwrap_or_else(|| preset.algorithms.to_vec());
    algorithms.sort_unstable();
    algorithms.dedup();
    if algorithms.is_empty() { Err(IssuerDraftError::NoAlgorithm) } else { Ok(algorithms) }
}

fn max_age(written: Option<Seconds>, preset: &Preset) -> Result<i64, IssuerDraftError> {
    let max_age = written.map_or(preset.max_age, Seconds::count);
    if (1..=LONGEST_AGE).contains(&max_age) {
        Ok(max_age)
    } else {
        Err(IssuerDraftError::MaxAge(Seconds::new(max_age)))
    }
}

fn shared(
    written: Option<bool>,
    iss: &IssuerUrl,
    preset: &Preset,
) -> Result<bool, IssuerDraftError> {
    let public = preset.shared && preset.iss == Some(iss.as_str());
    match written {
        Some(false) if public => Err(IssuerDraftError::SharedByAll(iss.clone())),
        written => Ok(written.unwrap_or(preset.shared)),
    }
}

/// Absolute, and without detours: the path in the file is the file that is read.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == Component::ParentDir)
}

/// Why an issuer file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerDraftError {
    /// An audience that the platform never sends.
    #[error(
        "`audiences` holds `{presented}`, and this platform only ever sends {}: leave it out",
        list(fixed)
    )]
    FixedAudience {
        /// What was written.
        presented: Audience,
        /// What the platform sends.
        fixed: &'static [&'static str],
    },
    /// Plain `http` without a word about it.
    #[error(
        "`iss` or `jwks_uri` is plain http: use https, or for development say \
         `insecure_loopback: true`"
    )]
    InsecureLoopback,
    /// The audience that every token of the issuer has by default.
    #[error(
        "`audiences` holds `{0}`, which is the issuer itself: jobs get that audience without \
         asking, so their tokens for others would count here too; use this broker's own URL"
    )]
    IssuersOwnAudience(Audience),
    /// None or several of the three.
    #[error("`keys` must hold one of `discovery: true`, `jwks_uri` and `jwks_file`")]
    KeySource,
    /// More audiences than fit.
    #[error("`audiences` has {0} entries, at most {MOST_AUDIENCES} fit")]
    ManyAudiences(usize),
    /// A maximum age out of bounds.
    #[error("`max_age` is {0}: use 1s to 24h; the platform's tokens are meant to be used at once")]
    MaxAge(Seconds),
    /// No audience.
    #[error(
        "`audiences` is missing: name the audience that jobs ask for, normally this broker's URL"
    )]
    MissingAudience,
    /// No `iss`, and the platform has none of its own.
    #[error("`iss` is missing: with `preset: {0}` every installation has its own issuer")]
    MissingIss(&'static str),
    /// An empty list of algorithms.
    #[error("`algorithms` is empty: name RS256, ES256 or EdDSA, or leave it out")]
    NoAlgorithm,
    /// Files for a connection that is never made.
    #[error("`ca_file` and `bearer_token_file` do nothing beside `jwks_file`: remove them")]
    NothingFetched,
    /// The file names another preset.
    #[error("`preset` is `{presented}`, expected `{expected}`")]
    Preset {
        /// What was written.
        presented: String,
        /// What it was compiled with.
        expected: &'static str,
    },
    /// A path that depends on where the server was started.
    #[error("`{0}` must be an absolute path without `..`, on the server")]
    RelativePath(&'static str),
    /// The same audience twice.
    #[error("`audiences` holds `{0}` twice")]
    RepeatedAudience(Audience),
    /// A public issuer declared as one tenant's.
    #[error(
        "`shared: false` cannot be said of `{0}`: it signs for everybody; remove the line, and \
         pin an anchor in each policy"
    )]
    SharedByAll(IssuerUrl),
}

impl Classify for IssuerDraftError {
    fn class(&self) -> Class {
        Class::bad_request("issuer-invalid")
    }
}

fn list(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
