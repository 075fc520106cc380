//! Opening the database, for whoever starts: what does not let us in is told with the
//! place, the setting that names it and no password.

use std::fmt;
use std::sync::Arc;

use segura_store::{DatabaseUrl, OpenMode, OpenOptions, Store, StoreError};

use super::error::StartError;
use crate::config::{Config, SettingSource};

/// Open the database of these settings.
pub async fn open_store(config: &Config, mode: OpenMode) -> Result<Store, StartError> {
    let opened = Store::open(&config.database, OpenOptions::new(mode)).await;
    opened.map_err(|error| unusable(config, error))
}

/// Open it and bring its schema up to this program's.
pub async fn open_and_migrate(config: &Config) -> Result<Store, StartError> {
    let store = open_store(config, OpenMode::Exclusive).await?;
    store.migrate().await.map_err(|error| unusable(config, error))?;
    Ok(store)
}

fn unusable(config: &Config, error: StoreError) -> StartError {
    let Some(fault) = error.access_fault() else { return error.into() };
    let reason = match error {
        // What the fault is would be said twice.
        StoreError::Database(source) | StoreError::Unreachable(source) => source,
        other => Arc::new(other),
    };
    StartError::Database { place: DatabasePlace::of(config).into(), fault, reason }
}

/// Where the settings say that the data is, and which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabasePlace {
    /// A folder, or an address without user and password.
    place: String,
    setting: SettingSource,
}

impl DatabasePlace {
    /// That of these settings.
    pub(super) fn of(config: &Config) -> Self {
        let place = match &config.database {
            DatabaseUrl::Postgres(_) => config.database.to_string(),
            DatabaseUrl::Sqlite(_) => config.server.data_dir.display().to_string(),
        };
        Self { place, setting: config.database_setting.clone() }
    }
}

impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, which {} names", self.place, self.setting)
    }
}
