//! `GET /api/v2/sys/operators`: all of them, without their tokens.

use actix_web::web::{Data, Json};
use segura_model::api::{OperatorList, OperatorSummary};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::refused::refused;

/// List operators.
pub(super) async fn operator_list(app: Data<App>) -> Result<Json<OperatorList>, ApiError> {
    let stored = app.operators.list().await.map_err(refused)?;
    let operators = stored.into_iter().map(|operator| OperatorSummary {
        id: operator.id,
        name: operator.name,
        role: operator.role,
        created_at: operator.created_at,
        expires_at: operator.expires_at,
    });
    Ok(Json(OperatorList { operators: operators.collect() }))
}
