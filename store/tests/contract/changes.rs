//! The change number and its feed, and forgetting.

use segura_model::Timestamp;
use segura_store::{
    Change, ChangeKind, ChangeNumber, Entry, Purged, Retention, SessionFilter, SessionStep, Tx,
};

use crate::on_each_backend;
use crate::world::{NOON, World, delivery, done, new_session};

const KEEP: Retention = Retention { sessions: 0, changes: 100 };

on_each_backend! {
    async fn the_feed_says_what_changed_since_a_number(world: &World) {
        let start = world.store.change_number().await.unwrap();
        world
            .writer
            .run(|tx: &mut Tx| {
                Box::pin(async move {
                    tx.meta_put("epoch", "1").await?;
                    tx.meta_put("epoch", "2").await?;
                    tx.meta_put("name", "ci").await
                })
            })
            .await
            .unwrap();
        world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "3"))).await.unwrap();

        let number = |by| ChangeNumber(start.0 + by);
        let change = |by, key: &str| Change {
            number: number(by),
            kind: ChangeKind::Meta,
            key: key.to_owned(),
        };
        let changes = world.store.changes_since(start).await.unwrap();
        assert!(changes.complete);
        assert_eq!(changes.now, number(2));
        assert_eq!(changes.list, [change(1, "epoch"), change(1, "name"), change(2, "epoch")]);

        let later = world.store.changes_since(number(1)).await.unwrap();
        assert_eq!(later.list, [change(2, "epoch")]);
        let none = world.store.changes_since(number(2)).await.unwrap();
        assert!(none.complete && none.list.is_empty());
    }

    async fn work_that_changes_nothing_raises_nothing(world: &World) {
        let before = world.store.change_number().await.unwrap();
        let removed = world
            .writer
            .run(|tx| Box::pin(async move { tx.policy_remove(&"none".parse().unwrap()).await }))
            .await;
        assert!(!removed.unwrap());
        done(world.writer.submit(delivery(1, 1)).await);
        assert_eq!(world.store.change_number().await.unwrap(), before);
    }

    async fn a_feed_that_was_pruned_says_that_it_is_not_complete(world: &World) {
        let start = world.store.change_number().await.unwrap();
        world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "1"))).await.unwrap();
        world.clock.advance(101);
        world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "2"))).await.unwrap();
        assert_eq!(world.writer.purge(KEEP).await.unwrap().changes, 1);

        assert!(!world.store.changes_since(start).await.unwrap().complete);
        let next = world.store.changes_since(ChangeNumber(start.0 + 1)).await.unwrap();
        assert!(next.complete);
        assert_eq!(next.list.len(), 1);
    }

    async fn spent_tokens_and_sessions_are_forgotten_only_when_it_is_safe(world: &World) {
        done(world.writer.submit(delivery(1, 1)).await);
        let session = new_session();
        let id = session.id;
        let open = Entry { session: SessionStep::Open(session), ..Entry::default() };
        done(world.writer.submit(open).await);

        world.clock.advance(900);
        let kept = world.writer.purge(KEEP).await.unwrap();
        assert_eq!(kept, Purged::default(), "until {} it must be remembered", NOON.plus(900));
        world.clock.advance(1);
        assert_eq!(world.writer.purge(KEEP).await.unwrap().spent_tokens, 1);
        assert!(world.store.session_find(id).await.unwrap().is_some());
        world.clock.advance(2700);
        assert_eq!(world.writer.purge(KEEP).await.unwrap().sessions, 2);
        assert!(world.writer.purge(KEEP).await.unwrap().is_empty());
        assert!(world.verify().await.is_clean());
    }

    async fn sessions_are_listed_by_age(world: &World) {
        let first = world.open_session().await;
        let second = world.open_session().await;
        let third = world.open_session().await;
        let end = Entry { session: SessionStep::End(second), ..Entry::default() };
        done(world.writer.submit(end).await);

        let ids = async |filter, limit| {
            let sessions = world.store.session_list(&filter, limit).await.unwrap();
            sessions.into_iter().map(|stored| stored.session.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(SessionFilter::default(), 10).await, [first, second, third]);
        let after = SessionFilter { after: Some(first), ..SessionFilter::default() };
        assert_eq!(ids(after, 1).await, [second]);
        let open_at = |open_at: Timestamp| SessionFilter {
            open_at: Some(open_at),
            ..SessionFilter::default()
        };
        assert_eq!(ids(open_at(NOON), 10).await, [first, third]);
        assert_eq!(ids(open_at(NOON.plus(3600)), 10).await, []);
        let other =
            SessionFilter { issuer: Some("gitlab".parse().unwrap()), ..SessionFilter::default() };
        assert_eq!(ids(other, 10).await, []);
    }
}
