//! The two ciphers, behind one small door.
//!
//! A sealed blob is `nonce (12) ‖ ciphertext ‖ tag (16)`. Nonces are random; who may
//! seal how often under a key is the caller's rule, written beside each key in
//! `docs/reference/crypto.md`. The trap: a `Vec` that grows leaves a copy of what it
//! held, so plaintext is only ever written into buffers of their final size.

use aws_lc_rs::aead::{
    AES_256_GCM, AES_256_GCM_SIV, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use segura_model::{Random, SecretBytes};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// What sealing adds to a plaintext, in bytes.
pub(crate) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// 256 bits of key, at one place on the heap, wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct RawKey(Box<[u8; KEY_LEN]>);

impl RawKey {
    /// A fresh random key.
    pub(crate) fn make(random: &dyn Random) -> Self {
        let mut key = Self::zeroed();
        random.fill(&mut key.0[..]);
        key
    }

    /// A key of zeros, for `fill` to derive into.
    pub(crate) fn derive(fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self::zeroed();
        fill(&mut key.0[..]);
        key
    }

    /// The key with these bytes, if they are 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zeroed();
        (bytes.len() == KEY_LEN).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    /// The bytes of the key.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0[..]
    }

    fn zeroed() -> Self {
        Self(Box::new([0; KEY_LEN]))
    }
}

/// The blob was not sealed under this key for this context, or it is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unopened;

/// A key ready to seal and open. AWS-LC cleanses its schedule when it is freed.
pub(crate) struct AeadKey(LessSafeKey);

impl AeadKey {
    /// AES-256-GCM: a repeated nonce is fatal, so seals under a key are counted.
    pub(crate) fn gcm(key: &RawKey) -> Self {
        Self::new(&AES_256_GCM, key)
    }

    /// AES-256-GCM-SIV (RFC 8452): a repeated nonce shows only equal plaintexts.
    pub(crate) fn gcm_siv(key: &RawKey) -> Self {
        Self::new(&AES_256_GCM_SIV, key)
    }

    /// Encrypt, and authenticate the context along.
    pub(crate) fn seal(&self, context: &[u8], plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        sealed.resize(NONCE_LEN, 0);
        random.fill(&mut sealed);
        let nonce = Nonce::try_assume_unique_for_key(&sealed).expect("a nonce has twelve bytes");
        sealed.extend_from_slice(plaintext);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(context), &mut sealed[NONCE_LEN..])
            .expect("the plaintext is far below the cipher's limit of 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Decrypt what [`seal`](Self::seal) made under this key and this context.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Result<SecretBytes, Unopened> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(Unopened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut buffer)
            .map_err(|_| Unopened)?
            .len();
        buffer.truncate(length);
        Ok(SecretBytes::new(std::mem::take(&mut *buffer)))
    }

    fn new(algorithm: &'static Algorithm, key: &RawKey) -> Self {
        let key = UnboundKey::new(algorithm, key.expose()).expect("both ciphers take 32 bytes");
        Self(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_blob_opens_only_under_its_key_and_context() {
        for new in [AeadKey::gcm, AeadKey::gcm_siv] {
            let (key, other) = (RawKey::make(&SystemRandom), RawKey::make(&SystemRandom));
            let sealed = new(&key).seal(b"here", b"value", &SystemRandom);
            assert_eq!(new(&key).open(b"here", &sealed).unwrap().expose(), b"value");
            assert!(new(&key).open(b"there", &sealed).is_err());
            assert!(new(&other).open(b"here", &sealed).is_err());
        }
    }

    #[test]
    fn a_flipped_byte_and_a_cut_blob_do_not_open() {
        let key = AeadKey::gcm(&RawKey::make(&SystemRandom));
        let sealed = key.seal(b"", b"value", &SystemRandom);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(key.open(b"", &flipped).is_err(), "byte {at}");
            assert!(key.open(b"", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_ciphers_match_published_vectors() {
        // RFC 8452, C.2: an empty plaintext, and 8 bytes of 01.
        let key = |first| RawKey::derive(|key| key[0] = first);
        let siv = AeadKey::gcm_siv(&key(1));
        let mut nonce = [0; NONCE_LEN];
        nonce[0] = 3;
        let open = |rest: &str| siv.open(b"", &[&nonce[..], &unhex(rest)].concat());
        assert_eq!(open("07f5f4169bbf55a8400cd47ea6fd400f").unwrap().expose(), b"");
        assert_eq!(
            open("c2ef328e5c71c83b843122130f7364b761e0b97427e3df28").unwrap().expose(),
            [1, 0, 0, 0, 0, 0, 0, 0]
        );
        // The GCM specification's test cases 13 and 14: a key, nonce and plaintext of zeros.
        let gcm = AeadKey::gcm(&key(0));
        let open = |rest: &str| gcm.open(b"", &[&[0; NONCE_LEN][..], &unhex(rest)].concat());
        assert_eq!(open("530f8afbc74536b9a963b4f1c4cb738b").unwrap().expose(), b"");
        assert_eq!(
            open("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
                .unwrap()
                .expose(),
            [0; 16]
        );
    }

    fn unhex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}
