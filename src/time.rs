//! Time: instants in milliseconds, spans between them, and the only place that reads a clock.
//!
//! Event time is data, so [`Timestamp`] carries no clock: it is parsed from a record or
//! handed in as an input. What has to know the wall clock (latencies, HTTP) asks [`now`].

use std::fmt;
use std::ops::Add;
use std::ops::Sub;
use std::time::Instant;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

/// An instant in event time: milliseconds since 1970-01-01T00:00:00Z, from 1900 to 2199.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A signed length of time in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(i64);

/// Why a text or a number is not an instant or a span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339.
    #[error("`{0}` is not an RFC 3339 time: write e.g. `2025-03-01T09:30:00Z`")]
    Format(String),
    /// Outside of the supported years.
    #[error("the time {0} lies outside of 1900 to 2199")]
    Range(String),
    /// Not a Prometheus duration.
    #[error("`{0}` is not a duration: write e.g. `15m`, `30d`, `52w` or `1h30m`")]
    Span(String),
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Earlier than every event: the watermark before the first one.
    pub const MIN: Self = Self(-2_208_988_800_000);
    /// Later than every event.
    pub const MAX: Self = Self(7_258_118_399_999);

    /// From milliseconds since the epoch; fails outside of 1900 to 2199.
    pub fn from_millis(millis: i64) -> Result<Self, TimeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimeError::Range(format!("{millis} ms")))
        }
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The nearest instant within the supported years.
    #[inline]
    pub const fn saturating(millis: i64) -> Self {
        match millis {
            early if early < Self::MIN.0 => Self::MIN,
            late if late > Self::MAX.0 => Self::MAX,
            fair => Self(fair),
        }
    }

    /// Parses RFC 3339 (`2025-03-01T09:30:00.5+01:00`) or a bare date, taken as midnight UTC.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Some(fast) = parse_utc(text.as_bytes()) {
            return Self::from_millis(fast);
        }
        let format = || TimeError::Format(text.chars().take(40).collect());
        let millis = match text.len() {
            10 => {
                let date: jiff::civil::Date = text.parse().map_err(|_| format())?;
                let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| format())?;
                zoned.timestamp().as_millisecond()
            }
            _ => text.parse::<jiff::Timestamp>().map_err(|_| format())?.as_millisecond(),
        };
        Self::from_millis(millis).map_err(|_| TimeError::Range(text.to_owned()))
    }

    /// The number of the UTC day, counted from the epoch.
    pub fn day(self) -> i64 {
        self.0.div_euclid(Span::DAY.0)
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ` by hand: it is in every record, and takes a tenth of the full parser's
/// time. Anything else is left to the full parser.
fn parse_utc(text: &[u8]) -> Option<i64> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
        b'Z',
    ] = *text
    else {
        return None;
    };
    let two = |a: u8, b: u8| -> Option<i64> {
        (a.is_ascii_digit() && b.is_ascii_digit())
            .then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let (year, month, day) = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(i1, i2)?, two(s1, s2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if day < 1 || day > days_in || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days from civil, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One day of 24 hours.
    pub const DAY: Self = Self(86_400_000);
    /// Longer than all of supported time.
    pub const MAX: Self = Self(i64::MAX / 4);

    /// From milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Length in milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Parses a Prometheus duration: `90s`, `15m`, `1h30m`, `30d`, `52w`, `1y`, `0`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        const UNITS: [(&str, i64); 7] = [
            ("y", 365 * 86_400_000),
            ("w", 7 * 86_400_000),
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1_000),
            ("ms", 1),
        ];
        let error = || TimeError::Span(text.chars().take(40).collect());
        if text == "0" {
            return Ok(Self::ZERO);
        }
        let (mut rest, mut total, mut unit_from) = (text, 0_i64, 0);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            // Units go from large to small, each at most once, as in Prometheus.
            let found = UNITS.iter().skip(unit_from).position(|(name, _)| *name == unit);
            let index = unit_from + found.ok_or_else(error)?;
            let number: i64 = number.parse().map_err(|_| error())?;
            let part = number.checked_mul(UNITS[index].1).ok_or_else(error)?;
            total = total.checked_add(part).filter(|t| *t < Self::MAX.0).ok_or_else(error)?;
            unit_from = index + 1;
            rest = tail;
        }
        if text.is_empty() { Err(error()) } else { Ok(Self(total)) }
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    #[inline]
    fn add(self, span: Span) -> Self {
        Self::saturating(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    #[inline]
    fn sub(self, span: Span) -> Self {
        Self::saturating(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0 - earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Display for Span {
    /// As Prometheus writes durations: `1w2d`, `90d`, `-15m`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (unit, length) in
            [("d", 86_400_000_u64), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
        {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::saturating(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The steady clock, for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "the one reader of the steady clock")]
pub fn steady() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_every_form_of_rfc_3339() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z", 1_709_251_199_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
            ("1969-12-31T23:59:59Z", -1_000),
            ("2010-06-01T09:00:00+01:00", 1_275_379_200_000),
            ("2025-01-01T00:00:00.123456Z", 1_735_689_600_123),
            ("2025-01-01", 1_735_689_600_000),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::millis), Ok(millis), "{text}");
        }
    }

    #[test]
    fn a_bad_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2025-02-29T00:00:00Z",
            "2025-01-01T24:00:01Z",
            "0001-01-01T00:00:00Z",
            "2600-01-01T00:00:00Z",
            "2025-01-01T00:00:0",
            "2025-1-1",
            "１９70-01-01",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
        assert!(Timestamp::from_millis(i64::MAX).is_err());
    }

    #[test]
    fn both_parsers_agree_on_every_day_of_four_centuries() {
        for day in (Timestamp::MIN.day()..Timestamp::MAX.day()).step_by(13) {
            let at = Timestamp(day * Span::DAY.0 + 3_661_000);
            let text = at.to_string();
            assert_eq!(parse_utc(text.as_bytes()), Some(at.0), "{text}");
        }
    }

    #[test]
    fn a_span_is_a_prometheus_duration() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("15m", 900_000),
            ("30d", 2_592_000_000),
            ("1h30m", 5_400_000),
            ("52w", 31_449_600_000),
            ("250ms", 250),
        ] {
            assert_eq!(Span::parse(text), Ok(Span(millis)), "{text}");
        }
        for text in ["", "d", "30", "30 d", "1m1h", "-5m", "1.5h", "99999999999y", "5mo"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
        assert_eq!(Span(-90_061_001).to_string(), "-1d1h1m1s1ms");
    }
}
