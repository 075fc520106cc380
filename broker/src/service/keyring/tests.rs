//! Rolls that come twice, come during a start, or cannot be followed.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use segura_model::{SecretPath, Timestamp};
use segura_vault::{Fields, Guard, MetaChange, PutSecret, SecretsError, SystemRandom};
use tempfile::TempDir;

use super::*;
use crate::service::testing::{NOON, World, origin, put_of};

/// A world whose keyring is stored, and the file that guards it.
struct Guarded {
    world: World,
    guard: Guard,
    folder: TempDir,
}

impl Guarded {
    async fn new() -> Self {
        let (world, folder) = (World::new().await, TempDir::new().unwrap());
        let guard = write_guard(&folder.path().join("guard.key"));
        let wrapped = world.keyring.wrap(&guard, &SystemRandom);
        world.store().keyring_make(wrapped.as_bytes(), NOON).await.unwrap();
        Self { world, guard, folder }
    }

    /// A node that holds the first generation, and looks at this guard.
    async fn node(&self, guard: &str) -> KeyringService {
        let live = Arc::new(ArcSwap::new(Arc::clone(&self.world.keyring)));
        let source = GuardSource::KeyFile(self.folder.path().join(guard));
        let service = KeyringService::new(self.world.bare_node().await, live, Some(source));
        KeyringService { settled: Duration::from_millis(1), ..service }
    }

    /// A roll by a node that is not here.
    async fn roll_elsewhere(&self, at: Timestamp) {
        let stored = self.world.store().keyring_load().await.unwrap().unwrap();
        let mut keyring = Keyring::open(&WrappedKeyring::from_bytes(stored), &self.guard).unwrap();
        keyring.roll(&SystemRandom, at).unwrap();
        let wrapped = keyring.wrap(&self.guard, &SystemRandom);
        let replaced: Result<(), StoreError> = self
            .world
            .core
            .writer
            .run(move |tx| {
                Box::pin(async move { tx.keyring_replace(wrapped.as_bytes(), at).await })
            })
            .await;
        replaced.unwrap();
    }
}

fn write_guard(path: &Path) -> Guard {
    use std::io::Write;
    let (guard, line) = Guard::make_key_file(&SystemRandom);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    // EXPOSE: the file is where this key lives.
    file.write_all(line.expose().as_bytes()).unwrap();
    guard
}

/// The value at `db/x` as a delivery by this node would give it.
async fn read(node: &KeyringService) -> Result<String, SecretsError> {
    let Core { snapshots, vault, .. } = &*node.core;
    let sealed = snapshots.secret(vault, &path(), None).await?.unwrap();
    let mut fields = vault.open(&sealed, NOON)?.into_map();
    // EXPOSE: the test compares it.
    Ok(fields.remove(&"value".parse().unwrap()).unwrap().expose().to_owned())
}

fn path() -> SecretPath {
    "db/x".parse().unwrap()
}

/// Wait for this, while the node follows the feed.
async fn followed(node: &KeyringService, is_so: impl Fn(&KeyringService) -> bool) {
    let watched = async {
        while !is_so(node) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = node.core.snapshots.watch() => unreachable!("it watches for ever"),
        () = node.follow() => unreachable!("it follows for ever"),
        ended = tokio::time::timeout(Duration::from_mins(1), watched) => ended.unwrap(),
    }
}

#[tokio::test]
async fn a_roll_that_comes_twice_rolls_once() {
    let guarded = Guarded::new().await;
    let (node, admin) = (guarded.node("guard.key").await, &guarded.world.admin);
    node.roll(1, admin, origin()).await.unwrap();
    assert_eq!(node.show().await.unwrap().generation, 2);

    let again = node.roll(1, admin, origin()).await.unwrap_err();
    let is_told = KeyringServiceError::OtherGeneration { replaces: 1, found: 2 };
    assert_eq!(again.to_string(), is_told.to_string());
    assert_eq!(again.class(), Class::conflict("keyring-overtaken"));
    assert_eq!(node.show().await.unwrap().generation, 2);
    assert_eq!(guarded.world.records(Event::KeyringRoll).await.len(), 2, "root and wrapping key");
    node.roll(2, admin, origin()).await.unwrap();
}

#[tokio::test]
async fn a_roll_is_finished_though_its_credential_is_rotated_meanwhile() {
    let guarded = Guarded::new().await;
    let (world, admin) = (&guarded.world, &guarded.world.admin);
    let node = guarded.node("guard.key").await;
    let node = KeyringService { settled: Duration::from_secs(1), ..node };
    let rotated = async {
        while world.records(Event::KeyringRoll).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let name = admin.name.clone();
        world.app.operators.rotate(name, None, admin, origin()).await.unwrap();
        assert_eq!(world.records(Event::KeyringRoll).await.len(), 1, "it is half done");
    };
    let (rolled, ()) = tokio::join!(node.roll(1, admin, origin()), rotated);
    rolled.unwrap();
    let records = world.records(Event::KeyringRoll).await;
    assert_eq!((records.len(), &records[1].actor), (2, &Actor::from(admin)));
    let again = node.roll(2, admin, origin()).await.unwrap_err();
    assert_eq!(again.class(), Class::unauthenticated("operator-unknown"), "none is begun");
}

#[tokio::test]
async fn a_roll_during_a_start_is_followed() {
    let guarded = Guarded::new().await;
    guarded.roll_elsewhere(NOON).await;
    // Its first snapshot knows of the roll; the keyring that it holds was read before.
    let node = guarded.node("guard.key").await;
    followed(&node, |node| node.live.load().generation() == 2).await;
    assert!(!node.is_behind());
}

#[tokio::test]
async fn a_node_that_cannot_follow_says_so_until_it_can() {
    let guarded = Guarded::new().await;
    let mut node = guarded.node("other.key").await;
    write_guard(&guarded.folder.path().join("other.key"));
    guarded.roll_elsewhere(NOON).await;
    followed(&node, KeyringService::is_behind).await;
    assert_eq!(node.live.load().generation(), 1);

    node.guard = Some(GuardSource::KeyFile(guarded.folder.path().join("guard.key")));
    followed(&node, |node| !node.is_behind()).await;
    assert_eq!(node.live.load().generation(), 2);
}

#[tokio::test]
async fn what_was_read_before_a_roll_was_followed_is_given_after_it() {
    let guarded = Guarded::new().await;
    let (rolling, missing) = (guarded.node("guard.key").await, guarded.node("guard.key").await);
    let admin = &guarded.world.admin;
    rolling.roll(1, admin, origin()).await.unwrap();
    let put = PutSecret {
        path: path(),
        fields: Fields::new(put_of(&[("value", "newest")]).fields.into_inner()).unwrap(),
        expected_version: None,
        meta: MetaChange::default(),
        by: admin.into(),
    };
    let record =
        rolling.core.record(Event::SecretPut, Outcome::Changed, Actor::from(admin), origin());
    rolling.core.vault.put(put, record).await.unwrap();
    missing.core.snapshots.poll().await.unwrap();

    // Sealed under a wrapping key that only the new generation opens.
    let early = read(&missing).await.unwrap_err();
    assert!(matches!(early, SecretsError::Unopenable(_)), "{early}");
    followed(&missing, |node| node.live.load().generation() == 2).await;
    assert_eq!(read(&missing).await.unwrap(), "newest");
    assert_eq!(missing.core.snapshots.figures().envelopes.entries, 1, "now it is kept");
}
