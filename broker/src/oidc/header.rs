//! The JOSE header, strictly.
//!
//! A header names an algorithm and a key, and may repeat what kind of token this is.
//! Everything else either asks us to fetch something (`jku`, `x5u`), to believe a key
//! the token brought along (`jwk`, `x5c`), or to understand an extension (`crit`,
//! `b64`, `zip`): refused by name, not by guessing. RFC 7515 section 4, RFC 8725.

use serde::{Deserialize, Deserializer};

use super::{object, shown};

/// What we keep of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The algorithm, as written; only ever compared with an allow-list.
    pub(super) alg: String,
    /// The key's id; only ever a map key.
    pub(super) kid: Option<String>,
    /// What kind of token it says it is.
    pub(super) kind: TokenKind,
}

/// What kind of token a header says it is (RFC 8725, section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// An access token (RFC 9068): what an OpenID provider gives a job that has no
    /// person behind it. No CI platform signs its identity tokens as such.
    AccessToken,
    /// No kind, or `JWT`: an identity token.
    Jwt,
}

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A member's value breaks its rule.
    #[error("the token's header member `{member}` must be {rule}; presented `{presented}`")]
    Member {
        /// Which member.
        member: &'static str,
        /// What it must be.
        rule: &'static str,
        /// What it is.
        presented: String,
    },
    /// Not an object of the members we know, each once and of its type.
    #[error("the token's header must hold `alg`, `kid`, `typ` and `x5t` only, each once: {0}")]
    Shape(String),
}

impl Header {
    /// Read a decoded header.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let raw: RawHeader =
            object(bytes).map_err(|error| HeaderError::Shape(shown(&error.to_string())))?;
        let member = |member, rule, presented: &str| HeaderError::Member {
            member,
            rule,
            presented: shown(presented),
        };
        if raw.alg.is_empty() || raw.alg.len() > MAX_ALG {
            return Err(member("alg", "the name of an algorithm", &raw.alg));
        }
        let kind = match raw.typ.as_deref() {
            None => TokenKind::Jwt,
            Some(typ) if typ.eq_ignore_ascii_case("JWT") => TokenKind::Jwt,
            Some(typ) if typ.eq_ignore_ascii_case("at+jwt") => TokenKind::AccessToken,
            Some(typ) => return Err(member("typ", "absent, `JWT` or `at+jwt`", typ)),
        };
        if let Some(kid) = raw.kid.as_deref().filter(|kid| !is_key_id(kid)) {
            return Err(member("kid", "1–256 bytes without control characters", kid));
        }
        Ok(Self { alg: raw.alg, kid: raw.kid, kind })
    }
}

/// Whether the text can be a key id, in a header or in a key set.
pub(super) fn is_key_id(kid: &str) -> bool {
    (1..=MAX_KID).contains(&kid.len()) && !kid.chars().any(char::is_control)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeader {
    alg: String,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    // A certificate's thumbprint, sent by GitHub and Microsoft beside `kid`; it selects nothing.
    #[serde(default, rename = "x5t", deserialize_with = "present")]
    _x5t: Option<String>,
}

/// A member that is there must be text: `null` is not absence.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
}

const MAX_ALG: usize = 32;
const MAX_KID: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_the_platforms_are_read() {
        let github = br#"{"typ":"JWT","alg":"RS256","x5t":"eQ","kid":"38826b17"}"#;
        let parsed = Header::parse(github).unwrap();
        let expected =
            Header { alg: "RS256".into(), kid: Some("38826b17".into()), kind: TokenKind::Jwt };
        assert_eq!(parsed, expected);
        let kubernetes = Header::parse(br#"{"alg":"RS256","kid":"x_Y-1"}"#).unwrap();
        assert_eq!(kubernetes.kid.as_deref(), Some("x_Y-1"));
        assert_eq!(Header::parse(br#"{"alg":"ES256","typ":"jwt"}"#).unwrap().kid, None);
    }

    #[test]
    fn a_header_with_anything_else_is_refused() {
        let kib = "k".repeat(1024);
        for header in [
            r"{}".to_owned(),
            r"[]".to_owned(),
            r#"["RS256","38826b17"]"#.to_owned(),
            r#""RS256""#.to_owned(),
            r#"{"alg":""}"#.to_owned(),
            r#"{"alg":null}"#.to_owned(),
            r#"{"alg":256}"#.to_owned(),
            r#"{"alg":["RS256"]}"#.to_owned(),
            format!(r#"{{"alg":"{kib}"}}"#),
            r#"{"alg":"RS256","alg":"RS256"}"#.to_owned(),
            r#"{"alg":"RS256","kid":"a","kid":"b"}"#.to_owned(),
            r#"{"alg":"RS256","kid":null}"#.to_owned(),
            r#"{"alg":"RS256","kid":7}"#.to_owned(),
            r#"{"alg":"RS256","kid":""}"#.to_owned(),
            r#"{"alg":"RS256","kid":"\u0000"}"#.to_owned(),
            format!(r#"{{"alg":"RS256","kid":"{kib}"}}"#),
            r#"{"alg":"RS256","typ":null}"#.to_owned(),
            r#"{"alg":"RS256","typ":"application/at+jwt"}"#.to_owned(),
            r#"{"alg":"RS256","typ":"secevent+jwt"}"#.to_owned(),
            r#"{"alg":"RS256","typ":"dpop+jwt"}"#.to_owned(),
            r#"{"alg":"RS256","typ":"JWE"}"#.to_owned(),
            r#"{"alg":"RS256","cty":"JWT"}"#.to_owned(),
            r#"{"alg":"RS256","crit":[]}"#.to_owned(),
            r#"{"alg":"RS256","crit":["exp"]}"#.to_owned(),
            r#"{"alg":"RS256","crit":["x-unknown"],"x-unknown":1}"#.to_owned(),
            r#"{"alg":"RS256","b64":false}"#.to_owned(),
            r#"{"alg":"RS256","zip":"DEF"}"#.to_owned(),
            r#"{"alg":"RS256","jwk":{"kty":"RSA"}}"#.to_owned(),
            r#"{"alg":"RS256","jku":"http://127.0.0.1/keys"}"#.to_owned(),
            r#"{"alg":"RS256","jku":"http://169.254.169.254/"}"#.to_owned(),
            r#"{"alg":"RS256","x5u":"file:///etc/passwd"}"#.to_owned(),
            r#"{"alg":"RS256","x5c":["MIIB"]}"#.to_owned(),
            r#"{"alg":"RS256","x5t":1}"#.to_owned(),
            r#"{"alg":"dir","enc":"A256GCM"}"#.to_owned(),
            r#"{"alg":"RS256"} {}"#.to_owned(),
            r#"{"alg":"RS256"}x"#.to_owned(),
            "\u{feff}{\"alg\":\"RS256\"}".to_owned(),
        ] {
            assert!(Header::parse(header.as_bytes()).is_err(), "{header}");
        }
        let utf16: Vec<u8> =
            "{\"alg\":\"RS256\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(Header::parse(&utf16).is_err());
        assert!(Header::parse(b"{\"alg\":\"RS256\",\"kid\":\"\xff\"}").is_err(), "invalid UTF-8");
    }

    #[test]
    fn a_key_id_is_only_a_name() {
        for kid in ["../../dev/null", "'; DROP TABLE keys", "__proto__", "constructor"] {
            let header = serde_json::json!({"alg": "RS256", "kid": kid}).to_string();
            assert_eq!(Header::parse(header.as_bytes()).unwrap().kid.as_deref(), Some(kid));
        }
    }
}
