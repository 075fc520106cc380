//! `GET /api/v2/sessions`: the open ones.

use actix_web::web::{Data, Json};
use segura_model::api::{SessionList, SessionListQuery, SessionSummary};
use segura_store::StoredSession;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{StrictQuery, page_size};
use crate::service::sessions::ListSessions;

/// List open sessions.
pub(super) async fn session_list(
    app: Data<App>,
    StrictQuery(query): StrictQuery<SessionListQuery>,
) -> Result<Json<SessionList>, ApiError> {
    let SessionListQuery { issuer, subject, after, limit } = query;
    let list = ListSessions { issuer, subject, after, limit: page_size(limit) };
    let page = app.sessions.list(list).await?;
    let sessions = page.sessions.into_iter().map(summary).collect();
    Ok(Json(SessionList { sessions, next: page.next }))
}

fn summary(stored: StoredSession) -> SessionSummary {
    let session = stored.session;
    SessionSummary {
        id: session.id,
        issuer: session.issuer,
        subject: session.subject,
        policies: session.policies,
        started_at: session.opened_at,
        expires_at: session.expires_at,
    }
}
