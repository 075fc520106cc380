//! What is handed to the writer, and what comes back.

use std::net::IpAddr;

use segura_model::audit::Record;
use segura_model::{IssuerId, SessionId, Timestamp};

use crate::{ChangeNumber, NewSession, Receipt};

/// Something to write on the hot path. It is written whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The number it was decided under; `None` when no decision of trust is in it.
    pub decided_at: Option<ChangeNumber>,
    /// What it does with a session.
    pub session: SessionStep,
    /// The token it uses up. Such an entry opens a session.
    pub spend: Option<Spend>,
    /// What goes into the ledger one by one; at most 64.
    pub records: Vec<Record>,
    /// What goes into the ledger as a count; at most 64.
    pub tallies: Vec<Tally>,
}

/// What an [`Entry`] does with a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionStep {
    /// Demand that it is open.
    Check(SessionId),
    /// End it. One that expired can still be ended; one that was ended cannot.
    End(SessionId),
    /// Nothing.
    #[default]
    None,
    /// Open it.
    Open(NewSession),
}

/// A token to use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The issuer entry that it came by.
    pub issuer: IssuerId,
    /// What it is known by: a digest of its `jti`, or of its signing input.
    pub token_key: [u8; 32],
    /// A digest of the caller's request key.
    pub request_key: [u8; 32],
    /// A digest of what was asked for.
    pub request_digest: [u8; 32],
    /// Until when it must be remembered.
    pub keep_until: Timestamp,
    /// What repeats the answer, for a caller who lost it; at most 64 KiB, never a secret.
    pub answer: String,
}

/// Something to count rather than to record: what a stranger sent. It counts for the
/// minute in which it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The issuer entry, if the token named one.
    pub issuer: Option<IssuerId>,
    /// The reason code of the refusal.
    pub code: String,
    /// The caller; counted by its /24 or /64.
    pub client: IpAddr,
}

/// What came of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is durable.
    Done {
        /// A receipt for each record, in order.
        receipts: Vec<Receipt>,
        /// The change number it was committed under.
        change: ChangeNumber,
    },
    /// The session was ended, has expired or is not known; nothing was written.
    SessionEnded,
    /// The token was used up before; nothing was written.
    Spent(SpentToken),
    /// It was decided under an older number; nothing was written. Decide anew.
    Stale {
        /// The number now.
        now: ChangeNumber,
    },
}

/// How a token was used up before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentToken {
    /// Whether it was this very request: same request key, same digest.
    pub same_request: bool,
    /// The session that was opened with it.
    pub session: SessionId,
    /// What repeats the answer.
    pub answer: String,
    /// Whether that session is over: ended, expired or no longer known.
    pub session_ended: bool,
}
