//! Conversions between texts, numbers, instants and lengths of time.

use std::fmt::Write;

use crate::state::builtin::Builtin;
use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// `string(x)`, `int(x)` … of a value that is there.
pub(super) fn convert(
    scope: &mut Scope<'_>,
    builtin: &Builtin,
    value: Value,
) -> Result<Value, Fault> {
    match (builtin, value) {
        (Builtin::String, value) => string(scope, value),
        (Builtin::Bool, value @ Value::Bool(_))
        | (Builtin::Timestamp, value @ Value::Time(_))
        | (Builtin::Duration, value @ Value::Span(_)) => Ok(value),
        (Builtin::Bool, value) => texts::read(scope, value, truth)?,
        (Builtin::Timestamp, Value::Int(seconds)) => {
            let millis = seconds.checked_mul(1_000).ok_or(Fault::Overflow)?;
            Timestamp::from_millis(millis).map(Value::Time).map_err(|_| Fault::Overflow)
        }
        (Builtin::Timestamp, value) => texts::read(scope, value, |text| {
            Timestamp::parse(text).map(Value::Time).map_err(|_| Fault::Format)
        })?,
        (Builtin::Duration, value) => texts::read(scope, value, |text| {
            parse_span(text).map(Value::Span).ok_or(Fault::Format)
        })?,
        (Builtin::Int, Value::Int(int)) => Ok(Value::Int(int)),
        (Builtin::Int, Value::Time(at)) => Ok(Value::Int(at.millis().div_euclid(1_000))),
        (Builtin::Int, Value::Text(_) | Value::Made(_)) => texts::read(scope, value, |text| {
            text.parse().map(Value::Int).map_err(|_| Fault::Format)
        })?,
        (Builtin::Int, value) => value::whole(value.number()?),
        (Builtin::Double, Value::Text(_) | Value::Made(_)) => texts::read(scope, value, |text| {
            text.parse().map(Value::Double).map_err(|_| Fault::Format)
        })?,
        (Builtin::Double, value) => value.number().map(Value::Double),
        _ => Err(Fault::Type),
    }
}

/// The words that CEL takes for yes and no.
fn truth(text: &str) -> Result<Value, Fault> {
    match text {
        "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
        _ => Err(Fault::Format),
    }
}

fn string(scope: &mut Scope<'_>, value: Value) -> Result<Value, Fault> {
    if let Value::Text(_) | Value::Made(_) = value {
        return Ok(value);
    }
    scope.texts.make(|_, out| {
        let written = match value {
            Value::Bool(truth) => write!(out, "{truth}"),
            Value::Int(int) => write!(out, "{int}"),
            Value::Double(double) => write_double(out, double),
            Value::Number(number) | Value::Money(number) => write!(out, "{number}"),
            Value::Time(at) => write!(out, "{at}"),
            Value::Span(span) => write_seconds(out, span),
            Value::Null => return Err(Fault::Missing),
            Value::Text(_) | Value::Made(_) => return Err(Fault::Type),
        };
        written.map_err(|_| Fault::Overflow)
    })
}

/// The shortest digits that give the number back, with an exponent where it is very large or very
/// small: as Go writes it (`strconv.FormatFloat(x, 'g', -1, 64)`).
fn write_double(out: &mut String, double: f64) -> std::fmt::Result {
    let size = double.abs();
    if double.is_nan() || (size == 0.0) || (1e-4..1e21).contains(&size) {
        return write!(out, "{double}");
    }
    if double.is_infinite() {
        return out.write_str(if double > 0.0 { "+Inf" } else { "-Inf" });
    }
    let plain = format!("{double:e}");
    let (digits, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    write!(out, "{digits}e{sign}{exponent:0>2}")
}

/// Seconds with their decimals: `5400s`, `-1.5s`.
fn write_seconds(out: &mut String, span: Span) -> std::fmt::Result {
    let millis = span.millis();
    let sign = if millis < 0 { "-" } else { "" };
    let (whole, rest) = (millis.unsigned_abs() / 1_000, millis.unsigned_abs() % 1_000);
    if rest == 0 {
        return write!(out, "{sign}{whole}s");
    }
    let rest = format!("{rest:03}");
    write!(out, "{sign}{whole}.{}s", rest.trim_end_matches('0'))
}

/// Units of a length of time, in nanoseconds; of two that begin alike the longer comes first.
const UNITS: [(&str, i128); 8] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// A length of time: as Prometheus writes it (`30d`, `1h30m`), or as CEL does, with a sign and with
/// decimals (`-1.5h`, `100ms`). What is finer than a millisecond is cut off.
pub fn parse_span(text: &str) -> Option<Span> {
    if let Ok(span) = Span::parse(text) {
        return Some(span);
    }
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0_i128;
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let (name, unit) = UNITS.iter().find(|(name, _)| tail.starts_with(name))?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && part.is_empty() || whole.len() > 18 || part.len() > 18 {
            return None;
        }
        let mut scale = *unit;
        nanos += whole.bytes().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')) * unit;
        for digit in part.bytes() {
            scale /= 10;
            nanos += i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?) * scale;
        }
        rest = &tail[name.len()..];
    }
    let millis = i64::try_from(nanos / 1_000_000).ok()?;
    let fits = millis < Span::MAX.millis();
    fits.then_some(Span::from_millis(if negative { -millis } else { millis }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_read_as_prometheus_and_as_cel_write_it() {
        for (text, millis) in [
            ("30d", Some(30 * Span::DAY.millis())),
            ("1h30m", Some(5_400_000)),
            ("1.5h", Some(5_400_000)),
            ("-1.5s", Some(-1_500)),
            ("+2m", Some(120_000)),
            (".5s", Some(500)),
            ("3730s", Some(3_730_000)),
            ("123.321456789s", Some(123_321)),
            ("1s1h", Some(3_601_000)),
            ("999999ns", Some(0)),
            ("0", Some(0)),
            ("-0", Some(0)),
            ("", None),
            ("-", None),
            (".s", None),
            ("1.2.3s", None),
            ("5", None),
            ("5 s", None),
            ("5x", None),
            ("9999999999999999999s", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(parse_span(text).map(Span::millis), millis, "{text}");
        }
    }

    #[test]
    fn doubles_and_lengths_are_written_as_cel_writes_them() {
        for (double, want) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (123.456, "123.456"),
            (1e20, "100000000000000000000"),
            (6.022_14e23, "6.02214e+23"),
            (1.38e-23, "1.38e-23"),
            (1e-5, "1e-05"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            write_double(&mut out, double).unwrap();
            assert_eq!(out, want);
        }
        for (millis, want) in [(0, "0s"), (1_500, "1.5s"), (-10, "-0.01s"), (3_600_000, "3600s")] {
            let mut out = String::new();
            write_seconds(&mut out, Span::from_millis(millis)).unwrap();
            assert_eq!(out, want);
        }
    }
}
