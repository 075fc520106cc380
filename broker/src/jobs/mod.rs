//! What runs on its own beside the requests: each job small, idempotent and resumable.
//!
//! Adding a job: a file with one function that does the work once, a line in
//! `startup::background`.

mod certificates;
mod disk;
mod keys;
mod purge;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

pub use certificates::{CertificateSource, renew};
pub use disk::{DiskGuard, DiskLow};
pub use keys::refresh;
pub use purge::purge;

/// The jobs that run.
pub struct Jobs {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Jobs {
    /// None yet.
    pub fn new() -> Self {
        Self { stop: watch::Sender::new(false), running: Vec::new() }
    }

    /// Run a job now and then every `period` until the server stops. A run that is under
    /// way then is finished; one that panics does not end the job.
    pub fn every<F, R>(&mut self, period: Duration, mut job: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = ()> + Send,
    {
        let mut stop = self.stop.subscribe();
        self.running.push(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stop.changed() => return,
                    _ = ticks.tick() => {}
                }
                if AssertUnwindSafe(async { job().await }).catch_unwind().await.is_err() {
                    tracing::error!("a job panicked; it runs again when it is due");
                }
            }
        }));
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

impl Default for Jobs {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_runs_again() {
        let (again, mut runs) = (Arc::new(Semaphore::new(0)), 0);
        let mut jobs = Jobs::new();
        let runner = Arc::clone(&again);
        jobs.every(Duration::from_millis(1), move || {
            runs += 1;
            assert!(runs > 1, "the first run panics");
            runner.add_permits(1);
            std::future::ready(())
        });
        again.acquire().await.unwrap().forget();
        jobs.stop().await;
    }
}
