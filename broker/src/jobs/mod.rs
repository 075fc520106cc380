//! What runs on its own beside the requests: each job small, idempotent and resumable.
//!
//! One that panics ends nothing: it runs again, and until it has, `/readyz` warns of it.
//! Adding a job: a file with one function that does the work once, a line in
//! `startup::background`.

mod certificates;
mod disk;
mod faults;
mod keys;
mod purge;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

pub use certificates::{CertificateSource, renew};
pub use disk::{DiskGuard, DiskLow};
pub use faults::Faults;
pub use keys::refresh;
pub use purge::purge;

/// The jobs that run.
pub struct Jobs {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
    faults: Faults,
}

impl Jobs {
    /// None yet; `faults` will hold those that panic.
    pub fn new(faults: Faults) -> Self {
        Self { stop: watch::Sender::new(false), running: Vec::new(), faults }
    }

    /// Run a job now and then every `period` until the server stops. A run that is under
    /// way then is finished; one that panics does not end the job.
    pub fn every<F, R>(&mut self, name: &'static str, period: Duration, mut job: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = ()> + Send,
    {
        let (mut stop, faults) = (self.stop.subscribe(), self.faults.clone());
        self.running.push(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stop.changed() => return,
                    _ = ticks.tick() => {}
                }
                match AssertUnwindSafe(async { job().await }).catch_unwind().await {
                    Ok(()) => faults.mend(name),
                    Err(_) => faults.add(name, "it panicked, and runs again when it is due"),
                }
            }
        }));
    }

    /// Run what ends only when it panics, and then begin it anew after a moment. It counts
    /// as sound again when it has run for a while.
    pub fn forever<F, R>(&mut self, name: &'static str, mut job: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = ()> + Send,
    {
        let faults = self.faults.clone();
        self.running.push(tokio::spawn(async move {
            loop {
                let mut run = pin!(AssertUnwindSafe(async { job().await }).catch_unwind());
                let early = tokio::time::timeout(PROBATION, &mut run).await;
                let ended = if let Ok(ended) = early {
                    ended
                } else {
                    faults.mend(name);
                    run.await
                };
                if ended.is_ok() {
                    return;
                }
                faults.add(name, "it panicked, and begins anew");
                tokio::time::sleep(PAUSE).await;
            }
        }));
    }

    /// End them all, in the middle of a run if need be: for what only reads.
    pub fn abort(&self) {
        self.running.iter().for_each(JoinHandle::abort);
    }

    /// Stop them all and wait for those under way.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for job in self.running {
            // It fails only when the runtime ends; there is nothing to save.
            let _ = job.await;
        }
    }
}

/// How long what began anew must run to count as sound.
const PROBATION: Duration = Duration::from_secs(5);
/// How long what panicked rests.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    /// Wait until so many of them are at fault.
    async fn at_fault(faults: &Faults, names: &[&'static str]) {
        let changed = async {
            while faults.names() != names {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), changed).await.expect("the change");
    }

    #[tokio::test]
    async fn a_job_that_panics_runs_again_and_is_at_fault_until_then() {
        let (again, mut runs) = (Arc::new(Semaphore::new(0)), 0);
        let faults = Faults::default();
        let mut jobs = Jobs::new(faults.clone());
        let runner = Arc::clone(&again);
        jobs.every("the test", Duration::from_millis(1), move || {
            runs += 1;
            assert!(runs > 1, "the first run panics");
            let runner = Arc::clone(&runner);
            async move { runner.acquire().await.unwrap().forget() }
        });
        at_fault(&faults, &["the test"]).await;
        again.add_permits(1);
        at_fault(&faults, &[]).await;
        again.add_permits(1_000_000);
        jobs.stop().await;
    }

    #[tokio::test]
    async fn what_runs_for_ever_begins_anew_when_it_panics() {
        let (faults, mut runs) = (Faults::default(), 0);
        let mut jobs = Jobs::new(faults.clone());
        jobs.forever("the test", move || {
            runs += 1;
            assert!(runs > 1, "the first run panics");
            std::future::pending()
        });
        at_fault(&faults, &["the test"]).await;
        at_fault(&faults, &[]).await;
        jobs.abort();
    }
}
