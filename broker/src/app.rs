//! The application: every service over one core, shared by all workers.

use std::sync::Arc;

use actix_web::rt::task::JoinHandle;
use segura_model::{Class, Classify, Clock, Random, Timestamp};
use segura_store::{HeadMac, RefusedRow, Store, Writer, WriterFigures};
use segura_vault::{Keyring, LedgerMac, OperatorTokens, SecretsError};

use crate::config::Config;
use crate::net::IssuerFiles;
use crate::oidc::{IssuerSet, Verifier};
use crate::service::audit::AuditService;
use crate::service::authority::AuthorityService;
use crate::service::delivery::DeliveryService;
use crate::service::epochs::EpochService;
use crate::service::exchange::ExchangeService;
use crate::service::keyring::{KeyringService, LiveKeyring};
use crate::service::operators::OperatorService;
use crate::service::reads::ReadService;
use crate::service::secrets::SecretService;
use crate::service::sessions::SessionService;
use crate::service::snapshot::CacheFigures;
use crate::service::trust::TrustService;
use crate::service::whoami::WhoamiService;
use crate::service::{Core, CoreParts};

/// Bytes of sealed secrets that are kept in memory.
const ENVELOPE_BYTES: usize = 32 * 1024 * 1024;

/// What an application is assembled from.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The way to write to it.
    pub writer: Writer,
    /// The open keyring.
    pub keyring: LiveKeyring,
    /// Who verifies identity tokens.
    pub verifier: Arc<Verifier>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The settings.
    pub config: Config,
}

/// Why an application could not be assembled.
#[derive(Debug, thiserror::Error)]
#[error("what decisions are made from could not be loaded")]
pub struct AssembleError(#[from] SecretsError);

impl Classify for AssembleError {
    fn class(&self) -> Class {
        self.0.class()
    }
}

/// What the application counts, for whoever watches the server.
#[derive(Debug)]
pub struct Figures {
    /// What is held in memory.
    pub cache: CacheFigures,
    /// Refusals since the start, by reason code.
    pub refusals: Vec<(&'static str, u64)>,
    /// Orders that wait for the writer.
    pub waiting: usize,
    /// Orders that may wait for it.
    pub queue_limit: usize,
    /// The writer's own.
    pub writer: Arc<WriterFigures>,
}

/// Every service of the broker.
pub struct App {
    /// The ledger.
    pub audit: AuditService,
    /// The certificate to trust.
    pub authority: AuthorityService,
    /// Secrets for identity tokens.
    pub delivery: DeliveryService,
    /// The calling off of sessions.
    pub epochs: EpochService,
    /// Sessions for identity tokens.
    pub exchange: ExchangeService,
    /// The generations of the keyring.
    pub keyring: KeyringService,
    /// Operators.
    pub operators: OperatorService,
    /// Secrets for sessions.
    pub reads: ReadService,
    /// Secrets for operators.
    pub secrets: SecretService,
    /// The lives of sessions.
    pub sessions: SessionService,
    /// Issuers and policies.
    pub trust: TrustService,
    /// Who is calling.
    pub whoami: WhoamiService,
    /// This server's URLs, as configured; the first is its issuer name.
    urls: Arc<[String]>,
    core: Arc<Core>,
    watch: JoinHandle<()>,
}

impl App {
    /// Load what decisions are made from, and begin to follow the feed of changes.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn assemble(parts: Parts) -> Result<Self, AssembleError> {
        let Parts { store, writer, keyring, verifier, clock, random, config } = parts;
        let held = keyring.load_full();
        let core = Core::start(CoreParts {
            clock,
            random,
            writer,
            verifier,
            keyring: &held,
            envelope_bytes: ENVELOPE_BYTES,
        });
        let urls = config.server.urls.iter().map(|url| url.as_str().to_owned()).collect();
        let core = Arc::new(core.await?);
        let keyring = KeyringService::new(Arc::clone(&core), keyring, Some(config.guard));
        Ok(Self::over(core, &held, keyring, store, urls, config.server.issuer_files))
    }

    /// Every service over this core.
    pub(crate) fn over(
        core: Arc<Core>,
        held: &Keyring,
        keyring: KeyringService,
        store: Store,
        urls: Arc<[String]>,
        files: IssuerFiles,
    ) -> Self {
        let mac: Arc<dyn HeadMac> = Arc::new(LedgerMac::new(held));
        let tokens = Arc::new(OperatorTokens::new(held));
        let operators = OperatorService::new(Arc::clone(&core), tokens);
        Self {
            audit: AuditService::new(Arc::clone(&core), mac),
            authority: AuthorityService::new(store),
            delivery: DeliveryService::new(Arc::clone(&core)),
            epochs: EpochService::new(Arc::clone(&core)),
            exchange: ExchangeService::new(Arc::clone(&core), Arc::clone(&urls)),
            reads: ReadService::new(Arc::clone(&core)),
            secrets: SecretService::new(Arc::clone(&core), operators.clone()),
            operators,
            sessions: SessionService::new(Arc::clone(&core)),
            trust: TrustService::new(Arc::clone(&core), &urls, files),
            whoami: WhoamiService::new(Arc::clone(&core)),
            urls,
            watch: tokio::spawn(watch(Arc::clone(&core), keyring.clone())),
            keyring,
            core,
        }
    }

    /// Today's issuer entries.
    pub fn issuers(&self) -> Arc<IssuerSet> {
        Arc::clone(&self.core.snapshots.held().issuers)
    }

    /// The rows that decide trust and do not check, as of the last look.
    pub fn refused_rows(&self) -> Arc<Vec<RefusedRow>> {
        self.core.refused_rows.seen()
    }

    /// Look for rows that decide trust and do not check.
    pub async fn check_rows(&self) {
        if let Err(error) =
            self.core.refused_rows.look(self.core.store(), &*self.core.row_mac).await
        {
            tracing::warn!(error = %error, "the rows that decide trust could not be checked");
        }
    }

    /// What is counted.
    pub fn figures(&self) -> Figures {
        let writer = &self.core.writer;
        Figures {
            cache: self.core.snapshots.figures(),
            refusals: self.core.refusals.counts(),
            waiting: writer.waiting(),
            queue_limit: writer.queue_limit(),
            writer: Arc::clone(writer.figures()),
        }
    }

    /// The time that decisions are made by.
    pub fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// This server's name as an issuer: the first of its configured URLs, never `Host`.
    pub fn url(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// Follow the feed until the application is dropped, which aborts this.
async fn watch(core: Arc<Core>, keyring: KeyringService) {
    tokio::join!(core.snapshots.watch(), keyring.follow());
}
