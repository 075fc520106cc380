//! A token is spent once, whoever asks, however many at once.

use futures::future::join_all;
use segura_store::{Commit, SessionStep, SpentToken, Writer};

use crate::on_each_backend;
use crate::world::{World, delivery, done, send};

on_each_backend! {
    async fn of_a_hundred_who_spend_one_token_exactly_one_wins(world: &World) {
        assert_eq!(winners(&[&world.writer]).await, 1);
        assert_eq!(world.records().await, 2, "the server's start and one delivery");
        assert!(world.verify().await.is_clean());
    }

    async fn the_same_request_is_told_what_it_was_answered(world: &World) {
        let first = delivery(1, 1);
        let SessionStep::Open(session) = first.session.clone() else { unreachable!() };
        done(world.writer.submit(first).await);

        let spent = SpentToken {
            same_request: true,
            session: session.id,
            answer: "answer to request 1".to_owned(),
            session_ended: false,
        };
        let again = world.writer.submit(delivery(1, 1)).await.unwrap();
        assert_eq!(again, Commit::Spent(spent.clone()));

        let other = world.writer.submit(delivery(1, 2)).await.unwrap();
        assert_eq!(other, Commit::Spent(SpentToken { same_request: false, ..spent.clone() }));

        let mut asks_for_more = delivery(1, 1);
        asks_for_more.spend.as_mut().unwrap().request_digest = [8; 32];
        let asks_for_more = world.writer.submit(asks_for_more).await.unwrap();
        assert_eq!(asks_for_more, Commit::Spent(SpentToken { same_request: false, ..spent }));
    }

    async fn a_spent_token_tells_that_its_session_is_over(world: &World) {
        let first = delivery(1, 1);
        done(world.writer.submit(first).await);
        world.clock.advance(3600);
        match world.writer.submit(delivery(1, 1)).await.unwrap() {
            Commit::Spent(spent) => assert!(spent.session_ended),
            other => panic!("{other:?}"),
        }
    }

    async fn a_token_is_spent_for_each_issuer_by_itself(world: &World) {
        done(world.writer.submit(delivery(1, 1)).await);
        let mut elsewhere = delivery(1, 1);
        elsewhere.spend.as_mut().unwrap().issuer = "gitlab".parse().unwrap();
        done(world.writer.submit(elsewhere).await);
    }

    async fn of_two_in_one_batch_the_first_in_the_queue_wins(world: &World) {
        let gate = world.gate().await;
        let first = send(&world.writer, delivery(1, 1)).await;
        let second = send(&world.writer, delivery(1, 1)).await;
        gate.open().await;
        done(first.await);
        match second.await.unwrap() {
            Commit::Spent(spent) => assert!(spent.same_request && !spent.session_ended),
            other => panic!("{other:?}"),
        }
    }

    async fn a_token_that_was_spent_writes_nothing(world: &World) {
        done(world.writer.submit(delivery(1, 1)).await);
        let (records, head) = (world.records().await, world.head().await);
        let late = delivery(1, 2);
        let SessionStep::Open(session) = late.session.clone() else { unreachable!() };
        assert!(matches!(world.writer.submit(late).await, Ok(Commit::Spent(_))));
        assert_eq!(world.records().await, records);
        assert_eq!(world.head().await, head);
        assert_eq!(world.store.session_find(session.id).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_two_servers_of_a_hundred_exactly_one_wins() {
    let world = World::postgres().await;
    let node = world.node().await;
    assert_eq!(winners(&[&world.writer, &node.writer]).await, 1);
    assert!(world.verify().await.is_clean());
    node.task.stop().await;
    world.end().await;
}

/// Spend one token a hundred times at once; how often it worked. Everybody else must be
/// told that it was spent.
async fn winners(writers: &[&Writer]) -> usize {
    let spends = (0..100_u8).map(|request| {
        let writer = (*writers[usize::from(request) % writers.len()]).clone();
        tokio::spawn(async move { writer.submit(delivery(1, request)).await })
    });
    let commits = join_all(spends).await;
    let commits = commits.into_iter().map(|commit| commit.unwrap().unwrap());
    let (won, lost): (Vec<_>, Vec<_>) =
        commits.partition(|commit| matches!(commit, Commit::Done { .. }));
    assert!(lost.iter().all(|commit| matches!(commit, Commit::Spent(_))), "{lost:?}");
    won.len()
}
