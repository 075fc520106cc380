//! What the HTTP layer itself needs to know, and the bounds that cannot be set.
//!
//! The bounds that can be set are `config::Limits`; both are listed in
//! `docs/reference/limits.md`.

use std::sync::Arc;
use std::time::Duration;

use segura_model::{Clock, Random};

use super::idle::Connections;
use super::metrics::Metrics;
use super::overload::Overload;
use crate::jobs::DiskGuard;
use crate::net::Network;

/// Shared by the middleware and the extractors of every request.
pub struct Edge {
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// For the body of a request.
    pub body_time: Duration,
    /// The time, for request ids.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request ids.
    pub random: Arc<dyn Random>,
    /// Stops exchanges when the disk fills up.
    pub disk: Arc<DiskGuard>,
    /// Refuses what is more than the server can do.
    pub overload: Arc<Overload>,
    /// Counts connections.
    pub connections: Arc<Connections>,
    /// Counts and times.
    pub metrics: Arc<Metrics>,
}

/// The longest path and query, in bytes.
pub const MAX_TARGET: usize = 4096;
