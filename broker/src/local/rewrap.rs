//! Another guard for the keyring: the same keys, encrypted anew.
//!
//! The new guard is on disk before the keyring that it opens is stored, and that is one
//! row in one transaction: at any moment the one guard opens it or the other, and never
//! neither. What was wrapped before, in a backup of the database, opens with the old guard
//! still.

use std::path::PathBuf;

use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_store::{BoxFuture, StoreError, Tx};
use segura_vault::{GuardKind, Keyring, WrappedKeyring};
use serde_json::json;

use super::initialise::{check_guard, first_guard};
use super::{LocalError, Opened, Sources};
use crate::config::{Config, GuardSource};
use crate::startup::{
    Lack, StartError, World, check_world, demand_database, not_initialised, open_and_migrate,
};

/// What was done.
pub struct Rewrapped {
    /// What opens the keyring now.
    pub guard: GuardKind,
    /// The key file, if it was made.
    pub key_file: Option<PathBuf>,
}

/// Put the keyring under another guard: an existing one, or a key file that is made.
pub async fn rewrap(
    config: &Config,
    to: &GuardSource,
    sources: &Sources,
) -> Result<Rewrapped, LocalError> {
    check_guard(to)?;
    demand_database(config)?;
    let store = open_and_migrate(config).await?;
    check_world(&store, World::Real).await?;
    let before = store.keyring_load().await.map_err(StartError::from)?;
    let before = before.ok_or_else(|| not_initialised(config, Lack::Keyring))?;
    let old = config.guard.read().map_err(StartError::from)?;
    let open = || Keyring::open(&WrappedKeyring::from_bytes(before.clone()), &old);
    let keyring = open().map_err(StartError::from)?;

    let opened = Opened::start(store, keyring, sources).await?;
    let done = replace(&opened, before, to, sources).await;
    opened.close().await;
    done
}

async fn replace(
    opened: &Opened,
    before: Vec<u8>,
    to: &GuardSource,
    sources: &Sources,
) -> Result<Rewrapped, LocalError> {
    let (guard, key_file) = first_guard(to, sources)?;
    let after = opened.keyring.wrap(&guard, &*sources.random);
    // Before it takes the place of the other: does it open?
    Keyring::open(&after, &guard).map_err(StartError::from)?;
    let kind = guard.kind();
    let stored = store(opened, before, after, json!({ "guard": kind.to_string() })).await?;
    if !stored {
        if let Some(path) = key_file {
            // It opens nothing, and would be taken for the right one.
            let _ = std::fs::remove_file(path);
        }
        return Err(LocalError::Overtaken);
    }
    Ok(Rewrapped { guard: kind, key_file })
}

/// Replace the keyring that is known; `false` when there is another one by now.
async fn store(
    opened: &Opened,
    before: Vec<u8>,
    after: WrappedKeyring,
    detail: serde_json::Value,
) -> Result<bool, LocalError> {
    let work = async move |tx: &mut Tx| {
        if tx.keyring_load().await?.as_ref() != Some(&before) {
            return Ok(false);
        }
        let at = tx.now();
        tx.keyring_replace(after.as_bytes(), at).await?;
        let mut record = Record::new(Event::KeyringRewrap, Outcome::Changed, at, Actor::Server);
        record.detail = detail;
        tx.record(&record)?;
        Ok(true)
    };
    let stored =
        opened.writer.run(|tx| -> BoxFuture<'_, Result<bool, StoreError>> { Box::pin(work(tx)) });
    Ok(stored.await.map_err(StartError::from)?)
}
