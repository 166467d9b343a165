//! Values of the rule language and what can be computed with them.
//!
//! A value is 16 bytes and copied; a text is a [`Symbol`]. What cannot be computed is a
//! [`Fault`]: it is counted by rule, it never fires and never crashes.

use std::cmp::Ordering;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::texts::Made;
use crate::time::Span;
use crate::time::Timestamp;

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Nothing: the last of an empty list, say.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number: a rate, a quantity.
    Double(f64),
    /// An exact decimal of the source (a quantity, a mood): a double as soon as it is computed
    /// with, but summed exactly.
    Number(Decimal),
    /// Money in the entity's currency.
    Money(Decimal),
    /// An instant.
    Time(Timestamp),
    /// A length of time.
    Span(Span),
    /// A text: a name of the data or of the rules.
    Text(Symbol),
    /// A text that the rule has made, kept for this evaluation.
    Made(Made),
}

/// Why an expression has no value.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    thiserror::Error,
    Serialize,
    Deserialize,
)]
pub enum Fault {
    /// The source did not say.
    #[error("a field is missing: test it with `has(…)` or `!= null` first")]
    Missing,
    /// Division by zero.
    #[error("division by zero: test the divisor first")]
    DivisionByZero,
    /// Amounts of two currencies in one sum.
    #[error("the amounts are in more than one currency")]
    Currencies,
    /// Beyond the range of numbers.
    #[error("the result is too large")]
    Overflow,
    /// The work of one evaluation is bounded.
    #[error("the rule took too many steps: narrow its window")]
    Fuel,
    /// A value of another type than the checker expected.
    #[error("a value has another type than the expression expects")]
    Type,
    /// A place that a list or a text does not have.
    #[error("there is no such place in the list or the text: compare it with `size` first")]
    Index,
    /// A text that cannot be converted.
    #[error("the text is not what it is converted to")]
    Format,
}

/// Operators of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Fault {
    /// All faults, each at its number.
    pub(crate) const ALL: [Self; 8] = [
        Self::Missing,
        Self::DivisionByZero,
        Self::Currencies,
        Self::Overflow,
        Self::Fuel,
        Self::Type,
        Self::Index,
        Self::Format,
    ];
}

impl Comparison {
    /// Whether it holds of two values in this order.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

impl Value {
    /// The truth of a condition.
    pub fn truth(self) -> Result<bool, Fault> {
        match self {
            Self::Bool(truth) => Ok(truth),
            Self::Null => Err(Fault::Missing),
            _ => Err(Fault::Type),
        }
    }

    /// With an exact decimal made a double.
    #[must_use]
    pub fn widened(self) -> Self {
        match self {
            Self::Number(number) => Self::Double(number.to_f64()),
            other => other,
        }
    }

