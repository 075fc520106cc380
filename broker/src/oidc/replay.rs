//! What makes two tokens the same token.
//!
//! Under its issuer entry a token is known by its `jti`, or by what was signed where
//! there is none; never by the signature, which has twins (ECDSA's `s` and `n − s` both
//! verify), and never by the text of the token. Entries are told apart by id, because
//! self-managed clusters share one `iss`.

use aws_lc_rs::digest::{Context, SHA256};
use segura_model::{IssuerId, Timestamp};

use super::claims::LEEWAY;

/// Seconds a spent token is remembered beyond the last moment it could verify.
const MARGIN: i64 = 10 * 60;

/// The key under which a token is spent.
pub(super) fn replay_key(
    issuer: &IssuerId,
    token_id: Option<&str>,
    signing_input: &str,
) -> [u8; 32] {
    let (kind, name) = match token_id {
        Some(token_id) => ("jti", token_id),
        None => ("signing-input", signing_input),
    };
    digest(&["segura/replay-key/1", issuer.as_str(), kind, name])
}

/// SHA-256 of a list of texts.
pub(super) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        // Lengths first, so that no two lists of parts share their bytes.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

/// Until when the token must stay spent.
pub(super) const fn keep_until(expires_at: Timestamp) -> Timestamp {
    expires_at.plus(LEEWAY + MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(id: &str) -> IssuerId {
        id.parse().unwrap()
    }

    #[test]
    fn the_same_jti_under_two_entries_is_two_tokens() {
        let key = |id| replay_key(&issuer(id), Some("1"), "e30.e30");
        assert_ne!(key("cluster-a"), key("cluster-b"));
        assert_eq!(key("cluster-a"), key("cluster-a"));
    }

    #[test]
    fn a_jti_cannot_pose_as_a_signing_input() {
        let id = issuer("github");
        assert_ne!(replay_key(&id, Some("e30.e30"), "x"), replay_key(&id, None, "e30.e30"));
    }

    #[test]
    fn a_jti_names_the_token_whatever_was_signed() {
        let id = issuer("github");
        assert_eq!(replay_key(&id, Some("1"), "a.b"), replay_key(&id, Some("1"), "c.d"));
    }

    #[test]
    fn a_token_stays_spent_for_longer_than_it_verifies() {
        assert!(keep_until(Timestamp(1_000)).since(Timestamp(1_000)) > LEEWAY);
    }
}
