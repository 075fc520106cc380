//! Key sets and discovery documents.

use segura_model::issuer::KeySource;
use segura_model::{Algorithm, IssuerEntry};
use serde_json::{Value, json};

use crate::dev::SigningKey;
use crate::oidc::testing::{DISCOVERY, ISS, JWKS, World, claims, encode, entry};
use crate::oidc::{DiscoveryError, Fetched, KeyError, KeySet, KeySetError, KeysError, Refusal};

/// Why the one key of a set is left out.
fn left_out(key: &Value) -> KeyError {
    match KeySet::parse(json!({"keys": [key]}).to_string().as_bytes()).err() {
        Some(KeySetError::NoUsableKey(mut why)) => why.remove(0),
        other => panic!("{key}: {other:?}"),
    }
}

fn with(key: &Value, member: &str, value: Value) -> Value {
    let mut key = key.clone();
    key[member] = value;
    key
}

/// An RSA key with this modulus and exponent.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "kid": "rsa", "n": encode(modulus), "e": encode(exponent)})
}

/// A number of this many bits, neither even nor all ones.
fn odd(bits: usize) -> Vec<u8> {
    let mut number = vec![0x5b; bits / 8];
    number[0] = 0xd3;
    number
}

#[test]
fn a_key_keeps_every_rule() {
    let good = SigningKey::make(Algorithm::ES256, "a").jwk();
    let ed = SigningKey::make(Algorithm::EdDSA, "a").jwk();
    for (key, why) in [
        (json!("key"), KeyError::Malformed),
        (json!(["EC", "sig"]), KeyError::Malformed),
        (json!({}), KeyError::Malformed),
        (with(&good, "kty", json!("oct")), KeyError::Kind("oct".into())),
        (json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}), KeyError::Kind("oct".into())),
        (with(&good, "kty", json!("PQC")), KeyError::Kind("PQC".into())),
        (with(&good, "kty", json!("RSA")), KeyError::Component("n")),
        (with(&good, "crv", json!("P-384")), KeyError::Kind("EC P-384".into())),
        (with(&good, "crv", json!("secp256k1")), KeyError::Kind("EC secp256k1".into())),
        (with(&good, "alg", json!("ES384")), KeyError::Algorithm("ES384".into())),
        (with(&good, "alg", json!("RS256")), KeyError::Algorithm("RS256".into())),
        (with(&good, "use", json!("enc")), KeyError::Use),
        (with(&good, "key_ops", json!(["sign"])), KeyError::Use),
        (with(&good, "key_ops", json!([])), KeyError::Use),
        (with(&good, "d", json!("AAAA")), KeyError::Private),
        (with(&good, "kid", json!("")), KeyError::Component("kid")),
        (with(&good, "kid", json!(7)), KeyError::Malformed),
        (with(&good, "x", json!(encode(&[1; 31]))), KeyError::Component("x")),
        (with(&good, "x", json!(encode(&[1; 33]))), KeyError::Component("x")),
        (with(&good, "x", json!("!")), KeyError::Component("x")),
        (with(&good, "y", json!(encode(&[1; 32]))), KeyError::Point),
        (
            with(&with(&good, "x", json!(encode(&[0; 32]))), "y", json!(encode(&[0; 32]))),
            KeyError::Point,
        ),
        (with(&ed, "crv", json!("X25519")), KeyError::Kind("OKP X25519".into())),
        (with(&ed, "crv", json!("Ed448")), KeyError::Kind("OKP Ed448".into())),
        (with(&ed, "x", json!(encode(&[0; 32]))), KeyError::Point),
        (with(&ed, "x", json!(encode(&small_order_one()))), KeyError::Point),
        (with(&ed, "x", json!(encode(&[0xff; 32]))), KeyError::Point),
        (rsa(&odd(512), &[1, 0, 1]), KeyError::ModulusSize(512)),
        (rsa(&odd(1024), &[1, 0, 1]), KeyError::ModulusSize(1024)),
        (rsa(&odd(2040), &[1, 0, 1]), KeyError::ModulusSize(2040)),
        (rsa(&odd(8200), &[1, 0, 1]), KeyError::ModulusSize(8200)),
        (rsa(&odd(16384), &[1, 0, 1]), KeyError::Component("n")),
        (rsa(&[&odd(2040)[..], &[0]].concat(), &[1, 0, 1]), KeyError::Component("n")),
        (rsa(&odd(2048), &[1]), KeyError::Exponent),
        (rsa(&odd(2048), &[2]), KeyError::Exponent),
        (rsa(&odd(2048), &[0]), KeyError::Exponent),
        (rsa(&odd(2048), &[1, 0, 0, 0, 1]), KeyError::Exponent),
    ] {
        assert_eq!(left_out(&key), why, "{key}");
    }
}

