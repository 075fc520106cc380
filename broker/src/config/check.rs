//! What a look at the machine says about the settings.

use std::path::Path;

use super::folder::check_folder;
use super::problem::Problem;
use super::{Config, GuardSource, Tls};
use crate::telemetry::Chain;
use crate::tls::GivenCertificate;

/// Every problem that the files on this machine show.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(message) = check_directory(&config.server.data_dir) {
        problems.push(Problem::of("server.data_dir", message));
    }
    if let Err(error) = config.guard.read() {
        let place = match config.guard {
            GuardSource::KeyFile(_) => "guard.key_file",
            GuardSource::Passphrase(_) => "guard.passphrase",
            GuardSource::PassphraseFile(_) => "guard.passphrase_file",
        };
        problems.push(Problem::of(place, Chain(&error).to_string()));
    }
    if let Tls::Files { cert_file, key_file } = &config.tls {
        match GivenCertificate::read(cert_file, key_file) {
            Ok(given) => {
                let hosts = config.server.urls.iter().map(super::ServerUrl::host);
                problems.extend(hosts.filter(|host| !given.covers(host)).map(|host| {
                    Problem::of("tls.cert_file", format!("the certificate is not for `{host}`"))
                }));
            }
            Err(error) => problems.push(Problem::of("tls.cert_file", Chain(&error).to_string())),
        }
    }
    problems
}

fn check_directory(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            check_folder(path).map_err(|error| Chain(&error).to_string())
        }
        Ok(_) => Err(format!("{} is not a directory", path.display())),
        Err(error) => {
            Err(format!("cannot look at {}: {error}; `segura init` makes it", path.display()))
        }
    }
}
