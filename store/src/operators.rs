//! Operators and the keyed hashes of their tokens. A row that does not check ([`RowMac`])
//! is not there, and gives its name up to who is added under it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{OperatorId, OperatorName, Role, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::ledger::encoding::Encoder;
use crate::readers::read;
use crate::row_mac::{self, Authenticated};
use crate::schema::operators;
use crate::{ChangeKind, RowMac, Store, StoreError, Tx};

/// An operator as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOperator {
    /// Never given to another, unlike the name.
    pub id: OperatorId,
    /// The name; unique.
    pub name: OperatorName,
    /// What the operator may do.
    pub role: Role,
    /// The keyed hash of the token.
    pub token_hash: [u8; 32],
    /// When the token ends. The store answers with expired ones too; the caller checks.
    pub expires_at: Timestamp,
    /// When the operator was added.
    pub created_at: Timestamp,
    /// When the token was last made anew.
    pub rotated_at: Timestamp,
}

/// The credential that a request was let in with. A write asks for it again inside its own
/// transaction: a request can be in flight for as long as its body takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCredential {
    /// Whose it is.
    pub id: OperatorId,
    /// The operator's name.
    pub name: OperatorName,
    /// The role that it was let in with.
    pub role: Role,
    /// The keyed hash of the token: after a rotation it is another.
    pub token_hash: [u8; 32],
}

impl ShownCredential {
    /// Whether the operator, as stored, still has this credential and role, and it works.
    pub fn is_good_for(&self, stored: &StoredOperator, now: Timestamp) -> bool {
        (stored.id, stored.role) == (self.id, self.role)
            && stored.token_hash == self.token_hash
            && stored.expires_at > now
    }
}

impl Store {
    /// Whose token has this hash.
    pub async fn operator_find_by_hash(
        &self,
        hash: &[u8; 32],
        mac: &dyn RowMac,
    ) -> Result<Option<StoredOperator>, StoreError> {
        read!(self, |conn| find_by_hash(conn, hash, mac))
    }

    /// Who has this id.
    pub async fn operator_find_by_id(
        &self,
        id: OperatorId,
        mac: &dyn RowMac,
    ) -> Result<Option<StoredOperator>, StoreError> {
        read!(self, |conn| find_by_id(conn, id, mac))
    }

    /// Every operator, by name.
    pub async fn operator_list(&self, mac: &dyn RowMac) -> Result<Vec<StoredOperator>, StoreError> {
        read!(self, |conn| list(conn, mac))
    }

    /// Whether there is any operator, whoever wrote it: for what looks before the keyring is
    /// open.
    pub async fn has_operators(&self) -> Result<bool, StoreError> {
        read!(self, |conn| any(conn))
    }
}

impl Tx {
    /// An operator by name, as this unit of work sees it.
    pub async fn operator_find(
        &mut self,
        name: &OperatorName,
    ) -> Result<Option<StoredOperator>, StoreError> {
        let row = find(self.conn(), name).await?;
        let row = row.and_then(|row| row_mac::check(row, &*self.row_mac()));
        row.map(StoredOperator::try_from).transpose()
    }

    /// Demand that what a request was let in with still holds. A request outlives neither
    /// its operator nor its credential: one that was rotated away, perhaps because it had
    /// leaked, finishes nothing that it began, least of all its own rotation.
    pub async fn credential_demand(&mut self, shown: &ShownCredential) -> Result<(), StoreError> {
        let now = self.now();
        match self.operator_find(&shown.name).await? {
            Some(found) if shown.is_good_for(&found, now) => Ok(()),
            _ => Err(StoreError::CredentialGone),
        }
    }

    /// Every operator, by name, as this unit of work sees it.
    pub async fn operator_list(&mut self) -> Result<Vec<StoredOperator>, StoreError> {
        let mac = self.row_mac();
        list(self.conn(), &*mac).await
    }

    /// Add an operator; `false` when the name is taken. Raises the change number.
    pub async fn operator_add(&mut self, operator: &StoredOperator) -> Result<bool, StoreError> {
        let found = find(self.conn(), &operator.name).await?;
        if found.is_some_and(|row| row_mac::check(row, &*self.row_mac()).is_none()) {
            self.operator_remove(&operator.name).await?;
        }
        // The target is the name alone: a token hash that exists already must not pass for
        // a name that is taken.
        let insert = diesel::insert_into(operators::table)
            .values(Row::new(operator, &*self.row_mac()))
            .on_conflict(operators::name)
            .do_nothing();
        let added = on_backend!(self.conn(), |conn| insert.execute(conn).await)? > 0;
        if added {
            self.raise(ChangeKind::Operator, operator.name.as_str());
        }
        Ok(added)
    }

