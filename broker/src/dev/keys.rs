//! Keys that sign identity tokens, as a CI platform's issuer has them.
//!
//! Only for the dev world and for tests: the broker itself never signs with these.
//! Tokens are put together by hand, so that a test can also make wrong ones.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::Algorithm;
use serde_json::{Value, json};

/// A key pair with a key id.
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// A new key for this algorithm; RSA keys have 2048 bits.
    ///
    /// # Panics
    /// When the operating system gives no randomness.
    pub fn make(algorithm: Algorithm, kid: &str) -> Self {
        let pair = match algorithm {
            Algorithm::EdDSA => Ed25519KeyPair::generate().map(Pair::Ed25519),
            Algorithm::ES256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::P256)
            }
            Algorithm::RS256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Pair::Rsa(Box::new(pair)))
            }
        };
        Self { kid: kid.to_owned(), pair: pair.expect("the system's generator makes keys") }
    }

    /// The key's id, as in a token's header and in the key set.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm's name in a token's header.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// A compact JWT of these claims with the usual header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(
            &json!({"alg": self.algorithm(), "kid": self.kid, "typ": "JWT"}),
            claims,
        )
    }

    /// A compact JWT with any header, to make wrong ones.
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.signature(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public half as a JWK (RFC 7517).
    pub fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = match &self.pair {
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
            Pair::P256(pair) => {
                // Uncompressed point: 0x04, x, y.
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..65])})
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (modulus, exponent) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA",
                    "n": encode(modulus.big_endian_without_leading_zero()),
                    "e": encode(exponent.big_endian_without_leading_zero()),
                })
            }
        };
        with_members(key, &[("kid", &self.kid), ("use", "sig"), ("alg", self.algorithm())])
    }

    /// The public half of an RSA key in DER, for the attack that uses it as an HMAC key.
    pub fn rsa_public_der(&self) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let public: &PublicKey = pair.public_key();
                AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(public)
                    .ok()
                    .map(|der| der.as_ref().to_vec())
            }
            Pair::Ed25519(_) | Pair::P256(_) => None,
        }
    }

    fn signature(&self, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(input).as_ref().to_vec(),
            Pair::P256(pair) => {
                pair.sign(&random, input).expect("P-256 signs any input").as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature)
                    .expect("the buffer has the modulus' length");
                signature
            }
        }
    }
}

/// Base64url without padding, as in every part of a JWT.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn with_members(mut object: Value, members: &[(&str, &str)]) -> Value {
    for (name, value) in members {
        object[*name] = json!(value);
    }
    object
}
