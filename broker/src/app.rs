//! The application: every service over one core, shared by all workers.

use std::sync::Arc;

use segura_model::{Class, Classify, Clock, Random, Timestamp};
use segura_store::{HeadMac, RefusedRow, Store, Writer, WriterFigures};
use segura_vault::{Keyring, LedgerMac, OperatorTokens, SecretsError};

use crate::config::Config;
use crate::jobs::{Faults, Jobs};
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
    /// Follows the feed of changes, until this is dropped.
    following: Jobs,
    faults: Faults,
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
        let faults = Faults::default();
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
            following: follow(&core, &keyring, faults.clone()),
            faults,
            keyring,
            core,
        }
    }

    /// Today's issuer entries.
    pub fn issuers(&self) -> Arc<IssuerSet> {
        Arc::clone(&self.core.snapshots.held().issuers)
    }

    /// What runs beside the requests and does not run as it should.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Hear of no change any more, as a node whose feed is slow.
    #[cfg(test)]
    pub(crate) fn follow_nothing(&self) {
        self.following.abort();
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
        self.following.abort();
    }
}

/// Follow the feed, and the keyring by what it tells.
fn follow(core: &Arc<Core>, keyring: &KeyringService, faults: Faults) -> Jobs {
    let mut jobs = Jobs::new(faults);
    let (core, keyring) = (Arc::clone(core), keyring.clone());
    jobs.forever("the feed of changes", move || {
        let core = Arc::clone(&core);
        async move { core.snapshots.watch().await }
    });
    jobs.forever("the keyring's generations", move || {
        let keyring = keyring.clone();
        async move { keyring.follow().await }
    });
    jobs
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::service::testing::{NOON, World, origin};

    /// A clock that stands at noon until it is broken.
    #[derive(Default)]
    struct Breakable(AtomicBool);

    impl Clock for Breakable {
        fn now(&self) -> Timestamp {
            assert!(!self.0.load(Ordering::SeqCst), "the clock is broken");
            NOON
        }
    }

    async fn until(is_so: impl Fn() -> bool) {
        let change = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), change).await.expect("the change");
    }

    #[tokio::test]
    async fn the_feed_is_followed_again_after_a_panic() {
        let world = World::with_job().await;
        let clock = Arc::new(Breakable::default());
        let node = world.node_by(clock.clone()).await;
        clock.0.store(true, Ordering::SeqCst);
        until(|| node.faults().names() == ["the feed of changes"]).await;
        clock.0.store(false, Ordering::SeqCst);
        let name = "payments-deploy".parse().unwrap();
        world.app.trust.policy_remove(name, &world.admin, origin()).await.unwrap();
        until(|| node.core.snapshots.held().policies.is_empty()).await;
    }
}
