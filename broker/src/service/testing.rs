//! A broker in a scratch directory, for the tests of this room: a real database, a clock
//! that stands, issuers whose keys are a map, and tokens to order.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::future::BoxFuture;
use segura_model::api::{DeliveryRequest, FieldValues, SecretPut};
use segura_model::audit::{Event, Record};
use segura_model::issuer::IssuerDraft;
use segura_model::policy::PolicyDraft;
use segura_model::{Algorithm, Clock, ManualClock, Random, RequestId, Role, SecretText, Timestamp};
use segura_store::{
    BoxFuture as StoreFuture, DatabaseUrl, LedgerFilter, OpenMode, OpenOptions, Store, StoreError,
    Tx, Writer, WriterOptions, WriterTask,
};
use segura_vault::{Keyring, LedgerMac, SystemRandom, TrustMac};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::access::Operator;
use super::delivery::{Delivered, DeliveryError};
use super::keyring::KeyringService;
use super::operators;
use super::trust::policies::Run;
use super::{Core, CoreParts, Origin};
use crate::app::App;
use crate::dev::SigningKey;
use crate::net::IssuerFiles;
use crate::oidc::{Fetch, FetchError, FetchRequest, Fetched, MemoryShelf, Verifier};

pub(crate) const NOON: Timestamp = Timestamp(1_795_521_600);
pub(crate) const URL: &str = "https://segura.example";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::make(Algorithm::ES256, "key-1"));

/// Two issuer entries: GitHub's, and one of a single tenant.
const ISSUERS: &str = r#"[
    { "issuer": "github", "preset": "github", "audiences": ["https://segura.example"],
      "algorithms": ["ES256"] },
    { "issuer": "own", "preset": "oidc", "iss": "https://ci.example", "shared": false,
      "audiences": ["https://segura.example"], "algorithms": ["ES256"] }
]"#;

/// The policy of the main job.
pub(crate) const DEPLOY: &str = "
policy: payments-deploy
issuer: github
anchor: { repository_id: '456789', repository_owner_id: '123456' }
claims: { ref: refs/heads/main }
read: ['db/prod/*', 'app/**']
deny: ['db/prod/root']
session: 15m
";

/// A broker.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) core: Arc<Core>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) admin: Operator,
    pub(crate) admin_token: SecretText,
    pub(crate) keyring: Arc<Keyring>,
    writer: Writer,
    _task: WriterTask,
    dir: TempDir,
}

impl World {
    /// A broker with two issuers and an administrator, and nothing else.
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(NOON));
        let url = DatabaseUrl::Sqlite(dir.path().join("segura.db"));
        let store = Store::open(&url, OpenOptions::new(OpenMode::Exclusive)).await.unwrap();
        store.migrate().await.unwrap();
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let keyring = Arc::new(Keyring::make(&*random, NOON));
        let (writer, task) = Writer::start(store, writer_options(&keyring, &clock)).await.unwrap();
        let first = operators::first(&writer, &keyring, "root".parse().unwrap(), &*clock, &*random);
        let first = first.await.unwrap();
        let core = node(&writer, &keyring, clock.clone()).await;
        let app = Arc::new(over(&core, &keyring, &writer));
        let world = Self {
            app,
            core,
            clock,
            admin: first.operator,
            admin_token: first.token,
            keyring,
            writer,
            _task: task,
            dir,
        };
        let issuers: Vec<IssuerDraft> = serde_json::from_str(ISSUERS).unwrap();
        let (by, from) = (&world.admin, origin());
        world.app.trust.issuers_apply(issuers, Run::Real, by, from).await.unwrap();
        world
    }

    /// A broker with the main job's policy and two secrets.
    pub(crate) async fn with_job() -> Self {
        let world = Self::new().await;
        world.apply(DEPLOY).await;
        world.put("db/prod/password", &[("value", "hunter2-canary")]).await;
        world.put("app/login", &[("user", "app"), ("password", "s3cret-canary")]).await;
        world
    }

    /// Write the same database as somebody who has it and another broker's keyring, who
    /// reaches it by a link so that the lock of the directory is not in the way.
    pub(crate) async fn intrude<F>(&self, work: F)
    where
        F: for<'t> FnOnce(&'t mut Tx) -> StoreFuture<'t, Result<(), StoreError>> + Send + 'static,
    {
        let elsewhere = TempDir::new().unwrap();
        let link = elsewhere.path().join("link.db");
        std::os::unix::fs::symlink(self.dir.path().join("segura.db"), &link).unwrap();
        let url = DatabaseUrl::Sqlite(link);
        let store = Store::open(&url, OpenOptions::new(OpenMode::Exclusive)).await.unwrap();
        let options = writer_options(&Keyring::make(&SystemRandom, NOON), &self.clock);
        let (writer, task) = Writer::start(store, options).await.unwrap();
        writer.run(work).await.unwrap();
        task.stop().await;
    }

    /// The core of another node on the same database, whose feed nobody listens to.
    pub(crate) async fn bare_node(&self) -> Arc<Core> {
        node(&self.writer, &self.keyring, self.clock.clone()).await
    }

    /// Another node, by a clock of its own.
    pub(crate) async fn node_by(&self, clock: Arc<dyn Clock>) -> App {
        let core = node(&self.writer, &self.keyring, clock).await;
        over(&core, &self.keyring, &self.writer)
    }

    /// Another node on the same database, which hears of changes only when it is told that
    /// a decision of its is stale.
    pub(crate) async fn second_node(&self) -> Arc<App> {
        let app = over(&self.bare_node().await, &self.keyring, &self.writer);
        app.follow_nothing();
        Arc::new(app)
    }

    pub(crate) async fn apply(&self, policies: &str) {
        let drafts = PolicyDraft::parse_documents(policies).unwrap();
        self.app.trust.policies_apply(drafts, Run::Real, &self.admin, origin()).await.unwrap();
    }

    pub(crate) async fn put(&self, path: &str, fields: &[(&str, &str)]) -> u32 {
        let put = put_of(fields);
        let put = self.app.secrets.put(path.parse().unwrap(), put, &self.admin, origin());
        put.await.unwrap().version
    }

    /// An operator of this role, and its token.
    pub(crate) async fn operator(&self, role: Role) -> (Operator, SecretText) {
        let name = format!("an-{role}").parse().unwrap();
        let add = segura_model::api::OperatorAdd { name, role, ttl: None };
        let made = self.app.operators.add(add, &self.admin, origin()).await.unwrap();
        (made.operator, made.token)
    }

    /// A token of the main job, with some claims changed and a `jti` of its own.
    pub(crate) fn token(&self, jti: &str, changes: &Value) -> SecretText {
        self.token_of(GITHUB, segura_plugins::sample::github(), jti, changes)
    }

    /// A token of the same workflow in a fork.
    pub(crate) fn fork_token(&self, jti: &str) -> SecretText {
        self.token_of(GITHUB, segura_plugins::sample::github_fork(), jti, &json!({}))
    }

    /// A token of the issuer that has one tenant.
    pub(crate) fn own_token(&self, jti: &str, changes: &Value) -> SecretText {
        self.token_of("https://ci.example", json!({ "sub": "job-1" }), jti, changes)
    }

    fn token_of(&self, iss: &str, mut claims: Value, jti: &str, changes: &Value) -> SecretText {
        let now = self.clock.now().0;
        let standard = json!({
            "iss": iss, "aud": URL, "jti": jti, "iat": now - 5, "nbf": now - 5, "exp": now + 300,
        });
        for (name, value) in
            standard.as_object().unwrap().iter().chain(changes.as_object().unwrap())
        {
            claims[name] = value.clone();
        }
        SecretText::new(KEY.sign(&claims))
    }

    /// Ask for a delivery, as the job would.
    pub(crate) async fn deliver(
        &self,
        token: SecretText,
        key: &str,
        wanted: &[&str],
    ) -> Result<Delivered, DeliveryError> {
        self.app.delivery.deliver(request(token, key, wanted), origin()).await
    }

    /// Every record of this event, oldest first.
    pub(crate) async fn records(&self, event: Event) -> Vec<Record> {
        let filter = LedgerFilter { event: Some(event), ..LedgerFilter::default() };
        let page = self.writer.store().ledger_page(&filter, 1000).await.unwrap();
        let mut records: Vec<Record> = page.rows.into_iter().filter_map(|row| row.record).collect();
        records.reverse();
        records
    }

    pub(crate) fn store(&self) -> &Store {
        self.writer.store()
    }
}

