//! The wall clock, which may be wrong: time goes on at the pace of the steady clock, and follows
//! the wall clock as long as the two agree.
//!
//! ```text
//! wall     ────────┐ 3 h ahead ┌────────►      an alarm, and no deadline passes before its time
//! ours     ────────────────────────────►       the pace of the steady clock; never back
//! ```
//!
//! A wall clock that is set three hours, or thirty years, ahead would let every silence of every
//! customer be over at once. What it says is believed again as soon as it comes back, and by the
//! next start.

use std::time::Duration;
use std::time::Instant;

use crate::time::Span;
use crate::time::Timestamp;

/// So far may the wall clock move against the steady clock between two looks.
const JUMP_MAX: Span = Span::from_millis(10 * 60_000);

/// Tells the time to a service.
#[derive(Debug)]
pub struct Clock {
    /// Our time at the last look, and when that was.
    last: Option<(Timestamp, Instant)>,
    suspect: bool,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Both clocks agree.
    Right,
    /// The wall clock has just jumped by so much.
    Jumped(Span),
    /// It still is where it jumped to.
    Wrong,
    /// It is right again.
    Back,
}

impl Clock {
    /// One that believes the first thing it is told.
    pub fn new() -> Self {
        Self { last: None, suspect: false }
    }

    /// Our time, when the two clocks say this; it never goes back.
    pub fn look(&mut self, wall: Timestamp, steady: Instant) -> (Timestamp, Look) {
        let Some((before, since)) = self.last else {
            self.last = Some((wall, steady));
            return (wall, Look::Right);
        };
        let passed = millis(steady.saturating_duration_since(since));
        let expected = before + Span::from_millis(passed);
        let off = wall - expected;
        let agrees = off.millis().abs() <= JUMP_MAX.millis();
        let now = if agrees { wall.max(before) } else { expected };
        let look = match (agrees, self.suspect) {
            (true, false) => Look::Right,
            (true, true) => Look::Back,
            (false, false) => Look::Jumped(off),
            (false, true) => Look::Wrong,
        };
        self.suspect = !agrees;
        self.last = Some((now, steady));
        (now, look)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_735_689_600_000;

    #[test]
    fn a_jump_is_told_once_and_believed_when_it_is_over() {
        let (mut clock, start) = (Clock::new(), crate::time::steady());
        let mut look = |second: u64, wall: i64| {
            let steady = start + Duration::from_secs(second);
            let (now, look) = clock.look(Timestamp::saturating(START + wall * 1_000), steady);
            ((now.millis() - START) / 1_000, look)
        };
        assert_eq!(look(0, 0), (0, Look::Right));
        assert_eq!(look(1, 1), (1, Look::Right));
        // 2055, as after a battery has failed.
        let years = Span::from_millis(946_684_800_000);
        assert_eq!(look(2, 946_684_802), (2, Look::Jumped(years)));
        assert_eq!(look(62, 946_684_862), (62, Look::Wrong));
        assert_eq!(look(63, 64), (64, Look::Back));
        // A second back is waited out.
        assert_eq!(look(64, 63), (64, Look::Right));
        assert_eq!(look(66, 65), (65, Look::Right));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn time_never_jumps_goes_back_or_stands(
            looks in prop::collection::vec((1_u64..120_000, prop_oneof![
                8 => -2_000_i64..2_000,
                1 => -4_000_000_000_000_i64..4_000_000_000_000,
            ]), 1..60)
        ) {
            // The true time, by which the steady clock goes, and the wall clock that is off by so
            // much at each look.
            let (mut clock, start) = (Clock::new(), crate::time::steady());
            let (first, _) = clock.look(Timestamp::saturating(START), start);
            let (mut before, mut truth) = (first, 0);
            for (passed, off) in looks {
                truth += passed;
                let real = START + i64::try_from(truth).unwrap();
                let wall = Timestamp::saturating(real + off);
                let (now, _) = clock.look(wall, start + Duration::from_millis(truth));
                prop_assert!(now >= before, "it goes back");
                let wrong = now.millis() - real;
                prop_assert!(wrong.abs() <= 2 * JUMP_MAX.millis() + 4_000, "it is {wrong} ms off");
                before = now;
            }
        }
    }
}
