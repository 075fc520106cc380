//! The names that a certificate is good for.
//!
//! DNS names are kept in lower case and addresses in their canonical text, so that two
//! spellings of one name are one name. Wildcards are refused: the authority's
//! constraint would have to be as wide.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls_pki_types::CertificateDer;
use segura_model::{Class, Classify};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::ValidityError;

/// The most names in a certificate.
const MAX_NAMES: usize = 64;

/// Between 1 and 64 DNS names and IP addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateNames {
    dns: BTreeSet<String>,
    ips: BTreeSet<IpAddr>,
}

impl CertificateNames {
    /// These hosts, as they stand in URLs: `segura.example`, `10.0.0.7`, `[::1]`.
    pub fn parse<T: AsRef<str>>(hosts: impl IntoIterator<Item = T>) -> Result<Self, NamesError> {
        let mut names = Self { dns: BTreeSet::new(), ips: BTreeSet::new() };
        for host in hosts {
            names.add(host.as_ref())?;
        }
        match names.iter().count() {
            0 => Err(NamesError::None),
            1..=MAX_NAMES => Ok(names),
            _ => Err(NamesError::TooMany),
        }
    }

    /// The names as text, DNS names first.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        self.dns.iter().cloned().chain(self.ips.iter().map(IpAddr::to_string))
    }

    /// The DNS names.
    pub(super) fn dns(&self) -> impl Iterator<Item = &str> {
        self.dns.iter().map(String::as_str)
    }

    /// The addresses.
    pub(super) fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.ips.iter().copied()
    }

    /// The names that a certificate is good for, as text like [`iter`](Self::iter)'s.
    pub(super) fn of_certificate(
        der: &CertificateDer<'_>,
    ) -> Result<BTreeSet<String>, ValidityError> {
        let (_, certificate) =
            parse_x509_certificate(der).map_err(|_| ValidityError::Unreadable)?;
        let names =
            certificate.subject_alternative_name().map_err(|_| ValidityError::Unreadable)?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        Ok(names.iter().filter_map(name_text).collect())
    }

    /// Take other names too; none of them if there is no room for all.
    pub(super) fn take(&mut self, other: Self) {
        let mut both = self.clone();
        both.dns.extend(other.dns);
        both.ips.extend(other.ips);
        if both.iter().count() <= MAX_NAMES {
            *self = both;
        }
    }

    fn add(&mut self, host: &str) -> Result<(), NamesError> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = bare.parse() {
            self.ips.insert(ip);
            return Ok(());
        }
        if !is_dns_name(host) {
            return Err(NamesError::Host(host.chars().take(80).collect()));
        }
        self.dns.insert(host.to_ascii_lowercase());
        Ok(())
    }
}

/// A name cannot stand in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// Neither a DNS name nor an address.
    #[error(
        "`{0}` cannot be a certificate's name: expected a DNS name of letters, digits, `-` and \
         `.`, or an IP address"
    )]
    Host(String),
    /// No name at all.
    #[error("a certificate needs at least one name")]
    None,
    /// Too many.
    #[error("a certificate has at most {MAX_NAMES} names")]
    TooMany,
}

impl Classify for NamesError {
    fn class(&self) -> Class {
        Class::bad_request("certificate-name-invalid")
    }
}

fn is_dns_name(host: &str) -> bool {
    // A name whose last label is a number would be read as an address by URL parsers.
    let last_is_number =
        host.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= 253 && !last_is_number && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| Ipv4Addr::from(ip).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|ip| Ipv6Addr::from(ip).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_in_two_spellings_is_one_name() {
        let names = CertificateNames::parse([
            "Segura.Example",
            "segura.example",
            "[0:0:0:0:0:0:0:1]",
            "::1",
            "10.0.0.7",
            "localhost",
        ]);
        let names: Vec<_> = names.unwrap().iter().collect();
        assert_eq!(names, ["localhost", "segura.example", "10.0.0.7", "::1"]);
    }

    #[test]
    fn what_is_no_host_is_refused_by_name() {
        for host in ["", "*.example", "a..b", "-a", "a-", "a_b", "a b", "a.", ".a", "1.2.3", "é.de"]
        {
            let error = CertificateNames::parse([host]).unwrap_err();
            assert_eq!(error, NamesError::Host(host.to_owned()));
        }
        let label = "a".repeat(64);
        assert!(CertificateNames::parse([label]).is_err());
    }

    #[test]
    fn there_are_between_one_and_sixty_four_names() {
        assert_eq!(CertificateNames::parse([""; 0]), Err(NamesError::None));
        let many =
            |count: u32| CertificateNames::parse((0..count).map(|n| format!("h{n}.example")));
        assert!(many(64).is_ok());
        assert_eq!(many(65), Err(NamesError::TooMany));
    }
}
