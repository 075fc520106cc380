//! `GET /api/v2/trust/issuers`: every entry.

use actix_web::web::{Data, Json};
use segura_model::api::IssuerList;

use crate::app::App;
use crate::http::error::ApiError;

/// List issuer entries.
pub(super) async fn issuers_list(app: Data<App>) -> Result<Json<IssuerList>, ApiError> {
    Ok(Json(IssuerList { issuers: app.trust.issuers_list().await? }))
}
