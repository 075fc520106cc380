//! Who may do what to a secret, and that a read is recorded.

use segura_model::api::MetaField;
use segura_model::audit::{Actor, Event, Outcome};
use segura_model::{Classify, Role, SecretPath};
use segura_store::StoreError;

use super::SecretServiceError;
use crate::service::testing::{NOON, World, origin, put_of};

fn path(text: &str) -> SecretPath {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_administrator_reads_and_that_is_recorded() {
    let world = World::with_job().await;
    let wanted = "db/prod/password".parse().unwrap();
    let read = world.app.secrets.read(wanted, &world.admin, origin()).await.unwrap();
    assert_eq!(read.secret.fields.only().unwrap().1.expose(), "hunter2-canary");
    let records = world.records(Event::SecretRead).await;
    assert_eq!((records.len(), records[0].outcome), (1, Outcome::Released));
    assert_eq!(records[0].actor, Actor::from(&world.admin));
    assert!(!serde_json::to_string(&records).unwrap().contains("canary"));

    let missing = "db/prod/none".parse().unwrap();
    let error = world.app.secrets.read(missing, &world.admin, origin()).await.unwrap_err();
    assert_eq!(error.class().code, "secret-missing");
}

#[tokio::test]
async fn who_was_removed_since_the_request_was_let_in_reads_nothing() {
    let world = World::with_job().await;
    let (gone, _) = world.operator(Role::Admin).await;
    world.app.operators.remove(gone.name.clone(), &world.admin, origin()).await.unwrap();
    let wanted = "db/prod/password".parse().unwrap();
    let error = world.app.secrets.read(wanted, &gone, origin()).await.unwrap_err();
    assert_eq!(error.class(), StoreError::CredentialGone.class());
    assert!(world.records(Event::SecretRead).await.is_empty());
}

#[tokio::test]
async fn an_author_writes_and_never_reads_and_an_auditor_sees_names() {
    let world = World::with_job().await;
    let secrets = &world.app.secrets;
    let (author, _) = world.operator(Role::Author).await;
    let (auditor, _) = world.operator(Role::Auditor).await;
    let put = put_of(&[("value", "x")]);
    secrets.put(path("db/new"), put.clone(), &author, origin()).await.unwrap();
    secrets.remove(path("db/new"), &author, origin()).await.unwrap();
    for operator in [&author, &auditor] {
        let wanted = "app/login".parse().unwrap();
        let error = secrets.read(wanted, operator, origin()).await.unwrap_err();
        assert!(matches!(error, SecretServiceError::Operator(_)));
        assert_eq!(secrets.list(None, None, 10, operator, origin()).await.unwrap().len(), 2);
        let history = secrets.history(&path("app/login"), operator, origin()).await.unwrap();
        assert_eq!(history.versions.len(), 1);
    }
    assert!(secrets.put(path("db/new"), put, &auditor, origin()).await.is_err());
    assert!(secrets.remove(path("app/login"), &auditor, origin()).await.is_err());
    assert_eq!(world.records(Event::SecretPut).await.len(), 3);
    assert_eq!(world.records(Event::SecretRemove).await.len(), 1);
}

#[tokio::test]
async fn a_write_keeps_what_it_does_not_mention_and_takes_away_what_it_names() {
    let world = World::new().await;
    let secrets = &world.app.secrets;
    let mut put = put_of(&[("value", "x")]);
    put.owner = Some("payments".parse().unwrap());
    put.tags = vec!["team:payments".parse().unwrap()];
    put.max_age = Some("90d".parse().unwrap());
    put.expires_at = Some(NOON.plus(3600));
    secrets.put(path("a/b"), put, &world.admin, origin()).await.unwrap();
    let head = async || secrets.history(&path("a/b"), &world.admin, origin()).await.unwrap().head;
    assert_eq!(head().await.meta.owner.as_deref(), Some("payments"));
    let before = head().await.meta;
    world.put("a/b", &[("value", "y")]).await;
    assert_eq!((head().await.version, head().await.meta), (2, before));
    let mut put = put_of(&[("value", "z")]);
    put.clear = vec![MetaField::Owner, MetaField::MaxAge, MetaField::ExpiresAt];
    secrets.put(path("a/b"), put, &world.admin, origin()).await.unwrap();
    let meta = head().await.meta;
    assert_eq!((meta.owner, meta.max_age, meta.expires_at), (None, None, None));
    assert_eq!(meta.tags.len(), 1);
    let mut put = put_of(&[("value", "z")]);
    put.clear = vec![MetaField::Tags];
    secrets.put(path("a/b"), put, &world.admin, origin()).await.unwrap();
    assert_eq!(head().await.meta, segura_store::SecretMeta::default());
}

#[tokio::test]
async fn a_write_that_nobody_will_be_given_says_so() {
    let world = World::new().await;
    let put = async |expires_at, clear: &[MetaField]| {
        let mut put = put_of(&[("value", "x")]);
        (put.expires_at, put.clear) = (expires_at, clear.to_vec());
        let written = world.app.secrets.put(path("a/b"), put, &world.admin, origin());
        let written = written.await.unwrap();
        (written.expires_at, written.expired)
    };
    let soon = NOON.plus(60);
    assert_eq!(put(Some(soon), &[]).await, (Some(soon), false));
    world.clock.advance(60);
    assert_eq!(put(None, &[]).await, (Some(soon), true), "kept, and past by now");
    assert_eq!(put(None, &[MetaField::ExpiresAt]).await, (None, false));
}

#[tokio::test]
async fn fields_that_a_write_drops_are_told() {
    let world = World::new().await;
    let put = async |fields: &[(&str, &str)]| {
        let put = put_of(fields);
        let written = world.app.secrets.put(path("app/login"), put, &world.admin, origin());
        written.await.unwrap().dropped.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (user, password) = (("user", "u"), ("password", "canary"));
    assert!(put(&[user, password, ("host", "h")]).await.is_empty(), "there was none before");
    assert_eq!(put(&[password]).await, ["host", "user"]);
    assert!(put(&[password, user]).await.is_empty());

    // Whoever reads no value learns that there were others, and not which.
    let (author, _) = world.operator(Role::Author).await;
    let blind = async |fields: &[(&str, &str)]| {
        let put = put_of(fields);
        let written = world.app.secrets.put(path("app/login"), put, &author, origin());
        let written = written.await.unwrap();
        (written.drops, written.dropped.len())
    };
    assert_eq!(blind(&[("other", "o")]).await, (true, 0));
    assert_eq!(blind(&[("other", "o"), user]).await, (false, 0));
}

#[tokio::test]
async fn check_and_set_and_case_twins_are_conflicts() {
    let world = World::with_job().await;
    let secrets = &world.app.secrets;
    let mut put = put_of(&[("value", "x")]);
    put.expected_version = Some(0);
    let there = secrets.put(path("app/login"), put.clone(), &world.admin, origin()).await;
    assert_eq!(there.unwrap_err().class().code, "secret-version-conflict");
    let twin = secrets.put(path("App/login"), put.clone(), &world.admin, origin()).await;
    assert_eq!(twin.unwrap_err().class().code, "secret-case-twin");
    assert_eq!(secrets.put(path("new"), put, &world.admin, origin()).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_list_goes_down_from_a_path_and_on_from_another() {
    let world = World::new().await;
    for at in ["db/prod", "db/prod-old", "db/prod/a", "db/prod/b", "db/prod.x/c", "z"] {
        world.put(at, &[("value", "x")]).await;
    }
    let list = async |under: Option<&str>, after: Option<&str>, limit| {
        let (under, after) = (under.map(path), after.map(path));
        let listed =
            world.app.secrets.list(under.as_ref(), after.as_ref(), limit, &world.admin, origin());
        let heads = listed.await.unwrap();
        heads.into_iter().map(|listed| listed.head.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(Some("db/prod"), None, 10).await, ["db/prod", "db/prod/a", "db/prod/b"]);
    assert_eq!(list(Some("db/prod"), None, 2).await, ["db/prod", "db/prod/a"]);
    assert_eq!(list(Some("db/prod"), Some("db/prod/a"), 2).await, ["db/prod/b"]);
    assert_eq!(list(Some("db/prod"), Some("db/prod"), 1).await, ["db/prod/a"]);
    assert_eq!(list(Some("db"), None, 10).await.len(), 5);
    assert_eq!(list(None, Some("db/prod/b"), 10).await, ["z"]);
    assert!(list(Some("d"), None, 10).await.is_empty());
}
