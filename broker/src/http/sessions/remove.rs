//! `DELETE /api/v2/sessions/{id}`: end somebody's session.

use actix_web::web::{Data, Json};
use segura_model::SessionId;
use segura_model::api::EndAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// End a session, as an operator.
pub(super) async fn session_remove(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    Named(id): Named<SessionId>,
) -> Result<Json<EndAnswer>, ApiError> {
    app.sessions.end_by_operator(id, &operator, origin).await.map_err(refused)?;
    Ok(Json(EndAnswer { id }))
}
