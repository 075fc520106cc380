//! Claims.

use segura_model::{Algorithm, IssuerEntry};
use serde_json::{Value, json};

use crate::oidc::testing::{AUD, ISS, NOW, World, claims, claims_with, entry};
use crate::oidc::{IssuerSet, IssuerSetError, LEEWAY, MAX_LIFETIME};

/// The codes of the usual token with each of these values of a claim.
async fn codes(world: &World, claim: &str, values: &[Value]) -> Vec<(Value, &'static str)> {
    let mut codes = Vec::new();
    for value in values {
        let token = world.key.sign(&claims_with(claim, value.clone()));
        codes.push((value.clone(), world.refusal(&token).await));
    }
    codes
}

#[tokio::test]
async fn a_time_is_a_whole_number_of_seconds() {
    let world = World::new();
    let strange = [
        json!("1800000290"),
        json!(1e10),
        json!(1.5),
        json!(-1),
        json!(9_007_199_254_740_993_i64),
        json!(i64::MAX),
        json!(u64::MAX),
        json!([1]),
        json!({}),
        json!(true),
        json!(""),
    ];
    for claim in ["exp", "iat", "nbf"] {
        for (value, code) in codes(&world, claim, &strange).await {
            assert_eq!(code, "token-claims", "{claim} {value}");
        }
        let null = claims()
            .to_string()
            .replace(&format!("\"{claim}\":1"), &format!("\"{claim}\":null,\"x\":1"));
        let header = json!({"alg": "ES256", "kid": "key-1"}).to_string();
        let code = world.refusal(&world.key.sign_texts(&header, &null)).await;
        assert_eq!(code, "token-claims", "{claim} null");
        let huge = claims().to_string().replace(
            &format!("\"{claim}\":1"),
            &format!("\"{claim}\":18446744073709551616,\"x\":1"),
        );
        assert_eq!(world.refusal(&world.key.sign_texts(&header, &huge)).await, "token-claims");
        let nan = claims()
            .to_string()
            .replace(&format!("\"{claim}\":1"), &format!("\"{claim}\":NaN,\"x\":1"));
        assert_eq!(world.refusal(&world.key.sign_texts(&header, &nan)).await, "token-malformed");
    }
}

#[tokio::test]
async fn what_a_token_must_have_must_be_there() {
    let world = World::new();
    for (claim, code) in [
        ("iss", "token-claims"),
        ("aud", "token-claims"),
        ("sub", "token-claims"),
        ("exp", "token-claims"),
        ("iat", "token-claims"),
    ] {
        assert_eq!(codes(&world, claim, &[Value::Null]).await[0].1, code, "{claim}");
    }
    for optional in ["nbf", "jti"] {
        world.verify(&world.key.sign(&claims_with(optional, Value::Null))).await.unwrap();
    }
}

#[tokio::test]
async fn times_are_compared_with_one_leeway() {
    let world = World::new();
    let set = |iat: i64, exp: i64| {
        let mut claims = claims_with("nbf", Value::Null);
        claims["iat"] = json!(iat);
        claims["exp"] = json!(exp);
        world.key.sign(&claims)
    };
    for good in [
        set(NOW - 300, NOW - LEEWAY + 1),
        set(NOW + LEEWAY, NOW + 300),
        set(NOW - 600 - LEEWAY, NOW + 300),
        set(NOW - 60, NOW - 60 + MAX_LIFETIME),
        world.key.sign(&claims_with("nbf", json!(NOW + LEEWAY))),
    ] {
        world.verify(&good).await.unwrap();
    }
    for (bad, code) in [
        (set(NOW - 300, NOW - LEEWAY), "token-expired"),
        (set(NOW + LEEWAY + 1, NOW + 300), "token-not-yet-valid"),
        (world.key.sign(&claims_with("nbf", json!(NOW + LEEWAY + 1))), "token-not-yet-valid"),
        (set(NOW - 600 - LEEWAY - 1, NOW + 300), "token-too-old"),
        (set(NOW - 60, NOW - 59 + MAX_LIFETIME), "token-lifetime"),
        (set(NOW, NOW), "token-lifetime"),
        (set(NOW, NOW - 1), "token-lifetime"),
        (set(0, 0), "token-lifetime"),
    ] {
        assert_eq!(world.refusal(&bad).await, code);
    }
}

#[tokio::test]
async fn a_spent_token_is_remembered_beyond_the_leeway() {
    let world = World::new();
    let verified = world.verify(&world.key.sign(&claims())).await.unwrap();
    assert!(verified.keep_until.0 >= NOW + 290 + LEEWAY + 600);
}

