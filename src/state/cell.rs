//! A value, or the fault in its place, as two machine words.
//!
//! [`Value`] is what the rest of the program reads and writes. Code that is run for every event
//! moves cells: a tag and 64 bits travel in two registers, where an enum goes through memory.
//! What is frequent is computed here; the rest is left to [`value`], which defines every result.

use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::texts::Made;
use crate::state::value;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::Unit;
use crate::time::Span;
use crate::time::Timestamp;

/// What the bits of a cell mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Null,
    Bool,
    Int,
    Double,
    Number,
    Money,
    Time,
    Span,
    Text,
    Made,
    Fault,
}

/// One value or fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    tag: Tag,
    bits: u64,
}

impl Cell {
    pub(crate) const NULL: Self = Self { tag: Tag::Null, bits: 0 };

    pub(crate) const fn of_bool(truth: bool) -> Self {
        Self { tag: Tag::Bool, bits: truth as u64 }
    }

    pub(crate) const fn of_fault(fault: Fault) -> Self {
        Self { tag: Tag::Fault, bits: fault as u64 }
    }

    /// What the 64 bits of a running value say.
    #[inline]
    pub(crate) const fn of_running(unit: Unit, raw: i64) -> Self {
        let tag = match unit {
            Unit::Int => Tag::Int,
            Unit::Number => Tag::Number,
            Unit::Money => Tag::Money,
            Unit::Time => Tag::Time,
        };
        Self { tag, bits: raw.cast_unsigned() }
    }

    fn of_double(double: f64) -> Self {
        Self { tag: Tag::Double, bits: double.to_bits() }
    }

    fn of_number(tag: Tag, number: i64) -> Self {
        Self { tag, bits: number.cast_unsigned() }
    }

    const fn int(self) -> i64 {
        self.bits.cast_signed()
    }

