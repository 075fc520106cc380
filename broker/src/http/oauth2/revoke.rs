//! `POST /oauth2/revoke`: end the session of a token (RFC 7009).
//!
//! Who holds the token may end its session; that is all the authentication there is.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use segura_model::Class;

use super::error::{Standard, no_store};
use super::token::read;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::FormBody;
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::sessions::SessionsError;

/// End the session of a token.
pub(super) async fn token_revoke(
    app: Data<App>,
    origin: Origin,
    request: HttpRequest,
    body: Result<FormBody, ApiError>,
) -> HttpResponse {
    match revoke(&app, origin, &request, body).await {
        Ok(()) => no_store(HttpResponse::Ok()).finish(),
        Err(error) => error.answer(),
    }
}

async fn revoke(
    app: &App,
    origin: Origin,
    request: &HttpRequest,
    body: Result<FormBody, ApiError>,
) -> Result<(), Standard> {
    let form = read(request, body)?;
    let token = form.one("token").ok_or_else(missing)?;
    app.sessions.revoke(token, origin).await.map_err(|error| Standard {
        code: match error {
            SessionsError::OperatorToken => "unsupported_token_type",
            _ => "temporarily_unavailable",
        },
        error: refused(error),
    })
}

/// Neither revocation nor introspection means anything without it.
pub(super) fn missing() -> Standard {
    let class = Class::bad_request("form-malformed");
    Standard::invalid_request(ApiError::new(class, "token is missing"))
}
