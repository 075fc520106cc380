//! `POST /api/v2/sessions/self/end`: the job is done.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use segura_model::api::EndAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Bearer;
use crate::http::refused::refused;
use crate::http::request::note_caller;
use crate::service::Origin;

/// End one's session.
pub(super) async fn session_end(
    app: Data<App>,
    origin: Origin,
    request: HttpRequest,
    Bearer(token): Bearer,
) -> Result<Json<EndAnswer>, ApiError> {
    let id = app.sessions.end(&token, origin).await.map_err(refused)?;
    note_caller(&request, format_args!("session {id}"));
    Ok(Json(EndAnswer { id }))
}
