//! `PUT /api/v2/trust/issuers`: issuer files, all of them or none.

use actix_web::web::{Data, Json};
use segura_model::api::{ApplyQuery, IssuersAnswer, IssuersPut, MOST_APPLIED_BYTES};

use super::run;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{StrictJson, StrictQuery};
use crate::service::Origin;
use crate::service::access::Operator;

/// Apply issuer files.
pub(super) async fn issuers_apply(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    StrictQuery(ApplyQuery { dry_run }): StrictQuery<ApplyQuery>,
    StrictJson(put): StrictJson<IssuersPut, MOST_APPLIED_BYTES>,
) -> Result<Json<IssuersAnswer>, ApiError> {
    let issuers = app.trust.issuers_apply(put.issuers, run(dry_run), &operator, origin).await?;
    Ok(Json(IssuersAnswer { issuers, dry_run }))
}
