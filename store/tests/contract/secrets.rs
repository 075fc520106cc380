//! Secrets: versions, check-and-set, case twins, removal.

use segura_model::SecretPath;
use segura_store::{NewVersion, SecretMeta, SecretSlot, StoreError, VersionAdded, WrappingKey};

use crate::on_each_backend;
use crate::world::{NOON, World, path};

fn version(path: SecretPath, version: u32) -> NewVersion {
    NewVersion {
        ciphertext: format!("{path}@{version}, sealed").into_bytes(),
        wrapped_key: vec![0, 1, 2],
        wrapping_key: "wk1".to_owned(),
        created_at: NOON.plus(i64::from(version)),
        created_by: "alice".to_owned(),
        path,
        version,
    }
}

/// Add the wrapping key that [`add`] names.
pub(crate) async fn add_wrapping_key(world: &World) {
    let key = WrappingKey { id: "wk1".to_owned(), wrapped: vec![9], seals: 0, made_at: NOON };
    let added =
        world.writer.run(move |tx| Box::pin(async move { tx.wrapping_key_add(&key).await }));
    added.await.unwrap();
}

/// Add a version of a secret.
pub(crate) async fn add(world: &World, secret: &str, number: u32) -> VersionAdded {
    let new = version(path(secret), number);
    let added: Result<_, StoreError> = world
        .writer
        .run(move |tx| Box::pin(async move { tx.secret_version_add(&new).await }))
        .await;
    added.unwrap()
}

async fn slot(world: &World, secret: &str) -> SecretSlot {
    let path = path(secret);
    let slot: Result<_, StoreError> =
        world.writer.run(move |tx| Box::pin(async move { tx.secret_slot(&path).await })).await;
    slot.unwrap()
}

async fn remove(world: &World, secret: &str) -> bool {
    let path = path(secret);
    let removed: Result<_, StoreError> = world
        .writer
        .run(move |tx| Box::pin(async move { tx.secret_remove(&path, "bob", NOON).await }))
        .await;
    removed.unwrap()
}

async fn names(world: &World, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(path);
    let list = world.store.secret_list(prefix, after.as_ref(), limit).await.unwrap();
    list.into_iter().map(|listed| listed.head.path.to_string()).collect()
}

