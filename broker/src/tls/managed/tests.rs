//! Leaves that nodes share.

use arc_swap::ArcSwap;
use segura_model::ManualClock;
use segura_vault::SystemRandom;

use super::*;
use crate::service::testing::{NOON, World};

const DAY: i64 = 24 * 60 * 60;

fn names(hosts: &[&str]) -> CertificateNames {
    CertificateNames::parse(hosts).unwrap()
}

/// A broker with an authority for `segura.example`.
async fn world() -> World {
    let world = World::new().await;
    let authority =
        CertificateAuthority::make(&names(&["segura.example"]), NOON, &SystemRandom).unwrap();
    let row = authority.seal(&world.keyring, NOON, &SystemRandom);
    let added: Result<(), StoreError> = world
        .core
        .writer
        .run(move |tx| Box::pin(async move { tx.certificate_add(&row).await }))
        .await;
    added.unwrap();
    world
}

fn node(world: &World, clock: &Arc<ManualClock>, hosts: &[&str]) -> ManagedCertificate {
    ManagedCertificate {
        store: world.store().clone(),
        writer: world.core.writer.clone(),
        keyring: Arc::new(ArcSwap::new(Arc::clone(&world.keyring))),
        names: names(hosts),
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
    }
}

/// What clients see of a node.
async fn seen(node: &ManagedCertificate) -> Vec<u8> {
    node.current().await.unwrap().key.cert[0].to_vec()
}

/// The leaf that the store has.
async fn stored(world: &World) -> Leaf {
    let row = world.store().certificate_newest(CertificateRole::Leaf).await.unwrap().unwrap();
    Leaf::open(&row, &world.keyring).unwrap()
}

#[tokio::test]
async fn nodes_with_different_names_come_to_one_certificate() {
    let world = world().await;
    let first = node(&world, &world.clock, &["a.segura.example", "b.segura.example"]);
    // By a clock that is behind.
    let late = Arc::new(ManualClock::at(NOON.plus(-300)));
    let second = node(&world, &late, &["a.segura.example", "c.segura.example"]);
    seen(&first).await;
    let shared = seen(&second).await;
    for _ in 0..3 {
        world.clock.advance(60);
        late.advance(60);
        assert!(seen(&first).await == shared && seen(&second).await == shared);
    }
    assert!(
        stored(&world).await.covers(&first.names) && stored(&world).await.covers(&second.names)
    );

    // Also the one that takes its place.
    world.clock.advance(61 * DAY);
    late.advance(61 * DAY);
    let renewed = seen(&first).await;
    assert!(renewed != shared && seen(&second).await == renewed);
}

#[tokio::test]
async fn old_certificates_are_purged() {
    let world = world().await;
    let node = node(&world, &world.clock, &["segura.example"]);
    let mut newest = seen(&node).await;
    for _ in 0..8 {
        world.clock.advance(61 * DAY);
        let next = seen(&node).await;
        assert!(next != newest, "it is renewed");
        newest = next;
    }
    assert!(stored(&world).await.der().to_vec() == newest);
    let removed: Result<usize, StoreError> =
        world.core.writer.run(|tx| Box::pin(tx.certificate_trim(CertificateRole::Leaf, 0))).await;
    assert_eq!(removed.unwrap(), 5);
}
