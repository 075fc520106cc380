//! Wrong tokens, made from right ones.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_broker::dev::{SigningKey, encode};
use serde_json::{Value, json};

/// HS256 keyed with the issuer's public RSA key: the oldest confusion of all.
pub fn hs256_with_public_key(key: &SigningKey, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "kid": key.kid(), "typ": "JWT"});
    let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let public = key.rsa_public_der().expect("this attack is for RSA keys");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), input.as_bytes());
    format!("{input}.{}", encode(tag.as_ref()))
}

/// `alg: none`, without a signature.
pub fn unsigned(claims: &Value) -> String {
    let header = json!({"alg": "none", "typ": "JWT"});
    format!("{}.{}.", encode(header.to_string()), encode(claims.to_string()))
}

/// `alg: none`, with a signature that is none.
pub fn unsigned_with_junk(claims: &Value) -> String {
    format!("{}{}", unsigned(claims), encode([0x5A; 256]))
}

/// The signature of `token` under other claims.
pub fn edited(token: &str, edit: impl FnOnce(&mut Value)) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let payload = URL_SAFE_NO_PAD.decode(parts[1]).expect("a JWT's payload");
    let mut claims: Value = serde_json::from_slice(&payload).expect("JSON claims");
    edit(&mut claims);
    format!("{}.{}.{}", parts[0], encode(claims.to_string()), parts[2])
}

/// The other valid signature of an ES256 token: (r, n − s) for (r, s).
pub fn ecdsa_twin(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').expect("a JWT has three parts");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("a JWT's signature");
    let s = subtract_from_order(&signature[32..]);
    signature[32..].copy_from_slice(&s);
    format!("{input}.{}", encode(signature))
}

/// The order n of P-256 (SEC 2, section 2.4.2), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn subtract_from_order(s: &[u8]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = 0i16;
    for place in (0..32).rev() {
        let digit = i16::from(ORDER[place]) - i16::from(s[place]) - borrow;
        borrow = i16::from(digit < 0);
        difference[place] = u8::try_from(digit.rem_euclid(256)).expect("a remainder by 256");
    }
    difference
}
