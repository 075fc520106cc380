//! What the writer counts, and the count of sessions.

use std::time::Duration;

use segura_model::Clock;
use segura_store::{Commit, Entry, SessionStep};

use crate::on_each_backend;
use crate::world::{World, delivery, done, send};

on_each_backend! {
    async fn what_waits_and_what_became_of_it_is_counted(world: &World) {
        let figures = world.writer.figures();
        let gate = world.gate().await;
        let first = send(&world.writer, delivery(1, 1)).await;
        let replay = send(&world.writer, delivery(1, 2)).await;
        let other = send(&world.writer, delivery(2, 1)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(figures.oldest_wait() >= Duration::from_millis(5));
        gate.open().await;
        done(first.await);
        assert!(matches!(replay.await, Ok(Commit::Spent(_))));
        done(other.await);

        assert_eq!(figures.oldest_wait(), Duration::ZERO);
        assert_eq!((figures.written.get(), figures.spent_before.get()), (2, 1));
        assert_eq!((figures.spent_tokens.get(), figures.failed.get()), (2, 0));
        assert_eq!(figures.orders_per_commit.sum(), 2);
        let commits: u64 = figures.commits.counts().map(|(_, count)| count).sum();
        assert_eq!(commits, 1, "one transaction for three orders");
        let waits: u64 = figures.waits.counts().map(|(_, count)| count).sum();
        assert_eq!(waits, 4, "three orders and the unit before them");
    }

    async fn only_open_sessions_are_counted(world: &World) {
        let count = async || world.store.session_count(world.clock.now(), 10).await.unwrap();
        assert_eq!(count().await, 0);
        let ended = world.open_session().await;
        world.open_session().await;
        assert_eq!(count().await, 2);
        let end = SessionStep::End(ended);
        let end = Entry { session: end, ..Entry::default() };
        done(world.writer.submit(end).await);
        assert_eq!(count().await, 1);
        world.clock.advance(24 * 3600);
        assert_eq!(count().await, 0);
    }
}
