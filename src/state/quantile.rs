//! Quantiles of values that are all at hand.
//!
//! ```text
//! share 0.25 of   10  20  30  40      place 0.25 · 3 = 0.75, between 10 and 20:  17.5
//! ```
//!
//! The method is the seventh of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996),
//! the usual one of R, `NumPy` and spreadsheets (`PERCENTILE.INC`): of `n` values in order the place
//! `share · (n − 1)`, and between two values in proportion.

use crate::money::Decimal;
use crate::state::value;
use crate::state::value::Fault;
use crate::state::value::Value;

/// The value below which `share` of the values lies; null of nothing. The values are of one type
/// that can be ordered, or numbers, and none is not-a-number.
#[expect(clippy::cast_precision_loss, reason = "a place among values in memory")]
#[expect(clippy::cast_possible_truncation, reason = "a place among values in memory")]
#[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
pub(crate) fn of(mut values: Vec<Value>, share: f64) -> Result<Value, Fault> {
    let Some(last) = values.len().checked_sub(1) else { return Ok(Value::Null) };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, between) = (place.floor() as usize, place - place.floor());
    let compare = |a: &Value, b: &Value| value::order(*a, *b).unwrap_or(std::cmp::Ordering::Equal);
    let (_, low, above) = values.select_nth_unstable_by(below, compare);
    let low = *low;
    let next = above.iter().copied().min_by(compare).filter(|_| between > 0.0);
    match (low, next) {
        (Value::Money(low), next) => {
            let next = match next {
                Some(Value::Money(next)) => next,
                _ => low,
            };
            // Whole millionths: the difference of two amounts, in proportion.
            let step = i128::from(next.micros()) - i128::from(low.micros());
            let part = (step as f64 * between).round() as i128;
            let sum = i64::try_from(i128::from(low.micros()) + part);
            sum.map(|sum| Value::Money(Decimal::from_micros(sum))).map_err(|_| Fault::Overflow)
        }
        (Value::Span(low), Some(Value::Span(next))) => {
            let step = (next.millis() - low.millis()) as f64 * between;
            value::span_of(low.millis() as f64 + step.floor())
        }
        (low @ Value::Span(_), _) => Ok(low),
        (low, None) => low.number().map(Value::Double),
        (low, Some(next)) => {
            let (low, next) = (low.number()?, next.number()?);
            Ok(Value::Double(low + (next - low) * between))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_those_of_r() {
        let doubles = |numbers: &[f64]| numbers.iter().copied().map(Value::Double).collect();
        // quantile(c(…), p, type = 7) of R 4.
        for (numbers, share, want) in [
            (&[][..], 0.5, Value::Null),
            (&[7.0], 0.9, Value::Double(7.0)),
            (&[40.0, 10.0, 30.0, 20.0], 0.25, Value::Double(17.5)),
            (&[40.0, 10.0, 30.0, 20.0], 0.5, Value::Double(25.0)),
            (&[40.0, 10.0, 30.0, 20.0], 0.0, Value::Double(10.0)),
            (&[40.0, 10.0, 30.0, 20.0], 1.0, Value::Double(40.0)),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], 0.9, Value::Double(4.6)),
            (&[5.0, 5.0, 5.0, 9.0], 0.5, Value::Double(5.0)),
        ] {
            assert_eq!(of(doubles(numbers), share), Ok(want), "{share} of {numbers:?}");
        }
    }

    proptest! {
        #[test]
        #[expect(clippy::cast_precision_loss, reason = "amounts of the test are small")]
        #[expect(clippy::cast_possible_truncation, reason = "a place in a short list")]
        #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
        fn a_quantile_of_money_lies_where_that_of_numbers_lies(
            micros in proptest::collection::vec(-5_000_000_000_i64..5_000_000_000, 1..40),
            percent in 0_u32..=100,
        ) {
            let share = f64::from(percent) / 100.0;
            let money = micros.iter().map(|m| Value::Money(Decimal::from_micros(*m))).collect();
            let mut sorted = micros;
            sorted.sort_unstable();
            let place = share * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            let want = low as f64 + (high - low) as f64 * place.fract();
            let Ok(Value::Money(found)) = of(money, share) else { panic!("no money") };
            prop_assert!((found.micros() as f64 - want).abs() <= 1.0, "{} {want}", found.micros());
        }
    }
}
