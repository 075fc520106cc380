//! Operator tokens: `sgo_`, 43 random characters, a checksum.
//!
//! 43 characters of base 62 hold 256 bits, so a plain keyed hash stores one safely: no
//! salt, no stretching. The key is what makes a stolen database useless for testing
//! guesses or planting a hash of one's own. Look-up is by hash, so nothing is compared.

use segura_model::{Class, Classify, Random, SecretText};
use zeroize::Zeroizing;

use crate::checksum::{self, BASE62, CHECKSUM_LEN};
use crate::keyring::{HashKey, Hashing, Keyring};

/// What every operator token starts with.
pub const OPERATOR_TOKEN_PREFIX: &str = "sgo_";
const RANDOM_LEN: usize = 43;
const TOKEN_LEN: usize = OPERATOR_TOKEN_PREFIX.len() + RANDOM_LEN + CHECKSUM_LEN;
/// Bytes from here on would make some characters likelier than others.
const UNBIASED: u8 = 62 * 4;

/// Makes operator tokens, and hashes them for storage and look-up.
pub struct OperatorTokens(HashKey);

impl OperatorTokens {
    /// The operator tokens of this keyring's broker.
    pub fn new(keyring: &Keyring) -> Self {
        Self(keyring.hashing(Hashing::OperatorToken))
    }

    /// A fresh token, to be shown once, and the hash to store.
    pub fn make(&self, random: &dyn Random) -> (SecretText, [u8; 32]) {
        let mut token = String::with_capacity(TOKEN_LEN);
        token.push_str(OPERATOR_TOKEN_PREFIX);
        push_random(&mut token, random);
        checksum::append(&mut token);
        let hash = self.0.hash(token.as_bytes());
        (SecretText::new(token), hash)
    }

    /// The hash under which a presented token is stored, if it is shaped like one.
    pub fn hash(&self, token: &str) -> Result<[u8; 32], TokenShapeError> {
        check_shape(token)?;
        Ok(self.0.hash(token.as_bytes()))
    }
}

/// The text is not shaped like an operator token. Never says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenShapeError {
    /// One or more characters are wrong.
    #[error("the operator token's checksum is wrong: it was mistyped or changed")]
    Checksum,
    /// Cut, or with something around it.
    #[error("an operator token has {TOKEN_LEN} characters, and {0} were given")]
    Length(usize),
    /// Something else.
    #[error("an operator token starts with `{OPERATOR_TOKEN_PREFIX}`")]
    Prefix,
}

impl Classify for TokenShapeError {
    fn class(&self) -> Class {
        Class::unauthenticated("operator-token-malformed")
    }
}

fn check_shape(token: &str) -> Result<(), TokenShapeError> {
    if !token.starts_with(OPERATOR_TOKEN_PREFIX) {
        return Err(TokenShapeError::Prefix);
    }
    if token.len() != TOKEN_LEN {
        return Err(TokenShapeError::Length(token.chars().count()));
    }
    checksum::strip(token).map(drop).ok_or(TokenShapeError::Checksum)
}

fn push_random(token: &mut String, random: &dyn Random) {
    let end = token.len() + RANDOM_LEN;
    let mut drawn = Zeroizing::new([0; 64]);
    while token.len() < end {
        random.fill(&mut drawn[..]);
        let wanted = end - token.len();
        let unbiased = drawn.iter().filter(|byte| **byte < UNBIASED).take(wanted);
        token.extend(unbiased.map(|byte| char::from(BASE62[usize::from(byte % 62)])));
    }
}

#[cfg(test)]
mod tests {
    use segura_model::Timestamp;

    use super::*;
    use crate::random::SystemRandom;

    fn tokens() -> OperatorTokens {
        OperatorTokens::new(&Keyring::make(&SystemRandom, Timestamp(0)))
    }

    #[test]
    fn a_made_token_hashes_to_what_is_stored() {
        let tokens = tokens();
        let (token, hash) = tokens.make(&SystemRandom);
        assert_eq!(token.len(), TOKEN_LEN);
        assert_eq!(tokens.hash(token.expose()), Ok(hash));
        assert_ne!(tokens.make(&SystemRandom).1, hash);
    }

    #[test]
    fn another_keyring_hashes_otherwise() {
        let (token, hash) = tokens().make(&SystemRandom);
        assert_ne!(tokens().hash(token.expose()), Ok(hash));
    }

    #[test]
    fn what_is_wrong_with_a_token_is_said_without_the_token() {
        let tokens = tokens();
        let (token, _) = tokens.make(&SystemRandom);
        let token = token.expose();
        assert_eq!(tokens.hash(&token[..20]), Err(TokenShapeError::Length(20)));
        assert_eq!(tokens.hash(&format!("{token}\n")), Err(TokenShapeError::Length(54)));
        assert_eq!(tokens.hash(&token.replace("sgo_", "sgr_")), Err(TokenShapeError::Prefix));
        assert_eq!(tokens.hash(""), Err(TokenShapeError::Prefix));
        let changed = if &token[4..5] == "A" { "sgo_B" } else { "sgo_A" }.to_owned() + &token[5..];
        let error = tokens.hash(&changed).unwrap_err();
        assert_eq!(error, TokenShapeError::Checksum);
        assert!(!format!("{error} {error:?}").contains(&changed[4..20]));
    }

    #[test]
    fn biased_bytes_are_thrown_away() {
        struct Counting(std::sync::atomic::AtomicU8);
        impl Random for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill_with(|| self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            }
        }
        // Begins at 248: the eight biased bytes come first and must leave no trace.
        let mut token = String::new();
        push_random(&mut token, &Counting(248.into()));
        assert_eq!(token.as_bytes(), &BASE62[..RANDOM_LEN]);
    }
}
