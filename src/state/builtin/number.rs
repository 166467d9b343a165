//! Functions of one number.

use crate::money::Decimal;
use crate::state::builtin::Builtin;
use crate::state::detector::conversion::Conversion;
use crate::state::detector::conversion::ConversionRule;
use crate::state::value::Fault;
use crate::state::value::Value;

/// The value of a function of a number, an amount or a length of time.
pub(super) fn of(builtin: &Builtin, value: Value) -> Result<Value, Fault> {
    match (builtin, value) {
        (Builtin::Sign, Value::Int(int)) => Ok(Value::Int(int.signum())),
        (Builtin::Sign, Value::Money(amount)) => Ok(Value::Int(amount.micros().signum())),
        (Builtin::Sign, Value::Span(span)) => Ok(Value::Int(span.millis().signum())),
        (Builtin::Sign, Value::Double(double)) => {
            // `f64::signum` gives 1 for zero.
            let sign = if double == 0.0 { 0.0 } else { double.signum() };
            Ok(Value::Double(sign))
        }
        (Builtin::Sqrt, value) => Ok(Value::Double(value.number()?.sqrt())),
        (Builtin::IsNan, value) => Ok(Value::Bool(value.number()?.is_nan())),
        (Builtin::IsInf, value) => Ok(Value::Bool(value.number()?.is_infinite())),
        (Builtin::IsFinite, value) => Ok(Value::Bool(value.number()?.is_finite())),
        (_, Value::Int(int)) => Ok(Value::Int(int)),
        (_, Value::Double(double)) => Ok(Value::Double(match builtin {
            Builtin::Ceil => double.ceil(),
            Builtin::Floor => double.floor(),
            Builtin::Round => double.round(),
            _ => double.trunc(),
        })),
        (_, Value::Money(amount)) => {
            let micros = whole(builtin, amount.micros(), Decimal::SCALE)?;
            Ok(Value::Money(Decimal::from_micros(micros)))
        }
        (_, Value::Null) => Err(Fault::Missing),
        _ => Err(Fault::Type),
    }
}

/// A multiple of `unit`, exactly.
fn whole(builtin: &Builtin, number: i64, unit: i64) -> Result<i64, Fault> {
    let down = number.div_euclid(unit);
    let rest = number.rem_euclid(unit);
    let up = match builtin {
        Builtin::Ceil => rest > 0,
        Builtin::Floor => false,
        // Halves away from zero, as of doubles.
        Builtin::Round => 2 * rest > unit || (2 * rest == unit && number > 0),
        _ => rest > 0 && number < 0,
    };
    (down + i64::from(up)).checked_mul(unit).ok_or(Fault::Overflow)
}

/// P(share < 0.8 × team): see [`Conversion::p_below_team`].
pub(super) fn win_rate_below(won: Value, lost: Value, team: Value) -> Result<Value, Fault> {
    let (won, lost, team) = (won.number()?, lost.number()?, team.number()?);
    let p = Conversion::p_below(&ConversionRule::START, (won, lost), team);
    p.map(Value::Double).ok_or(Fault::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_rounded_as_a_double_is_but_exactly() {
        for micros in
            [0, 1, 499_999, 500_000, 500_001, 1_000_000, 1_500_000, 2_500_000, 123_456_789]
        {
            for micros in [micros, -micros] {
                for builtin in [Builtin::Ceil, Builtin::Floor, Builtin::Round, Builtin::Trunc] {
                    let amount = Decimal::from_micros(micros);
                    let exact = of(&builtin, Value::Money(amount)).and_then(Value::number);
                    let double =
                        of(&builtin, Value::Double(amount.to_f64())).and_then(Value::number);
                    assert_eq!(exact, double, "{builtin:?} of {micros}");
                }
            }
        }
        let most = Value::Money(Decimal::from_micros(i64::MAX));
        assert_eq!(of(&Builtin::Ceil, most), Err(Fault::Overflow));
    }
}
