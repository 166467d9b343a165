//! Events and alerts on one line: when did they happen, and how much was each?
//!
//! ```text
//!        ◆                   an alert
//!   ▌      ▌                 one bar an event that has an amount, at its time;
//!  ▐▌  ▌  ▐▌     ▌           downwards what was given back;
//! ─┴┴──┴──┴┴──•──┴──•──      a dot for an event without an amount
//! ```

use crate::alert::Alert;
use crate::alert::Evidence;
use crate::alert::Value;
use crate::api::pages::plot::EDGE;
use crate::api::pages::plot::Key;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::WIDTH;
use crate::api::pages::plot::across;
use crate::api::pages::plot::at;
use crate::api::pages::plot::reach;
use crate::api::pages::words;
use crate::money::Decimal;

const HEIGHT: f64 = 84.0;
/// Above it stand alerts.
const TOP: f64 = 16.0;
const BAR: f64 = 5.0;

/// `None` for fewer than two events: one alone shows nothing that its line does not say.
pub(in crate::api::pages) fn amounts(events: &[Evidence], alerts: &[&Alert]) -> Option<Plot> {
    let (first, last) = reach(events)?;
    if events.len() < 2 {
        return None;
    }
    let alerts: Vec<&&Alert> = alerts.iter().filter(|alert| alert.opened_at >= first).collect();
    let last = alerts.iter().map(|alert| alert.opened_at).fold(last, Ord::max);
    let amounts: Vec<Value> = events.iter().filter_map(|event| event.net).collect();
    let bound =
        |of: fn(f64, f64) -> f64| amounts.iter().map(|value| value.amount.to_f64()).fold(0.0, of);
    let (lowest, highest) = (bound(f64::min), bound(f64::max));
    let range = if highest > lowest { highest - lowest } else { 1.0 };
    let scale = (HEIGHT - TOP - EDGE) / range;
    let zero = if amounts.is_empty() { HEIGHT - 12.0 } else { TOP + highest * scale };
    let mut shapes = vec![Shape::line("zero", (0.0, zero), (WIDTH, zero))];
    for event in events {
        let x = across(event.time, first, last);
        let label = label(event);
        let Some(net) = event.net else {
            shapes.push(Shape::dot("event", (x, zero), label));
            continue;
        };
        let height = (net.amount.to_f64().abs() * scale).max(1.0);
        let (class, y) =
            if net.amount < Decimal::ZERO { ("negative", zero) } else { ("amount", zero - height) };
        shapes.push(Shape::bar(class, (x - BAR / 2.0, BAR), (y, height), label));
    }
    for alert in &alerts {
        let x = across(alert.opened_at, first, last);
        let label = format!("{}: {}", words::date(alert.opened_at), alert.summary);
        shapes.push(Shape::mark("alert", (x, TOP / 2.0), label));
    }
    let has = |class: &str| shapes.iter().any(|shape| class_of(shape) == class);
    let legend = [
        ("amount", "Amount of an event"),
        ("negative", "Given back"),
        ("event", "Event without an amount"),
        ("alert", "Alert"),
    ];
    let legend = legend.iter().filter(|(class, _)| has(class));
    let (from, to) = (words::date(first), words::date(last));
    Some(Plot {
        title: "Over time",
        description: describe(events.len(), (&amounts, alerts.len()), (&from, &to)),
        height: at(HEIGHT),
        legend: legend.map(|(class, text)| Key::new(class, *text)).collect(),
        shapes,
        axis: vec![from, to],
    })
}

fn class_of(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bar { class, .. }
        | Shape::Line { class, .. }
        | Shape::Dot { class, .. }
        | Shape::Mark { class, .. } => class,
    }
}

fn label(event: &Evidence) -> String {
    let net = event.net.map(words::value).unwrap_or_default();
    let what = format!("{}: {} {net}", words::date(event.time), words::kind(&event.kind));
    what.trim_end().to_owned()
}

fn describe(
    events: usize,
    (amounts, alerts): (&[Value], usize),
    (from, to): (&str, &str),
) -> String {
    let alerts = match alerts {
        0 => String::new(),
        1 => " and 1 alert".to_owned(),
        more => format!(" and {more} alerts"),
    };
    let when = format!("{events} events{alerts} from {from} to {to}");
    let smallest = amounts.iter().min_by_key(|value| value.amount);
    let largest = amounts.iter().max_by_key(|value| value.amount);
    match smallest.zip(largest) {
        None => format!("{when}, none with an amount."),
        Some((smallest, largest)) => {
            format!("{when}, between {} and {}.", words::value(*smallest), words::value(*largest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;

    fn event(day: &str, net: Option<&str>) -> Evidence {
        let base = sample::alert("c1", None).evidence.remove(0);
        Evidence { time: sample::at(day), net: net.map(sample::usd), ..base }
    }

    #[test]
    fn bars_stand_on_zero_and_what_came_back_hangs() {
        let mut alert = sample::alert("c1", None);
        alert.opened_at = sample::at("2025-01-11");
        let events = [
            event("2025-01-01", Some("100")),
            event("2025-01-11", Some("-55")),
            event("2025-01-21", None),
        ];
        let plot = amounts(&events, &[&alert]).unwrap();
        let want = [
            Shape::line("zero", (0.0, 56.0), (600.0, 56.0)),
            Shape::bar("amount", (3.5, 5.0), (16.0, 40.0), "1 Jan 2025: Order $100.00".to_owned()),
            Shape::bar(
                "negative",
                (297.5, 5.0),
                (56.0, 22.0),
                "11 Jan 2025: Order -$55.00".to_owned(),
            ),
            Shape::dot("event", (594.0, 56.0), "21 Jan 2025: Order".to_owned()),
            Shape::mark("alert", (300.0, 8.0), "11 Jan 2025: c1 has gone quiet".to_owned()),
        ];
        assert_eq!(plot.shapes, want);
        let want =
            "3 events and 1 alert from 1 Jan 2025 to 21 Jan 2025, between -$55.00 and $100.00.";
        assert_eq!(plot.description, want);
        assert_eq!(plot.legend.len(), 4);
    }

    #[test]
    fn any_events_can_be_drawn() {
        assert_eq!(amounts(&[], &[]), None);
        assert_eq!(amounts(&[event("2025-01-01", Some("1"))], &[]), None);
        let same = [event("2025-01-01", Some("0")), event("2025-01-01", Some("0"))];
        let none = [event("2025-01-01", None), event("2025-01-02", None)];
        for events in [same, none] {
            let plot = amounts(&events, &[]).unwrap();
            assert!(!format!("{plot:?}").contains("NaN"), "{plot:?}");
        }
    }
}
