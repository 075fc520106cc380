//! The server from outside: a real one, on loopback, over TLS.

mod probes;
mod serving;
mod world;
