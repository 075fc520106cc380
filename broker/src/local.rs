//! A server's database, opened on the machine itself and without its server: what
//! `init`, `operator recover`, `keyring rewrap` and `ca show` work on.
//!
//! On SQLite the directory's lock keeps a running server and these apart; on PostgreSQL
//! they may run beside each other. A chain of the ledger is opened, as by a server: what
//! is done here is recorded like everything else.

mod error;
mod folders;
mod initialise;
mod rewrap;

use std::sync::Arc;

use segura_model::{Clock, Random};
use segura_store::{OpenMode, Store, Writer, WriterOptions, WriterTask};
use segura_vault::{Keyring, LedgerMac, TrustMac, WrappedKeyring};

use crate::config::Config;
use crate::service::authority::{Authority, AuthorityService};
use crate::startup::{
    Lack, StartError, World, check_world, demand_database, not_initialised, open_and_migrate,
    open_store,
};

pub use error::LocalError;
pub use folders::NewFolders;
pub use initialise::{Made, initialise, is_complete};
pub use rewrap::{Rewrapped, rewrap};

/// Time and chance.
#[derive(Clone)]
pub struct Sources {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// A database with its keyring open and its writer running.
pub struct Opened {
    /// Its keys.
    pub keyring: Arc<Keyring>,
    /// What writes to it.
    pub writer: Writer,
    task: WriterTask,
}

impl Opened {
    /// Open the database of these settings, which `init` has made.
    pub async fn open(config: &Config, sources: &Sources) -> Result<Self, StartError> {
        demand_database(config)?;
        let store = open_and_migrate(config).await?;
        check_world(&store, World::Real).await?;
        let wrapped = store.keyring_load().await?;
        let wrapped = wrapped.ok_or_else(|| not_initialised(config, Lack::Keyring))?;
        let keyring = Keyring::open(&WrappedKeyring::from_bytes(wrapped), &config.guard.read()?)?;
        Self::start(store, keyring, sources).await
    }

    async fn start(store: Store, keyring: Keyring, sources: &Sources) -> Result<Self, StartError> {
        let options = WriterOptions {
            queue: QUEUE,
            clock: Arc::clone(&sources.clock),
            random: Arc::clone(&sources.random),
            head_mac: Arc::new(LedgerMac::new(&keyring)),
            row_mac: Arc::new(TrustMac::new(&keyring)),
        };
        let (writer, task) = Writer::start(store, options).await?;
        Ok(Self { keyring: Arc::new(keyring), writer, task })
    }

    /// Write what waits, and close.
    pub async fn close(self) {
        drop(self.writer);
        self.task.stop().await;
    }
}

/// The certificate authority, read beside a running server: nothing is locked or written.
pub async fn authority(config: &Config) -> Result<Authority, LocalError> {
    demand_database(config)?;
    let store = open_store(config, OpenMode::Reader).await?;
    Ok(AuthorityService::new(store).show().await?)
}

/// One command writes at a time.
const QUEUE: usize = 16;
