//! `PUT /api/v2/trust/policies`: policy files, all of them or none.

use actix_web::web::{Data, Json};
use segura_model::api::{ApplyQuery, MOST_APPLIED_BYTES, PoliciesAnswer, PoliciesPut};

use super::run;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{StrictJson, StrictQuery};
use crate::service::Origin;
use crate::service::access::Operator;

/// Apply policy files.
pub(super) async fn policies_apply(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    StrictQuery(ApplyQuery { dry_run }): StrictQuery<ApplyQuery>,
    StrictJson(put): StrictJson<PoliciesPut, MOST_APPLIED_BYTES>,
) -> Result<Json<PoliciesAnswer>, ApiError> {
    let policies = app.trust.policies_apply(put.policies, run(dry_run), &operator, origin).await?;
    Ok(Json(PoliciesAnswer { policies, dry_run }))
}
