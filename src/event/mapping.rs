//! How do someone's own JSON or CSV rows become our records? By a mapping, written once.
//!
//! ```text
//! # salert.toml                            ours                   theirs
//! record = "order"                         occurred_at  ◄──────── ts           [fields]
//! time_unit = "ms"                         quantity     ◄──────── qty          [fields]
//! [fields]                                 product_id   ◄──────── product_id   (its own name)
//! occurred_at = "ts"                       channel      ◄──────── "web"        [constants]
//! quantity = "qty"
//! [constants]
//! channel = "web"
//! ```
//!
//! A field that the mapping does not list is looked up under its own name; a constant stands in
//! where a record lacks the field.

pub(crate) mod field;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;

pub(crate) use self::field::Field;
use crate::money::Currency;
use crate::money::CurrencyError;
use crate::time::TimeError;
use crate::time::Timestamp;

/// How the rows of one source are read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Mapping {
    /// What each row is when it does not say.
    pub record: Option<RecordKind>,
    /// Name of the source, when its records do not say.
    pub source: Option<String>,
    /// Currency of amounts, when the records do not say.
    pub currency: Option<Currency>,
    /// Rows that make one order together.
    pub group_by: Option<GroupBy>,
    /// No event may be earlier.
    pub earliest: Timestamp,
    /// No event may be as late as this.
    pub latest: Timestamp,
    /// No record may have more bytes.
    pub record_bytes_max: usize,
    pub(crate) time: TimeForm,
    /// Theirs and ours, for every field that is looked up.
    pub(crate) names: Vec<(String, Field)>,
    /// What stands in for absent fields.
    pub(crate) constants: Vec<(Field, String)>,
}

/// What a row can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An order, return, adjustment or credit memo.
    #[serde(alias = "transaction")]
    Order,
    /// A call, a visit, a complaint …
    Interaction,
    /// An account.
    Customer,
    /// A stock-keeping unit.
    Product,
    /// How two products belong together.
    ProductRelation,
    /// A sales person.
    Rep,
    /// A contract with a customer.
    Agreement,
}

/// Rows that follow each other and agree in this field make one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The id of the event.
    EventId,
    /// The number of the order, at one time.
    OrderId,
}

/// How a source writes its times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TimeForm {
    /// `2025-03-01T09:30:00Z` or `2025-03-01`.
    Rfc3339,
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// A format such as `%d/%m/%Y %H:%M`, in a time zone.
    Pattern(String, TimeZone),
}

