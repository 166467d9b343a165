//! Hours in which nobody is disturbed, and the time of the daily digest.
//!
//! ```text
//! 19:00-07:00 Europe/Berlin sat sun      18:59 Fri ─► now      19:00 Fri … 06:59 Mon ─► 07:00 Mon
//! ```
//!
//! A day that is named is quiet as a whole; without a zone, UTC counts.

use jiff::Zoned;
use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::Serialize;

use crate::time::Timestamp;

/// Quiet hours: from a time of day to another, in a zone, and whole days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    text: String,
    /// `None` when only days are quiet.
    span: Option<(Time, Time)>,
    zone: TimeZone,
    days: Vec<Weekday>,
}

/// A time of day in a zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    text: String,
    time: Time,
    zone: TimeZone,
}

/// Why a text is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: `{word}` is no {known}: write e.g. `{example}`")]
pub struct HoursError {
    text: String,
    word: String,
    known: &'static str,
    example: &'static str,
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl TryFrom<String> for Hours {
    type Error = HoursError;
    fn try_from(text: String) -> Result<Self, HoursError> {
        let (span, zone) = (None, TimeZone::UTC);
        let mut hours = Self { text: text.clone(), span, zone, days: Vec::new() };
        for word in text.split_whitespace() {
            if let Some((_, day)) = DAYS.iter().find(|(name, _)| *name == word) {
                hours.days.push(*day);
            } else if let Some(span) = self::span(word) {
                hours.span = Some(span);
            } else if let Ok(zone) = TimeZone::get(word) {
                hours.zone = zone;
            } else {
                return Err(HoursError {
                    text: text.clone(),
                    word: word.to_owned(),
                    known: "span of hours, day or time zone",
                    example: "19:00-07:00 Europe/Berlin sat sun",
                });
            }
        }
        Ok(hours)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = HoursError;
    fn try_from(text: String) -> Result<Self, HoursError> {
        let mut words = text.split_whitespace();
        let error = |word: &str, known| HoursError {
            text: text.clone(),
            word: word.to_owned(),
            known,
            example: "07:30 Europe/Berlin",
        };
        let word = words.next().unwrap_or_default();
        let time = time(word).ok_or_else(|| error(word, "time of day"))?;
        let zone = match words.next() {
            Some(word) => TimeZone::get(word).map_err(|_| error(word, "time zone"))?,
            None => TimeZone::UTC,
        };
        match words.next() {
            Some(word) => Err(error(word, "part of it")),
            None => Ok(Self { text: text.clone(), time, zone }),
        }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.text
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.text
    }
}

impl Default for Hours {
    /// None at all.
    fn default() -> Self {
        Self { text: String::new(), span: None, zone: TimeZone::UTC, days: Vec::new() }
    }
}

impl Default for TimeOfDay {
    /// Seven in the morning, UTC.
    fn default() -> Self {
        let text = "07:00 UTC".to_owned();
        Self { text, time: Time::constant(7, 0, 0, 0), zone: TimeZone::UTC }
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn span(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    Some((time(from)?, time(to)?))
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    jiff::Timestamp::from_millisecond(at.millis()).ok().map(|at| at.to_zoned(zone.clone()))
}

fn instant(at: &Zoned) -> Timestamp {
    Timestamp::saturating(at.timestamp().as_millisecond())
}

impl Hours {
    /// Most quiet days and nights in a row.
    const STEPS_MAX: usize = 20;

    /// The first time from now on that is not quiet: now, if now is not.
    ///
    /// Where all the week is quiet, the end of a week of it.
    pub fn over(&self, now: Timestamp) -> Timestamp {
        let Some(mut at) = zoned(now, &self.zone) else { return now };
        for _ in 0..Self::STEPS_MAX {
            let Some(end) = self.end(&at) else { break };
            at = end;
        }
        instant(&at).max(now)
    }

    /// When the quiet that this time lies in ends at the earliest; `None` if it lies in none.
    fn end(&self, at: &Zoned) -> Option<Zoned> {
        if self.days.contains(&at.weekday()) {
            return at.tomorrow().ok()?.start_of_day().ok();
        }
        let (from, to) = self.span?;
        let time = at.time();
        let today = |time: Time| at.date().to_datetime(time).to_zoned(self.zone.clone()).ok();
        let tomorrow =
            || at.tomorrow().ok()?.date().to_datetime(to).to_zoned(self.zone.clone()).ok();
        // Where the clocks change, the end may not lie behind the beginning: then it is over.
        let is_over_midnight = to <= from;
        let end = match (from <= time, time < to) {
            (true, true) if !is_over_midnight => today(to)?,
            (true, _) if is_over_midnight => tomorrow()?,
            (_, true) if is_over_midnight => today(to)?,
            _ => return None,
        };
        (end.timestamp() > at.timestamp()).then_some(end)
    }
}

impl TimeOfDay {
    /// The last midnight of its zone: where a day's budget begins.
    pub fn day_start(&self, now: Timestamp) -> Timestamp {
        zoned(now, &self.zone)
            .and_then(|at| at.start_of_day().ok())
            .map_or(now, |start| instant(&start))
    }

    /// The latest time that this time of day has come, now at the latest.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        let Some(at) = zoned(now, &self.zone) else { return now };
        let on = |day: Option<Zoned>| {
            let shown = day?.date().to_datetime(self.time);
            shown.to_zoned(self.zone.clone()).ok().map(|at| instant(&at))
        };
        let today = on(Some(at.clone())).filter(|today| *today <= now);
        today.or_else(|| on(at.yesterday().ok())).unwrap_or(now)
    }

    /// The next time that it comes.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let Some(at) = zoned(now, &self.zone) else { return now };
        let on = |day: Zoned| {
            let shown = day.date().to_datetime(self.time);
            shown.to_zoned(self.zone.clone()).ok().map(|at| instant(&at))
        };
        let today = on(at.clone()).filter(|today| *today > now);
        today.or_else(|| at.tomorrow().ok().and_then(on)).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn quiet_hours_end_when_the_clock_on_the_wall_says_so() {
        let nights = "19:00-07:00 Europe/Berlin sat sun";
        for (hours, now, want) in [
            // A Friday in winter, one hour ahead of UTC.
            (nights, "2025-03-07T17:59:59Z", "2025-03-07T17:59:59Z"),
            (nights, "2025-03-07T18:00:00Z", "2025-03-10T06:00:00Z"),
            (nights, "2025-03-10T05:59:59Z", "2025-03-10T06:00:00Z"),
            (nights, "2025-03-10T06:00:00Z", "2025-03-10T06:00:00Z"),
            // The clocks go forward on Sunday, 30 March: Monday begins an hour earlier in UTC.
            (nights, "2025-03-28T20:00:00Z", "2025-03-31T05:00:00Z"),
            ("12:00-13:30", "2025-03-07T12:10:00Z", "2025-03-07T13:30:00Z"),
            ("12:00-13:30", "2025-03-07T13:30:00Z", "2025-03-07T13:30:00Z"),
            ("sun", "2025-03-09T05:00:00Z", "2025-03-10T00:00:00Z"),
            ("08:00-08:00", "2025-03-09T05:00:00Z", "2025-03-09T08:00:00Z"),
        ] {
            let parsed = Hours::try_from(hours.to_owned()).unwrap();
            // All day quiet never ends; any time within bounds will do.
            if hours == "08:00-08:00" {
                assert!(parsed.over(at(now)) > at(want));
            } else {
                assert_eq!(parsed.over(at(now)).to_string(), want, "{hours} at {now}");
            }
        }
    }

    #[test]
    fn a_time_of_day_comes_once_a_day() {
        let digest = TimeOfDay::try_from("07:30 Europe/Berlin".to_owned()).unwrap();
        for (now, latest, next) in [
            ("2025-03-07T06:29:59Z", "2025-03-06T06:30:00Z", "2025-03-07T06:30:00Z"),
            ("2025-03-07T06:30:00Z", "2025-03-07T06:30:00Z", "2025-03-08T06:30:00Z"),
            ("2025-03-29T12:00:00Z", "2025-03-29T06:30:00Z", "2025-03-30T05:30:00Z"),
        ] {
            assert_eq!(digest.latest(at(now)).to_string(), latest, "latest at {now}");
            assert_eq!(digest.next(at(now)).to_string(), next, "next at {now}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for text in ["19:00", "19-7", "19:00-25:00", "Europe/Nowhere", "saturday"] {
            let error = Hours::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains("write e.g. `19:00-07:00"), "{text}: {error}");
        }
        for text in ["", "7", "07:30 Mars", "07:30 UTC daily"] {
            let error = TimeOfDay::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains("write e.g. `07:30"), "{text}: {error}");
        }
    }
}
