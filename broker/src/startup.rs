//! From settings to a running server; tests call it too.
//!
//! The order is what matters: nothing listens before the database is migrated, the
//! keyring open and the application assembled; on the way down nothing is closed before
//! what still uses it. The runtime must be a multi-threaded one: it carries the database's
//! connections, while requests run on the workers' own event loops.

mod door;
mod error;
mod missing;
mod open;
mod process;
mod serve;
mod shelf;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use arc_swap::ArcSwap;
use segura_model::{Clock, Random};
use segura_plugins::Env;
use segura_store::{DatabaseUrl, Store, Writer, WriterOptions, WriterTask};
use segura_vault::{Keyring, LedgerMac, TrustMac, WrappedKeyring};

use crate::app::{App, Parts};
use crate::config::{Config, Tls, check_folder};
use crate::http::health::Health;
use crate::http::limits::Edge;
use crate::http::metrics::Metrics;
use crate::http::overload::Overload;
use crate::http::phase::{Phase, PhaseSender};
use crate::jobs::{self, CertificateSource, DiskGuard, Jobs};
use crate::net::{HttpFetch, OutboundProxy};
use crate::oidc::{DevIssuers, Verifier};
use crate::service::keyring::LiveKeyring;
use crate::tls::{Certificates, GivenCertificate, ManagedCertificate, Shown};

pub use error::StartError;
pub use missing::{Lack, demand_database, not_initialised};
pub use open::{DatabasePlace, open_and_migrate, open_store};
pub use process::{harden, stop_signal};
pub use shelf::StoreShelf;
pub use world::{World, check_world, mark_world};

use self::serve::Sockets;

/// A server that is ready to run.
pub struct Server {
    sockets: Sockets,
    shared: Arc<Shared>,
    jobs: Jobs,
    writer_task: WriterTask,
}

/// What every worker shares.
struct Shared {
    app: Arc<App>,
    config: Config,
    edge: Data<Edge>,
    health: Data<Health>,
    phase: PhaseSender,
}

/// Build a server from its settings.
pub async fn build(
    config: Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    env: &dyn Env,
) -> Result<Server, StartError> {
    build_world(World::Real, config, clock, random, env).await
}

/// Build a server of this world: a real one, or that of `segura dev`.
pub async fn build_world(
    world: World,
    config: Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    env: &dyn Env,
) -> Result<Server, StartError> {
    let ground = Ground::lay(world, &config, clock, random, env).await?;
    let app = App::assemble(ground.parts(&config)).await;
    let app = Arc::new(app.map_err(|error| StartError::App(error.into()))?);
    warn_about_plain_issuers(&app);

    let source = ground.certificate_source(&config)?;
    let certificates = match &source {
        Some(source) => Some(Arc::new(Certificates::new(first_certificate(source).await?))),
        None => None,
    };
    let disk = Arc::new(disk_guard(&config));
    let sockets = Sockets::open(&config, certificates.clone())?;
    let jobs = background(&app, &ground, &disk, source.zip(certificates.clone()));
    let overload = overload(&config, &ground.writer);
    let (issuers, refused, rolls) = (app.clone(), app.clone(), app.keyring.clone());
    let Ground { store, verifier, clock, random, writer_task, .. } = ground;
    let phase = PhaseSender::new(Phase::Serving);
    let health = Health {
        store,
        issuers: Box::new(move || issuers.issuers()),
        keyring_is_behind: Box::new(move || rolls.is_behind()),
        refused_rows: Box::new(move || refused.refused_rows()),
        faults: app.faults().clone(),
        verifier,
        certificates,
        disk: disk.clone(),
        clock: clock.clone(),
        phase: phase.subscribe(),
        asked: tokio::sync::Mutex::default(),
    };
    let edge = Edge {
        trusted_proxies: config.server.trusted_proxies.clone(),
        body_time: config.limits.body_time,
        clock,
        random,
        disk,
        overload,
        connections: Arc::default(),
        metrics: Arc::new(Metrics::new()),
    };
    let (edge, health) = (Data::new(edge), Data::new(health));
    let shared = Arc::new(Shared { app, config, edge, health, phase });
    Ok(Server { sockets, shared, jobs, writer_task })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.sockets.address()
    }

    /// Where `/metrics` is.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.sockets.metrics_address()
    }

    /// The application behind the routes.
    pub fn app(&self) -> &Arc<App> {
        &self.shared.app
    }

    /// Serve until SIGTERM or SIGINT, then finish what runs and stop.
    pub async fn run(self) -> Result<(), StartError> {
        let signal = process::stop_signal()?;
        self.run_until(signal).await
    }

    /// Serve until `stop` completes, then finish what runs and stop. A server that lost its
    /// writer stops too: it could answer nothing, and whoever started it starts it anew.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let Self { sockets, shared, jobs, mut writer_task } = self;
        let mut writer_lost = false;
        let lost = async {
            writer_task.ended().await;
            writer_lost = true;
        };
        let served = serve::serve(sockets, &shared, stop, lost).await;
        jobs.stop().await;
        drop(shared);
        // Last: whatever was decided before is durable when the process ends.
        writer_task.stop().await;
        tracing::info!("stopped");
        if writer_lost { Err(StartError::WriterLost) } else { served }
    }
}

