//! What does a value mean? The fields of one record, as captured, and their typed readings.
//!
//! ```text
//! JSON line ─┐
//! CSV row   ─┼─► Form: (key, field, value) …  ──► text, id, decimal, time, flag
//! Parquet   ─┘
//! ```

use std::borrow::Cow;

use jiff::fmt::strtime::BrokenDownTime;
use smallvec::SmallVec;

use crate::event::Symbol;
use crate::event::decode::json::Json;
use crate::event::decode::json::Text;
use crate::event::decode::lines::LineDraft;
use crate::event::decode::refusal::Refusal;
use crate::event::decode::refusal::shown;
use crate::event::decode::shape::Member;
use crate::event::decode::shape::Written;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::mapping::TimeForm;
use crate::event::symbol;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// Bytes of an id or another name.
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// A captured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// As it stands in JSON, or in a cell.
    Json(Json<'a>),
    /// From a column of numbers.
    Decimal(Decimal),
    /// From a column of whole numbers, where ids live too.
    Whole(i64),
    /// From a column of times.
    Time(Timestamp),
    /// From a column of numbers, but none: not a number, infinite, or too large.
    Absurd(f64),
}

/// One field of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    /// Its name in the source.
    pub(crate) key: Text<'a>,
    pub(crate) field: Field,
    pub(crate) value: Value<'a>,
}

/// The fields of one record, in their order.
#[derive(Default)]
pub(crate) struct Form<'a> {
    pub(crate) slots: SmallVec<[Slot<'a>; 24]>,
    /// Set of the known fields in `slots`.
    pub(crate) seen: u64,
    /// Its lines, when it has a list of them.
    pub(crate) lines: Option<SmallVec<[LineDraft; 1]>>,
}

/// A field's name, for a message: `lines[3].quantity`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    /// The list that it stands in, and the place there, from 0.
    pub(crate) within: Option<(&'static str, usize)>,
    pub(crate) key: &'a str,
}

impl<'a> Slot<'a> {
    #[inline]
    pub(crate) fn name(&self) -> Name<'a> {
        Name::top(self.key.raw)
    }
}

impl<'a> Form<'a> {
    #[inline]
    pub(crate) fn push(&mut self, key: Text<'a>, field: Field, value: Value<'a>) {
        self.seen |= field.bit();
        self.slots.push(Slot { key, field, value });
    }

    #[inline]
    pub(crate) fn has(&self, field: Field) -> bool {
        self.seen & field.bit() != 0
    }

    #[inline]
    pub(crate) fn find(&self, field: Field) -> Option<&Slot<'a>> {
        if !self.has(field) {
            return None;
        }
        self.slots.iter().find(|slot| slot.field == field)
    }

    /// The members as they were written, for a shape; one member may feed several fields.
    pub(crate) fn members(&self) -> impl Iterator<Item = Member<'a>> {
        let mut before = None;
        self.slots.iter().filter_map(move |slot| {
            let place = slot.key.raw.as_ptr();
            if before.replace(place) == Some(place) {
                return None;
            }
            let value = match slot.value {
                Value::Json(Json::Number(text)) => Some(Written { text, quoted: false }),
                Value::Json(Json::Text(Text { raw, escaped: false })) => {
                    Some(Written { text: raw, quoted: true })
                }
                _ => None,
            };
            Some(Member { name: slot.key, value })
        })
    }

    /// The text of a field, when it is one.
    pub(crate) fn word(&self, field: Field) -> Option<Cow<'a, str>> {
        match self.find(field)?.value {
            Value::Json(Json::Text(text)) => Some(text.read()),
            _ => None,
        }
    }
}

impl<'a> Name<'a> {
    /// The name of a field that stands in no list.
    pub(crate) fn top(key: &'a str) -> Self {
        Self { within: None, key }
    }

    pub(crate) fn text(self) -> String {
        match self.within {
            Some((list, place)) => format!("{list}[{place}].{}", shown(self.key)),
            None => shown(self.key),
        }
    }
}

impl<'a> Value<'a> {
    /// A text without escapes.
    pub(crate) fn text(raw: &'a str) -> Self {
        Self::Json(Json::Text(Text::plain(raw)))
    }

    fn wrong(self, name: Name<'_>, expected: &'static str) -> Refusal {
        let found = match self {
            Self::Json(Json::Null) => "null".to_owned(),
            Self::Json(Json::Flag(flag)) => format!("`{flag}`"),
            Self::Json(Json::Number(text)) => format!("the number {}", shown(text)),
            Self::Json(Json::Text(text)) => format!("the text `{}`", shown(&text.read())),
            Self::Json(Json::Array(_)) => "a list".to_owned(),
            Self::Json(Json::Object(_)) => "an object".to_owned(),
            Self::Decimal(number) => format!("the number {number}"),
            Self::Whole(number) => format!("the number {number}"),
            Self::Time(time) => format!("the time {time}"),
            Self::Absurd(number) => format!("the number {number}"),
        };
        Refusal::WrongType { field: name.text(), found, expected }
    }

