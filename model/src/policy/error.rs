//! Why a policy cannot be compiled.
//!
//! The reader is the policy's author, an operator: each message says what is wrong, what
//! was expected, and what to write instead.

use super::glob::GlobError;
use super::nearest::did_you_mean;
use crate::error::{Class, Classify};
use crate::name::{IssuerId, PolicyName};

/// A policy that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}`: {fault}")]
pub struct PolicyError {
    /// The policy.
    pub policy: PolicyName,
    /// The rule it breaks.
    pub fault: PolicyFault,
}

impl Classify for PolicyError {
    fn class(&self) -> Class {
        Class::bad_request("policy-invalid")
    }
}

/// The rule that a policy breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// A claim stands under `anchor` and is no immutable id.
    #[error(
        "`{claim}` is no anchor: it can change or be chosen; test it under `claims`, and pin \
         {expected}"
    )]
    AnchorClaim {
        /// The claim.
        claim: String,
        /// The anchors of the preset, in words.
        expected: String,
    },
    /// The only test beside the anchor is of a display name.
    #[error(
        "`{0}` is a display name that any file can carry, so it cannot be the only claim tested: \
         test the file with its ref (`workflow_ref`, `job_workflow_ref`), or `ref` or `environment`"
    )]
    DisplayName(String),
    /// `explain: anyone` where strangers would learn from it.
    #[error(
        "`explain: anyone` teaches every holder of a token: it is for policies without an anchor \
         on an issuer of one tenant"
    )]
    ExplainAnyone,
    /// A pattern is wrong.
    #[error("claim `{claim}`: {fault}")]
    Glob {
        /// The claim.
        claim: String,
        /// What is wrong.
        fault: GlobError,
    },
    /// A glob on a claim that has no text to fit.
    #[error("claim `{claim}` is {kind} and takes no glob: write exact values")]
    GlobKind {
        /// The claim.
        claim: String,
        /// What it is.
        kind: &'static str,
    },
    /// The issuer entry given is not the one named.
    #[error("it names issuer `{named}` and was compiled for `{given}`")]
    Issuer {
        /// Named in the draft.
        named: IssuerId,
        /// Given to compile.
        given: IssuerId,
    },
    /// No test at all.
    #[error(
        "it would match every workload of the issuer: give it an `anchor`, or test a claim that \
         says who calls"
    )]
    MatchesAll,
    /// Pinned ids contradict those written, or do not complete the anchor.
    #[error("it cannot be pinned: {0}")]
    Pin(String),
    /// A test of a raw claim that is not exact.
    #[error(
        "`{0}` takes exact values only (a value or `in`): its format differs between platforms' \
         versions; test the separate claims for the rest"
    )]
    RawClaim(String),
    /// Neither grants nor denies.
    #[error("it has no `read` and no `deny`: list the paths it grants, such as `db/prod/*`")]
    NoPaths,
    /// The length is out of range.
    #[error("a session of {0} is out of range: 60s to 12h")]
    Session(String),
    /// A text holds control characters, or is empty, or too long.
    #[error("{what} must be 1 to {most} bytes without control characters")]
    Text {
        /// Which text.
        what: String,
        /// The bound.
        most: usize,
    },
    /// Over a bound.
    #[error("it has {count} {what}: at most {most}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// The preset has no such claim.
    #[error("`{claim}` is no claim of `{preset}` tokens{}", meant_or_known(*.nearest, .known))]
    UnknownClaim {
        /// As written.
        claim: String,
        /// The preset.
        preset: String,
        /// The claim that was probably meant.
        nearest: Option<&'static str>,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The preset refuses no such event.
    #[error(
        "`allow_events` lists `{event}`, which preset `{preset}` does not refuse{}",
        did_you_mean(.nearest.as_deref())
    )]
    UnknownEvent {
        /// As written.
        event: String,
        /// The preset.
        preset: String,
        /// The nearest refused value.
        nearest: Option<String>,
    },
    /// A value that the claim can never have.
    #[error("claim `{claim}` is {kind}, so {presented} never matches: write {example}")]
    ValueKind {
        /// The claim.
        claim: String,
        /// What it is.
        kind: &'static str,
        /// The value as written.
        presented: String,
        /// How to write it.
        example: String,
    },
}

/// What was meant, or else everything that there is.
fn meant_or_known(meant: Option<&str>, known: &[&str]) -> String {
    match meant {
        Some(_) => did_you_mean(meant),
        None => format!("; it has {}", known.join(", ")),
    }
}
