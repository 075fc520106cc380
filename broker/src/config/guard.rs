//! What opens the keyring, and reading files that only their owner may read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use segura_model::{Class, Classify, SecretBytes, SecretText};
use segura_vault::{Guard, GuardError};

/// Where the guard is.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardSource {
    /// A file of 32 random bytes.
    KeyFile(PathBuf),
    /// A passphrase, from the environment.
    Passphrase(SecretText),
    /// A file with a passphrase.
    PassphraseFile(PathBuf),
}

/// The guard cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GuardReadError {
    /// It was read and is none.
    #[error("{place}")]
    Invalid {
        /// Which.
        place: String,
        /// Why.
        #[source]
        reason: GuardError,
    },
    /// Others can read or change it.
    #[error("others than its owner can read or change {}: `chmod 600` it", .0.display())]
    Exposed(PathBuf),
    /// It is longer than any guard.
    #[error("{} is longer than {MAX_BYTES} bytes", .0.display())]
    TooLong(PathBuf),
    /// The system does not give it.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        reason: std::io::Error,
    },
}

impl Classify for GuardReadError {
    fn class(&self) -> Class {
        Class::bad_request("guard-unreadable")
    }
}

impl GuardSource {
    /// Read the guard.
    pub fn read(&self) -> Result<Guard, GuardReadError> {
        let (guard, place) = match self {
            Self::KeyFile(path) => {
                (Guard::key_file(&read_private(path)?), path.display().to_string())
            }
            Self::Passphrase(text) => (Guard::passphrase(text), "guard.passphrase".to_owned()),
            Self::PassphraseFile(path) => {
                let text = read_private(path)?.into_text().unwrap_or_else(|| SecretText::new(""));
                (Guard::passphrase(&text), path.display().to_string())
            }
        };
        guard.map_err(|reason| GuardReadError::Invalid { place, reason })
    }
}

/// Read a file that nobody but its owner may read.
pub fn read_private(path: &Path) -> Result<SecretBytes, GuardReadError> {
    let unreadable = |reason| GuardReadError::Unreadable { path: path.to_owned(), reason };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // A group may be let in to read: systemd and Kubernetes hand out secrets that way.
    if metadata.permissions().mode() & 0o027 != 0 {
        return Err(GuardReadError::Exposed(path.to_owned()));
    }
    if metadata.len() > MAX_BYTES {
        return Err(GuardReadError::TooLong(path.to_owned()));
    }
    let mut bytes = Vec::new();
    (&mut file).take(MAX_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(SecretBytes::new(bytes))
}

const MAX_BYTES: u64 = 16 * 1024;
