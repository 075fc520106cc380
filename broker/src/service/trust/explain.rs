//! What would happen to a token, or to claims that no token has yet; nothing is spent.

use std::sync::Arc;

use segura_model::api::{ExplainAnswer, ExplainRequest};
use segura_model::policy::{Scope, explain};
use segura_model::{ClaimValue, Claims, IssuerId, SecretPath, Timestamp, Workload};

use super::{TrustError, TrustService};
use crate::service::Origin;
use crate::service::access::Operator;
use crate::service::snapshot::Snapshot;

/// Seconds for which a token lives that nobody has issued.
const LIFETIME: i64 = 300;

impl TrustService {
    /// Every policy of the issuer, and each check, for an operator.
    pub async fn explain(
        &self,
        request: ExplainRequest,
        by: &Operator,
        origin: Origin,
    ) -> Result<ExplainAnswer, TrustError> {
        let ExplainRequest { token, claims, issuer, secrets } = request;
        let snapshot = self.core.snapshots.current().await?;
        let workload = match (token, claims, issuer) {
            (Some(token), None, None) => {
                // EXPOSE: the token is what is verified.
                let verified = self.core.verifier.verify(&snapshot.issuers, token.expose()).await;
                let verified = verified.map_err(|error| TrustError::Token(Box::new(error)))?;
                Arc::unwrap_or_clone(verified.workload)
            }
            (None, Some(claims), Some(issuer)) => {
                imagined(&snapshot, &issuer, claims, self.core.clock.now())?
            }
            _ => return Err(TrustError::Ask),
        };
        let paths: Vec<SecretPath> = secrets.into_iter().map(|wanted| wanted.path).collect();
        // Whatever the network keeps waiting, the verifier has done before the turn.
        let turn = self.turn(by, origin).await?;
        let now = self.core.clock.now();
        let explained = move || {
            let trace = explain(&snapshot.policies, &workload, &paths, now, Scope::All);
            ExplainAnswer { issuer: workload.issuer, subject: workload.subject, trace }
        };
        Ok(turn.work(explained).await?)
    }
}

/// The workload that a token with these claims would be, issued now unless they say when:
/// who writes them down asks about policies, and no policy tests times or the issuer's URL.
fn imagined(
    snapshot: &Snapshot,
    issuer: &IssuerId,
    mut claims: Claims,
    now: Timestamp,
) -> Result<Workload, TrustError> {
    let entry = snapshot.issuers.by_id(issuer);
    let entry = entry.ok_or_else(|| TrustError::IssuerNotFound(issuer.clone()))?;
    let preset = segura_plugins::preset(&entry.preset);
    let preset = preset.ok_or_else(|| TrustError::IssuerNotFound(issuer.clone()))?;
    let refuse = |why: String| TrustError::Claims { issuer: issuer.clone(), why };
    // Which audience is no question of policy, so any of the entry's will do.
    let audience = entry.audiences.first().cloned();
    let audience = audience.ok_or_else(|| refuse("the entry accepts no audience".to_owned()))?;
    claims.supply("iss", ClaimValue::Text(entry.iss.as_str().to_owned()));
    claims.supply("iat", ClaimValue::Integer(now.0));
    claims.supply("exp", ClaimValue::Integer(now.0.saturating_add(LIFETIME)));
    Workload::from_claims(entry, preset, audience, claims)
        .map_err(|error| refuse(error.to_string()))
}
