//! The functions of CEL and of its extensions for strings, math and time: what each gives.
//!
//! ```text
//! event.topic.lowerAscii()      Call(LowerAscii, [event.topic])     arguments first, then one step
//! ```
//!
//! All are strict: without an argument there is no value. Meaning and edge cases are those of the
//! CEL specification and of cel-go's `strings` and `math` extensions; where a rule gives something
//! else, the reference page of the rules says so.

mod calendar;
mod convert;
mod number;
mod pattern;
mod text;

use smallvec::SmallVec;

pub use self::calendar::CalendarPart;
pub use self::calendar::Zone;
pub use self::calendar::time_zone;
pub use self::convert::parse_span;
pub use self::pattern::Pattern;
pub(crate) use self::text::next_part;

use crate::state::assortment;
use crate::state::assortment::AskedOfQuantity;
use crate::state::evaluate::evaluate;
use crate::state::field;
use crate::state::program::NodeId;
use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value::Comparison;
use crate::state::value::Fault;
use crate::state::value::Value;

/// What a call computes from its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Builtin {
    /// `a op b` of texts; null equals null alone.
    Compare(Comparison),
    /// `a + b` of texts.
    Concat,
    /// Number of code points.
    Size,
    /// A to Z become a to z.
    LowerAscii,
    /// a to z become A to Z.
    UpperAscii,
    /// Without white space at both ends.
    Trim,
    /// Code points from last to first.
    Reverse,
    /// The code point at a place; nothing at the end.
    CharAt,
    /// Where a part first stands, from a place on; -1 if nowhere.
    IndexOf,
    /// Where a part last stands, up to a place; -1 if nowhere.
    LastIndexOf,
    /// The code points from a place to another, or to the end.
    Substring,
    /// With one part replaced by another, everywhere or so many times.
    Replace,
    /// Whether a pattern is found in a text.
    Matches(Pattern),
    /// As a text.
    String,
    /// As a whole number: of a text, towards zero of a number, seconds since 1970 of an instant.
    Int,
    /// As a double, of a text, too.
    Double,
    /// `true` or `false` of a text.
    Bool,
    /// An instant of a text, or of seconds since 1970.
    Timestamp,
    /// A length of time of a text.
    Duration,
    /// Up to the next whole number.
    Ceil,
    /// Down to the next whole number.
    Floor,
    /// To the nearest whole number, halves away from zero.
    Round,
    /// Towards zero.
    Trunc,
    /// -1, 0 or 1.
    Sign,
    /// Square root.
    Sqrt,
    /// Whether it is not a number.
    IsNan,
    /// Whether it is infinite.
    IsInf,
    /// Whether it is a finite number.
    IsFinite,
    /// The chance that who has won and lost so many quotes wins less than four fifths of the
    /// team's share.
    WinRateBelow,
    /// What the catalogue says of a quantity of a product.
    OfQuantity(AskedOfQuantity),
    /// The chance that a customer takes the own brand of a category.
    PSwitch,
    /// Whether a territory was a rep's at an instant.
    InTerritory,
    /// A part of an instant's date or time, in a zone.
    Calendar(CalendarPart, Zone),
    /// Hours, minutes … of a length of time.
    Length(CalendarPart),
}

impl Builtin {
    /// What it is called in a rule; operators have no name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Compare(_) | Self::Concat => "",
            Self::Size => "size",
            Self::LowerAscii => "lowerAscii",
            Self::UpperAscii => "upperAscii",
            Self::Trim => "trim",
            Self::Reverse => "reverse",
            Self::CharAt => "charAt",
            Self::IndexOf => "indexOf",
            Self::LastIndexOf => "lastIndexOf",
            Self::Substring => "substring",
            Self::Replace => "replace",
            Self::Matches(_) => "matches",
            Self::String => "string",
            Self::Int => "int",
            Self::Double => "double",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Ceil => "math.ceil",
            Self::Floor => "math.floor",
            Self::Round => "math.round",
            Self::Trunc => "math.trunc",
            Self::Sign => "math.sign",
            Self::Sqrt => "math.sqrt",
            Self::IsNan => "math.isNaN",
            Self::IsInf => "math.isInf",
            Self::IsFinite => "math.isFinite",
            Self::WinRateBelow => "win_rate_below",
            Self::OfQuantity(AskedOfQuantity::NextBreak) => "next_break",
            Self::OfQuantity(AskedOfQuantity::PriceAt) => "price_at",
            Self::PSwitch => "p_switch",
            Self::InTerritory => "in_territory",
            Self::Calendar(part, _) | Self::Length(part) => part.name(),
        }
    }

    /// Whether it stands behind its first argument: `text.trim()`.
    pub fn is_method(&self) -> bool {
        match self {
            Self::Calendar(part, _) => *part != CalendarPart::Midnight,
            Self::Length(_) | Self::Matches(_) => true,
            _ => matches!(
                self,
                Self::Size
                    | Self::LowerAscii
                    | Self::UpperAscii
                    | Self::Trim
                    | Self::Reverse
                    | Self::CharAt
                    | Self::IndexOf
                    | Self::LastIndexOf
                    | Self::Substring
                    | Self::Replace
            ),
        }
    }
}

/// The value of a call.
pub(crate) fn call(
    scope: &mut Scope<'_>,
    builtin: &Builtin,
    args: &[NodeId],
) -> Result<Value, Fault> {
    let mut values: SmallVec<[Value; 4]> = SmallVec::new();
    for arg in args {
        values.push(evaluate(scope, *arg)?.widened());
    }
    if let (Builtin::Compare(op), [left, right]) = (builtin, values.as_slice()) {
        return texts::compare(scope, *op, *left, *right).map(Value::Bool);
    }
    if let (Builtin::InTerritory, [rep, territory, at]) = (builtin, values.as_slice()) {
        return field::in_territory(scope, [*rep, *territory, *at]);
    }
    if values.contains(&Value::Null) {
        return Err(Fault::Missing);
    }
    match (builtin, values.as_slice()) {
        (Builtin::Calendar(part, zone), [Value::Time(at), named @ ..]) => {
            calendar::of_time(scope, *part, zone, *at, named.first().copied())
        }
        (Builtin::WinRateBelow, [won, lost, team]) => number::win_rate_below(*won, *lost, *team),
        (Builtin::OfQuantity(asked), [product, quantity]) => {
            assortment::answer_of_quantity(scope, *asked, *product, *quantity)
        }
        (Builtin::PSwitch, [category, own, all, lines]) => {
            assortment::p_switch(scope, [*category, *own, *all, *lines])
        }
        (Builtin::Length(part), [Value::Span(span)]) => calendar::of_span(*part, *span),
        (Builtin::Matches(pattern), [text]) => {
            texts::read(scope, *text, |text| Value::Bool(pattern.is_match(text)))
        }
        (
            Builtin::String
            | Builtin::Int
            | Builtin::Double
            | Builtin::Bool
            | Builtin::Timestamp
            | Builtin::Duration,
            [value],
        ) => convert::convert(scope, builtin, *value),
        (
            Builtin::Ceil
            | Builtin::Floor
            | Builtin::Round
            | Builtin::Trunc
            | Builtin::Sign
            | Builtin::Sqrt
            | Builtin::IsNan
            | Builtin::IsInf
            | Builtin::IsFinite,
            [value],
        ) => number::of(builtin, *value),
        (builtin, values) => text::of(scope, builtin, values),
    }
}
