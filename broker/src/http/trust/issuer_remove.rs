//! `DELETE /api/v2/trust/issuers/{id}`: believe an issuer no more.

use actix_web::web::{Data, Json};
use segura_model::IssuerId;
use segura_model::api::RemovedAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;
use crate::service::Origin;
use crate::service::access::Operator;

/// Remove an issuer entry.
pub(super) async fn issuer_remove(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    Named(id): Named<IssuerId>,
) -> Result<Json<RemovedAnswer>, ApiError> {
    let removed = id.to_string();
    app.trust.issuer_remove(id, &operator, origin).await?;
    Ok(Json(RemovedAnswer { removed }))
}
