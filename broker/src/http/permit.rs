//! Who may call a route, asked before its handler runs.
//!
//! The routes of operators are decided here, whole: the handler gets the operator, and
//! cannot get one any other way. For a job's session only the presence of a token is
//! asked; which session it is, and whether it lives, is the service's to decide in one
//! piece with what is asked of it. Whoever is turned away is counted in the ledger.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use segura_model::{Class, SecretText};
use segura_vault::SESSION_TOKEN_PREFIX;

use super::error::ApiError;
use super::extract::Bearer;
use super::refused::refused;
use super::request::{move_to_jobs, note_caller};
use super::routes::Access;
use crate::app::App;
use crate::service::Origin;
use crate::service::access::Permission;
use crate::service::operators::OperatorsError;

/// Let the request through to its handler, or refuse it.
pub async fn check<B: MessageBody + 'static>(
    access: Access,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let app = request.app_data::<Data<App>>().cloned().ok_or_else(no_app)?;
    let origin = super::extract::origin_of(request.request())?;
    let token = match Bearer::read(request.headers()) {
        Ok(Bearer(token)) => token,
        Err(error) => {
            move_to_jobs(request.request())?;
            return Err(missing(&app, error, origin).await.into());
        }
    };
    match access {
        Access::Operator(permission) => {
            operator(&app, &request, &token, permission, origin).await?;
        }
        Access::SessionOrOperator(permission) if !is_session(&token) => {
            operator(&app, &request, &token, permission, origin).await?;
        }
        Access::Presented | Access::Public | Access::Session | Access::SessionOrOperator(_) => {}
    }
    request.extensions_mut().insert(Bearer(token));
    next.call(request).await
}

async fn operator(
    app: &App,
    request: &ServiceRequest,
    token: &SecretText,
    permission: Permission,
    origin: Origin,
) -> Result<(), ApiError> {
    let found = match app.operators.recognise(token).await.map_err(OperatorsError::from) {
        Ok(Err(unknown)) => {
            move_to_jobs(request.request())?;
            app.operators.turn_away(unknown, origin).await
        }
        Ok(Ok(operator)) => Ok(operator),
        Err(error) => Err(error),
    };
    let operator = found.map_err(refused)?;
    note_caller(request.request(), format_args!("operator {}", operator.name));
    app.operators.demand(&operator, permission, origin).await.map_err(refused)?;
    request.extensions_mut().insert(operator);
    Ok(())
}

/// The caller reads what is wrong with its header; the id is that of the count.
async fn missing(app: &App, error: ApiError, origin: Origin) -> ApiError {
    let why = error.detail().to_owned();
    match app.operators.refuse(error.class(), why, origin).await {
        Ok(refusal) => error.denial(refusal.denial),
        Err(store) => store.into(),
    }
}

fn is_session(token: &SecretText) -> bool {
    // EXPOSE: only the prefix is looked at.
    token.expose().starts_with(SESSION_TOKEN_PREFIX)
}

fn no_app() -> ApiError {
    ApiError::new(Class::internal("no-application"), "the server failed")
}