/// What the application stands on: the open database, keyring and verifier.
struct Ground {
    store: Store,
    writer: Writer,
    writer_task: WriterTask,
    keyring: LiveKeyring,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Ground {
    async fn lay(
        world: World,
        config: &Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        env: &dyn Env,
    ) -> Result<Self, StartError> {
        let fetch =
            HttpFetch::new(&OutboundProxy::from_env(env)?, config.server.issuer_files.clone())?;
        demand_database(config)?;
        if let DatabaseUrl::Sqlite(_) = config.database {
            check_folder(&config.server.data_dir)?;
        }
        let store = open_and_migrate(config).await?;
        check_world(&store, world).await?;
        let keyring = Arc::new(open_keyring(&store, config).await?);
        let options = WriterOptions {
            queue: config.limits.queue,
            clock: clock.clone(),
            random: random.clone(),
            head_mac: Arc::new(LedgerMac::new(&keyring)),
            row_mac: Arc::new(TrustMac::new(&keyring)),
        };
        let (writer, writer_task) = Writer::start(store.clone(), options).await?;
        let shelf = Arc::new(StoreShelf::new(writer.clone(), &keyring));
        let dev = match world {
            World::Dev => DevIssuers::Accept,
            World::Real => DevIssuers::Refuse,
        };
        let bound = i64::try_from(config.limits.keys_max_stale.as_secs()).unwrap_or(i64::MAX);
        let verifier = Verifier::with(Arc::new(fetch), clock.clone(), shelf, dev, bound);
        let verifier = Arc::new(verifier);
        let keyring = Arc::new(ArcSwap::new(keyring));
        Ok(Self { store, writer, writer_task, keyring, verifier, clock, random })
    }

    fn parts(&self, config: &Config) -> Parts {
        Parts {
            store: self.store.clone(),
            writer: self.writer.clone(),
            keyring: self.keyring.clone(),
            verifier: self.verifier.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            config: config.clone(),
        }
    }

    fn certificate_source(&self, config: &Config) -> Result<Option<CertificateSource>, StartError> {
        Ok(match &config.tls {
            Tls::Files { cert_file, key_file } => Some(CertificateSource::Files {
                cert_file: cert_file.clone(),
                key_file: key_file.clone(),
            }),
            Tls::Managed => Some(CertificateSource::Managed(ManagedCertificate {
                store: self.store.clone(),
                writer: self.writer.clone(),
                keyring: self.keyring.clone(),
                names: ManagedCertificate::names(&config.server.urls)?,
                clock: self.clock.clone(),
                random: self.random.clone(),
            })),
            Tls::Off => None,
        })
    }
}

/// Read the guard and open the keyring; a passphrase takes a moment of processor time.
async fn open_keyring(store: &Store, config: &Config) -> Result<Keyring, StartError> {
    let wrapped = store.keyring_load().await?;
    let wrapped = wrapped.ok_or_else(|| not_initialised(config, Lack::Keyring))?;
    let guard = config.guard.clone();
    tokio::task::spawn_blocking(move || {
        let guard = guard.read()?;
        Ok(Keyring::open(&WrappedKeyring::from_bytes(wrapped), &guard)?)
    })
    .await
    .map_err(|_| StartError::Interrupted)?
}

async fn first_certificate(source: &CertificateSource) -> Result<Shown, StartError> {
    Ok(match source {
        CertificateSource::Files { cert_file, key_file } => {
            GivenCertificate::read(cert_file, key_file)?.into_shown()
        }
        CertificateSource::Managed(managed) => managed.current().await?,
    })
}

fn overload(config: &Config, writer: &Writer) -> Arc<Overload> {
    let figures = Arc::clone(writer.figures());
    Overload::new(config.limits.requests, move || figures.oldest_wait())
}

fn disk_guard(config: &Config) -> DiskGuard {
    match &config.database {
        DatabaseUrl::Postgres(_) => DiskGuard::idle(),
        DatabaseUrl::Sqlite(_) => {
            DiskGuard::watching(config.server.data_dir.clone(), config.limits.min_free_disk)
        }
    }
}

/// Start what runs on its own.
fn background(
    app: &Arc<App>,
    ground: &Ground,
    disk: &Arc<DiskGuard>,
    certificates: Option<(CertificateSource, Arc<Certificates>)>,
) -> Jobs {
    let mut jobs = Jobs::new(app.faults().clone());
    let disk = disk.clone();
    // Thousands of deliveries a second can write a hundred megabytes in a few seconds.
    jobs.every("the look at the disk", SECONDS / 2, move || {
        disk.look();
        std::future::ready(())
    });
    let (keys, issuers) = (ground.verifier.clone(), app.clone());
    jobs.every("the issuers' keys", SECONDS * 60, move || {
        jobs::refresh(keys.clone(), issuers.issuers())
    });
    let rows = app.clone();
    jobs.every("the check of rows", SECONDS * 60, move || check_rows(rows.clone()));
    let writer = ground.writer.clone();
    jobs.every("the purge", SECONDS * 300, move || jobs::purge(writer.clone()));
    if let Some((source, certificates)) = certificates {
        let source = Arc::new(source);
        jobs.every("the certificate", SECONDS * 60, move || {
            jobs::renew(source.clone(), certificates.clone())
        });
    }
    jobs
}

async fn check_rows(app: Arc<App>) {
    app.check_rows().await;
}

fn warn_about_plain_issuers(app: &App) {
    for entry in app.issuers().iter().filter(|entry| entry.iss.is_loopback_http()) {
        tracing::warn!(issuer = %entry.id, "this issuer is trusted over plain http on this machine");
    }
}

const SECONDS: Duration = Duration::from_secs(1);
