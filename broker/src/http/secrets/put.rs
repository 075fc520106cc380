//! `PUT /api/v2/a2a/secrets/{path}`: a new version.

use actix_web::web::{Data, Json};
use segura_model::api::{SecretPut, SecretPutAnswer};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{PathOfSecret, StrictJson};
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;
use crate::service::secrets::SecretWritten;

/// A version has at most 1 MiB, and JSON writes a control character in six.
const LIMIT: usize = 7 * 1024 * 1024;

/// Write a version of a secret.
pub(super) async fn secret_put(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    PathOfSecret(path): PathOfSecret,
    StrictJson(put): StrictJson<SecretPut, LIMIT>,
) -> Result<Json<SecretPutAnswer>, ApiError> {
    let written = app.secrets.put(path.clone(), put, &operator, origin).await.map_err(refused)?;
    let SecretWritten { version, expires_at, expired, drops, dropped } = written;
    Ok(Json(SecretPutAnswer {
        path,
        version,
        expires_at,
        expired,
        fields_dropped: drops,
        dropped_fields: dropped,
    }))
}
