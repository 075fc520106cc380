//! What the routes cannot say about themselves: a name, a summary, the types.
//!
//! Adding a route: a row here, or the test in `mod.rs` names it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use segura_model::api;

use crate::http::routes::Route;

/// One operation of the API.
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<Type>,
    pub(super) request: Option<Type>,
    pub(super) answer: Type,
}

/// The schema of a type.
pub(super) type Type = fn(&mut SchemaGenerator) -> Schema;

impl Operation {
    /// Whether it describes this route.
    pub(super) fn is_for(&self, route: &Route) -> bool {
        route.method.as_str() == self.method && super::template(route.path) == self.path
    }

    const fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(of::<T>), ..self }
    }

    const fn takes<T: JsonSchema>(self) -> Self {
        Self { request: Some(of::<T>), ..self }
    }

    const fn form(self, form: Type) -> Self {
        Self { request: Some(form), ..self }
    }
}

/// The operation of a route.
pub(super) fn find(route: &Route) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.is_for(route))
}

const fn answers<T: JsonSchema>(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    Operation { method, path, id, summary, query: None, request: None, answer: of::<T> }
}

fn of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

/// An operation whose answer is a standard's and has no type here.
const fn free(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    Operation { method, path, id, summary, query: None, request: None, answer: any_object }
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// The form of RFC 7009 section 2.1 and RFC 7662 section 2.1.
fn token_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-media-type": "application/x-www-form-urlencoded",
        "type": "object",
        "required": ["token"],
        "properties": {
            "token": {"type": "string", "description": "A session's token."},
            "token_type_hint": {"type": "string"},
        },
    })
}

/// The form of RFC 8693, section 2.1.
fn exchange_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-media-type": "application/x-www-form-urlencoded",
        "type": "object",
        "required": ["grant_type", "subject_token", "subject_token_type"],
        "properties": {
            "grant_type": {"const": api::token::GRANT_TOKEN_EXCHANGE},
            "subject_token": {"type": "string", "description": "The job's identity token."},
            "subject_token_type": {"enum": [api::token::TYPE_JWT, api::token::TYPE_ID_TOKEN]},
        },
    })
}

