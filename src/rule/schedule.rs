//! When does a rule on a schedule look next? At the same time of day in its zone, the clocks changed
//! or not; with `spread`, each entity a while later that is its own.
//!
//! ```text
//! every 1d at 07:00, Europe/Berlin     29 March 06:00Z ─► 30 March 05:00Z ─► 31 March 05:00Z
//! spread 1h                            c1 07:12, c2 07:48 …   the same in every replay
//! ```

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rapidhash::v3::rapidhash_v3;

use crate::time::Span;
use crate::time::Timestamp;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How often; longer than nothing.
    pub every: Span,
    /// Time of day, from midnight in the zone.
    pub at: Span,
    /// Whose midnight.
    pub zone: TimeZone,
    /// Over how long the entities are spread.
    pub spread: Span,
}

impl Schedule {
    /// The first time behind `clock` at which the rule looks at this entity.
    pub fn after(&self, clock: Timestamp, entity: &str) -> Timestamp {
        let every = self.every.millis().max(1);
        let first = self.at.millis() + self.offset(entity);
        let periods = (self.local(clock) - first).div_euclid(every);
        // Where clocks go back, a time of day comes twice: the later period is never skipped.
        let next = (0..=3).map(|more| self.instant(first + (periods + more) * every));
        next.into_iter().find(|next| *next > clock).unwrap_or(Timestamp::MAX)
    }

    /// How much later than the schedule says the entity's turn is.
    fn offset(&self, entity: &str) -> i64 {
        let hash = rapidhash_v3(entity.as_bytes()) >> 1;
        i64::try_from(hash).unwrap_or(0).checked_rem(self.spread.millis()).unwrap_or(0)
    }

    /// What clocks in the zone show, in milliseconds as if they showed UTC.
    fn local(&self, at: Timestamp) -> i64 {
        let instant = jiff::Timestamp::from_millisecond(at.millis());
        let shift = instant.map_or(0, |instant| self.zone.to_offset(instant).seconds());
        at.millis() + i64::from(shift) * 1_000
    }

    /// When clocks in the zone show that; a time that is left out is taken as far behind the gap.
    fn instant(&self, local: i64) -> Timestamp {
        let shown = jiff::Timestamp::from_millisecond(local);
        let shown = shown.map(|shown| TimeZone::UTC.to_datetime(shown));
        let instant = |shown: DateTime| self.zone.to_timestamp(shown).ok();
        let instant = shown.ok().and_then(instant);
        instant.map_or(Timestamp::MAX, |at| Timestamp::saturating(at.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(zone: &str, spread: i64) -> Schedule {
        Schedule {
            every: Span::DAY,
            at: Span::from_millis(7 * 3_600_000),
            zone: TimeZone::get(zone).unwrap(),
            spread: Span::from_millis(spread),
        }
    }

    #[test]
    fn a_time_of_day_stays_when_clocks_are_changed() {
        let berlin = daily("Europe/Berlin", 0);
        for (clock, want) in [
            ("2025-03-29T05:59:59Z", "2025-03-29T06:00:00Z"),
            ("2025-03-29T06:00:00Z", "2025-03-30T05:00:00Z"),
            ("2025-03-30T05:00:00Z", "2025-03-31T05:00:00Z"),
            ("2025-10-25T05:00:00Z", "2025-10-26T06:00:00Z"),
            ("2025-10-26T06:00:00Z", "2025-10-27T06:00:00Z"),
        ] {
            let next = berlin.after(Timestamp::parse(clock).unwrap(), "c");
            assert_eq!(next, Timestamp::parse(want).unwrap(), "{clock}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_or_never_is_looked_at_all_the_same() {
        let hourly = Schedule { every: Span::from_millis(3_600_000), ..daily("Europe/Berlin", 0) };
        for day in ["2025-03-30", "2025-10-26"] {
            let mut clock = Timestamp::parse(day).unwrap() - Span::DAY;
            let end = clock + Span::DAY + Span::DAY;
            let mut looks = 0;
            while clock < end {
                let next = hourly.after(clock, "c");
                assert!(next > clock, "{clock} {next}");
                assert!(next - clock <= Span::from_millis(2 * 3_600_000), "{clock} {next}");
                (clock, looks) = (next, looks + 1);
            }
            assert!((47..=49).contains(&looks), "{day}: {looks}");
        }
    }

    #[test]
    fn entities_are_spread_evenly_and_each_keeps_its_time() {
        let spread = daily("UTC", 3_600_000);
        let clock = Timestamp::parse("2025-01-01").unwrap();
        let seven = clock + Span::from_millis(7 * 3_600_000);
        let mut quarters = [0; 4];
        for number in 0..1_000 {
            let id = format!("c{number}");
            let first = spread.after(clock, &id);
            let late = (first - seven).millis();
            assert!((0..3_600_000).contains(&late), "{id} {first}");
            assert_eq!(spread.after(first, &id), first + Span::DAY);
            quarters[usize::try_from(late / 900_000).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|count| (200..300).contains(count)), "{quarters:?}");
    }
}
