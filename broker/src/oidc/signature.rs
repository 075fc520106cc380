//! The signature check: `jsonwebtoken` behind our rules.
//!
//! The algorithm is taken from the issuer's allow-list and the key, and the token's
//! `alg` must agree with both; the header alone decides nothing (RFC 8725, section 3.1).

use segura_model::Algorithm;

use super::compact::Compact;
use super::error::Refusal;
use super::header::Header;
use super::jwks::{KeyIdRule, KeySet, NoKey};
use super::key::VerificationKey;
use super::shown;

/// The algorithm a token claims, if the issuer entry allows it.
pub(super) fn allowed_algorithm(
    header: &Header,
    allowed: &[Algorithm],
) -> Result<Algorithm, Refusal> {
    allowed.iter().copied().find(|algorithm| algorithm.to_string() == header.alg).ok_or_else(|| {
        Refusal::Algorithm { presented: shown(&header.alg), allowed: allowed.to_vec() }
    })
}

/// Check the signature with the keys of the set.
pub(super) fn check(
    token: &Compact<'_>,
    header: &Header,
    algorithm: Algorithm,
    keys: &KeySet,
    rule: KeyIdRule,
) -> Result<(), Refusal> {
    let candidates =
        keys.candidates(header.kid.as_deref(), algorithm, rule).map_err(|none| match none {
            NoKey::IdMissing => Refusal::KeyIdMissing,
            NoKey::Unknown => Refusal::UnknownKey(shown(header.kid.as_deref().unwrap_or_default())),
        })?;
    if candidates.into_iter().any(|key| verifies(token, key)) {
        Ok(())
    } else {
        Err(Refusal::Signature)
    }
}

fn verifies(token: &Compact<'_>, key: &VerificationKey) -> bool {
    let algorithm = match key.algorithm {
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
    };
    let message = token.signing_input.as_bytes();
    jsonwebtoken::crypto::verify(token.signature, message, &key.decoding, algorithm)
        .unwrap_or(false)
}
