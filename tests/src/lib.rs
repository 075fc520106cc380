//! The harness of the acceptance tests: the real binary, from outside.
//!
//! A test builds a [`World`]: a server on a free port with its own data, its own
//! operator, its own issuers. Nothing is shared, so tests run in parallel. Both
//! databases get every test through [`on_each_database!`].

pub mod attack;
pub mod cli;
pub mod collector;
pub mod database;
pub mod issuer;
pub mod node;
pub mod proxy;
pub mod wire;
pub mod world;

pub use cli::{Run, segura};
pub use database::Database;
pub use issuer::TokenIssuer;
pub use world::World;

/// One test, run on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_each_database {
    ($(#[$attribute:meta])* async fn $name:ident($database:ident: Database) $body:block) => {
        mod $name {
            use super::*;

            async fn check($database: $crate::Database) $body

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check($crate::Database::Sqlite).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check($crate::Database::Postgres).await;
            }
        }
    };
}
