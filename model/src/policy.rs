//! Trust policies: which workload may have what.
//!
//! A policy is written as YAML ([`PolicyDraft`]), compiled against the issuer entry
//! and the preset it speaks of ([`TrustPolicy`]), held in an index ([`PolicySet`]) and
//! evaluated without a trace ([`evaluate()`]); the trace that teaches is built only for
//! a refusal or an operator ([`explain()`]). The trap: everything here must fail closed,
//! so a check that cannot be decided (claim absent, claim of another type) has failed.
//!
//! Adding a kind of check: a field of [`ClaimTest`], an arm in `check.rs`, a cause in
//! `causes.rs`, a line in `tests/reference.rs`.

mod causes;
mod check;
mod claim_test;
mod compile;
mod describe;
mod draft;
mod error;
mod evaluate;
mod explain;
mod file;
mod glob;
mod index;
mod layer;
mod lint;
mod nearest;
mod never;
mod schema;
mod set;
mod state;
mod subject;
#[cfg(test)]
mod tests;
mod trust;
mod typed;

pub use claim_test::{AnchorTest, ClaimTest, Scalar};
pub use draft::{AnchorDraft, Explain, PolicyDraft};
pub use error::{PolicyError, PolicyFault};
pub use evaluate::{Decision, NotGranted, Outcome, evaluate};
pub use explain::{
    CheckFault, CheckTrace, FailedClaim, PathTrace, PolicyTrace, Scope, Trace, explain,
};
pub use file::PolicyFileError;
pub use glob::{Glob, GlobError};
pub use lint::Warning;
pub use nearest::nearest;
pub use schema::schema;
pub use set::PolicySet;
pub use trust::{PendingReason, PolicyState, Standing, TrustPolicy};
