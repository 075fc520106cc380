//! `/api/v2/audit`: the ledger.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::{Event, Outcome, Record};
use crate::clock::Timestamp;
use crate::id::{ChainId, DenialId, SessionId};
use crate::name::{IssuerId, OperatorName, SecretPath};

/// `GET /api/v2/audit`: which records. Every condition that is there must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The issuer entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerId>,
    /// `sub` of the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The operator who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorName>,
    /// A secret's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<SecretPath>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<DenialId>,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// From which end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<AuditOrder>,
    /// Where to go on: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// From which end a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditOrder {
    /// The newest first: the usual one.
    Newest,
    /// The oldest first.
    Oldest,
}

/// A page of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// Its rows, in the order that was asked for.
    pub records: Vec<AuditRow>,
    /// Where to go on, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRow {
    /// The chain it is in: one for each start of a server.
    pub chain: ChainId,
    /// Its number there, from 1.
    pub seq: i64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: String,
    /// How it ended.
    pub outcome: String,
    /// All of it; `None` once its time of keeping is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
}

/// `GET /api/v2/audit/head`: the ends of the chains, to be kept outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadAnswer {
    /// One `head_…` for each chain.
    pub heads: Vec<String>,
}

/// `POST /api/v2/audit/verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// Heads that were kept outside: a ledger cut short cannot have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10_000))]
    pub heads: Vec<String>,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyAnswer {
    /// How many chains were walked.
    pub chains: u64,
    /// How many records.
    pub records: u64,
    /// What is wrong; nothing, if all is well.
    pub problems: Vec<VerifyProblem>,
}

/// A place where the ledger is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyProblem {
    /// The chain.
    pub chain: ChainId,
    /// The record; `None` where the chain as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// What is wrong, for machines: `edited`, `removed`, `truncated`, …
    pub code: String,
    /// What is wrong, in words.
    pub what: String,
}
