//! `POST /api/v2/sys/epoch`: call off every session of a scope that is open now.

use actix_web::web::{Data, Json};
use segura_model::api::{EpochAnswer, EpochRequest};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;
use crate::service::Origin;
use crate::service::access::Operator;

/// Raise an epoch.
pub(super) async fn epoch_raise(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    StrictJson(request): StrictJson<EpochRequest>,
) -> Result<Json<EpochAnswer>, ApiError> {
    let EpochRequest { scope } = request;
    Ok(Json(app.epochs.raise(scope, &operator, origin).await?))
}
