//! `GET /api/v2/audit/head`: the ends of the chains, to be kept outside.

use actix_web::web::{Data, Json};
use segura_model::api::HeadAnswer;

use crate::app::App;
use crate::http::error::ApiError;

/// Show the head of every chain.
pub(super) async fn audit_head(app: Data<App>) -> Result<Json<HeadAnswer>, ApiError> {
    let heads = app.audit.heads().await?;
    Ok(Json(HeadAnswer { heads: heads.iter().map(ToString::to_string).collect() }))
}
