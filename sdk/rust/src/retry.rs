//! When to ask again, and how long to wait first. No I/O: every case is a test.

use std::time::Duration;

use segura_model::Random;
use segura_model::random::make_bytes;

/// The pause before the next attempt, or `None` to give up.
///
/// Doubles from 100 ms to 5 s, half of it by chance, so that jobs that failed
/// together do not come back together. The broker's own `Retry-After` is a floor, and
/// what comes on top of it by chance grows with the attempts: a broker that is overloaded
/// for long is asked ever more seldom.
pub(crate) fn pause(
    attempts_made: u32,
    retry_after: Option<Duration>,
    patience_left: Duration,
    random: &dyn Random,
) -> Option<Duration> {
    let doubled = FIRST.saturating_mul(1 << attempts_made.saturating_sub(1).min(10)).min(LONGEST);
    if let Some(asked) = retry_after {
        let pause = asked + jitter((doubled / 2).max(asked / 4), random);
        return (pause < patience_left).then_some(pause);
    }
    // One that would be too long is cut: as long as was said is waited, and asked once more.
    let last = patience_left.checked_sub(LAST_TRY).filter(|left| !left.is_zero())?;
    Some((doubled / 2 + jitter(doubled / 2, random)).min(last))
}

/// The wait that a `Retry-After` header asks for. Only seconds: the date form needs
/// two clocks that agree, and the broker does not send it.
pub(crate) fn parse_retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

fn jitter(most: Duration, random: &dyn Random) -> Duration {
    let [a, b] = make_bytes(random);
    most * u32::from(u16::from_be_bytes([a, b])) / u32::from(u16::MAX)
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// What is left of the patience for the last attempt.
const LAST_TRY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    fn millis(attempts: u32, chance: u8) -> u128 {
        pause(attempts, None, PATIENCE, &Always(chance)).unwrap().as_millis()
    }

    #[test]
    fn pauses_double_and_are_half_chance() {
        assert_eq!((millis(1, 0), millis(1, 255)), (50, 100));
        assert_eq!((millis(2, 0), millis(2, 255)), (100, 200));
        assert_eq!((millis(40, 0), millis(40, 255)), (2500, 5000));
    }

    #[test]
    fn the_broker_is_never_asked_before_it_said() {
        let asked = Some(Duration::from_secs(2));
        assert_eq!(pause(1, asked, PATIENCE, &Always(0)), asked);
        assert_eq!(pause(1, asked, PATIENCE, &Always(255)), Some(Duration::from_millis(2500)));
        let last = pause(40, asked, PATIENCE, &Always(255));
        assert_eq!(last, Some(Duration::from_millis(4500)), "ever more seldom");
    }

    #[test]
    fn patience_ends() {
        let asked = Some(Duration::from_mins(1));
        assert_eq!(pause(1, asked, PATIENCE, &Always(0)), None);
        assert_eq!(pause(1, None, Duration::ZERO, &Always(0)), None);
        assert_eq!(pause(1, None, LAST_TRY, &Always(0)), None);
    }

    #[test]
    fn as_long_as_was_said_is_waited() {
        let left = Duration::from_secs(2);
        assert_eq!(pause(40, None, left, &Always(255)), left.checked_sub(LAST_TRY));
    }

    #[test]
    fn only_seconds_are_understood() {
        assert_eq!(parse_retry_after(" 3 "), Some(Duration::from_secs(3)));
        assert_eq!(parse_retry_after("Tue, 24 Nov 2026 12:00:00 GMT"), None);
        assert_eq!(parse_retry_after("-1"), None);
    }
}
