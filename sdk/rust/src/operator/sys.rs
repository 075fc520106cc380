//! Operators, sessions, epochs.

use reqwest::Method;
use segura_model::api::{
    EndAnswer, EpochAnswer, EpochRequest, KeyringAnswer, KeyringRoll, OperatorAdd,
    OperatorCredential, OperatorList, OperatorRotate, RemovedAnswer, SelfAnswer, SessionList,
    SessionListQuery,
};
use segura_model::{OperatorName, SessionId};

use super::{ALL, Operator};
use crate::error::SdkError;
use crate::transport::Repeat;

impl Operator {
    /// Who this operator is.
    pub async fn itself(&self) -> Result<SelfAnswer, SdkError> {
        self.read("api/v2/sys/self", &ALL).await
    }

    /// Every operator.
    pub async fn operator_list(&self) -> Result<OperatorList, SdkError> {
        self.read("api/v2/sys/operators", &ALL).await
    }

    /// Add an operator. The answer holds the credential, this once.
    pub async fn operator_add(&self, new: &OperatorAdd) -> Result<OperatorCredential, SdkError> {
        self.send(Method::POST, "api/v2/sys/operators", Repeat::IfUnserved, new).await
    }

    /// Replace an operator's credential. If the answer is lost, rotate again.
    pub async fn operator_rotate(
        &self,
        name: &OperatorName,
        request: &OperatorRotate,
    ) -> Result<OperatorCredential, SdkError> {
        let route = format!("api/v2/sys/operators/{name}/rotate");
        self.send(Method::POST, &route, Repeat::IfUnserved, request).await
    }

    /// Remove an operator.
    pub async fn operator_remove(&self, name: &OperatorName) -> Result<RemovedAnswer, SdkError> {
        self.remove(&format!("api/v2/sys/operators/{name}")).await
    }

    /// One page of the sessions that are not over.
    pub async fn session_list(&self, query: &SessionListQuery) -> Result<SessionList, SdkError> {
        self.read("api/v2/sessions", query).await
    }

    /// End a workload's session: its next read is refused on every node.
    pub async fn session_end(&self, id: SessionId) -> Result<EndAnswer, SdkError> {
        self.remove(&format!("api/v2/sessions/{id}")).await
    }

    /// Which generations of keys there are, without any key.
    pub async fn keyring(&self) -> Result<KeyringAnswer, SdkError> {
        self.read("api/v2/sys/keyring", &ALL).await
    }

    /// Give the keyring a new generation in place of the one that [`Self::keyring`] told.
    /// Takes some seconds: all nodes must learn of it.
    pub async fn keyring_roll(&self, replaces: u32) -> Result<KeyringAnswer, SdkError> {
        let request = KeyringRoll { replaces };
        self.send(Method::POST, "api/v2/sys/keyring/roll", Repeat::IfUnserved, &request).await
    }

    /// Call off every session in scope that is open now.
    pub async fn epoch_raise(&self, request: &EpochRequest) -> Result<EpochAnswer, SdkError> {
        self.send(Method::POST, "api/v2/sys/epoch", Repeat::Always, request).await
    }
}
