//! How often something may happen: a bucket of tokens that fills evenly. It is
//! kept as one number, the moment at which it will be full again (the generic
//! cell rate algorithm of ITU-T I.371), so there is nothing to refill.

use super::{Millis, limits::UNLIMITED};

/// So many in a span of time, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// In nanoseconds: how long one token takes to grow, and how long all but
    /// one of them do.
    interval: u64,
    slack: u64,
}

impl Rate {
    /// `count` in `span_ms` on average, `burst` at once; `None` if there is no
    /// bound. None at all can't be meant, so there is always one.
    pub(crate) fn new(count: u32, span_ms: u32, burst: u32) -> Option<Self> {
        if count == UNLIMITED || burst == UNLIMITED {
            return None;
        }
        let interval = u64::from(span_ms) * 1_000_000 / u64::from(count.max(1));
        Some(Self { interval, slack: interval.saturating_mul(u64::from(burst.max(1) - 1)) })
    }
}

/// What is left of a [`Rate`], for one of those whom it holds for. Full at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// In nanoseconds of the engine's clock.
    full_at: u64,
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Millis) -> bool {
        let now = now * 1_000_000;
        let has_one = self.full_at <= now + rate.slack;
        if has_one {
            self.full_at = self.full_at.max(now) + rate.interval;
        }
        has_one
    }

    /// Whether it is as good as new.
    pub(crate) fn is_full(self, now: Millis) -> bool {
        self.full_at <= now * 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_taken_at_once_and_grows_back_evenly() {
        let rate = Rate::new(10, 1_000, 3).unwrap();
        let mut bucket = Bucket::default();
        let taken = (0..5).filter(|_| bucket.take(rate, 5_000)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(rate, 5_099));
        assert!(bucket.take(rate, 5_100));
        assert!(!bucket.take(rate, 5_100));
        assert!(!bucket.is_full(5_399));
        assert!(bucket.is_full(5_400));
        // However long it stands, it holds no more than the burst.
        let taken = (0..5).filter(|_| bucket.take(rate, 60_000)).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn whoever_keeps_to_the_rate_is_never_refused_and_whoever_is_refused_pays_nothing() {
        let rate = Rate::new(4, 1_000, 1).unwrap();
        let mut bucket = Bucket::default();
        for turn in 0..1_000 {
            assert!(bucket.take(rate, turn * 250), "{turn}");
            assert!(!bucket.take(rate, turn * 250 + 249));
        }
    }

    #[test]
    fn no_bound_is_no_rate_and_zero_is_one() {
        assert_eq!(Rate::new(UNLIMITED, 1_000, 10), None);
        assert_eq!(Rate::new(10, 1_000, UNLIMITED), None);
        let rate = Rate::new(0, 1_000, 0).unwrap();
        let mut bucket = Bucket::default();
        assert!(bucket.take(rate, 0));
        assert!(!bucket.take(rate, 999));
        assert!(bucket.take(rate, 1_000));
    }
}
