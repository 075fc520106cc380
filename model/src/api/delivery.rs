//! `POST /api/v2/deliveries`: a token in, secrets and a session out.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::FieldValues;
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::name::{IssuerId, NameError, SecretPath, text_type};
use crate::secret::{self, SecretText};
use crate::wanted::WantedSecret;

/// What a job asks for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRequest {
    /// The identity token.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub token: SecretText,
    /// Made by the caller once for this delivery: the same token with the same key
    /// repeats it, with another one it is a replay.
    pub request_key: RequestKey,
    /// What is wanted; at most [`MOST_WANTED`](crate::wanted::MOST_WANTED).
    #[schemars(length(max = 100))]
    pub secrets: Vec<WantedSecret>,
}

/// What a job gets: all that it asked for, or a problem and nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryAnswer {
    /// The session that was opened.
    pub session: SessionGrant,
    /// The secrets, in the order in which they were asked for.
    pub secrets: Vec<DeliveredSecret>,
    /// Proof that this delivery is in the ledger: `rcp_…`.
    pub receipt: String,
    /// Whether this repeats an earlier answer that was perhaps lost.
    pub repeated: bool,
    /// Who the broker takes the caller for.
    pub workload: WorkloadName,
}

/// A session, for the workload that opened it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionGrant {
    /// Its id.
    pub id: SessionId,
    /// Its token: `sgr_…`.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub token: SecretText,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A secret as it was handed over.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeliveredSecret {
    /// As it was asked for.
    pub wanted: WantedSecret,
    /// Where it is.
    pub path: SecretPath,
    /// Which version this is.
    pub version: u32,
    /// The values: the one field that was named, or all.
    pub fields: FieldValues,
}

/// A workload in two words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadName {
    /// The issuer entry that vouches for it.
    pub issuer: IssuerId,
    /// `sub`.
    pub subject: String,
}

/// Names one delivery: 16–64 of `A–Z a–z 0–9 _ -`, to be made at random.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestKey(String);

text_type!(RequestKey, "^[A-Za-z0-9_-]{16,64}$", 64);

impl FromStr for RequestKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (16..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new(
            "a request key",
            text,
            "use 16–64 random characters of A–Z, a–z, 0–9, `_`, `-`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_refuses_what_it_does_not_know() {
        let good = r#"{"token":"t","request_key":"0123456789abcdef","secrets":["a#b@1"]}"#;
        let request: DeliveryRequest = serde_json::from_str(good).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), good);
        for (was, now) in [
            ("\"secrets\"", "\"policy\":\"p\",\"secrets\""),
            ("0123456789abcdef", "0123456789abcde"),
            ("0123456789abcdef", "0123456789abcde/"),
            ("a#b@1", "a//b"),
            ("\"token\":\"t\",", ""),
        ] {
            assert!(serde_json::from_str::<DeliveryRequest>(&good.replace(was, now)).is_err());
        }
    }

    #[test]
    fn a_request_does_not_print_its_token() {
        let json = r#"{"token":"canary","request_key":"0123456789abcdef","secrets":[]}"#;
        let request: DeliveryRequest = serde_json::from_str(json).unwrap();
        assert!(!format!("{request:?}").contains("canary"));
    }
}