    /// As a plain number: an amount counts in whole units, a length of time in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "meant: ratios and displays")]
    pub fn number(self) -> Result<f64, Fault> {
        match self {
            Self::Int(int) => Ok(int as f64),
            Self::Double(double) => Ok(double),
            Self::Money(amount) | Self::Number(amount) => Ok(amount.to_f64()),
            Self::Span(span) => Ok(span.millis() as f64),
            Self::Null => Err(Fault::Missing),
            _ => Err(Fault::Type),
        }
    }
}

/// `left op right`, as the checker typed it.
#[expect(clippy::cast_precision_loss, reason = "CEL's int to double")]
pub fn arithmetic(op: Arithmetic, left: Value, right: Value) -> Result<Value, Fault> {
    use Value::Double;
    use Value::Int;
    use Value::Money;
    use Value::Null;
    use Value::Time;
    match (left, right) {
        (Null, _) | (_, Null) => Err(Fault::Missing),
        (Value::Number(_), _) | (_, Value::Number(_)) => {
            arithmetic(op, left.widened(), right.widened())
        }
        (Int(a), Int(b)) => integers(op, a, b),
        (Double(a), Double(b)) => doubles(op, a, b).map(Double),
        (Int(a), Double(b)) => doubles(op, a as f64, b).map(Double),
        (Double(a), Int(b)) => doubles(op, a, b as f64).map(Double),
        (Money(a), Money(b)) => match op {
            Arithmetic::Add => a.checked_add(b).map(Money).ok_or(Fault::Overflow),
            Arithmetic::Subtract => a.checked_sub(b).map(Money).ok_or(Fault::Overflow),
            // Both are counted in millionths, exactly; the quotient is rounded once.
            Arithmetic::Divide => doubles(op, a.micros() as f64, b.micros() as f64).map(Double),
            _ => Err(Fault::Type),
        },
        (Money(a), b @ (Int(_) | Double(_))) => scaled(op, a, b.number()?),
        (a @ (Int(_) | Double(_)), Money(b)) => match op {
            Arithmetic::Multiply => scaled(op, b, a.number()?),
            _ => Err(Fault::Type),
        },
        (Time(a), Time(b)) if op == Arithmetic::Subtract => Ok(Value::Span(a - b)),
        (Time(a), Value::Span(b)) => match op {
            Arithmetic::Add => instant(a.millis().checked_add(b.millis())),
            Arithmetic::Subtract => instant(a.millis().checked_sub(b.millis())),
            _ => Err(Fault::Type),
        },
        (Value::Span(a), Time(b)) if op == Arithmetic::Add => {
            instant(b.millis().checked_add(a.millis()))
        }
        (Value::Span(a), Value::Span(b)) => match op {
            Arithmetic::Divide => doubles(op, a.millis() as f64, b.millis() as f64).map(Double),
            _ => match integers(op, a.millis(), b.millis())? {
                Int(millis) => Ok(Value::Span(Span::from_millis(millis))),
                _ => Err(Fault::Type),
            },
        },
        (Value::Span(a), b @ (Int(_) | Double(_))) => {
            let millis = doubles(op, a.millis() as f64, b.number()?)?.floor();
            span_of(millis)
        }
        (a @ (Int(_) | Double(_)), Value::Span(b)) if op == Arithmetic::Multiply => {
            span_of((a.number()? * b.millis() as f64).floor())
        }
        _ => Err(Fault::Type),
    }
}

/// The instant of so many milliseconds, which may lie beyond the supported years.
fn instant(millis: Option<i64>) -> Result<Value, Fault> {
    let at = millis.and_then(|millis| Timestamp::from_millis(millis).ok());
    at.map(Value::Time).ok_or(Fault::Overflow)
}

/// A length of time of so many milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub fn span_of(millis: f64) -> Result<Value, Fault> {
    #[expect(clippy::cast_precision_loss, reason = "a bound may be rounded")]
    if millis.abs() < Span::MAX.millis() as f64 {
        Ok(Value::Span(Span::from_millis(millis as i64)))
    } else {
        Err(Fault::Overflow)
    }
}

/// A length of time of so many milliseconds, without their decimals: towards the past.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what is beyond the range of ints is refused")]
pub fn span_below(millis: f64) -> Result<Value, Fault> {
    // What `floor` gives; without SSE 4.1 that is a call.
    let whole = millis as i64;
    #[expect(clippy::cast_precision_loss, reason = "it came from a double")]
    let below = whole.saturating_sub(i64::from(millis < whole as f64));
    if !millis.is_nan() && below.unsigned_abs() < Span::MAX.millis().unsigned_abs() {
        Ok(Value::Span(Span::from_millis(below)))
    } else {
        Err(Fault::Overflow)
    }
}

/// A number without its decimals, towards zero; CEL refuses both ends of the range of ints.
#[expect(clippy::cast_possible_truncation, reason = "meant; the range is checked")]
pub fn whole(number: f64) -> Result<Value, Fault> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if -END < number && number < END { Ok(Value::Int(number as i64)) } else { Err(Fault::Overflow) }
}

fn integers(op: Arithmetic, a: i64, b: i64) -> Result<Value, Fault> {
    if b == 0 && matches!(op, Arithmetic::Divide | Arithmetic::Modulo) {
        return Err(Fault::DivisionByZero);
    }
    match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => a.checked_rem(b),
    }
    .map(Value::Int)
    .ok_or(Fault::Overflow)
}

fn doubles(op: Arithmetic, a: f64, b: f64) -> Result<f64, Fault> {
    match op {
        Arithmetic::Add => Ok(a + b),
        Arithmetic::Subtract => Ok(a - b),
        Arithmetic::Multiply => Ok(a * b),
        // CEL gives infinity; a rule that compares with infinity would fire on nothing at all.
        Arithmetic::Divide if b == 0.0 => Err(Fault::DivisionByZero),
        Arithmetic::Divide => Ok(a / b),
        Arithmetic::Modulo => Err(Fault::Type),
    }
}

