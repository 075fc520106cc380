//! `POST /api/v2/sys/operators`: a new operator. Its token is shown this once.

use actix_web::web::{Data, Json};
use segura_model::api::{OperatorAdd, OperatorCredential};

use super::credential;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// Add an operator.
pub(super) async fn operator_add(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    StrictJson(add): StrictJson<OperatorAdd>,
) -> Result<Json<OperatorCredential>, ApiError> {
    let added = app.operators.add(add, &operator, origin).await.map_err(refused)?;
    Ok(Json(credential(added)))
}
