//! Two servers on one PostgreSQL.

use futures::future::join_all;
use segura_store::{Checked, Commit, DatabaseUrl, Entry, SessionStep, StoreError};
use tokio::sync::oneshot;

use crate::world::{World, connect, delivery, done, read_record, wait_for_a_blocked_backend};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_write_chains_of_their_own() {
    let world = World::postgres().await;
    let node = world.node().await;
    // Tokens of both in opposite order, so that unsorted inserts would deadlock.
    let work = (0..100_u8)
        .flat_map(|number| [(world.writer.clone(), number), (node.writer.clone(), 199 - number)]);
    let work = work.map(|(writer, token)| {
        tokio::spawn(async move { writer.submit(delivery(token, 1)).await })
    });
    for commit in join_all(work).await {
        done(commit.unwrap());
    }
    let report = world.verify().await;
    assert!(report.is_clean(), "{:?}", report.problems);
    assert_eq!((report.chains, report.records), (2, 202));
    node.task.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_one_server_makes_decisions_of_the_other_stale() {
    let world = World::postgres().await;
    let node = world.node().await;
    let number = node.store.change_number().await.unwrap();
    world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "2"))).await.unwrap();
    let decided_at = Some(number);
    let entry = Entry { decided_at, records: vec![read_record()], ..Entry::default() };
    assert!(matches!(node.writer.submit(entry).await, Ok(Commit::Stale { .. })));
    let changes = node.store.changes_since(number).await.unwrap();
    assert_eq!((changes.complete, changes.list.len()), (true, 1));
    node.task.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_on_one_server_is_over_on_the_other() {
    let world = World::postgres().await;
    let node = world.node().await;
    let session = world.open_session().await;
    let entry = |session| Entry { session, records: vec![read_record()], ..Entry::default() };
    done(node.writer.submit(entry(SessionStep::Check(session))).await);
    done(world.writer.submit(entry(SessionStep::End(session))).await);
    let late = node.writer.submit(entry(SessionStep::Check(session))).await;
    assert_eq!(late.unwrap(), Commit::SessionEnded);
    let again = node.writer.submit(entry(SessionStep::End(session))).await;
    assert_eq!(again.unwrap(), Commit::SessionEnded);
    node.task.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_work_of_two_servers_run_one_after_the_other() {
    let world = World::postgres().await;
    let node = world.node().await;
    let count = |writer: segura_store::Writer| async move {
        writer
            .run(|tx| {
                Box::pin(async move {
                    // Read, then write: sound only if nobody else does so meanwhile.
                    let count = match tx.meta_check("count").await? {
                        Checked::Found(count) => Some(count),
                        _ => None,
                    };
                    let count: i64 = count.map_or(0, |text| text.parse().unwrap());
                    tx.meta_put("count", &(count + 1).to_string()).await
                })
            })
            .await
            .unwrap();
    };
    let work = (0..20).map(|turn| {
        let writer = if turn % 2 == 0 { &world.writer } else { &node.writer };
        tokio::spawn(count(writer.clone()))
    });
    for done in join_all(work).await {
        done.unwrap();
    }
    assert_eq!(world.store.meta_find("count").await.unwrap().as_deref(), Some("20"));
    node.task.stop().await;
    world.end().await;
}

const ONE_OF_US_WAITS: &str =
    "application_name = current_schema() AND cardinality(pg_blocking_pids(pid)) > 0";

/// A unit of work is a closure that can be run but once, so it cannot be tried again after
/// a deadlock; none must come about, whatever rows they take in whatever order (ADR 0010).
#[tokio::test(flavor = "multi_thread")]
async fn units_of_work_that_take_rows_in_opposite_order_do_not_deadlock() {
    let world = World::postgres().await;
    let node = world.node().await;
    for key in ["a", "b"] {
        world.writer.run(move |tx| Box::pin(tx.meta_put(key, "0"))).await.unwrap();
    }
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let watcher = connect(url.expose()).await;
    for round in 0..2 {
        // The first has taken its first row when the second is sent, and takes its other
        // once the second waits: for the number, or, were it not held, for that row.
        let (taken, has_taken) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (one, other) = match round % 2 {
            0 => (&world.writer, &node.writer),
            _ => (&node.writer, &world.writer),
        };
        let one = one.clone();
        let first = tokio::spawn(async move {
            let work = one.run(move |tx| {
                Box::pin(async move {
                    tx.meta_put("a", "1").await?;
                    taken.send(()).unwrap();
                    may_go_on.await.unwrap();
                    tx.meta_put("b", "1").await
                })
            });
            work.await
        });
        has_taken.await.unwrap();
        let other = other.clone();
        let second = tokio::spawn(async move {
            let work = other.run(|tx| {
                Box::pin(async move {
                    tx.meta_put("b", "2").await?;
                    tx.meta_put("a", "2").await
                })
            });
            work.await
        });
        wait_for_a_blocked_backend(&watcher, ONE_OF_US_WAITS).await;
        go_on.send(()).unwrap();
        let ended: [Result<(), StoreError>; 2] = [first.await.unwrap(), second.await.unwrap()];
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    }
    for key in ["a", "b"] {
        assert_eq!(world.store.meta_find(key).await.unwrap().as_deref(), Some("2"));
    }
    node.task.stop().await;
    world.end().await;
}
