//! `POST /api/v2/deliveries`: an identity token in, secrets and a session out.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use segura_model::api::{
    DeliveredSecret, DeliveryAnswer, DeliveryRequest, SessionGrant, WorkloadName,
};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;
use crate::http::refused::refused;
use crate::http::request::note_caller;
use crate::service::Origin;
use crate::service::delivery::{Delivered, OpenedSecret, Repeated};

/// Deliver every wanted secret, or none.
pub(super) async fn delivery_create(
    app: Data<App>,
    origin: Origin,
    request: HttpRequest,
    body: StrictJson<DeliveryRequest>,
) -> Result<Json<DeliveryAnswer>, ApiError> {
    let delivered = app.delivery.deliver(body.0, origin).await.map_err(refused)?;
    note_caller(&request, format_args!("session {}", delivered.session));
    Ok(Json(answer(delivered)))
}

fn answer(delivered: Delivered) -> DeliveryAnswer {
    let Delivered { session, token, expires_at, secrets, receipt, repeated, workload } = delivered;
    DeliveryAnswer {
        session: SessionGrant { id: session, token, expires_at },
        secrets: secrets.into_iter().map(secret).collect(),
        receipt: receipt.to_string(),
        repeated: repeated == Repeated::Yes,
        workload: WorkloadName {
            issuer: workload.issuer.clone(),
            subject: workload.subject.clone(),
        },
    }
}

fn secret(opened: OpenedSecret) -> DeliveredSecret {
    let OpenedSecret { wanted, sealed, fields } = opened;
    DeliveredSecret { path: wanted.path.clone(), wanted, version: sealed.version(), fields }
}