fn scaled(op: Arithmetic, amount: Decimal, factor: f64) -> Result<Value, Fault> {
    let result = match op {
        Arithmetic::Multiply => amount.to_f64() * factor,
        Arithmetic::Divide if factor == 0.0 => return Err(Fault::DivisionByZero),
        Arithmetic::Divide => amount.to_f64() / factor,
        _ => return Err(Fault::Type),
    };
    Decimal::from_f64(result).map(Value::Money).map_err(|_| Fault::Overflow)
}

/// `left op right`.
pub fn compare(op: Comparison, left: Value, right: Value) -> Result<bool, Fault> {
    if let Comparison::Equal | Comparison::NotEqual = op {
        let equal = equal(left, right);
        return Ok(equal == (op == Comparison::Equal));
    }
    order(left, right).map(|order| op.holds(order))
}

/// Equality is never an error; `null` equals only itself, 1 equals 1.0.
pub fn equal(left: Value, right: Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Made(a), Value::Made(b)) => a == b,
        _ => order(left, right) == Ok(Ordering::Equal),
    }
}

/// Which of two values comes first.
pub fn order(left: Value, right: Value) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Err(Fault::Missing),
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(&b)),
        (Value::Money(a), Value::Money(b)) | (Value::Number(a), Value::Number(b)) => Ok(a.cmp(&b)),
        (Value::Time(a), Value::Time(b)) => Ok(a.cmp(&b)),
        (Value::Span(a), Value::Span(b)) => Ok(a.cmp(&b)),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(&b)),
        // An amount against a plain number counts in whole units of the entity's currency.
        (
            Value::Int(_) | Value::Double(_) | Value::Number(_) | Value::Money(_),
            Value::Int(_) | Value::Double(_) | Value::Number(_) | Value::Money(_),
        ) => left.number()?.partial_cmp(&right.number()?).ok_or(Fault::Type),
        _ => Err(Fault::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_keeps_units_apart() {
        use Arithmetic as A;
        let money = |units: i64| Value::Money(Decimal::from_micros(units * Decimal::SCALE));
        let span = |millis| Value::Span(Span::from_millis(millis));
        for (op, left, right, want) in [
            (A::Add, Value::Int(2), Value::Int(3), Ok(Value::Int(5))),
            (A::Divide, Value::Int(7), Value::Int(2), Ok(Value::Int(3))),
            (A::Divide, Value::Int(7), Value::Double(2.0), Ok(Value::Double(3.5))),
            (A::Divide, Value::Int(7), Value::Int(0), Err(Fault::DivisionByZero)),
            (A::Divide, money(7), money(0), Err(Fault::DivisionByZero)),
            (A::Divide, money(7), money(2), Ok(Value::Double(3.5))),
            (A::Multiply, money(7), Value::Double(0.5), {
                Ok(Value::Money(Decimal::from_micros(3_500_000)))
            }),
            (A::Add, money(7), Value::Int(1), Err(Fault::Type)),
            (A::Multiply, money(7), money(7), Err(Fault::Type)),
            (A::Multiply, span(3), Value::Double(2.5), Ok(span(7))),
            (A::Divide, span(7), Value::Int(2), Ok(span(3))),
            (A::Add, Value::Int(i64::MAX), Value::Int(1), Err(Fault::Overflow)),
            (A::Add, Value::Null, Value::Int(1), Err(Fault::Missing)),
        ] {
            assert_eq!(arithmetic(op, left, right), want, "{left:?} {op:?} {right:?}");
        }
    }

    #[test]
    fn null_equals_only_null_and_compares_with_nothing() {
        use Comparison as C;
        assert_eq!(compare(C::Equal, Value::Null, Value::Null), Ok(true));
        assert_eq!(compare(C::NotEqual, Value::Null, Value::Int(0)), Ok(true));
        assert_eq!(compare(C::Less, Value::Null, Value::Int(0)), Err(Fault::Missing));
        assert_eq!(compare(C::Equal, Value::Int(1), Value::Double(1.0)), Ok(true));
    }
}
