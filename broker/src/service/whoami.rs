//! Who the broker takes a token for. Nothing is spent.
//!
//! The claims are the caller's own, so whoever holds a verified token may see them.
//! Policies are named only to the rightful owner of an anchor (design, decision 5).

use std::sync::Arc;

use segura_model::api::PolicyMatch;
use segura_model::policy::{Scope, explain};
use segura_model::{Class, Classify, SecretText, Workload};
use segura_store::StoreError;

use super::admission::{AdmissionError, admit};
use super::refusals::{Refusal, Refusing};
use super::{Core, Origin};

/// What the broker sees in a token.
#[derive(Debug)]
pub struct Seen {
    /// The caller.
    pub workload: Arc<Workload>,
    /// The policies whose anchor it carries.
    pub policies: Vec<PolicyMatch>,
}

/// Why the broker does not say.
#[derive(Debug, thiserror::Error)]
pub enum WhoamiError {
    /// The token was not let in.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for WhoamiError {
    fn class(&self) -> Class {
        match self {
            Self::Admission(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl Refusing for WhoamiError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Admission(error) => error.refusal(),
            Self::Store(_) => None,
        }
    }
}

/// Says who is calling.
#[derive(Clone)]
pub struct WhoamiService {
    core: Arc<Core>,
}

impl WhoamiService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Verify a token and say what is seen in it.
    pub async fn whoami(&self, token: &SecretText, origin: Origin) -> Result<Seen, WhoamiError> {
        let snapshot = self.core.snapshots.current().await?;
        let workload = admit(&self.core, &snapshot, token, origin).await?.workload;
        let now = self.core.clock.now();
        let trace = explain(&snapshot.policies, &workload, &[], now, Scope::Candidates);
        let policies = trace.for_caller().policies.into_iter();
        let policies = policies
            .map(|policy| PolicyMatch {
                policy: policy.policy,
                matches: policy.matched,
                note: policy.note,
            })
            .collect();
        Ok(Seen { workload, policies })
    }
}
