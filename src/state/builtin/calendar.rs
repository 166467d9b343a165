//! Parts of a date and of a time of day, in any time zone.
//!
//! The zones are those of the IANA database that is built into the program: a rule gives the same
//! on every machine, whatever its system knows.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// What is asked of an instant, or of a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarPart {
    /// The year.
    FullYear,
    /// The month, January is 0.
    Month,
    /// The day of the month, from 1.
    Date,
    /// The day of the month, from 0.
    DayOfMonth,
    /// The day of the week, Sunday is 0.
    DayOfWeek,
    /// The day of the year, from 0.
    DayOfYear,
    /// Hour of the day; all hours of a length of time.
    Hours,
    /// Minute of the hour; all minutes of a length of time.
    Minutes,
    /// Second of the minute; all seconds of a length of time.
    Seconds,
    /// Milliseconds beyond the second.
    Milliseconds,
    /// The instant at which its day began.
    Midnight,
}

/// In which zone.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// Known when the rule is read.
    Fixed(TimeZone),
    /// Named by the call's last argument.
    Named,
}

impl CalendarPart {
    /// Each with the method that asks for it.
    pub const METHODS: [(&str, Self); 10] = [
        ("getFullYear", Self::FullYear),
        ("getMonth", Self::Month),
        ("getDate", Self::Date),
        ("getDayOfMonth", Self::DayOfMonth),
        ("getDayOfWeek", Self::DayOfWeek),
        ("getDayOfYear", Self::DayOfYear),
        ("getHours", Self::Hours),
        ("getMinutes", Self::Minutes),
        ("getSeconds", Self::Seconds),
        ("getMilliseconds", Self::Milliseconds),
    ];

    /// The method, or the function, that asks for it.
    pub(super) fn name(self) -> &'static str {
        let known = Self::METHODS.iter().find(|(_, part)| *part == self);
        known.map_or("date", |(name, _)| *name)
    }
}

impl Zone {
    /// The name of a zone that is known when the rule is read; universal time needs none.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Fixed(zone) if *zone != TimeZone::UTC => {
                let offset = || zone.to_fixed_offset().map(|offset| offset.to_string()).ok();
                zone.iana_name().map(str::to_owned).or_else(offset)
            }
            Self::Fixed(_) | Self::Named => None,
        }
    }

    /// Universal time.
    pub const UTC: Self = Self::Fixed(TimeZone::UTC);

    /// `Europe/Berlin`, `UTC`, `+01:00`, `-5:30`, `02:00`.
    pub fn parse(name: &str) -> Option<Self> {
        time_zone(name).map(Self::Fixed)
    }
}

/// A zone by its name, or by its distance from universal time.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "UTC" | "Z" | "") {
        return Some(TimeZone::UTC);
    }
    match offset(name) {
        Some(seconds) => jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed),
        None => TimeZone::get(name).ok(),
    }
}

/// `+HH:MM`; the sign may be missing, and so may be a leading zero.
fn offset(name: &str) -> Option<i32> {
    let (sign, plain) = match name.as_bytes().first()? {
        b'-' => (-1, &name[1..]),
        b'+' => (1, &name[1..]),
        _ => (1, name),
    };
    let (hours, minutes) = plain.split_once(':')?;
    let number = |digits: &str, most: i32| {
        let fine = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<i32>().ok().filter(|_| fine)?;
        (number <= most).then_some(number)
    };
    Some(sign * (number(hours, 23)? * 3_600 + number(minutes, 59)? * 60))
}

/// A part of an instant.
pub(super) fn of_time(
    scope: &Scope<'_>,
    part: CalendarPart,
    given: &Zone,
    at: Timestamp,
    named: Option<Value>,
) -> Result<Value, Fault> {
    let found;
    let zone = match (given, named) {
        (Zone::Fixed(zone), _) => zone,
        (Zone::Named, Some(name)) => {
            found = texts::read(scope, name, time_zone)?.ok_or(Fault::Format)?;
            &found
        }
        (Zone::Named, None) => return Err(Fault::Type),
    };
    let instant = jiff::Timestamp::from_millisecond(at.millis()).map_err(|_| Fault::Overflow)?;
    let local = zone.to_datetime(instant);
    if part == CalendarPart::Midnight {
        let midnight = zone.to_zoned(local.date().at(0, 0, 0, 0)).map_err(|_| Fault::Overflow)?;
        let millis = midnight.timestamp().as_millisecond();
        return Ok(Value::Time(Timestamp::saturating(millis)));
    }
    Ok(Value::Int(number(part, local)))
}

fn number(part: CalendarPart, local: DateTime) -> i64 {
    match part {
        CalendarPart::FullYear => local.year().into(),
        CalendarPart::Month => i64::from(local.month()) - 1,
        CalendarPart::Date => local.day().into(),
        CalendarPart::DayOfMonth => i64::from(local.day()) - 1,
        CalendarPart::DayOfWeek => local.weekday().to_sunday_zero_offset().into(),
        CalendarPart::DayOfYear => i64::from(local.day_of_year()) - 1,
        CalendarPart::Hours => local.hour().into(),
        CalendarPart::Minutes => local.minute().into(),
        CalendarPart::Seconds => local.second().into(),
        CalendarPart::Milliseconds | CalendarPart::Midnight => local.millisecond().into(),
    }
}

/// A length of time in whole hours, minutes or seconds, or its milliseconds beyond them.
pub(super) fn of_span(part: CalendarPart, span: Span) -> Result<Value, Fault> {
    let millis = span.millis();
    Ok(Value::Int(match part {
        CalendarPart::Hours => millis / 3_600_000,
        CalendarPart::Minutes => millis / 60_000,
        CalendarPart::Seconds => millis / 1_000,
        CalendarPart::Milliseconds => millis % 1_000,
        _ => return Err(Fault::Type),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        for (name, seconds) in [
            ("+01:00", 3_600),
            ("-5:30", -19_800),
            ("02:00", 7_200),
            ("23:59", 86_340),
            ("+00:00", 0),
        ] {
            assert_eq!(offset(name), Some(seconds), "{name}");
            assert!(time_zone(name).is_some(), "{name}");
        }
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Jakarta"] {
            assert!(time_zone(name).is_some(), "{name}");
        }
        for name in ["Mars/Base", "+24:00", "1:60", "+1", "+001:00", "+-1:00", "ü"] {
            assert_eq!(time_zone(name), None, "{name}");
        }
    }

    #[test]
    fn a_day_begins_at_its_own_midnight_even_when_clocks_are_changed() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (at, want) in [
            ("2025-03-30T12:00:00Z", "2025-03-29T23:00:00Z"),
            ("2025-03-31T12:00:00Z", "2025-03-30T22:00:00Z"),
            ("2025-10-26T23:30:00Z", "2025-10-26T23:00:00Z"),
        ] {
            let instant: jiff::Timestamp = at.parse().unwrap();
            let midnight = zone.to_zoned(zone.to_datetime(instant).date().at(0, 0, 0, 0));
            assert_eq!(midnight.unwrap().timestamp().to_string(), want, "{at}");
        }
    }
}
