//! Trust policies, as the documents they were compiled from. A row that does not check
//! ([`RowMac`]) is not there.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use segura_model::{IssuerId, PolicyName, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::ledger::encoding::Encoder;
use crate::readers::read;
use crate::row_mac::{self, Authenticated};
use crate::schema::policies;
use crate::{ChangeKind, RowMac, Store, StoreError, Tx, text};

/// How many rows one statement names: each column of each is a parameter.
const PORTION: usize = 1000;

/// A policy and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    /// The name; unique.
    pub name: PolicyName,
    /// The issuer entry it is for.
    pub issuer: IssuerId,
    /// The document, in whatever form the caller compiles it from.
    pub body: String,
    /// When it was last written.
    pub changed_at: Timestamp,
    /// The name of the operator who wrote it.
    pub changed_by: String,
}

impl Store {
    /// Every policy, by name.
    pub async fn policy_list(&self, mac: &dyn RowMac) -> Result<Vec<StoredPolicy>, StoreError> {
        read!(self, |conn| list(conn, mac))
    }

    /// One policy.
    pub async fn policy_find(
        &self,
        name: &PolicyName,
        mac: &dyn RowMac,
    ) -> Result<Option<StoredPolicy>, StoreError> {
        read!(self, |conn| find(conn, name, mac))
    }

    /// Those of these policies that there are, by name.
    pub async fn policy_find_all(
        &self,
        names: &[PolicyName],
        mac: &dyn RowMac,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        read!(self, |conn| find_all(conn, names, mac))
    }
}

impl Tx {
    /// Every policy, by name, as this unit of work sees it.
    pub async fn policy_list(&mut self) -> Result<Vec<StoredPolicy>, StoreError> {
        let mac = self.row_mac();
        list(self.conn(), &*mac).await
    }

    /// One policy, as this unit of work sees it.
    pub async fn policy_find(
        &mut self,
        name: &PolicyName,
    ) -> Result<Option<StoredPolicy>, StoreError> {
        let mac = self.row_mac();
        find(self.conn(), name, &*mac).await
    }

    /// Those of these policies that there are, by name, as this unit of work sees them.
    pub async fn policy_find_all(
        &mut self,
        names: &[PolicyName],
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        let mac = self.row_mac();
        find_all(self.conn(), names, &*mac).await
    }

    /// Write a policy, replacing one of the same name. Raises the change number.
    pub async fn policy_put(&mut self, policy: &StoredPolicy) -> Result<(), StoreError> {
        self.policy_put_all(std::slice::from_ref(policy)).await
    }

    /// Write policies, no two of one name, each replacing one of the same name. Raises the
    /// change number.
    pub async fn policy_put_all(&mut self, policies: &[StoredPolicy]) -> Result<(), StoreError> {
        let mac = self.row_mac();
        let mut rows = Vec::with_capacity(policies.len());
        for policy in policies {
            text::document("a policy", &policy.body, text::DOCUMENT)?;
            text::line("an operator's name", &policy.changed_by)?;
            rows.push(Row::new(policy, &*mac));
        }
        put(self.conn(), rows).await?;
        for policy in policies {
            self.raise(ChangeKind::Policy, policy.name.as_str());
        }
        Ok(())
    }

    /// Remove a policy, also one that does not check; `false` when there was none. Raises the change number.
    pub async fn policy_remove(&mut self, name: &PolicyName) -> Result<bool, StoreError> {
        let delete = diesel::delete(policies::table.find(name.as_str()));
        let removed = on_backend!(self.conn(), |conn| delete.execute(conn).await)? > 0;
        if removed {
            self.raise(ChangeKind::Policy, name.as_str());
        }
        Ok(removed)
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = policies, primary_key(name))]
pub(crate) struct Row {
    name: String,
    issuer: String,
    body: String,
    changed_at: i64,
    changed_by: String,
    mac: Vec<u8>,
}

