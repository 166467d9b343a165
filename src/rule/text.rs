//! Texts of an alert: templates compiled, and values written as people read them.

use compact_str::CompactString;
use compact_str::ToCompactString;
use compact_str::format_compact;

use crate::money;
use crate::money::Currency;
use crate::rule::vocabulary::Type;
use crate::state::Entity;
use crate::state::evaluate::evaluate;
use crate::state::program::NodeId;
use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Span;

/// A compiled template.
#[derive(Debug, Clone, Default)]
pub struct Text {
    /// Its parts, in order.
    pub parts: Vec<TextPart>,
}

/// A part of a template.
#[derive(Debug, Clone)]
pub enum TextPart {
    /// As it stands.
    Plain(String),
    /// A value.
    Value {
        /// Its expression.
        node: NodeId,
        /// Its type.
        ty: Type,
        /// How it is written.
        format: Format,
    },
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As suits its type.
    Auto,
    /// 12.3 %
    Percent,
    /// $1,234.50
    Money,
    /// So many decimals.
    Round(u8),
    /// 2025-03-01
    Date,
}

/// Writes a template out. What has no value reads `?`: an alert is not lost for its text.
pub fn render(text: &Text, scope: &mut Scope<'_>) -> String {
    let currency = scope.entity.and_then(Entity::currency);
    let mut out = String::new();
    for part in &text.parts {
        match part {
            TextPart::Plain(plain) => out.push_str(plain),
            TextPart::Value { node, format, .. } => match evaluate(scope, *node) {
                Ok(value) => out.push_str(&written(value, *format, currency, scope)),
                Err(_) => out.push('?'),
            },
        }
    }
    out
}

/// A value or its absence, as people read it.
pub fn outcome(
    result: Result<Value, Fault>,
    currency: Option<Currency>,
    scope: &Scope<'_>,
) -> CompactString {
    match result {
        Ok(value) => written(value, Format::Auto, currency, scope),
        Err(fault) => format_compact!("no value ({fault})"),
    }
}

fn written(
    value: Value,
    format: Format,
    currency: Option<Currency>,
    scope: &Scope<'_>,
) -> CompactString {
    match (format, value) {
        (_, Value::Null) => "–".into(),
        (Format::Percent, value) => match value.number() {
            Ok(number) => format_compact!("{:.1} %", number * 100.0),
            Err(_) => "?".into(),
        },
        (Format::Money, Value::Int(_) | Value::Double(_) | Value::Number(_)) => {
            let amount = value.number().ok().and_then(|n| money::Decimal::from_f64(n).ok());
            amount.map_or("?".into(), |amount| money::display(amount, currency).into())
        }
        (Format::Round(places), value) => match value.number() {
            Ok(number) => format_compact!("{number:.*}", usize::from(places)),
            Err(_) => "?".into(),
        },
        (Format::Date, Value::Time(at)) => at.to_string().chars().take(10).collect(),
        (_, Value::Bool(truth)) => if truth { "yes" } else { "no" }.into(),
        (_, Value::Int(int)) => int.to_compact_string(),
        (_, Value::Double(double)) => short(double),
        (_, Value::Number(number)) => short(number.to_f64()),
        (_, Value::Money(amount)) => money::display(amount, currency).into(),
        (_, Value::Time(at)) => {
            let text = at.to_string();
            text.trim_end_matches("T00:00:00Z").into()
        }
        (_, Value::Span(span)) => length(span).into(),
        (_, Value::Text(_) | Value::Made(_)) => {
            texts::read(scope, value, |text| CompactString::from(text)).unwrap_or_default()
        }
    }
}

/// A number with as many decimals as matter.
fn short(number: f64) -> CompactString {
    let places = match number.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 1.0 => 2,
        _ => 4,
    };
    let mut text = format_compact!("{number:.places$}");
    if text.contains('.') {
        let length = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(length);
    }
    text
}

/// A length of time in its two largest units.
fn length(span: Span) -> String {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = span.millis().unsigned_abs();
    let mut parts = Vec::new();
    for (unit, millis) in UNITS {
        if rest >= millis && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / millis));
            rest %= millis;
        } else if !parts.is_empty() {
            break;
        }
    }
    let sign = if span.millis() < 0 { "-" } else { "" };
    if parts.is_empty() { "0 s".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_are_short() {
        for (number, want) in [(0.0, "0"), (0.123_456, "0.1235"), (12.5, "12.5"), (1234.5, "1234")]
        {
            assert_eq!(short(number), want);
        }
        for (millis, want) in [
            (0, "0 s"),
            (90_061_000, "1 d 1 h"),
            (-3_600_000, "-1 h"),
            (86_400_000 + 60_000, "1 d"),
            (1_500, "1 s 500 ms"),
        ] {
            assert_eq!(length(Span::from_millis(millis)), want);
        }
    }
}
