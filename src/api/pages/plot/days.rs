//! How many alerts a day: a bar for each day of a period, days without any included.

use crate::api::pages::plot::EDGE;
use crate::api::pages::plot::Key;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::WIDTH;
use crate::api::pages::plot::at;
use crate::api::pages::words;
use crate::time::Span;
use crate::time::Timestamp;

const HEIGHT: f64 = 72.0;

/// From counts by UTC day, in order; `None` when there was no alert.
pub(in crate::api::pages) fn days(
    counts: &[(i64, u64)],
    (from, to): (Timestamp, Timestamp),
) -> Option<Plot> {
    let highest = counts.iter().map(|(_, alerts)| *alerts).max()?;
    let all: u64 = counts.iter().map(|(_, alerts)| alerts).sum();
    let (first, last) = (from.day(), to.day().max(from.day()));
    #[expect(clippy::cast_precision_loss, reason = "places on a screen")]
    let (scale, step) = (
        (HEIGHT - 2.0 * EDGE) / highest.max(1) as f64,
        (WIDTH - 2.0 * EDGE) / (last - first + 1) as f64,
    );
    let zero = HEIGHT - EDGE;
    let mut shapes = vec![Shape::line("zero", (0.0, zero), (WIDTH, zero))];
    for (day, alerts) in counts.iter().filter(|(day, _)| (first..=last).contains(day)) {
        #[expect(clippy::cast_precision_loss, reason = "places on a screen")]
        let (x, height) = (EDGE + (day - first) as f64 * step, *alerts as f64 * scale);
        let date = words::date(Timestamp::saturating(day * Span::DAY.millis()));
        let label = format!("{date}: {}", told(*alerts));
        shapes.push(Shape::bar("amount", (x, step * 0.8), (zero - height, height), label));
    }
    let (began, ended) = (words::date(from), words::date(to));
    Some(Plot {
        title: "Alerts a day",
        description: format!("{} from {began} to {ended}, at most {highest} a day.", told(all)),
        height: at(HEIGHT),
        shapes,
        axis: vec![began, ended],
        legend: vec![Key::new("amount", format!("A day; the most were {highest}"))],
    })
}

fn told(alerts: u64) -> String {
    format!("{alerts} alert{}", if alerts == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;

    #[test]
    fn days_without_alerts_leave_a_gap() {
        let (from, to) = (sample::at("2025-01-01"), sample::at("2025-01-04T12:00:00Z"));
        let first = from.day();
        let plot = days(&[(first - 9, 1), (first, 4), (first + 3, 1)], (from, to)).unwrap();
        let want = [
            Shape::line("zero", (0.0, 66.0), (600.0, 66.0)),
            Shape::bar("amount", (6.0, 117.6), (6.0, 60.0), "1 Jan 2025: 4 alerts".to_owned()),
            Shape::bar("amount", (447.0, 117.6), (51.0, 15.0), "4 Jan 2025: 1 alert".to_owned()),
        ];
        assert_eq!(plot.shapes, want);
        assert_eq!(days(&[], (from, to)), None);
    }
}
