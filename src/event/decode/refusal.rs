//! Why was a record refused? One variant a cause, with what to write instead.
//!
//! ```text
//! code()    stable and short, for metrics, dead letters and summary tables
//! Display   for the person who repairs the source; at most 40 characters of data
//! ```

use crate::money::CurrencyError;
use crate::money::DecimalError;
use crate::time::Timestamp;

/// Why a record was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bytes that are not UTF-8.
    #[error("byte {at} is not UTF-8: write the file in UTF-8")]
    BadUtf8 {
        /// Place of the first bad byte, from 0.
        at: usize,
    },
    /// Not JSON.
    #[error("not JSON at byte {at}: {what}; write one whole JSON object")]
    BadJson {
        /// Place in the record, from 0.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// A row of a table that does not fit its header.
    #[error("the row has {found} cells, the header {expected}: write one cell for each column")]
    BadRow {
        /// Cells in the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// Objects and lists inside each other, too many of them.
    #[error("nested deeper than {limit} levels: write a flat record")]
    TooDeep {
        /// The most levels allowed.
        limit: usize,
    },
    /// More of something than a record may have.
    #[error("{what} has more than {limit} {unit}: {instead}")]
    TooLong {
        /// What is too long.
        what: String,
        /// The most allowed.
        limit: usize,
        /// Of what.
        unit: &'static str,
        /// What to do about it.
        instead: &'static str,
    },
    /// A field that must be there is not.
    #[error("the field `{field}` is missing: {instead}")]
    MissingField {
        /// Its name in the source.
        field: String,
        /// What to write.
        instead: &'static str,
    },
    /// One name stands twice in one object.
    #[error("the field `{field}` stands twice: keep one of them")]
    DuplicateField {
        /// Its name in the source.
        field: String,
    },
    /// A value of another type than the field has.
    #[error("`{field}` is {found}: write {expected}")]
    WrongType {
        /// Its name in the source.
        field: String,
        /// What was found, in short.
        found: String,
        /// What is expected, with an example.
        expected: &'static str,
    },
    /// An id that is the empty text.
    #[error("`{field}` is empty: write the id, or leave the field out")]
    EmptyId {
        /// Its name in the source.
        field: String,
    },
    /// A word outside of a closed list.
    #[error("`{field}` is `{found}`: write one of {expected}")]
    UnknownWord {
        /// Its name in the source.
        field: String,
        /// The word.
        found: String,
        /// The words of the list.
        expected: &'static str,
    },
    /// Not a time.
    #[error("`{field}`: `{found}` is not a time: write {expected}")]
    BadTime {
        /// Its name in the source.
        field: String,
        /// The text.
        found: String,
        /// The form that the mapping asks for.
        expected: String,
    },
    /// A time, but not a believable one.
    #[error(
        "`{field}` is {found}, {side} {bound}: correct the clock, or set `{key}` in the mapping"
    )]
    TimeOutside {
        /// Its name in the source.
        field: String,
        /// The time.
        found: Timestamp,
        /// `before` or `not before`.
        side: &'static str,
        /// The bound.
        bound: Timestamp,
        /// `earliest` or `latest`.
        key: &'static str,
    },
    /// Not a number, or an absurd one.
    #[error("`{field}`: {reason}")]
    BadNumber {
        /// Its name in the source.
        field: String,
        /// What is wrong with it.
        reason: DecimalError,
    },
    /// A number outside of the field's own range.
    #[error("`{field}` is {found}: write a number {expected}")]
    NumberOutside {
        /// Its name in the source.
        field: String,
        /// The number.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// Not a currency.
    #[error("`{field}`: {reason}")]
    BadCurrency {
        /// Its name in the source.
        field: String,
        /// What is wrong with it.
        reason: CurrencyError,
    },
    /// Two currencies in one order.
    #[error("`{field}` is {line}, the order is in {order}: write one order for each currency")]
    MixedCurrencies {
        /// Its name in the source.
        field: String,
        /// Currency of the line.
        line: String,
        /// Currency of the order or of the lines before.
        order: String,
    },
    /// A CloudEvents envelope that breaks the standard.
    #[error("CloudEvents: {0}")]
    BadEnvelope(&'static str),
}

impl Refusal {
    /// The stable short name of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadUtf8 { .. } => "bad_utf8",
            Self::BadJson { .. } => "bad_json",
            Self::BadRow { .. } => "bad_row",
            Self::TooDeep { .. } => "too_deep",
            Self::TooLong { .. } => "too_long",
            Self::MissingField { .. } => "missing_field",
            Self::DuplicateField { .. } => "duplicate_field",
            Self::WrongType { .. } => "wrong_type",
            Self::EmptyId { .. } => "empty_id",
            Self::UnknownWord { .. } => "unknown_word",
            Self::BadTime { .. } | Self::TimeOutside { .. } => "bad_time",
            Self::BadNumber { .. } | Self::NumberOutside { .. } => "bad_number",
            Self::BadCurrency { .. } => "bad_currency",
            Self::MixedCurrencies { .. } => "mixed_currencies",
            Self::BadEnvelope(_) => "bad_envelope",
        }
    }
}

/// At most 40 characters of data, without control characters, for a message.
pub(crate) fn shown(data: &str) -> String {
    let mut out: String =
        data.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if data.len() > out.len() {
        out.pop();
        out.push('…');
    }
    out
}