    const fn double(self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(crate) fn is_fault(self) -> bool {
        self.tag == Tag::Fault
    }

    /// As the rest of the program reads it.
    #[inline]
    pub(crate) fn outcome(self) -> Result<Value, Fault> {
        Ok(match self.tag {
            Tag::Null => Value::Null,
            Tag::Bool => Value::Bool(self.bits != 0),
            Tag::Int => Value::Int(self.int()),
            Tag::Double => Value::Double(self.double()),
            Tag::Number => Value::Number(Decimal::from_micros(self.int())),
            Tag::Money => Value::Money(Decimal::from_micros(self.int())),
            Tag::Time => Value::Time(Timestamp::saturating(self.int())),
            Tag::Span => Value::Span(Span::from_millis(self.int())),
            Tag::Text => match u32::try_from(self.bits).ok().and_then(Symbol::from_number) {
                Some(symbol) => Value::Text(symbol),
                None => Value::Null,
            },
            Tag::Made => match u32::try_from(self.bits) {
                Ok(number) => Value::Made(Made::from_number(number)),
                Err(_) => Value::Null,
            },
            Tag::Fault => return Err(self.fault()),
        })
    }

    fn fault(self) -> Fault {
        let known = usize::try_from(self.bits).ok().and_then(|number| Fault::ALL.get(number));
        known.copied().unwrap_or(Fault::Type)
    }

    /// The truth of a condition, or the fault of one that has none.
    #[inline]
    pub(crate) fn truth(self) -> Self {
        match self.tag {
            Tag::Bool | Tag::Fault => self,
            Tag::Null => Self::of_fault(Fault::Missing),
            _ => Self::of_fault(Fault::Type),
        }
    }

    /// Whether it is this truth, and no fault.
    #[inline]
    pub(crate) fn is(self, truth: bool) -> bool {
        self.tag == Tag::Bool && (self.bits != 0) == truth
    }

    /// `self op other`, as [`value::arithmetic`] defines it.
    #[inline]
    pub(crate) fn arithmetic(self, op: Arithmetic, other: Self) -> Self {
        let exact = match (self.tag, other.tag) {
            (Tag::Double, Tag::Double) => {
                let (a, b) = (self.double(), other.double());
                return match op {
                    Arithmetic::Add => Self::of_double(a + b),
                    Arithmetic::Subtract => Self::of_double(a - b),
                    Arithmetic::Multiply => Self::of_double(a * b),
                    Arithmetic::Divide if b != 0.0 => Self::of_double(a / b),
                    _ => self.rare(op, other),
                };
            }
            (Tag::Int, Tag::Int) | (Tag::Money, Tag::Money) => match op {
                Arithmetic::Add => self.int().checked_add(other.int()),
                Arithmetic::Subtract => self.int().checked_sub(other.int()),
                Arithmetic::Divide if self.tag == Tag::Money && other.bits != 0 => {
                    return Self::of_double(ratio(self.int(), other.int()));
                }
                _ => None,
            },
            (Tag::Time, Tag::Time) if op == Arithmetic::Subtract => {
                // Timestamps are far from the ends of an i64.
                return Self::of_number(Tag::Span, self.int() - other.int());
            }
            (Tag::Span, Tag::Int | Tag::Double) => return self.scaled(op, other),
            _ => None,
        };
        match exact {
            Some(exact) => Self::of_number(self.tag, exact),
            None => self.rare(op, other),
        }
    }

    /// A length of time, so many times or in so many parts.
    #[expect(clippy::cast_precision_loss, reason = "lengths of time are far below 2^53 ms")]
    fn scaled(self, op: Arithmetic, other: Self) -> Self {
        let (span, factor) = match other.tag {
            Tag::Int => (self.int() as f64, other.int() as f64),
            _ => (self.int() as f64, other.double()),
        };
        match op {
            Arithmetic::Multiply => value::span_below(span * factor).into(),
            Arithmetic::Divide if factor != 0.0 => value::span_below(span / factor).into(),
            _ => self.rare(op, other),
        }
    }

    #[inline(never)]
    fn rare(self, op: Arithmetic, other: Self) -> Self {
        match (self.outcome(), other.outcome()) {
            (Ok(a), Ok(b)) => value::arithmetic(op, a, b).into(),
            (Err(fault), _) | (_, Err(fault)) => Self::of_fault(fault),
        }
    }

    /// `self op other`, as [`value::compare`] defines it.
    #[inline]
    pub(crate) fn compare(self, op: Comparison, other: Self) -> Self {
        let (a, b) = (self.int(), other.int());
        let truth = match (self.tag, other.tag) {
            (Tag::Int, Tag::Int)
            | (Tag::Money, Tag::Money)
            | (Tag::Number, Tag::Number)
            | (Tag::Time, Tag::Time)
            | (Tag::Span, Tag::Span) => match op {
                Comparison::Equal => a == b,
                Comparison::NotEqual => a != b,
                Comparison::Less => a < b,
                Comparison::LessOrEqual => a <= b,
                Comparison::Greater => a > b,
                Comparison::GreaterOrEqual => a >= b,
            },
            (Tag::Text, Tag::Text) if op == Comparison::Equal => a == b,
            (Tag::Text, Tag::Text) if op == Comparison::NotEqual => a != b,
            _ => return self.rarely(op, other),
        };
        Self::of_bool(truth)
    }

    #[inline(never)]
    fn rarely(self, op: Comparison, other: Self) -> Self {
        match (self.outcome(), other.outcome()) {
            (Ok(a), Ok(b)) => value::compare(op, a, b).map(Value::Bool).into(),
            (Err(fault), _) | (_, Err(fault)) => Self::of_fault(fault),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio; it is rounded once")]
fn ratio(a: i64, b: i64) -> f64 {
    a as f64 / b as f64
}

impl From<Value> for Cell {
    #[inline]
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(truth) => Self::of_bool(truth),
            Value::Int(int) => Self::of_number(Tag::Int, int),
            Value::Double(double) => Self::of_double(double),
            Value::Number(number) => Self::of_number(Tag::Number, number.micros()),
            Value::Money(amount) => Self::of_number(Tag::Money, amount.micros()),
            Value::Time(at) => Self::of_number(Tag::Time, at.millis()),
            Value::Span(span) => Self::of_number(Tag::Span, span.millis()),
            Value::Text(symbol) => Self { tag: Tag::Text, bits: u64::from(symbol.number()) },
            Value::Made(made) => Self { tag: Tag::Made, bits: u64::from(made.number()) },
        }
    }
}

impl From<Result<Value, Fault>> for Cell {
    #[inline]
    fn from(outcome: Result<Value, Fault>) -> Self {
        match outcome {
            Ok(value) => value.into(),
            Err(fault) => Self::of_fault(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome() -> impl Strategy<Value = Result<Value, Fault>> {
        // Few numbers, so that equal ones, zeros and the ends of the range meet often.
        let number = || {
            prop_oneof![
                Just(0),
                Just(1),
                Just(-7),
                Just(1_000_000),
                Just(i64::MAX),
                Just(i64::MIN),
                any::<i64>()
            ]
        };
        prop_oneof![
            Just(Ok(Value::Null)),
            any::<bool>().prop_map(|truth| Ok(Value::Bool(truth))),
            number().prop_map(|int| Ok(Value::Int(int))),
            prop_oneof![Just(0.0), Just(-0.5), Just(f64::NAN), any::<f64>()]
                .prop_map(|double| Ok(Value::Double(double))),
            number().prop_map(|micros| Ok(Value::Number(Decimal::from_micros(micros)))),
            number().prop_map(|micros| Ok(Value::Money(Decimal::from_micros(micros)))),
            number().prop_map(|millis| Ok(Value::Time(Timestamp::saturating(millis)))),
            (-100_000_i64..100_000).prop_map(|millis| Ok(Value::Span(Span::from_millis(millis)))),
            (1_u32..4).prop_map(|number| Ok(
                Symbol::from_number(number).map_or(Value::Null, Value::Text)
            )),
            (1_u32..4).prop_map(|number| Ok(Value::Made(Made::from_number(number)))),
            prop::sample::select(&Fault::ALL[..]).prop_map(Err),
        ]
    }

    /// Equal bit for bit: not-a-number, too.
    fn same(a: Result<Value, Fault>, b: Result<Value, Fault>) -> bool {
        match (a, b) {
            (Ok(Value::Double(a)), Ok(Value::Double(b))) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            _ => a == b,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_cell_holds_every_value_and_fault(one in outcome()) {
            prop_assert!(same(Cell::from(one).outcome(), one), "{one:?}");
        }

        #[test]
        fn cells_compute_what_values_compute(a in outcome(), b in outcome(), op in 0_usize..5) {
            let op = [
                Arithmetic::Add,
                Arithmetic::Subtract,
                Arithmetic::Multiply,
                Arithmetic::Divide,
                Arithmetic::Modulo,
            ][op];
            let want = a.and_then(|a| value::arithmetic(op, a, b?));
            let got = Cell::from(a).arithmetic(op, b.into()).outcome();
            prop_assert!(same(got, want), "{a:?} {op:?} {b:?}: {got:?}, not {want:?}");
        }

        #[test]
        fn cells_compare_as_values_compare(a in outcome(), b in outcome(), op in 0_usize..6) {
            let op = [
                Comparison::Equal,
                Comparison::NotEqual,
                Comparison::Less,
                Comparison::LessOrEqual,
                Comparison::Greater,
                Comparison::GreaterOrEqual,
            ][op];
            let want = a.and_then(|a| value::compare(op, a, b?).map(Value::Bool));
            let got = Cell::from(a).compare(op, b.into()).outcome();
            prop_assert_eq!(got, want, "{:?} {:?} {:?}", a, op, b);
        }

        #[test]
        fn a_cell_is_as_true_as_its_value(one in outcome()) {
            let want = one.and_then(Value::truth).map(Value::Bool);
            prop_assert_eq!(Cell::from(one).truth().outcome(), want);
            prop_assert_eq!(Cell::from(one).is(true), want == Ok(Value::Bool(true)));
        }
    }
}
