//! Session tokens: `sgr_`, a sealed claim set, a checksum.
//!
//! A token carries the session and the workload, so that any node can read it without
//! asking the database who this is; never grants, which every read evaluates anew.
//! Form: `"sgr_" ‖ base64url(sealed) ‖ checksum (6)`, sealed with AES-256-GCM-SIV
//! under a subkey of its own, bound to its purpose and to the broker. A token that
//! opens is ours; whether its session still lives is the caller's question.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::{Class, Classify, PolicyName, Random, SecretText, SessionId, Timestamp};

use crate::checksum;
use crate::codec::{Reader, put_long, put_short};
use crate::keyring::{Keyring, PurposeKeys, Sealing};

/// What every session token starts with.
pub const SESSION_TOKEN_PREFIX: &str = "sgr_";
/// The longest token, in characters: it travels in one request header.
pub const MAX_SESSION_TOKEN: usize = 16 * 1024;
const FORM: u8 = 1;

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClaims {
    /// The session.
    pub session: SessionId,
    /// The first second in which the token is no longer good.
    pub expires_at: Timestamp,
    /// The policies that the session was opened under.
    pub policies: Vec<PolicyName>,
    /// The workload, as JSON.
    pub workload_json: Vec<u8>,
}

/// Seals and opens session tokens.
pub struct SessionTokens(PurposeKeys);

impl SessionTokens {
    /// The session tokens of this keyring's broker.
    pub fn new(keyring: &Keyring) -> Self {
        Self(keyring.sealing(Sealing::SessionToken))
    }

    /// Take the keys of a keyring that was rolled; `sealing` is the generation that seals.
    pub fn adopt(&self, keyring: &Keyring, sealing: u32) {
        self.0.adopt(keyring, sealing);
    }

    /// Seal claims into a token.
    pub fn seal(
        &self,
        claims: &SessionClaims,
        random: &dyn Random,
    ) -> Result<SecretText, SessionTokenError> {
        let sealed = self.0.seal(&[], &claims.encode()?, random);
        let mut token = String::with_capacity(sealed.len() * 4 / 3 + 16);
        token.push_str(SESSION_TOKEN_PREFIX);
        URL_SAFE_NO_PAD.encode_string(sealed, &mut token);
        checksum::append(&mut token);
        if token.len() > MAX_SESSION_TOKEN {
            return Err(SessionTokenError::TooLarge);
        }
        Ok(SecretText::new(token))
    }

    /// Open a token that was sealed here and has not expired.
    pub fn open(&self, token: &str, now: Timestamp) -> Result<SessionClaims, SessionTokenError> {
        let sealed = unwrap_text(token).ok_or(SessionTokenError::Malformed)?;
        let opened = self.0.open(&[], &sealed).map_err(|_| SessionTokenError::Unopenable)?;
        // EXPOSE: claims are secret to others, not to us.
        let claims = SessionClaims::decode(opened.expose()).ok_or(SessionTokenError::Unopenable)?;
        if now >= claims.expires_at {
            return Err(SessionTokenError::Expired(claims.expires_at));
        }
        Ok(claims)
    }
}

impl SessionClaims {
    /// `form (1) ‖ session (16) ‖ expiry (8) ‖ count (2) ‖ (length (1) ‖ policy)* ‖ length (4) ‖ workload`
    fn encode(&self) -> Result<Vec<u8>, SessionTokenError> {
        let count = u16::try_from(self.policies.len()).map_err(|_| SessionTokenError::TooLarge)?;
        if self.workload_json.len() > MAX_SESSION_TOKEN {
            return Err(SessionTokenError::TooLarge);
        }
        let mut bytes = vec![FORM];
        bytes.extend_from_slice(&self.session.to_bytes());
        bytes.extend_from_slice(&self.expires_at.0.to_be_bytes());
        bytes.extend_from_slice(&count.to_be_bytes());
        for policy in &self.policies {
            put_short(&mut bytes, policy.as_str().as_bytes());
        }
        put_long(&mut bytes, &self.workload_json);
        Ok(bytes)
    }

    fn decode(opened: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(opened);
        let [form] = reader.array()?;
        let session = SessionId::from_bytes(reader.array()?);
        let expires_at = Timestamp(i64::from_be_bytes(reader.array()?));
        let count = u16::from_be_bytes(reader.array()?);
        let policies = (0..count).map(|_| reader.short_parsed()).collect::<Option<_>>()?;
        let workload_json = reader.long()?.to_vec();
        let claims = Self { session, expires_at, policies, workload_json };
        reader.finish((form == FORM).then_some(claims))?
    }
}

/// The text of a token without prefix and checksum, decoded.
fn unwrap_text(token: &str) -> Option<Vec<u8>> {
    if token.len() > MAX_SESSION_TOKEN {
        return None;
    }
    let body = checksum::strip(token)?.strip_prefix(SESSION_TOKEN_PREFIX)?;
    URL_SAFE_NO_PAD.decode(body).ok()
}

/// A session token is not accepted, or cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionTokenError {
    /// Its time is over.
    #[error("the session token expired at {0}: open a new session")]
    Expired(Timestamp),
    /// Not shaped like one: cut, mistyped, or another kind of token.
    #[error(
        "this is not a session token: expected `{SESSION_TOKEN_PREFIX}…`, complete and unchanged"
    )]
    Malformed,
    /// The claims do not fit into a header.
    #[error(
        "the identity token carries too many claims: a session token holds {MAX_SESSION_TOKEN} characters"
    )]
    TooLarge,
    /// Not sealed by this broker for this use.
    #[error("the session token was not issued by this broker")]
    Unopenable,
}

