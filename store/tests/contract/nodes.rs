//! Two servers on one PostgreSQL.

use futures::future::join_all;
use segura_store::{Checked, Commit, Entry, SessionStep};

use crate::world::{World, delivery, done, read_record};

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
