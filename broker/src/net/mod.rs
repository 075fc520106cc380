//! The network under HTTP: addresses, listeners, and the way out.

mod admission;
mod collector;
mod fetch;
mod fragments;
mod issuer_files;
mod listener;
mod network;
mod proxy;
mod reserved;
mod stream;

pub use admission::{Admission, Ticket};
pub use collector::{Collector, CollectorError, NotTaken};
pub use fetch::{HttpFetch, HttpFetchError};
pub use fragments::Fragments;
pub use issuer_files::{IssuerFiles, OutsideFolders};
pub use listener::{ListenError, ListenFault, listen};
pub use network::{Network, NetworkError};
pub use proxy::{OutboundProxy, ProxyError};
pub use reserved::ReservedPort;
pub use stream::Stream;
