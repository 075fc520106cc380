//! The ledger's words: what happened, who did it, how it ended.
//!
//! A record's JSON is the body of a ledger row and is hashed there, so the texts
//! here are never changed, only added to. Nothing in a record is a secret value:
//! paths, versions and the names of fields are as near as it gets.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{DenialId, OperatorId, RequestId, SessionId};
use crate::name::{FieldName, IssuerId, NameError, OperatorName, SecretPath};
use crate::operator::Role;
use crate::workload::Workload;

/// An enum of words: one text for each variant, in records, filters and messages.
macro_rules! words {
    (
        $(#[$doc:meta])* $name:ident, $what:literal;
        $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)*
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::ALL.iter().find(|word| word.as_str() == text).copied().ok_or_else(|| {
                    NameError::new($what, text, concat!("use one of" $(, " ", $text)*))
                })
            }
        }
    };
}

words! {
    /// What happened.
    Event, "an event";
    /// A delivery: token in, secrets and session out.
    Delivery = "delivery",
    /// An epoch was raised: sessions older than it are refused.
    EpochRaise = "epoch.raise",
    /// A token was exchanged for a session.
    Exchange = "exchange",
    /// The database was set up.
    Init = "init",
    /// An issuer entry was written.
    IssuerApply = "issuer.apply",
    /// An issuer entry was removed.
    IssuerRemove = "issuer.remove",
    /// The keyring was put under another guard, on the machine itself.
    KeyringRewrap = "keyring.rewrap",
    /// The keyring or the wrapping key got a new generation.
    KeyringRoll = "keyring.roll",
    /// An operator was added.
    OperatorAdd = "operator.add",
    /// Access was recovered with the guard, on the machine itself.
    OperatorRecover = "operator.recover",
    /// An operator was removed.
    OperatorRemove = "operator.remove",
    /// An operator got a new token.
    OperatorRotate = "operator.rotate",
    /// A policy was written.
    PolicyApply = "policy.apply",
    /// A pending policy got its ids.
    PolicyPin = "policy.pin",
    /// A policy was removed.
    PolicyRemove = "policy.remove",
    /// A session read a secret.
    Read = "read",
    /// A workload was refused.
    Refusal = "refusal",
    /// A secret got a version, or other metadata.
    SecretPut = "secret.put",
    /// An operator read a secret.
    SecretRead = "secret.read",
    /// A secret was removed.
    SecretRemove = "secret.remove",
    /// A server began, and with it a chain.
    ServerStart = "server.start",
    /// A session ended before its time.
    SessionEnd = "session.end",
    /// Refusals of strangers, counted.
    Summary = "summary",
}

words! {
    /// How it ended.
    Outcome, "an outcome";
    /// Something stored is different now.
    Changed = "changed",
    /// It went wrong on our side.
    Failed = "failed",
    /// Access was given, and no secret with it.
    Granted = "granted",
    /// Access was refused.
    Refused = "refused",
    /// Secret values left: whether they arrived nobody can know.
    Released = "released",
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// An operator.
    Operator {
        /// Its id.
        id: OperatorId,
        /// Its name at that time.
        name: OperatorName,
        /// Its role at that time.
        role: Role,
    },
    /// The server itself.
    Server,
    /// Somebody who is nobody here: no token of an issuer that counts, or no policy's anchor.
    Stranger {
        /// The issuer entry, if it named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<IssuerId>,
    },
    /// A workload.
    Workload {
        /// The issuer entry that vouches for it.
        issuer: IssuerId,
        /// `sub`.
        subject: String,
        /// Its immutable ids.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        anchors: BTreeMap<String, String>,
        /// What names its run.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        run: BTreeMap<String, String>,
    },
}

impl From<&Workload> for Actor {
    fn from(workload: &Workload) -> Self {
        Self::Workload {
            issuer: workload.issuer.clone(),
            subject: workload.subject.clone(),
            anchors: workload.anchors.clone(),
            run: workload.run.clone(),
        }
    }
}

/// A secret that was handed over, or would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReleasedPath {
    /// Where it is.
    pub path: SecretPath,
    /// Which version; `None` where none was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Which of its fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldName>,
}

/// One record of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// In which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The id of the refusal that the caller was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<DenialId>,
    /// Why, for machines: the code of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<ReleasedPath>,
    /// Why, in full: a trace, counts, a difference. Never a value.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

impl Record {
    /// A record with nothing but the four things that every record has.
    pub const fn new(event: Event, outcome: Outcome, at: Timestamp, actor: Actor) -> Self {
        Self {
            event,
            outcome,
            at,
            actor,
            client: None,
            session: None,
            request: None,
            denial: None,
            code: None,
            paths: Vec::new(),
            detail: serde_json::Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_none_is_there_twice() {
        for event in Event::ALL {
            assert_eq!(event.as_str().parse::<Event>().unwrap(), *event);
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse::<Outcome>().unwrap(), *outcome);
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
    }

    #[test]
    fn an_unknown_word_lists_the_known_ones() {
        let error = "gone".parse::<Outcome>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`gone` is not an outcome: use one of changed failed granted refused released"
        );
        assert!("Delivery".parse::<Event>().is_err());
    }

    #[test]
    fn a_record_survives_its_json() {
        let actor = Actor::Stranger { issuer: Some("github".parse().unwrap()) };
        let mut record = Record::new(Event::Refusal, Outcome::Refused, Timestamp(5), actor);
        record.client = Some([192, 0, 2, 1].into());
        record.paths = vec![ReleasedPath {
            path: "db/prod".parse().unwrap(),
            version: Some(3),
            fields: vec!["user".parse().unwrap()],
        }];
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let record = Record::new(Event::ServerStart, Outcome::Granted, Timestamp(5), Actor::Server);
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"event":"server.start","outcome":"granted","at":5,"actor":{"kind":"server"}}"#
        );
    }
}
