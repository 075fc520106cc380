//! The server from outside: a real one, on loopback, over TLS.
#![expect(clippy::unwrap_used, reason = "in a test a panic is a failure, with its line")]

mod codes;
mod metrics;
mod overload;
mod probes;
mod serving;
mod world;
