//! `GET /.well-known/oauth-authorization-server` (RFC 8414), from the settings: an address
//! taken from `Host` would be the caller's to choose.

use actix_web::web::{Data, Json};
use segura_model::api::token::{GRANT_TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN};
use serde_json::{Value, json};

use crate::app::App;

/// Describe this server to clients of the standard.
pub(super) async fn server_metadata(app: Data<App>) -> Json<Value> {
    let issuer = app.url().trim_end_matches('/');
    Json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "response_types_supported": [],
        "grant_types_supported": [GRANT_TOKEN_EXCHANGE],
        // The subject token is the client's proof; no client is registered here.
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["bearer"],
        "issued_token_types_supported": [TYPE_ACCESS_TOKEN],
    }))
}
