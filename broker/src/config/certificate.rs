//! The certificate that the settings name: whether it can be shown, and whether callers
//! will take it.
//!
//! The two are apart because `init` goes on with a certificate that callers refuse (the
//! right one may come into its place later) and makes nothing for one that no server starts
//! with.

use segura_model::Timestamp;

use super::problem::{ConfigErrors, Problem};
use super::{Config, Tls};
use crate::telemetry::Chain;
use crate::tls::{GivenCertificate, GivenError};

/// What callers will not like about it; the error is why no server starts with it.
pub(super) fn look(config: &Config, now: Timestamp) -> Result<Vec<Problem>, ConfigErrors> {
    let Tls::Files { cert_file, key_file } = &config.tls else { return Ok(Vec::new()) };
    let given = GivenCertificate::read(cert_file, key_file).map_err(|error| unusable(&error))?;
    let hosts = config.server.urls.iter().map(super::ServerUrl::host);
    let foreign = hosts.filter(|host| !given.covers(host)).map(|host| {
        format!("the certificate is not for `{host}`, by which `server.url` lets callers look")
    });
    let faults = foreign.chain(untimely(&given, now));
    Ok(faults.map(|fault| Problem::of(CERT_FILE, fault)).collect())
}

fn unusable(error: &GivenError) -> ConfigErrors {
    let place = match error {
        GivenError::Key(_) | GivenError::Mismatch { .. } | GivenError::NoKey(_) => "tls.key_file",
        GivenError::Certificate(..) | GivenError::NoCertificate(_) | GivenError::Validity(_) => {
            CERT_FILE
        }
    };
    ConfigErrors(vec![Problem::of(place, Chain(error).to_string())])
}

fn untimely(given: &GivenCertificate, now: Timestamp) -> Option<String> {
    let validity = given.validity();
    if validity.seconds_left(now) < 0 {
        let end = validity.not_after;
        return Some(format!("the certificate expired at {end}: no caller takes it, renew it"));
    }
    let begin = validity.not_before;
    (begin > now).then(|| format!("the certificate is good from {begin} on, and not before"))
}

const CERT_FILE: &str = "tls.cert_file";
