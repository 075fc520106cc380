//! How far a server is on its way down.
//!
//! A balancer learns only by asking that a server stops. So the server says it first,
//! keeps serving for a while, and closes each connection with an answer: a client then
//! opens its next one elsewhere. Closed without an answer are only those that wait for
//! nothing.

use tokio::sync::watch;

/// What a server does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It keeps them.
    Serving,
    /// It answers, says in `/readyz` that it goes, and each answer is a connection's last.
    Leaving,
    /// It also closes those on which nothing is served.
    Closing,
}

/// Who tells the phase.
pub type PhaseSender = watch::Sender<Phase>;
/// Who is told.
pub type PhaseReceiver = watch::Receiver<Phase>;
