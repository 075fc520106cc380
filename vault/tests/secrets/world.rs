//! A broker's store, writer and keyring on a database of the test's own.

use std::future::Future;
use std::sync::Arc;

use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::{
    ManualClock, OperatorId, OperatorName, Role, SecretPath, SecretText, Timestamp,
};
use segura_store::{
    DatabaseUrl, LedgerFilter, OpenMode, OpenOptions, ShownCredential, Store, StoredOperator,
    Writer, WriterOptions, WriterTask,
};
use segura_vault::{
    Fields, Keyring, LedgerMac, MetaChange, PutSecret, SealedSecret, Secrets, SecretsError,
    SystemRandom, TrustMac,
};
use tempfile::TempDir;

pub(crate) const NOON: Timestamp = Timestamp(1_795_521_600);

pub(crate) struct World {
    pub(crate) secrets: Secrets,
    pub(crate) writer: Writer,
    pub(crate) keyring: Keyring,
    task: WriterTask,
    /// Where SQLite's files are, on SQLite.
    pub(crate) folder: TempDir,
}

/// Each test runs on SQLite, then on PostgreSQL.
pub(crate) fn on_each_database<F: Future<Output = World>>(test: impl Fn(World) -> F) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = DatabaseUrl::Sqlite(folder.path().join("segura.db"));
        for url in [sqlite, postgres().await] {
            let world = World::open(&url, tempfile::tempdir_in(folder.path()).unwrap()).await;
            test(world).await.task.stop().await;
        }
    });
}

impl World {
    async fn open(url: &DatabaseUrl, folder: TempDir) -> Self {
        let store = Store::open(url, OpenOptions::new(OpenMode::Exclusive)).await.unwrap();
        store.migrate().await.unwrap();
        let keyring = Keyring::make(&SystemRandom, NOON);
        let options = WriterOptions {
            queue: 64,
            clock: Arc::new(ManualClock::at(NOON)),
            random: Arc::new(SystemRandom),
            head_mac: Arc::new(LedgerMac::new(&keyring)),
            row_mac: Arc::new(TrustMac::new(&keyring)),
        };
        let (writer, task) = Writer::start(store, options).await.unwrap();
        writer.run(|tx| Box::pin(async move { tx.operator_add(&maria()).await })).await.unwrap();
        let secrets = Secrets::start(writer.clone(), &keyring, Arc::new(SystemRandom)).await;
        Self { secrets: secrets.unwrap(), writer, keyring, task, folder }
    }

    pub(crate) fn store(&self) -> &Store {
        self.writer.store()
    }

    /// Another node's view: it has loaded the wrapping keys that are there now.
    pub(crate) async fn other_node(&self) -> Secrets {
        let random = Arc::new(SystemRandom);
        Secrets::start(self.writer.clone(), &self.keyring, random).await.unwrap()
    }

    /// Write one value, expecting nothing; gives its version.
    pub(crate) async fn put(&self, at: &str, value: &str) -> Result<u32, SecretsError> {
        let written = self.secrets.put(secret(at, value), record(Event::SecretPut)).await;
        written.map(|written| written.version)
    }

    /// The value of the version in use.
    pub(crate) async fn value(&self, at: &str) -> String {
        let sealed = self.current(at).await.unwrap();
        value(&self.secrets.open(&sealed, NOON).unwrap())
    }

    pub(crate) async fn current(&self, at: &str) -> Option<SealedSecret> {
        self.secrets.current(&path(at)).await.unwrap()
    }

    /// Every record of an event, oldest first.
    pub(crate) async fn records(&self, event: Event) -> Vec<Record> {
        let filter = LedgerFilter { event: Some(event), ..LedgerFilter::default() };
        let page = self.store().ledger_page(&filter, 1000).await.unwrap();
        page.rows.into_iter().rev().filter_map(|row| row.record).collect()
    }
}

pub(crate) fn secret(at: &str, value: &str) -> PutSecret {
    let field = ("value".parse().unwrap(), SecretText::new(value));
    PutSecret {
        path: path(at),
        fields: Fields::new([field].into()).unwrap(),
        expected_version: None,
        meta: MetaChange::default(),
        by: by(),
    }
}

pub(crate) fn record(event: Event) -> Record {
    let id = OperatorId::from_bytes([1; 16]);
    Record {
        event,
        outcome: Outcome::Changed,
        at: NOON,
        actor: Actor::Operator { id, name: operator(), role: Role::Admin },
        client: None,
        session: None,
        request: None,
        denial: None,
        code: None,
        paths: vec![],
        detail: serde_json::Value::Null,
    }
}

/// The operator of every record.
fn maria() -> StoredOperator {
    StoredOperator {
        id: OperatorId::from_bytes([1; 16]),
        name: operator(),
        role: Role::Admin,
        token_hash: [1; 32],
        expires_at: NOON.plus(1),
        created_at: NOON,
        rotated_at: NOON,
    }
}

/// The credential that every write is asked with.
pub(crate) fn by() -> ShownCredential {
    let StoredOperator { id, name, role, token_hash, .. } = maria();
    ShownCredential { id, name, role, token_hash }
}

pub(crate) fn operator() -> OperatorName {
    "maria".parse().unwrap()
}

pub(crate) fn path(text: &str) -> SecretPath {
    text.parse().unwrap()
}

pub(crate) fn value(fields: &Fields) -> String {
    fields.only().unwrap().1.expose().to_owned()
}

/// A new database in the cluster that the tests are given.
async fn postgres() -> DatabaseUrl {
    #[expect(clippy::disallowed_methods, reason = "how the test run names its cluster")]
    let cluster = std::env::var("SEGURA_TEST_POSTGRES").expect(
        "these tests need a throwaway PostgreSQL: run `cargo xtask test`, or set \
         SEGURA_TEST_POSTGRES to postgres://user@127.0.0.1:port/postgres",
    );
    let (client, connection) =
        tokio_postgres::connect(&cluster, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let name = OperatorId::make(NOON, &SystemRandom).to_string().to_lowercase();
    client.batch_execute(&format!("CREATE DATABASE vault_{name}")).await.unwrap();
    let (server, _) = cluster.rsplit_once('/').unwrap();
    DatabaseUrl::Postgres(SecretText::new(format!("{server}/vault_{name}")))
}
