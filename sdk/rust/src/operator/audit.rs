//! The ledger.

use reqwest::Method;
use segura_model::api::{AuditPage, AuditQuery, HeadAnswer, VerifyAnswer, VerifyRequest};

use super::{ALL, Operator};
use crate::error::SdkError;
use crate::transport::Repeat;

impl Operator {
    /// One page of records.
    pub async fn audit_list(&self, query: &AuditQuery) -> Result<AuditPage, SdkError> {
        self.read("api/v2/audit", query).await
    }

    /// The ends of the chains. Kept outside, they show later that nothing was cut off.
    pub async fn audit_head(&self) -> Result<HeadAnswer, SdkError> {
        self.read("api/v2/audit/head", &ALL).await
    }

    /// Have the server check every chain, and that these heads are in them. The server
    /// walks the whole ledger: give the client a long `timeout`.
    pub async fn audit_verify(&self, request: &VerifyRequest) -> Result<VerifyAnswer, SdkError> {
        self.send(Method::POST, "api/v2/audit/verify", Repeat::Always, request).await
    }
}
