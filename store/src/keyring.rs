//! The wrapped keyring and the wrapping keys under it.
//!
//! Both are bytes to this crate. The wrapped keyring lives in the database and only its
//! guard outside, so that a second node joins with the same guard.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::Timestamp;

use crate::backend::{Conn, Purpose, on_backend};
use crate::migrate::Demand;
use crate::readers::read;
use crate::schema::{keyring, wrapping_keys};
use crate::{ChangeKind, Store, StoreError, Tx, text};

/// The most bytes of a wrapped key or keyring.
const WRAPPED: usize = 64 * 1024;

/// What came of making the first keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyringMade {
    /// Another `init` was first; this is its keyring, wrapped.
    Exists(Vec<u8>),
    /// The keyring given is the database's now.
    Made,
}

/// A key that wraps data keys, sealed under the keyring's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappingKey {
    /// Its id, written beside every data key it wrapped.
    pub id: String,
    /// The key, sealed.
    pub wrapped: Vec<u8>,
    /// How many data keys it has wrapped.
    pub seals: i64,
    /// When it was made; the newest is the one in use.
    pub made_at: Timestamp,
}

impl Store {
    /// The wrapped keyring, if `init` has run.
    pub async fn keyring_load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read!(self, |conn| load(conn))
    }

    /// Store the first keyring. Of two `init`s at once one wins, and the other learns
    /// what won. This is the one write that needs no [`Writer`](crate::Writer), whose
    /// ledger needs a key of the keyring.
    pub async fn keyring_make(
        &self,
        wrapped: &[u8],
        now: Timestamp,
    ) -> Result<KeyringMade, StoreError> {
        self.demand_exclusive()?;
        self.check_schema(Demand::Current).await?;
        text::bytes("a wrapped keyring", wrapped, WRAPPED)?;
        let mut conn = self.connector().connect(Purpose::Write).await?;
        let insert = diesel::insert_into(keyring::table)
            .values((
                keyring::id.eq(1),
                keyring::wrapped.eq(wrapped),
                keyring::changed_at.eq(now.0),
            ))
            .on_conflict_do_nothing();
        match on_backend!(&mut conn, |conn| insert.execute(conn).await)? {
            0 => match load(&mut conn).await? {
                Some(first) => Ok(KeyringMade::Exists(first)),
                None => Err(StoreError::Invalid("a keyring was there and is gone")),
            },
            _ => Ok(KeyringMade::Made),
        }
    }

    /// Every wrapping key, oldest first.
    pub async fn wrapping_key_list(&self) -> Result<Vec<WrappingKey>, StoreError> {
        read!(self, |conn| list(conn))
    }
}

impl Tx {
    /// The wrapped keyring, as this unit of work sees it.
    pub async fn keyring_load(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        load(self.conn()).await
    }

    /// Replace the wrapped keyring: another guard, or another key in it. Raises the
    /// change number.
    pub async fn keyring_replace(
        &mut self,
        wrapped: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        text::bytes("a wrapped keyring", wrapped, WRAPPED)?;
        let update = diesel::update(keyring::table.find(1))
            .set((keyring::wrapped.eq(wrapped), keyring::changed_at.eq(now.0)));
        if on_backend!(self.conn(), |conn| update.execute(conn).await)? == 0 {
            return Err(StoreError::Invalid("there is no keyring to replace"));
        }
        self.raise(ChangeKind::Keyring, "keyring");
        Ok(())
    }

    /// Every wrapping key, oldest first, as this unit of work sees it.
    pub async fn wrapping_key_list(&mut self) -> Result<Vec<WrappingKey>, StoreError> {
        list(self.conn()).await
    }

    /// Add a wrapping key. Raises the change number.
    pub async fn wrapping_key_add(&mut self, key: &WrappingKey) -> Result<(), StoreError> {
        text::line("the id of a wrapping key", &key.id)?;
        text::bytes("a wrapping key", &key.wrapped, WRAPPED)?;
        let insert = diesel::insert_into(wrapping_keys::table).values((
            wrapping_keys::id.eq(&key.id),
            wrapping_keys::wrapped.eq(&key.wrapped),
            wrapping_keys::seals.eq(key.seals),
            wrapping_keys::made_at.eq(key.made_at.0),
        ));
        on_backend!(self.conn(), |conn| insert.execute(conn).await)?;
        self.raise(ChangeKind::WrappingKey, &key.id);
        Ok(())
    }

    /// Count `by` more seals under a wrapping key and say how many there are now; `None`
    /// when there is no such key.
    pub async fn wrapping_key_count(
        &mut self,
        id: &str,
        by: i64,
    ) -> Result<Option<i64>, StoreError> {
        let update = diesel::update(wrapping_keys::table.find(id))
            .set(wrapping_keys::seals.eq(wrapping_keys::seals + by))
            .returning(wrapping_keys::seals);
        let seals =
            on_backend!(self.conn(), |conn| update.get_result::<i64>(conn).await.optional())?;
        Ok(seals)
    }
}

async fn load(conn: &mut Conn) -> Result<Option<Vec<u8>>, StoreError> {
    let query = keyring::table.find(1).select(keyring::wrapped);
    Ok(on_backend!(conn, |conn| query.first::<Vec<u8>>(conn).await.optional())?)
}

async fn list(conn: &mut Conn) -> Result<Vec<WrappingKey>, StoreError> {
    let query = wrapping_keys::table.order((wrapping_keys::made_at, wrapping_keys::id));
    let rows = on_backend!(conn, |conn| query.load::<(String, Vec<u8>, i64, i64)>(conn).await)?;
    let key = |(id, wrapped, seals, made_at)| WrappingKey {
        id,
        wrapped,
        seals,
        made_at: Timestamp(made_at),
    };
    Ok(rows.into_iter().map(key).collect())
}
