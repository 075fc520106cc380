//! Writing secrets, in a unit of work.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{SecretPath, Timestamp};

use super::read::{head, slot};
use super::{NewVersion, SecretHead, SecretMeta, SecretSlot, VersionAdded};
use crate::backend::on_backend;
use crate::schema::{secret_versions, secrets};
use crate::{ChangeKind, StoreError, Tx, text};

/// The most bytes of a sealed version: the vault's bound of 1 MiB for the values, and
/// room for names and seal.
const CIPHERTEXT: usize = 2 * 1024 * 1024;
/// The most bytes of a wrapped data key.
const WRAPPED: usize = 4096;

impl Tx {
    /// Where a path stands.
    pub async fn secret_slot(&mut self, path: &SecretPath) -> Result<SecretSlot, StoreError> {
        slot(self.conn(), path).await
    }

    /// A secret without its values, as this unit of work sees it.
    pub async fn secret_head(
        &mut self,
        path: &SecretPath,
    ) -> Result<Option<SecretHead>, StoreError> {
        head(self.conn(), path).await
    }

    /// Add a version; the secret is made with it if need be. Raises the change number.
    pub async fn secret_version_add(
        &mut self,
        version: &NewVersion,
    ) -> Result<VersionAdded, StoreError> {
        text::bytes("a sealed version", &version.ciphertext, CIPHERTEXT)?;
        text::bytes("a wrapped data key", &version.wrapped_key, WRAPPED)?;
        text::line("an operator's name", &version.created_by)?;
        let slot = slot(self.conn(), &version.path).await?;
        if let Some(twin) = slot.twin {
            return Ok(VersionAdded::CaseTwin(twin));
        }
        if slot.next != version.version {
            return Ok(VersionAdded::Conflict(slot));
        }
        match slot.current {
            0 => self.secret_make(version).await?,
            _ => self.secret_advance(version).await?,
        }
        let insert = diesel::insert_into(secret_versions::table).values((
            secret_versions::path.eq(version.path.as_str()),
            secret_versions::version.eq(i64::from(version.version)),
            secret_versions::ciphertext.eq(&version.ciphertext),
            secret_versions::wrapped_key.eq(&version.wrapped_key),
            secret_versions::wrapping_key.eq(&version.wrapping_key),
            secret_versions::created_at.eq(version.created_at.0),
            secret_versions::created_by.eq(&version.created_by),
        ));
        on_backend!(self.conn(), |conn| insert.execute(conn).await)?;
        self.raise(ChangeKind::Secret, version.path.as_str());
        Ok(VersionAdded::Added)
    }

    /// Replace a secret's metadata; `false` when there is no such secret. Raises the
    /// change number.
    pub async fn secret_meta_set(
        &mut self,
        path: &SecretPath,
        meta: &SecretMeta,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if let Some(owner) = &meta.owner {
            text::line("an owner", owner)?;
        }
        text::line("an operator's name", by)?;
        let update = diesel::update(secrets::table.find(path.as_str()))
            .filter(secrets::version.gt(0))
            .set((
                secrets::owner.eq(&meta.owner),
                secrets::tags.eq(serde_json::json!(meta.tags).to_string()),
                secrets::max_age.eq(meta.max_age),
                secrets::expires_at.eq(meta.expires_at.map(|moment| moment.0)),
                secrets::changed_at.eq(now.0),
                secrets::changed_by.eq(by),
            ));
        let changed = on_backend!(self.conn(), |conn| update.execute(conn).await)? > 0;
        if changed {
            self.raise(ChangeKind::Secret, path.as_str());
        }
        Ok(changed)
    }

    /// Remove a secret and the values of all its versions; `false` when there is no such
    /// secret. Raises the change number.
    pub async fn secret_remove(
        &mut self,
        path: &SecretPath,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        text::line("an operator's name", by)?;
        let update = diesel::update(secrets::table.find(path.as_str()))
            .filter(secrets::version.gt(0))
            .set((
                secrets::version.eq(0),
                secrets::owner.eq(None::<String>),
                secrets::tags.eq("[]"),
                secrets::max_age.eq(None::<i64>),
                secrets::expires_at.eq(None::<i64>),
                secrets::changed_at.eq(now.0),
                secrets::changed_by.eq(by),
            ));
        if on_backend!(self.conn(), |conn| update.execute(conn).await)? == 0 {
            return Ok(false);
        }
        let versions = secret_versions::table.filter(secret_versions::path.eq(path.as_str()));
        let delete = diesel::delete(versions);
        on_backend!(self.conn(), |conn| delete.execute(conn).await)?;
        self.raise(ChangeKind::Secret, path.as_str());
        Ok(true)
    }

    /// Make a secret, or take over the row that a removed one left behind, which may have
    /// had another case.
    async fn secret_make(&mut self, version: &NewVersion) -> Result<(), StoreError> {
        let number = i64::from(version.version);
        let values = (
            secrets::path.eq(version.path.as_str()),
            secrets::version.eq(number),
            secrets::last_version.eq(number),
            secrets::created_at.eq(version.created_at.0),
            secrets::changed_at.eq(version.created_at.0),
            secrets::changed_by.eq(&version.created_by),
        );
        let upsert = diesel::insert_into(secrets::table)
            .values((secrets::folded.eq(version.path.folded()), secrets::tags.eq("[]"), values))
            .on_conflict(secrets::folded)
            .do_update()
            .set(values);
        on_backend!(self.conn(), |conn| upsert.execute(conn).await)?;
        Ok(())
    }

    async fn secret_advance(&mut self, version: &NewVersion) -> Result<(), StoreError> {
        let number = i64::from(version.version);
        let update = diesel::update(secrets::table.find(version.path.as_str())).set((
            secrets::version.eq(number),
            secrets::last_version.eq(number),
            secrets::changed_at.eq(version.created_at.0),
            secrets::changed_by.eq(&version.created_by),
        ));
        on_backend!(self.conn(), |conn| update.execute(conn).await)?;
        Ok(())
    }
}
