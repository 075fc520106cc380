//! The form of a token, before anything in it is believed.
//!
//! Length first, then the dots, then each part in canonical base64url: a token has
//! exactly one spelling, so a twin of a used token (padding, other alphabet, trailing
//! bits, junk after the signature) is no token. Nothing is allocated before the
//! length is known.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// The longest token we look at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// base64url without padding, refusing padding and non-zero trailing bits.
pub(super) const CANONICAL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// A token in JWS compact form, its parts decoded and none of them believed.
pub(super) struct Compact<'a> {
    /// The JOSE header: JSON, or so it says.
    pub(super) header: Vec<u8>,
    /// The claims: JSON, or so it says.
    pub(super) payload: Vec<u8>,
    /// The signature as written.
    pub(super) signature: &'a str,
    /// What the signature is over: header, dot, payload, as written.
    pub(super) signing_input: &'a str,
}

/// Why the text is not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A part is not base64url in its one canonical spelling.
    #[error("the token's {0} is not canonical base64url without padding")]
    Encoding(&'static str),
    /// A part is empty.
    #[error("the token's {0} is empty")]
    Empty(&'static str),
    /// Not three parts.
    #[error("a token is three parts joined by two dots; this text has {0} dots")]
    Parts(usize),
    /// Longer than [`MAX_TOKEN`].
    #[error("the token has {0} bytes; at most {MAX_TOKEN} are looked at")]
    TooLong(usize),
}

impl<'a> Compact<'a> {
    /// Take a token apart.
    pub(super) fn parse(token: &'a str) -> Result<Self, FormError> {
        if token.len() > MAX_TOKEN {
            return Err(FormError::TooLong(token.len()));
        }
        let dots = token.bytes().filter(|byte| *byte == b'.').count();
        let parts = token.rsplit_once('.').and_then(|(signing_input, signature)| {
            let (header, payload) = signing_input.split_once('.')?;
            Some((signing_input, header, payload, signature))
        });
        let Some((signing_input, header, payload, signature)) = parts.filter(|_| dots == 2) else {
            return Err(FormError::Parts(dots));
        };
        decode(signature, "signature")?;
        Ok(Self {
            header: decode(header, "header")?,
            payload: decode(payload, "payload")?,
            signature,
            signing_input,
        })
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, FormError> {
    if part.is_empty() {
        return Err(FormError::Empty(name));
    }
    CANONICAL.decode(part).map_err(|_| FormError::Encoding(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: &str) -> FormError {
        Compact::parse(token).err().expect("refused")
    }

    #[test]
    fn three_canonical_parts_are_a_token() {
        let token = Compact::parse("e30.Zm8.c2ln").unwrap();
        assert_eq!((token.header.as_slice(), token.payload.as_slice()), (&b"{}"[..], &b"fo"[..]));
        assert_eq!((token.signing_input, token.signature), ("e30.Zm8", "c2ln"));
    }

    #[test]
    fn a_token_has_exactly_two_dots() {
        for (token, dots) in [("", 0), ("e30", 0), ("e30.e30", 1), ("e30.e30.e30.e30", 3)] {
            assert_eq!(refusal(token), FormError::Parts(dots), "{token:?}");
        }
        assert_eq!(refusal(&".".repeat(MAX_TOKEN)), FormError::Parts(MAX_TOKEN));
        assert_eq!(refusal("a.b.c.d.e"), FormError::Parts(4), "JWE has five parts");
        assert_eq!(refusal(r#"{"payload":"e30","signatures":[]}"#), FormError::Parts(0));
    }

    #[test]
    fn length_is_checked_before_anything_else() {
        assert_eq!(refusal(&".".repeat(MAX_TOKEN + 1)), FormError::TooLong(MAX_TOKEN + 1));
        assert_eq!(refusal(&"a".repeat(10_000_000)), FormError::TooLong(10_000_000));
    }

    #[test]
    fn a_part_has_one_spelling() {
        for token in [
            "e30=.Zm8.c2ln", // padding
            "e30.Zm8=.c2ln",
            "e30.Zm8.c2ln=",
            "e30.Zm9.c2ln", // trailing bits set
            "e30.Zm8.c2l",  // trailing bits set in the signature
            "e30.Zm8.c2ln!!!!",
            "e30.Zm8.+/+/", // the other alphabet
            "e30.Zm8.c2 ln",
            "e30.Zm8.c2ln\n",
            " e30.Zm8.c2ln",
            "e30.Z\u{e9}8.c2ln",
            "e30.Z.c2ln", // no length base64 can have
        ] {
            assert!(matches!(refusal(token), FormError::Encoding(_)), "{token:?}");
        }
    }

    #[test]
    fn no_part_is_empty() {
        assert_eq!(refusal("e30.Zm8."), FormError::Empty("signature"));
        assert_eq!(refusal(".Zm8.c2ln"), FormError::Empty("header"));
        assert_eq!(refusal("e30..c2ln"), FormError::Empty("payload"));
    }
}
