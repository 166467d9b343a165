//! When do these customers work? Monday to Friday, 08:00 to 18:00 UTC, and nothing else exists.
//!
//! ```text
//! calendar  Fri 17:59 │ 18:00 ······· night, weekend ······· Mon 08:00 │ 08:01
//! working     … 59:59 │ ◄──────────── the same instant ────────────► │ 60
//! ```
//!
//! A [`WorkTime`] counts only the seconds in which somebody works. A rhythm drawn in it is kept
//! exactly, without a pile of orders on Monday morning, and its order is the calendar's order.

use std::ops::Add;

use crate::demo::random::float;
use crate::demo::random::round;
use crate::time::Span;
use crate::time::Timestamp;

/// Working seconds since the first Monday of 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WorkTime(i64);

/// A length of working time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WorkSpan(i64);

const OPENS_AT_HOUR: i64 = 8;
const DAY_S: i64 = 10 * 3600;
const WEEK_S: i64 = 5 * DAY_S;
/// 1970-01-05 was a Monday.
const FIRST_MONDAY: i64 = 4;

impl WorkTime {
    /// The first working second at or after an instant.
    pub(super) fn at(instant: Timestamp) -> Self {
        let days = instant.day() - FIRST_MONDAY;
        let (week, weekday) = (days.div_euclid(7), days.rem_euclid(7));
        if weekday >= 5 {
            return Self((week + 1) * WEEK_S);
        }
        let second = instant.millis().rem_euclid(Span::DAY.millis()) / 1000;
        let worked = (second - OPENS_AT_HOUR * 3600).clamp(0, DAY_S);
        Self(week * WEEK_S + weekday * DAY_S + worked)
    }

    /// The instant by the calendar.
    pub(super) fn instant(self) -> Timestamp {
        let (week, rest) = (self.0.div_euclid(WEEK_S), self.0.rem_euclid(WEEK_S));
        let day = FIRST_MONDAY + week * 7 + rest / DAY_S;
        let second = OPENS_AT_HOUR * 3600 + rest % DAY_S;
        Timestamp::saturating(day * Span::DAY.millis() + second * 1000)
    }
}

impl WorkSpan {
    /// The working time in this many days of the calendar, at least a second.
    pub(super) fn days(days: f64) -> Self {
        Self(round(days * float(WEEK_S) / 7.0).max(1))
    }

    /// Minutes of work.
    pub(super) const fn minutes(minutes: i64) -> Self {
        Self(minutes * 60)
    }

    /// Seconds of work.
    pub(super) const fn seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// What is left when `other` is taken off.
    pub(super) const fn less(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    /// The same length backwards.
    pub(super) const fn back(self) -> Self {
        Self(-self.0)
    }
}

impl Add<WorkSpan> for WorkTime {
    type Output = Self;
    fn add(self, span: WorkSpan) -> Self {
        Self(self.0 + span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_outside_of_working_hours_moves_to_the_next_opening() {
        for (given, opened) in [
            ("2025-01-06T08:00:00Z", "2025-01-06T08:00:00Z"), // a Monday
            ("2025-01-06T13:14:15Z", "2025-01-06T13:14:15Z"),
            ("2025-01-06T00:00:00Z", "2025-01-06T08:00:00Z"),
            ("2025-01-06T18:00:00Z", "2025-01-07T08:00:00Z"),
            ("2025-01-10T20:00:00Z", "2025-01-13T08:00:00Z"), // Friday night
            ("2025-01-11T12:00:00Z", "2025-01-13T08:00:00Z"),
            ("2025-01-12T23:59:59Z", "2025-01-13T08:00:00Z"),
            ("1969-12-31T09:00:00Z", "1969-12-31T09:00:00Z"), // a Wednesday before the epoch
        ] {
            let got = WorkTime::at(Timestamp::parse(given).unwrap()).instant();
            assert_eq!(got, Timestamp::parse(opened).unwrap(), "{given}");
        }
    }

    #[test]
    fn seven_days_of_rhythm_are_one_week_later() {
        let start = Timestamp::parse("2025-01-08T10:30:00Z").unwrap();
        let later = WorkTime::at(start) + WorkSpan::days(7.0);
        assert_eq!(later.instant(), Timestamp::parse("2025-01-15T10:30:00Z").unwrap());
        assert_eq!(later + WorkSpan::days(7.0).back(), WorkTime::at(start));
    }
}
