//! `/api/v2/sys` and `/readyz`: operators and the server itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::duration::Seconds;
use crate::id::OperatorId;
use crate::name::{IssuerId, OperatorName, PolicyName};
use crate::operator::Role;
use crate::secret::{self, SecretText};

/// `POST /api/v2/sys/operators`: a new operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorAdd {
    /// Its name.
    pub name: OperatorName,
    /// What it may do.
    pub role: Role,
    /// How long its token lives, such as `90d`; without it the server's usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Seconds>,
}

/// `POST /api/v2/sys/operators/{name}/rotate`: a new token; the old one ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorRotate {
    /// How long the new token lives; without it the server's usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Seconds>,
}

/// An operator and its token, which is shown this once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OperatorCredential {
    /// Its id.
    pub id: OperatorId,
    /// Its name.
    pub name: OperatorName,
    /// What it may do.
    pub role: Role,
    /// The token: `sgo_…`.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub token: SecretText,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// `GET /api/v2/sys/operators`: all operators, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorList {
    /// They.
    pub operators: Vec<OperatorSummary>,
}

/// An operator without its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorSummary {
    /// Its id.
    pub id: OperatorId,
    /// Its name.
    pub name: OperatorName,
    /// What it may do.
    pub role: Role,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its token ends.
    pub expires_at: Timestamp,
}

/// `GET /api/v2/sys/self`: who the caller is as an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelfAnswer {
    /// Its id.
    pub id: OperatorId,
    /// Its name.
    pub name: OperatorName,
    /// What it may do.
    pub role: Role,
    /// When its token ends.
    pub expires_at: Timestamp,
}

/// `GET /api/v2/sys/ca`: the authority to trust for this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaAnswer {
    /// The certificate, PEM.
    pub pem: String,
    /// SHA-256 of its DER form, in hexadecimal.
    pub fingerprint: String,
}

/// `GET /api/v2/sys/keyring`: the keys that all others hang on, without any key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyringAnswer {
    /// The generation of the root key that seals.
    pub generation: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// What opens the keyring: `a key file` or `a passphrase`.
    pub guard: String,
    /// The keys that wrap the data keys of secrets, oldest first; the last one seals.
    pub wrapping_keys: Vec<WrappingKeySummary>,
    /// How often one of them seals before the next takes over by itself.
    pub seal_bound: i64,
}

/// `POST /api/v2/sys/keyring/roll`: a new generation of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyringRoll {
    /// The generation that is to give way, as `GET /api/v2/sys/keyring` tells it: so that a
    /// request that comes twice rolls once.
    pub replaces: u32,
}

/// A key that wraps data keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WrappingKeySummary {
    /// Its number.
    pub id: String,
    /// How often it has sealed.
    pub seals: i64,
    /// When it was made.
    pub made_at: Timestamp,
}

/// `POST /api/v2/sys/epoch`: refuse every session older than now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochRequest {
    /// Whose.
    pub scope: EpochScope,
}

/// Sessions were called off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EpochAnswer {
    /// Whose.
    pub scope: EpochScope,
    /// How many were open.
    pub sessions: u64,
    /// Whether the broker knows what was named: an issuer entry, a policy, or a workload that
    /// the ledger speaks of. What is not known may have been removed, or be a typing error.
    pub known: bool,
}

/// Whose sessions an epoch ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EpochScope {
    /// Everybody's.
    All,
    /// Those of one issuer entry.
    Issuer(IssuerId),
    /// Those opened by one policy.
    Policy(PolicyName),
    /// Those of one workload.
    Workload {
        /// The issuer entry.
        issuer: IssuerId,
        /// `sub`.
        subject: String,
    },
}

/// `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyAnswer {
    /// The worst of the checks.
    pub state: ReadyState,
    /// They.
    pub checks: Vec<ReadyCheck>,
}

/// One thing that must be well for the server to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyCheck {
    /// What: `database`, `disk`, `certificate`, …; `issuer ID` of each entry for an operator,
    /// `issuers` together for anyone.
    pub name: String,
    /// How it is.
    pub state: ReadyState,
    /// What is wrong, if it is not well, for an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How well something is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReadyState {
    /// Well.
    Ready,
    /// Serving, and an operator should look.
    Warning,
    /// Not serving.
    Down,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for json in [
            r#"{"scope":"all"}"#,
            r#"{"scope":{"issuer":"github"}}"#,
            r#"{"scope":{"workload":{"issuer":"github","subject":"s"}}}"#,
        ] {
            let request: EpochRequest = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&request).unwrap(), json);
        }
        for json in [
            "{}",
            r#"{"scope":"al"}"#,
            r#"{"scope":{"issuer":"X"}}"#,
            // Never everybody's where somebody meant one workload.
            r#"{"scope":"all","subject":"s"}"#,
            r#"{"scope":{"all":null,"subject":"s"}}"#,
            r#"{"scope":{"all":{"subject":"s"}}}"#,
            r#"{"scope":{"policy":"p","subject":"s"}}"#,
            r#"{"scope":{"issuer":"github","subject":"s"}}"#,
            r#"{"scope":{"workload":{"subject":"s"}}}"#,
        ] {
            assert!(serde_json::from_str::<EpochRequest>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_worst_state_is_the_greatest() {
        assert!(ReadyState::Down > ReadyState::Warning && ReadyState::Warning > ReadyState::Ready);
    }
}
