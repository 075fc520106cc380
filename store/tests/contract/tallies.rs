//! Counts of strangers: bounded, durable, and in the chain once a minute is over.

use segura_model::audit::{Actor, Event, Record};
use segura_store::ledger::{LedgerFilter, LedgerOrder};
use segura_store::{Entry, Tally};

use crate::on_each_backend;
use crate::world::{NOON, World, done, github};

fn stranger(client: [u8; 4], code: &str) -> Entry {
    let tally = Tally { issuer: None, code: code.to_owned(), client: client.into() };
    Entry { tallies: vec![tally], ..Entry::default() }
}

async fn summaries(world: &World) -> Vec<Record> {
    let filter = LedgerFilter {
        event: Some(Event::Summary),
        order: LedgerOrder::OldestFirst,
        ..LedgerFilter::default()
    };
    let rows = world.store.ledger_page(&filter, 1000).await.unwrap().rows;
    rows.into_iter().map(|row| row.record.unwrap()).collect()
}

on_each_backend! {
    async fn a_minute_s_counts_become_records_when_it_is_over(world: &World) {
        for last in [1, 2, 3] {
            done(world.writer.submit(stranger([192, 0, 2, last], "token-expired")).await);
        }
        let mut known = stranger([198, 51, 100, 1], "no-anchor");
        known.tallies[0].issuer = Some(github());
        done(world.writer.submit(known).await);
        assert_eq!(summaries(world).await, []);

        world.clock.advance(60);
        done(world.writer.submit(Entry::default()).await);
        let summaries = summaries(world).await;
        let [unknown, github_s] = summaries.as_slice() else { panic!("{summaries:?}") };
        assert_eq!(unknown.actor, Actor::Stranger { issuer: None });
        assert_eq!(unknown.code.as_deref(), Some("token-expired"));
        assert_eq!(
            unknown.detail,
            serde_json::json!({ "count": 3, "network": "192.0.2.0/24", "seconds": 60 })
        );
        assert_eq!(unknown.at.0, NOON.0.div_euclid(60) * 60);
        assert_eq!(github_s.actor, Actor::Stranger { issuer: Some(github()) });
        assert_eq!(github_s.detail["count"], 1);
        assert!(world.verify().await.is_clean());
    }

    async fn a_flood_of_networks_is_bounded(world: &World) {
        for high in 0..22_u8 {
            let tallies = (0..50_u8).map(|low| Tally {
                issuer: None,
                code: "unknown-issuer".to_owned(),
                client: [10, high, low, 1].into(),
            });
            let entry = Entry { tallies: tallies.collect(), ..Entry::default() };
            done(world.writer.submit(entry).await);
        }
        world.clock.advance(60);
        done(world.writer.submit(Entry::default()).await);
        assert_eq!(world.head().await.seq, 1002, "the start, 1,000 counts, one overflow");
        let overflow = summaries(world).await;
        let overflow: Vec<_> =
            overflow.iter().filter(|record| record.code.as_deref() == Some("overflow")).collect();
        assert_eq!(overflow.len(), 1);
        assert_eq!(overflow[0].detail, serde_json::json!({ "count": 100, "seconds": 60 }));
    }

    async fn counts_that_a_dead_server_left_behind_are_taken_up(world: &World) {
        world
            .sql(&format!(
                "INSERT INTO tallies (chain, minute, issuer, code, network, count) VALUES \
                 ('01ARZ3NDEKTSV4RRFFQ69G5FAV', {}, '', 'token-expired', '192.0.2.0/24', 7)",
                NOON.0 / 60
            ))
            .await;
        world.clock.advance(60);
        done(world.writer.submit(Entry::default()).await);
        assert_eq!(summaries(world).await, [], "its server may still live");
        world.clock.advance(360);
        done(world.writer.submit(Entry::default()).await);
        let summaries = summaries(world).await;
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].detail["count"], 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_closes_its_minute() {
    let world = World::sqlite().await;
    done(world.writer.submit(stranger([192, 0, 2, 1], "token-expired")).await);
    let world = world.restart().await;
    assert_eq!(summaries(&world).await.len(), 1);
    assert!(world.verify().await.is_clean());
    world.end().await;
}
