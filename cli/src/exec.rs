//! What `segura exec` is made of: a token, one delivery, a child, and the end of it.
//!
//! In order: find the platform, trade its token for the values ([`fetch`]), start the
//! child with them ([`child`]), pass its output through the masker ([`pump`]) and
//! signals on to it ([`signals`]), and end the session ([`session`]). `segura export`
//! and `segura whoami` use the first half.

pub(crate) mod audience;
pub(crate) mod child;
pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod fetch;
pub(crate) mod http;
pub(crate) mod identity;
pub(crate) mod kept;
pub(crate) mod memory_file;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod pump;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod terminal;
pub(crate) mod values;
pub(crate) mod wanted;

pub(crate) use error::ExecError;
