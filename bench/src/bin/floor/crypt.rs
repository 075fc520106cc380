//! AES-256-GCM under one key that lives as long as the process.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Seals secrets and session tokens.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// With a new key.
    pub(crate) fn new() -> Self {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).expect("the system gives randomness");
        let key = UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are a key");
        Self(LessSafeKey::new(key))
    }

    /// Nonce, ciphertext and tag.
    pub(crate) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).expect("the system gives randomness");
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed[NONCE_LEN..],
            )
            .expect("less than a message may have");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// What was sealed, if it is as it was.
    pub(crate) fn open(&self, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = Nonce::try_assume_unique_for_key(sealed.get(..NONCE_LEN)?).ok()?;
        let plain = self.0.open_in_place(nonce, Aad::empty(), sealed.get_mut(NONCE_LEN..)?).ok()?;
        Some(plain.to_vec())
    }
}
