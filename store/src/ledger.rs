//! The ledger: the audit log as chains of hashes, one chain for each server start.
//!
//! A record is written in the transaction of what it records. Its hash covers the record
//! before it, the first record's the register of chains, and every commit stores the
//! chain's head under a MAC. The trap: a chain cut short together with a stored head that
//! once was true shows only against the next server's start or a head kept outside.

pub(crate) mod encoding;
mod page;
mod proof;
pub(crate) mod rows;
mod verify;

use std::net::IpAddr;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::audit::{Event, Outcome, Record};
use segura_model::{ChainId, DenialId, IssuerId, OperatorName, SecretPath, SessionId, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::chains;
use crate::{Store, StoreError};

pub use proof::{Head, HeadMac, ProofError, Receipt};
pub use verify::{Problem, ProblemKind, VerifyReport, verify};

/// Which records to read. Every field that is set must match.
#[derive(Clone, Debug, Default)]
pub struct LedgerFilter {
    /// What happened.
    pub event: Option<Event>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The issuer entry.
    pub issuer: Option<IssuerId>,
    /// The token's `sub`.
    pub subject: Option<String>,
    /// The operator who did it.
    pub operator: Option<OperatorName>,
    /// A path that was handed over or changed.
    pub path: Option<SecretPath>,
    /// The session.
    pub session: Option<SessionId>,
    /// The refusal.
    pub denial: Option<DenialId>,
    /// The address of the caller.
    pub client: Option<IpAddr>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Which end to start from.
    pub order: LedgerOrder,
    /// Go on after the row that this cursor, a page's `next`, came from.
    pub after: Option<String>,
}

/// Which end a reading of the ledger starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerOrder {
    /// The newest record first.
    #[default]
    NewestFirst,
    /// The oldest record first.
    OldestFirst,
}

/// One record of the ledger.
#[derive(Clone, Debug)]
pub struct LedgerRow {
    /// The chain.
    pub chain: ChainId,
    /// The record's number in it, from 1.
    pub seq: i64,
    /// The record's hash.
    pub hash: [u8; 32],
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: String,
    /// How it ended.
    pub outcome: String,
    /// The record; `None` once retention has dropped the body, or when it does not parse,
    /// which [`verify()`] tells.
    pub record: Option<Record>,
}

/// A page of the ledger.
#[derive(Clone, Debug)]
pub struct LedgerPage {
    /// The records, in the order asked for.
    pub rows: Vec<LedgerRow>,
    /// Where to go on. There is one whenever there are rows, so that a reading from the
    /// oldest can go on when more are written.
    pub next: Option<String>,
}

impl Store {
    /// A page of the ledger, at most `limit` (1,000) rows, ordered by when they happened.
    /// Records of the last seconds can still come before others: they are ordered by their
    /// own time, and nodes commit when they can.
    pub async fn ledger_page(
        &self,
        filter: &LedgerFilter,
        limit: usize,
    ) -> Result<LedgerPage, StoreError> {
        read!(self, |conn| page::page(conn, filter, limit))
    }

    /// The head of every chain, oldest chain first.
    pub async fn ledger_heads(&self) -> Result<Vec<Head>, StoreError> {
        read!(self, |conn| heads(conn))
    }
}

async fn heads(conn: &mut Conn) -> Result<Vec<Head>, StoreError> {
    let query = chains::table.order(chains::number).select((
        chains::id,
        chains::head_seq,
        chains::head_hash,
        chains::head_mac,
    ));
    let rows = on_backend!(conn, |conn| query.load::<(String, i64, Vec<u8>, Vec<u8>)>(conn).await)?;
    let head = |(chain, seq, hash, mac): (String, i64, Vec<u8>, Vec<u8>)| {
        Ok(Head {
            chain: chain.parse().map_err(StoreError::corrupt("a chain's id"))?,
            seq,
            hash: rows::hash(&hash)?,
            mac: rows::hash(&mac)?,
        })
    };
    rows.into_iter().map(head).collect()
}
