//! The identity token as the platform hands it over: a shape, nothing believed.
//!
//! The runner side looks no further than the shape. Who the job is, the broker says.

use segura_model::SecretText;

/// An identity token: three parts of base64url, at most 16 KiB.
///
/// Checked here so that a file with something else in it (an operator's credential,
/// an error page) is never sent to a broker.
#[derive(Clone, Debug)]
pub struct IdToken(SecretText);

impl IdToken {
    /// Take a token; spaces and line breaks around it are dropped.
    pub fn parse(text: &SecretText) -> Result<Self, TokenShapeError> {
        // EXPOSE: only to look at the shape.
        let token = text.expose().trim();
        if token.is_empty() {
            return Err(TokenShapeError::Empty);
        }
        if token.len() > LONGEST {
            return Err(TokenShapeError::TooLong);
        }
        if CREDENTIALS.iter().any(|prefix| token.starts_with(prefix)) {
            return Err(TokenShapeError::Credential);
        }
        if token.contains(char::is_whitespace) {
            return Err(TokenShapeError::Space);
        }
        let parts = token.split('.').filter(|part| is_base64url(part)).count();
        if parts != 3 || token.matches('.').count() != 2 {
            return Err(TokenShapeError::Parts);
        }
        Ok(Self(SecretText::new(token)))
    }

    /// The token's text.
    pub fn text(&self) -> &SecretText {
        &self.0
    }
}

/// The text has not the shape of an identity token. It is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenShapeError {
    /// A token that the broker made, not the platform.
    #[error(
        "it is a credential of Segura itself; name the token that the CI platform signed for \
         this job"
    )]
    Credential,
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Not `header.payload.signature`.
    #[error("it has not the three parts `header.payload.signature` of a JSON Web Token")]
    Parts,
    /// White space that is not at its ends.
    #[error("it has a space or a line break inside: a token is one word on one line")]
    Space,
    /// Over the bound that the broker has too.
    #[error("it is longer than 16 KiB")]
    TooLong,
}

fn is_base64url(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

const LONGEST: usize = 16 * 1024;
/// What operators' credentials and sessions' tokens begin with.
const CREDENTIALS: [&str; 2] = ["sgo_", "sgr_"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<IdToken, TokenShapeError> {
        IdToken::parse(&SecretText::new(text))
    }

    #[test]
    fn a_token_is_taken_without_the_space_around_it() {
        assert_eq!(parse(" aa.b-_.cc\n").unwrap().text().expose(), "aa.b-_.cc");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for (text, error) in [
            (" \n", TokenShapeError::Empty),
            ("sgo_abc", TokenShapeError::Credential),
            ("sgr_abc", TokenShapeError::Credential),
            ("abc", TokenShapeError::Parts),
            ("a.b", TokenShapeError::Parts),
            ("a.b.", TokenShapeError::Parts),
            ("a.b.c.d", TokenShapeError::Parts),
            ("a.b.c.", TokenShapeError::Parts),
            ("a.b c.d", TokenShapeError::Space),
            ("a.b.c\nx", TokenShapeError::Space),
            (&"a".repeat(16 * 1024 + 1), TokenShapeError::TooLong),
        ] {
            assert_eq!(parse(text).unwrap_err(), error, "{text:.20}");
        }
    }
}
