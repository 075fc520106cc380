//! An entry made ready on the caller's task: checked, serialized, digested.
//!
//! What needs no database is done here, on as many threads as there are callers, so that
//! the one writer has little left to do.

use super::entry::{Entry, SessionStep, Spend, Tally};
use crate::ledger::encoding::Prepared;
use crate::sessions::NewRow;
use crate::{StoreError, sessions, spent_tokens, text};

/// The most records or tallies of one entry.
const LIST: usize = 64;
/// The most bytes that repeat an answer.
const ANSWER: usize = 64 * 1024;

/// An entry, ready to be written.
#[derive(Debug)]
pub(crate) struct Order {
    pub(super) decided_at: Option<i64>,
    pub(super) step: Step,
    pub(super) spend: Option<spent_tokens::Row>,
    pub(super) records: Vec<Prepared>,
    pub(super) tallies: Vec<Tally>,
}

/// What an order does with a session.
#[derive(Debug)]
pub(super) enum Step {
    Check(String),
    End(String),
    None,
    Open(sessions::NewRow),
}

impl Order {
    /// Check an entry's bounds and make it ready.
    pub(super) fn new(entry: Entry) -> Result<Self, StoreError> {
        if entry.records.len() > LIST || entry.tallies.len() > LIST {
            return Err(StoreError::TooLarge { what: "an entry's list of records", limit: LIST });
        }
        for tally in &entry.tallies {
            text::line("a reason code", &tally.code)?;
        }
        let (step, spend) = match (entry.session, entry.spend) {
            (SessionStep::Open(session), spend) => {
                session.check()?;
                let row = sessions::Row::from(session);
                let (repeat, spend) = spend.map(|spend| spent(spend, &row)).transpose()?.unzip();
                (Step::Open(NewRow { row, repeat: repeat.unwrap_or_default() }), spend)
            }
            (_, Some(_)) => return Err(StoreError::Invalid("who spends a token opens a session")),
            (SessionStep::Check(id), None) => (Step::Check(id.to_string()), None),
            (SessionStep::End(id), None) => (Step::End(id.to_string()), None),
            (SessionStep::None, None) => (Step::None, None),
        };
        Ok(Self {
            decided_at: entry.decided_at.map(|number| number.0),
            step,
            spend,
            records: entry.records.iter().map(Prepared::new).collect::<Result<_, _>>()?,
            tallies: entry.tallies,
        })
    }
}

fn spent(
    spend: Spend,
    session: &sessions::Row,
) -> Result<(sessions::Repeat, spent_tokens::Row), StoreError> {
    text::document("what repeats an answer", &spend.answer, ANSWER)?;
    let repeat = sessions::Repeat {
        request_key: Some(spend.request_key.to_vec()),
        request_digest: Some(spend.request_digest.to_vec()),
        answer: Some(spend.answer),
    };
    let token = spent_tokens::Row {
        issuer: spend.issuer.to_string(),
        token_key: spend.token_key.to_vec(),
        session: session.id.clone(),
        keep_until: spend.keep_until.0,
    };
    Ok((repeat, token))
}
