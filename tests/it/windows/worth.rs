//! What are the values of the oracle, and what can be computed with them?
//!
//! Amounts and counted quantities are exact, in millionths; everything computed from them is a
//! double, as in CEL. What has no value is [`Broken`], whatever the reason.

use siaga::rule::expression::BinaryOp;
use siaga::rule::expression::Expr;
use siaga::rule::expression::Node;
use siaga::state::value::Value;

use siaga::event::Symbols;

/// There is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Worth {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Millionths of a plain number.
    Exact(i128),
    /// Millionths of the customer's currency.
    Money(i128),
    Time(i64),
    Span(i64),
    Text(String),
}

impl Worth {
    #[expect(clippy::cast_precision_loss, reason = "CEL's double")]
    pub(crate) fn number(&self) -> Result<f64, Broken> {
        match self {
            Self::Int(int) => Ok(*int as f64),
            Self::Double(double) => Ok(*double),
            Self::Exact(micros) | Self::Money(micros) => Ok(*micros as f64 / 1e6),
            _ => Err(Broken),
        }
    }

    /// Whether the program's value is the same; doubles may differ in their last digits.
    pub(crate) fn is(&self, value: Value, symbols: &Symbols) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(a), Value::Bool(b)) => *a == b,
            (Self::Int(a), Value::Int(b)) => *a == b,
            (Self::Money(a), Value::Money(b)) => *a == i128::from(b.micros()),
            (Self::Time(a), Value::Time(b)) => *a == b.millis(),
            (Self::Span(a), Value::Span(b)) => *a == b.millis(),
            (Self::Text(a), Value::Text(b)) => *a == symbols.text(b),
            (a, Value::Number(_) | Value::Double(_) | Value::Int(_)) => {
                let (Ok(a), Ok(b)) = (a.number(), value.number()) else { return false };
                (a - b).abs() <= 1e-9 * a.abs().max(1.0)
            }
            _ => false,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "amounts of the tests are small")]
fn rounded(number: f64) -> i128 {
    (number * 1e6).round() as i128
}

#[expect(clippy::cast_possible_truncation, reason = "lengths of the tests are small")]
#[expect(clippy::cast_precision_loss, reason = "CEL's double")]
pub(crate) fn arithmetic(op: BinaryOp, a: &Worth, b: &Worth) -> Result<Worth, Broken> {
    use BinaryOp::Add;
    use BinaryOp::Divide;
    use BinaryOp::Multiply;
    use BinaryOp::Subtract;
    use Worth::Exact;
    use Worth::Int;
    use Worth::Money;
    use Worth::Span;
    use Worth::Time;
    let by_zero = |b: &Worth| b.number().is_ok_and(|b| b == 0.0);
    if *a == Worth::Null || *b == Worth::Null || (op == Divide && by_zero(b)) {
        return Err(Broken);
    }
    Ok(match (a, op, b) {
        (Int(a), Add, Int(b)) => Int(a + b),
        (Int(a), Subtract, Int(b)) => Int(a - b),
        (Int(a), Multiply, Int(b)) => Int(a * b),
        (Int(a), Divide, Int(b)) => Int(a / b),
        // Sums of what the source counts stay exact.
        (Exact(a), Add, Exact(b)) => Exact(a + b),
        (Money(a), Add, Money(b)) => Money(a + b),
        (Money(a), Subtract, Money(b)) => Money(a - b),
        (Money(a), Divide, Money(b)) => Worth::Double(*a as f64 / *b as f64),
        (Money(_), Multiply, b) => Money(rounded(a.number()? * b.number()?)),
        (Money(_), Divide, b) => Money(rounded(a.number()? / b.number()?)),
        (a, Multiply, Money(_)) => Money(rounded(b.number()? * a.number()?)),
        (Money(_), _, _) | (_, _, Money(_)) => return Err(Broken),
        (Time(a), Subtract, Time(b)) => Span(a - b),
        (Time(a), Subtract, Span(b)) => Time(a - b),
        (Time(a), Add, Span(b)) => Time(a + b),
        (Span(a), Divide, b) => Span((*a as f64 / b.number()?).floor() as i64),
        (a, op, b) => {
            let (a, b) = (a.number()?, b.number()?);
            Worth::Double(match op {
                Add => a + b,
                Subtract => a - b,
                Multiply => a * b,
                Divide => a / b,
                _ => return Err(Broken),
            })
        }
    })
}

/// Never an error: what cannot be compared is not the same.
pub(crate) fn same(a: &Worth, b: &Worth) -> bool {
    match (a, b) {
        (Worth::Null, b) => *b == Worth::Null,
        (Worth::Bool(_) | Worth::Text(_) | Worth::Time(_) | Worth::Span(_), b) => a == b,
        (a, b) => less(a, b) == Ok(false) && less(b, a) == Ok(false),
    }
}

pub(crate) fn less(a: &Worth, b: &Worth) -> Result<bool, Broken> {
    match (a, b) {
        (Worth::Int(a), Worth::Int(b))
        | (Worth::Time(a), Worth::Time(b))
        | (Worth::Span(a), Worth::Span(b)) => Ok(a < b),
        (Worth::Money(a), Worth::Money(b)) | (Worth::Exact(a), Worth::Exact(b)) => Ok(a < b),
        (Worth::Text(a), Worth::Text(b)) => Ok(a < b),
        (a, b) => Ok(a.number()? < b.number()?),
    }
}

/// The sum of nothing, by what would have been summed.
pub(crate) fn zero(measure: &[Expr]) -> Worth {
    let Some(measure) = measure.first() else { return Worth::Money(0) };
    let (mut money, mut double) = (false, false);
    measure.walk(&mut |expr| match &expr.node {
        Node::Select(_, field) => {
            money |=
                ["net", "cost", "discount", "gross_profit", "amount", "value"].contains(&&**field);
            double |= ["quantity", "duration", "sentiment"].contains(&&**field);
        }
        Node::Double(_) => double = true,
        _ => {}
    });
    match (money, double) {
        (true, _) => Worth::Money(0),
        (false, true) => Worth::Double(0.0),
        (false, false) => Worth::Int(0),
    }
}
