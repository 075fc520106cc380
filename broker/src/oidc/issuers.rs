//! The allow-list: issuer entries, found by what a token claims.
//!
//! `iss` and `aud` are compared byte for byte. Two entries may share an `iss` (the
//! clusters of one vendor do) when their audiences differ, so both together name one
//! entry or none.

use std::collections::HashMap;
use std::sync::Arc;

use segura_model::policy::nearest;
use segura_model::preset::Preset;
use segura_model::{Audience, Class, Classify, IssuerEntry, IssuerId};

/// The issuer entries of this broker; immutable, replaced whole when one changes.
#[derive(Default)]
pub struct IssuerSet {
    by_iss: HashMap<String, Vec<Enrolled>>,
}

/// An entry and what its platform's plugin says about it.
#[derive(Clone)]
pub(super) struct Enrolled {
    pub(super) entry: Arc<IssuerEntry>,
    pub(super) preset: &'static Preset,
}

/// What the allow-list says to an `iss` and an `aud`.
pub(super) enum Found<'a> {
    Entry(&'a Enrolled, Audience),
    /// The issuer is enrolled (under this id, if there are several), the audience is not its.
    OtherAudience(IssuerId),
    Unknown,
}

/// Why entries cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerSetError {
    /// Two entries would claim the same tokens.
    #[error(
        "issuer entries `{first}` and `{second}` share `iss` and the audience `{audience}`: a token \
         must name one entry, so give them different audiences"
    )]
    Ambiguous {
        /// One entry.
        first: IssuerId,
        /// The other.
        second: IssuerId,
        /// The audience both accept.
        audience: Audience,
    },
    /// The entry names a preset that this version does not have.
    #[error(
        "issuer entry `{issuer}` has the preset `{preset}`, which this version does not know{}; \
         known here: {}",
        nearest(.preset, known()).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default(),
        known().collect::<Vec<_>>().join(", ")
    )]
    UnknownPreset {
        /// The entry.
        issuer: IssuerId,
        /// Its preset.
        preset: String,
    },
}

fn known() -> impl Iterator<Item = &'static str> {
    segura_plugins::presets().map(|preset| preset.id)
}

impl Classify for IssuerSetError {
    fn class(&self) -> Class {
        match self {
            Self::Ambiguous { .. } => Class::conflict("issuer-ambiguous"),
            Self::UnknownPreset { .. } => Class::bad_request("issuer-preset"),
        }
    }
}

impl IssuerSet {
    /// The set of these entries.
    pub fn build(entries: Vec<IssuerEntry>) -> Result<Self, IssuerSetError> {
        let mut set = Self::default();
        for entry in entries {
            let preset = segura_plugins::preset(&entry.preset).ok_or_else(|| {
                IssuerSetError::UnknownPreset {
                    issuer: entry.id.clone(),
                    preset: entry.preset.clone(),
                }
            })?;
            let neighbours = set.by_iss.entry(entry.iss.as_str().to_owned()).or_default();
            if let Some(error) = neighbours.iter().find_map(|other| clash(&other.entry, &entry)) {
                return Err(error);
            }
            neighbours.push(Enrolled { entry: Arc::new(entry), preset });
        }
        Ok(set)
    }

    /// The entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<IssuerEntry>> {
        self.by_iss.values().flatten().map(|enrolled| &enrolled.entry)
    }

    /// The entry with this id.
    pub fn by_id(&self, id: &IssuerId) -> Option<&Arc<IssuerEntry>> {
        self.iter().find(|entry| entry.id == *id)
    }

    /// The one entry for tokens of this issuer and audience.
    pub(super) fn find(&self, iss: &str, aud: &str) -> Found<'_> {
        let Some(neighbours) = self.by_iss.get(iss) else {
            return Found::Unknown;
        };
        for enrolled in neighbours {
            if let Some(audience) =
                enrolled.entry.audiences.iter().find(|audience| audience.as_str() == aud)
            {
                return Found::Entry(enrolled, audience.clone());
            }
        }
        let first = neighbours.iter().map(|enrolled| &enrolled.entry.id).min();
        first.map_or(Found::Unknown, |id| Found::OtherAudience(id.clone()))
    }
}

fn clash(first: &IssuerEntry, second: &IssuerEntry) -> Option<IssuerSetError> {
    let shared = first.audiences.iter().find(|audience| second.audiences.contains(audience))?;
    Some(IssuerSetError::Ambiguous {
        first: first.id.clone(),
        second: second.id.clone(),
        audience: shared.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_preset_names_those_there_are() {
        let (issuer, preset) = ("github".parse().unwrap(), "githb".to_owned());
        let told = IssuerSetError::UnknownPreset { issuer, preset }.to_string();
        assert!(told.contains("(did you mean `github`?)") && told.contains("oidc"), "{told}");
    }
}
