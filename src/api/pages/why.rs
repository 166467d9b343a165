//! Why an alert is there, in the words of who has to act on it.
//!
//! ```text
//! gap    = mean_gap(rhythm)            7 d 7 h   ─►  Usual time between orders   7 days
//! recent = margin_rate(recent_lines)   0.2182    ─►  Margin, recent              21.8 %
//! when   = size(rhythm) >= 4 && …      yes       ─►  left to whoever wants to see the rule
//! ```
//!
//! An alert carries its reasons as the author named them. What a part is about shows in the
//! expression: a known shape gives it words, anything else keeps its name.

use crate::alert::Reason;
use crate::api::pages::words;
use crate::time::Span;

/// One part of a rule, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What it is, as people say it.
    pub(super) label: String,
    /// Its value, as people read it.
    pub(super) value: String,
    /// Its name in the rule.
    pub(super) name: String,
    /// Its expression as the author wrote it.
    pub(super) expression: String,
}

/// What the sign of an expression makes of its part.
struct Shape {
    /// What the expression begins with, blanks left out.
    begins: &'static str,
    label: Label,
    is_share: bool,
}

enum Label {
    /// These words.
    Words(&'static str),
    /// These words, then the part's own name: `Margin, recent`.
    Of(&'static str),
}

const fn worded(begins: &'static str, label: &'static str) -> Shape {
    Shape { begins, label: Label::Words(label), is_share: false }
}

const SHAPES: [Shape; 10] = [
    worded("mean_gap(", "Usual time between orders"),
    worded("gap_stddev(", "How much that time varies"),
    worded("now-orders.last().time", "Time since the last order"),
    worded("now-orders.first().time", "Customer for"),
    worded("orders.last().time", "Last order"),
    worded("orders.first().time", "First order"),
    worded("size(orders", "Orders"),
    worded("size(complaints", "Complaints"),
    Shape { begins: "margin_rate(", label: Label::Of("Margin"), is_share: true },
    Shape { begins: "p_alive(", label: Label::Words("Chance that they buy again"), is_share: true },
];

/// The parts that say something to a sales person, in the order of the rule.
pub(super) fn parts(reasons: &[Reason]) -> Vec<Told> {
    let shares: Vec<&str> =
        reasons.iter().filter(|r| shape(r).is_some_and(|s| s.is_share)).map(|r| &*r.name).collect();
    let shown = reasons.iter().filter(|reason| says_something(reason));
    shown.map(|reason| told(reason, &shares)).collect()
}

/// A part without a value, or with the whole condition, explains nothing.
fn says_something(reason: &Reason) -> bool {
    reason.name != "when" && has_value(&reason.value)
}

/// Whether a value was written that says something.
pub(super) fn has_value(value: &str) -> bool {
    !value.is_empty() && value != "–" && !value.starts_with("no value")
}

fn told(reason: &Reason, shares: &[&str]) -> Told {
    let found = shape(reason);
    let label = match found.map(|shape| &shape.label) {
        Some(Label::Words(words)) => (*words).to_owned(),
        Some(Label::Of(words)) => format!("{words}, {}", plain(&reason.name)),
        None if reason.name == "value" => "Money at stake".to_owned(),
        None => words::capital(&plain(&reason.name)),
    };
    let sides = reason.expression.split_once(" - ");
    let is_difference =
        sides.is_some_and(|(a, b)| [a, b].iter().all(|side| shares.contains(&side.trim())));
    let is_share = found.is_some_and(|shape| shape.is_share)
        || reason.expression.contains("(l.net - l.cost) / l.net");
    let value = match (number(&reason.value), length(&reason.value)) {
        (Some(share), _) if is_share => format!("{:.1} %", share * 100.0),
        (Some(share), _) if is_difference => format!("{:.1} points", share * 100.0),
        (_, Some(span)) => spoken(span),
        _ => reason.value.to_string(),
    };
    Told { label, value, name: reason.name.to_string(), expression: reason.expression.to_string() }
}

fn shape(reason: &Reason) -> Option<&'static Shape> {
    let bare: String = reason.expression.split_whitespace().collect();
    SHAPES.iter().find(|shape| bare.starts_with(shape.begins))
}

/// A name of a rule file as words: `spent_before` reads "spent before".
fn plain(name: &str) -> String {
    name.replace(['_', '.'], " ")
}

/// A plain number that a value was written as.
pub(super) fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The number in an amount as people read it: `-$1,234.50`.
pub(super) fn amount(value: &str) -> Option<f64> {
    let digits: String =
        value.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    digits.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A length of time that a value was written as: `7 d 7 h`.
pub(super) fn length(value: &str) -> Option<Span> {
    let (sign, digits) = match value.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, value),
    };
    let mut words = digits.split(' ');
    let mut millis = 0_i64;
    while let Some(count) = words.next() {
        let count: i64 = count.parse().ok()?;
        let unit = match words.next()? {
            "d" => Span::DAY.millis(),
            "h" => 3_600_000,
            "min" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        millis = millis.checked_add(count.checked_mul(unit)?)?;
    }
    Some(Span::from_millis(sign * millis))
}

/// A length of time in one unit, as people say it: `7 days`, `13 months`, `40 minutes`.
pub(super) fn spoken(span: Span) -> String {
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let millis = span.millis().abs();
    let (unit, size) = match millis {
        ..MINUTE => ("second", 1_000),
        MINUTE..HOUR => ("minute", MINUTE),
        HOUR..172_800_000 => ("hour", HOUR),
        172_800_000..10_368_000_000 => ("day", DAY),
        10_368_000_000..63_072_000_000 => ("month", 30 * DAY + DAY / 2),
        _ => ("year", 365 * DAY),
    };
    let count = (millis + size / 2) / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A part of this name, as a number.
pub(super) fn named(reasons: &[Reason], names: &[&str]) -> Option<f64> {
    reasons.iter().find(|reason| names.contains(&&*reason.name)).and_then(|r| number(&r.value))
}

/// The part whose expression begins so, as a length of time.
pub(super) fn span_of(reasons: &[Reason], begins: &str) -> Option<Span> {
    reasons.iter().find(|r| r.expression.trim().starts_with(begins)).and_then(|r| length(&r.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str, expression: &str, value: &str) -> Reason {
        Reason { name: name.into(), expression: expression.into(), value: value.into() }
    }

    #[test]
    fn parts_are_told_as_people_say_them() {
        for (name, expression, value, want) in [
            ("gap", "mean_gap(rhythm)", "7 d 7 h", "Usual time between orders: 7 days"),
            ("silent", "now - orders.last().time", "28 d", "Time since the last order: 28 days"),
            ("known", "now - orders.first().time", "378 d 23 h", "Customer for: 12 months"),
            ("spent", "rhythm.sum(o, o.net)", "$51,618.27", "Spent: $51,618.27"),
            ("recent", "margin_rate(recent_lines)", "0.2182", "Margin, recent: 21.8 %"),
            ("gap", "usual - recent", "0.05", "Gap: 5.0 points"),
            ("spread", "x.stddev(l, (l.net - l.cost) / l.net)", "0.029", "Spread: 2.9 %"),
            ("value", "spent * 0.5", "$10.00", "Money at stake: $10.00"),
            ("spent_before", "a - b", "0.05", "Spent before: 0.05"),
        ] {
            let shares = ["usual", "recent"];
            let told = told(&reason(name, expression, value), &shares);
            assert_eq!(format!("{}: {}", told.label, told.value), want);
        }
    }

    #[test]
    fn what_explains_nothing_is_left_out() {
        let told = parts(&[
            reason("when", "a && b", "yes"),
            reason("offer", "x", "–"),
            reason("odd", "1 / 0", "no value (division by zero)"),
            reason("about", "event.topic", "Welding"),
        ]);
        assert_eq!(told.iter().map(|t| &*t.label).collect::<Vec<_>>(), ["About"]);
    }

    #[test]
    fn lengths_are_read_back_as_they_were_written() {
        for (text, want) in [
            ("7 d 7 h", Some(7 * 86_400_000 + 7 * 3_600_000)),
            ("-1 h", Some(-3_600_000)),
            ("1 s 500 ms", Some(1_500)),
            ("0 s", Some(0)),
            ("7", None),
            ("7 cats", None),
            ("", None),
            ("$7.00", None),
            ("99999999999999999 d", None),
        ] {
            assert_eq!(length(text).map(Span::millis), want, "{text}");
        }
        for (hours, want) in [
            (0, "0 seconds"),
            (1, "1 hour"),
            (47, "47 hours"),
            (24 * 28, "28 days"),
            (24 * 800, "2 years"),
        ] {
            assert_eq!(spoken(Span::from_millis(hours * 3_600_000)), want);
        }
    }
}
