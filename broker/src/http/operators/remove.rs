//! `DELETE /api/v2/sys/operators/{name}`: out at once, on every node.

use actix_web::web::{Data, Json};
use segura_model::OperatorName;
use segura_model::api::RemovedAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// Remove an operator.
pub(super) async fn operator_remove(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    Named(name): Named<OperatorName>,
) -> Result<Json<RemovedAnswer>, ApiError> {
    let removed = name.to_string();
    app.operators.remove(name, &operator, origin).await.map_err(refused)?;
    Ok(Json(RemovedAnswer { removed }))
}
