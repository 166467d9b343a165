//! How fast may a channel send, and when is it tried again? Pure: time comes in as an argument.
//!
//! ```text
//! pause   0 … min(longest, first · 2^attempts)        full jitter: all lengths equally likely
//! breaker closed ─► 5 failures in a row ─► open ─► a pause ─► one probe ─► closed, or open for longer
//!         attempts under way at the same time fail of one cause: they count once
//! bucket  so many a minute, a few of them at once
//! ```
//!
//! Source of the jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015;
//! of the breaker: M. Nygard, "Release It!", 2007.

use rapidhash::v3::rapidhash_v3;

use crate::time::Span;
use crate::time::Timestamp;

/// How long the pauses between attempts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest pause behind the first attempt.
    pub first: Span,
    /// No pause is longer.
    pub longest: Span,
}

impl Backoff {
    /// The pause behind this attempt, the first being 1: any length up to a bound that doubles.
    ///
    /// The draw is a hash of `id` and `attempt`, so that deliveries spread and a test can repeat it.
    pub fn pause(&self, id: &str, attempt: u32) -> Span {
        let doublings = attempt.saturating_sub(1).min(40);
        let bound = self.first.millis().saturating_mul(1 << doublings);
        let bound = bound.clamp(1, self.longest.millis().max(1));
        let mut seed = id.as_bytes().to_vec();
        seed.extend(attempt.to_le_bytes());
        let draw = i64::try_from(rapidhash_v3(&seed) >> 1).unwrap_or(0);
        Span::from_millis(draw % (bound + 1))
    }
}

/// Whether a destination is worth trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Breaker {
    /// It works, but for so many failures in a row.
    #[default]
    Closed,
    /// It has failed in a row, and is still tried.
    Failing {
        /// So often.
        count: u32,
        /// When the last of these was known.
        last: Timestamp,
    },
    /// It is left alone until then; this was the pause.
    Open {
        /// When one attempt may probe it.
        until: Timestamp,
        /// How long it is left alone.
        pause: Span,
    },
    /// One attempt is under way to see whether it is back; this was the pause before.
    Probing(Span),
}

impl Breaker {
    const FAILURES: u32 = 5;
    const PAUSE_FIRST: Span = Span::from_millis(10_000);
    const PAUSE_LONGEST: Span = Span::from_millis(300_000);

    /// How many attempts may begin, of those wished for. A probe is counted as begun.
    pub fn admit(&mut self, wished: usize, now: Timestamp) -> usize {
        match *self {
            Self::Closed | Self::Failing { .. } => wished,
            Self::Open { until, pause } if until <= now && wished > 0 => {
                *self = Self::Probing(pause);
                1
            }
            Self::Open { .. } | Self::Probing(_) => 0,
        }
    }

    /// There was nothing to probe with.
    pub fn unused(&mut self, now: Timestamp) {
        if let Self::Probing(pause) = *self {
            *self = Self::Open { until: now, pause };
        }
    }

    /// An attempt has been answered, be it by a refusal.
    pub fn succeeded(&mut self) {
        *self = Self::Closed;
    }

    /// An attempt of `began` has failed in a way that speaks against the destination.
    pub fn failed(&mut self, began: Timestamp, now: Timestamp) {
        let open = |pause: Span| Self::Open { until: now + pause, pause };
        *self = match *self {
            Self::Closed => Self::Failing { count: 1, last: now },
            // It was under way when the last one failed.
            same @ Self::Failing { last, .. } if began < last => same,
            Self::Failing { count, .. } if count + 1 < Self::FAILURES => {
                Self::Failing { count: count + 1, last: now }
            }
            Self::Failing { .. } => open(Self::PAUSE_FIRST),
            Self::Probing(pause) => {
                let doubled = pause.millis().saturating_mul(2);
                open(Span::from_millis(doubled.min(Self::PAUSE_LONGEST.millis())))
            }
            // One that was under way when the breaker opened.
            still @ Self::Open { .. } => still,
        };
    }

    /// Whether nothing is sent but a probe.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Probing(_))
    }
}

/// A token bucket: so many a minute, and a tenth of that, at least one, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    per_minute: u32,
    /// In 60,000ths of a token: one a millisecond for each token a minute.
    level: i64,
    at: Timestamp,
}

