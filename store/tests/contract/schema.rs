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
async fn both_databases_have_the_same_tables_columns_keys_checks_and_defaults() {
    let (sqlite, postgres) = (World::sqlite().await, World::postgres().await);
    let (left, right) = (sqlite_shape(&sqlite, &postgres).await, postgres_shape(&postgres).await);
    for (kind, least) in
        [("column", 80), ("unique", 15), ("foreign", 2), ("check", 4), ("default", 5)]
    {
        let count = left.iter().filter(|line| line.starts_with(kind)).count();
        assert!(count >= least, "{count} of `{kind}`: the shape was not read: {left:?}");
    }
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

/// Columns, unique keys, foreign keys, indexes, checks and defaults, a line each. Checks are
/// in the words of the other database.
async fn sqlite_shape(world: &World, postgres: &World) -> BTreeSet<String> {
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
    // The value, not how it is written.
    let defaults = "
        SELECT 'SELECT ''default ' || t.name || '.' || c.name || ' '' || '
            || CASE c.type WHEN 'BLOB' THEN 'lower(hex(' ELSE 'CAST((' END || c.dflt_value
            || CASE c.type WHEN 'BLOB' THEN '))' ELSE ') AS TEXT)' END || ' AS line' AS line
        FROM sqlite_master t JOIN pragma_table_info(t.name) c
        WHERE t.type = 'table' AND c.dflt_value IS NOT NULL";
    let mut lines = |sql: &str| {
        let rows = diesel::sql_query(sql).load::<Line>(&mut conn).unwrap();
        rows.into_iter().map(|row| row.line).collect::<Vec<_>>()
    };
    // `BIGINT PRIMARY KEY` and the like is an index in SQLite too.
    let mut shape: BTreeSet<String> =
        [columns, keys, foreign].into_iter().flat_map(&mut lines).collect();
    shape.extend(lines(defaults).iter().flat_map(|sql| lines(sql)));
    let tables = lines("SELECT name AS line FROM sqlite_master WHERE type = 'table'");
    for table in tables {
        let sql = lines(&format!("SELECT sql AS line FROM sqlite_master WHERE name = '{table}'"));
        for check in checks(&sql[0]) {
            shape.insert(check_as_postgres(postgres, &table, &check).await);
        }
    }
    shape.into_iter().filter(|line| !line.contains("schema_migrations")).collect()
}

/// The conditions of the CHECKs in a `CREATE TABLE`, which is all that SQLite keeps of them.
fn checks(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap()).collect();
    let code = code.join(" ");
    let mut found = Vec::new();
    for (at, word) in code.match_indices("CHECK") {
        let is_word =
            !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = code[at + word.len()..].trim_start();
        if is_word && rest.starts_with('(') {
            found.push(rest[1..closing(rest)].to_owned());
        }
    }
    found
}

/// Where the bracket closes that this begins with; those in quotes do not count.
fn closing(text: &str) -> usize {
    let (mut depth, mut quoted) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("a bracket is not closed: {text}")
}

/// A condition as PostgreSQL writes it down: on a table with the columns of its own.
async fn check_as_postgres(world: &World, table: &str, condition: &str) -> String {
    let DatabaseUrl::Postgres(url) = &world.url else { unreachable!() };
    let client = connect(url.expose()).await;
    let probe = format!(
        "CREATE TEMP TABLE probe (LIKE {table}); ALTER TABLE probe ADD CHECK ({condition})"
    );
    client.batch_execute(&probe).await.unwrap();
    let written = "SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'probe'::regclass AND contype = 'c'";
    let row = client.query_one(written, &[]).await.unwrap();
    format!("check {table} {}", row.get::<_, String>(0))
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
    let checks = "
        SELECT 'check ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE contype = 'c' AND connamespace = current_schema()::regnamespace";
    let defaults = "
        SELECT 'SELECT ''default ' || table_name || '.' || column_name || ' '' || '
            || CASE data_type WHEN 'bytea' THEN 'encode(' || column_default || ', ''hex'')'
                ELSE '(' || column_default || ')::text' END
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_default IS NOT NULL";
    let lines = async |sql: &str| {
        let rows = client.query(sql, &[]).await.unwrap();
        rows.into_iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    let mut shape = BTreeSet::new();
    for sql in [columns, keys, foreign, checks] {
        shape.extend(lines(sql).await);
    }
    for sql in lines(defaults).await {
        shape.extend(lines(&sql).await);
    }
    shape.into_iter().filter(|line| !line.contains("schema_migrations")).collect()
}
