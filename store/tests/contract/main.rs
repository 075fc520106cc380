//! The contract of the store: one suite, run on SQLite and on PostgreSQL.
//!
//! Each test gets a database of its own: a file, or a schema in the throwaway cluster that
//! `SEGURA_TEST_POSTGRES` names. Without one the tests fail and say what to do: a suite
//! that skips PostgreSQL proves nothing about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod batches;
mod catalogue;
mod changes;
mod failures;
mod figures;
mod ledger;
mod nodes;
mod proxy;
mod row_macs;
mod schema;
mod secrets;
mod spending;
mod tallies;
mod tampering;
mod world;

/// Write a test once and run it on both databases, in modules `on_sqlite` and
/// `on_postgres`.
macro_rules! on_each_backend {
    ($($(#[doc = $doc:literal])* async fn $name:ident($world:ident: &World) $body:block)*) => {
        $($(#[doc = $doc])* async fn $name($world: &World) $body)*

        mod on_sqlite {
            use crate::world::World;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let world = World::sqlite().await;
                super::$name(&world).await;
                world.end().await;
            })*
        }

        mod on_postgres {
            use crate::world::World;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let world = World::postgres().await;
                super::$name(&world).await;
                world.end().await;
            })*
        }
    };
}
pub(crate) use on_each_backend;
