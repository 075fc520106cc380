//! One key of an issuer's set, and the rules it must keep.
//!
//! A key that breaks a rule is left out with its reason; the keys beside it stay good
//! (one bad key must not lock out an issuer). What a key may verify follows from the
//! key alone: RSA is RS256, P-256 is ES256, Ed25519 is EdDSA; an `alg` it carries must
//! agree. RFC 7517, RFC 7518 section 6, RFC 8037.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine;
use jsonwebtoken::DecodingKey;
use segura_model::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::compact::CANONICAL;
use super::header::is_key_id;
use super::{object, roca, shown};

/// A key that signatures are checked with.
#[derive(Clone)]
pub(super) struct VerificationKey {
    /// Its name in the set.
    pub(super) kid: Option<String>,
    /// The one algorithm it is for.
    pub(super) algorithm: Algorithm,
    /// The key as `jsonwebtoken` wants it.
    pub(super) decoding: DecodingKey,
}

/// Why a key is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// `alg` names an algorithm this kind of key is not for, or that we do not take.
    #[error("`alg` is `{0}`, which does not fit the key")]
    Algorithm(String),
    /// A number is not canonical base64url, or has the wrong length.
    #[error("`{0}` is not base64url of the right length")]
    Component(&'static str),
    /// Two usable keys share this id: neither can be told from the other.
    #[error("its `kid` is used by another key of the set")]
    DuplicateId,
    /// The RSA exponent is 1, even, or longer than four octets.
    #[error("the RSA exponent must be odd, above 1 and at most four octets")]
    Exponent,
    /// A `kty` or `crv` we do not take: `oct`, P-384, X25519, …
    #[error("a key of type `{0}` is not taken; RSA, EC P-256 and OKP Ed25519 are")]
    Kind(String),
    /// Not an object with members of the right types, each once.
    #[error("it is not a JSON Web Key")]
    Malformed,
    /// RSA outside 2048 to 8192 bits.
    #[error("an RSA key has 2048 to 8192 bits; this one has {0}")]
    ModulusSize(usize),
    /// The point is not on the curve, or generates a small group.
    #[error("it is not a sound point on its curve")]
    Point,
    /// The set publishes a private or symmetric key.
    #[error("a private part is published with it")]
    Private,
    /// Made by the generator of CVE-2017-15361.
    #[error("it was made by the flawed generator of CVE-2017-15361")]
    Roca,
    /// `use` or `key_ops` says it is for something else.
    #[error("`use` or `key_ops` says that it does not verify signatures")]
    Use,
}

impl VerificationKey {
    /// Read one member of `keys`.
    pub(super) fn parse(json: &str) -> Result<Self, KeyError> {
        let raw: RawKey = object(json.as_bytes()).map_err(|_| KeyError::Malformed)?;
        raw.check_purpose()?;
        let (algorithm, decoding) = match raw.kty.as_str() {
            "RSA" => (Algorithm::RS256, raw.rsa()?),
            "EC" => (Algorithm::ES256, raw.ec()?),
            "OKP" => (Algorithm::EdDSA, raw.okp()?),
            other => return Err(KeyError::Kind(shown(other))),
        };
        match raw.alg.as_deref() {
            // RFC 9864 gives EdDSA over Ed25519 the curve's own name.
            Some("Ed25519") if algorithm == Algorithm::EdDSA => {}
            Some(alg) if alg != algorithm.to_string() => {
                return Err(KeyError::Algorithm(shown(alg)));
            }
            _ => {}
        }
        Ok(Self { kid: raw.kid, algorithm, decoding })
    }
}

/// The members of a JSON Web Key that a rule reads; others are ignored (RFC 7517, section 4).
#[derive(Deserialize)]
struct RawKey {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl RawKey {
    fn check_purpose(&self) -> Result<(), KeyError> {
        if self.kty == "oct" {
            return Err(KeyError::Kind("oct".to_owned()));
        }
        if self.d.is_some() || self.k.is_some() {
            return Err(KeyError::Private);
        }
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs || !verifies {
            return Err(KeyError::Use);
        }
        match self.kid.as_deref() {
            Some(kid) if !is_key_id(kid) => Err(KeyError::Component("kid")),
            _ => Ok(()),
        }
    }

    fn rsa(&self) -> Result<DecodingKey, KeyError> {
        let modulus = number(self.n.as_deref(), "n")?;
        let exponent = number(self.e.as_deref(), "e")?;
        let bits =
            modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
            return Err(KeyError::ModulusSize(bits));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if exponent.len() > MAX_EXPONENT || exponent == [1] || !odd(&exponent) {
            return Err(KeyError::Exponent);
        }
        if !odd(&modulus) {
            return Err(KeyError::Component("n"));
        }
        if roca::is_fingerprinted(&modulus) {
            return Err(KeyError::Roca);
        }
        Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
    }

    fn ec(&self) -> Result<DecodingKey, KeyError> {
        self.expect_curve("P-256")?;
        let mut point = vec![UNCOMPRESSED];
        point.extend(exactly(self.x.as_deref(), "x")?);
        point.extend(exactly(self.y.as_deref(), "y")?);
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| KeyError::Point)?;
        Ok(DecodingKey::from_ec_der(&point))
    }

    fn okp(&self) -> Result<DecodingKey, KeyError> {
        self.expect_curve("Ed25519")?;
        let point = exactly(self.x.as_deref(), "x")?;
        if !is_sound_ed25519(point) {
            return Err(KeyError::Point);
        }
        Ok(DecodingKey::from_ed_der(&point))
    }

    fn expect_curve(&self, curve: &str) -> Result<(), KeyError> {
        match self.crv.as_deref() {
            Some(crv) if crv == curve => Ok(()),
            crv => Err(KeyError::Kind(format!("{} {}", self.kty, shown(crv.unwrap_or("?"))))),
        }
    }
}

/// An unsigned number. Leading zero octets, which RFC 7518 forbids, are dropped: Jenkins
/// publishes its moduli as signed numbers, and `aws-lc` would then refuse every signature.
fn number(text: Option<&str>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let bytes = decode(text, name)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Ok(bytes[zeros..].to_vec())
}

/// A coordinate, of exactly the curve's length (RFC 7518, section 6.2.1.2).
fn exactly(text: Option<&str>, name: &'static str) -> Result<[u8; 32], KeyError> {
    decode(text, name)?.try_into().map_err(|_| KeyError::Component(name))
}

fn decode(text: Option<&str>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let text = text.filter(|text| text.len() <= MAX_COMPONENT).ok_or(KeyError::Component(name))?;
    CANONICAL.decode(text).map_err(|_| KeyError::Component(name))
}

/// Whether an Ed25519 key is canonical and of large order. Under a key of small order
/// a signature can be made without any secret (RFC 8032, section 8).
fn is_sound_ed25519(point: [u8; 32]) -> bool {
    let mut y = point;
    y[31] &= 0x7f;
    let not_canonical = y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff) && y[0] >= 0xed;
    !not_canonical && !SMALL_ORDER.contains(&y)
}

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const MAX_EXPONENT: usize = 4;
/// Longest base64url number: 8192 bits and a leading zero octet.
const MAX_COMPONENT: usize = 1368;
const UNCOMPRESSED: u8 = 4;

/// The y coordinates, without sign, of the points whose order divides eight.
const SMALL_ORDER: [[u8; 32]; 5] = [
    filled(0x00, 0x00, 0x00),
    filled(0x01, 0x00, 0x00),
    filled(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}