#[tokio::test]
async fn a_token_has_one_audience_byte_for_byte() {
    let world = World::new();
    world.verify(&world.key.sign(&claims_with("aud", json!([AUD])))).await.unwrap();
    for (value, code) in codes(
        &world,
        "aud",
        &[
            json!("https://segura.example/"),
            json!("https://Segura.example"),
            json!("https://segura.example:443"),
            json!("https://other.example"),
            json!(["https://other.example"]),
            json!(" https://segura.example"),
            json!(""),
        ],
    )
    .await
    {
        assert_eq!(code, "token-audience", "{value}");
    }
    for (value, code) in codes(
        &world,
        "aud",
        &[
            json!([]),
            json!([AUD, AUD]),
            json!([AUD, "x"]),
            json!([[AUD]]),
            json!(7),
            json!({"a": AUD}),
        ],
    )
    .await
    {
        assert_eq!(code, "token-claims", "{value}");
    }
    assert_eq!(world.issuer.times_asked(), 2, "only for the good one");
}

#[tokio::test]
async fn an_issuer_is_enrolled_byte_for_byte() {
    let world = World::new();
    for iss in [
        "https://ci.example/",
        "https://CI.example",
        "http://ci.example",
        "https://ci.example:443",
        "https://user@ci.example",
        "https://ci.example@evil.example",
        "https://ci.ex\u{430}mple",
        "https://ci%2eexample",
        "https://ci.example.",
        "https://evil.example",
    ] {
        let token = world.key.sign(&claims_with("iss", json!(iss)));
        let error = world.verify(&token).await.unwrap_err();
        assert_eq!(segura_model::Classify::class(&error).code, "token-issuer", "{iss}");
        assert_eq!(error.issuer(), None, "{iss}");
    }
    for iss in [json!(""), json!(7), json!([ISS])] {
        let code = world.refusal(&world.key.sign(&claims_with("iss", iss.clone()))).await;
        assert_eq!(code, "token-claims", "{iss}");
    }
    assert_eq!(world.issuer.times_asked(), 0, "nobody is asked about strangers");
}

#[tokio::test]
async fn an_id_of_a_token_is_text() {
    let world = World::new();
    let values =
        [json!(""), json!(7), json!(true), json!(["1"]), json!("x".repeat(513)), json!("a\tb")];
    for (value, code) in codes(&world, "jti", &values).await {
        assert_eq!(code, "token-claims", "{value}");
    }
    for (value, code) in
        codes(&world, "sub", &[json!(""), json!(7), json!("a\nb"), json!("x".repeat(4096))]).await
    {
        assert_eq!(code, "token-claims", "{value}");
    }
}

#[tokio::test]
async fn a_payload_is_one_strict_object() {
    let world = World::new();
    let header = json!({"alg": "ES256", "kid": "key-1"}).to_string();
    let usual = claims().to_string();
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let with = |extra: &str| usual.replacen('{', &format!("{{{extra},"), 1);
    let many: Vec<String> = (0..600).map(|n| format!("\"c{n}\":1")).collect();
    for payload in [
        "[]".to_owned(),
        "null".to_owned(),
        "\"x\"".to_owned(),
        "not json".to_owned(),
        format!("{usual} {{}}"),
        format!("\u{feff}{usual}"),
        with(r#""x":"a\u0000b""#),
        with(r#""sub":"job-2""#),
        with(r#""aud":"https://other.example""#),
        with(r#""x":{"a":1,"a":2}"#),
        with(&format!("\"x\":{}", nested(33))),
        with(&format!("\"x\":{}", nested(1000))),
        with(&many.join(",")),
    ] {
        let token = world.key.sign_texts(&header, &payload);
        assert_eq!(world.refusal(&token).await, "token-malformed", "{payload:.60}");
    }
    assert_eq!(world.issuer.times_asked(), 0);
}

#[tokio::test]
async fn two_entries_of_one_issuer_are_told_apart_by_audience() {
    let mut world = World::new();
    let other = IssuerEntry {
        id: "other".parse().unwrap(),
        audiences: vec!["https://other.example".parse().unwrap()],
        algorithms: vec![Algorithm::ES256],
        ..entry()
    };
    world.issuers = IssuerSet::build(vec![entry(), other.clone()]).unwrap();
    let mine = world.verify(&world.key.sign(&claims())).await.unwrap();
    let token = world.key.sign(&claims_with("aud", json!("https://other.example")));
    let theirs = world.verify(&token).await.unwrap();
    assert_eq!((mine.entry.id.as_str(), theirs.entry.id.as_str()), ("ci", "other"));
    assert_ne!(mine.replay_key, theirs.replay_key, "the same jti under two entries");

    let error = world.verify(&world.key.sign(&claims_with("aud", json!("x")))).await.unwrap_err();
    assert_eq!(error.issuer().unwrap().as_str(), "ci", "the issuer is known, the audience is not");

    let same = IssuerEntry { audiences: entry().audiences, ..other };
    let clash = IssuerSet::build(vec![entry(), same]).err().unwrap();
    assert!(matches!(clash, IssuerSetError::Ambiguous { .. }));
}

#[tokio::test]
async fn an_entry_of_an_unknown_preset_is_refused() {
    let strange = IssuerEntry { preset: "myspace".to_owned(), ..entry() };
    let error = IssuerSet::build(vec![strange]).err().unwrap();
    assert!(error.to_string().contains("myspace"), "{error}");
}
