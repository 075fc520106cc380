//! What a session may do: read what its policies grant, say that it lives, end.

use std::sync::Arc;

use reqwest::Method;
use segura_model::api::{EndAnswer, HeartbeatAnswer, SecretAnswer, SecretQuery};
use segura_model::{SecretPath, SecretText};

use crate::error::SdkError;
use crate::transport::{Call, Repeat, SECRET_LIMIT, Transport};

/// A workload's stay at a broker.
#[derive(Clone, Debug)]
pub struct Session {
    transport: Arc<Transport>,
    token: SecretText,
}

impl Session {
    pub(crate) const fn new(transport: Arc<Transport>, token: SecretText) -> Self {
        Self { transport, token }
    }

    /// Read a secret. Today's policies decide, not those of the exchange.
    pub async fn read(
        &self,
        path: &SecretPath,
        query: &SecretQuery,
    ) -> Result<SecretAnswer, SdkError> {
        let url = self.transport.url_with(&format!("api/v2/a2a/secrets/{path}"), query);
        let call = Call::new(Method::GET, url).limit(SECRET_LIMIT);
        self.transport.fetch(call.token(&self.token)).await
    }

    /// Say that the workload still runs.
    pub async fn heartbeat(&self) -> Result<HeartbeatAnswer, SdkError> {
        let url = self.transport.url("api/v2/sessions/self/heartbeat");
        let call = Call::new(Method::POST, url).repeat(Repeat::Always);
        self.transport.fetch(call.token(&self.token)).await
    }

    /// End the session: the token is refused from now on.
    pub async fn end(self) -> Result<EndAnswer, SdkError> {
        let url = self.transport.url("api/v2/sessions/self/end");
        self.transport.fetch(Call::new(Method::POST, url).token(&self.token)).await
    }
}
