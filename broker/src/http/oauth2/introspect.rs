//! `POST /oauth2/introspect`: whose session a token is of, for operators (RFC 7662).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::error::{Standard, no_store};
use super::revoke::missing;
use super::token::read;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::FormBody;
use crate::service::sessions::Introspected;

/// Tell an operator about a session token.
pub(super) async fn token_introspect(
    app: Data<App>,
    request: HttpRequest,
    body: Result<FormBody, ApiError>,
) -> HttpResponse {
    match introspect(&app, &request, body).await {
        Ok(answer) => no_store(HttpResponse::Ok()).json(answer),
        Err(error) => error.answer(),
    }
}

async fn introspect(
    app: &App,
    request: &HttpRequest,
    body: Result<FormBody, ApiError>,
) -> Result<Value, Standard> {
    let form = read(request, body)?;
    let token = form.one("token").ok_or_else(missing)?;
    let failed = |error| Standard { code: "temporarily_unavailable", error: ApiError::from(error) };
    // RFC 7662 section 2.2: of a token that is not active nothing else is said.
    let inactive = json!({ "active": false });
    let found = app.sessions.introspect(token).await.map_err(failed)?;
    Ok(found.map_or(inactive, |session| describe(app.url(), &session)))
}

fn describe(url: &str, session: &Introspected) -> Value {
    json!({
        "active": true,
        "iss": url,
        "sub": session.subject,
        "jti": session.id,
        "iat": session.opened_at,
        "exp": session.expires_at,
        "token_type": "Bearer",
        "issuer_entry": session.issuer,
    })
}
