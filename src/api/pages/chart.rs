//! A small chart of events: when did they happen, and how much was each?
//!
//! ```text
//!   ▌      ▌                 one bar an event that has an amount, at its time;
//!  ▐▌  ▌  ▐▌     ▌           downwards what was given back;
//! ─┴┴──┴──┴┴──•──┴──•──      a dot for an event without an amount
//! ```
//!
//! Drawn on the server as SVG with a title and a description, so that it needs no script and a
//! screen reader can tell it.

use crate::alert::Evidence;
use crate::alert::Value;
use crate::api::pages::words;
use crate::money::Decimal;

/// The chart, in its own units.
#[derive(Debug, PartialEq)]
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    pub(super) dots: Vec<Dot>,
    /// Where zero lies.
    pub(super) zero: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) description: String,
}

#[derive(Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) height: String,
    pub(super) negative: bool,
    pub(super) label: String,
}

#[derive(Debug, PartialEq)]
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) label: String,
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 72.0;
const MARGIN: f64 = 6.0;

impl Chart {
    /// `None` for fewer than two events: one alone shows nothing that its line does not say.
    pub(super) fn new(events: &[Evidence]) -> Option<Self> {
        let first = events.iter().map(|event| event.time).min()?;
        let last = events.iter().map(|event| event.time).max()?;
        if events.len() < 2 {
            return None;
        }
        let amounts: Vec<Value> = events.iter().filter_map(|event| event.net).collect();
        let amount = |of: fn(f64, f64) -> f64| {
            amounts.iter().map(|value| value.amount.to_f64()).fold(0.0, of)
        };
        let (lowest, highest) = (amount(f64::min), amount(f64::max));
        let range = if highest > lowest { highest - lowest } else { 1.0 };
        let scale = (HEIGHT - 2.0 * MARGIN) / range;
        let zero = if amounts.is_empty() { HEIGHT - 12.0 } else { MARGIN + highest * scale };
        #[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
        let x = |event: &Evidence| {
            let span = (last - first).millis().max(1) as f64;
            MARGIN + (event.time - first).millis() as f64 / span * (WIDTH - 2.0 * MARGIN)
        };
        let label = |event: &Evidence| {
            let net = event.net.map(words::value).unwrap_or_default();
            format!("{} {} {net}", words::date(event.time), event.kind).trim_end().to_owned()
        };
        let (mut bars, mut dots) = (Vec::new(), Vec::new());
        for event in events {
            let Some(net) = event.net else {
                dots.push(Dot { x: format!("{:.1}", x(event)), label: label(event) });
                continue;
            };
            let height = (net.amount.to_f64().abs() * scale).max(1.0);
            let negative = net.amount < Decimal::ZERO;
            bars.push(Bar {
                x: format!("{:.1}", x(event) - 2.5),
                y: format!("{:.1}", if negative { zero } else { zero - height }),
                height: format!("{height:.1}"),
                negative,
                label: label(event),
            });
        }
        let (first, last) = (words::date(first), words::date(last));
        let description = describe(events.len(), &amounts, &first, &last);
        Some(Self { bars, dots, zero: format!("{zero:.1}"), first, last, description })
    }
}

fn describe(events: usize, amounts: &[Value], first: &str, last: &str) -> String {
    let when = format!("{events} events from {first} to {last}");
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
        let chart = Chart::new(&[
            event("2025-01-01", Some("100")),
            event("2025-01-11", Some("-50")),
            event("2025-01-21", None),
        ])
        .unwrap();
        assert_eq!(chart.zero, "46.0");
        let bars: Vec<_> =
            chart.bars.iter().map(|b| (b.x.as_str(), b.y.as_str(), b.height.as_str())).collect();
        assert_eq!(bars, [("3.5", "6.0", "40.0"), ("297.5", "46.0", "20.0")]);
        assert_eq!(chart.dots[0].x, "594.0");
        let want = "3 events from 2025-01-01 to 2025-01-21, between -$50.00 and $100.00.";
        assert_eq!(chart.description, want);
    }

    #[test]
    fn any_events_can_be_drawn() {
        assert_eq!(Chart::new(&[]), None);
        assert_eq!(Chart::new(&[event("2025-01-01", Some("1"))]), None);
        let same = [event("2025-01-01", Some("0")), event("2025-01-01", Some("0"))];
        let none = [event("2025-01-01", None), event("2025-01-02", None)];
        for events in [same, none] {
            let chart = Chart::new(&events).unwrap();
            assert!(chart.bars.iter().all(|bar| !bar.y.contains("NaN")), "{chart:?}");
        }
    }
}
