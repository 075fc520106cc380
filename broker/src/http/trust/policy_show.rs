//! `GET /api/v2/trust/policies/{name}`: one policy.

use actix_web::web::{Data, Json};
use segura_model::PolicyName;
use segura_model::api::PolicyView;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;

/// Show a policy.
pub(super) async fn policy_show(
    app: Data<App>,
    Named(name): Named<PolicyName>,
) -> Result<Json<PolicyView>, ApiError> {
    Ok(Json(app.trust.policy(&name).await?))
}
