//! Issuer entries and trust policies.

use reqwest::Method;
use segura_model::api::{
    ApplyQuery, DenialAnswer, ExplainAnswer, ExplainRequest, IssuerList, IssuersAnswer, IssuersPut,
    PinRequest, PoliciesAnswer, PoliciesPut, PolicyList, PolicyView, RemovedAnswer,
};
use segura_model::{DenialId, IssuerEntry, IssuerId, PolicyName};

use super::{ALL, Operator};
use crate::error::SdkError;
use crate::transport::{Call, Repeat};

impl Operator {
    /// Every issuer entry.
    pub async fn issuer_list(&self) -> Result<IssuerList, SdkError> {
        self.read("api/v2/trust/issuers", &ALL).await
    }

    /// One issuer entry.
    pub async fn issuer_find(&self, id: &IssuerId) -> Result<IssuerEntry, SdkError> {
        self.read(&format!("api/v2/trust/issuers/{id}"), &ALL).await
    }

    /// Add or replace issuer entries, all or none.
    pub async fn issuer_apply(
        &self,
        issuers: &IssuersPut,
        query: ApplyQuery,
    ) -> Result<IssuersAnswer, SdkError> {
        let url = self.transport.url_with("api/v2/trust/issuers", &query);
        let call = Call::new(Method::PUT, url).repeat(Repeat::Always).json(issuers)?;
        self.transport.fetch(call.token(&self.token)).await
    }

    /// Remove an issuer entry: its tokens are refused from now on.
    pub async fn issuer_remove(&self, id: &IssuerId) -> Result<RemovedAnswer, SdkError> {
        self.remove(&format!("api/v2/trust/issuers/{id}")).await
    }

    /// Every policy.
    pub async fn policy_list(&self) -> Result<PolicyList, SdkError> {
        self.read("api/v2/trust/policies", &ALL).await
    }

    /// One policy.
    pub async fn policy_find(&self, name: &PolicyName) -> Result<PolicyView, SdkError> {
        self.read(&format!("api/v2/trust/policies/{name}"), &ALL).await
    }

    /// Add or replace policies, all or none.
    pub async fn policy_apply(
        &self,
        policies: &PoliciesPut,
        query: ApplyQuery,
    ) -> Result<PoliciesAnswer, SdkError> {
        let url = self.transport.url_with("api/v2/trust/policies", &query);
        let call = Call::new(Method::PUT, url).repeat(Repeat::Always).json(policies)?;
        self.transport.fetch(call.token(&self.token)).await
    }

    /// Confirm the ids of a pending policy, which then grants.
    pub async fn policy_pin(
        &self,
        name: &PolicyName,
        pin: &PinRequest,
    ) -> Result<PolicyView, SdkError> {
        let route = format!("api/v2/trust/policies/{name}/pin");
        self.send(Method::POST, &route, Repeat::IfUnserved, pin).await
    }

    /// Remove a policy: what it granted is refused from now on.
    pub async fn policy_remove(&self, name: &PolicyName) -> Result<RemovedAnswer, SdkError> {
        self.remove(&format!("api/v2/trust/policies/{name}")).await
    }

    /// What would become of a token, or of claims. Spends nothing.
    pub async fn explain(&self, request: &ExplainRequest) -> Result<ExplainAnswer, SdkError> {
        self.send(Method::POST, "api/v2/trust/explain", Repeat::Always, request).await
    }

    /// Open a refusal.
    pub async fn denial_find(&self, id: DenialId) -> Result<DenialAnswer, SdkError> {
        self.read(&format!("api/v2/trust/denials/{id}"), &ALL).await
    }
}
