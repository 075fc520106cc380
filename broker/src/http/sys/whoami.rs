//! `GET /api/v2/sys/self`: who the caller is as an operator.

use actix_web::web::Json;
use segura_model::api::SelfAnswer;

use crate::service::access::Operator;

/// Show the operator who asks.
pub(super) async fn self_show(operator: Operator) -> Json<SelfAnswer> {
    let Operator { id, name, role, expires_at, .. } = operator;
    Json(SelfAnswer { id, name, role, expires_at })
}
