//! What holds for all bodies: requests refuse the unknown, all of them have a schema,
//! and none of them shows a secret when it is printed.

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// A request reads back as written, and refuses one member more.
fn is_strict<T: DeserializeOwned + Serialize>(good: &Value) {
    let name = std::any::type_name::<T>();
    let read: T = serde_json::from_value(good.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), *good, "{name}");
    let mut more = good.clone();
    more["unknown"] = json!(1);
    assert!(serde_json::from_value::<T>(more).is_err(), "{name} takes what it does not know");
}

#[test]
fn requests_refuse_members_they_do_not_know() {
    let key = "0123456789abcdef";
    is_strict::<DeliveryRequest>(&json!({"token": "t", "request_key": key, "secrets": ["a#b@1"]}));
    is_strict::<SecretPut>(&json!({"fields": {"value": "x"}, "max_age": "90d", "tags": ["a:b"]}));
    is_strict::<SecretQuery>(&json!({"version": 1, "field": "value", "view": "history"}));
    is_strict::<SecretListQuery>(&json!({"prefix": "db", "after": "db/x", "limit": 5}));
    is_strict::<SessionListQuery>(&json!({"issuer": "github", "subject": "s"}));
    is_strict::<OperatorAdd>(&json!({"name": "maria", "role": "author", "ttl": "90d"}));
    is_strict::<OperatorRotate>(&json!({"ttl": "90d"}));
    is_strict::<EpochRequest>(&json!({"scope": {"policy": "deploy"}}));
    is_strict::<KeyringRoll>(&json!({"replaces": 1}));
    is_strict::<ApplyQuery>(&json!({"dry_run": true}));
    is_strict::<IssuersPut>(&json!({"issuers": [{"issuer": "ci", "preset": "github"}]}));
    is_strict::<PoliciesPut>(&json!({"policies": []}));
    is_strict::<PinRequest>(&json!({"anchor": {"repository_id": "1"}}));
    is_strict::<ExplainRequest>(&json!({"token": "t", "secrets": ["a"]}));
    is_strict::<ExplainRequest>(&json!({"claims": {"sub": "s"}, "issuer": "github"}));
    is_strict::<WhoamiRequest>(&json!({"token": "t"}));
    is_strict::<AuditQuery>(&json!({"event": "delivery", "outcome": "refused", "limit": 10}));
    is_strict::<VerifyRequest>(&json!({"heads": ["head_x"]}));
}

#[test]
fn claims_in_a_request_are_read_as_strictly_as_a_tokens() {
    let twice = r#"{"issuer":"github","claims":{"sub":"a","sub":"b"}}"#;
    assert!(serde_json::from_str::<ExplainRequest>(twice).is_err());
    let deep = format!(r#"{{"claims":{{"a":{}1{}}}}}"#, "[".repeat(20), "]".repeat(20));
    assert!(serde_json::from_str::<ExplainRequest>(&deep).is_err());
}

#[test]
fn an_id_to_pin_is_named_once_and_is_text() {
    for json in [
        r#"{"anchor":{"repository_id":"1","repository_id":"2"}}"#,
        r#"{"anchor":{"repository_id":1}}"#,
        r#"{"anchor":"repository_id"}"#,
    ] {
        assert!(serde_json::from_str::<PinRequest>(json).is_err(), "{json}");
    }
    assert!(serde_json::from_str::<PinRequest>("{}").unwrap().anchor.is_empty());
}

#[test]
fn every_body_has_a_schema() {
    let mut generator = SchemaGenerator::default();
    let has = |schema: schemars::Schema| assert!(schema.as_object().is_some());
    macro_rules! all {
        ($($body:ty),* $(,)?) => { $(has(generator.subschema_for::<$body>());)* };
    }
    all!(
        AuditPage,
        AuditQuery,
        CaAnswer,
        DeliveryAnswer,
        DeliveryRequest,
        DenialAnswer,
        EndAnswer,
        EpochAnswer,
        EpochRequest,
        ExplainAnswer,
        ExplainRequest,
        HeadAnswer,
        HeartbeatAnswer,
        HistoryAnswer,
        IssuerList,
        IssuersAnswer,
        IssuersPut,
        KeyringAnswer,
        KeyringRoll,
        OAuthError,
        OperatorAdd,
        OperatorCredential,
        OperatorList,
        OperatorRotate,
        PinRequest,
        PoliciesAnswer,
        PoliciesPut,
        PolicyList,
        Problem,
        ReadyAnswer,
        RemovedAnswer,
        SecretAnswer,
        SecretList,
        SecretListQuery,
        SecretPut,
        SecretPutAnswer,
        SecretQuery,
        SecretRemoveAnswer,
        SelfAnswer,
        SessionList,
        SessionListQuery,
        TokenAnswer,
        VerifyAnswer,
        VerifyRequest,
        WhoamiAnswer,
        WhoamiRequest,
    );
    let definitions = serde_json::to_value(generator.definitions()).unwrap();
    assert_eq!(definitions["SecretText"], json!({"type": "string", "format": "password"}));
    assert_eq!(definitions["DeliveryRequest"]["additionalProperties"], json!(false));
}

#[test]
fn a_schemas_pattern_says_what_the_parser_says() {
    fn pattern<T: JsonSchema>() -> String {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        schema.get("pattern").unwrap().as_str().unwrap().to_owned()
    }
    assert_eq!(pattern::<crate::PolicyName>(), "^[a-z0-9][a-z0-9-]*$");
    assert_eq!(pattern::<RequestKey>(), "^[A-Za-z0-9_-]{16,64}$");
}

#[test]
fn printing_a_body_shows_no_secret() {
    let session = json!({"id": "01JDGW5E6Y3X9T2K8M4Q7R0BVC", "token": "canary", "expires_at": 1});
    let delivered =
        json!({"wanted": "a", "path": "a", "version": 1, "fields": {"value": "canary"}});
    let answer: DeliveryAnswer = serde_json::from_value(json!({
        "session": session, "secrets": [delivered], "receipt": "rcp_x", "repeated": false,
        "workload": {"issuer": "github", "subject": "s"},
    }))
    .unwrap();
    assert!(!format!("{answer:?}").contains("canary"));
    assert!(serde_json::to_string(&answer).unwrap().contains("canary"), "it is the payload");
    let credential: OperatorCredential = serde_json::from_value(json!({
        "id": "01JDGW5E6Y3X9T2K8M4Q7R0BVC", "name": "maria", "role": "admin", "token": "canary",
        "expires_at": 1,
    }))
    .unwrap();
    assert!(!format!("{credential:?}").contains("canary"));
}
