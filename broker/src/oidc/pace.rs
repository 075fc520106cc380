//! How often an issuer is asked: a cool-down that counts every attempt, failed ones too.
//!
//! Two may come at once, so that the first load and a rotation right after it both pass;
//! in the long run there is one per half minute, however many keys callers make up.

use segura_model::Timestamp;

/// When the next attempt is due.
#[derive(Default)]
pub(super) struct Pace {
    next: Timestamp,
}

impl Pace {
    /// Make an attempt, if one may be made now.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let ahead = self.next.since(now);
        // Further ahead than it can get: the clock was set back.
        let next = if ahead > COOL_DOWN * BURST { now } else { self.next.max(now) };
        let allowed = next.since(now) <= COOL_DOWN * (BURST - 1);
        if allowed {
            self.next = next.plus(COOL_DOWN);
        }
        allowed
    }

    /// The attempt was none: the issuer was not asked.
    pub(super) fn give_back(&mut self) {
        self.next = self.next.plus(-COOL_DOWN);
    }
}

/// Seconds between attempts, and how many may come at once.
const COOL_DOWN: i64 = 30;
const BURST: i64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_once_and_then_one_per_half_minute() {
        let mut pace = Pace::default();
        let mut allowed = Vec::new();
        for second in 0..120 {
            for _ in 0..5 {
                if pace.take(Timestamp(1_000_000 + second)) {
                    allowed.push(second);
                }
            }
        }
        assert_eq!(allowed, [0, 0, 30, 60, 90]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_it() {
        let mut pace = Pace::default();
        assert!(pace.take(Timestamp(1_000_000)));
        assert!(pace.take(Timestamp(10)));
    }

    #[test]
    fn an_attempt_can_be_given_back() {
        let mut pace = Pace::default();
        assert!(pace.take(Timestamp(0)) && pace.take(Timestamp(0)) && !pace.take(Timestamp(0)));
        pace.give_back();
        assert!(pace.take(Timestamp(0)));
    }
}
