//! `DELETE /api/v2/a2a/secrets/{path}`: the secret with all its versions.

use actix_web::web::{Data, Json};
use segura_model::api::SecretRemoveAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::PathOfSecret;
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// Remove a secret.
pub(super) async fn secret_remove(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    PathOfSecret(path): PathOfSecret,
) -> Result<Json<SecretRemoveAnswer>, ApiError> {
    app.secrets.remove(path.clone(), &operator, origin).await.map_err(refused)?;
    Ok(Json(SecretRemoveAnswer { path }))
}
