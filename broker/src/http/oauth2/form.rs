//! The strict form body of the OAuth endpoints.
//!
//! Lenient form parsers turn bad UTF-8 into replacement characters and take the
//! last of two equal names, so that a proxy and we could read different requests.
//! Here a body means one thing or is refused. RFC 6749 §3.2: an empty value counts
//! as omitted, an unknown name is ignored, a repeated one is an error.

use segura_model::SecretText;

/// More names than any grant has; a body beyond is refused unread.
const MAX_PARAMETERS: usize = 64;

/// Names that RFC 8693 §2.1 lets a caller repeat.
const REPEATABLE: [&str; 2] = ["audience", "resource"];

/// Why a form was refused. The values are never part of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    /// Bad percent-encoding, or bytes that are not UTF-8.
    #[error("the body is not valid application/x-www-form-urlencoded text in UTF-8")]
    Encoding,
    /// A name was sent twice.
    #[error("parameter {0} is sent more than once: send it once")]
    Repeated(String),
    /// More than the bound.
    #[error("the body has more than {MAX_PARAMETERS} parameters")]
    TooMany,
}

/// The parameters of one request. Values are boxed: any of them may be a token.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, SecretText)>);

impl Form {
    /// Parse a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut form = Self::default();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if form.0.len() == MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = decode(&pair[..split])?;
            let value = SecretText::new(decode(pair.get(split + 1..).unwrap_or_default())?);
            if value.is_empty() {
                continue;
            }
            if form.one(&name).is_some() && !REPEATABLE.contains(&name.as_str()) {
                return Err(FormError::Repeated(name.chars().take(40).collect()));
            }
            form.0.push((name, value));
        }
        Ok(form)
    }

    /// The value under `name`, if it was sent and not empty.
    pub(super) fn one(&self, name: &str) -> Option<&SecretText> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Every value under a name that may be repeated.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a SecretText> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value)
    }
}

fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(|digit| hex(*digit)).ok_or(FormError::Encoding)?;
                let low = rest.next().and_then(|digit| hex(*digit)).ok_or(FormError::Encoding)?;
                high << 4 | low
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::Encoding)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(form: &Form, name: &str) -> Option<String> {
        form.one(name).map(|value| value.expose().to_owned())
    }

    #[test]
    fn a_form_is_decoded() {
        let form = Form::parse(b"grant_type=urn%3aietf%3Ax&subject_token=a.b.c&x=1+2").unwrap();
        assert_eq!(value(&form, "grant_type").as_deref(), Some("urn:ietf:x"));
        assert_eq!(value(&form, "subject_token").as_deref(), Some("a.b.c"));
        assert_eq!(value(&form, "x").as_deref(), Some("1 2"));
    }

    #[test]
    fn an_empty_value_counts_as_omitted() {
        let form = Form::parse(b"scope=&scope=&resource&a=1").unwrap();
        assert!(form.one("scope").is_none() && form.one("resource").is_none());
    }

    #[test]
    fn a_repeated_name_is_refused_unless_the_standard_allows_it() {
        let repeated = Form::parse(b"scope=a&scope=b").unwrap_err();
        assert_eq!(repeated, FormError::Repeated("scope".into()));
        let form = Form::parse(b"audience=a&audience=b").unwrap();
        assert_eq!(form.all("audience").count(), 2);
    }

    #[test]
    fn broken_encoding_is_refused() {
        for body in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%ff", b"a=\xff", b"%=1"] {
            assert_eq!(Form::parse(body).unwrap_err(), FormError::Encoding, "{body:?}");
        }
    }

    #[test]
    fn too_many_parameters_are_refused() {
        let body = (0..65).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Form::parse(body.as_bytes()).unwrap_err(), FormError::TooMany);
    }
}
