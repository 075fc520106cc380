//! The wire: requests and answers of every route, for broker and clients alike.
//!
//! A request refuses members it does not know, because a misspelt one would be a
//! condition silently dropped; an answer may grow. Secret values sit in
//! [`SecretText`](crate::SecretText) and leave it only where the body exists to
//! carry them. Bodies are never logged. Moments are whole seconds since the epoch.
//!
//! Adding a route: its types here, in the file of its resource.

pub mod audit;
pub mod delivery;
pub mod fields;
pub mod problem;
pub mod secrets;
pub mod sessions;
pub mod sys;
pub mod token;
pub mod trust;

pub use audit::{
    AuditOrder, AuditPage, AuditQuery, AuditRow, HeadAnswer, VerifyAnswer, VerifyProblem,
    VerifyRequest,
};
pub use delivery::{
    DeliveredSecret, DeliveryAnswer, DeliveryRequest, RequestKey, SessionGrant, WorkloadName,
};
pub use fields::FieldValues;
pub use problem::{FailedCheck, Problem, SecretFault, SecretFaultKind};
pub use secrets::{
    HistoryAnswer, MetaField, SecretAnswer, SecretList, SecretListQuery, SecretMeta, SecretPut,
    SecretPutAnswer, SecretQuery, SecretRemoveAnswer, SecretSummary, SecretView, VersionSummary,
};
pub use sessions::{EndAnswer, HeartbeatAnswer, SessionList, SessionListQuery, SessionSummary};
pub use sys::{
    CaAnswer, EpochAnswer, EpochRequest, EpochScope, KeyringAnswer, KeyringRoll, OperatorAdd,
    OperatorCredential, OperatorList, OperatorRotate, OperatorSummary, ReadyAnswer, ReadyCheck,
    ReadyState, SelfAnswer, WrappingKeySummary,
};
pub use token::{OAuthError, TokenAnswer};
pub use trust::{
    AppliedIssuer, AppliedPolicy, ApplyQuery, Change, DenialAnswer, DenialReason, ExplainAnswer,
    ExplainRequest, IssuerList, IssuersAnswer, IssuersPut, MOST_APPLIED, MOST_APPLIED_BYTES,
    PinRequest, PoliciesAnswer, PoliciesPut, PolicyList, PolicyMatch, PolicyView, RemovedAnswer,
    WhoamiAnswer, WhoamiRequest,
};

/// The most entries of one page of a list.
pub const MOST_PER_PAGE: usize = 1000;
/// The entries of one page of a list, unless the request says otherwise.
pub const USUAL_PER_PAGE: usize = 100;

#[cfg(test)]
mod tests;
