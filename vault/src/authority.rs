//! The private certificate authority, for brokers without a certificate of their own.
//!
//! P-256, because every TLS client verifies it. The authority may sign for the given
//! names only (RFC 5280, section 4.2.1.10) and for servers only, so that trusting it
//! is no wider than trusting this broker. Keys are sealed under the keyring, bound to
//! their certificate.

mod constraints;
mod names;
mod validity;

use std::fmt;

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use segura_model::random::make_bytes;
use segura_model::{Class, Classify, Random, SecretBytes, Timestamp};
use segura_store::{Certificate, CertificateRole};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::keyring::{Keyring, Sealing, Unsealed};

pub use names::{CertificateNames, NamesError};
pub use validity::{Renewal, Validity, ValidityError, WARNING_SECONDS};

const DAY: i64 = 24 * 60 * 60;
/// How long the authority lives, in seconds: ten years.
pub const AUTHORITY_SECONDS: i64 = 3652 * DAY;
/// How long a leaf lives, in seconds: 90 days.
pub const LEAF_SECONDS: i64 = 90 * DAY;
/// Certificates begin this long ago, for clients whose clock is behind.
const BACKDATED_SECONDS: i64 = 5 * 60;

/// A private certificate authority with its key.
pub struct CertificateAuthority {
    pair: Pair,
}

impl CertificateAuthority {
    /// Make an authority that can sign for these names, and the names below them.
    ///
    /// AWS-LC draws the key itself; `random` makes the serial number.
    pub fn make(
        names: &CertificateNames,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, AuthorityError> {
        let mut params = params(&make_serial(random), now, now.plus(AUTHORITY_SECONDS));
        // Two authorities in one trust store can be told apart.
        let tag = u32::from_be_bytes(make_bytes(random));
        params.distinguished_name.push(DnType::CommonName, format!("Segura private CA {tag:08x}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(constraints::make(names));
        let key = Zeroizing::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?);
        let certificate = params.self_signed(&*key)?;
        Ok(Self { pair: Pair::new(certificate.pem(), certificate.der(), &key)? })
    }

    /// Sign a fresh leaf for these names. It lives 90 days, and no longer than the
    /// authority. Names that clients would not believe from this authority are refused.
    pub fn issue(
        &self,
        names: &CertificateNames,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Leaf, AuthorityError> {
        match constraints::first_outside(&self.pair.der, names)? {
            Some(name) => Err(AuthorityError::Outside(name)),
            None => self.sign(names, now, random),
        }
    }

    /// These names, and of a leaf's those that this authority may sign for too, as far as
    /// there is room: what nodes that are called by different names can all show.
    pub fn widen(
        &self,
        names: &CertificateNames,
        leaf: &Leaf,
    ) -> Result<CertificateNames, AuthorityError> {
        let mut wide = names.clone();
        for name in CertificateNames::of_certificate(&leaf.pair.der)? {
            let Ok(one) = CertificateNames::parse([name]) else { continue };
            if constraints::first_outside(&self.pair.der, &one)?.is_none() {
                wide.take(one);
            }
        }
        Ok(wide)
    }

    fn sign(
        &self,
        names: &CertificateNames,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Leaf, AuthorityError> {
        let ends = now.plus(LEAF_SECONDS).min(self.pair.validity.not_after);
        let mut params = params(&make_serial(random), now, ends);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = alternative_names(names)?;
        let key = Zeroizing::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?);
        let issuer_key = self.pair.key_pair()?;
        let issuer = Issuer::from_ca_cert_der(&self.pair.der, &*issuer_key)?;
        let certificate = params.signed_by(&*key, &issuer)?;
        Ok(Leaf { pair: Pair::new(certificate.pem(), certificate.der(), &key)? })
    }

    /// The certificate in PEM: what clients are given to trust.
    pub fn pem(&self) -> &str {
        &self.pair.pem
    }

    /// The SHA-256 of the certificate, as `AB:CD:…`, to be compared by eye.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.pair.der)
    }

    /// From when to when it is good.
    pub const fn validity(&self) -> Validity {
        self.pair.validity
    }

    /// The row to store: the key sealed under the keyring.
    pub fn seal(&self, keyring: &Keyring, now: Timestamp, random: &dyn Random) -> Certificate {
        self.pair.seal(CertificateRole::Authority, keyring, now, random)
    }

    /// Open a stored row.
    pub fn open(stored: &Certificate, keyring: &Keyring) -> Result<Self, AuthorityError> {
        Pair::open(stored, CertificateRole::Authority, keyring).map(|pair| Self { pair })
    }
}

/// A certificate for the server, with its key.
pub struct Leaf {
    pair: Pair,
}

impl Leaf {
    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pair.pem
    }

    /// The certificate.
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.pair.der
    }

    /// The private key, PKCS #8 in DER.
    pub const fn key_der(&self) -> &SecretBytes {
        &self.pair.key
    }

    /// From when to when it is good.
    pub const fn validity(&self) -> Validity {
        self.pair.validity
    }