    /// A number; absent for null and the empty text.
    #[inline]
    pub(crate) fn decimal(self, name: Name<'_>) -> Result<Option<Decimal>, Refusal> {
        let read = |text: &str| {
            // Tables pad their cells; JSON's numbers have nothing to trim.
            let plain = text.as_bytes().first().is_some_and(|b| *b > b' ')
                && text.as_bytes().last().is_some_and(|b| (0x21..0x7f).contains(b));
            let number = Decimal::parse(if plain { text } else { text.trim() });
            number.map_err(|reason| Refusal::BadNumber { field: name.text(), reason })
        };
        match self {
            Self::Json(Json::Number(text)) => read(text).map(Some),
            Self::Json(Json::Null) => Ok(None),
            Self::Json(Json::Text(text)) => {
                let text = text.read();
                if text.is_empty() { Ok(None) } else { read(&text).map(Some) }
            }
            Self::Decimal(number) => Ok(Some(number)),
            Self::Whole(number) => read(&number.to_string()).map(Some),
            // Tables write a missing number as NaN.
            Self::Absurd(number) if number.is_nan() => Ok(None),
            Self::Absurd(number) => read(&number.to_string()).map(Some),
            _ => Err(self.wrong(name, "a number, e.g. `129.99`")),
        }
    }

