//! What the process asks of the system: no core dumps, no peeking, descriptors, signals.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use tokio::signal::unix::{SignalKind, signal};

use super::StartError;

/// Keep the process's memory to itself: no core dump, and no debugger of the same user.
/// Root can still read it. And take all the file descriptors there are.
pub fn harden() {
    raise_descriptors();
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, no_core);
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        // Some sandboxes refuse either; serving without is the operator's call, not ours.
        tracing::warn!(%error, "core dumps of this process could not be turned off");
    }
}

/// Take as many file descriptors as the system allows: the usual soft limit of 1024 is
/// spent before the connections are, and then the database cannot be opened either.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(%error, "the limit on file descriptors could not be raised");
    }
}

/// Completes on SIGTERM or SIGINT.
pub fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}
