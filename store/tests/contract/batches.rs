//! What a batch decides, and units of work between batches.

use segura_model::SessionId;
use segura_store::ledger::LedgerFilter;
use segura_store::{
    Certificate, CertificateRole, ChangeNumber, Commit, Entry, Retention, SessionStep, StoreError,
    Tx,
};

use crate::world::{Chance, NOON, QUEUE, World, delivery, done, new_session, read_record, send};
use crate::{on_each_backend, secrets};

on_each_backend! {
    async fn what_was_decided_under_an_older_number_is_not_written(world: &World) {
        let decided_at = world.store.change_number().await.unwrap();
        let entry = Entry {
            decided_at: Some(decided_at),
            records: vec![read_record()],
            ..Entry::default()
        };
        done(world.writer.submit(entry.clone()).await);

        world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "2"))).await.unwrap();

        let records = world.records().await;
        let now = ChangeNumber(decided_at.0 + 1);
        assert_eq!(world.writer.submit(entry).await.unwrap(), Commit::Stale { now });
        assert_eq!(world.records().await, records);
    }

    async fn a_change_of_a_secret_concerns_those_who_name_it(world: &World) {
        let decided_at = Some(world.store.change_number().await.unwrap());
        let entry = Entry { decided_at, records: vec![read_record()], ..Entry::default() };
        secrets::add_wrapping_key(world).await;
        let decided_at = Some(world.store.change_number().await.unwrap());
        let later = Entry { decided_at, ..entry.clone() };
        assert!(matches!(world.writer.submit(entry).await, Ok(Commit::Stale { .. })));

        for number in 1..=3 {
            secrets::add(world, "db/other", number).await;
        }
        done(world.writer.submit(later.clone()).await);
        secrets::add(world, "db/prod", 1).await;
        secrets::add(world, "db/other", 4).await;
        assert!(matches!(world.writer.submit(later).await, Ok(Commit::Stale { .. })));
    }

    async fn a_new_certificate_concerns_nobody(world: &World) {
        let decided_at = world.store.change_number().await.unwrap();
        let entry = Entry { decided_at: Some(decided_at), records: vec![read_record()], ..Entry::default() };
        let leaf = Certificate {
            role: CertificateRole::Leaf,
            made_at: NOON,
            pem: "pem".to_owned(),
            sealed_key: vec![1],
            expires_at: NOON.plus(1),
        };
        world.writer.run(move |tx| Box::pin(async move { tx.certificate_add(&leaf).await })).await.unwrap();
        assert!(world.store.change_number().await.unwrap() > decided_at);
        done(world.writer.submit(entry.clone()).await);
        world.writer.run(|tx| Box::pin(tx.meta_put("epoch", "1"))).await.unwrap();
        assert!(matches!(world.writer.submit(entry).await, Ok(Commit::Stale { .. })));
    }

    async fn a_feed_that_does_not_tell_all_concerns_everybody(world: &World) {
        secrets::add_wrapping_key(world).await;
        let decided_at = Some(world.store.change_number().await.unwrap());
        let entry = Entry { decided_at, records: vec![read_record()], ..Entry::default() };
        secrets::add(world, "db/other", 1).await;
        world.clock.advance(100);
        let forget = Retention { sessions: 10, changes: 10 };
        world.writer.purge(forget, None).await.unwrap();
        assert!(matches!(world.writer.submit(entry).await, Ok(Commit::Stale { .. })));
    }

    async fn a_change_between_two_batches_makes_the_later_one_stale(world: &World) {
        let decided_at = Some(world.store.change_number().await.unwrap());
        let entry = Entry { decided_at, records: vec![read_record()], ..Entry::default() };
        let gate = world.gate().await;
        let before = send(&world.writer, entry.clone()).await;
        let writer = world.writer.clone();
        let mut change = Box::pin(writer.run(|tx: &mut Tx| Box::pin(tx.meta_put("epoch", "2"))));
        assert!(futures::poll!(&mut change).is_pending());
        let after = send(&world.writer, entry).await;
        gate.open().await;
        done(before.await);
        change.await.unwrap();
        assert!(matches!(after.await, Ok(Commit::Stale { .. })));
    }

    async fn a_session_that_is_over_writes_nothing(world: &World) {
        let check = |id| Entry {
            session: SessionStep::Check(id),
            records: vec![read_record()],
            ..Entry::default()
        };
        let end = |id| Entry { session: SessionStep::End(id), ..Entry::default() };

        let session = world.open_session().await;
        done(world.writer.submit(check(session)).await);
        done(world.writer.submit(end(session)).await);
        assert_eq!(world.writer.submit(check(session)).await.unwrap(), Commit::SessionEnded);
        assert_eq!(world.writer.submit(end(session)).await.unwrap(), Commit::SessionEnded);
        let stored = world.store.session_find(session).await.unwrap().unwrap();
        assert_eq!(stored.ended_at, Some(NOON));

        let expired = world.open_session().await;
        world.clock.advance(3600);
        assert_eq!(world.writer.submit(check(expired)).await.unwrap(), Commit::SessionEnded);
        done(world.writer.submit(end(expired)).await);

        let unknown = SessionId::make(NOON, &Chance);
        assert_eq!(world.writer.submit(check(unknown)).await.unwrap(), Commit::SessionEnded);
    }

    async fn in_one_batch_nothing_uses_a_session_after_its_end(world: &World) {
        let session = world.open_session().await;
        let check = Entry {
            session: SessionStep::Check(session),
            records: vec![read_record()],
            ..Entry::default()
        };
        let end = Entry { session: SessionStep::End(session), ..Entry::default() };
        let gate = world.gate().await;
        let before = send(&world.writer, check.clone()).await;
        let first_end = send(&world.writer, end.clone()).await;
        let after = send(&world.writer, check).await;
        let second_end = send(&world.writer, end).await;
        gate.open().await;
        done(before.await);
        done(first_end.await);
        assert_eq!(after.await.unwrap(), Commit::SessionEnded);
        assert_eq!(second_end.await.unwrap(), Commit::SessionEnded);
    }

    async fn a_bad_row_refuses_one_request(world: &World) {
        let taken = world.open_session().await;
        let mut twin = new_session();
        twin.id = taken;
        let bad = Entry {
            session: SessionStep::Open(twin),
            records: vec![read_record()],
            ..Entry::default()
        };
        let records = world.records().await;
        let gate = world.gate().await;
        let first = send(&world.writer, delivery(1, 1)).await;
        let second = send(&world.writer, bad).await;
        let third = send(&world.writer, delivery(2, 1)).await;
        gate.open().await;
        done(first.await);
        assert!(matches!(second.await, Err(StoreError::Conflict(_))));
        done(third.await);
        assert_eq!(world.records().await, records + 2);
        assert!(world.verify().await.is_clean());
    }

    async fn a_control_character_is_refused_before_the_database_sees_it(world: &World) {
        let mut session = new_session();
        "repo:acme/\0payments".clone_into(&mut session.subject);
        let entry = Entry { session: SessionStep::Open(session), ..Entry::default() };
        assert!(matches!(world.writer.submit(entry).await, Err(StoreError::Text(_))));

        let put = world.writer.run(|tx| Box::pin(tx.meta_put("key", "nul\0"))).await;
        assert!(matches!(put, Err(StoreError::Text(_))));

        // Inside a record's JSON it is escaped, which both databases store.
        let mut record = read_record();
        record.detail = serde_json::json!({ "presented": "nul\0" });
        world.record(record.clone()).await;
        let page = world.store.ledger_page(&LedgerFilter::default(), 1).await.unwrap();
        assert_eq!(page.rows[0].record.as_ref(), Some(&record));
    }

    async fn a_unit_of_work_that_fails_leaves_no_trace(world: &World) {
        let before = (world.store.change_number().await.unwrap(), world.head().await);
        let failed: Result<(), StoreError> = world
            .writer
            .run(|tx| {
                Box::pin(async move {
                    tx.meta_put("epoch", "2").await?;
                    tx.record(&read_record())?;
                    Err(StoreError::Invalid("changed my mind"))
                })
            })
            .await;
        assert!(matches!(failed, Err(StoreError::Invalid("changed my mind"))));
        assert_eq!(world.store.meta_find("epoch").await.unwrap(), None);
        assert_eq!((world.store.change_number().await.unwrap(), world.head().await), before);
    }

    async fn a_unit_of_work_that_panics_does_not_take_the_writer_along(world: &World) {
        let panicked: Result<(), StoreError> = world
            .writer
            .run(|tx| {
                Box::pin(async move {
                    tx.meta_put("epoch", "2").await?;
                    panic!("a fault of the caller");
                })
            })
            .await;
        assert!(matches!(panicked, Err(StoreError::Unresolved)));
        world.record(read_record()).await;
        assert_eq!(world.store.meta_find("epoch").await.unwrap(), None);
    }

    async fn a_unit_of_work_ends_even_if_its_caller_goes_away(world: &World) {
        let gate = world.gate().await;
        let mut abandoned =
            Box::pin(world.writer.run(|tx: &mut Tx| Box::pin(tx.meta_put("epoch", "2"))));
        assert!(futures::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        gate.open().await;
        world.record(read_record()).await;
        assert_eq!(world.store.meta_find("epoch").await.unwrap().as_deref(), Some("2"));
    }

    async fn a_change_and_its_record_are_one_commit(world: &World) {
        let records = world.records().await;
        world
            .writer
            .run(|tx| {
                Box::pin(async move {
                    tx.meta_put("epoch", "2").await?;
                    tx.record(&read_record())
                })
            })
            .await
            .unwrap();
        assert_eq!(world.records().await, records + 1);
        assert!(world.verify().await.is_clean());
    }

    /// As the server's workers are: a thread and a runtime each, which end before the store.
    async fn a_worker_s_runtime_can_come_and_go(world: &World) {
        for token in 0..2 {
            let (store, writer) = (world.store.clone(), world.writer.clone());
            let worker = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async move {
                    done(writer.submit(delivery(token, 1)).await);
                    store.changes_since(ChangeNumber(0)).await.unwrap();
                    writer.run(|tx| Box::pin(tx.meta_put("epoch", "2"))).await.unwrap();
                });
            });
            tokio::task::spawn_blocking(|| worker.join().unwrap()).await.unwrap();
        }
        assert_eq!(world.store.meta_find("epoch").await.unwrap().as_deref(), Some("2"));
    }

    async fn a_full_queue_refuses_at_once(world: &World) {
        let gate = world.gate().await;
        let mut waiting = Vec::new();
        for _ in 0..QUEUE {
            waiting.push(send(&world.writer, Entry::default()).await);
        }
        assert_eq!(world.writer.waiting(), QUEUE);
        let refused = world.writer.submit(Entry::default()).await;
        assert!(matches!(refused, Err(StoreError::Busy)));
        gate.open().await;
        for answer in waiting {
            done(answer.await);
        }
        done(world.writer.submit(Entry::default()).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_written_before_the_writer_stops() {
    let world = World::sqlite().await;
    let writer = world.writer.clone();
    let gate = world.gate().await;
    let entry = Entry { records: vec![read_record()], ..Entry::default() };
    let waits = send(&writer, entry.clone()).await;
    let ending = tokio::spawn(world.end());
    gate.open().await;
    done(waits.await);
    ending.await.unwrap();
    assert!(matches!(writer.submit(entry).await, Err(StoreError::Stopped)));
}