/// By resource, as `routes::all` lists them.
pub(super) const OPERATIONS: &[Operation] = &[
    answers::<api::AuditPage>("GET", "/api/v2/audit", "audit_list", "Read the ledger.")
        .query::<api::AuditQuery>(),
    answers::<api::HeadAnswer>(
        "GET",
        "/api/v2/audit/head",
        "audit_head",
        "The heads of the ledger's chains, to be kept elsewhere.",
    ),
    answers::<api::VerifyAnswer>(
        "POST",
        "/api/v2/audit/verify",
        "audit_verify",
        "Look for records that were removed, reordered, edited or cut off.",
    )
    .takes::<api::VerifyRequest>(),
    answers::<api::DeliveryAnswer>(
        "POST",
        "/api/v2/deliveries",
        "deliver",
        "Secrets for an identity token, all or none.",
    )
    .takes::<api::DeliveryRequest>(),
    answers::<api::TokenAnswer>(
        "POST",
        "/oauth2/token",
        "token_exchange",
        "A session for an identity token (RFC 8693).",
    )
    .form(exchange_form),
    free("POST", "/oauth2/revoke", "token_revoke", "End a session by its token (RFC 7009).")
        .form(token_form),
    free(
        "POST",
        "/oauth2/introspect",
        "token_introspect",
        "What a session's token says (RFC 7662).",
    )
    .form(token_form),
    free(
        "GET",
        "/.well-known/oauth-authorization-server",
        "server_metadata",
        "What the standard clients need to know (RFC 8414).",
    ),
    answers::<api::OperatorList>("GET", "/api/v2/sys/operators", "operator_list", "The operators."),
    answers::<api::OperatorCredential>(
        "POST",
        "/api/v2/sys/operators",
        "operator_add",
        "Add an operator; the credential is shown once.",
    )
    .takes::<api::OperatorAdd>(),
    answers::<api::OperatorCredential>(
        "POST",
        "/api/v2/sys/operators/{name}/rotate",
        "operator_rotate",
        "Replace an operator's credential; the new one is shown once.",
    )
    .takes::<api::OperatorRotate>(),
    answers::<api::RemovedAnswer>(
        "DELETE",
        "/api/v2/sys/operators/{name}",
        "operator_remove",
        "Remove an operator.",
    ),
    answers::<api::SecretList>(
        "GET",
        "/api/v2/a2a/secrets",
        "secret_list",
        "The names of secrets.",
    )
    .query::<api::SecretListQuery>(),
    answers::<api::SecretAnswer>(
        "GET",
        "/api/v2/a2a/secrets/{path}",
        "secret_read",
        "Read a secret, or with `view=history` what is known of its versions.",
    )
    .query::<api::SecretQuery>(),
    answers::<api::SecretPutAnswer>(
        "PUT",
        "/api/v2/a2a/secrets/{path}",
        "secret_put",
        "Write a new version of a secret.",
    )
    .takes::<api::SecretPut>(),
    answers::<api::SecretRemoveAnswer>(
        "DELETE",
        "/api/v2/a2a/secrets/{path}",
        "secret_remove",
        "Remove a secret with all its versions.",
    ),
    answers::<api::HeartbeatAnswer>(
        "POST",
        "/api/v2/sessions/self/heartbeat",
        "session_heartbeat",
        "Say that the session's job still runs.",
    ),
    answers::<api::EndAnswer>(
        "POST",
        "/api/v2/sessions/self/end",
        "session_end_self",
        "End the session.",
    ),
    answers::<api::SessionList>("GET", "/api/v2/sessions", "session_list", "The sessions.")
        .query::<api::SessionListQuery>(),
    answers::<api::EndAnswer>(
        "DELETE",
        "/api/v2/sessions/{id}",
        "session_end",
        "End someone's session.",
    ),
    answers::<api::CaAnswer>(
        "GET",
        "/api/v2/sys/ca",
        "ca_show",
        "The certificate authority to trust.",
    ),
    answers::<api::SelfAnswer>("GET", "/api/v2/sys/self", "self_show", "Which operator this is."),
    answers::<api::EpochAnswer>(
        "POST",
        "/api/v2/sys/epoch",
        "epoch_raise",
        "Refuse every session of this scope from now on.",
    )
    .takes::<api::EpochRequest>(),
    answers::<api::KeyringAnswer>(
        "GET",
        "/api/v2/sys/keyring",
        "keyring_show",
        "Which generations of keys there are, without any key.",
    ),
    answers::<api::KeyringAnswer>(
        "POST",
        "/api/v2/sys/keyring/roll",
        "keyring_roll",
        "Give the keyring a new generation; what the older ones sealed still opens.",
    )
    .takes::<api::KeyringRoll>(),
    answers::<api::IssuerList>(
        "GET",
        "/api/v2/trust/issuers",
        "issuer_list",
        "The issuer entries.",
    ),
    answers::<api::IssuersAnswer>(
        "PUT",
        "/api/v2/trust/issuers",
        "issuer_apply",
        "Apply issuer entries, all or none.",
    )
    .query::<api::ApplyQuery>()
    .takes::<api::IssuersPut>(),
    answers::<segura_model::IssuerEntry>(
        "GET",
        "/api/v2/trust/issuers/{id}",
        "issuer_show",
        "An issuer entry.",
    ),
    answers::<api::RemovedAnswer>(
        "DELETE",
        "/api/v2/trust/issuers/{id}",
        "issuer_remove",
        "Remove an issuer entry.",
    ),
    answers::<api::PolicyList>("GET", "/api/v2/trust/policies", "policy_list", "The policies."),
    answers::<api::PoliciesAnswer>(
        "PUT",
        "/api/v2/trust/policies",
        "policy_apply",
        "Apply policies, all or none.",
    )
    .query::<api::ApplyQuery>()
    .takes::<api::PoliciesPut>(),
    answers::<api::PolicyView>("GET", "/api/v2/trust/policies/{name}", "policy_show", "A policy."),
    answers::<api::RemovedAnswer>(
        "DELETE",
        "/api/v2/trust/policies/{name}",
        "policy_remove",
        "Remove a policy.",
    ),
    answers::<api::PolicyView>(
        "POST",
        "/api/v2/trust/policies/{name}/pin",
        "policy_pin",
        "Pin the ids of a pending policy.",
    )
    .takes::<api::PinRequest>(),
    answers::<api::ExplainAnswer>(
        "POST",
        "/api/v2/trust/explain",
        "trust_explain",
        "Which policies would match, and why not.",
    )
    .takes::<api::ExplainRequest>(),
    answers::<api::DenialAnswer>(
        "GET",
        "/api/v2/trust/denials/{id}",
        "denial_show",
        "Open a refusal.",
    ),
    answers::<api::WhoamiAnswer>(
        "POST",
        "/api/v2/whoami",
        "whoami",
        "What an identity token proves.",
    )
    .takes::<api::WhoamiRequest>(),
];
