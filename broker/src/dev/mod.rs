//! The CI world of `segura dev`: a broker and issuers that sign tokens shaped like the
//! platforms', on loopback, with keys made for each run.
//!
//! Kept apart from everything that serves: nothing outside this folder signs an
//! identity token. A dev world marks its database and its issuers, and neither it nor
//! `segura server` opens or trusts what is the other's.

mod enrol;
mod issuers;
mod job;
mod keys;
mod mint;
mod world;

pub use issuers::DEV_MARK;
pub use job::Job;
pub use keys::{SigningKey, encode};
pub use mint::{MintError, ask};
pub use world::{DevError, DevOptions, DevWorld, Facts};