on_each_backend! {
    async fn versions_are_numbered_and_all_can_be_read(world: &World) {
        add_wrapping_key(world).await;
        let db = path("db/prod");
        assert_eq!(slot(world, "db/prod").await, SecretSlot { current: 0, next: 1, twin: None });
        assert_eq!(add(world, "db/prod", 1).await, VersionAdded::Added);
        assert_eq!(add(world, "db/prod", 2).await, VersionAdded::Added);
        let stands = SecretSlot { current: 2, next: 3, twin: None };
        assert_eq!(slot(world, "db/prod").await, stands);

        let current = world.store.secret_current(&db).await.unwrap().unwrap();
        assert_eq!((current.version, current.head.version), (2, 2));
        assert_eq!(current.ciphertext, b"db/prod@2, sealed");
        assert_eq!(current.created_at, NOON.plus(2));
        let first = world.store.secret_find(&db, 1).await.unwrap().unwrap();
        assert_eq!((first.version, first.head.version), (1, 2));
        assert_eq!(first.head.created_at, NOON.plus(1));
        assert_eq!(world.store.secret_find(&db, 3).await.unwrap(), None);
        assert_eq!(world.store.secret_current(&path("db/dev")).await.unwrap(), None);

        let history = world.store.secret_history(&db).await.unwrap();
        let numbers: Vec<u32> = history.iter().map(|summary| summary.version).collect();
        assert_eq!(numbers, [2, 1]);
        assert_eq!(history[0].created_by, "alice");
    }

    async fn a_version_whose_number_is_taken_is_a_conflict(world: &World) {
        add_wrapping_key(world).await;
        assert_eq!(add(world, "db/prod", 1).await, VersionAdded::Added);
        let before = world.store.change_number().await.unwrap();
        let stands = SecretSlot { current: 1, next: 2, twin: None };
        assert_eq!(add(world, "db/prod", 1).await, VersionAdded::Conflict(stands.clone()));
        assert_eq!(add(world, "db/prod", 3).await, VersionAdded::Conflict(stands));
        assert_eq!(world.store.change_number().await.unwrap(), before);
    }

    async fn two_paths_that_differ_only_in_case_cannot_both_exist(world: &World) {
        add_wrapping_key(world).await;
        assert_eq!(add(world, "db/prod", 1).await, VersionAdded::Added);
        assert_eq!(add(world, "DB/Prod", 1).await, VersionAdded::CaseTwin(path("db/prod")));
        assert_eq!(slot(world, "DB/Prod").await.twin, Some(path("db/prod")));
        assert_eq!(world.store.secret_current(&path("DB/Prod")).await.unwrap(), None);

        assert!(remove(world, "db/prod").await);
        assert_eq!(add(world, "DB/Prod", 2).await, VersionAdded::Added);
        assert_eq!(names(world, "", None, 10).await, ["DB/Prod"]);
    }

    async fn a_removed_secret_is_gone_and_its_numbers_are_not_given_again(world: &World) {
        add_wrapping_key(world).await;
        add(world, "db/prod", 1).await;
        add(world, "db/prod", 2).await;
        let meta = SecretMeta { owner: Some("team".to_owned()), ..SecretMeta::default() };
        let set: Result<bool, StoreError> = world
            .writer
            .run(move |tx| {
                Box::pin(async move {
                    tx.secret_meta_set(&path("db/prod"), &meta, "alice", NOON).await
                })
            })
            .await;
        assert!(set.unwrap());

        assert!(remove(world, "db/prod").await);
        assert!(!remove(world, "db/prod").await);
        let db = path("db/prod");
        assert_eq!(world.store.secret_find(&db, 1).await.unwrap(), None);
        assert_eq!(world.store.secret_current(&db).await.unwrap(), None);
        assert!(world.store.secret_history(&db).await.unwrap().is_empty());
        assert!(names(world, "", None, 10).await.is_empty());

        let stands = SecretSlot { current: 0, next: 3, twin: None };
        assert_eq!(slot(world, "db/prod").await, stands);
        assert_eq!(add(world, "db/prod", 3).await, VersionAdded::Added);
        let anew = world.store.secret_current(&db).await.unwrap().unwrap();
        assert_eq!(anew.head.meta, SecretMeta::default());
        assert_eq!(anew.head.created_at, NOON.plus(3));
    }

    async fn metadata_is_replaced_and_belongs_to_a_secret(world: &World) {
        add_wrapping_key(world).await;
        add(world, "db/prod", 1).await;
        let meta = SecretMeta {
            owner: Some("payments".to_owned()),
            tags: vec!["pci".parse().unwrap(), "db".parse().unwrap()],
            max_age: Some(86_400),
            expires_at: Some(NOON.plus(5)),
        };
        let wanted = meta.clone();
        let set: Result<_, StoreError> = world
            .writer
            .run(move |tx| {
                Box::pin(async move {
                    let set = tx.secret_meta_set(&path("db/prod"), &meta, "bob", NOON).await?;
                    let none = tx.secret_meta_set(&path("db/dev"), &meta, "bob", NOON).await?;
                    Ok((set, none, tx.secret_head(&path("db/prod")).await?))
                })
            })
            .await;
        let (set, none, head) = set.unwrap();
        assert!(set && !none);
        let head = head.unwrap();
        assert_eq!((head.meta, head.changed_by.as_str()), (wanted, "bob"));
    }

    async fn secrets_are_listed_by_prefix_in_pages(world: &World) {
        add_wrapping_key(world).await;
        for name in ["db/prod", "db/dev", "db-old/x", "App/Key", "db/prod/a", "zz"] {
            add(world, name, 1).await;
        }
        assert_eq!(
            names(world, "", None, 10).await,
            ["App/Key", "db-old/x", "db/dev", "db/prod", "db/prod/a", "zz"]
        );
        assert_eq!(names(world, "db/", None, 10).await, ["db/dev", "db/prod", "db/prod/a"]);
        assert_eq!(names(world, "db/", None, 2).await, ["db/dev", "db/prod"]);
        assert_eq!(names(world, "db/", Some("db/prod"), 2).await, ["db/prod/a"]);
        assert!(names(world, "%", None, 10).await.is_empty());
        assert!(names(world, "db/\0", None, 10).await.is_empty());
    }
}
