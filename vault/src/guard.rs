//! What guards the root keys: a passphrase or a key file.
//!
//! The guard is the one secret kept outside the database; whoever has both has
//! everything. It only ever wraps the [`Keyring`](crate::Keyring). Reading the file,
//! and refusing one that others can read, is the caller's part. The trap: 32 bytes of
//! hex text are 16 bytes of key, so a raw key file that is all text is refused.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use segura_model::{Class, Classify, Random, SecretBytes, SecretText};
use zeroize::{Zeroize, Zeroizing};

use crate::aead::{KEY_LEN, RawKey};

/// The shortest passphrase that is accepted for a new keyring, in characters.
pub const MIN_PASSPHRASE: usize = 12;
const MAX_PASSPHRASE_BYTES: usize = 1024;
pub(crate) const SALT_LEN: usize = 16;

/// What guards the root keys.
#[derive(Clone, Debug)]
pub enum Guard {
    /// A file of 32 random bytes. Opens in microseconds: for servers that restart alone.
    KeyFile(KeyFile),
    /// A passphrase, stretched by argon2id.
    Passphrase(Passphrase),
}

impl Guard {
    /// The guard that a key file holds: 32 raw bytes, or their hex or base64 text.
    pub fn key_file(content: &SecretBytes) -> Result<Self, GuardError> {
        KeyFile::parse(content).map(Self::KeyFile)
    }

    /// A fresh key-file guard, and the line of base64 to write into the file.
    pub fn make_key_file(random: &dyn Random) -> (Self, SecretText) {
        let mut key = Zeroizing::new(vec![0; KEY_LEN]);
        random.fill(&mut key);
        let line = SecretText::new(STANDARD.encode(&key) + "\n");
        (Self::KeyFile(KeyFile(SecretBytes::new(std::mem::take(&mut *key)))), line)
    }

    /// The guard that this passphrase is. One line end after it is dropped, because
    /// files have one.
    pub fn passphrase(text: &SecretText) -> Result<Self, GuardError> {
        Passphrase::parse(text).map(Self::Passphrase)
    }

    /// `a key file` or `a passphrase`, for messages.
    pub const fn kind(&self) -> GuardKind {
        match self {
            Self::KeyFile(_) => GuardKind::KeyFile,
            Self::Passphrase(_) => GuardKind::Passphrase,
        }
    }
}

/// Which of the two guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardKind {
    /// A key file.
    KeyFile,
    /// A passphrase.
    Passphrase,
}

impl fmt::Display for GuardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyFile => "a key file",
            Self::Passphrase => "a passphrase",
        })
    }
}

/// 256 bits from a file. Holding one proves that it was parsed.
#[derive(Clone, Debug)]
pub struct KeyFile(SecretBytes);

impl KeyFile {
    fn parse(content: &SecretBytes) -> Result<Self, GuardError> {
        // EXPOSE: decoded into another box.
        let bytes = content.expose();
        let key = if bytes.len() == KEY_LEN {
            if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
                return Err(GuardError::TextAsRaw);
            }
            Zeroizing::new(bytes.to_vec())
        } else {
            decode(bytes.trim_ascii()).ok_or(GuardError::KeyFile)?
        };
        let varied = key.len() == KEY_LEN && key.iter().any(|byte| *byte != key[0]);
        varied.then(|| Self(SecretBytes::new(key.to_vec()))).ok_or(GuardError::KeyFile)
    }

    pub(crate) fn derive(&self, salt: &[u8; SALT_LEN]) -> RawKey {
        // EXPOSE: the guard's only use is to derive the key that wraps the keyring.
        let prk = Salt::new(HKDF_SHA256, salt).extract(self.0.expose());
        let info = [b"segura key file guard 1".as_slice()];
        RawKey::derive(|key| {
            prk.expand(&info, HKDF_SHA256)
                .and_then(|okm| okm.fill(key))
                .expect("HKDF-SHA256 gives 32 bytes");
        })
    }
}

/// A passphrase of a sensible length, and what stretching it costs.
#[derive(Clone, Debug)]
pub struct Passphrase {
    text: SecretText,
    cost: PassphraseCost,
}

impl Passphrase {
    /// The same passphrase, stretched at another cost when it next wraps a keyring.
    #[must_use]
    pub fn with_cost(self, cost: PassphraseCost) -> Self {
        Self { cost, ..self }
    }

    pub(crate) const fn cost(&self) -> PassphraseCost {
        self.cost
    }

    pub(crate) fn derive(&self, salt: &[u8; SALT_LEN], cost: PassphraseCost) -> RawKey {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_LEN))
            .expect("a cost within its bounds is one that argon2 takes");
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let key = RawKey::derive(|key| {
            // EXPOSE: the guard's only use is to derive the key that wraps the keyring.
            let text = self.text.expose().as_bytes();
            argon2
                .hash_password_into_with_memory(text, salt, key, &mut memory)
                .expect("salt and output have the lengths that argon2 takes");
        });
        memory.zeroize();
        key
    }

    fn parse(text: &SecretText) -> Result<Self, GuardError> {
        // EXPOSE: measured, and copied into another box without its line end.
        let line = text.expose();
        let line =
            line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        if line.chars().count() < MIN_PASSPHRASE {
            return Err(GuardError::ShortPassphrase);
        }
        if line.len() > MAX_PASSPHRASE_BYTES {
            return Err(GuardError::LongPassphrase);
        }
        Ok(Self { text: SecretText::new(line), cost: PassphraseCost::default() })
    }
}

/// What one try at a passphrase costs, as argon2id counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes that could be computed at once.
    pub lanes: u32,
}

