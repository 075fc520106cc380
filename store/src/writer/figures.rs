//! What the writer counts and times, for whoever watches the server.
//!
//! Plain atomics: the writer fills them, others read them when they like, and this crate
//! need not know how they are shown. Counts since the start never fall.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Microseconds: an fsync takes one to ten milliseconds, five seconds are an outage.
const TIMES: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];
/// How many of something are in one transaction.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048];

/// A histogram: how many values were at most each bound.
#[derive(Debug)]
pub struct Spread {
    bounds: &'static [u64],
    /// One more than bounds, for what is above them all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Spread {
    /// An empty one over these bounds, which rise.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// An empty one for times, in microseconds.
    pub fn of_times() -> Self {
        Self::new(TIMES)
    }

    /// Count a value.
    pub fn add(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Count a time, in microseconds.
    pub fn add_time(&self, time: Duration) {
        self.add(micros(time));
    }

    /// The bounds, and after the last of them `None`; each with how many values fell
    /// between it and the one before.
    pub fn counts(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// The sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

/// A count since the start.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn raise(&self) {
        self.raise_by(1);
    }

    /// So many more.
    pub fn raise_by(&self, by: usize) {
        self.0.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the writer counts and times.
#[derive(Debug)]
pub struct WriterFigures {
    /// Microseconds that orders and units of work waited before the writer took them.
    pub waits: Spread,
    /// Microseconds that a batch took from BEGIN to COMMIT, failed attempts included.
    pub commits: Spread,
    /// Microseconds that a unit of work took.
    pub units: Spread,
    /// Orders in one transaction.
    pub orders_per_commit: Spread,
    /// Rows that one transaction wrote: records, sessions, spent tokens.
    pub rows_per_commit: Spread,
    /// Orders that were written.
    pub written: Count,
    /// Orders that were decided under an older number, and sent back.
    pub stale: Count,
    /// Orders whose session was over.
    pub session_ended: Count,
    /// Orders whose token was spent before.
    pub spent_before: Count,
    /// Tokens that were spent.
    pub spent_tokens: Count,
    /// Orders that could not be written for a fault of the database's or their own.
    pub failed: Count,
    /// Attempts at a batch that were made again.
    pub retries: Count,
    /// Batches that were redone one by one.
    pub redone: Count,
    /// COMMITs whose answer was lost, so that they had to be looked up.
    pub lost: Count,
    started: Instant,
    /// When the oldest of what waits came, in microseconds after `started`; 0 for nothing.
    oldest: AtomicU64,
}

impl WriterFigures {
    pub(super) fn new() -> Self {
        Self {
            waits: Spread::of_times(),
            commits: Spread::of_times(),
            units: Spread::of_times(),
            orders_per_commit: Spread::new(SIZES),
            rows_per_commit: Spread::new(SIZES),
            written: Count::default(),
            stale: Count::default(),
            session_ended: Count::default(),
            spent_before: Count::default(),
            spent_tokens: Count::default(),
            failed: Count::default(),
            retries: Count::default(),
            redone: Count::default(),
            lost: Count::default(),
            started: Instant::now(),
            oldest: AtomicU64::new(0),
        }
    }

    /// How long the oldest of what waits has been waiting. It may be told too short, by
    /// one batch, and is never told too long.
    pub fn oldest_wait(&self) -> Duration {
        match self.oldest.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            came => Duration::from_micros(micros(self.started.elapsed()).saturating_sub(came)),
        }
    }

    /// Something is about to wait. Said before it is sent: the other way round the writer
    /// could take it first, and it would seem to wait for ever.
    pub(super) fn comes(&self, at: Instant) {
        let at = self.moment(at);
        let _ = self.oldest.compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The writer took what had come up to `last`; whether anything waits still.
    pub(super) fn taken(&self, last: Instant, more: bool) {
        self.oldest.store(if more { self.moment(last) } else { 0 }, Ordering::Relaxed);
    }

    fn moment(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.started)).max(1)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_under_the_first_bound_that_holds_it() {
        let spread = Spread::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11] {
            spread.add(value);
        }
        let counts: Vec<_> = spread.counts().collect();
        assert_eq!(counts, [(Some(1), 2), (Some(10), 2), (None, 1)]);
        assert_eq!(spread.sum(), 24);
    }

    #[test]
    fn the_oldest_waits_from_when_it_came_until_it_is_taken() {
        let figures = WriterFigures::new();
        assert_eq!(figures.oldest_wait(), Duration::ZERO);
        let came = Instant::now();
        figures.comes(came);
        figures.comes(came + Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(2));
        assert!(figures.oldest_wait() >= Duration::from_millis(2));
        figures.taken(came, true);
        assert!(figures.oldest_wait() >= Duration::from_millis(2));
        figures.taken(came, false);
        assert_eq!(figures.oldest_wait(), Duration::ZERO);
    }
}
