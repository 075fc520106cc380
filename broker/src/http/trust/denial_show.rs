//! `GET /api/v2/trust/denials/{id}`: what a refused caller was not told.

use actix_web::web::{Data, Json};
use segura_model::DenialId;
use segura_model::api::DenialAnswer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Named;
use crate::service::access::Operator;
use crate::service::trust::denials::Denial;

/// Open a refusal.
pub(super) async fn denial_show(
    app: Data<App>,
    operator: Operator,
    Named(id): Named<DenialId>,
) -> Result<Json<DenialAnswer>, ApiError> {
    let Denial { record, reasons, trace } = app.trust.denial(id, &operator).await?;
    Ok(Json(DenialAnswer { denial: id, record, reasons, trace }))
}
