//! The schema on both databases, and which databases are refused.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use segura_model::SecretText;
use segura_store::{Commit, DatabaseUrl, OpenMode, Store, StoreError, Writer};

use crate::on_each_backend;
use crate::world::{
    World, connect, delivery, done, make_schema, open, options, schema_url, writer_options,
};

/// The newest first.
const DOWN: [(&str, [&str; 3]); 2] = [
    (
        "sqlite",
        [
            include_str!("../../migrations/sqlite/0003_slim_spent_tokens/down.sql"),
            include_str!("../../migrations/sqlite/0002_row_macs/down.sql"),
            include_str!("../../migrations/sqlite/0001_spine/down.sql"),
        ],
    ),
    (
        "postgres",
        [
            include_str!("../../migrations/postgres/0003_slim_spent_tokens/down.sql"),
            include_str!("../../migrations/postgres/0002_row_macs/down.sql"),
            include_str!("../../migrations/postgres/0001_spine/down.sql"),
        ],
    ),
];

fn down(url: &DatabaseUrl) -> [&'static str; 3] {
    let folder = match url {
        DatabaseUrl::Sqlite(_) => "sqlite",
        DatabaseUrl::Postgres(_) => "postgres",
    };
    DOWN.iter().find(|(name, _)| *name == folder).unwrap().1
}