impl Classify for SessionTokenError {
    fn class(&self) -> Class {
        match self {
            Self::Expired(_) => Class::unauthenticated("session-token-expired"),
            Self::Malformed => Class::unauthenticated("session-token-malformed"),
            Self::TooLarge => Class::too_large("session-token-too-large"),
            Self::Unopenable => Class::unauthenticated("session-token-unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemRandom;

    const NOON: Timestamp = Timestamp(1_795_521_600);

    fn keyring() -> Keyring {
        Keyring::make(&SystemRandom, NOON)
    }

    fn claims() -> SessionClaims {
        SessionClaims {
            session: SessionId::make(NOON, &SystemRandom),
            expires_at: NOON.plus(900),
            policies: vec!["payments-deploy".parse().unwrap()],
            workload_json: br#"{"subject":"repo:acme/payments"}"#.to_vec(),
        }
    }

    fn token_text(sealed: &[u8]) -> String {
        let mut token = SESSION_TOKEN_PREFIX.to_owned() + &URL_SAFE_NO_PAD.encode(sealed);
        checksum::append(&mut token);
        token
    }

    #[test]
    fn a_token_opens_until_it_expires() {
        let (tokens, claims) = (SessionTokens::new(&keyring()), claims());
        let token = tokens.seal(&claims, &SystemRandom).unwrap();
        let open = |at| tokens.open(token.expose(), at);
        assert_eq!(open(NOON), Ok(claims.clone()));
        assert_eq!(open(NOON.plus(899)), Ok(claims));
        let expired = Err(SessionTokenError::Expired(NOON.plus(900)));
        assert_eq!(open(NOON.plus(900)), expired);
    }

    #[test]
    fn a_token_of_another_broker_does_not_open() {
        let token = SessionTokens::new(&keyring()).seal(&claims(), &SystemRandom).unwrap();
        let elsewhere = SessionTokens::new(&keyring());
        assert_eq!(elsewhere.open(token.expose(), NOON), Err(SessionTokenError::Unopenable));
    }

    #[test]
    fn what_was_sealed_for_another_purpose_is_not_a_session_token() {
        let keyring = keyring();
        let tokens = SessionTokens::new(&keyring);
        let plaintext = claims().encode().unwrap();
        for purpose in [Sealing::Authority, Sealing::WrappingKey] {
            let sealed = keyring.sealing(purpose).seal(&[], &plaintext, &SystemRandom);
            let error = tokens.open(&token_text(&sealed), NOON).unwrap_err();
            assert_eq!(error, SessionTokenError::Unopenable);
        }
    }

    #[test]
    fn a_changed_character_is_noticed_even_with_a_fresh_checksum() {
        let tokens = SessionTokens::new(&keyring());
        let token = tokens.seal(&claims(), &SystemRandom).unwrap();
        let sealed = unwrap_text(token.expose()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let error = tokens.open(&token_text(&changed), NOON).unwrap_err();
            assert_eq!(error, SessionTokenError::Unopenable, "byte {at}");
            let error = tokens.open(&token_text(&sealed[..at]), NOON).unwrap_err();
            assert_eq!(error, SessionTokenError::Unopenable, "cut at {at}");
        }
    }

    #[test]
    fn what_is_not_shaped_like_a_token_is_refused_before_it_is_opened() {
        let tokens = SessionTokens::new(&keyring());
        let token = tokens.seal(&claims(), &SystemRandom).unwrap();
        let token = token.expose();
        let long = token_text(&vec![0; MAX_SESSION_TOKEN]);
        let spaced = format!("{token} ");
        let other_prefix = {
            let mut text = format!("sgo_{}", &token[4..token.len() - 6]);
            checksum::append(&mut text);
            text
        };
        for text in ["", "sgr_", &token[1..], &token[..60], &spaced, &other_prefix, &long, "é"] {
            assert_eq!(tokens.open(text, NOON), Err(SessionTokenError::Malformed));
        }
    }

    #[test]
    fn claims_that_do_not_fit_a_header_are_refused() {
        let tokens = SessionTokens::new(&keyring());
        for weight in [12_400, MAX_SESSION_TOKEN + 1] {
            let claims = SessionClaims { workload_json: vec![b' '; weight], ..claims() };
            let error = tokens.seal(&claims, &SystemRandom).unwrap_err();
            assert_eq!(error, SessionTokenError::TooLarge);
        }
        let claims = SessionClaims { workload_json: vec![b' '; 12_000], ..claims() };
        assert!(tokens.seal(&claims, &SystemRandom).is_ok());
    }

    #[test]
    fn a_token_sealed_before_a_roll_opens_after_it() {
        let mut keyring = keyring();
        let token = SessionTokens::new(&keyring).seal(&claims(), &SystemRandom).unwrap();
        keyring.roll(&SystemRandom, NOON).unwrap();
        assert!(SessionTokens::new(&keyring).open(token.expose(), NOON).is_ok());
    }

    proptest! {
        #[test]
        fn claims_read_back(
            session: [u8; 16],
            expires_at: i64,
            policies in vec("[a-z0-9][a-z0-9-]{0,63}", 0..20),
            workload_json in vec(any::<u8>(), 0..2000),
        ) {
            let claims = SessionClaims {
                session: SessionId::from_bytes(session),
                expires_at: Timestamp(expires_at),
                policies: policies.iter().map(|name| name.parse().unwrap()).collect(),
                workload_json,
            };
            prop_assert_eq!(SessionClaims::decode(&claims.encode().unwrap()), Some(claims));
        }

        #[test]
        fn no_text_makes_opening_panic(text in "\\PC{0,200}", tail in vec(any::<u8>(), 0..200)) {
            let tokens = SessionTokens::new(&keyring());
            prop_assert!(tokens.open(&text, NOON).is_err());
            prop_assert!(tokens.open(&token_text(&tail), NOON).is_err());
        }
    }
}
