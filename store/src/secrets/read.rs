//! Reading secrets, and where a path stands.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::name::Tag;
use segura_model::{SecretPath, Timestamp};

use super::{ListedSecret, SecretHead, SecretMeta, SecretSlot, StoredVersion, VersionSummary};
use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::{secret_versions, secrets};
use crate::{Store, StoreError};

/// The most secrets in one answer.
const LIST: usize = 1000;

impl Store {
    /// A version of a secret; `None` when the secret or the version does not exist.
    pub async fn secret_find(
        &self,
        path: &SecretPath,
        version: u32,
    ) -> Result<Option<StoredVersion>, StoreError> {
        read!(self, |conn| find(conn, path, version))
    }

    /// The version of a secret that is in use.
    pub async fn secret_current(
        &self,
        path: &SecretPath,
    ) -> Result<Option<StoredVersion>, StoreError> {
        read!(self, |conn| current(conn, path))
    }

    /// Secrets whose path starts with the text `prefix`, after `after`, by path; at most
    /// `limit` (1,000).
    pub async fn secret_list(
        &self,
        prefix: &str,
        after: Option<&SecretPath>,
        limit: usize,
    ) -> Result<Vec<ListedSecret>, StoreError> {
        read!(self, |conn| list(conn, prefix, after, limit))
    }

    /// A secret's versions, newest first; empty when there is no such secret.
    pub async fn secret_history(
        &self,
        path: &SecretPath,
    ) -> Result<Vec<VersionSummary>, StoreError> {
        read!(self, |conn| history(conn, path))
    }
}

#[derive(Queryable)]
struct SecretRow {
    path: String,
    _folded: String,
    version: i64,
    last_version: i64,
    owner: Option<String>,
    tags: String,
    max_age: Option<i64>,
    expires_at: Option<i64>,
    created_at: i64,
    changed_at: i64,
    changed_by: String,
}

#[derive(Queryable)]
struct VersionRow {
    _path: String,
    version: i64,
    ciphertext: Vec<u8>,
    wrapped_key: Vec<u8>,
    wrapping_key: String,
    created_at: i64,
    created_by: String,
}

/// A secret without its values.
pub(super) async fn head(
    conn: &mut Conn,
    path: &SecretPath,
) -> Result<Option<SecretHead>, StoreError> {
    let query = secrets::table.find(path.as_str()).filter(secrets::version.gt(0));
    let row = on_backend!(conn, |conn| query.first::<SecretRow>(conn).await.optional())?;
    row.map(SecretHead::try_from).transpose()
}

/// Where a path stands.
pub(super) async fn slot(conn: &mut Conn, path: &SecretPath) -> Result<SecretSlot, StoreError> {
    let query = secrets::table.filter(secrets::folded.eq(path.folded()));
    let row = on_backend!(conn, |conn| query.first::<SecretRow>(conn).await.optional())?;
    let Some(row) = row else { return Ok(SecretSlot { current: 0, next: 1, twin: None }) };
    let next = version(row.last_version)?.saturating_add(1);
    let stored: SecretPath = row.path.parse().map_err(StoreError::corrupt("a path"))?;
    match row.version {
        0 => Ok(SecretSlot { current: 0, next, twin: None }),
        current if stored == *path => {
            Ok(SecretSlot { current: version(current)?, next, twin: None })
        }
        _ => Ok(SecretSlot { current: 0, next, twin: Some(stored) }),
    }
}

async fn find(
    conn: &mut Conn,
    path: &SecretPath,
    version: u32,
) -> Result<Option<StoredVersion>, StoreError> {
    let query = secret_versions::table
        .inner_join(secrets::table)
        .filter(secret_versions::path.eq(path.as_str()))
        .filter(secret_versions::version.eq(i64::from(version)));
    let row =
        on_backend!(conn, |conn| query.first::<(VersionRow, SecretRow)>(conn).await.optional())?;
    row.map(StoredVersion::try_from).transpose()
}

