//! From nothing to a database that a server starts on.
//!
//! Whoever stores the first keyring has won; another `init` at the same time is told so
//! and leaves nothing behind. A run that was cut short is finished by the next: each
//! step looks at what is there. The key file is on disk before the keyring that it opens
//! is stored, since the other way round a crash would lock everyone out.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Access;
use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::{OperatorName, Timestamp};
use segura_store::{
    BoxFuture, Certificate, CertificateRole, DatabaseUrl, KeyringMade, OpenMode, OpenOptions,
    Store, StoreError, Tx,
};
use segura_vault::{CertificateAuthority, Guard, Keyring, WrappedKeyring};

use super::{LocalError, NewFolders, Opened, Sources};
use crate::config::{Config, GuardSource, Tls, check_folder};
use crate::service::operators::{self, Credential};
use crate::startup::{StartError, World, check_world, mark_world, open_and_migrate};
use crate::tls::ManagedCertificate;

/// What was made, as far as it was not there.
#[derive(Default)]
pub struct Made {
    /// The first operator's credential, to be shown once.
    pub credential: Option<Credential>,
    /// The new authority's fingerprint, to be compared by eye.
    pub fingerprint: Option<String>,
    /// The new key file.
    pub key_file: Option<PathBuf>,
}

/// Make what is missing of data directory, keyring, authority and first operator.
pub async fn initialise(
    config: &Config,
    world: World,
    operator: OperatorName,
    sources: &Sources,
) -> Result<Made, LocalError> {
    check_guard(&config.guard)?;
    check_folder(&config.server.data_dir)?;
    let embedded = matches!(config.database, DatabaseUrl::Sqlite(_));
    let folder = || {
        let failed = |source| LocalError::Write { path: config.server.data_dir.clone(), source };
        NewFolders::make(&config.server.data_dir, 0o700).map_err(failed)
    };
    let before = if embedded { Some(folder()?) } else { None };
    let store = open_and_migrate(config).await?;
    // Only now, where it does not hold the database.
    let folders = before.map_or_else(folder, Ok)?;
    let (keyring, key_file) = keyring(&store, &config.guard, world, sources).await?;
    let opened = Opened::start(store, keyring, sources).await?;
    let made = fill(&opened, config, world, operator, sources).await;
    opened.close().await;
    let made = made?;
    folders.keep();
    Ok(Made { key_file, ..made })
}

/// Whether nothing is left to be made. Looks without the lock, which a running server
/// holds; a database that cannot be read is looked at again with it. A keyring that is
/// there must open: settings with another guard are of no use to anyone.
pub async fn is_complete(config: &Config, world: World) -> Result<bool, LocalError> {
    let look = async {
        let store = Store::open(&config.database, OpenOptions::new(OpenMode::Reader)).await?;
        let authority = store.certificate_newest(CertificateRole::Authority).await?.is_some();
        check_world(&store, world).await?;
        let rest = store.has_operators().await? && (authority || config.tls != Tls::Managed);
        Ok::<_, StartError>((store.keyring_load().await?, rest))
    };
    let Ok((Some(wrapped), rest)) = look.await else { return Ok(false) };
    open_keyring(wrapped, &config.guard)?;
    Ok(rest)
}

/// Open the keyring that is there, whose guard is never made.
fn open_keyring(wrapped: Vec<u8>, source: &GuardSource) -> Result<Keyring, LocalError> {
    if let GuardSource::KeyFile(path) = source
        && !path.exists()
    {
        return Err(LocalError::GuardMissing(path.clone()));
    }
    let guard = source.read().map_err(StartError::from)?;
    let keyring = Keyring::open(&WrappedKeyring::from_bytes(wrapped), &guard);
    Ok(keyring.map_err(StartError::from)?)
}

/// A guard that cannot be read or made stops us before anything is made.
pub(super) fn check_guard(source: &GuardSource) -> Result<(), LocalError> {
    match source {
        GuardSource::KeyFile(path) if !path.exists() => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            let access = rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK);
            let failed = |source| LocalError::Write { path: path.clone(), source };
            access.map_err(io::Error::from).map_err(failed)?;
            Ok(check_folder(folder)?)
        }
        there => there.read().map(drop).map_err(|error| StartError::from(error).into()),
    }
}

