//! `POST /api/v2/sessions/self/heartbeat`: does it live, and until when.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use segura_model::api::HeartbeatAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Bearer;
use crate::http::refused::refused;
use crate::http::request::note_caller;
use crate::service::Origin;

/// Ask whether one's session lives.
pub(super) async fn session_heartbeat(
    app: Data<App>,
    origin: Origin,
    request: HttpRequest,
    Bearer(token): Bearer,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    let alive = app.sessions.heartbeat(&token, origin).await.map_err(refused)?;
    note_caller(&request, format_args!("session {}", alive.id));
    Ok(Json(HeartbeatAnswer { id: alive.id, expires_at: alive.expires_at }))
}
