//! The service over a real store, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use segura_model::audit::Event;
use segura_store::{BoxFuture, NewVersion, StoreError, VersionAdded};
use segura_vault::{Edit, MetaChange, OpenFault, PutSecret, SEAL_BOUND, SecretsError};

use world::{NOON, by, on_each_database, path, record, secret, value};

#[test]
fn what_is_written_is_read_and_recorded() {
    on_each_database(async |world| {
        assert_eq!(world.put("db/prod/password", "one").await.unwrap(), 1);
        assert_eq!(world.put("db/prod/password", "two").await.unwrap(), 2);
        assert_eq!(world.value("db/prod/password").await, "two");

        let first = world.secrets.version(&path("db/prod/password"), 1).await.unwrap().unwrap();
        assert_eq!(value(&world.secrets.open(&first, NOON).unwrap()), "one");
        assert_eq!((first.created_by(), first.created_at()), ("maria", NOON));
        assert!(world.secrets.version(&path("db/prod/password"), 3).await.unwrap().is_none());
        assert!(world.current("db/prod/other").await.is_none());

        let history = world.secrets.history(&path("db/prod/password")).await.unwrap();
        assert_eq!(history.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);

        let records = world.records(Event::SecretPut).await;
        let written: Vec<_> = records.iter().map(|record| record.paths[0].version).collect();
        assert_eq!(written, [Some(1), Some(2)]);
        assert_eq!(records[0].paths[0].path, path("db/prod/password"));
        assert_eq!(records[0].paths[0].fields, ["value".parse().unwrap()]);
        world
    });
}

#[test]
fn check_and_set_refuses_what_was_not_expected() {
    on_each_database(async |world| {
        let put = async |value: &str, expected: u32| {
            let put = PutSecret { expected_version: Some(expected), ..secret("a", value) };
            let written = world.secrets.put(put, record(Event::SecretPut)).await;
            written.map(|written| (written.replaced, written.version))
        };
        assert_eq!(put("one", 0).await.unwrap(), (0, 1));
        for expected in [0, 2] {
            let error = put("lost", expected).await.unwrap_err();
            assert!(
                matches!(error, SecretsError::Conflict { expected: e, current: 1, .. } if e == expected)
            );
        }
        assert_eq!(put("two", 1).await.unwrap(), (1, 2));
        assert_eq!(world.value("a").await, "two");
        world
    });
}

#[test]
fn a_refused_write_leaves_no_trace() {
    on_each_database(async |world| {
        world.put("a", "one").await.unwrap();
        let put = PutSecret { expected_version: Some(0), ..secret("a", "lost") };
        world.secrets.put(put, record(Event::SecretPut)).await.unwrap_err();
        world.put("A", "lost").await.unwrap_err();
        assert_eq!(world.secrets.history(&path("a")).await.unwrap().len(), 1);
        assert_eq!(world.records(Event::SecretPut).await.len(), 1);
        assert_eq!(world.store().wrapping_key_list().await.unwrap()[0].seals, 1);
        world
    });
}

#[test]
fn two_paths_that_differ_only_in_case_cannot_both_exist() {
    on_each_database(async |world| {
        world.put("db/Prod", "one").await.unwrap();
        let error = world.put("db/prod", "two").await.unwrap_err();
        assert!(matches!(&error, SecretsError::CaseTwin { twin, .. } if *twin == path("db/Prod")));
        assert!(world.current("db/prod").await.is_none());
        assert_eq!(world.put("db/Prod", "three").await.unwrap(), 2);
        world
    });
}

#[test]
fn of_two_writers_at_once_both_win_a_number_of_their_own() {
    on_each_database(async |world| {
        let writes = (0..8).map(|n| {
            let secrets = world.secrets.clone();
            let put = secret("a", &format!("value {n}"));
            tokio::spawn(async move {
                secrets.put(put, record(Event::SecretPut)).await.unwrap().version
            })
        });
        let mut versions = Vec::new();
        for write in writes.collect::<Vec<_>>() {
            versions.push(write.await.unwrap());
        }
        versions.sort_unstable();
        assert_eq!(versions, (1..=8).collect::<Vec<_>>());
        assert_eq!(world.store().wrapping_key_list().await.unwrap()[0].seals, 8);
        world
    });
}

