//! Sessions: one workload's stay, from exchange to end.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{IssuerId, PolicyName, SessionId, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::sessions;
use crate::{Store, StoreError, Tx, text};

/// The most sessions in one answer.
const LIST: usize = 1000;
/// The most bytes of a workload's JSON.
const WORKLOAD: usize = 64 * 1024;
/// The most policies that one session uses.
const POLICIES: usize = 256;

/// A session to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, made by the caller.
    pub id: SessionId,
    /// The issuer entry that vouched for the workload.
    pub issuer: IssuerId,
    /// The token's `sub`.
    pub subject: String,
    /// The workload, JSON.
    pub workload_json: String,
    /// The policies used when it was opened.
    pub policies: Vec<PolicyName>,
    /// When it is opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// What it was opened with.
    pub session: NewSession,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
}

impl StoredSession {
    /// Whether it is open at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.session.expires_at > now
    }
}

/// Which sessions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those open at this moment.
    pub open_at: Option<Timestamp>,
    /// Only those of this issuer entry.
    pub issuer: Option<IssuerId>,
    /// Only those with ids after this one.
    pub after: Option<SessionId>,
}

/// Which sessions to end; nothing said is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionScope {
    /// Only those of this issuer entry.
    pub issuer: Option<IssuerId>,
    /// Only those of this `sub`.
    pub subject: Option<String>,
    /// Only those that this policy helped to open.
    pub policy: Option<PolicyName>,
}

impl Store {
    /// One session.
    pub async fn session_find(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        read!(self, |conn| find(conn, id))
    }

    /// Sessions by id, which is by age; at most `limit` (1,000).
    pub async fn session_list(
        &self,
        filter: &SessionFilter,
        limit: usize,
    ) -> Result<Vec<StoredSession>, StoreError> {
        read!(self, |conn| list(conn, filter, limit))
    }
}

impl Tx {
    /// End the sessions in scope that are open at `now`, and say how many there were.
    pub async fn session_end_all(
        &mut self,
        scope: &SessionScope,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        // The column holds a JSON list of names, and no name holds a quote.
        let policy = scope
            .policy
            .as_ref()
            .map(|name| format!("%\"{}\"%", name.as_str().replace('_', "\\_")));
        let ended = on_backend!(self.conn(), |conn, Db| {
            let mut update = diesel::update(sessions::table)
                .set(sessions::ended_at.eq(now.0))
                .into_boxed::<Db>()
                .filter(sessions::ended_at.is_null())
                .filter(sessions::expires_at.gt(now.0));
            if let Some(issuer) = &scope.issuer {
                update = update.filter(sessions::issuer.eq(issuer.as_str()));
            }
            if let Some(subject) = &scope.subject {
                update = update.filter(sessions::subject.eq(subject));
            }
            if let Some(policy) = &policy {
                update = update.filter(sessions::policies.like(policy).escape('\\'));
            }
            update.execute(conn).await
        })?;
        Ok(ended)
    }
}

impl Store {
    /// How many sessions are open at `now`; no more than `most` that are not yet past their
    /// time are looked through.
    pub async fn session_count(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        read!(self, |conn| count(conn, now, most))
    }
}

impl NewSession {
    /// Check the bounds of what came from outside.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        text::line("a subject", &self.subject)?;
        text::document("a workload", &self.workload_json, WORKLOAD)?;
        if self.policies.len() > POLICIES {
            return Err(StoreError::TooLarge { what: "a list of policies", limit: POLICIES });
        }
        Ok(())
    }
}

/// A row of the table, but for what repeats the answer.
#[derive(Clone, Debug, Queryable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) workload: String,
    pub(crate) policies: String,
    pub(crate) opened_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) ended_at: Option<i64>,
}

/// What repeats the answer that a session was opened by, for a caller who lost it. Nothing
/// where the token may be used more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub(crate) struct Repeat {
    /// A digest of the caller's request key.
    pub(crate) request_key: Option<Vec<u8>>,
    /// A digest of what was asked for.
    pub(crate) request_digest: Option<Vec<u8>>,
    pub(crate) answer: Option<String>,
}

impl Repeat {
    /// Whether both are of one request: same request key, same digest.
    pub(crate) fn is_of_the_request_of(&self, other: &Self) -> bool {
        self.request_key.is_some()
            && self.request_key == other.request_key
            && self.request_digest == other.request_digest
    }
}

/// A row as the batch writer inserts it.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = sessions)]
pub(crate) struct NewRow {
    #[diesel(embed)]
    pub(crate) row: Row,
    #[diesel(embed)]
    pub(crate) repeat: Repeat,
}

/// The columns of a [`Row`].
macro_rules! columns {
    () => {{
        use sessions::{ended_at, expires_at, id, issuer, opened_at, policies, subject, workload};
        (id, issuer, subject, workload, policies, opened_at, expires_at, ended_at)
    }};
}

async fn find(conn: &mut Conn, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
    let query = sessions::table.find(id.to_string()).select(columns!());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row.map(StoredSession::try_from).transpose()
}

async fn count(conn: &mut Conn, now: Timestamp, most: usize) -> Result<usize, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    // The index on the expiry bounds what is looked through to the longest session's time.
    let open = sessions::table
        .filter(sessions::expires_at.gt(now.0))
        .select(sessions::ended_at)
        .limit(most);
    let ends = on_backend!(conn, |conn| open.load::<Option<i64>>(conn).await)?;
    Ok(ends.iter().filter(|end| end.is_none()).count())
}

async fn list(
    conn: &mut Conn,
    filter: &SessionFilter,
    limit: usize,
) -> Result<Vec<StoredSession>, StoreError> {
    let limit = i64::try_from(limit.min(LIST)).unwrap_or(0);
    let rows = on_backend!(conn, |conn, Db| {
        let query = sessions::table.order(sessions::id).limit(limit).select(columns!());
        let mut query = query.into_boxed::<Db>();
        if let Some(moment) = filter.open_at {
            query = query.filter(sessions::ended_at.is_null());
            query = query.filter(sessions::expires_at.gt(moment.0));
        }
        if let Some(issuer) = &filter.issuer {
            query = query.filter(sessions::issuer.eq(issuer.as_str()));
        }
        if let Some(after) = filter.after {
            query = query.filter(sessions::id.gt(after.to_string()));
        }
        query.load::<Row>(conn).await
    })?;
    rows.into_iter().map(StoredSession::try_from).collect()
}

impl From<NewSession> for Row {
    fn from(session: NewSession) -> Self {
        Self {
            id: session.id.to_string(),
            issuer: session.issuer.to_string(),
            subject: session.subject,
            workload: session.workload_json,
            policies: serde_json::json!(session.policies).to_string(),
            opened_at: session.opened_at.0,
            expires_at: session.expires_at.0,
            ended_at: None,
        }
    }
}

impl TryFrom<Row> for StoredSession {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let session = NewSession {
            id: row.id.parse().map_err(StoreError::corrupt("a session's id"))?,
            issuer: row.issuer.parse().map_err(StoreError::corrupt("a session's issuer"))?,
            subject: row.subject,
            workload_json: row.workload,
            policies: serde_json::from_str(&row.policies)
                .map_err(StoreError::corrupt("a session's list of policies"))?,
            opened_at: Timestamp(row.opened_at),
            expires_at: Timestamp(row.expires_at),
        };
        Ok(Self { session, ended_at: row.ended_at.map(Timestamp) })
    }
}
