//! The load generator, a process of its own: this program again, as `bench load`.
//!
//! It takes a [`Plan`] from standard input, makes every request ready as bytes, says `ready`,
//! and waits for a line before it begins, so that whoever started it can read the server's
//! clocks right before and after. Answers are read only as far as their status and length.

mod drive;
mod driver;
mod plan;
mod wire;

pub(crate) use drive::main;
pub(crate) use driver::Driver;
pub(crate) use plan::{Connections, Outcome, Plan, Target, Template};
pub(crate) use wire::Dialer;