#[test]
fn a_removed_secret_is_gone_and_its_numbers_are_not_given_again() {
    on_each_database(async |world| {
        world.put("a", "one").await.unwrap();
        let old = world.current("a").await.unwrap();
        let remove = async |at: &str| {
            world.secrets.remove(path(at), by(), record(Event::SecretRemove)).await
        };
        remove("a").await.unwrap();
        assert!(world.current("a").await.is_none());
        assert!(world.secrets.history(&path("a")).await.unwrap().is_empty());
        assert!(matches!(remove("a").await, Err(SecretsError::NotFound(_))));
        assert_eq!(world.records(Event::SecretRemove).await.len(), 1);
        assert_eq!(world.put("a", "two").await.unwrap(), 2);
        assert_eq!(world.value("a").await, "two");
        assert_eq!(old.version(), 1);
        world
    });
}

#[test]
fn a_row_that_was_moved_or_rolled_back_does_not_open() {
    on_each_database(async |world| {
        world.put("rich/secret", "canary-91c4").await.unwrap();
        world.put("own/secret", "own").await.unwrap();
        let stored = world.store().secret_current(&path("rich/secret")).await.unwrap().unwrap();
        // Somebody with the database copies the row to a path, and a version, of their own.
        let moved = |at: &str| NewVersion {
            path: path(at),
            version: 2,
            ciphertext: stored.ciphertext.clone(),
            wrapped_key: stored.wrapped_key.clone(),
            wrapping_key: stored.wrapping_key.clone(),
            created_at: NOON,
            created_by: "mallory".into(),
        };
        for at in ["own/secret", "rich/secret"] {
            let row = moved(at);
            let added = world
                .writer
                .run(move |tx| -> BoxFuture<'_, Result<_, StoreError>> {
                    Box::pin(async move { tx.secret_version_add(&row).await })
                })
                .await;
            assert_eq!(added.unwrap(), VersionAdded::Added);
            let sealed = world.current(at).await.unwrap();
            let error = world.secrets.open(&sealed, NOON).unwrap_err();
            let SecretsError::Unopenable(unopenable) = &error else { panic!("{error}") };
            assert_eq!((unopenable.path.as_str(), unopenable.version), (at, 2));
            assert_eq!(unopenable.fault, OpenFault::DataKey);
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        world
    });
}

#[test]
fn a_wrapping_key_gives_way_to_the_next_at_its_bound() {
    on_each_database(async |world| {
        world.put("a", "under the first").await.unwrap();
        let other = world.other_node().await;
        let to_bound = SEAL_BOUND - 2;
        let count = world.writer.run(move |tx| -> BoxFuture<'_, Result<_, StoreError>> {
            Box::pin(async move { tx.wrapping_key_count("1", to_bound).await })
        });
        assert_eq!(count.await.unwrap(), Some(SEAL_BOUND - 1));

        world.put("b", "the last under the first").await.unwrap();
        world.put("c", "under the second").await.unwrap();
        let keys = world.store().wrapping_key_list().await.unwrap();
        let seals: Vec<_> = keys.iter().map(|key| (key.id.as_str(), key.seals)).collect();
        assert_eq!(seals, [("1", SEAL_BOUND), ("2", 1)]);
        assert_eq!(world.value("a").await, "under the first");
        assert_eq!(world.value("c").await, "under the second");

        // A node that started before the roll reads what was sealed after it.
        let sealed = other.current(&path("c")).await.unwrap().unwrap();
        assert_eq!(value(&other.open(&sealed, NOON).unwrap()), "under the second");
        let put = other.put(secret("d", "from elsewhere"), record(Event::SecretPut));
        assert_eq!(put.await.unwrap().version, 1);
        assert_eq!(world.value("d").await, "from elsewhere");
        world
    });
}

