//! What changed since a decision was made, and whether it is the decision's affair.
//!
//! A change of trust is everybody's affair: what was decided before it is decided anew. A
//! change of a secret is the affair of those whose records name that secret, and a new
//! certificate of the server is nobody's. Without the
//! difference, whoever may write secrets could keep every job waiting by writing one
//! nobody asks for, again and again (ADR 0014).

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::order::Order;
use crate::ChangeKind;
use crate::schema::changes;

/// The most lines of the feed that are looked at; with more, every change counts.
const LINES: usize = 1000;
const LIMIT: i64 = 1001;

/// A line of the feed: the number, the kind and the key.
type Line = (i64, String, String);

/// What changed between a number and now.
#[derive(Debug, Default)]
pub(super) struct Since {
    /// The last number with a change that is everybody's affair.
    everybody: i64,
    /// The last number under which each of these secrets changed.
    secrets: HashMap<String, i64>,
}

/// The lines of the feed after a number; the same statement for both kinds of connection.
macro_rules! lines {
    ($oldest:expr) => {
        changes::table
            .filter(changes::number.gt($oldest))
            .order(changes::number)
            .select((changes::number, changes::kind, changes::key))
            .limit(LIMIT)
    };
}

/// What changed after `oldest`, up to `now`, on PostgreSQL in the transaction of `conn`.
pub(super) async fn load_postgres(
    conn: &mut AsyncPgConnection,
    oldest: i64,
    now: i64,
) -> QueryResult<Since> {
    Ok(Since::of(RunQueryDsl::load(lines!(oldest), conn).await?, oldest, now))
}

/// What changed after `oldest`, up to `now`, on SQLite in the transaction of `conn`.
pub(super) fn load_sqlite(
    conn: &mut SqliteConnection,
    oldest: i64,
    now: i64,
) -> QueryResult<Since> {
    Ok(Since::of(diesel::RunQueryDsl::load(lines!(oldest), conn)?, oldest, now))
}

impl Since {
    /// What `lines` tell of the numbers after `oldest` up to `now`. Where they do not tell
    /// all, the change is everybody's affair.
    fn of(lines: Vec<Line>, oldest: i64, now: i64) -> Self {
        if lines.len() > LINES {
            return Self { everybody: now, ..Self::default() };
        }
        let (mut since, mut told) = (Self { everybody: oldest, ..Self::default() }, oldest);
        for (number, kind, key) in lines {
            if number > told + 1 {
                return Self { everybody: now, ..Self::default() };
            }
            told = number;
            if kind == ChangeKind::Secret.as_str() {
                since.secrets.insert(key, number);
            } else if kind != ChangeKind::Certificate.as_str() {
                since.everybody = number;
            }
        }
        if told < now { Self { everybody: now, ..Self::default() } } else { since }
    }

    /// Whether something changed that an order depends on, which was decided at `decided`.
    pub(super) fn concerns(&self, order: &Order, decided: i64) -> bool {
        let changed = |path: &str| self.secrets.get(path).is_some_and(|at| *at > decided);
        let mut paths = order.records.iter().flat_map(|record| &record.columns.paths);
        decided < self.everybody || paths.any(|(path, _)| changed(path))
    }
}
