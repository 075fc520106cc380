//! Tests of issuer files.

use super::*;
use crate::preset::tests::SAMPLE;

fn draft(changes: &serde_json::Value) -> IssuerDraft {
    let mut json = serde_json::json!({
        "issuer": "ci", "preset": "sample", "audiences": ["https://segura.example"],
    });
    for (key, value) in changes.as_object().unwrap() {
        json[key] = value.clone();
    }
    serde_json::from_value(json).unwrap()
}

fn compiled(changes: &serde_json::Value) -> Result<IssuerEntry, IssuerDraftError> {
    draft(changes).compile(&SAMPLE)
}

macro_rules! compiled {
    ($($json:tt)*) => { compiled(&serde_json::json!({ $($json)* })) };
}

#[test]
fn a_preset_fills_in_what_is_left_out() {
    let mut expected = super::super::tests::entry();
    expected.keys = KeySource::Discovery { ca_file: None, bearer_token_file: None };
    assert_eq!(compiled!().unwrap(), expected);
}

#[test]
fn what_is_written_wins() {
    let entry = compiled!(
        "iss": "https://ghes.example/_services/token", "shared": false, "max_age": "5m",
        "spend": "while-valid", "algorithms": ["RS256", "ES256", "RS256"],
        "keys": {"jwks_uri": "https://ghes.example/keys", "ca_file": "/etc/segura/ca.pem"},
    )
    .unwrap();
    assert_eq!(entry.iss.as_str(), "https://ghes.example/_services/token");
    assert!(!entry.shared);
    assert_eq!((entry.max_age, entry.spend), (300, Spend::WhileValid));
    assert_eq!(entry.algorithms, [Algorithm::ES256, Algorithm::RS256]);
    assert!(matches!(entry.keys, KeySource::JwksUri { ca_file: Some(_), .. }));
}

#[test]
fn plain_http_must_be_said() {
    let http = "http://127.0.0.1:9000";
    assert_eq!(compiled!("iss": http), Err(IssuerDraftError::InsecureLoopback));
    assert_eq!(
        compiled!("keys": {"jwks_uri": "http://127.0.0.1/keys"}),
        Err(IssuerDraftError::InsecureLoopback)
    );
    assert!(compiled!("iss": http, "insecure_loopback": true).is_ok());
}

#[test]
fn a_public_issuer_stays_shared() {
    let refused = compiled!("shared": false).unwrap_err();
    assert!(matches!(refused, IssuerDraftError::SharedByAll(_)), "{refused}");
    assert!(compiled!("iss": "https://other.example").unwrap().shared);
}

#[test]
fn an_audience_is_needed_and_not_the_issuers_own() {
    assert_eq!(compiled!("audiences": []), Err(IssuerDraftError::MissingAudience));
    for own in ["https://ci.example", "https://ci.example/", "https://CI.example"] {
        let refused = compiled!("audiences": [own]).unwrap_err();
        assert!(matches!(refused, IssuerDraftError::IssuersOwnAudience(_)), "{refused}");
    }
    let refused = compiled!("audiences": ["a", "a"]).unwrap_err();
    assert!(matches!(refused, IssuerDraftError::RepeatedAudience(_)), "{refused}");
    let many: Vec<String> = (0..17).map(|at| format!("a{at}")).collect();
    assert_eq!(compiled!("audiences": many), Err(IssuerDraftError::ManyAudiences(17)));
}

#[test]
fn a_fixed_audience_is_filled_in_and_cannot_be_another() {
    let preset = Preset { audiences: &["api://fixed"], ..SAMPLE };
    let entry = draft(&serde_json::json!({"audiences": []})).compile(&preset).unwrap();
    assert_eq!(entry.audiences[0].as_str(), "api://fixed");
    let refused = draft(&serde_json::json!({})).compile(&preset).unwrap_err();
    assert!(refused.to_string().contains("only ever sends `api://fixed`"), "{refused}");
}

#[test]
fn ages_and_algorithms_are_bounded() {
    for age in ["0s", "25h", "999999999d"] {
        let refused = compiled!("max_age": age).unwrap_err();
        assert!(matches!(refused, IssuerDraftError::MaxAge(_)), "{refused}");
    }
    assert_eq!(compiled!("algorithms": []), Err(IssuerDraftError::NoAlgorithm));
}

#[test]
fn keys_come_from_one_place() {
    for keys in [
        serde_json::json!({"discovery": false}),
        serde_json::json!({"discovery": true, "jwks_file": "/k"}),
        serde_json::json!({"jwks_uri": "https://a.example", "jwks_file": "/k"}),
        serde_json::json!({"discovery": true, "jwks_uri": "https://a.example"}),
    ] {
        assert_eq!(compiled!("keys": keys), Err(IssuerDraftError::KeySource));
    }
    let refused = compiled!("keys": {"jwks_file": "/k", "ca_file": "/c"});
    assert_eq!(refused, Err(IssuerDraftError::NothingFetched));
    assert!(compiled!("keys": {"jwks_file": "/k"}).is_ok());
}

#[test]
fn paths_are_absolute() {
    for path in ["keys.json", "../keys.json", "/etc/../keys.json", ""] {
        let refused = compiled!("keys": {"jwks_file": path});
        assert_eq!(refused, Err(IssuerDraftError::RelativePath("jwks_file")), "{path}");
    }
}

#[test]
fn an_issuer_without_a_public_home_must_name_itself() {
    let preset = Preset { iss: None, ..SAMPLE };
    let refused = draft(&serde_json::json!({})).compile(&preset);
    assert_eq!(refused, Err(IssuerDraftError::MissingIss("sample")));
    let refused = draft(&serde_json::json!({"preset": "other"})).compile(&SAMPLE);
    assert!(matches!(refused, Err(IssuerDraftError::Preset { .. })));
}

#[test]
fn unknown_keys_are_refused() {
    for json in [
        r#"{"issuer":"ci","preset":"github","audience":["x"]}"#,
        r#"{"issuer":"ci","preset":"github","keys":{"jwks_url":"https://x.example"}}"#,
    ] {
        assert!(serde_json::from_str::<IssuerDraft>(json).is_err(), "{json}");
    }
}
