//! `POST /api/v2/sys/operators/{name}/rotate`: a new token; the old one ends.

use actix_web::web::{Data, Json};
use segura_model::OperatorName;
use segura_model::api::{OperatorCredential, OperatorRotate};

use super::credential;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Named, StrictJson};
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// Rotate an operator's token.
pub(super) async fn operator_rotate(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    Named(name): Named<OperatorName>,
    StrictJson(OperatorRotate { ttl }): StrictJson<OperatorRotate>,
) -> Result<Json<OperatorCredential>, ApiError> {
    let rotated = app.operators.rotate(name, ttl, &operator, origin).await.map_err(refused)?;
    Ok(Json(credential(rotated)))
}
