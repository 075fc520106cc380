//! `/api/v2/trust` and `/api/v2/whoami`: who is trusted, and why not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::audit::Record;
use crate::claims::{ClaimValue, Claims};
use crate::clock::Timestamp;
use crate::id::DenialId;
use crate::issuer::{Audience, IssuerDraft, IssuerEntry};
use crate::name::{IssuerId, PolicyName};
use crate::policy::{PolicyDraft, Standing, Trace};
use crate::secret::{self, SecretText};
use crate::wanted::WantedSecret;

/// The most files of one apply. The writer serves nobody else until they are written.
pub const MOST_APPLIED: usize = 1000;
/// The most bytes of its body.
pub const MOST_APPLIED_BYTES: usize = 4 * 1024 * 1024;

/// `PUT …`: how to apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyQuery {
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an apply does to one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Created,
    /// It takes the place of another of that name.
    Replaced,
    /// It is there already, just so.
    Unchanged,
}

/// `PUT /api/v2/trust/issuers`: all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuersPut {
    /// The issuer files.
    pub issuers: Vec<IssuerDraft>,
}

/// What became of issuer files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IssuersAnswer {
    /// One for each file, in that order.
    pub issuers: Vec<AppliedIssuer>,
    /// Whether nothing was changed because that was asked for.
    pub dry_run: bool,
}

/// What became of one issuer file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedIssuer {
    /// What was done.
    pub change: Change,
    /// The entry, with what its preset filled in.
    pub entry: IssuerEntry,
    /// What an operator should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// `GET /api/v2/trust/issuers`: all entries, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IssuerList {
    /// They.
    pub issuers: Vec<IssuerEntry>,
}

/// `PUT /api/v2/trust/policies`: all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoliciesPut {
    /// The policy files.
    pub policies: Vec<PolicyDraft>,
}

/// What became of policy files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoliciesAnswer {
    /// One for each file, in that order.
    pub policies: Vec<AppliedPolicy>,
    /// Whether nothing was changed because that was asked for.
    pub dry_run: bool,
}

/// What became of one policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedPolicy {
    /// The policy.
    pub policy: PolicyName,
    /// What was done.
    pub change: Change,
    /// Whether it is in force now.
    pub state: Standing,
    /// Why it grants nothing yet; `None` if it is not pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// What its author should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// `GET /api/v2/trust/policies`: all policies, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyList {
    /// They.
    pub policies: Vec<PolicyView>,
}

/// A policy as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyView {
    /// As its author wrote it.
    pub draft: PolicyDraft,
    /// Whether it is in force now.
    pub state: Standing,
    /// Why it grants nothing yet; `None` if it is not pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// When it was last written.
    pub changed_at: Timestamp,
    /// The operator who did that.
    pub changed_by: String,
}

/// `DELETE …`: it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovedAnswer {
    /// The name or id of what was removed.
    pub removed: String,
}

/// `POST …/policies/{name}/pin`: the ids of a pending policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// Claims and their ids. None: those last seen in a token that matched all else.
    #[serde(default, deserialize_with = "unique_texts")]
    pub anchor: BTreeMap<String, String>,
}

/// Texts by name; [`Claims`] refuses a name that comes twice.
fn unique_texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let claims = Claims::deserialize(from)?;
    let text = |(name, value): (&str, &ClaimValue)| match value {
        ClaimValue::Text(text) => Ok((name.to_owned(), text.clone())),
        other => Err(D::Error::custom(format_args!(
            "`{name}` is {}; write an id as text, such as \"456789\"",
            other.kind()
        ))),
    };
    claims.iter().map(text).collect()
}

/// `POST …/explain`: what would happen. Either a token, or claims and an issuer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// An identity token. It is verified and not spent.
    #[serde(
        default,
        serialize_with = "secret::serialize_exposed_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub token: Option<SecretText>,
    /// The claims of a token that need not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// The issuer entry of these claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerId>,
    /// What would be wanted; nothing: only which policies match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub secrets: Vec<WantedSecret>,
}

/// What would happen, and why.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExplainAnswer {
    /// The issuer entry.
    pub issuer: IssuerId,
    /// `sub`.
    pub subject: String,
    /// Every policy and every check.
    #[schemars(with = "serde_json::Value")]
    pub trace: Trace,
}

/// `GET …/denials/{id}`: a refusal, for an operator.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DenialAnswer {
    /// Its id.
    pub denial: DenialId,
    /// What the ledger has of it.
    pub record: Record,
    /// Why, where it was not the policies: each with what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<DenialReason>,
    /// Every policy and every check, if it came that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub trace: Option<Trace>,
}

/// One reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DenialReason {
    /// What was wrong.
    pub what: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// `POST /api/v2/whoami`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoamiRequest {
    /// An identity token. It is verified and not spent.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub token: SecretText,
}

/// What the broker sees in a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhoamiAnswer {
    /// The issuer entry.
    pub issuer: IssuerId,
    /// `sub`.
    pub subject: String,
    /// The audience that was accepted.
    pub audience: Audience,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Everything that the token says.
    pub claims: Claims,
    /// The policies whose anchor matches.
    pub policies: Vec<PolicyMatch>,
}

/// A policy whose anchor matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyMatch {
    /// The policy.
    pub policy: PolicyName,
    /// Whether all its checks pass, and it is in force.
    pub matches: bool,
    /// Why it is out of force, and what to do: when it expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