#[test]
fn one_bad_key_costs_only_itself() {
    let good = SigningKey::make(Algorithm::EdDSA, "good").jwk();
    let twin = SigningKey::make(Algorithm::EdDSA, "twice").jwk();
    let other = SigningKey::make(Algorithm::ES256, "twice").jwk();
    let symmetric = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "good"});
    let keys = json!({"keys": [symmetric, good, {"kty": "PQC"}, 7, twin, other]}).to_string();
    let set = KeySet::parse(keys.as_bytes()).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(set.left_out().len(), 5);
    assert!(set.left_out().contains(&KeyError::DuplicateId));
}

#[test]
fn a_document_that_is_no_key_set_is_refused() {
    let many: Vec<Value> = (0..65).map(|_| json!({})).collect();
    for document in [
        String::new(),
        "null".into(),
        "[]".into(),
        json!([[SigningKey::make(Algorithm::EdDSA, "a").jwk()]]).to_string(),
        "{}".into(),
        r#"{"keys":{}}"#.into(),
        r#"{"keys":[]}"#.into(),
        r#"{"keys":[],"keys":[]}"#.into(),
        r#"{"keys":[]} trailing"#.into(),
        "<html>".into(),
        json!({"keys": many}).to_string(),
    ] {
        assert!(KeySet::parse(document.as_bytes()).is_err(), "{document:.60}");
    }
}

