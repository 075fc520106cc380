//! `GET /api/v2/sys/ca`: the authority to trust for this server. It is public; whether it
//! is the right one, the fingerprint says, that comes another way.

use actix_web::web::{Data, Json};
use segura_model::api::CaAnswer;

use crate::app::App;
use crate::http::error::ApiError;

/// Show the certificate authority.
pub(super) async fn ca_show(app: Data<App>) -> Result<Json<CaAnswer>, ApiError> {
    let authority = app.authority.show().await?;
    Ok(Json(CaAnswer { pem: authority.pem, fingerprint: authority.fingerprint }))
}
