//! From when to when a certificate is good, and when to replace it.
//!
//! Also of certificates that were given to us: those we cannot renew, only warn about.

use rustls_pki_types::CertificateDer;
use segura_model::{Class, Classify, Timestamp};
use x509_parser::parse_x509_certificate;

/// How long before its end a certificate is warned about, in seconds: 14 days.
pub const WARNING_SECONDS: i64 = 14 * super::DAY;

/// The lifetime of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second in which it is good.
    pub not_before: Timestamp,
    /// The last second in which it is good.
    pub not_after: Timestamp,
}

/// What to do about a certificate that we can replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Less than a third of its life is left: replace it.
    Due,
    /// It is over: replace it before anything is served with it.
    Expired,
    /// Leave it.
    Fresh,
}

impl Validity {
    /// Of a certificate.
    pub fn of_der(der: &CertificateDer<'_>) -> Result<Self, ValidityError> {
        let (_, certificate) =
            parse_x509_certificate(der).map_err(|_| ValidityError::Unreadable)?;
        let validity = certificate.validity();
        Ok(Self {
            not_before: Timestamp(validity.not_before.timestamp()),
            not_after: Timestamp(validity.not_after.timestamp()),
        })
    }

    /// Seconds until its end; negative after it.
    pub const fn seconds_left(self, now: Timestamp) -> i64 {
        self.not_after.since(now)
    }

    /// Whether to replace it.
    pub const fn renewal(self, now: Timestamp) -> Renewal {
        let left = self.seconds_left(now);
        if left < 0 {
            Renewal::Expired
        } else if left < self.not_after.since(self.not_before) / 3 {
            Renewal::Due
        } else {
            Renewal::Fresh
        }
    }
}

/// A certificate cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidityError {
    /// Not PEM, or no certificate in it.
    #[error("the file holds no certificate: expected PEM with `BEGIN CERTIFICATE`")]
    NoCertificate,
    /// PEM, but what it holds is no certificate.
    #[error("the certificate cannot be read")]
    Unreadable,
}

impl Classify for ValidityError {
    fn class(&self) -> Class {
        Class::bad_request("certificate-unreadable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Validity = Validity { not_before: Timestamp(0), not_after: Timestamp(90 * 86_400) };

    #[test]
    fn a_leaf_is_replaced_in_the_last_third_of_its_life() {
        let at = |day: i64| LIFE.renewal(Timestamp(day * 86_400));
        assert_eq!(at(0), Renewal::Fresh);
        assert_eq!(at(60), Renewal::Fresh);
        assert_eq!(at(61), Renewal::Due);
        assert_eq!(at(90), Renewal::Due);
        assert_eq!(at(91), Renewal::Expired);
        assert_eq!(at(-1), Renewal::Fresh);
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let der = CertificateDer::from(b"hello".to_vec());
        assert_eq!(Validity::of_der(&der), Err(ValidityError::Unreadable));
    }
}
