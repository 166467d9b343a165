//! What does an alert look like? Small plots, drawn on the server as SVG.
//!
//! ```text
//! drift            rhythm    orders on a line, the silence, the orders that did not come
//! margin           margin    each order's margin against the usual one
//!                  waterfall where the margin went: price, discount, cost, mix
//! performance      pace      what is sold, what should be, the quota
//! trend, the rest  weeks     spend by week with its level
//! a customer       amounts   events and alerts on one line
//! a rule           days      alerts a day
//! ```
//!
//! A plot is made of few shapes in units of its own; words stand beside it, where they keep their
//! size on a phone. Each has a sentence that tells the same, so that nobody has to see it.

mod amounts;
mod days;
mod margin;
mod pace;
mod rhythm;
mod waterfall;
mod weeks;

pub(super) use self::amounts::amounts;
pub(super) use self::days::days;
use crate::alert::Alert;
use crate::alert::Evidence;
use crate::alert::Family;
use crate::time::Timestamp;

/// Width of every plot, in its own units.
const WIDTH: f64 = 600.0;
/// Left free at both ends, so that nothing is cut.
const EDGE: f64 = 6.0;

/// A plot, ready for its template.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// What it shows, as a sentence.
    pub(super) description: String,
    pub(super) height: String,
    pub(super) shapes: Vec<Shape>,
    /// Words below it, from left to right.
    pub(super) axis: Vec<String>,
    pub(super) legend: Vec<Key>,
}

/// What a colour stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A mark of a plot; places are written with one decimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bar {
        class: &'static str,
        x: String,
        y: String,
        width: String,
        height: String,
        label: String,
    },
    Line {
        class: &'static str,
        x1: String,
        y1: String,
        x2: String,
        y2: String,
    },
    Dot {
        class: &'static str,
        x: String,
        y: String,
        label: String,
    },
    /// A diamond, for an alert.
    Mark {
        class: &'static str,
        points: String,
        label: String,
    },
}

/// The plots of an alert, the most telling first; none when its events show nothing.
pub(super) fn of(alert: &Alert) -> Vec<Plot> {
    let telling = match alert.family {
        Family::Drift => rhythm::rhythm(alert),
        Family::Margin => margin::margin(&alert.evidence, &alert.reasons),
        Family::Performance => pace::pace(&alert.reasons),
        _ => weeks::weeks(&alert.evidence, alert.opened_at),
    };
    let behind = match alert.family {
        Family::Margin => waterfall::waterfall(&alert.reasons),
        _ => None,
    };
    let plots: Vec<Plot> = telling.into_iter().chain(behind).collect();
    if plots.is_empty() { amounts(&alert.evidence, &[]).into_iter().collect() } else { plots }
}

/// A place, as SVG writes it.
fn at(place: f64) -> String {
    format!("{place:.1}")
}

/// Where an instant stands between two.
#[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
fn across(time: Timestamp, from: Timestamp, to: Timestamp) -> f64 {
    let span = (to - from).millis().max(1) as f64;
    let share = (time - from).millis() as f64 / span;
    EDGE + share.clamp(0.0, 1.0) * (WIDTH - 2.0 * EDGE)
}

/// The times of the first and the last event.
fn reach(events: &[Evidence]) -> Option<(Timestamp, Timestamp)> {
    let times = || events.iter().map(|event| event.time);
    times().min().zip(times().max())
}

impl Key {
    fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }
}

impl Shape {
    fn bar(
        class: &'static str,
        (x, width): (f64, f64),
        (y, height): (f64, f64),
        label: String,
    ) -> Self {
        Self::Bar { class, x: at(x), y: at(y), width: at(width), height: at(height), label }
    }

    fn line(class: &'static str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Self {
        Self::Line { class, x1: at(x1), y1: at(y1), x2: at(x2), y2: at(y2) }
    }

    fn dot(class: &'static str, (x, y): (f64, f64), label: String) -> Self {
        Self::Dot { class, x: at(x), y: at(y), label }
    }

    fn mark(class: &'static str, (x, y): (f64, f64), label: String) -> Self {
        let half = 4.5;
        let points = [(x, y - half), (x + half, y), (x, y + half), (x - half, y)];
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        Self::Mark { class, points: points.join(" "), label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;

    #[test]
    fn every_family_has_a_plot_of_its_events_that_can_be_told() {
        for (family, name) in Family::ALL {
            let mut alert = sample::alert("c1", Some("10"));
            alert.family = family;
            let first = alert.evidence[0].clone();
            for day in ["2025-02-04", "2025-02-11", "2025-02-18", "2025-02-25"] {
                alert.evidence.push(Evidence { time: sample::at(day), ..first.clone() });
            }
            let plots = of(&alert);
            assert!(!plots.is_empty(), "{name}");
            for plot in plots {
                assert!(plot.description.ends_with('.') && !plot.shapes.is_empty(), "{plot:?}");
                assert!(!format!("{plot:?}").contains("NaN"), "{plot:?}");
            }
        }
    }

    #[test]
    fn an_alert_without_events_has_no_plot() {
        for (family, name) in Family::ALL {
            let mut alert = sample::alert("c1", None);
            (alert.family, alert.evidence) = (family, Vec::new());
            assert_eq!(of(&alert), [], "{name}");
        }
    }
}
