//! `/api/v2/sessions`: a session's life.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::name::{IssuerId, PolicyName};

/// `POST …/self/heartbeat`: the session lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeartbeatAnswer {
    /// The session.
    pub id: SessionId,
    /// When it ends by itself. A heartbeat does not move that.
    pub expires_at: Timestamp,
}

/// `POST …/self/end` and `DELETE …/{id}`: the session is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndAnswer {
    /// The session.
    pub id: SessionId,
}

/// `GET /api/v2/sessions`: which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionListQuery {
    /// Only those of this issuer entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerId>,
    /// Only those of this `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only those after this one: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SessionId>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of sessions that are not over, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionList {
    /// They.
    pub sessions: Vec<SessionSummary>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SessionId>,
}

/// A session, for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionSummary {
    /// Its id.
    pub id: SessionId,
    /// The issuer entry that vouches for its workload.
    pub issuer: IssuerId,
    /// `sub`.
    pub subject: String,
    /// The policies by which it was opened.
    pub policies: Vec<PolicyName>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}
