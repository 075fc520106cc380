//! What is lost on the way: connections, answers to a COMMIT, the end of a chain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use segura_model::{Clock, SecretText, Timestamp};
use segura_store::{DatabaseUrl, Entry, OpenMode, Store, StoreError, Writer, WriterOptions};

use crate::on_each_backend;
use crate::proxy::{Cut, Proxy};
use crate::world::{
    NOON, Node, World, connect, delivery, done, gate, make_schema, options, read_record,
    schema_url, send, wait_for_a_blocked_backend, writer_options,
};

/// A world on PostgreSQL and a second server that reaches it through a proxy.
async fn behind_a_proxy() -> (World, Node, Proxy) {
    let world = World::postgres().await;
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let config: tokio_postgres::Config = url.expose().parse().unwrap();
    let (host, port) = (&config.get_hosts()[0], config.get_ports()[0]);
    let tokio_postgres::config::Host::Tcp(host) = host else {
        panic!("SEGURA_TEST_POSTGRES must name a TCP address, as 127.0.0.1:5432")
    };
    let server = tokio::net::lookup_host((host.as_str(), port)).await.unwrap().next().unwrap();
    let proxy = Proxy::start(server).await;
    let through = url.expose().replace(&format!("{host}:{port}"), &proxy.address.to_string());
    assert_ne!(through, url.expose());
    let node = world.node_at(&DatabaseUrl::Postgres(SecretText::new(through))).await;
    (world, node, proxy)
}

