//! A rhythm that broke off: the orders, the usual gap between them, and the silence since.
//!
//! ```text
//!  ▌  ▌▌   ▌  ▌  ▌░░○░░░○░░░○░│      ░ silence   ○ an order that should have come   │ the alert
//! ```

use crate::alert::Alert;
use crate::alert::Evidence;
use crate::api::pages::plot::EDGE;
use crate::api::pages::plot::Key;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::WIDTH;
use crate::api::pages::plot::across;
use crate::api::pages::plot::at;
use crate::api::pages::plot::reach;
use crate::api::pages::why;
use crate::api::pages::words;
use crate::time::Span;
use crate::time::Timestamp;

const HEIGHT: f64 = 72.0;
const BAR: f64 = 5.0;
/// Orders that did not come and are drawn; more would be a line.
const MISSED_MAX: usize = 24;

/// `None` when fewer than two orders lie before a silence.
pub(super) fn rhythm(alert: &Alert) -> Option<Plot> {
    let orders: Vec<Evidence> =
        alert.evidence.iter().filter(|event| event.kind == "order").cloned().collect();
    let (first, last) = reach(&orders)?;
    let end = alert.opened_at;
    if orders.len() < 2 || end <= last {
        return None;
    }
    let gap = why::span_of(&alert.reasons, "mean_gap(").or_else(|| mean(&orders, last - first))?;
    let mut shapes = Vec::new();
    let zero = HEIGHT - EDGE;
    let (from, to) = (across(last, first, end), across(end, first, end));
    let silence = why::spoken(end - last);
    let said = format!("No order for {silence}");
    shapes.push(Shape::bar("silence", (from, to - from), (0.0, zero), said.clone()));
    shapes.push(Shape::line("zero", (0.0, zero), (WIDTH, zero)));
    let highest = orders.iter().filter_map(net).fold(0.0, f64::max);
    for order in &orders {
        let share = net(order).filter(|_| highest > 0.0).map_or(0.5, |net| net.abs() / highest);
        let height = (share * (zero - EDGE)).max(2.0);
        let value = order.net.map(words::value).unwrap_or_default();
        let label = format!("{}: order {value}", words::date(order.time));
        let x = across(order.time, first, end) - BAR / 2.0;
        shapes.push(Shape::bar("amount", (x, BAR), (zero - height, height), label));
    }
    let missed = missed(last, gap, end);
    for time in &missed {
        let label = format!("{}: an order would have been usual", words::date(*time));
        shapes.push(Shape::dot("missed", (across(*time, first, end), zero), label));
    }
    let usual = why::spoken(gap);
    let mut legend = vec![Key::new("amount", format!("Order, usually every {usual}"))];
    if !missed.is_empty() {
        legend.push(Key::new("missed", "An order that did not come"));
    }
    legend.push(Key::new("silence", said));
    let (began, ended) = (words::date(first), words::date(last));
    Some(Plot {
        title: "Rhythm of orders",
        description: format!(
            "{} orders from {began} to {ended}, usually one every {usual}; none in the {silence} \
             after that.",
            orders.len()
        ),
        height: at(HEIGHT),
        shapes,
        axis: vec![began, words::date(end)],
        legend,
    })
}

fn net(event: &Evidence) -> Option<f64> {
    event.net.map(|net| net.amount.to_f64())
}

fn mean(orders: &[Evidence], reach: Span) -> Option<Span> {
    let gaps = i64::try_from(orders.len()).ok()? - 1;
    (gaps > 0).then(|| Span::from_millis(reach.millis() / gaps)).filter(|gap| *gap > Span::ZERO)
}

/// When orders would have come after the last one, had the rhythm gone on.
fn missed(last: Timestamp, gap: Span, end: Timestamp) -> Vec<Timestamp> {
    if gap <= Span::ZERO {
        return Vec::new();
    }
    let next = std::iter::successors(Some(last + gap), |time| Some(*time + gap));
    next.take_while(|time| *time <= end).take(MISSED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Reason;
    use crate::delivery::inbox::sample;

    fn alert(days: &[&str], end: &str) -> Alert {
        let mut alert = sample::alert("c1", None);
        let order = alert.evidence[0].clone();
        alert.evidence =
            days.iter().map(|day| Evidence { time: sample::at(day), ..order.clone() }).collect();
        alert.opened_at = sample::at(end);
        alert
    }

    #[test]
    fn a_silence_is_drawn_with_the_orders_that_did_not_come() {
        let mut alert = alert(&["2025-01-01", "2025-01-11", "2025-01-21"], "2025-02-12");
        let plot = rhythm(&alert).unwrap();
        let count = |plot: &Plot, class: &str| {
            plot.shapes.iter().filter(|shape| format!("{shape:?}").contains(class)).count()
        };
        assert_eq!((count(&plot, "\"amount\""), count(&plot, "\"missed\"")), (3, 2));
        let want = "3 orders from 1 Jan 2025 to 21 Jan 2025, usually one every 10 days; none in the \
                    22 days after that.";
        assert_eq!(plot.description, want);
        // What the rule says of the gap goes before what the few events show.
        let (name, expression) = ("gap".into(), "mean_gap(rhythm)".into());
        alert.reasons = vec![Reason { name, expression, value: "5 d".into() }];
        let plot = rhythm(&alert).unwrap();
        assert_eq!(count(&plot, "\"missed\""), 4);
        assert!(plot.description.contains("every 5 days"), "{}", plot.description);
    }

    #[test]
    fn without_a_silence_there_is_no_rhythm_to_draw() {
        for (days, end) in [
            (&["2025-01-01"][..], "2025-03-01"),
            (&["2025-01-01", "2025-01-02"], "2025-01-02"),
            (&["2025-01-01", "2025-01-01"], "2025-03-01"),
            (&[], "2025-03-01"),
        ] {
            assert_eq!(rhythm(&alert(days, end)), None, "{days:?}");
        }
    }
}
