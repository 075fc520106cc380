//! Which world a database belongs to: a real one, or that of `segura dev`.
//!
//! A dev world's operator and issuers are anyone's on the machine, so its database is
//! marked when it is made, and neither kind of server opens the other's.

use segura_store::{Store, StoreError, Tx};

use super::error::StartError;

/// Which kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// `segura dev`: keys made for each run, loopback only.
    Dev,
    /// Everything else.
    Real,
}

/// Mark a new database as this world's, in the unit of work that makes it.
pub async fn mark_world(tx: &mut Tx, world: World) -> Result<(), StoreError> {
    tx.meta_put(KEY, name(world)).await
}

/// Refuse a database of the other world. One without a mark is real.
pub async fn check_world(store: &Store, world: World) -> Result<(), StartError> {
    let marked = store.meta_find(KEY).await?;
    let is_dev = marked.as_deref() == Some(name(World::Dev));
    match (world, is_dev) {
        (World::Dev, true) | (World::Real, false) => Ok(()),
        (World::Dev, false) => Err(StartError::World(
            "this database is not of a dev world: `segura dev` makes one of its own",
        )),
        (World::Real, true) => Err(StartError::World(
            "this database is of a dev world, where anyone on the machine is trusted: make a real \
             one with `segura init`",
        )),
    }
}

const fn name(world: World) -> &'static str {
    match world {
        World::Dev => "dev",
        World::Real => "real",
    }
}

const KEY: &str = "world";