async fn a_lost_commit_is_written_once(cut: Cut) {
    let (world, node, proxy) = behind_a_proxy().await;
    let records = world.records().await;
    proxy.arm(cut);
    let submits = (1..=3).map(|token| node.writer.submit(delivery(token, 1)));
    for commit in futures::future::join_all(submits).await {
        done(commit);
    }
    assert!(proxy.has_cut());
    assert_eq!(world.records().await, records + 3);
    done(node.writer.submit(delivery(9, 1)).await);
    let report = world.verify().await;
    assert!(report.is_clean(), "{:?}", report.problems);
    assert_eq!(report.chains, 2, "nothing was lost, so no chain was opened");
    node.task.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_not_done_twice() {
    a_lost_commit_is_written_once(Cut::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_done_again() {
    a_lost_commit_is_written_once(Cut::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_work_whose_answer_was_lost_is_known_to_be_done() {
    let (world, node, proxy) = behind_a_proxy().await;
    proxy.arm(Cut::After);
    node.writer.run(|tx| Box::pin(tx.meta_put("epoch", "2"))).await.unwrap();
    assert!(proxy.has_cut());
    assert_eq!(world.store.meta_find("epoch").await.unwrap().as_deref(), Some("2"));

    proxy.arm(Cut::Before);
    let lost: Result<(), StoreError> =
        node.writer.run(|tx| Box::pin(tx.meta_put("epoch", "3"))).await;
    assert!(matches!(lost, Err(StoreError::Unreachable(_))), "{lost:?}");
    assert_eq!(world.store.meta_find("epoch").await.unwrap().as_deref(), Some("2"));
    done(node.writer.submit(delivery(1, 1)).await);
    assert!(world.verify().await.is_clean());
    node.task.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_are_replaced() {
    let world = World::postgres().await;
    done(world.writer.submit(delivery(1, 1)).await);
    world.store.ping().await.unwrap();
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let client = connect(url.expose()).await;
    client
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = current_schema() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    done(world.writer.submit(delivery(2, 1)).await);
    assert_eq!(world.records().await, 3);
    assert!(world.verify().await.is_clean());
    world.end().await;
}

/// End each connection of the store that waits for a lock, until `asked` has its answer.
async fn end_whoever_waits<T>(world: &World, asked: impl Future<Output = T>) -> T {
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let client = connect(url.expose()).await;
    let ending = async {
        loop {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE application_name = current_schema() AND wait_event_type = 'Lock'";
            client.batch_execute(end).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        answer = asked => answer,
        () = ending => unreachable!(),
    }
}

/// PostgreSQL says why in an error that looks like one of the statement.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_ended_again_and_again_is_no_fault_of_the_statement() {
    let world = World::postgres().await;
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let other = connect(url.expose()).await;
    other.batch_execute("BEGIN; LOCK TABLE meta, ledger").await.unwrap();
    let read = end_whoever_waits(&world, world.store.meta_find("epoch")).await;
    assert!(matches!(read, Err(StoreError::Unreachable(_))), "{read:?}");
    let write = end_whoever_waits(&world, world.writer.submit(delivery(1, 1))).await;
    assert!(matches!(write, Err(StoreError::Unreachable(_))), "{write:?}");
    // In the unit's own statement, and in those that write its records.
    for lock in ["meta", "ledger"] {
        other.batch_execute(&format!("ROLLBACK; BEGIN; LOCK TABLE {lock}")).await.unwrap();
        let unit = world.writer.run(|tx| {
            Box::pin(async move {
                tx.meta_put("epoch", "2").await?;
                tx.record(&read_record())
            })
        });
        let unit: Result<(), StoreError> = end_whoever_waits(&world, unit).await;
        assert!(matches!(unit, Err(StoreError::Unreachable(_))), "{lock}: {unit:?}");
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    done(world.writer.submit(delivery(1, 1)).await);
    assert_eq!(world.store.meta_find("epoch").await.unwrap(), None);
    assert!(world.verify().await.is_clean());
    world.end().await;
}

/// Two transactions that spend the same two tokens in opposite order: PostgreSQL ends one
/// of them, and if that is the writer's, it tries again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_not_an_error() {
    let world = World::postgres().await;
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let other = connect(url.expose()).await;
    // The writer's patience ends first, so that it is the one to be ended.
    other.batch_execute("SET deadlock_timeout = '1h'").await.unwrap();
    let spend = |token: u8| {
        format!(
            "INSERT INTO spent_tokens (issuer, token_key, session, keep_until) \
             VALUES ('github', '\\x{}', '', 0)",
            format!("{token:02x}").repeat(32)
        )
    };
    other.batch_execute("BEGIN").await.unwrap();
    other.batch_execute(&spend(2)).await.unwrap();

    // The writer inserts 1, then waits for 2.
    let gate = gate(&world.writer).await;
    let first = send(&world.writer, delivery(1, 1)).await;
    let second = send(&world.writer, delivery(2, 1)).await;
    gate.open().await;
    wait_for_a_blocked_backend(&other, "pg_backend_pid() = ANY (pg_blocking_pids(pid))").await;
    // This one waits for 1 until the writer has been ended.
    other.batch_execute(&spend(1)).await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();

    done(first.await);
    done(second.await);
    assert!(world.verify().await.is_clean());
    world.end().await;
}

/// As after a failover to a standby that had not seen the last commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lost_commits_gets_a_new_chain() {
    let world = World::postgres().await;
    done(world.writer.submit(delivery(1, 1)).await);
    let kept = world.head().await;
    let cut = format!("DELETE FROM ledger WHERE seq = {}", kept.seq);
    world.sql(&cut).await;
    world.sql(&format!("DELETE FROM ledger_paths WHERE seq = {}", kept.seq)).await;
    world.sql("UPDATE chains SET commits = commits - 1, head_seq = head_seq - 1").await;

    done(world.writer.submit(delivery(2, 1)).await);
    let heads = world.store.ledger_heads().await.unwrap();
    assert_eq!(heads.len(), 2);
    let entry = Entry { records: vec![read_record()], ..Entry::default() };
    done(world.writer.submit(entry).await);
    let report = world.verify_against(kept).await;
    assert!(!report.is_clean());
    world.end().await;
}

on_each_backend! {
    async fn a_caller_that_goes_away_during_a_read_harms_nothing(world: &World) {
        let store = world.store.clone();
        // As on a worker of the server: a runtime of one thread, on which nothing may block.
        let worker = std::thread::spawn(move || {
            let worker = tokio::runtime::Builder::new_current_thread().enable_all().build();
            worker.unwrap().block_on(async {
                for _ in 0..100 {
                    // Few are done at once.
                    let _ = store.ping().now_or_never();
                    store.ping().await.unwrap();
                }
            });
        });
        tokio::task::spawn_blocking(move || worker.join().unwrap()).await.unwrap();
    }

    /// The same, found by a unit of work: it fails, and the next one must not.
    async fn a_unit_of_work_that_finds_commits_lost_fails_alone(world: &World) {
        done(world.writer.submit(delivery(1, 1)).await);
        world.sql("UPDATE chains SET commits = commits - 1").await;

        let found: Result<(), StoreError> =
            world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "2"))).await;
        assert!(matches!(found, Err(StoreError::Database(_))), "{found:?}");
        assert_eq!(world.store.meta_find("epoch").await.unwrap(), None, "nothing was written");

        world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "3"))).await.unwrap();
        assert_eq!(world.store.meta_find("epoch").await.unwrap().as_deref(), Some("3"));
        assert_eq!(world.store.ledger_heads().await.unwrap().len(), 2, "on a chain of its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_must_be_encrypted_never_falls_back() {
    let open = async |mode: &str| {
        let url = format!("{}&sslmode={mode}", schema_url(&make_schema().await));
        let url = DatabaseUrl::Postgres(SecretText::new(url));
        Store::open(&url, options(OpenMode::Exclusive)).await
    };
    assert!(open("disable").await.is_ok(), "the server is there, and has no certificate");
    let refused = open("require").await.err();
    assert!(matches!(refused, Some(StoreError::Unreachable(_))), "{refused:?}");
    let why = std::error::Error::source(refused.as_ref().unwrap()).unwrap();
    assert!(format!("{why:?}").contains("does not support TLS"), "{why:?}");
}

/// A clock that tells the time until it is broken.
#[derive(Default)]
struct Breakable(AtomicBool);

impl Clock for Breakable {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "the clock is broken");
        NOON
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_panics_is_seen_to_have_ended() {
    let world = World::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("segura.db"));
    let store = Store::open(&url, options(OpenMode::Exclusive)).await.unwrap();
    store.migrate().await.unwrap();
    let clock = Arc::new(Breakable::default());
    let broken = WriterOptions { clock: clock.clone(), ..writer_options(&world.clock) };
    let (writer, mut task) = Writer::start(store, broken).await.unwrap();
    clock.0.store(true, Ordering::SeqCst);
    let answer = writer.submit(Entry::default()).await;
    assert!(matches!(answer, Err(StoreError::Unresolved)), "nobody knows: {answer:?}");
    task.ended().await;
    task.stop().await;
    world.end().await;
}
