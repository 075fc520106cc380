//! Form, header and signature.

use aws_lc_rs::hmac;
use segura_model::{Algorithm, IssuerEntry};
use serde_json::{Value, json};

use crate::dev::SigningKey;
use crate::oidc::testing::{World, claims, claims_with, encode, entry};

#[tokio::test]
async fn a_good_token_verifies() {
    let world = World::new();
    let verified = world.verify(&world.key.sign(&claims())).await.unwrap();
    assert_eq!(verified.workload.subject, "job-1");
    assert_eq!(verified.entry.id.as_str(), "ci");
    assert_eq!(world.issuer.times_asked(), 2, "discovery and keys");
    world.verify(&world.key.sign(&claims())).await.unwrap();
    assert_eq!(world.issuer.times_asked(), 0, "cached");
}

#[tokio::test]
async fn each_algorithm_of_the_entry_verifies() {
    let world = World::new();
    let keys = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| SigningKey::make(algorithm, algorithm.as_str()));
    world.issuer.publishes_keys(&keys.each_ref().map(SigningKey::jwk));
    for key in &keys {
        world.verify(&key.sign(&claims())).await.unwrap();
    }
}

#[tokio::test]
async fn an_algorithm_outside_the_entry_is_refused() {
    let mut only_rsa = entry();
    only_rsa.algorithms = vec![Algorithm::RS256];
    let world = World::with(only_rsa);
    assert_eq!(world.refusal(&world.key.sign(&claims())).await, "token-algorithm");
    assert_eq!(world.issuer.times_asked(), 0, "refused before anything is fetched");
}

#[tokio::test]
async fn no_header_but_the_plain_one_is_taken() {
    let world = World::new();
    let jwk = world.key.jwk();
    for (header, code) in [
        (json!({}), "token-malformed"),
        (json!([]), "token-malformed"),
        (json!({"alg": null, "kid": "key-1"}), "token-malformed"),
        (json!({"alg": "", "kid": "key-1"}), "token-malformed"),
        (json!({"alg": 256, "kid": "key-1"}), "token-malformed"),
        (json!({"alg": ["ES256"], "kid": "key-1"}), "token-malformed"),
        (json!({"alg": "none", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "None", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "nOnE", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "NONE", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "HS256", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "PS256", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "ES384", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "es256", "kid": "key-1"}), "token-algorithm"),
        (json!({"alg": "RS256", "kid": "key-1"}), "token-key"),
        (json!({"alg": "EdDSA", "kid": "key-1"}), "token-key"),
        (json!({"alg": "ES256", "kid": "other"}), "token-key"),
        (json!({"alg": "ES256", "kid": "../../dev/null"}), "token-key"),
        (json!({"alg": "ES256", "kid": "'; DROP TABLE keys; --"}), "token-key"),
        (json!({"alg": "ES256", "kid": "__proto__"}), "token-key"),
        (json!({"alg": "ES256", "kid": "KEY-1"}), "token-key"),
        (json!({"alg": "ES256", "kid": 1}), "token-malformed"),
        (json!({"alg": "ES256", "kid": null}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "k".repeat(8192)}), "token-malformed"),
        (json!(["ES256", "key-1"]), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "typ": "secevent+jwt"}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "typ": "JWE"}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "cty": "JWT"}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "crit": ["exp"]}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "crit": []}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "b64": false}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "zip": "DEF"}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "jwk": jwk}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "jku": "http://127.0.0.1/"}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "x5u": "file:///x"}), "token-malformed"),
        (json!({"alg": "ES256", "kid": "key-1", "x5c": ["MII"]}), "token-malformed"),
    ] {
        let token = world.key.sign_texts(&header.to_string(), &claims().to_string());
        assert_eq!(world.refusal(&token).await, code, "{header}");
    }
    assert!(world.issuer.times_asked() <= 4, "made-up keys do not make a storm");
}

#[tokio::test]
async fn an_access_token_is_taken_from_a_generic_provider_only() {
    let header = json!({"alg": "ES256", "kid": "key-1", "typ": "at+jwt"}).to_string();
    let world = World::new();
    world.verify(&world.key.sign_texts(&header, &claims().to_string())).await.unwrap();
    let github = IssuerEntry { preset: "github".to_owned(), ..entry() };
    let world = World::with(github);
    let token = world.key.sign_texts(&header, &claims().to_string());
    assert_eq!(world.refusal(&token).await, "token-kind");
    assert_eq!(world.issuer.times_asked(), 0);
}

