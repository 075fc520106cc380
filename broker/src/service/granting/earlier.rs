//! The answer that a spent token was given before, as far as it takes to give it again.

use std::sync::Arc;

use segura_model::{PolicyName, SessionId, Timestamp, Workload};
use segura_store::{ChangeNumber, SpentToken, StoreError};
use serde::{Deserialize, Serialize};

use super::GrantError;
use crate::service::opening::OpenedSecret;
use crate::service::ticket::Session;

/// What repeats an answer: kept beside the spent token. Never a secret.
#[derive(Serialize, Deserialize)]
pub(super) struct Earlier {
    pub(super) session: SessionId,
    opened_at: Timestamp,
    expires_at: Timestamp,
    change: i64,
    policies: Vec<PolicyName>,
    pub(super) versions: Vec<u32>,
}

impl Earlier {
    pub(super) fn of(session: &Session, secrets: &[OpenedSecret]) -> Self {
        Self {
            session: session.id,
            opened_at: session.opened_at,
            expires_at: session.expires_at,
            change: session.change.0,
            policies: session.policies.clone(),
            versions: secrets.iter().map(|secret| secret.sealed.version()).collect(),
        }
    }

    pub(super) fn session(&self, workload: Arc<Workload>) -> Session {
        Session {
            id: self.session,
            opened_at: self.opened_at,
            expires_at: self.expires_at,
            change: ChangeNumber(self.change),
            policies: self.policies.clone(),
            workload,
        }
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("ids and numbers are JSON")
    }

    pub(super) fn parse(spent: &SpentToken) -> Result<Self, GrantError> {
        serde_json::from_str(&spent.answer).map_err(|error| {
            let source = Arc::new(error);
            GrantError::Store(StoreError::Corrupt { what: "the answer of a spent token", source })
        })
    }
}
