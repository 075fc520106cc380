//! Signals that are the child's to answer, or end a delivery.

use std::io;
use std::pin::pin;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// The signals by which a runner or a person ends a job.
pub(crate) struct Signals {
    hangup: unix::Signal,
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Listen from now on: none of them ends this process any more.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: unix::signal(SignalKind::hangup())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            terminate: unix::signal(SignalKind::terminate())?,
        })
    }

    /// Do this work to its end, or until a signal comes. What is on its way then may still
    /// arrive, within `grace` or until the next signal, and is given back with the first.
    pub(crate) async fn interrupt<T>(
        &mut self,
        work: impl Future<Output = T>,
        grace: Duration,
    ) -> Result<T, (Signal, Option<T>)> {
        let mut work = pin!(work);
        let signal = tokio::select! {
            biased;
            signal = self.next() => signal,
            done = &mut work => return Ok(done),
        };
        let late = tokio::select! {
            late = tokio::time::timeout(grace, work) => late.ok(),
            _ = self.next() => None,
        };
        Err((signal, late))
    }

    /// The next one that comes.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::HUP,
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.quit.recv() => Signal::QUIT,
            _ = self.terminate.recv() => Signal::TERM,
        }
    }
}
