//! What became of spans, for `/metrics`.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Of this process, as its subscriber is.
pub(crate) static FIGURES: Figures = Figures::new();

/// How many spans wait, were sent and were dropped.
#[derive(Debug)]
pub(crate) struct Figures {
    waiting: AtomicUsize,
    sent: AtomicU64,
    not_taken: AtomicU64,
    queue_full: AtomicU64,
}

impl Figures {
    pub(super) const fn new() -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            not_taken: AtomicU64::new(0),
            queue_full: AtomicU64::new(0),
        }
    }

    /// Take one of the places to wait in, of which there are `places`. Without one the span
    /// is dropped.
    pub(super) fn enter(&self, places: usize) -> bool {
        let enter = |waiting| (waiting < places).then_some(waiting + 1);
        let entered =
            self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).is_ok();
        if !entered {
            self.queue_full.fetch_add(1, Ordering::Relaxed);
        }
        entered
    }

    /// These wait no more: they were sent, or dropped.
    pub(super) fn leave(&self, spans: usize, sent: bool) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let counter = if sent { &self.sent } else { &self.not_taken };
        counter.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Spans that were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.not_taken.load(Ordering::Relaxed) + self.queue_full.load(Ordering::Relaxed)
    }

    /// Spans that left, by their fate.
    pub(crate) fn fates(&self) -> [(&'static str, u64); 3] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("not-taken", of(&self.not_taken)),
            ("queue-full", of(&self.queue_full)),
            ("sent", of(&self.sent)),
        ]
    }
}
