//! `GET /api/v2/a2a/secrets`: names and what is known of them, never a value.

use actix_web::web::{Data, Json};
use segura_model::api::{SecretList, SecretListQuery};

use super::answer::summary;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{StrictQuery, page_size};
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// List secrets.
pub(super) async fn secret_list(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    query: StrictQuery<SecretListQuery>,
) -> Result<Json<SecretList>, ApiError> {
    let SecretListQuery { prefix, after, limit } = query.0;
    let limit = page_size(limit);
    let listed = app
        .secrets
        .list(prefix.as_ref(), after.as_ref(), limit, &operator, origin)
        .await
        .map_err(refused)?;
    let next = listed.last().filter(|_| listed.len() == limit).map(|last| last.head.path.clone());
    let now = app.now();
    let secrets = listed.into_iter().map(|one| summary(one, now)).collect();
    Ok(Json(SecretList { secrets, next }))
}