/// Why a mapping was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not TOML, or not of the mapping's shape.
    #[error("the mapping cannot be read: {0}")]
    Toml(String),
    /// `[fields]` or `[constants]` names a field that no record has.
    #[error("[{table}] names `{field}`, which no record has{hint}")]
    UnknownField {
        /// `fields` or `constants`.
        table: &'static str,
        /// The name as written.
        field: String,
        /// What may have been meant.
        hint: String,
    },
    /// One field is given twice.
    #[error("`{0}` stands in [fields] and in [constants]: keep one of them")]
    Both(String),
    /// `time_format` beside `time_unit`.
    #[error("`time_unit` and `time_format` are both given: keep one of them")]
    TwoTimeForms,
    /// `time_zone` without `time_format`.
    #[error("`time_zone` needs `time_format`, e.g. `time_format = \"%d/%m/%Y %H:%M\"`")]
    ZoneWithoutFormat,
    /// Not a time zone that this build knows.
    #[error("`{0}` is not a known time zone: write an offset such as `+01:00`, or `UTC`")]
    Zone(String),
    /// Not a strptime format.
    #[error("time_format `{0}` cannot be used: {1}; write e.g. `%d/%m/%Y %H:%M`")]
    Format(String, String),
    /// A bound that is not a time.
    #[error("`{0}`: {1}")]
    Bound(&'static str, TimeError),
    /// No time lies between the bounds.
    #[error("`earliest` is not before `latest`: swap them")]
    EmptyRange,
    /// Not a currency.
    #[error(transparent)]
    Currency(#[from] CurrencyError),
    /// A limit outside of its own limits.
    #[error("record_bytes_max is {0}: write between 1024 and 67108864")]
    RecordBytes(usize),
}

/// The TOML as written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    record: Option<RecordKind>,
    source: Option<String>,
    time_unit: Option<TimeUnit>,
    time_format: Option<String>,
    time_zone: Option<String>,
    currency: Option<String>,
    group_by: Option<GroupBy>,
    earliest: Option<String>,
    latest: Option<String>,
    record_bytes_max: Option<usize>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    constants: BTreeMap<String, Constant>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum TimeUnit {
    Rfc3339,
    S,
    Ms,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Constant {
    Text(String),
    Flag(bool),
    Whole(i64),
    Real(f64),
}

impl Mapping {
    /// 1990-01-01: what is earlier is a mistake, unless a mapping says otherwise.
    pub const EARLIEST: Timestamp = Timestamp::saturating(631_152_000_000);
    /// 2100-01-01: what is not before it is a mistake, unless a mapping says otherwise.
    pub const LATEST: Timestamp = Timestamp::saturating(4_102_444_800_000);
    /// One mebibyte: no honest record is longer.
    pub const RECORD_BYTES_MAX: usize = 1 << 20;

    /// The line form itself: every field under its own name.
    pub fn identity() -> Self {
        Self {
            record: None,
            source: None,
            currency: None,
            group_by: None,
            earliest: Self::EARLIEST,
            latest: Self::LATEST,
            record_bytes_max: Self::RECORD_BYTES_MAX,
            time: TimeForm::Rfc3339,
            names: Field::ALL.iter().map(|field| (field.name().to_owned(), *field)).collect(),
            constants: Vec::new(),
        }
    }

    /// Reads a mapping from TOML.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let written: Written =
            toml::from_str(text).map_err(|error| MappingError::Toml(error.to_string()))?;
        Self::try_from(written)
    }

    /// What the source calls our field.
    pub(crate) fn theirs(&self, field: Field) -> &str {
        let found = self.names.iter().find(|(_, ours)| *ours == field);
        found.map_or(field.name(), |(theirs, _)| theirs.as_str())
    }
}

impl Default for Mapping {
    fn default() -> Self {
        Self::identity()
    }
}

impl TryFrom<Written> for Mapping {
    type Error = MappingError;

    fn try_from(written: Written) -> Result<Self, MappingError> {
        let time = time_form(&written)?;
        let mut mapping = Self {
            record: written.record,
            source: written.source,
            currency: written.currency.as_deref().map(Currency::parse).transpose()?,
            group_by: written.group_by,
            record_bytes_max: written.record_bytes_max.unwrap_or(Self::RECORD_BYTES_MAX),
            time,
            ..Self::identity()
        };
        if !(1024..=1 << 26).contains(&mapping.record_bytes_max) {
            return Err(MappingError::RecordBytes(mapping.record_bytes_max));
        }
        for (bound, name, text) in [
            (&mut mapping.earliest, "earliest", &written.earliest),
            (&mut mapping.latest, "latest", &written.latest),
        ] {
            if let Some(text) = text {
                *bound =
                    Timestamp::parse(text).map_err(|error| MappingError::Bound(name, error))?;
            }
        }
        if mapping.latest <= mapping.earliest {
            return Err(MappingError::EmptyRange);
        }
        for (ours, theirs) in written.fields {
            let field = known("fields", &ours)?;
            if written.constants.contains_key(&ours) {
                return Err(MappingError::Both(ours));
            }
            mapping.names.retain(|(_, known)| *known != field);
            mapping.names.push((theirs, field));
        }
        for (ours, constant) in written.constants {
            let text = match constant {
                Constant::Text(text) => text,
                Constant::Flag(flag) => flag.to_string(),
                Constant::Whole(number) => number.to_string(),
                Constant::Real(number) => number.to_string(),
            };
            mapping.constants.push((known("constants", &ours)?, text));
        }
        Ok(mapping)
    }
}

fn known(table: &'static str, name: &str) -> Result<Field, MappingError> {
    Field::from_name(name).ok_or_else(|| MappingError::UnknownField {
        table,
        field: name.chars().take(40).collect(),
        hint: match Field::nearest(name) {
            Some(near) => format!(": did you mean `{near}`?"),
            None => ": write e.g. `occurred_at = \"ts\"`, ours = theirs".to_owned(),
        },
    })
}

fn time_form(written: &Written) -> Result<TimeForm, MappingError> {
    let Some(format) = &written.time_format else {
        return match (&written.time_zone, written.time_unit) {
            (Some(_), _) => Err(MappingError::ZoneWithoutFormat),
            (None, None | Some(TimeUnit::Rfc3339)) => Ok(TimeForm::Rfc3339),
            (None, Some(TimeUnit::S)) => Ok(TimeForm::Seconds),
            (None, Some(TimeUnit::Ms)) => Ok(TimeForm::Millis),
        };
    };
    if written.time_unit.is_some() {
        return Err(MappingError::TwoTimeForms);
    }
    // A format is tried out at once: it must be able to write a time down.
    let noon = jiff::civil::date(2025, 3, 1).at(12, 0, 0, 0).to_zoned(TimeZone::UTC);
    let sample = noon.and_then(|noon| jiff::fmt::strtime::format(format, &noon));
    if let Err(error) = sample {
        return Err(MappingError::Format(format.clone(), error.to_string()));
    }
    let zone = match written.time_zone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => zone(name).ok_or_else(|| MappingError::Zone(name.to_owned()))?,
    };
    Ok(TimeForm::Pattern(format.clone(), zone))
}

