//! The change number and its feed, and forgetting.

use segura_model::Timestamp;
use segura_store::{
    Change, ChangeKind, ChangeNumber, DatabaseUrl, Entry, Purged, Retention, SessionFilter,
    SessionStep, Tx,
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
        assert_eq!(world.writer.purge(KEEP, None).await.unwrap().changes, 1);

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
        let kept = world.writer.purge(KEEP, None).await.unwrap();
        assert_eq!(kept, Purged::default(), "until {} it must be remembered", NOON.plus(900));
        world.clock.advance(1);
        assert_eq!(world.writer.purge(KEEP, None).await.unwrap().spent_tokens, 1);
        assert!(world.store.session_find(id).await.unwrap().is_some());
        world.clock.advance(2700);
        assert_eq!(world.writer.purge(KEEP, None).await.unwrap().sessions, 2);
        assert!(world.writer.purge(KEEP, None).await.unwrap().is_empty());
        assert!(world.verify().await.is_clean());
    }

    async fn a_sweep_comes_through_all_spent_tokens(world: &World) {
        let key = match &world.url {
            DatabaseUrl::Sqlite(_) => "CAST(printf('%08d', i) AS BLOB)",
            DatabaseUrl::Postgres(_) => "convert_to(lpad(i::text, 8, '0'), 'UTF8')",
        };
        // Every other one is over.
        let insert = format!(
            "INSERT INTO spent_tokens (issuer, token_key, session, keep_until)
             WITH RECURSIVE number(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i < 9999)
             SELECT 'i' || (i % 3), {key}, '', {} + i % 2 FROM number",
            NOON.0 - 1
        );
        world.sql(&insert).await;

        let (mut forgotten, mut calls, mut from) = (0, 0, None);
        loop {
            let purged = world.writer.purge(KEEP, from).await.unwrap();
            (forgotten, calls) = (forgotten + purged.spent_tokens, calls + 1);
            if purged.is_empty() {
                break;
            }
            from = purged.next;
        }
        assert_eq!(forgotten, 5000);
        assert!(calls > 2, "in portions");
        world.clock.advance(1);
        let mut rest = world.writer.purge(KEEP, None).await.unwrap();
        assert!(rest.spent_tokens > 0 && rest.next.is_some(), "{rest:?}");
        rest = world.writer.purge(KEEP, rest.next).await.unwrap();
        assert!(rest.spent_tokens > 0 && rest.next.is_none(), "{rest:?}");
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
