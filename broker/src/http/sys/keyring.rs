//! `GET /api/v2/sys/keyring`, `POST /api/v2/sys/keyring/roll`: the generations of the keys
//! that all others hang on. No key leaves this way.

use actix_web::web::{Data, Json};
use segura_model::api::{KeyringAnswer, KeyringRoll};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;
use crate::service::Origin;
use crate::service::access::Operator;

/// Show which keys there are.
pub(super) async fn keyring_show(app: Data<App>) -> Result<Json<KeyringAnswer>, ApiError> {
    Ok(Json(app.keyring.show().await?))
}

/// Give the keyring a new generation.
pub(super) async fn keyring_roll(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    StrictJson(request): StrictJson<KeyringRoll>,
) -> Result<Json<KeyringAnswer>, ApiError> {
    app.keyring.roll(request.replaces, &operator, origin).await?;
    Ok(Json(app.keyring.show().await?))
}
