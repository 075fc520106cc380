//! `POST /api/v2/trust/policies/{name}/pin`: confirm the ids of a pending policy.

use actix_web::web::{Data, Json};
use segura_model::PolicyName;
use segura_model::api::{PinRequest, PolicyView};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Named, StrictJson};
use crate::service::Origin;
use crate::service::access::Operator;

/// Pin a policy.
pub(super) async fn policy_pin(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    Named(name): Named<PolicyName>,
    StrictJson(request): StrictJson<PinRequest>,
) -> Result<Json<PolicyView>, ApiError> {
    Ok(Json(app.trust.policy_pin(name, request.anchor, &operator, origin).await?))
}
