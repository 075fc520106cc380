//! A database for one test, with a writer on it and everything made exact.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
use diesel::Connection;
use diesel::connection::SimpleConnection;
use segura_model::audit::{Actor, Event, Outcome, Record, ReleasedPath};
use segura_model::{
    ChainId, DenialId, IssuerId, ManualClock, Random, RequestId, SecretPath, SecretText, SessionId,
    Timestamp,
};
use segura_store::ledger::{self, LedgerFilter, VerifyReport};
use segura_store::{
    Commit, DatabaseUrl, Entry, Head, HeadMac, NewSession, OpenMode, OpenOptions, Receipt, RowMac,
    SessionStep, Spend, Store, StoreError, Writer, WriterOptions, WriterTask,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// How many requests may wait for a writer.
pub(crate) const QUEUE: usize = 300;

/// When every test begins.
pub(crate) const NOON: Timestamp = Timestamp(1_795_521_600);

/// A database, a store on it and its writer.
pub(crate) struct World {
    pub(crate) url: DatabaseUrl,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    task: WriterTask,
    place: Place,
}

enum Place {
    File(TempDir),
    Schema(String),
}

/// Another server on the same database.
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    pub(crate) task: WriterTask,
}

impl World {
    /// A file in a folder of its own.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("segura.db"));
        Self::start(url, Place::File(folder)).await
    }

    /// A schema of its own in the throwaway cluster.
    pub(crate) async fn postgres() -> Self {
        let schema = make_schema().await;
        let url = schema_url(&schema);
        Self::start(DatabaseUrl::Postgres(SecretText::new(url)), Place::Schema(schema)).await
    }

    async fn start(url: DatabaseUrl, place: Place) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let store = open(&url).await;
        store.migrate().await.unwrap();
        let (writer, task) = start_writer(&store, &clock).await;
        Self { url, clock, store, writer, task, place }
    }

    /// Stop the writer, and take the database away.
    pub(crate) async fn end(self) {
        drop(self.writer);
        self.task.stop().await;
        drop(self.store);
        match self.place {
            Place::File(folder) => folder.close().unwrap(),
            Place::Schema(schema) => {
                cluster()
                    .await
                    .batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))
                    .await
                    .unwrap();
            }
        }
    }

    /// Stop the server and start another on the same database.
    pub(crate) async fn restart(self) -> Self {
        let Self { url, clock, store, writer, task, place } = self;
        drop(writer);
        task.stop().await;
        drop(store);
        let store = open(&url).await;
        let (writer, task) = start_writer(&store, &clock).await;
        Self { url, clock, store, writer, task, place }
    }

    /// A second server; only PostgreSQL allows one.
    pub(crate) async fn node(&self) -> Node {
        self.node_at(&self.url).await
    }

    /// A second server that reaches the database at another address.
    pub(crate) async fn node_at(&self, url: &DatabaseUrl) -> Node {
        let store = open(url).await;
        let (writer, task) = start_writer(&store, &self.clock).await;
        Node { store, writer, task }
    }

    /// Run SQL behind the store's back.
    pub(crate) async fn sql(&self, sql: &str) {
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                conn.batch_execute(sql).unwrap();
            }
            DatabaseUrl::Postgres(url) => {
                connect(url.expose()).await.batch_execute(sql).await.unwrap();
            }
        }
    }

    /// Check the ledger.
    pub(crate) async fn verify(&self) -> VerifyReport {
        ledger::verify(&self.store, &TestMac, None).await.unwrap()
    }

    /// Check the ledger against a head that was kept outside.
    pub(crate) async fn verify_against(&self, head: Head) -> VerifyReport {
        ledger::verify(&self.store, &TestMac, Some(&[head])).await.unwrap()
    }

    /// The head of the chain that is being written.
    pub(crate) async fn head(&self) -> Head {
        *self.store.ledger_heads().await.unwrap().last().unwrap()
    }

    /// How many records the ledger has.
    pub(crate) async fn records(&self) -> usize {
        self.store.ledger_page(&LedgerFilter::default(), 1000).await.unwrap().rows.len()
    }

    /// Write one record.
    pub(crate) async fn record(&self, record: Record) -> Receipt {
        done(self.writer.submit(Entry { records: vec![record], ..Entry::default() }).await)[0]
    }

    /// Open a session that lasts an hour.
    pub(crate) async fn open_session(&self) -> SessionId {
        let session = new_session();
        let id = session.id;
        let entry = Entry { session: SessionStep::Open(session), ..Entry::default() };
        done(self.writer.submit(entry).await);
        id
    }

    /// Hold the writer up until the gate is opened, so that what is sent meanwhile comes as
    /// one batch.
    pub(crate) async fn gate(&self) -> Gate {
        gate(&self.writer).await
    }
}