on_each_backend! {
    async fn a_newer_schema_is_refused(world: &World) {
        world.sql("INSERT INTO schema_migrations (name, digest) VALUES ('9999_future', 'x')").await;
        let opened = Store::open(&world.url, options(OpenMode::Reader)).await;
        assert!(matches!(
            opened.map(drop),
            Err(StoreError::NewerSchema { found }) if found == "9999_future"
        ));
    }

    async fn a_migration_that_is_not_what_ran_is_refused(world: &World) {
        world.sql("UPDATE schema_migrations SET digest = 'edited'").await;
        let opened = Store::open(&world.url, options(OpenMode::Reader)).await;
        assert!(matches!(opened.map(drop), Err(StoreError::NewerSchema { .. })));
    }

    async fn migrating_again_changes_nothing(world: &World) {
        let (one, two) = tokio::join!(world.store.migrate(), world.store.migrate());
        one.unwrap();
        two.unwrap();
        assert_eq!(world.store.ledger_heads().await.unwrap().len(), 1);
    }

    async fn a_store_has_one_writer(world: &World) {
        let second = Writer::start(world.store.clone(), writer_options(&world.clock)).await;
        assert!(matches!(second.map(drop), Err(StoreError::Invalid(_))));
    }

    async fn a_token_that_was_spent_before_the_migration_stays_spent(world: &World) {
        done(world.writer.submit(delivery(1, 1)).await);
        let before = world.writer.submit(delivery(1, 1)).await.unwrap();
        assert!(matches!(&before, Commit::Spent(spent) if spent.same_request), "{before:?}");
        world.sql(down(&world.url)[0]).await;
        world.sql("DELETE FROM schema_migrations WHERE name = '0003_slim_spent_tokens'").await;
        world.store.migrate().await.unwrap();
        assert_eq!(world.writer.submit(delivery(1, 1)).await.unwrap(), before);
        let other = world.writer.submit(delivery(1, 2)).await.unwrap();
        assert!(matches!(&other, Commit::Spent(spent) if !spent.same_request), "{other:?}");
    }

    async fn down_undoes_up(world: &World) {
        for sql in down(&world.url) {
            world.sql(sql).await;
        }
        world.sql("DELETE FROM schema_migrations").await;
        world.store.migrate().await.unwrap();
        assert!(world.store.ledger_heads().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_data_directory_is_refused() {
    let world = World::sqlite().await;
    match Store::open(&world.url, options(OpenMode::Exclusive)).await.map(drop) {
        Err(error @ StoreError::Locked { .. }) => {
            let pid = std::process::id().to_string();
            assert!(error.to_string().contains(&pid), "{error}");
        }
        other => panic!("{other:?}"),
    }
    Store::open(&world.url, options(OpenMode::Reader)).await.unwrap();
    let world = world.restart().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_not_migrated_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("segura.db"));
    let store = open(&url).await;
    let clock = std::sync::Arc::new(segura_model::ManualClock::default());
    let started = Writer::start(store.clone(), writer_options(&clock)).await;
    assert!(matches!(started.map(drop), Err(StoreError::OlderSchema { missing: "0001_spine" })));
    // What failed to start holds nothing.
    store.migrate().await.unwrap();
    let (writer, task) = Writer::start(store, writer_options(&clock)).await.unwrap();
    drop(writer);
    task.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_migrate_a_new_database_at_once() {
    let schema = make_schema().await;
    let url = schema_url(&schema);
    let address = DatabaseUrl::Postgres(SecretText::new(url.clone()));
    let (one, two) = (open(&address).await, open(&address).await);
    let (first, second) = tokio::join!(one.migrate(), two.migrate());
    first.unwrap();
    second.unwrap();
    connect(&url).await.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables_columns_and_keys() {
    let (sqlite, postgres) = (World::sqlite().await, World::postgres().await);
    let (left, right) = (sqlite_shape(&sqlite), postgres_shape(&postgres).await);
    assert!(left.len() > 80, "the shape of the schema was not read: {left:?}");
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    assert!(only(&left, &right).is_empty(), "only on SQLite: {:#?}", only(&left, &right));
    assert!(only(&right, &left).is_empty(), "only on PostgreSQL: {:#?}", only(&right, &left));
    sqlite.end().await;
    postgres.end().await;
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Columns, unique keys, foreign keys and indexes, a line each.
fn sqlite_shape(world: &World) -> BTreeSet<String> {
    let DatabaseUrl::Sqlite(path) = &world.url else { unreachable!() };
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let columns = "
        SELECT 'column ' || t.name || '.' || c.name || ' '
            || CASE c.type WHEN 'BLOB' THEN 'bytes' ELSE lower(c.type) END
            || CASE WHEN c.\"notnull\" THEN ' not null' ELSE '' END AS line
        FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'";
    let keys = "
        SELECT CASE WHEN i.\"unique\" THEN 'unique ' ELSE 'index ' END || t.name || ' ('
            || (SELECT group_concat(name, ', ') FROM pragma_index_info(i.name)) || ')' AS line
        FROM sqlite_master t JOIN pragma_index_list(t.name) i WHERE t.type = 'table'";
    let foreign = "
        SELECT 'foreign ' || t.name || ' (' || f.\"from\" || ') to ' || f.\"table\" || ' ('
            || f.\"to\" || ')' AS line
        FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'";
    // `BIGINT PRIMARY KEY` and the like is an index in SQLite too.
    [columns, keys, foreign]
        .into_iter()
        .flat_map(|sql| diesel::sql_query(sql).load::<Line>(&mut conn).unwrap())
        .map(|line| line.line)
        .filter(|line| !line.contains("schema_migrations"))
        .collect()
}

async fn postgres_shape(world: &World) -> BTreeSet<String> {
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let client = connect(url.expose()).await;
    let columns = "
        SELECT 'column ' || table_name || '.' || column_name || ' '
            || CASE data_type WHEN 'bytea' THEN 'bytes' ELSE data_type END
            || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
        FROM information_schema.columns WHERE table_schema = current_schema()";
    let keys = "
        SELECT CASE WHEN i.indisunique THEN 'unique ' ELSE 'index ' END || t.relname || ' ('
            || (SELECT string_agg(a.attname, ', ' ORDER BY k.position)
                FROM unnest(i.indkey) WITH ORDINALITY AS k(number, position)
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || ')'
        FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relnamespace = current_schema()::regnamespace";
    let foreign = "
        SELECT 'foreign ' || c.conrelid::regclass || ' (' || a.attname || ') to '
            || c.confrelid::regclass || ' (' || b.attname || ')'
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
        WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace";
    let mut shape = BTreeSet::new();
    for sql in [columns, keys, foreign] {
        let rows = client.query(sql, &[]).await.unwrap();
        shape.extend(rows.into_iter().map(|row| row.get::<_, String>(0)));
    }
    shape.into_iter().filter(|line| !line.contains("schema_migrations")).collect()
}
