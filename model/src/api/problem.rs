//! Why a request was refused: problem+json (RFC 9457).
//!
//! A reader takes members it does not know in its stride; the RFC demands that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{DenialId, RequestId};
use crate::name::{PolicyName, SecretPath};
use crate::policy::Trace;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// `urn:segura:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What sort of failure, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What failed, what was expected, what to do.
    pub detail: String,
    /// What failed, for machines: `token-replayed`.
    pub code: String,
    /// The request, in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The refusal, for `segura policy explain --denial`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<DenialId>,
    /// The checks that failed, if the caller is the rightful owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<FailedCheck>,
    /// The wanted secrets that could not be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretFault>,
}

impl Problem {
    /// The problem in an error answer's body, or `None` if the body holds none.
    /// The status line counts, not the member of that name.
    pub fn from_answer(status: u16, body: &[u8]) -> Option<Self> {
        let problem: Self = serde_json::from_slice(body).ok()?;
        Some(Self { status, ..problem })
    }
}

/// One check of one policy that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedCheck {
    /// The policy.
    pub policy: PolicyName,
    /// The claim.
    pub claim: String,
    /// What the policy demands of it.
    pub expected: String,
    /// What the token says; `None` if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented: Option<String>,
    /// Why that probably is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl FailedCheck {
    /// Every check that failed, of the policies that the caller may learn about.
    pub fn for_caller(trace: &Trace) -> Vec<Self> {
        let policies = trace.for_caller().policies.into_iter();
        let checks = policies.flat_map(|policy| {
            let failed = policy.checks.into_iter().filter(|check| !check.passed);
            failed.map(move |check| Self {
                policy: policy.policy.clone(),
                claim: check.claim,
                expected: check.expected,
                presented: check.presented,
                cause: check.cause,
                fix: check.fix,
            })
        });
        checks.collect()
    }
}

/// A wanted secret that could not be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretFault {
    /// Where it would be.
    pub path: SecretPath,
    /// Why not, for machines.
    pub why: SecretFaultKind,
    /// Why not, in words.
    pub detail: String,
}

/// Why a wanted secret could not be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretFaultKind {
    /// It is past its expiry.
    Expired,
    /// There is none at this path. Said only inside the grant.
    Missing,
    /// It has no such field. Said only inside the grant.
    MissingField,
    /// It has no such version. Said only inside the grant.
    MissingVersion,
    /// No policy grants it, whether it exists or not.
    NotGranted,
    /// It could not be opened: a fault of the server.
    Unreadable,
    /// A reason that this client is too old to know. Serde wants it last.
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_with_members_of_tomorrow() {
        let body = br#"{"type":"urn:segura:problem:x","title":"t","status":200,"detail":"d",
            "code":"x","later":{"a":1},
            "secrets":[{"path":"a/b","why":"some-new-reason","detail":"w"}]}"#;
        let problem = Problem::from_answer(403, body).unwrap();
        assert_eq!((problem.status, problem.code.as_str()), (403, "x"));
        assert_eq!(problem.secrets[0].why, SecretFaultKind::Other);
    }

    #[test]
    fn only_failed_checks_of_shown_policies_are_told() {
        let policy = |name: &str, shown: bool| {
            serde_json::json!({
                "policy": name, "state": "active", "anchor_matched": shown, "matched": false,
                "shown_to_caller": shown, "checks": [
                    {"claim": "ref", "expected": "main", "presented": "x", "passed": false},
                    {"claim": "sub", "expected": "s", "presented": "s", "passed": true},
                ],
            })
        };
        let trace: Trace = serde_json::from_value(serde_json::json!({
            "issuer": "ci", "secrets": [], "policies": [policy("mine", true), policy("other", false)],
        }))
        .unwrap();
        let told = FailedCheck::for_caller(&trace);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].policy.as_str(), told[0].claim.as_str()), ("mine", "ref"));
    }

    #[test]
    fn another_body_is_no_problem() {
        for body in [&b"<html>"[..], b"{}", b"[]", b"", b"{\"error\":\"invalid_request\"}"] {
            assert_eq!(Problem::from_answer(502, body), None);
        }
    }
}
