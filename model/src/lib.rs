//! The words of Segura as types, parsed once.
//!
//! Everything here is a value or a pure function: no I/O, no async, no globals. A
//! type that parses in this crate is proof for every other room that it need not
//! be checked again. The words are those of the glossary in
//! `docs/ARCHITECTURE.md`.
//!
//! Adding a word: one file, a newtype with `FromStr`, an error that names the rule
//! and what was presented, tests below it.

pub mod api;
pub mod audit;
pub mod claims;
pub mod clock;
pub mod duration;
pub mod error;
pub mod id;
pub mod invisible;
pub mod issuer;
pub mod name;
pub mod network;
pub mod operator;
pub mod policy;
pub mod preset;
pub mod random;
pub mod secret;
pub mod wanted;
pub mod workload;
pub mod yaml;

pub use claims::{ClaimValue, Claims};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use duration::Seconds;
pub use error::{Class, Classify, Kind};
pub use id::{BrokerId, ChainId, DenialId, OperatorId, RequestId, SessionId};
pub use invisible::is_invisible;
pub use issuer::{Algorithm, Audience, IssuerEntry, IssuerUrl, Spend};
pub use name::{
    EnvName, FieldName, IssuerId, NameError, OperatorName, PathPattern, PolicyName, SecretPath, Tag,
};
pub use network::ClientNetwork;
pub use operator::Role;
pub use preset::Preset;
pub use random::Random;
pub use secret::{SecretBytes, SecretText};
pub use workload::Workload;