#[tokio::test]
async fn a_header_member_is_there_once() {
    let world = World::new();
    for header in [
        r#"{"alg":"ES256","kid":"key-1","kid":"key-1"}"#,
        r#"{"alg":"none","alg":"ES256","kid":"key-1"}"#,
        "\u{feff}{\"alg\":\"ES256\",\"kid\":\"key-1\"}",
    ] {
        let token = world.key.sign_texts(header, &claims().to_string());
        assert_eq!(world.refusal(&token).await, "token-malformed", "{header}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let world = World::new();
    let rsa = SigningKey::make(Algorithm::RS256, "rsa");
    world.issuer.publishes_keys(&[rsa.jwk()]);
    let der = rsa.rsa_public_der().unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der)
    );
    let jwk = rsa.jwk();
    let modulus = jwk["n"].as_str().unwrap().to_owned();
    for secret in
        [pem.clone(), format!(" {pem}"), jwk.to_string(), modulus, String::new(), "k".into()]
            .map(String::into_bytes)
            .into_iter()
            .chain([der])
    {
        for alg in ["HS256", "RS256"] {
            let header = json!({"alg": alg, "kid": "rsa"});
            let input = format!(
                "{}.{}",
                encode(header.to_string().as_bytes()),
                encode(claims().to_string().as_bytes())
            );
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
            let code = world.refusal(&format!("{input}.{}", encode(mac.as_ref()))).await;
            assert!(["token-algorithm", "token-signature"].contains(&code), "{alg} {code}");
        }
    }
}

#[tokio::test]
async fn a_token_has_one_form() {
    let world = World::new();
    let token = world.key.sign(&claims());
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for (wrong, code) in [
        (String::new(), "token-malformed"),
        (".".repeat(1_000_000), "token-too-large"),
        ("a".repeat(16 * 1024 + 1), "token-too-large"),
        ("..".to_owned(), "token-malformed"),
        (format!("{header}.{payload}"), "token-malformed"),
        (format!("{header}.{payload}."), "token-malformed"),
        (format!("{header}..{signature}"), "token-malformed"),
        (format!("{token}.{signature}"), "token-malformed"),
        (format!("{token}="), "token-malformed"),
        (format!("{token}!!!!"), "token-malformed"),
        (format!("{token}\n"), "token-malformed"),
        (format!(" {token}"), "token-malformed"),
        (format!("Bearer {token}"), "token-malformed"),
        (format!("{header}.{payload}.{signature}AA"), "token-signature"),
        (format!("{header}.{payload}.{}", &signature[..40]), "token-signature"),
        (
            json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
            "token-malformed",
        ),
    ] {
        assert_eq!(world.refusal(&wrong).await, code, "{wrong:.60}");
    }
    // The last character of a 64-byte signature has four bits that mean nothing.
    let last = token.chars().last().unwrap();
    let twin = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|other| *other != last)
        .map(|other| format!("{}{other}", &token[..token.len() - 1]));
    for twin in twin {
        assert!(world.verify(&twin).await.is_err(), "{twin}");
    }
}

#[tokio::test]
async fn a_signature_is_of_what_it_is_over() {
    let world = World::new();
    let token = world.key.sign(&claims());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let header = input.split('.').next().unwrap();
    let edited = encode(claims_with("sub", json!("job-2")).to_string().as_bytes());
    let stranger = crate::oidc::testing::TestKey::make("key-1").sign(&claims());
    for forged in [
        format!("{header}.{edited}.{signature}"),
        stranger,
        format!("{input}.{}", encode(&[0; 64])),
        format!("{input}.{}", encode(&[0xff; 64])),
        format!("{input}.{}", encode(&der_signature())),
    ] {
        assert_eq!(world.refusal(&forged).await, "token-signature", "{forged}");
    }
}

#[tokio::test]
async fn a_twin_of_a_signature_is_the_same_token() {
    let world = World::new();
    for claims in [claims(), claims_with("jti", Value::Null)] {
        let token = world.key.sign(&claims);
        let twin = ecdsa_twin(&token);
        assert_ne!(token, twin);
        let [first, second] = [world.verify(&token).await, world.verify(&twin).await];
        assert_eq!(first.unwrap().replay_key, second.unwrap().replay_key);
    }
}

#[tokio::test]
async fn another_token_is_another_token() {
    let world = World::new();
    let key =
        async |claims: Value| world.verify(&world.key.sign(&claims)).await.unwrap().replay_key;
    assert_ne!(key(claims()).await, key(claims_with("jti", json!("2"))).await);
    let without = |sub: &str| {
        let mut claims = claims_with("jti", Value::Null);
        claims["sub"] = json!(sub);
        claims
    };
    assert_ne!(key(without("a")).await, key(without("b")).await);
    assert_eq!(key(without("a")).await, key(without("a")).await);
}

/// The other signature that verifies: `(r, n - s)`.
fn ecdsa_twin(token: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for index in (0..32).rev() {
        let difference = i32::from(ORDER[index]) - i32::from(bytes[32 + index]) - borrow;
        borrow = i32::from(difference < 0);
        bytes[32 + index] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// A well-formed ASN.1 signature, as TLS has it and JWS does not.
fn der_signature() -> Vec<u8> {
    let mut der = vec![0x30, 0x44, 0x02, 0x20];
    der.extend([0x11; 32]);
    der.extend([0x02, 0x20]);
    der.extend([0x22; 32]);
    der
}