impl PassphraseCost {
    /// Whether a stored cost is one that this version is willing to pay. A row in the
    /// database must not make a server use up its memory before it can be authenticated.
    pub(crate) const fn is_bearable(self) -> bool {
        self.lanes >= 1
            && self.lanes <= 16
            && self.passes >= 1
            && self.passes <= 64
            && self.memory_kib >= 8 * self.lanes
            && self.memory_kib <= 1024 * 1024
    }
}

impl Default for PassphraseCost {
    /// The second recommendation of RFC 9106, section 4: 64 MiB, three passes, four lanes.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

/// The guard that was given cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Not 32 bytes in any of the three forms, or one byte repeated.
    #[error(
        "the key file does not hold 32 random bytes, raw or as hex or base64: make one with \
         `head -c 32 /dev/urandom | base64`"
    )]
    KeyFile,
    /// Longer than anyone types.
    #[error("the passphrase is longer than {MAX_PASSPHRASE_BYTES} bytes")]
    LongPassphrase,
    /// Too short to resist guessing.
    #[error("the passphrase has fewer than {MIN_PASSPHRASE} characters: use several random words")]
    ShortPassphrase,
    /// 32 characters of text, which hold far fewer than 256 bits.
    #[error(
        "the key file holds 32 characters of text, not 32 random bytes: make one with \
         `head -c 32 /dev/urandom | base64`"
    )]
    TextAsRaw,
}

impl Classify for GuardError {
    fn class(&self) -> Class {
        Class::bad_request("guard-invalid")
    }
}

fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() == 2 * KEY_LEN {
        return text.chunks_exact(2).map(hex_byte).collect::<Option<Vec<u8>>>().map(Zeroizing::new);
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|engine| engine.decode(text).ok())
        .map(Zeroizing::new)
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    const KEY: [u8; KEY_LEN] = *b"\x00\x01\x02\x03456789abcdef0123456789abcdef";

    fn key_of(content: impl Into<Vec<u8>>) -> Result<Vec<u8>, GuardError> {
        KeyFile::parse(&SecretBytes::new(content)).map(|key| key.0.expose().to_vec())
    }

    #[test]
    fn a_key_file_may_be_raw_or_hex_or_base64() {
        let hex = KEY.map(|byte| format!("{byte:02X}")).concat();
        assert_eq!(key_of(KEY), Ok(KEY.to_vec()));
        assert_eq!(key_of(format!("{hex}\n")), Ok(KEY.to_vec()));
        assert_eq!(key_of(format!("{}\r\n", STANDARD.encode(KEY))), Ok(KEY.to_vec()));
        assert_eq!(key_of(URL_SAFE_NO_PAD.encode(KEY)), Ok(KEY.to_vec()));
    }

    #[test]
    fn a_key_file_of_another_length_is_refused() {
        for content in [&b""[..], b"short", &[7; 31], &[1, 2, 3][..], &KEY.repeat(2)] {
            assert_eq!(key_of(content), Err(GuardError::KeyFile));
        }
        assert_eq!(key_of(STANDARD.encode(&KEY[..31])), Err(GuardError::KeyFile));
    }

    #[test]
    fn a_key_file_that_nobody_drew_at_random_is_refused() {
        assert_eq!(key_of([0; KEY_LEN]), Err(GuardError::KeyFile));
        assert_eq!(key_of(STANDARD.encode([9; KEY_LEN])), Err(GuardError::KeyFile));
        assert_eq!(key_of(*b"0123456789abcdef0123456789abcdef"), Err(GuardError::TextAsRaw));
    }

    #[test]
    fn a_made_key_file_reads_back() {
        let (guard, line) = Guard::make_key_file(&SystemRandom);
        let read = Guard::key_file(&SecretBytes::new(line.expose())).unwrap();
        let (Guard::KeyFile(made), Guard::KeyFile(read)) = (guard, read) else { panic!("kinds") };
        assert!(made.0.matches(&read.0));
    }

    #[test]
    fn a_passphrase_is_long_enough_and_loses_one_line_end() {
        let parse = |text: &str| Passphrase::parse(&SecretText::new(text));
        assert_eq!(parse("eleven char").unwrap_err(), GuardError::ShortPassphrase);
        assert_eq!(parse(&"x".repeat(1025)).unwrap_err(), GuardError::LongPassphrase);
        assert_eq!(parse("correct horse\r\n").unwrap().text.expose(), "correct horse");
        assert_eq!(parse("correct horse \n\n").unwrap().text.expose(), "correct horse \n");
    }

    #[test]
    fn stretching_matches_the_reference_implementation() {
        // printf 'correct horse battery' | argon2 somesalt12345678 -id -t 2 -k 64 -p 1 -l 32 -r
        let cost = PassphraseCost { memory_kib: 64, passes: 2, lanes: 1 };
        let phrase = Passphrase { text: SecretText::new("correct horse battery"), cost };
        let key = phrase.derive(b"somesalt12345678", cost);
        let expected = "f2ee061d8762efbaa72af760ab6ed257e74043b660dd12cb0702815980e4c6e2";
        assert_eq!(
            Some(key.expose().to_vec()),
            decode(expected.as_bytes()).map(|key| key.to_vec())
        );
    }

    #[test]
    fn an_unbearable_cost_is_known_as_such() {
        let cost = PassphraseCost::default();
        assert!(cost.is_bearable());
        assert!(!PassphraseCost { memory_kib: 2 << 20, ..cost }.is_bearable());
        assert!(!PassphraseCost { passes: 0, ..cost }.is_bearable());
        assert!(!PassphraseCost { passes: 65, ..cost }.is_bearable());
        assert!(!PassphraseCost { lanes: 0, ..cost }.is_bearable());
        assert!(!PassphraseCost { memory_kib: 31, ..cost }.is_bearable());
    }
}