/// Holds a writer up.
pub(crate) struct Gate {
    open: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Gate {
    /// Let the writer go on.
    pub(crate) async fn open(self) {
        self.open.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

/// Hold a writer up.
pub(crate) async fn gate(writer: &Writer) -> Gate {
    let (open, opened) = oneshot::channel::<()>();
    let (started, has_started) = oneshot::channel();
    let writer = writer.clone();
    let running = tokio::spawn(async move {
        writer
            .run(move |_| {
                Box::pin(async move {
                    started.send(()).unwrap();
                    opened.await.unwrap();
                    Ok(())
                })
            })
            .await
    });
    has_started.await.unwrap();
    Gate { open, running }
}

/// A submission under way: it is in the queue.
pub(crate) type Sent<'a> = Pin<Box<dyn Future<Output = Result<Commit, StoreError>> + 'a>>;

/// Put an entry into the queue without waiting for the answer.
pub(crate) async fn send(writer: &Writer, entry: Entry) -> Sent<'_> {
    let mut sent: Sent<'_> = Box::pin(writer.submit(entry));
    assert!(futures::poll!(&mut sent).is_pending());
    sent
}

/// The receipts of an entry that was written.
#[track_caller]
pub(crate) fn done(commit: Result<Commit, StoreError>) -> Vec<Receipt> {
    match commit {
        Ok(Commit::Done { receipts, .. }) => receipts,
        other => panic!("not written: {other:?}"),
    }
}

/// Open a database as a server does.
pub(crate) async fn open(url: &DatabaseUrl) -> Store {
    Store::open(url, options(OpenMode::Exclusive)).await.unwrap()
}

pub(crate) fn options(mode: OpenMode) -> OpenOptions {
    OpenOptions { readers: 3, ..OpenOptions::new(mode) }
}

/// Start a writer.
pub(crate) async fn start_writer(store: &Store, clock: &Arc<ManualClock>) -> (Writer, WriterTask) {
    Writer::start(store.clone(), writer_options(clock)).await.unwrap()
}

pub(crate) fn writer_options(clock: &Arc<ManualClock>) -> WriterOptions {
    let (clock, random, mac) = (clock.clone(), Arc::new(Chance), Arc::new(TestMac));
    WriterOptions { queue: QUEUE, clock, random, head_mac: mac.clone(), row_mac: mac }
}

/// Chance that never repeats, over all tests of the run.
pub(crate) struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let count = NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, value) in bytes.iter_mut().rev().zip(count.iter().rev()) {
            *byte = *value;
        }
    }
}

/// A MAC with a key that everybody knows.
pub(crate) struct TestMac;

impl HeadMac for TestMac {
    fn mac(&self, chain: &ChainId, seq: i64, hash: &[u8; 32]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"test");
        let text = [&chain.to_bytes(), seq.to_be_bytes().as_slice(), hash].concat();
        hmac::sign(&key, &text).as_ref().try_into().unwrap()
    }
}

impl RowMac for TestMac {
    fn mac(&self, row: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"rows");
        hmac::sign(&key, row).as_ref().try_into().unwrap()
    }
}

pub(crate) fn github() -> IssuerId {
    "github".parse().unwrap()
}

pub(crate) fn path(text: &str) -> SecretPath {
    text.parse().unwrap()
}

pub(crate) fn new_session() -> NewSession {
    NewSession {
        id: SessionId::make(NOON, &Chance),
        issuer: github(),
        subject: "repo:acme/payments:ref:refs/heads/main".to_owned(),
        workload_json: "{}".to_owned(),
        policies: vec!["payments".parse().unwrap()],
        opened_at: NOON,
        expires_at: NOON.plus(3600),
    }
}

/// A record of a read of `db/prod` by a workload.
pub(crate) fn read_record() -> Record {
    let actor = Actor::Workload {
        issuer: github(),
        subject: "repo:acme/payments:ref:refs/heads/main".to_owned(),
        anchors: [("repository_id".to_owned(), "456789".to_owned())].into(),
        run: [("run_id".to_owned(), "1".to_owned())].into(),
    };
    let mut record = Record::new(Event::Read, Outcome::Released, NOON, actor);
    record.client = Some([192, 0, 2, 7].into());
    record.request = Some(RequestId::make(NOON, &Chance));
    record.paths =
        vec![ReleasedPath { path: path("db/prod"), version: Some(3), fields: Vec::new() }];
    record
}

/// A record of a refusal, with an id that an operator can open.
pub(crate) fn refusal_record() -> Record {
    let actor = Actor::Stranger { issuer: Some(github()) };
    let mut record = Record::new(Event::Refusal, Outcome::Refused, NOON, actor);
    record.denial = Some(DenialId::make(NOON, &Chance));
    record.code = Some("not-granted".to_owned());
    record
}

/// An entry that spends the token `token` with the request key `request`, opens a session
/// and records it.
pub(crate) fn delivery(token: u8, request: u8) -> Entry {
    let session = new_session();
    let spend = Spend {
        issuer: github(),
        token_key: [token; 32],
        request_key: [request; 32],
        request_digest: [7; 32],
        keep_until: NOON.plus(900),
        answer: format!("answer to request {request}"),
    };
    let mut record = read_record();
    record.event = Event::Delivery;
    record.session = Some(session.id);
    Entry {
        session: SessionStep::Open(session),
        spend: Some(spend),
        records: vec![record],
        ..Entry::default()
    }
}

/// The address of the throwaway cluster.
pub(crate) fn cluster_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "where the test's database is, nothing else")]
    let url = std::env::var("SEGURA_TEST_POSTGRES");
    url.expect(
        "SEGURA_TEST_POSTGRES is not set. It names a throwaway PostgreSQL cluster, as in \
         postgres://postgres@127.0.0.1:54320/postgres. `cargo xtask test` starts one and sets it.",
    )
}

/// A connection to the cluster itself.
pub(crate) async fn cluster() -> tokio_postgres::Client {
    connect(&cluster_url()).await
}

/// A connection that the store knows nothing of.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Wait until the server has a connection of which this SQL is true.
pub(crate) async fn wait_for_a_blocked_backend(client: &tokio_postgres::Client, sql: &str) {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE {sql}");
    // A minute: only a failure waits so long.
    for _ in 0..6000 {
        let row = client.query_one(&sql, &[]).await.unwrap();
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody came to wait");
}

/// A new schema in the cluster.
pub(crate) async fn make_schema() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let schema = format!("segura_{}_{number}", std::process::id());
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    cluster().await.batch_execute(&sql).await.unwrap();
    schema
}

/// The cluster's address with a schema to work in, by whose name its connections are known.
pub(crate) fn schema_url(schema: &str) -> String {
    let url = cluster_url();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-csearch_path%3D{schema}&application_name={schema}")
}
