//! `POST /api/v2/whoami`: the verified claims, and the caller's own policies. Nothing is
//! spent.

use std::sync::Arc;

use actix_web::web::{Data, Json};
use segura_model::api::{WhoamiAnswer, WhoamiRequest};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;
use crate::http::refused::refused;
use crate::service::Origin;

/// Say who a token is of.
pub(super) async fn whoami_ask(
    app: Data<App>,
    origin: Origin,
    StrictJson(request): StrictJson<WhoamiRequest>,
) -> Result<Json<WhoamiAnswer>, ApiError> {
    let seen = app.whoami.whoami(&request.token, origin).await.map_err(refused)?;
    let workload = Arc::unwrap_or_clone(seen.workload);
    Ok(Json(WhoamiAnswer {
        issuer: workload.issuer,
        subject: workload.subject,
        audience: workload.audience,
        expires_at: workload.expires_at,
        claims: workload.claims,
        policies: seen.policies,
    }))
}
