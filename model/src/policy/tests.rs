//! The policy engine as one: what a file says against what a token gets.
//!
//! `pitfalls.rs` has a test for every way in which other brokers were fooled;
//! `properties.rs` compares with a second evaluator, written apart and simply; `indexing.rs`
//! with a walk over all policies.

mod compiling;
mod deciding;
mod explaining;
mod files;
mod indexing;
mod never;
mod pitfalls;
mod properties;
mod reference;
mod world;
