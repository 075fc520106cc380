//! `GET /api/v2/trust/issuers/{id}`: one entry.

use actix_web::web::{Data, Json};
use segura_model::{IssuerEntry, IssuerId};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;

/// Show an issuer entry.
pub(super) async fn issuer_show(
    app: Data<App>,
    Named(id): Named<IssuerId>,
) -> Result<Json<IssuerEntry>, ApiError> {
    Ok(Json(app.trust.issuer(&id).await?))
}
