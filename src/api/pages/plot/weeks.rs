//! Spend by week, with its level: is there more or less of it than before?
//!
//! ```text
//!      ▌   ▌
//!  ┄▌┄┄▌┄┄┄▌┄┄┄┄┄┄┄    ┄ the mean of the weeks shown
//!   ▌  ▌ ▌ ▌   ▌
//! ```
//!
//! What was ordered counts, less what came back; quotes and the like are no spend. Where all that
//! there is came back, it is that which is drawn.

use crate::alert::Evidence;
use crate::alert::Value;
use crate::api::pages::plot::EDGE;
use crate::api::pages::plot::Key;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::WIDTH;
use crate::api::pages::plot::at;
use crate::api::pages::plot::reach;
use crate::api::pages::words;
use crate::money::Decimal;
use crate::time::Span;
use crate::time::Timestamp;

const HEIGHT: f64 = 84.0;
/// Half a year.
const WEEKS_MAX: usize = 26;
/// With fewer there is no level to see.
const WEEKS_MIN: usize = 3;
const WEEK: Span = Span::from_millis(7 * Span::DAY.millis());
const ORDERED: [&str; 1] = ["order"];
const CAME_BACK: [&str; 2] = ["return", "credit_memo"];

/// `None` when nothing was ordered or came back, or all lies within less than three weeks.
pub(super) fn weeks(events: &[Evidence], end: Timestamp) -> Option<Plot> {
    let (first, last) = reach(events)?;
    let end = end.max(last);
    let back = |time: Timestamp| usize::try_from((end - time).millis() / WEEK.millis()).ok();
    let count = (back(first)? + 1).min(WEEKS_MAX);
    let is_ordered = events.iter().any(|event| ORDERED.contains(&&*event.kind));
    let counts =
        |event: &&Evidence| ORDERED.contains(&&*event.kind) || CAME_BACK.contains(&&*event.kind);
    let turned = |net: Value| {
        let amount = if is_ordered { net.amount } else { net.amount.negated() };
        Value { amount, ..net }
    };
    let paid = || {
        let counted = events.iter().filter(counts);
        counted.filter_map(|event| Some((turned(event.net?), back(event.time)?)))
    };
    let (title, what, class) = if is_ordered {
        ("Spend by week", "Spend", "amount")
    } else {
        ("Returns by week", "Returns", "negative")
    };
    let currency = paid().next()?.0.currency;
    if count < WEEKS_MIN {
        return None;
    }
    let mut sums = vec![Decimal::ZERO; count];
    for (net, weeks_ago) in paid().filter(|(_, weeks_ago)| *weeks_ago < count) {
        let sum = &mut sums[count - 1 - weeks_ago];
        *sum = sum.checked_add(net.amount)?;
    }
    let figures: Vec<f64> = sums.iter().map(|sum| sum.to_f64().max(0.0)).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most 26 weeks")]
    let weeks = count as f64;
    let level = figures.iter().sum::<f64>() / weeks;
    let highest = figures.iter().copied().fold(level, f64::max);
    let scale = if highest > 0.0 { (HEIGHT - 2.0 * EDGE) / highest } else { 0.0 };
    let zero = HEIGHT - EDGE;
    let step = (WIDTH - 2.0 * EDGE) / weeks;
    let mut shapes = vec![Shape::line("zero", (0.0, zero), (WIDTH, zero))];
    let shown = |amount| words::value(Value { amount, currency });
    let mut x = EDGE;
    let mut begins = end - Span::from_millis(WEEK.millis() * i64::try_from(count).ok()?);
    let from = words::date(begins);
    for (figure, sum) in figures.iter().zip(&sums) {
        let height = (figure * scale).max(1.0);
        let label = format!("Week from {}: {}", words::date(begins), shown(*sum));
        let bar = (step * 0.7).min(24.0);
        shapes.push(Shape::bar(class, (x, bar), (zero - height, height), label));
        x += step;
        begins = begins + WEEK;
    }
    let y = zero - level * scale;
    shapes.push(Shape::line("level", (0.0, y), (WIDTH, y)));
    let level = shown(Decimal::from_f64(level).ok()?);
    let to = words::date(end);
    Some(Plot {
        title,
        description: format!(
            "{what} in {count} weeks from {from} to {to}, {level} a week in the mean."
        ),
        height: at(HEIGHT),
        shapes,
        axis: vec![from, to],
        legend: vec![Key::new(class, "A week"), Key::new("level", format!("Mean: {level} a week"))],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;

    fn event(day: &str, net: &str) -> Evidence {
        let base = sample::alert("c1", None).evidence.remove(0);
        Evidence { time: sample::at(day), net: Some(sample::usd(net)), ..base }
    }

    #[test]
    fn weeks_end_with_the_alert_and_the_level_is_their_mean() {
        let events = [
            event("2025-01-05", "30"),
            event("2025-01-06", "30"),
            event("2025-01-20", "60"),
            event("2025-01-24", "-30"),
        ];
        let plot = weeks(&events, sample::at("2025-01-25")).unwrap();
        let bars = plot.shapes.iter().filter_map(|shape| match shape {
            Shape::Bar { height, label, .. } => Some((height.as_str(), label.as_str())),
            _ => None,
        });
        let want = [
            ("72.0", "Week from 4 Jan 2025: $60.00"),
            ("1.0", "Week from 11 Jan 2025: $0.00"),
            ("36.0", "Week from 18 Jan 2025: $30.00"),
        ];
        assert_eq!(bars.collect::<Vec<_>>(), want);
        let want = "Spend in 3 weeks from 4 Jan 2025 to 25 Jan 2025, $30.00 a week in the mean.";
        assert_eq!(plot.description, want);
    }

    #[test]
    fn a_quote_is_no_spend_and_returns_alone_are_drawn_as_such() {
        let end = sample::at("2025-01-25");
        let of = |kind: &str, day: &str, net: &str| {
            let kind = kind.into();
            Evidence { kind, ..event(day, net) }
        };
        let quotes = [of("quote", "2025-01-01", "900"), of("quote.accepted", "2025-01-08", "900")];
        assert_eq!(weeks(&quotes, end), None);
        let mixed = [&quotes[..], &[event("2025-01-24", "30")]].concat();
        assert!(weeks(&mixed, end).unwrap().description.contains("$7.50 a week"));
        let returns = [of("return", "2025-01-06", "-30"), of("return", "2025-01-24", "-60")];
        let plot = weeks(&returns, end).unwrap();
        assert_eq!((plot.title, plot.legend[0].class), ("Returns by week", "negative"));
        assert!(plot.description.contains("$30.00 a week"), "{}", plot.description);
    }

    #[test]
    fn few_weeks_or_no_amounts_have_no_level() {
        let end = sample::at("2025-01-25");
        assert_eq!(weeks(&[], end), None);
        assert_eq!(weeks(&[event("2025-01-20", "1"), event("2025-01-24", "1")], end), None);
        let bare = Evidence { net: None, ..event("2024-01-01", "1") };
        assert_eq!(weeks(&[bare.clone(), bare], end), None);
        let long = [event("2020-01-01", "5"), event("2025-01-24", "0")];
        assert_eq!(weeks(&long, end).unwrap().shapes.len(), WEEKS_MAX + 2);
    }
}
