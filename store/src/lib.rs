//! What Segura remembers, in SQLite or PostgreSQL: the only crate that names diesel.
//!
//! One set of statements serves both databases (`on_backend!`); reads go through a
//! pool, and everything written goes through the node's one [`Writer`], which answers
//! only when a commit is durable. The [`ledger`] is part of every commit.
//!
//! Adding an aggregate: a table in both folders of `migrations/`, the same table in
//! `schema.rs`, a file with its rows, reads on [`Store`] and writes on [`Tx`], and a
//! case in `tests/contract`.

mod access;
mod authority;
mod backend;
mod change;
mod error;
mod issuer_keys;
mod issuers;
mod keyring;
pub mod ledger;
mod lock;
mod meta;
mod migrate;
mod operators;
mod policies;
mod purge;
mod readers;
mod row_mac;
mod schema;
mod secrets;
mod sessions;
mod spent_tokens;
mod store;
mod tallies;
mod text;
mod tx;
mod url;
mod writer;

pub use access::AccessFault;
pub use authority::{Certificate, CertificateRole};
pub use change::{Change, ChangeKind, ChangeNumber, Changes};
pub use error::StoreError;
pub use issuer_keys::IssuerKeys;
pub use issuers::StoredIssuer;
pub use keyring::{KeyringMade, WrappingKey};
pub use ledger::{Head, HeadMac, LedgerFilter, LedgerPage, LedgerRow, Receipt};
pub use operators::{ShownCredential, StoredOperator};
pub use policies::StoredPolicy;
pub use purge::{Purged, Retention, Swept};
pub use row_mac::{Checked, RefusedRow, RowMac};
pub use secrets::{
    ListedSecret, NewVersion, SecretHead, SecretMeta, SecretSlot, StoredVersion, VersionAdded,
    VersionSummary,
};
pub use sessions::{NewSession, SessionFilter, SessionScope, StoredSession};
pub use store::{Backend, OpenMode, OpenOptions, Store};
pub use tx::{BoxFuture, Tx};
pub use url::{DatabaseUrl, STRAY_AT, has_stray_at};
pub use writer::{
    Commit, Count, Entry, SessionStep, Spend, SpentToken, Spread, TRACES, Tally, Writer,
    WriterFigures, WriterOptions, WriterTask, hand_out_answers,
};
