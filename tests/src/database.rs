//! Both databases, each test with one of its own.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which database a world stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file in the server's data directory.
    Sqlite,
    /// A database of its own in the cluster that `SEGURA_TEST_POSTGRES` names.
    Postgres,
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

impl Database {
    /// The value for `database` in the configuration; none for SQLite, the default.
    pub async fn create(self, _data_dir: &Path) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(create_database().await),
        }
    }
}

async fn create_database() -> String {
    #[expect(clippy::disallowed_methods, reason = "how the suite names its cluster")]
    let cluster = std::env::var("SEGURA_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!(
            "SEGURA_TEST_POSTGRES is not set. Run `cargo xtask test`, which starts a scratch PostgreSQL, \
             or name a throwaway cluster: SEGURA_TEST_POSTGRES=postgres://user@127.0.0.1:5432/postgres"
        )
    });
    let name =
        format!("segura_it_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
    let (client, connection) = tokio_postgres::connect(&cluster, tokio_postgres::NoTls)
        .await
        .expect("SEGURA_TEST_POSTGRES names a cluster that answers");
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a fresh name");
    drop(client);
    drop(driver.await);
    let (base, _) = cluster.rsplit_once('/').expect("a database URL has a path");
    format!("{base}/{name}")
}