impl Row {
    fn new(policy: &StoredPolicy, mac: &dyn RowMac) -> Self {
        let mut row = Self {
            name: policy.name.to_string(),
            issuer: policy.issuer.to_string(),
            body: policy.body.clone(),
            changed_at: policy.changed_at.0,
            changed_by: policy.changed_by.clone(),
            mac: Vec::new(),
        };
        row.mac = row_mac::make(&row, mac);
        row
    }
}

impl Authenticated for Row {
    const TABLE: &'static str = "policies";

    fn id(&self) -> &str {
        &self.name
    }

    fn columns(&self, to: &mut Encoder) {
        let Self { name: _, issuer, body, changed_at, changed_by, mac: _ } = self;
        to.part(issuer.as_bytes());
        to.part(body.as_bytes());
        to.number(*changed_at);
        to.part(changed_by.as_bytes());
    }

    fn mac(&self) -> &[u8] {
        &self.mac
    }
}

pub(crate) async fn rows(conn: &mut Conn) -> Result<Vec<Row>, StoreError> {
    let query = policies::table.order(policies::name);
    Ok(on_backend!(conn, |conn| query.load::<Row>(conn).await)?)
}

async fn list(conn: &mut Conn, mac: &dyn RowMac) -> Result<Vec<StoredPolicy>, StoreError> {
    row_mac::listed(rows(conn).await?, mac)
}

/// Many rows take few round trips to PostgreSQL, and one change of thread with SQLite.
async fn put(conn: &mut Conn, rows: Vec<Row>) -> Result<(), StoreError> {
    match conn {
        Conn::Postgres(conn) => {
            for some in rows.chunks(PORTION) {
                diesel::insert_into(policies::table)
                    .values(some)
                    .on_conflict(policies::name)
                    .do_update()
                    .set((
                        policies::issuer.eq(excluded(policies::issuer)),
                        policies::body.eq(excluded(policies::body)),
                        policies::changed_at.eq(excluded(policies::changed_at)),
                        policies::changed_by.eq(excluded(policies::changed_by)),
                        policies::mac.eq(excluded(policies::mac)),
                    ))
                    .execute(conn)
                    .await?;
            }
        }
        Conn::Sqlite(conn) => {
            conn.spawn_blocking(move |conn| {
                rows.iter().try_for_each(|row| {
                    let upsert = diesel::insert_into(policies::table)
                        .values(row)
                        .on_conflict(policies::name)
                        .do_update()
                        .set(row);
                    diesel::RunQueryDsl::execute(upsert, conn).map(drop)
                })
            })
            .await?;
        }
    }
    Ok(())
}

async fn find_all(
    conn: &mut Conn,
    names: &[PolicyName],
    mac: &dyn RowMac,
) -> Result<Vec<StoredPolicy>, StoreError> {
    let mut rows = Vec::with_capacity(names.len());
    for some in names.chunks(PORTION) {
        let some: Vec<&str> = some.iter().map(PolicyName::as_str).collect();
        let query = policies::table.filter(policies::name.eq_any(some)).order(policies::name);
        rows.extend(on_backend!(conn, |conn| query.load::<Row>(conn).await)?);
    }
    let mut found = row_mac::listed(rows, mac)?;
    found.sort_by(|left: &StoredPolicy, right| left.name.cmp(&right.name));
    Ok(found)
}

async fn find(
    conn: &mut Conn,
    name: &PolicyName,
    mac: &dyn RowMac,
) -> Result<Option<StoredPolicy>, StoreError> {
    let query = policies::table.find(name.as_str());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row_mac::found(row, mac)
}

impl TryFrom<Row> for StoredPolicy {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name.parse().map_err(StoreError::corrupt("a policy's name"))?,
            issuer: row.issuer.parse().map_err(StoreError::corrupt("a policy's issuer"))?,
            body: row.body,
            changed_at: Timestamp(row.changed_at),
            changed_by: row.changed_by,
        })
    }
}
