//! A place where `init` never was. Mostly it is not a new broker but a mistyped folder, or
//! a volume that is not mounted: so nothing is made there, and the setting is named.

use std::fmt;
use std::io::ErrorKind;

use segura_store::DatabaseUrl;

use super::error::StartError;
use super::open::DatabasePlace;
use crate::config::Config;

/// What is not where the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The database in the folder.
    Database,
    /// The folder.
    Folder,
    /// What is there is a file.
    FolderIsFile,
    /// The keyring in the database.
    Keyring,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "holds no database of Segura",
            Self::Folder => "is not there",
            Self::FolderIsFile => "is no folder",
            Self::Keyring => "has no keyring",
        })
    }
}

/// Refuse a folder without a database, in which opening would make an empty one. What the
/// system does not let us see is left to the opening, which says why.
pub fn demand_database(config: &Config) -> Result<(), StartError> {
    let DatabaseUrl::Sqlite(file) = &config.database else { return Ok(()) };
    let folder = std::fs::metadata(&config.server.data_dir);
    let lack = match (folder, std::fs::metadata(file)) {
        (Ok(folder), _) if !folder.is_dir() => Lack::FolderIsFile,
        (Ok(_), Err(error)) if error.kind() == ErrorKind::NotFound => Lack::Database,
        (Err(error), _) if error.kind() == ErrorKind::NotFound => Lack::Folder,
        _ => return Ok(()),
    };
    Err(not_initialised(config, lack))
}

/// The error about what is missing.
pub fn not_initialised(config: &Config, lack: Lack) -> StartError {
    StartError::NotInitialised { place: DatabasePlace::of(config).into(), lack }
}
