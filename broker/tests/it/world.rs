//! A server that runs for one test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use segura_broker::config::Config;
use segura_broker::startup::{self, Server, StartError};
use segura_model::{Clock, SystemClock};
use segura_plugins::MapEnv;
use segura_store::{
    CertificateRole, KeyringMade, OpenMode, OpenOptions, Store, StoreError, Writer, WriterOptions,
};
use segura_vault::{
    CertificateAuthority, CertificateNames, Guard, Keyring, LedgerMac, SystemRandom, TrustMac,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) client: reqwest::Client,
    directory: TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), StartError>>,
}

impl Running {
    /// A server with these settings beside the usual ones.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_by(Arc::new(SystemClock), settings).await
    }

    /// The same by another clock.
    pub(crate) async fn start_by(clock: Arc<dyn Clock>, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), settings);
        let authority = initialise(&config, directory.path()).await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(authority.as_bytes()).unwrap()])
            .tls_info(true)
            .build()
            .unwrap();
        Self::on(directory, config, client, clock).await
    }

    /// One on what a server left that was stopped.
    pub(crate) async fn start_again(directory: TempDir, client: reqwest::Client) -> Self {
        let config = config(directory.path(), &[]);
        Self::on(directory, config, client, Arc::new(SystemClock)).await
    }

    async fn on(
        directory: TempDir,
        config: Config,
        client: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let server = build_when_unlocked(&config, &clock).await;
        let (address, metrics) = (server.address(), server.metrics_address().unwrap());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run_until(async {
            stopped.await.ok();
        }));
        Self { address, metrics, client, directory, stop: Some(stop), task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// How the server ended by itself.
    pub(crate) async fn ended(self) -> Result<(), StartError> {
        self.task.await.unwrap()
    }

    /// Stop, and leave the data directory.
    pub(crate) async fn stop(mut self) -> TempDir {
        if self.stop.is_some() {
            self.begin_stop();
        }
        self.task.await.unwrap().unwrap();
        self.directory
    }
}

/// Who stopped lets go of the lock with its last handle to the store, which a thread of its
/// own may still hold for a moment.
async fn build_when_unlocked(config: &Config, clock: &Arc<dyn Clock>) -> Server {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (clock, random) = (Arc::clone(clock), Arc::new(SystemRandom));
        match startup::build(config.clone(), clock, random, &MapEnv::default()).await {
            Err(StartError::Store(StoreError::Locked { .. })) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            built => return built.unwrap(),
        }
    }
}

pub(crate) fn config(directory: &Path, settings: &[(&str, &str)]) -> Config {
    let usual = [
        ("server.url", "https://127.0.0.1"),
        ("server.listen", "127.0.0.1:0"),
        ("server.metrics_listen", "127.0.0.1:0"),
        ("server.data_dir", directory.to_str().unwrap()),
        ("limits.min_free_disk", "0 B"),
        ("limits.workers", "2"),
    ];
    let mut flags: Vec<(String, String)> = Vec::new();
    for (key, value) in usual.iter().chain(settings) {
        flags.push(((*key).to_owned(), (*value).to_owned()));
    }
    let guard = directory.join("guard.key");
    flags.push(("guard.key_file".to_owned(), guard.to_str().unwrap().to_owned()));
    Config::load(None, &MapEnv::default(), &flags).unwrap()
}

/// What `segura init` does, as far as these tests need it; the authority's certificate.
async fn initialise(config: &Config, directory: &Path) -> String {
    let (guard, line) = Guard::make_key_file(&SystemRandom);
    let path = directory.join("guard.key");
    // EXPOSE: the file is where this key lives.
    write_private(&path, line.expose());
    let now = SystemClock.now();
    let keyring = Keyring::make(&SystemRandom, now);
    let options = OpenOptions::new(OpenMode::Exclusive);
    let store = Store::open(&config.database, options).await.unwrap();
    store.migrate().await.unwrap();
    let wrapped = keyring.wrap(&guard, &SystemRandom);
    let made = store.keyring_make(wrapped.as_bytes(), now).await.unwrap();
    assert_eq!(made, KeyringMade::Made);
    let names = CertificateNames::parse(["127.0.0.1"]).unwrap();
    let authority = CertificateAuthority::make(&names, now, &SystemRandom).unwrap();
    let row = authority.seal(&keyring, now, &SystemRandom);
    assert_eq!(row.role, CertificateRole::Authority);
    let options = WriterOptions {
        queue: 16,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        head_mac: Arc::new(LedgerMac::new(&keyring)),
        row_mac: Arc::new(TrustMac::new(&keyring)),
    };
    let (writer, task) = Writer::start(store, options).await.unwrap();
    let added: Result<(), StoreError> =
        writer.run(move |tx| Box::pin(async move { tx.certificate_add(&row).await })).await;
    added.unwrap();
    drop(writer);
    task.stop().await;
    authority.pem().to_owned()
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
