//! `DELETE /api/v2/trust/policies/{name}`: what it alone granted is refused from now on.

use actix_web::web::{Data, Json};
use segura_model::PolicyName;
use segura_model::api::RemovedAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;
use crate::service::Origin;
use crate::service::access::Operator;

/// Remove a policy.
pub(super) async fn policy_remove(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    Named(name): Named<PolicyName>,
) -> Result<Json<RemovedAnswer>, ApiError> {
    let removed = name.to_string();
    app.trust.policy_remove(name, &operator, origin).await?;
    Ok(Json(RemovedAnswer { removed }))
}