    /// Give an operator another token; `false` when there is no such operator. Raises the
    /// change number.
    pub async fn operator_rotate(
        &mut self,
        name: &OperatorName,
        token_hash: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(found) = self.operator_find(name).await? else { return Ok(false) };
        let rotated =
            StoredOperator { token_hash: *token_hash, expires_at, rotated_at: now, ..found };
        let row = Row::new(&rotated, &*self.row_mac());
        let update = diesel::update(operators::table.find(&row.id)).set(&row);
        on_backend!(self.conn(), |conn| update.execute(conn).await)?;
        self.raise(ChangeKind::Operator, name.as_str());
        Ok(true)
    }

    /// Remove an operator, also one that does not check; `false` when there is no such
    /// operator. Raises the change number.
    pub async fn operator_remove(&mut self, name: &OperatorName) -> Result<bool, StoreError> {
        let delete = diesel::delete(operators::table.filter(operators::name.eq(name.as_str())));
        let removed = on_backend!(self.conn(), |conn| delete.execute(conn).await)? > 0;
        if removed {
            self.raise(ChangeKind::Operator, name.as_str());
        }
        Ok(removed)
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = operators)]
pub(crate) struct Row {
    id: String,
    name: String,
    role: String,
    token_hash: Vec<u8>,
    expires_at: i64,
    created_at: i64,
    rotated_at: i64,
    mac: Vec<u8>,
}

impl Authenticated for Row {
    const TABLE: &'static str = "operators";

    fn id(&self) -> &str {
        &self.id
    }

    fn columns(&self, to: &mut Encoder) {
        let Self { id: _, name, role, token_hash, expires_at, created_at, rotated_at, mac: _ } =
            self;
        to.part(name.as_bytes());
        to.part(role.as_bytes());
        to.part(token_hash);
        for number in [expires_at, created_at, rotated_at] {
            to.number(*number);
        }
    }

    fn mac(&self) -> &[u8] {
        &self.mac
    }
}

pub(crate) async fn rows(conn: &mut Conn) -> Result<Vec<Row>, StoreError> {
    let query = operators::table.order(operators::name);
    Ok(on_backend!(conn, |conn| query.load::<Row>(conn).await)?)
}

async fn find(conn: &mut Conn, name: &OperatorName) -> Result<Option<Row>, StoreError> {
    let query = operators::table.filter(operators::name.eq(name.as_str()));
    Ok(on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?)
}

async fn find_by_hash(
    conn: &mut Conn,
    hash: &[u8; 32],
    mac: &dyn RowMac,
) -> Result<Option<StoredOperator>, StoreError> {
    let query = operators::table.filter(operators::token_hash.eq(hash.as_slice()));
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row_mac::found(row, mac)
}

async fn find_by_id(
    conn: &mut Conn,
    id: OperatorId,
    mac: &dyn RowMac,
) -> Result<Option<StoredOperator>, StoreError> {
    let query = operators::table.find(id.to_string());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row_mac::found(row, mac)
}

async fn any(conn: &mut Conn) -> Result<bool, StoreError> {
    let query = operators::table.select(operators::id).limit(1);
    let first = on_backend!(conn, |conn| query.first::<String>(conn).await.optional())?;
    Ok(first.is_some())
}

async fn list(conn: &mut Conn, mac: &dyn RowMac) -> Result<Vec<StoredOperator>, StoreError> {
    row_mac::listed(rows(conn).await?, mac)
}

impl Row {
    fn new(operator: &StoredOperator, mac: &dyn RowMac) -> Self {
        let mut row = Self {
            id: operator.id.to_string(),
            name: operator.name.to_string(),
            role: operator.role.as_str().to_owned(),
            token_hash: operator.token_hash.to_vec(),
            expires_at: operator.expires_at.0,
            created_at: operator.created_at.0,
            rotated_at: operator.rotated_at.0,
            mac: Vec::new(),
        };
        row.mac = row_mac::make(&row, mac);
        row
    }
}

impl TryFrom<Row> for StoredOperator {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.parse().map_err(StoreError::corrupt("an operator's id"))?,
            name: row.name.parse().map_err(StoreError::corrupt("an operator's name"))?,
            role: row.role.parse().map_err(StoreError::corrupt("an operator's role"))?,
            token_hash: row
                .token_hash
                .as_slice()
                .try_into()
                .map_err(StoreError::corrupt("the hash of an operator's token"))?,
            expires_at: Timestamp(row.expires_at),
            created_at: Timestamp(row.created_at),
            rotated_at: Timestamp(row.rotated_at),
        })
    }
}