#[tokio::test]
async fn the_leading_zero_of_a_jenkins_key_is_dropped() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let world = World::new();
    let key = SigningKey::make(Algorithm::RS256, "jenkins");
    let mut jwk = key.jwk();
    for number in ["n", "e"] {
        let mut signed = vec![0];
        signed.extend(URL_SAFE_NO_PAD.decode(jwk[number].as_str().unwrap()).unwrap());
        jwk[number] = json!(encode(&signed));
    }
    world.issuer.publishes_keys(&[jwk]);
    world.verify(&key.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn a_token_names_its_key_where_there_is_more_than_one() {
    let world = World::new();
    let header = json!({"alg": "ES256"}).to_string();
    let unnamed = world.key.sign_texts(&header, &claims().to_string());
    world.verify(&unnamed).await.unwrap();

    let world = world.restarted();
    let other = SigningKey::make(Algorithm::ES256, "other").jwk();
    world.issuer.publishes_keys(&[world.key.jwk(), other.clone()]);
    world.clock.advance(3600);
    let mut later = claims();
    for time in ["iat", "nbf", "exp"] {
        later[time] = json!(later[time].as_i64().unwrap() + 3600);
    }
    let unnamed = world.key.sign_texts(&header, &later.to_string());
    world.verifier.refresh_due(&world.issuers).await;
    world.verifier.refresh_due(&world.issuers).await;
    assert_eq!(world.refusal(&unnamed).await, "token-key");

    let without_ids = [world.key.jwk(), other].map(|mut key| {
        key.as_object_mut().unwrap().remove("kid");
        key
    });
    let world = World::new();
    world.issuer.publishes_keys(&without_ids);
    let stranger = World::new().key.sign_texts(&header, &claims().to_string());
    assert_eq!(world.refusal(&stranger).await, "token-signature");
}

#[tokio::test]
async fn a_known_platform_always_names_its_key() {
    let github = IssuerEntry { preset: "github".to_owned(), ..entry() };
    let world = World::with(github);
    let header = json!({"alg": "ES256"}).to_string();
    let unnamed = world.key.sign_texts(&header, &claims().to_string());
    assert_eq!(world.refusal(&unnamed).await, "token-key");
}

/// Why an issuer with this discovery document gives no keys.
async fn discovery_error(document: Value) -> DiscoveryError {
    let world = World::new();
    world.issuer.publishes(DISCOVERY, &document);
    let refusal = world.verify(&world.key.sign(&claims())).await.unwrap_err();
    match refusal.refusal() {
        Refusal::Keys(error) => match &**error {
            KeysError::Discovery { reason, .. } => reason.clone(),
            other => panic!("{document}: {other:?}"),
        },
        other => panic!("{document}: {other:?}"),
    }
}

#[tokio::test]
async fn a_discovery_document_speaks_for_its_own_issuer_and_host() {
    let with_keys_at = |uri: &str| json!({"issuer": ISS, "jwks_uri": uri});
    for (document, expected) in [
        (json!({}), DiscoveryError::Malformed),
        (json!([]), DiscoveryError::Malformed),
        (json!([ISS, JWKS]), DiscoveryError::Malformed),
        (json!({"issuer": ISS}), DiscoveryError::Malformed),
        (json!({"issuer": ISS, "jwks_uri": 7}), DiscoveryError::Malformed),
    ] {
        assert_eq!(discovery_error(document).await, expected);
    }
    for iss in ["https://ci.example/", "https://evil.example", ""] {
        let document = json!({"issuer": iss, "jwks_uri": JWKS});
        assert!(matches!(discovery_error(document).await, DiscoveryError::Issuer { .. }), "{iss}");
    }
    for uri in
        ["https://evil.example/keys", "https://ci.example:8443/keys", "https://10.0.0.1/keys"]
    {
        let error = discovery_error(with_keys_at(uri)).await;
        assert!(matches!(error, DiscoveryError::ForeignHost { .. }), "{uri}");
    }
    for uri in [
        "http://ci.example/keys",
        "http://127.0.0.1/keys",
        "http://169.254.169.254/latest/",
        "file:///etc/passwd",
        "https://ci.example@evil.example/keys",
        "keys",
        "",
    ] {
        let error = discovery_error(with_keys_at(uri)).await;
        let refused =
            matches!(error, DiscoveryError::Address(_) | DiscoveryError::ForeignHost { .. });
        assert!(refused, "{uri}: {error:?}");
    }
}

#[tokio::test]
async fn a_dev_world_is_no_issuer_of_a_real_server() {
    let marked = json!({"issuer": ISS, "jwks_uri": JWKS, "segura_dev": true});
    assert_eq!(discovery_error(marked).await, DiscoveryError::DevWorld);
    let world = World::new();
    world.issuer.publishes(JWKS, &json!({"keys": [world.key.jwk()], "segura_dev": true}));
    assert_eq!(world.refusal(&world.key.sign(&claims())).await, "issuer-keys-unavailable");
}

#[tokio::test]
async fn an_issuer_that_answers_badly_is_unavailable() {
    for status in [301, 302, 307, 401, 404, 500, 503] {
        let world = World::new();
        world.issuer.answers(JWKS, Err(status));
        assert_eq!(world.refusal(&world.key.sign(&claims())).await, "issuer-keys-unavailable");
    }
    let world = World::new();
    let html = Fetched { body: b"<html>login</html>".to_vec(), max_age: None };
    world.issuer.answers(JWKS, Ok(html));
    assert_eq!(world.refusal(&world.key.sign(&claims())).await, "issuer-keys-unavailable");
}

#[tokio::test]
async fn keys_may_be_pinned_to_an_address_or_a_file() {
    let pinned = KeySource::JwksUri {
        url: "https://keys.example/jwks".parse().unwrap(),
        ca_file: None,
        bearer_token_file: None,
    };
    let file = KeySource::JwksFile { path: "/etc/segura/cluster.jwks".into() };
    for (keys, place) in [(pinned, "https://keys.example/jwks"), (file, "/etc/segura/cluster.jwks")]
    {
        let world = World::with(IssuerEntry { keys, ..entry() });
        world.issuer.goes_down();
        world.issuer.publishes(place, &json!({"keys": [world.key.jwk()]}));
        world.verify(&world.key.sign(&claims())).await.unwrap();
        assert_eq!(world.issuer.times_asked(), 1, "{place}");
    }
}

#[tokio::test]
async fn plain_http_is_for_loopback_and_only_when_said() {
    let keys = |url: &str| KeySource::JwksUri {
        url: url.parse().unwrap(),
        ca_file: None,
        bearer_token_file: None,
    };
    let local = "http://127.0.0.1:9000/jwks";
    for (insecure_loopback, verifies) in [(true, true), (false, false)] {
        let world = World::with(IssuerEntry { keys: keys(local), insecure_loopback, ..entry() });
        world.issuer.publishes(local, &json!({"keys": [world.key.jwk()]}));
        assert_eq!(world.verify(&world.key.sign(&claims())).await.is_ok(), verifies);
        assert_eq!(world.issuer.times_asked(), usize::from(verifies));
    }
}

/// The encoding of the neutral element.
fn small_order_one() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}
