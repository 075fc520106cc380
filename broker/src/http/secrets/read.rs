//! `GET /api/v2/a2a/secrets/{path}`: the values, for a session or an administrator; with
//! `?view=history` the versions without values.

use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use segura_model::SecretPath;
use segura_model::api::{HistoryAnswer, SecretQuery, SecretView, VersionSummary};
use segura_model::wanted::WantedSecret;
use segura_model::{Class, SecretText};

use super::answer::{meta, secret};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Bearer, PathOfSecret, StrictQuery};
use crate::http::refused::refused;
use crate::http::request::note_caller;
use crate::service::Origin;
use crate::service::access::Operator;

/// Read a secret.
pub(super) async fn secret_read(
    app: Data<App>,
    origin: Origin,
    request: HttpRequest,
    Bearer(token): Bearer,
    PathOfSecret(path): PathOfSecret,
    StrictQuery(query): StrictQuery<SecretQuery>,
) -> Result<HttpResponse, ApiError> {
    // The guard lets in an operator, or a token that the service takes for a session's.
    let operator = request.extensions().get::<Operator>().cloned();
    match operator {
        Some(operator) => by_operator(&app, origin, &operator, path, query).await,
        None => by_session(&app, origin, &request, &token, path, query).await,
    }
}

async fn by_session(
    app: &App,
    origin: Origin,
    request: &HttpRequest,
    token: &SecretText,
    path: SecretPath,
    query: SecretQuery,
) -> Result<HttpResponse, ApiError> {
    let SecretQuery { version, field, view } = query;
    if view.is_some() {
        let detail = "the history of a secret is for operators";
        return Err(ApiError::new(Class::forbidden("operators-only"), detail));
    }
    let wanted = WantedSecret { path, field, version };
    let read = app.reads.read(token, wanted, origin).await.map_err(refused)?;
    note_caller(request, format_args!("session {}", read.session));
    Ok(HttpResponse::Ok().json(secret(read.secret, read.receipt, app.now())))
}

async fn by_operator(
    app: &App,
    origin: Origin,
    operator: &Operator,
    path: SecretPath,
    query: SecretQuery,
) -> Result<HttpResponse, ApiError> {
    let SecretQuery { version, field, view } = query;
    match view {
        Some(SecretView::History) => {
            let history = app.secrets.history(&path, operator, origin).await.map_err(refused)?;
            let overdue = history.is_overdue(app.now());
            let versions = history.versions.into_iter().map(|version| VersionSummary {
                version: version.version,
                created_at: version.created_at,
                created_by: version.created_by,
            });
            let (meta, versions) = (meta(history.head.meta), versions.collect());
            Ok(HttpResponse::Ok().json(HistoryAnswer { path, meta, overdue, versions }))
        }
        None => {
            let wanted = WantedSecret { path, field, version };
            let read = app.secrets.read(wanted, operator, origin).await.map_err(refused)?;
            Ok(HttpResponse::Ok().json(secret(read.secret, read.receipt, app.now())))
        }
    }
}