/// `UTC`, `+01:00`, or a name in the time zone database where the build carries one.
fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" || name == "Z" {
        return Some(TimeZone::UTC);
    }
    let offset = jiff::fmt::strtime::parse("%:z", name).ok().and_then(|parsed| parsed.offset());
    offset.map(TimeZone::fixed).or_else(|| TimeZone::get(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_says_what_each_field_is_called() {
        let mapping = Mapping::parse(
            "record = \"order\"\nsource = \"shop\"\ntime_unit = \"ms\"\ncurrency = \"EUR\"\n\
             [fields]\noccurred_at = \"ts\"\nquantity = \"qty\"\n[constants]\nchannel = \"web\"\n",
        )
        .unwrap();
        assert_eq!(mapping.record, Some(RecordKind::Order));
        assert_eq!(mapping.theirs(Field::OccurredAt), "ts");
        assert_eq!(mapping.theirs(Field::ProductId), "product_id");
        assert_eq!(mapping.constants, [(Field::Channel, "web".to_owned())]);
        assert_eq!(mapping.time, TimeForm::Millis);
    }

    #[test]
    fn a_bad_mapping_says_what_to_write() {
        for (text, want) in [
            ("[fields]\nquantiti = \"qty\"", "did you mean `quantity`?"),
            ("[constants]\nchanel = \"web\"", "did you mean `channel`?"),
            ("[fields]\nzzzzzz = \"qty\"", "ours = theirs"),
            ("recrod = \"order\"", "unknown field `recrod`"),
            ("record = \"ordr\"", "unknown variant `ordr`"),
            ("currency = \"euro\"", "ISO 4217"),
            ("time_unit = \"s\"\ntime_format = \"%Y\"", "keep one of them"),
            ("time_zone = \"+01:00\"", "needs `time_format`"),
            ("time_format = \"%Y-%m-%d\"\ntime_zone = \"Mars/Base\"", "write an offset"),
            ("time_format = \"%Y-%!\"", "%d/%m/%Y"),
            ("earliest = \"2030-01-01\"\nlatest = \"2020-01-01\"", "swap them"),
            ("earliest = \"soon\"", "RFC 3339"),
            ("record_bytes_max = 1", "between 1024"),
            ("[fields]\nchannel = \"c\"\n[constants]\nchannel = \"web\"", "keep one of them"),
        ] {
            let message = Mapping::parse(text).unwrap_err().to_string();
            assert!(message.contains(want), "{text}: {message}");
        }
    }

    #[test]
    fn a_zone_is_an_offset_or_utc() {
        for name in ["UTC", "Z", "+01:00", "-05:30"] {
            assert!(zone(name).is_some(), "{name}");
        }
        assert!(zone("nowhere").is_none());
    }
}
