//! Keys and secrets: what is sealed, under what, and where it belongs.
//!
//! A guard (passphrase or key file) opens the [`Keyring`]; subkeys of it seal session
//! tokens, wrapping keys and the certificate authority, and key the hashes of operator
//! tokens and the MACs of ledger heads and of rows that decide trust. Wrapping keys wrap a
//! data key per version of a secret. Every ciphertext is bound to its purpose, the broker
//! and its place, so nothing opens elsewhere. [`Secrets`] is the service over the store.
//! Keys, bounds and formats are listed in `docs/reference/crypto.md`.
//!
//! Adding a purpose: a variant of the keyring's `Sealing` or `Hashing` with a label that
//! is never reworded, a row in that table, and a known answer in `tests/formats.rs`.

mod aead;
pub mod authority;
mod checksum;
mod codec;
mod envelope;
mod fields;
mod guard;
mod keyring;
mod ledger_mac;
mod operator_token;
mod random;
mod secrets;
mod session_token;
mod trust_mac;
mod wrapping;

pub use authority::{CertificateAuthority, CertificateNames, Leaf, Renewal, Validity};
pub use envelope::{Envelopes, OpenFault, SealedVersion, Unopenable};
pub use fields::{Fields, FieldsError, MAX_FIELDS, MAX_FIELDS_BYTES};
pub use guard::{
    Guard, GuardError, GuardKind, KeyFile, MIN_PASSPHRASE, Passphrase, PassphraseCost,
};
pub use keyring::{Keyring, KeyringError, WrappedKeyring};
pub use ledger_mac::LedgerMac;
pub use operator_token::{OPERATOR_TOKEN_PREFIX, OperatorTokens, TokenShapeError};
pub use random::SystemRandom;
pub use secrets::{
    Edit, MAX_LISTED, MetaChange, PutSecret, SealedSecret, Secrets, SecretsError, WrappingKeyMaker,
    Written,
};
pub use session_token::{
    MAX_SESSION_TOKEN, SESSION_TOKEN_PREFIX, SessionClaims, SessionTokenError, SessionTokens,
};
pub use trust_mac::TrustMac;
pub use wrapping::{Kek, KekId, SEAL_BOUND};