#[test]
fn metadata_is_kept_by_a_write_that_does_not_mention_it() {
    on_each_database(async |world| {
        let meta = MetaChange {
            owner: Edit::Set("payments".into()),
            tags: Edit::Set(vec!["team:payments".parse().unwrap()]),
            max_age: Edit::Set(60),
            expires_at: Edit::Set(NOON.plus(100)),
        };
        let put = PutSecret { meta, ..secret("a", "one") };
        world.secrets.put(put, record(Event::SecretPut)).await.unwrap();
        let again = world.secrets.put(secret("a", "two"), record(Event::SecretPut)).await.unwrap();
        assert_eq!(again.expires_at, Some(NOON.plus(100)), "the writer is told what is kept");
        let sealed = world.current("a").await.unwrap();
        let known = &sealed.head().meta;
        assert_eq!(known.owner.as_deref(), Some("payments"));
        assert_eq!((known.max_age, known.expires_at), (Some(60), Some(NOON.plus(100))));
        assert!(!sealed.is_overdue(NOON.plus(60)));
        assert!(sealed.is_overdue(NOON.plus(61)));

        // Expired is not handed out, until its expiry is moved.
        assert!(world.secrets.open(&sealed, NOON.plus(99)).is_ok());
        let error = world.secrets.open(&sealed, NOON.plus(100)).unwrap_err();
        assert!(matches!(error, SecretsError::Expired { at, .. } if at == NOON.plus(100)));
        let change = MetaChange { expires_at: Edit::Clear, ..MetaChange::default() };
        let described = record(Event::SecretPut);
        world.secrets.describe(path("a"), change, by(), described).await.unwrap();
        let sealed = world.current("a").await.unwrap();
        assert_eq!(value(&world.secrets.open(&sealed, NOON.plus(100)).unwrap()), "two");
        assert_eq!(sealed.head().meta.owner.as_deref(), Some("payments"));
        world
    });
}

#[test]
fn listing_goes_by_prefix_and_shows_no_value() {
    on_each_database(async |world| {
        for at in ["app/key", "db/a", "db/b", "db_x/c"] {
            world.put(at, "canary-91c4").await.unwrap();
        }
        let list = async |prefix: &str, after: Option<&str>, limit| {
            let after = after.map(path);
            let heads = world.secrets.list(prefix, after.as_ref(), limit).await.unwrap();
            assert!(!format!("{heads:?}").contains("canary"));
            heads.into_iter().map(|listed| listed.head.path.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list("db/", None, 10).await, ["db/a", "db/b"]);
        assert_eq!(list("db/", None, 1).await, ["db/a"]);
        assert_eq!(list("db/", Some("db/a"), 10).await, ["db/b"]);
        assert_eq!(list("", None, 10).await.len(), 4);
        world
    });
}

#[test]
fn no_value_reaches_the_disk_or_the_ledger_in_the_clear() {
    on_each_database(async |world| {
        const CANARY: &str = "canary-91c4-in-the-clear";
        world.put("a", CANARY).await.unwrap();
        world.secrets.remove(path("a"), by(), record(Event::SecretRemove)).await.unwrap();
        world.put("a", CANARY).await.unwrap();
        let ledger = format!("{:?}", world.records(Event::SecretPut).await);
        assert!(!ledger.contains(CANARY));
        let stored = world.store().secret_current(&path("a")).await.unwrap().unwrap();
        assert!(!holds(&stored.ciphertext, CANARY) && !holds(&stored.wrapped_key, CANARY));
        // The folder beside the test's own: SQLite's database, journal and lock.
        for entry in std::fs::read_dir(world.folder.path().parent().unwrap()).unwrap() {
            let file = entry.unwrap().path();
            if file.is_file() {
                assert!(!holds(&std::fs::read(&file).unwrap(), CANARY), "{}", file.display());
            }
        }
        world
    });
}

#[test]
fn another_keyring_opens_nothing() {
    on_each_database(async |world| {
        world.put("a", "one").await.unwrap();
        let stranger = segura_vault::Keyring::make(&segura_vault::SystemRandom, NOON);
        let random = std::sync::Arc::new(segura_vault::SystemRandom);
        let secrets = segura_vault::Secrets::start(world.writer.clone(), &stranger, random);
        let secrets = secrets.await.unwrap();
        let sealed = secrets.current(&path("a")).await.unwrap().unwrap();
        let error = secrets.open(&sealed, NOON).unwrap_err();
        assert!(matches!(&error, SecretsError::Unopenable(u) if u.fault != OpenFault::Ciphertext));
        // Nor does it seal beside what it cannot open.
        let put = secrets.put(secret("b", "two"), record(Event::SecretPut)).await;
        assert!(matches!(put, Err(SecretsError::WrappingKey(_))));
        world
    });
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
