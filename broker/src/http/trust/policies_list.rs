//! `GET /api/v2/trust/policies`: every policy.

use actix_web::web::{Data, Json};
use segura_model::api::PolicyList;

use crate::app::App;
use crate::http::error::ApiError;
use crate::service::Origin;
use crate::service::access::Operator;

/// List policies.
pub(super) async fn policies_list(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
) -> Result<Json<PolicyList>, ApiError> {
    Ok(Json(PolicyList { policies: app.trust.policies_list(&operator, origin).await? }))
}
