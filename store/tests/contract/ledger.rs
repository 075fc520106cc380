//! Reading the ledger, receipts, heads, and a ledger that is in order.

use segura_model::Timestamp;
use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_store::ledger::{LedgerFilter, LedgerOrder, ProblemKind};
use segura_store::{Entry, Receipt, StoreError};

use crate::on_each_backend;
use crate::world::{
    NOON, TestMac, World, delivery, done, github, path, read_record, refusal_record,
};

on_each_backend! {
    async fn a_receipt_proves_a_record(world: &World) {
        let entry = Entry {
            records: vec![read_record(), refusal_record()],
            ..Entry::default()
        };
        let receipts = done(world.writer.submit(entry).await);
        assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [2, 3]);
        for receipt in &receipts {
            assert!(receipt.is_authentic(&TestMac));
            let again: Receipt = receipt.to_string().parse().unwrap();
            assert_eq!(again, *receipt);
        }
        let forged = Receipt { seq: 9, ..receipts[0] };
        assert!(!forged.is_authentic(&TestMac));

        let rows = world.store.ledger_page(&LedgerFilter::default(), 10).await.unwrap().rows;
        let row = rows.iter().find(|row| row.seq == 2).unwrap();
        assert_eq!((row.chain, row.hash), (receipts[0].chain, receipts[0].hash));
    }

    async fn the_head_is_the_newest_record(world: &World) {
        let receipt = world.record(read_record()).await;
        let head = world.head().await;
        assert_eq!((head.chain, head.seq, head.hash), (receipt.chain, receipt.seq, receipt.hash));
        assert!(head.is_authentic(&TestMac));
        assert_ne!(head.mac, receipt.mac, "a receipt must not pass for a head");
    }

    async fn a_ledger_in_order_verifies(world: &World) {
        for token in 0..5 {
            done(world.writer.submit(delivery(token, 1)).await);
        }
        let report = world.verify_against(world.head().await).await;
        assert!(report.is_clean(), "{:?}", report.problems);
        assert_eq!((report.chains, report.records), (1, 6));
    }

    async fn more_records_than_a_page_verify_while_others_are_written(world: &World) {
        for _ in 0..20 {
            let records = (0..60).map(|_| read_record()).collect();
            done(world.writer.submit(Entry { records, ..Entry::default() }).await);
        }
        let writer = world.writer.clone();
        let busy = tokio::spawn(async move {
            for _ in 0..200 {
                let records = vec![read_record()];
                done(writer.submit(Entry { records, ..Entry::default() }).await);
            }
        });
        while !busy.is_finished() {
            let report = world.verify().await;
            assert!(report.is_clean(), "{:?}", report.problems);
        }
        busy.await.unwrap();
        assert_eq!(world.verify().await.records, 1401);
    }

    async fn a_body_taken_away_is_found_and_the_chain_still_holds(world: &World) {
        world.record(read_record()).await;
        let records = world.verify().await.records;
        world.sql("UPDATE ledger SET body = NULL").await;
        let report = world.verify().await;
        assert_eq!(report.records, records);
        let found: Vec<_> = report.problems.iter().map(|problem| problem.what.clone()).collect();
        assert_eq!(found, vec![ProblemKind::BodyMissing; found.len()]);
        assert!(!found.is_empty());
        let rows = world.store.ledger_page(&LedgerFilter::default(), 10).await.unwrap().rows;
        assert!(rows.iter().all(|row| row.record.is_none()));
        assert_eq!(rows[0].event, "read");
    }

    async fn records_are_found_by_what_they_say(world: &World) {
        let mut session_record = read_record();
        let session = world.open_session().await;
        session_record.session = Some(session);
        session_record.paths[0].path = path("db/dev");
        let refusal = refusal_record();
        let operator = Actor::Operator {
            id: segura_model::OperatorId::make(NOON, &crate::world::Chance),
            name: "alice".parse().unwrap(),
            role: segura_model::Role::Admin,
        };
        let change =
            Record::new(Event::PolicyApply, Outcome::Changed, NOON.plus(60), operator);
        for record in [read_record(), session_record, refusal.clone(), change] {
            world.record(record).await;
        }

        let all = || LedgerFilter { order: LedgerOrder::OldestFirst, ..LedgerFilter::default() };
        let seqs = async |filter: LedgerFilter| {
            let page = world.store.ledger_page(&filter, 100).await.unwrap();
            page.rows.iter().map(|row| row.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(all()).await, [1, 2, 3, 4, 5]);
        assert_eq!(seqs(LedgerFilter { event: Some(Event::Read), ..all() }).await, [2, 3]);
        assert_eq!(seqs(LedgerFilter { outcome: Some(Outcome::Refused), ..all() }).await, [4]);
        assert_eq!(seqs(LedgerFilter { issuer: Some(github()), ..all() }).await, [2, 3, 4]);
        let subject = "repo:acme/payments:ref:refs/heads/main".to_owned();
        assert_eq!(seqs(LedgerFilter { subject: Some(subject), ..all() }).await, [2, 3]);
        let alice = Some("alice".parse().unwrap());
        assert_eq!(seqs(LedgerFilter { operator: alice, ..all() }).await, [5]);
        assert_eq!(seqs(LedgerFilter { path: Some(path("db/prod")), ..all() }).await, [2]);
        assert_eq!(seqs(LedgerFilter { session: Some(session), ..all() }).await, [3]);
        assert_eq!(seqs(LedgerFilter { denial: refusal.denial, ..all() }).await, [4]);
        let client = Some([192, 0, 2, 7].into());
        assert_eq!(seqs(LedgerFilter { client, ..all() }).await, [2, 3]);
        assert_eq!(seqs(LedgerFilter { since: Some(NOON.plus(1)), ..all() }).await, [5]);
        assert!(seqs(LedgerFilter { until: Some(NOON), ..all() }).await.is_empty());
        let nul = LedgerFilter { subject: Some("nul\0".to_owned()), ..all() };
        let refused = world.store.ledger_page(&nul, 10).await;
        assert!(matches!(refused, Err(StoreError::Text(_))));
        let both = LedgerFilter {
            path: Some(path("db/dev")),
            event: Some(Event::Read),
            since: Some(NOON),
            ..all()
        };
        assert_eq!(seqs(both).await, [3]);
    }

    async fn pages_go_on_where_the_last_one_ended(world: &World) {
        for second in [3, 1, 2, 2] {
            let mut record = read_record();
            record.at = NOON.plus(second);
            world.record(record).await;
        }
        for (order, expected) in [
            (LedgerOrder::NewestFirst, [2, 5, 4, 3, 1]),
            (LedgerOrder::OldestFirst, [1, 3, 4, 5, 2]),
        ] {
            let mut filter = LedgerFilter { order, ..LedgerFilter::default() };
            let mut seen = Vec::new();
            loop {
                let page = world.store.ledger_page(&filter, 2).await.unwrap();
                if page.rows.is_empty() {
                    assert_eq!(page.next, None);
                    break;
                }
                seen.extend(page.rows.iter().map(|row| row.seq));
                filter.after = page.next;
            }
            assert_eq!(seen, expected);
        }
        let filter = LedgerFilter { after: Some("x".to_owned()), ..LedgerFilter::default() };
        assert!(matches!(world.store.ledger_page(&filter, 2).await, Err(StoreError::Cursor)));
    }

    async fn a_record_too_large_is_refused(world: &World) {
        let mut record = read_record();
        record.detail = serde_json::json!({ "text": "x".repeat(300_000) });
        let entry = Entry { records: vec![record], ..Entry::default() };
        assert!(matches!(world.writer.submit(entry).await, Err(StoreError::TooLarge { .. })));
        let many = Entry { records: vec![read_record(); 65], ..Entry::default() };
        assert!(matches!(world.writer.submit(many).await, Err(StoreError::TooLarge { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_server_start_opens_a_chain_bound_to_the_one_before() {
    let world = World::sqlite().await;
    world.record(read_record()).await;
    let before = world.head().await;
    let world = world.restart().await;
    let heads = world.store.ledger_heads().await.unwrap();
    assert_eq!(heads.len(), 2);
    assert_eq!(heads[0], before);
    let report = world.verify_against(before).await;
    assert!(report.is_clean(), "{:?}", report.problems);
    assert_eq!((report.chains, report.records), (2, 3));
    let filter = LedgerFilter { event: Some(Event::ServerStart), ..LedgerFilter::default() };
    let starts = world.store.ledger_page(&filter, 10).await.unwrap().rows;
    assert_eq!(starts.len(), 2);
    assert!(starts.iter().all(|row| row.at == Timestamp(NOON.0) && row.seq == 1));
    world.end().await;
}