/// A request for a delivery.
pub(crate) fn request(token: SecretText, key: &str, wanted: &[&str]) -> DeliveryRequest {
    DeliveryRequest {
        token,
        request_key: format!("{key:0>16}").parse().unwrap(),
        secrets: wanted.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

pub(crate) fn put_of(fields: &[(&str, &str)]) -> SecretPut {
    let fields: FieldValues = fields
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), SecretText::new(*value)))
        .collect();
    SecretPut {
        fields,
        owner: None,
        tags: Vec::new(),
        max_age: None,
        expires_at: None,
        clear: Vec::new(),
        expected_version: None,
    }
}

/// A request from somewhere.
pub(crate) fn origin() -> Origin {
    Origin { client: [192, 0, 2, 7].into(), request: RequestId::make(NOON, &SystemRandom) }
}

fn writer_options(keyring: &Keyring, clock: &Arc<ManualClock>) -> WriterOptions {
    WriterOptions {
        queue: 1000,
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
        head_mac: Arc::new(LedgerMac::new(keyring)),
        row_mac: Arc::new(TrustMac::new(keyring)),
    }
}

async fn node(writer: &Writer, keyring: &Keyring, clock: Arc<dyn Clock>) -> Arc<Core> {
    let verifier = Verifier::new(Arc::new(Keys), clock.clone(), Arc::new(MemoryShelf::default()));
    let parts = CoreParts {
        clock,
        random: Arc::new(SystemRandom),
        writer: writer.clone(),
        verifier: Arc::new(verifier),
        keyring,
        envelope_bytes: 1024 * 1024,
    };
    Arc::new(Core::start(parts).await.unwrap())
}

fn over(core: &Arc<Core>, keyring: &Arc<Keyring>, writer: &Writer) -> App {
    let urls: Arc<[String]> = [URL.to_owned()].into();
    let files = IssuerFiles::new(vec!["/etc/segura/issuers".into()]);
    let live = Arc::new(ArcSwap::new(Arc::clone(keyring)));
    let rolls = KeyringService::new(core.clone(), live, None);
    App::over(core.clone(), keyring, rolls, writer.store().clone(), urls, files)
}

/// Every issuer's documents: one key signs for all.
struct Keys;

impl Fetch for Keys {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        let url = request.url.as_str();
        let document = match url.strip_suffix("/.well-known/openid-configuration") {
            Some(iss) => json!({ "issuer": iss, "jwks_uri": format!("{iss}/keys") }),
            None => json!({ "keys": [KEY.jwk()] }),
        };
        std::future::ready(Ok(Fetched { body: document.to_string().into_bytes(), max_age: None }))
            .boxed()
    }

    fn read(&self, path: PathBuf) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        std::future::ready(Err(FetchError::File { path, reason: "none".to_owned() })).boxed()
    }
}