    /// Whether it is good for all of these names; if not, issue another.
    pub fn covers(&self, names: &CertificateNames) -> bool {
        CertificateNames::of_certificate(&self.pair.der)
            .is_ok_and(|covered| names.iter().all(|name| covered.contains(&name)))
    }

    /// The row to store: the key sealed under the keyring.
    pub fn seal(&self, keyring: &Keyring, now: Timestamp, random: &dyn Random) -> Certificate {
        self.pair.seal(CertificateRole::Leaf, keyring, now, random)
    }

    /// Open a stored row.
    pub fn open(stored: &Certificate, keyring: &Keyring) -> Result<Self, AuthorityError> {
        Pair::open(stored, CertificateRole::Leaf, keyring).map(|pair| Self { pair })
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateAuthority({})", self.fingerprint())
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({})", fingerprint(&self.pair.der))
    }
}

/// A certificate and its private key.
struct Pair {
    pem: String,
    der: CertificateDer<'static>,
    key: SecretBytes,
    validity: Validity,
}

impl Pair {
    fn new(
        pem: String,
        der: &CertificateDer<'static>,
        key: &KeyPair,
    ) -> Result<Self, AuthorityError> {
        let validity = Validity::of_der(der)?;
        Ok(Self { pem, der: der.clone(), key: SecretBytes::new(key.serialized_der()), validity })
    }

    fn seal(
        &self,
        role: CertificateRole,
        keyring: &Keyring,
        now: Timestamp,
        random: &dyn Random,
    ) -> Certificate {
        // EXPOSE: into the seal.
        let key = self.key.expose();
        Certificate {
            role,
            pem: self.pem.clone(),
            sealed_key: keyring.sealing(Sealing::Authority).seal(
                &[role_label(role), &self.der],
                key,
                random,
            ),
            made_at: now,
            expires_at: self.validity.not_after,
        }
    }

    fn open(
        stored: &Certificate,
        role: CertificateRole,
        keyring: &Keyring,
    ) -> Result<Self, AuthorityError> {
        let der = CertificateDer::from_pem_slice(stored.pem.as_bytes())
            .map_err(|_| ValidityError::NoCertificate)?;
        let key = keyring
            .sealing(Sealing::Authority)
            .open(&[role_label(role), &der], &stored.sealed_key)?;
        let validity = Validity::of_der(&der)?;
        Ok(Self { pem: stored.pem.clone(), der, key, validity })
    }

    fn key_pair(&self) -> Result<Zeroizing<KeyPair>, AuthorityError> {
        // EXPOSE: into the signer, which is wiped after use.
        let key = PrivatePkcs8KeyDer::from(self.key.expose());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)?;
        Ok(Zeroizing::new(pair))
    }
}

/// The authority cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A stored key does not open.
    #[error("the stored private key of the certificate does not open: {0}")]
    Key(String),
    /// A name is not among those that the authority was made for.
    #[error(
        "the authority may not sign for `{0}`: it was made for other names, and a name can only \
         be added by making a new authority that clients trust anew"
    )]
    Outside(String),
    /// Making or reading a certificate failed.
    #[error("the certificate could not be made")]
    Signing(#[from] rcgen::Error),
    /// A stored certificate does not read.
    #[error("the stored certificate cannot be read")]
    Stored(#[from] ValidityError),
}

impl From<Unsealed> for AuthorityError {
    fn from(error: Unsealed) -> Self {
        Self::Key(error.to_string())
    }
}

impl Classify for AuthorityError {
    fn class(&self) -> Class {
        match self {
            Self::Key(_) => Class::internal("authority-key-unopenable"),
            Self::Outside(_) => Class::conflict("certificate-name-outside"),
            Self::Signing(_) => Class::internal("certificate-not-made"),
            Self::Stored(_) => Class::internal("certificate-damaged"),
        }
    }
}

/// The SHA-256 of a certificate, as `AB:CD:…`.
fn fingerprint(der: &CertificateDer<'_>) -> String {
    let digest = digest::digest(&digest::SHA256, der);
    let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

const fn role_label(role: CertificateRole) -> &'static [u8] {
    match role {
        CertificateRole::Authority => b"authority",
        CertificateRole::Leaf => b"leaf",
    }
}

/// Sixteen random bytes that are a positive number (RFC 5280, section 4.1.2.2).
fn make_serial(random: &dyn Random) -> [u8; 16] {
    let mut serial: [u8; 16] = make_bytes(random);
    serial[0] = serial[0] & 0x7F | 0x40;
    serial
}

fn params(serial: &[u8; 16], now: Timestamp, ends: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.not_before = moment(now.plus(-BACKDATED_SECONDS));
    params.not_after = moment(ends);
    params.distinguished_name = DistinguishedName::new();
    // No common name in a leaf: some verifiers hold it against the name constraints.
    params.distinguished_name.push(DnType::OrganizationName, "Segura");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn alternative_names(names: &CertificateNames) -> Result<Vec<SanType>, rcgen::Error> {
    let dns = names.dns().map(|name| Ok(SanType::DnsName(name.try_into()?)));
    dns.chain(names.ips().map(|ip| Ok(SanType::IpAddress(ip)))).collect()
}

#[cfg(test)]
mod tests;