    /// A name that can be taken as it stands, which nearly all can.
    #[inline]
    fn plain_name(self) -> Option<&'a str> {
        let text = match self {
            Self::Json(Json::Text(Text { raw, escaped: false })) => raw,
            Self::Json(Json::Number(raw)) if raw.bytes().all(|b| b.is_ascii_digit()) => raw,
            _ => return None,
        };
        (1..=NAME_BYTES_MAX).contains(&text.len()).then_some(text)
    }

    /// A name, interned.
    #[inline]
    pub(crate) fn symbol(
        self,
        name: Name<'_>,
        id: bool,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Option<Symbol>, Refusal> {
        if let Some(text) = self.plain_name() {
            return Ok(Some(symbols.intern(text)));
        }
        Ok(self.name(name, id)?.map(|text| symbols.intern(&text)))
    }

    /// A name: a text or a whole number; absent for null and, unless it is an id, the empty text.
    #[inline]
    pub(crate) fn name(self, name: Name<'_>, id: bool) -> Result<Option<Cow<'a, str>>, Refusal> {
        let text = match self {
            Self::Json(Json::Text(text)) => text.read(),
            Self::Json(Json::Number(text)) if !text.bytes().any(|b| !b.is_ascii_digit()) => {
                Cow::Borrowed(text)
            }
            Self::Json(Json::Null) => return Ok(None),
            Self::Whole(number) => Cow::Owned(number.to_string()),
            Self::Time(time) => Cow::Owned(time.to_string()),
            _ => return Err(self.wrong(name, "a text or a whole number, e.g. `\"c-17\"`")),
        };
        if text.is_empty() {
            return if id { Err(Refusal::EmptyId { field: name.text() }) } else { Ok(None) };
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(Refusal::TooLong {
                what: format!("`{}`", name.text()),
                limit: NAME_BYTES_MAX,
                unit: "bytes",
                instead: "write the id or the name, not a text",
            });
        }
        Ok(Some(text))
    }

    /// A longer text, such as a customer's name; absent for null and the empty text.
    pub(crate) fn prose(self, name: Name<'_>) -> Result<Option<String>, Refusal> {
        match self {
            Self::Json(Json::Text(text)) if text.raw.is_empty() => Ok(None),
            Self::Json(Json::Text(text)) => Ok(Some(text.read().into_owned())),
            _ => self.name(name, false).map(|text| text.map(Cow::into_owned)),
        }
    }

    /// Yes or no, as JSON or as the words of tables.
    pub(crate) fn flag(self, name: Name<'_>) -> Result<Option<bool>, Refusal> {
        const EXPECTED: &str = "`true` or `false`";
        match self {
            Self::Json(Json::Flag(flag)) => Ok(Some(flag)),
            Self::Json(Json::Null) => Ok(None),
            Self::Json(Json::Number("1")) | Self::Whole(1) => Ok(Some(true)),
            Self::Json(Json::Number("0")) | Self::Whole(0) => Ok(Some(false)),
            Self::Json(Json::Text(text)) => match text.raw.to_ascii_lowercase().as_str() {
                "" => Ok(None),
                "true" | "yes" | "y" | "1" => Ok(Some(true)),
                "false" | "no" | "n" | "0" => Ok(Some(false)),
                _ => Err(self.wrong(name, EXPECTED)),
            },
            _ => Err(self.wrong(name, EXPECTED)),
        }
    }

    /// A currency; small letters will do.
    pub(crate) fn currency(self, name: Name<'_>) -> Result<Option<Currency>, Refusal> {
        let bad = |reason| Refusal::BadCurrency { field: name.text(), reason };
        match self {
            Self::Json(Json::Null) => Ok(None),
            Self::Json(Json::Text(text)) if text.raw.is_empty() => Ok(None),
            Self::Json(Json::Text(text)) => Currency::parse(text.raw)
                .map(Some)
                .or_else(|error| {
                    Currency::parse(&text.raw.to_ascii_uppercase()).map(Some).map_err(|_| error)
                })
                .map_err(bad),
            _ => Err(self.wrong(name, "the three letters of ISO 4217, e.g. `\"USD\"`")),
        }
    }

    /// A time in the form that the mapping names, within its bounds.
    pub(crate) fn time(
        self,
        name: Name<'_>,
        mapping: &Mapping,
    ) -> Result<Option<Timestamp>, Refusal> {
        let Some(time) = self.any_time(name, mapping)? else { return Ok(None) };
        let outside = |side, bound, key| {
            Err(Refusal::TimeOutside { field: name.text(), found: time, side, bound, key })
        };
        if time < mapping.earliest {
            outside("before", mapping.earliest, "earliest")
        } else if time >= mapping.latest {
            outside("not before", mapping.latest, "latest")
        } else {
            Ok(Some(time))
        }
    }

    /// A time in any supported year: the far end of a contract may lie beyond the bounds.
    pub(crate) fn any_time(
        self,
        name: Name<'_>,
        mapping: &Mapping,
    ) -> Result<Option<Timestamp>, Refusal> {
        let form = &mapping.time;
        let bad = |found: &str| Refusal::BadTime {
            field: name.text(),
            found: shown(found),
            expected: form.example(),
        };
        match self {
            Self::Time(time) => Ok(Some(time)),
            Self::Json(Json::Null) => Ok(None),
            Self::Json(Json::Text(text)) if text.raw.is_empty() => Ok(None),
            Self::Json(Json::Text(text)) => {
                let text = text.read();
                form.read(&text).ok_or_else(|| bad(&text)).map(Some)
            }
            Self::Json(Json::Number(text)) => {
                form.read_number(text).ok_or_else(|| bad(text)).map(Some)
            }
            Self::Whole(number) => {
                let text = number.to_string();
                form.read_number(&text).ok_or_else(|| bad(&text)).map(Some)
            }
            _ => Err(self.wrong(name, "a time, e.g. `\"2025-03-01T09:30:00Z\"`")),
        }
    }
}

impl TimeForm {
    /// How to write a time in this form, for a message.
    fn example(&self) -> String {
        match self {
            Self::Rfc3339 => "RFC 3339, e.g. `2025-03-01T09:30:00Z`, or set `time_unit`".to_owned(),
            Self::Seconds => "seconds since 1970, e.g. `1740821400`".to_owned(),
            Self::Millis => "milliseconds since 1970, e.g. `1740821400000`".to_owned(),
            Self::Pattern(format, _) => format!("it in the form `{}`", shown(format)),
        }
    }

    fn read(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        match self {
            Self::Rfc3339 => Timestamp::parse(text).ok(),
            Self::Seconds | Self::Millis => {
                self.read_number(text).or_else(|| Timestamp::parse(text).ok())
            }
            Self::Pattern(format, zone) => {
                let parsed = BrokenDownTime::parse(format, text).ok()?;
                let instant = parsed.to_timestamp().or_else(|_| {
                    let local = parsed
                        .to_datetime()
                        .or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0)))?;
                    zone.to_timestamp(local)
                });
                Timestamp::from_millis(instant.ok()?.as_millisecond()).ok()
            }
        }
    }

    fn read_number(&self, text: &str) -> Option<Timestamp> {
        let millis = match self {
            Self::Millis => text.parse().ok()?,
            // A fraction of a second is kept to the millisecond.
            Self::Seconds => Decimal::parse(text).ok()?.micros().div_euclid(1000),
            Self::Rfc3339 => return None,
            Self::Pattern(..) => return self.read(text),
        };
        Timestamp::from_millis(millis).ok()
    }
}
