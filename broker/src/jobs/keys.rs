//! Keeps every issuer's keys fresh, so that an outage begins with fresh ones.

use std::sync::Arc;

use crate::oidc::{IssuerSet, Verifier};

/// Refresh what is due.
pub async fn refresh(verifier: Arc<Verifier>, issuers: Arc<IssuerSet>) {
    verifier.refresh_due(&issuers).await;
}
