//! The key that makes a delivery repeatable, and where this crate's chance comes from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::Random;
use segura_model::api::RequestKey;
use segura_model::random::make_bytes;

/// A new request key: 128 bits, 22 characters of the URL-safe alphabet.
///
/// Make one for each delivery and keep it: the same key with the same token repeats
/// the same delivery, should its answer be lost. Another key is a replay.
pub fn make_request_key() -> RequestKey {
    let text = URL_SAFE_NO_PAD.encode(make_bytes::<16>(&TlsRandom));
    text.parse().expect("22 characters of the allowed alphabet")
}

/// The generator of the one crypto provider, which TLS uses too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TlsRandom;

impl Random for TlsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rustls::crypto::aws_lc_rs::default_provider()
            .secure_random
            .fill(bytes)
            .expect("the operating system gives randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_by_its_own_type_and_never_the_same() {
        let key = make_request_key();
        assert_eq!(key.to_string().len(), 22);
        assert_ne!(key, make_request_key());
    }
}