async fn current(conn: &mut Conn, path: &SecretPath) -> Result<Option<StoredVersion>, StoreError> {
    let query = secret_versions::table
        .inner_join(secrets::table)
        .filter(secret_versions::path.eq(path.as_str()))
        .filter(secret_versions::version.eq(secrets::version));
    let row =
        on_backend!(conn, |conn| query.first::<(VersionRow, SecretRow)>(conn).await.optional())?;
    row.map(StoredVersion::try_from).transpose()
}

async fn list(
    conn: &mut Conn,
    prefix: &str,
    after: Option<&SecretPath>,
    limit: usize,
) -> Result<Vec<ListedSecret>, StoreError> {
    let limit = i64::try_from(limit.min(LIST)).unwrap_or(0);
    let Some(end) = end_of_prefix(prefix) else { return Ok(Vec::new()) };
    let rows = on_backend!(conn, |conn, Db| {
        let mut query = secrets::table
            .inner_join(secret_versions::table)
            .filter(secret_versions::version.eq(secrets::version))
            .select((secrets::all_columns, secret_versions::created_at))
            .order(secrets::path)
            .limit(limit)
            .into_boxed::<Db>();
        if !prefix.is_empty() {
            query = query.filter(secrets::path.ge(prefix).and(secrets::path.lt(end)));
        }
        if let Some(after) = after {
            query = query.filter(secrets::path.gt(after.as_str()));
        }
        query.load::<(SecretRow, i64)>(conn).await
    })?;
    let listed = |(row, written_at): (SecretRow, i64)| {
        Ok(ListedSecret { head: row.try_into()?, written_at: Timestamp(written_at) })
    };
    rows.into_iter().map(listed).collect()
}

/// The first text after all that start with `prefix`; `None` when no path can start so.
fn end_of_prefix(prefix: &str) -> Option<String> {
    if !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    String::from_utf8(end).ok()
}

async fn history(conn: &mut Conn, path: &SecretPath) -> Result<Vec<VersionSummary>, StoreError> {
    let query = secret_versions::table
        .filter(secret_versions::path.eq(path.as_str()))
        .order(secret_versions::version.desc())
        .select((
            secret_versions::version,
            secret_versions::created_at,
            secret_versions::created_by,
        ));
    let rows = on_backend!(conn, |conn| query.load::<(i64, i64, String)>(conn).await)?;
    let summary = |(number, created_at, created_by)| {
        Ok(VersionSummary {
            version: version(number)?,
            created_at: Timestamp(created_at),
            created_by,
        })
    };
    rows.into_iter().map(summary).collect()
}

fn version(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(StoreError::corrupt("a version number"))
}

impl TryFrom<SecretRow> for SecretHead {
    type Error = StoreError;

    fn try_from(row: SecretRow) -> Result<Self, StoreError> {
        let tags: Vec<Tag> =
            serde_json::from_str(&row.tags).map_err(StoreError::corrupt("a secret's tags"))?;
        Ok(Self {
            path: row.path.parse().map_err(StoreError::corrupt("a path"))?,
            version: version(row.version)?,
            meta: SecretMeta {
                owner: row.owner,
                tags,
                max_age: row.max_age,
                expires_at: row.expires_at.map(Timestamp),
            },
            created_at: Timestamp(row.created_at),
            changed_at: Timestamp(row.changed_at),
            changed_by: row.changed_by,
        })
    }
}

impl TryFrom<(VersionRow, SecretRow)> for StoredVersion {
    type Error = StoreError;

    fn try_from((row, secret): (VersionRow, SecretRow)) -> Result<Self, StoreError> {
        Ok(Self {
            head: secret.try_into()?,
            version: version(row.version)?,
            ciphertext: row.ciphertext,
            wrapped_key: row.wrapped_key,
            wrapping_key: row.wrapping_key,
            created_at: Timestamp(row.created_at),
            created_by: row.created_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text() {
        assert_eq!(end_of_prefix("db/").as_deref(), Some("db0"));
        assert_eq!(end_of_prefix("").as_deref(), Some(""));
        assert_eq!(end_of_prefix("dé"), None);
        assert_eq!(end_of_prefix("d\0"), None);
    }
}
