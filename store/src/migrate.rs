//! The schema: migrations in pairs, one folder for each database.
//!
//! A release brings an older schema up and refuses a newer one, whose rows it might
//! misread. Each migration's digest is kept, so that one edited after it ran is found.
//! All that is missing runs in one transaction, under a lock that two nodes starting at
//! once queue on.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::backend::{Conn, on_backend};
use crate::{Backend, StoreError};

struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        const MIGRATIONS: &[Migration] = &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, "/up.sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, "/up.sql")),
        }),*];
    };
}

migrations!["0001_spine", "0002_row_macs", "0003_slim_spent_tokens"];

diesel::table! {
    schema_migrations (name) {
        name -> Text,
        digest -> Text,
    }
}

const REGISTER: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, digest TEXT NOT NULL)";

/// Any number will do, so long as it stays the same; this one spells `segura`.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(126914953212513)";

/// Bring the schema up to this program's.
pub(crate) async fn migrate(conn: &mut Conn, backend: Backend) -> Result<(), StoreError> {
    conn.begin().await?;
    if let Err(error) = migrate_inside(conn, backend).await {
        // The error above says more than one of the rollback could.
        let _ = conn.run("ROLLBACK").await;
        return Err(error);
    }
    conn.run("COMMIT").await
}

/// Refuse a schema that is not quite this program's: newer, edited, or (`Demand::Current`)
/// older.
pub(crate) async fn check(conn: &mut Conn, demand: Demand) -> Result<(), StoreError> {
    let applied = if has_register(conn).await? { applied(conn).await? } else { Vec::new() };
    let missing = compare(&applied)?;
    match (demand, missing.as_slice().first()) {
        (Demand::Current, Some(migration)) => {
            Err(StoreError::OlderSchema { missing: migration.name })
        }
        _ => Ok(()),
    }
}

/// What [`check`] demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// This program's schema exactly.
    Current,
    /// This program's schema or an older one.
    NotNewer,
}

async fn migrate_inside(conn: &mut Conn, backend: Backend) -> Result<(), StoreError> {
    if backend == Backend::Postgres {
        conn.run(POSTGRES_LOCK).await?;
    }
    conn.run(REGISTER).await?;
    let applied = applied(conn).await?;
    for migration in compare(&applied)? {
        conn.run(migration.sql(backend)).await?;
        let row = (
            schema_migrations::name.eq(migration.name),
            schema_migrations::digest.eq(migration.digest()),
        );
        let insert = diesel::insert_into(schema_migrations::table).values(row);
        on_backend!(conn, |conn| insert.execute(conn).await)?;
    }
    Ok(())
}

async fn has_register(conn: &mut Conn) -> Result<bool, StoreError> {
    let count = match conn {
        Conn::Postgres(conn) => {
            let sql = "(SELECT count(*) FROM pg_tables WHERE tablename = 'schema_migrations' \
                       AND schemaname = current_schema())";
            diesel::select(diesel::dsl::sql::<BigInt>(sql)).get_result::<i64>(conn).await
        }
        Conn::Sqlite(conn) => {
            let sql = "(SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations')";
            diesel::select(diesel::dsl::sql::<BigInt>(sql)).get_result::<i64>(conn).await
        }
    };
    Ok(count? > 0)
}

async fn applied(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    let query = schema_migrations::table.order(schema_migrations::name);
    Ok(on_backend!(conn, |conn| query.load::<(String, String)>(conn).await)?)
}

/// Which migrations are missing; an error when one is there that is not known here.
fn compare(applied: &[(String, String)]) -> Result<Vec<&'static Migration>, StoreError> {
    for (name, digest) in applied {
        match MIGRATIONS.iter().find(|migration| migration.name == name) {
            Some(known) if known.digest() == *digest => {}
            _ => return Err(StoreError::NewerSchema { found: name.clone() }),
        }
    }
    let is_missing =
        |migration: &&Migration| !applied.iter().any(|(name, _)| name == migration.name);
    Ok(MIGRATIONS.iter().filter(is_missing).collect())
}

impl Migration {
    const fn sql(&self, backend: Backend) -> &'static str {
        match backend {
            Backend::Postgres => self.postgres,
            Backend::Sqlite => self.sqlite,
        }
    }

    /// Over both texts, so that a database moved from one to the other reads alike.
    fn digest(&self) -> String {
        let both = [self.sqlite, "\0", self.postgres].concat();
        let digest = digest(&SHA256, both.as_bytes());
        digest.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_migration_comes_in_a_pair_and_is_embedded() {
        let embedded: BTreeSet<String> =
            MIGRATIONS.iter().map(|migration| migration.name.to_owned()).collect();
        for backend in ["sqlite", "postgres"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(backend);
            let found: BTreeSet<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert_eq!(found, embedded, "{backend}");
        }
    }

    #[test]
    fn a_migration_that_was_edited_after_it_ran_is_refused() {
        let edited = [(MIGRATIONS[0].name.to_owned(), "00".to_owned())];
        assert!(matches!(compare(&edited), Err(StoreError::NewerSchema { .. })));
        assert_eq!(compare(&[]).unwrap().len(), MIGRATIONS.len());
    }
}
