//! The standard claims, typed: RFC 7519 section 4.1, without its leniency.
//!
//! A time is a JSON integer between 1970 and 9999; text, fractions, exponents and null
//! are refused, never read as absent (CVE-2026-25537 was that). `iss`, `aud`, `sub`,
//! `exp` and `iat` must be there. One leeway serves every comparison, and the memory of
//! spent tokens outlives it (`replay`).

use segura_model::{ClaimValue, Claims, Class, Classify, IssuerEntry, Timestamp};

/// How far the issuer's clock and ours may differ, in seconds.
pub const LEEWAY: i64 = 30;

/// The longest life, `exp` − `iat`, a token may have, in seconds: GitLab's tokens live
/// as long as the job's timeout, which its administrators may set to a month.
pub const MAX_LIFETIME: i64 = 31 * 24 * 3600;

/// A standard claim that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// `exp` is over.
    #[error(
        "the token expired at {expired_at} and it is {now}: ask the platform for a fresh one just \
         before use"
    )]
    Expired {
        /// The token's `exp`.
        expired_at: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// The claim has a value that it cannot have.
    #[error("the token's `{claim}` must be {rule}")]
    Invalid {
        /// Which claim.
        claim: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// `exp` − `iat` exceeds [`MAX_LIFETIME`], or is not positive.
    #[error("the token's life, from `iat` to `exp`, is {0} s; it must be 1 to {MAX_LIFETIME} s")]
    Lifetime(i64),
    /// The claim is not there.
    #[error("the token has no `{0}`")]
    Missing(&'static str),
    /// `nbf` or `iat` is ahead of our clock.
    #[error(
        "the token's `{claim}` is {from}, and the server's clock says {now}: compare the clocks"
    )]
    NotYet {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// Its value.
        from: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// Older than the issuer entry takes.
    #[error(
        "the token was issued {age} s ago; tokens of this issuer are taken for {max_age} s: ask \
         the platform for a fresh one just before use"
    )]
    TooOld {
        /// Seconds since `iat`.
        age: i64,
        /// The issuer entry's `max_age`.
        max_age: i64,
    },
}

impl Classify for ClaimError {
    fn class(&self) -> Class {
        match self {
            Self::Expired { .. } => Class::unauthenticated("token-expired"),
            Self::Invalid { .. } | Self::Missing(_) => Class::unauthenticated("token-claims"),
            Self::Lifetime(_) => Class::unauthenticated("token-lifetime"),
            Self::NotYet { .. } => Class::unauthenticated("token-not-yet-valid"),
            Self::TooOld { .. } => Class::unauthenticated("token-too-old"),
        }
    }
}

/// The issuer and audience of claims that nothing vouches for yet.
pub(super) struct Peeked {
    pub(super) issuer: String,
    pub(super) audience: String,
}

impl Peeked {
    /// Read `iss` and `aud`, to look the entry up and for nothing else.
    pub(super) fn read(claims: &Claims) -> Result<Self, ClaimError> {
        let audience = match claims.get("aud") {
            Some(ClaimValue::List(list)) => match list.as_slice() {
                [ClaimValue::Text(only)] => only.clone(),
                _ => return Err(ClaimError::Invalid { claim: "aud", rule: ONE_AUDIENCE }),
            },
            Some(ClaimValue::Text(only)) => only.clone(),
            Some(_) => return Err(ClaimError::Invalid { claim: "aud", rule: ONE_AUDIENCE }),
            None => return Err(ClaimError::Missing("aud")),
        };
        Ok(Self { issuer: text(claims, "iss", MAX_TEXT)?, audience })
    }
}

/// The standard claims of a token whose signature was checked.
pub(super) struct StandardClaims {
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) not_before: Option<Timestamp>,
    pub(super) token_id: Option<String>,
}

impl StandardClaims {
    /// Read the claims.
    pub(super) fn read(claims: &Claims) -> Result<Self, ClaimError> {
        text(claims, "sub", MAX_TEXT)?;
        Ok(Self {
            issued_at: time(claims, "iat")?.ok_or(ClaimError::Missing("iat"))?,
            expires_at: time(claims, "exp")?.ok_or(ClaimError::Missing("exp"))?,
            not_before: time(claims, "nbf")?,
            token_id: match claims.get("jti") {
                None => None,
                Some(_) => Some(text(claims, "jti", MAX_TOKEN_ID)?),
            },
        })
    }

    /// Compare the times with our clock and the entry's maximum age.
    pub(super) fn check_times(
        &self,
        now: Timestamp,
        entry: &IssuerEntry,
    ) -> Result<(), ClaimError> {
        let lifetime = self.expires_at.since(self.issued_at);
        if !(1..=MAX_LIFETIME).contains(&lifetime) {
            return Err(ClaimError::Lifetime(lifetime));
        }
        if now.since(self.expires_at) >= LEEWAY {
            return Err(ClaimError::Expired { expired_at: self.expires_at, now });
        }
        for (claim, from) in [("iat", Some(self.issued_at)), ("nbf", self.not_before)] {
            match from {
                Some(from) if from.since(now) > LEEWAY => {
                    return Err(ClaimError::NotYet { claim, from, now });
                }
                _ => {}
            }
        }
        let age = now.since(self.issued_at);
        if age > entry.max_age.saturating_add(LEEWAY) {
            return Err(ClaimError::TooOld { age, max_age: entry.max_age });
        }
        Ok(())
    }
}

fn text(claims: &Claims, claim: &'static str, longest: usize) -> Result<String, ClaimError> {
    match claims.get(claim) {
        None => Err(ClaimError::Missing(claim)),
        Some(ClaimValue::Text(text))
            if (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control) =>
        {
            Ok(text.clone())
        }
        Some(_) => Err(ClaimError::Invalid { claim, rule: PLAIN_TEXT }),
    }
}

fn time(claims: &Claims, claim: &'static str) -> Result<Option<Timestamp>, ClaimError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(ClaimValue::Integer(seconds)) if (0..=END_OF_9999).contains(seconds) => {
            Ok(Some(Timestamp(*seconds)))
        }
        Some(_) => Err(ClaimError::Invalid { claim, rule: SECONDS }),
    }
}

const ONE_AUDIENCE: &str = "one audience: text, or a list of one text";
const PLAIN_TEXT: &str = "text of reasonable length without control characters";
const SECONDS: &str = "a whole number of seconds since 1970";
const MAX_TEXT: usize = 2048;
const MAX_TOKEN_ID: usize = 512;
/// 9999-12-31T23:59:59Z.
const END_OF_9999: i64 = 253_402_300_799;
