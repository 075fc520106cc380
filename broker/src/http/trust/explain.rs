//! `POST /api/v2/trust/explain`: every policy, each check; nothing is spent.

use actix_web::web::{Data, Json};
use segura_model::api::{ExplainAnswer, ExplainRequest};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;
use crate::service::Origin;
use crate::service::access::Operator;

/// Explain what would happen.
pub(super) async fn trust_explain(
    app: Data<App>,
    origin: Origin,
    operator: Operator,
    StrictJson(request): StrictJson<ExplainRequest, 131_072>,
) -> Result<Json<ExplainAnswer>, ApiError> {
    Ok(Json(app.trust.explain(request, &operator, origin).await?))
}