impl Bucket {
    const TOKEN: i64 = 60_000;

    /// A full one. 0 a minute means no limit.
    pub fn new(per_minute: u32, now: Timestamp) -> Self {
        let bucket = Self { per_minute, level: 0, at: now };
        Self { level: bucket.size(), ..bucket }
    }

    fn size(&self) -> i64 {
        (i64::from(self.per_minute) / 10).max(1) * Self::TOKEN
    }

    /// How many may be sent now, of those wished for.
    pub fn peek(&mut self, wished: usize, now: Timestamp) -> usize {
        if self.per_minute == 0 {
            return wished;
        }
        let passed = (now - self.at).millis().max(0);
        let gained = passed.saturating_mul(i64::from(self.per_minute));
        self.level = self.level.saturating_add(gained).min(self.size());
        self.at = self.at.max(now);
        let whole = usize::try_from(self.level / Self::TOKEN).unwrap_or(0);
        whole.min(wished)
    }

    /// So many were sent.
    pub fn take(&mut self, sent: usize) {
        if self.per_minute > 0 {
            let tokens = i64::try_from(sent).unwrap_or(i64::MAX);
            self.level = self.level.saturating_sub(tokens.saturating_mul(Self::TOKEN));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::saturating(second * 1_000)
    }

    fn seconds(seconds: i64) -> Span {
        Span::from_millis(seconds * 1_000)
    }

    #[test]
    fn pauses_are_of_any_length_below_a_bound_that_doubles() {
        let backoff = Backoff { first: seconds(2), longest: seconds(900) };
        for (attempt, bound) in [(1, 2), (2, 4), (5, 32), (10, 900), (4_000_000_000, 900)] {
            let pauses = (0..1_000).map(|n| backoff.pause(&format!("d{n}"), attempt).millis());
            let pauses: Vec<i64> = pauses.collect();
            let mean = pauses.iter().sum::<i64>() / 1_000;
            assert!(pauses.iter().all(|pause| (0..=bound * 1_000).contains(pause)), "{attempt}");
            // Uniform: the mean of a thousand is within a tenth of the middle (11 deviations).
            assert!((mean - bound * 500).abs() < bound * 100, "attempt {attempt}: mean {mean} ms");
        }
    }

    #[test]
    fn a_breaker_opens_after_failures_in_a_row_and_closes_by_a_probe() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(at(0), at(0));
        }
        assert_eq!(breaker.admit(3, at(0)), 3, "four failures are not enough");
        breaker.succeeded();
        for _ in 0..64 {
            breaker.failed(at(-2), at(-1));
        }
        assert_eq!(breaker.admit(3, at(0)), 3, "what fails together is one failure");
        for _ in 0..4 {
            breaker.failed(at(0), at(0));
        }
        assert_eq!(breaker.admit(3, at(9)), 0, "left alone");
        assert_eq!(breaker.admit(3, at(10)), 1, "one probe");
        assert_eq!(breaker.admit(3, at(10)), 0, "and no more");
        breaker.failed(at(10), at(11));
        assert_eq!(breaker.admit(3, at(30)), 0, "left alone for twice as long");
        assert_eq!(breaker.admit(3, at(31)), 1);
        breaker.unused(at(31));
        assert_eq!(breaker.admit(3, at(31)), 1, "a probe that found nothing to send is not lost");
        breaker.succeeded();
        assert_eq!(breaker.admit(3, at(31)), 3);
    }

    #[test]
    fn a_bucket_holds_the_rate_over_any_time() {
        for (per_minute, want) in [(60, 605), (1, 10), (600, 6_059)] {
            let mut bucket = Bucket::new(per_minute, at(0));
            let mut sent = 0;
            for tenth in 0..6_000 {
                let free = bucket.peek(1_000, Timestamp::saturating(tenth * 100));
                bucket.take(free);
                sent += free;
            }
            assert!(sent <= want, "{per_minute} a minute: {sent} in ten minutes");
            assert!(sent * 100 >= want * 98, "{per_minute} a minute: {sent} in ten minutes");
        }
        assert_eq!(Bucket::new(0, at(0)).peek(7, at(0)), 7, "no limit");
    }
}