/// The keyring: the one that is there, or a new one under the guard.
async fn keyring(
    store: &Store,
    source: &GuardSource,
    world: World,
    sources: &Sources,
) -> Result<(Keyring, Option<PathBuf>), LocalError> {
    if let Some(wrapped) = store.keyring_load().await.map_err(StartError::from)? {
        check_world(store, world).await?;
        return Ok((open_keyring(wrapped, source)?, None));
    }
    let (guard, key_file) = first_guard(source, sources)?;
    let now = sources.clock.now();
    let keyring = Keyring::make(&*sources.random, now);
    let wrapped = keyring.wrap(&guard, &*sources.random);
    match store.keyring_make(wrapped.as_bytes(), now).await.map_err(StartError::from)? {
        KeyringMade::Made => Ok((keyring, key_file)),
        KeyringMade::Exists(_) => {
            if let Some(path) = key_file {
                // It opens nothing, and would be taken for the right one.
                let _ = std::fs::remove_file(path);
            }
            Err(LocalError::OtherInit)
        }
    }
}

/// The guard that is there, or a new key file where one was named.
pub(super) fn first_guard(
    source: &GuardSource,
    sources: &Sources,
) -> Result<(Guard, Option<PathBuf>), LocalError> {
    match source {
        GuardSource::KeyFile(path) if !path.exists() => {
            let (guard, line) = Guard::make_key_file(&*sources.random);
            // EXPOSE: the file is where this key lives.
            create_private(path, line.expose().as_bytes())?;
            Ok((guard, Some(path.clone())))
        }
        there => Ok((there.read().map_err(StartError::from)?, None)),
    }
}

/// A new file of mode 0600, whole and on disk, or none at all.
fn create_private(path: &Path, content: &[u8]) -> Result<(), LocalError> {
    let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = written.and_then(|mut file| {
        file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| {
            // What is half a key opens nothing, and would be taken for a whole one.
            let _ = std::fs::remove_file(path);
        })
    });
    written.map_err(|source| LocalError::Write { path: path.to_owned(), source })
}

/// Authority, mark and first operator, as far as they are missing.
async fn fill(
    opened: &Opened,
    config: &Config,
    world: World,
    operator: OperatorName,
    sources: &Sources,
) -> Result<Made, LocalError> {
    let (clock, random) = (&*sources.clock, &*sources.random);
    let authority = match config.tls {
        Tls::Managed => Some(new_authority(config, clock.now(), sources)?),
        Tls::Files { .. } | Tls::Off => None,
    };
    let row = authority.as_ref().map(|one| one.seal(&opened.keyring, clock.now(), random));
    let work = async move |tx: &mut Tx| set_up(tx, world, row).await;
    let done: SetUp = opened
        .writer
        .run(|tx| -> BoxFuture<'_, Result<SetUp, StoreError>> { Box::pin(work(tx)) })
        .await
        .map_err(StartError::from)?;
    let mut made = Made::default();
    if done.authority {
        made.fingerprint = authority.map(|authority| authority.fingerprint());
    }
    if done.is_first {
        let (writer, keyring) = (&opened.writer, &*opened.keyring);
        made.credential = Some(operators::first(writer, keyring, operator, clock, random).await?);
    }
    Ok(made)
}

fn new_authority(
    config: &Config,
    now: Timestamp,
    sources: &Sources,
) -> Result<Arc<CertificateAuthority>, LocalError> {
    let names = ManagedCertificate::names(&config.server.urls).map_err(StartError::from)?;
    let made = CertificateAuthority::make(&names, now, &*sources.random);
    Ok(Arc::new(made.map_err(|error| StartError::Certificate(error.into()))?))
}

/// What the unit of work did.
struct SetUp {
    authority: bool,
    is_first: bool,
}

async fn set_up(
    tx: &mut Tx,
    world: World,
    authority: Option<Certificate>,
) -> Result<SetUp, StoreError> {
    let is_first = tx.operator_list().await?.is_empty();
    let has_authority = tx.certificate_newest(CertificateRole::Authority).await?.is_some();
    let authority = authority.filter(|_| !has_authority);
    if let Some(row) = &authority {
        tx.certificate_add(row).await?;
    }
    if is_first {
        mark_world(tx, world).await?;
    }
    let at = tx.now();
    tx.record(&Record::new(Event::Init, Outcome::Changed, at, Actor::Server))?;
    Ok(SetUp { authority: authority.is_some(), is_first })
}
