//! `/api/v2/a2a/secrets`: the vault.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::FieldValues;
use crate::clock::Timestamp;
use crate::duration::Seconds;
use crate::name::{FieldName, NameError, Owner, SecretPath, Tag};

/// The most tags of a secret.
pub const MOST_TAGS: usize = 32;

/// What is known of a secret beside its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretMeta {
    /// Who is asked about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// How old a version may get before it should be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Seconds>,
    /// When it stops being given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// `GET …/{path}`: what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretQuery {
    /// Which version; without it the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Which field; without it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldName>,
    /// The values, or the history without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<SecretView>,
}

/// What a read of a secret shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretView {
    /// Its versions, without values.
    History,
}

/// A secret with its values.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SecretAnswer {
    /// Where it is.
    pub path: SecretPath,
    /// Which version this is.
    pub version: u32,
    /// The values.
    pub fields: FieldValues,
    /// What else is known of it.
    pub meta: SecretMeta,
    /// Whether this version is older than `max_age`: it is given still, and should be
    /// replaced.
    #[serde(default)]
    pub overdue: bool,
    /// Proof that this read is in the ledger: `rcp_…`.
    pub receipt: String,
}

/// `GET …?view=history`: a secret's versions without their values, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryAnswer {
    /// Where it is.
    pub path: SecretPath,
    /// What else is known of it.
    pub meta: SecretMeta,
    /// Whether the current version is older than `max_age`.
    #[serde(default)]
    pub overdue: bool,
    /// Its versions.
    pub versions: Vec<VersionSummary>,
}

/// A version without its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionSummary {
    /// Which.
    pub version: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// The operator who wrote it.
    pub created_by: String,
}

/// `PUT …/{path}`: a new version. Its fields replace those of the version before;
/// metadata that is left out is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretPut {
    /// The values.
    pub fields: FieldValues,
    /// Who is asked about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Labels, at most [`MOST_TAGS`]; they replace all that are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tags: Vec<Tag>,
    /// How old a version may get before it should be replaced, such as `90d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Seconds>,
    /// When it stops being given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What to take away of the metadata. What is given as well is set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clear: Vec<MetaField>,
    /// The version that must be the current one; 0 says that there must be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// A piece of a secret's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetaField {
    /// When it stops being given.
    ExpiresAt,
    /// How old a version may get.
    MaxAge,
    /// Who is asked about it.
    Owner,
    /// Labels.
    Tags,
}

impl FromStr for MetaField {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "expires_at" => Ok(Self::ExpiresAt),
            "max_age" => Ok(Self::MaxAge),
            "owner" => Ok(Self::Owner),
            "tags" => Ok(Self::Tags),
            _ => {
                let rule = "use owner, tags, max_age or expires_at";
                Err(NameError::new("a piece of metadata", text, rule))
            }
        }
    }
}

/// A secret was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretPutAnswer {
    /// Where it is.
    pub path: SecretPath,
    /// The version that was made.
    pub version: u32,
    /// When the secret stops being given, if ever; kept from before unless it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether that is past: then no job is given this version either.
    #[serde(default)]
    pub expired: bool,
    /// Whether the version before has fields that this one does not have.
    #[serde(default)]
    pub fields_dropped: bool,
    /// Which, for those who may read values; others are not told what is in a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_fields: Vec<FieldName>,
}

/// A secret was removed, with all its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretRemoveAnswer {
    /// Where it was.
    pub path: SecretPath,
}

/// `GET /api/v2/a2a/secrets`: which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretListQuery {
    /// Only paths that are this or below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<SecretPath>,
    /// Only paths after this one: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SecretPath>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of secrets without values, by path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretList {
    /// They.
    pub secrets: Vec<SecretSummary>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SecretPath>,
}

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretSummary {
    /// Where it is.
    pub path: SecretPath,
    /// Its current version.
    pub version: u32,
    /// What else is known of it.
    pub meta: SecretMeta,
    /// Whether the current version is older than `max_age`.
    #[serde(default)]
    pub overdue: bool,
    /// When its first version was written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub changed_at: Timestamp,
    /// The operator who did that.
    pub changed_by: String,
}
