//! An identity token: the signature, and the five claims that are looked at.

use std::path::Path;

use anyhow::Context;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

/// Checks RS256 with a key that was parsed once.
pub(crate) struct Verifier(ParsedPublicKey);

/// What the floor reads of a token; the rest of it is the row's body.
#[derive(Deserialize, Serialize)]
pub(crate) struct Claims {
    iss: String,
    pub(crate) sub: String,
    jti: String,
    exp: i64,
    pub(crate) repository_id: String,
}

impl Verifier {
    /// With the key in this file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let der = std::fs::read(path).with_context(|| path.display().to_string())?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der);
        key.map(Self).ok().with_context(|| format!("{} is no RSA key", path.display()))
    }

    /// The claims, and their text, of a token that is good now.
    pub(crate) fn verify(&self, token: &str) -> Option<(Claims, String)> {
        let (input, signature) = token.rsplit_once('.')?;
        let (_, payload) = input.split_once('.')?;
        let mut bytes = [0; 1024];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
        self.0.verify_sig(input.as_bytes(), &bytes[..length]).ok()?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let claims: Claims = serde_json::from_str(&text).ok()?;
        (claims.exp > SystemClock.now().0).then_some((claims, text))
    }
}
