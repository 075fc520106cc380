//! A policy as its author writes it.
//!
//! The draft is what is stored and shown; what decides is the [`TrustPolicy`] compiled
//! from it, which knows the issuer entry. A write replaces a policy whole: merging is
//! how stale conditions outlive their author's intention. The doc comments here are the
//! descriptions in the JSON schema that editors show.
//!
//! [`TrustPolicy`]: super::TrustPolicy

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::claim_test::{AnchorTest, ClaimTest};
use crate::clock::Timestamp;
use crate::duration::Seconds;
use crate::name::{IssuerId, PathPattern, PolicyName};

/// A trust policy: which workloads of one issuer may read which secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// The policy's name. Applying a policy of the same name replaces it whole.
    #[schemars(extend("examples" = ["payments-deploy"]))]
    pub policy: PolicyName,
    /// The id of the issuer entry whose tokens this policy speaks of.
    #[schemars(extend("examples" = ["github"]))]
    pub issuer: IssuerId,
    /// What the policy is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// The immutable ids that the token must carry, or `pending` until they are known.
    /// On an issuer that many tenants share, a policy without a full set grants nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{ "repository_id": "456789", "repository_owner_id": "123456" }]))]
    pub anchor: Option<AnchorDraft>,
    /// Tests of further claims. All must pass; an absent claim fails every test.
    #[serde(default, deserialize_with = "unique", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "ref": "refs/heads/main", "environment": { "in": ["prod"] } }]))]
    pub claims: BTreeMap<String, ClaimTest>,
    /// Events that the platform's preset refuses and this policy admits, by name. Such a
    /// job can run code that its repository's owner has not reviewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["pull_request_target"]]))]
    pub allow_events: Vec<String>,
    /// Paths of the secrets granted: `*` within one segment, a last `**` for the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["db/prod/*", "app/**"]]))]
    pub read: Vec<PathPattern>,
    /// Paths refused to every workload that this policy matches, whatever grants them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["db/prod/root"]]))]
    pub deny: Vec<PathPattern>,
    /// How long a session may last, `60s` to `12h`; without it `15m`. The shortest of the
    /// policies used counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Seconds>,
    /// Who learns why a workload is refused: `anchor`, the owner of the anchor's ids; or
    /// `anyone` with a valid token, only without an anchor on an issuer of one tenant.
    #[serde(default, skip_serializing_if = "Explain::is_default")]
    pub explain: Explain,
    /// From this moment on (RFC 3339) the policy neither grants nor denies.
    #[serde(default, with = "moment", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("examples" = ["2027-01-31T00:00:00Z"]))]
    pub expires_at: Option<Timestamp>,
}

/// The anchor of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorDraft {
    /// `pending`: the ids are not known yet.
    Pending,
    /// Claim → the ids it may have. All claims must match.
    Ids(BTreeMap<String, AnchorTest>),
}

/// Who learns why a workload is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Explain {
    /// Who presents the ids of the policy's anchor.
    #[default]
    Anchor,
    /// Whoever has a valid token of the issuer.
    Anyone,
}

impl Explain {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Anchor
    }
}

impl<'de> Deserialize<'de> for AnchorDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnchorVisitor)
    }
}

struct AnchorVisitor;

impl<'de> Visitor<'de> for AnchorVisitor {
    type Value = AnchorDraft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`pending`, or a mapping of claims to ids")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AnchorDraft, E> {
        match text {
            "pending" => Ok(AnchorDraft::Pending),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AnchorDraft, A::Error> {
        UniqueVisitor(PhantomData).visit_map(map).map(AnchorDraft::Ids)
    }
}

impl Serialize for AnchorDraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ids(ids) => ids.serialize(serializer),
            Self::Pending => serializer.serialize_str("pending"),
        }
    }
}

impl JsonSchema for AnchorDraft {
    fn schema_name() -> Cow<'static, str> {
        "Anchor".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<AnchorTest>();
        json_schema!({
            "anyOf": [
                { "const": "pending", "description": "The ids are not known yet: `segura policy \
                    pin` adds them." },
                { "type": "object", "minProperties": 1, "additionalProperties": id },
            ],
        })
    }
}

/// Read a mapping and refuse a key that comes twice: JSON would keep the last one.
fn unique<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(UniqueVisitor(PhantomData))
}

struct UniqueVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for UniqueVisitor<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if entries.contains_key(&key) {
                return Err(de::Error::custom(format_args!("claim `{key}` is written twice")));
            }
            entries.insert(key, map.next_value()?);
        }
        Ok(entries)
    }
}

mod moment {
    use super::{Deserialize, Deserializer, Serializer, Timestamp, de};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        moment: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => serializer.collect_str(moment),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let moment = Timestamp::from_rfc3339(&text);
        moment.map(Some).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{}` is not a moment: write RFC 3339, `2027-01-31T00:00:00Z`",
                text.chars().take(40).collect::<String>()
            ))
        })
    }
}
