//! What is in memory, and when it is asked for anew.

use std::sync::Arc;
use std::time::Duration;

use segura_model::PolicyName;
use segura_model::api::EpochScope;
use segura_store::{Change, ChangeKind, ChangeNumber, Changes, StoreError, StoredPolicy};

use super::{Snapshots, Source};
use crate::service::testing::{DEPLOY, NOON, World, origin};

fn name(text: &str) -> PolicyName {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_node_whose_feed_is_silent_asks_before_it_decides() {
    let world = World::new().await;
    let node = world.bare_node().await;
    world.apply(DEPLOY).await;
    assert!(node.snapshots.current().await.unwrap().policies.is_empty(), "it was heard just now");
    world.clock.advance(3);
    assert_eq!(node.snapshots.current().await.unwrap().policies.len(), 1);
    // A clock that was set back says nothing about the feed either.
    world.apply(&DEPLOY.replace("payments-deploy", "second")).await;
    world.clock.advance(-60);
    assert_eq!(node.snapshots.current().await.unwrap().policies.len(), 2);
}

#[tokio::test]
async fn a_decision_does_not_wait_for_ever_behind_a_feed_that_is_silent() {
    let world = World::new().await;
    let (store, row_mac) = (world.core.store().clone(), world.core.row_mac.clone());
    let started = Snapshots::start(Source { store, row_mac }, world.clock.clone(), 0).await;
    let snapshots = Snapshots { turn_time: Duration::ZERO, ..started.unwrap() };
    let number = snapshots.held().change;
    // Somebody asks the feed, and gets no answer.
    let asking = snapshots.turn.lock().await;
    snapshots.current().await.expect("the feed was heard just now");
    world.clock.advance(3);
    let patience = Duration::from_mins(1);
    for asked in [
        tokio::time::timeout(patience, snapshots.current()).await,
        tokio::time::timeout(patience, snapshots.at_least(number)).await,
        tokio::time::timeout(patience, snapshots.poll()).await,
    ] {
        let refused = asked.expect("it gives up").map(|snapshot| snapshot.change);
        assert!(matches!(refused, Err(StoreError::BusyReaders)), "{refused:?}");
    }
    drop(asking);
    snapshots.current().await.unwrap();
}

#[tokio::test]
async fn a_change_loads_what_changed_and_keeps_the_rest() {
    let world = World::new().await;
    for policy in ["one", "two", "three"] {
        world.apply(&DEPLOY.replace("payments-deploy", policy)).await;
    }
    let before = world.core.snapshots.held();
    world.apply(&DEPLOY.replace("payments-deploy", "two").replace("15m", "16m")).await;
    world.app.trust.policy_remove(name("three"), &world.admin, origin()).await.unwrap();
    let after = world.core.snapshots.held();
    let of =
        |policy: &str| (before.policies.find(&name(policy)), after.policies.find(&name(policy)));
    assert!(matches!(of("one"), (Some(old), Some(new)) if Arc::ptr_eq(old, new)));
    assert!(matches!(of("two"), (Some(old), Some(new)) if !Arc::ptr_eq(old, new)));
    assert!(matches!(of("three"), (Some(_), None)));
    assert!(Arc::ptr_eq(&before.issuers, &after.issuers));

    world.app.epochs.raise(EpochScope::All, &world.admin, origin()).await.unwrap();
    let raised = world.core.snapshots.held();
    assert!(Arc::ptr_eq(&raised.policies, &after.policies));
    assert_ne!(raised.epochs, after.epochs);
}

#[tokio::test]
async fn a_stale_snapshot_is_left_for_the_number_that_the_writer_names() {
    let world = World::new().await;
    let node = world.bare_node().await;
    world.apply(DEPLOY).await;
    let now = world.core.snapshots.held().change;
    assert_eq!(node.snapshots.at_least(now).await.unwrap().change, now);
    let old = ChangeNumber(now.0 - 1);
    assert_eq!(node.snapshots.at_least(old).await.unwrap().change, now);
}

#[tokio::test]
async fn a_snapshot_is_not_said_to_be_newer_than_the_changes_it_was_made_for() {
    // Else a secret that changed in between would stay in memory as it was before.
    let world = World::new().await;
    let before = world.core.snapshots.held();
    let issuer = Change { number: before.change, kind: ChangeKind::Issuer, key: "github".into() };
    let changes = Changes { now: before.change, complete: true, list: vec![issuer] };
    world.apply(DEPLOY).await;
    let next = super::load::changed(&world.core.snapshots.source, before, &changes).await.unwrap();
    assert_eq!((next.change, next.policies.len()), (changes.now, 1));
}

#[tokio::test]
async fn a_stored_policy_that_cannot_be_used_grants_nothing_and_harms_no_other() {
    let world = World::with_job().await;
    let rows = [("broken", "{", "github"), ("homeless", "{}", "nowhere")].map(|row| StoredPolicy {
        name: name(row.0),
        issuer: row.2.parse().unwrap(),
        body: row.1.to_owned(),
        changed_at: NOON,
        changed_by: "a later version".to_owned(),
    });
    let put = world.core.writer.run(move |tx| {
        Box::pin(async move {
            for row in &rows {
                tx.policy_put(row).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    put.await.unwrap();
    for node in [&world.core, &world.bare_node().await] {
        let snapshot = node.snapshots.poll().await.unwrap();
        assert_eq!(snapshot.policies.len(), 1);
        assert!(snapshot.policies.find(&name("payments-deploy")).is_some());
    }
}
