//! `POST /oauth2/token`: exchange an identity token for a session token (RFC 8693).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use segura_model::api::TokenAnswer;
use segura_model::api::token::TYPE_ACCESS_TOKEN;
use segura_model::{Class, SecretText};

use super::error::{Standard, no_store};
use super::form::Form;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::FormBody;
use crate::http::refused::refused;
use crate::http::request::note_caller;
use crate::service::Origin;
use crate::service::exchange::{ExchangeRequest, Exchanged};

/// Exchange an identity token for a session token.
pub(super) async fn token_exchange(
    app: Data<App>,
    origin: Origin,
    request: HttpRequest,
    body: Result<FormBody, ApiError>,
) -> HttpResponse {
    let exchanged = match read(&request, body) {
        Ok(form) => app
            .exchange
            .exchange(parameters(&form), origin)
            .await
            .map_err(|error| Standard { code: error.oauth_code(), error: refused(error) }),
        Err(error) => Err(error),
    };
    match exchanged {
        Ok(exchanged) => {
            note_caller(&request, format_args!("session {}", exchanged.session));
            no_store(HttpResponse::Ok()).json(answer(exchanged))
        }
        Err(error) => error.answer(),
    }
}

/// The form of a request to one of these endpoints.
pub(super) fn read(
    request: &HttpRequest,
    body: Result<FormBody, ApiError>,
) -> Result<Form, Standard> {
    if !request.query_string().is_empty() {
        // A token in an address ends in the logs of every proxy on the way.
        let detail = "send the parameters in the body: none may be in the address";
        let error = ApiError::new(Class::bad_request("parameters-in-query"), detail);
        return Err(Standard::invalid_request(error));
    }
    Ok(Form::parse(&body.map_err(Standard::invalid_request)?.0)?)
}

fn parameters(form: &Form) -> ExchangeRequest {
    let one = |name| form.one(name).cloned();
    let all = |name| form.all(name).cloned().collect::<Vec<SecretText>>();
    ExchangeRequest {
        grant_type: one("grant_type"),
        subject_token: one("subject_token"),
        subject_token_type: one("subject_token_type"),
        actor_token: one("actor_token"),
        actor_token_type: one("actor_token_type"),
        requested_token_type: one("requested_token_type"),
        scope: one("scope"),
        audience: all("audience"),
        resource: all("resource"),
    }
}

fn answer(exchanged: Exchanged) -> TokenAnswer {
    TokenAnswer {
        access_token: exchanged.token,
        issued_token_type: TYPE_ACCESS_TOKEN.to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: exchanged.expires_in,
    }
}
