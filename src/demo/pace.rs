//! How long does the player wait before the next line? Nights and weekends are passed over.
//!
//! ```text
//! event time   09:00 ── 09:06 ── 09:30 ───────── night ───────── 08:01
//! wall time        0.1 s    0.4 s          `longest`, 0.5 s
//! ```

use std::time::Duration;

use crate::time::Span;

/// How fast recorded time goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Seconds of event time in a second by the wall; not above 0 means at once.
    pub speed: f64,
    /// No wait is longer than this.
    pub longest: Duration,
}

impl Default for Pace {
    /// An hour a second, and a night in half a second.
    fn default() -> Self {
        Self { speed: 3600.0, longest: Duration::from_millis(500) }
    }
}

impl Pace {
    /// The wait for this much event time.
    pub fn wait(self, between: Span) -> Duration {
        if self.speed.is_nan() || self.speed <= 0.0 {
            return Duration::ZERO;
        }
        let between = Duration::from_millis(u64::try_from(between.millis()).unwrap_or(0));
        let seconds = between.as_secs_f64() / self.speed;
        Duration::try_from_secs_f64(seconds).unwrap_or(self.longest).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_event_time_by_speed_and_has_a_limit() {
        let pace = |speed| Pace { speed, longest: Duration::from_millis(500) };
        for (speed, between, milliseconds) in [
            (3600.0, "6m", 100),
            (3600.0, "15h", 500),
            (1.0, "250ms", 250),
            (0.0, "1h", 0),
            (f64::NAN, "1h", 0),
            (1e-300, "1h", 500),
        ] {
            let wait = pace(speed).wait(Span::parse(between).unwrap());
            assert_eq!(wait, Duration::from_millis(milliseconds), "{between} at {speed}");
        }
        assert_eq!(Pace::default().wait(Span::from_millis(-5)), Duration::ZERO);
    }
}
