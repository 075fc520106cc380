//! The operator of a request with a body, asked for once more when the body is there.
//!
//! A body may take `limits.body_time` to arrive, and its sender chooses when: what was let
//! in before it must still be so after it, or a credential that was rotated because it had
//! leaked goes on reading for as long. Whatever reads a body asks here, so no handler can
//! forget to. Writes ask again, in their own transaction.

use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use segura_model::Class;

use super::origin_of;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::refused::refused;
use crate::service::Origin;
use crate::service::access::Operator;

/// The credential that an operator's request was let in with.
pub(super) struct ShownCredential {
    app: Data<App>,
    operator: Operator,
    origin: Origin,
}

impl ShownCredential {
    /// That of this request; none when it is no operator's.
    pub(super) fn of(request: &HttpRequest) -> Result<Option<Self>, ApiError> {
        let Some(operator) = request.extensions().get::<Operator>().cloned() else {
            return Ok(None);
        };
        let missing = || ApiError::new(Class::internal("no-application"), "the server failed");
        let app = request.app_data::<Data<App>>().cloned().ok_or_else(missing)?;
        Ok(Some(Self { app, operator, origin: origin_of(request)? }))
    }

    /// Refuse the request unless the credential still holds.
    pub(super) async fn demand(&self) -> Result<(), ApiError> {
        let Self { app, operator, origin } = self;
        app.operators.demand_still(operator, *origin).await.map_err(refused)
    }
}
