//! The margin of each order against what is usual for the customer.
//!
//! ```text
//! ┄•┄┄┄•┄┄•┄┄┄┄┄┄┄┄┄    ┄ usual
//!    •     ·  •         • an order
//! ──────────────•──•    ─ of late
//! ```

use crate::alert::Evidence;
use crate::alert::Reason;
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

const HEIGHT: f64 = 96.0;
/// Names that rules give to the margin before, and to the one of late.
const USUAL: [&str; 4] = ["usual", "baseline", "before", "normal"];
const RECENT: [&str; 3] = ["recent", "now", "current"];

/// `None` when fewer than two events have a margin.
pub(super) fn margin(events: &[Evidence], reasons: &[Reason]) -> Option<Plot> {
    let sold: Vec<(&Evidence, f64)> = events
        .iter()
        .filter_map(|event| Some((event, f64::from(event.margin?))))
        .filter(|(_, share)| share.is_finite())
        .collect();
    if sold.len() < 2 {
        return None;
    }
    let (first, last) = reach(events)?;
    let usual = why::named(reasons, &USUAL).filter(|share| share.abs() < 2.0);
    let recent = why::named(reasons, &RECENT).filter(|share| share.abs() < 2.0);
    let shares = || sold.iter().map(|(_, share)| *share).chain(usual).chain(recent);
    let (low, high) = (shares().fold(f64::MAX, f64::min), shares().fold(f64::MIN, f64::max));
    let range = (high - low).max(0.02);
    let y = |share: f64| EDGE + (high - share) / range * (HEIGHT - 2.0 * EDGE);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let (mut shapes, mut legend) = (Vec::new(), vec![Key::new("event", "An order")]);
    for (class, name, share) in [("usual", "Usual", usual), ("recent", "Of late", recent)] {
        if let Some(share) = share {
            shapes.push(Shape::line(class, (0.0, y(share)), (WIDTH, y(share))));
            legend.push(Key::new(class, format!("{name}: {}", percent(share))));
        }
    }
    for (event, share) in &sold {
        let class = if usual.is_some_and(|usual| *share < usual) { "below" } else { "event" };
        let net = event.net.map(words::value).unwrap_or_default();
        let label = format!("{}: margin {} of {net}", words::date(event.time), percent(*share));
        shapes.push(Shape::dot(class, (across(event.time, first, last), y(*share)), label));
    }
    if shapes.iter().any(|shape| matches!(shape, Shape::Dot { class: "below", .. })) {
        legend.insert(1, Key::new("below", "An order below the usual"));
    }
    let (from, to) = (words::date(first), words::date(last));
    let against = match (usual, recent) {
        (Some(usual), Some(recent)) => {
            format!(" The usual margin is {}, of late it is {}.", percent(usual), percent(recent))
        }
        (Some(usual), None) => format!(" The usual margin is {}.", percent(usual)),
        _ => String::new(),
    };
    Some(Plot {
        title: "Margin of each order",
        description: format!(
            "Margins of {} orders from {from} to {to}, between {} and {}.{against}",
            sold.len(),
            percent(sold.iter().map(|(_, share)| *share).fold(f64::MAX, f64::min)),
            percent(sold.iter().map(|(_, share)| *share).fold(f64::MIN, f64::max)),
        ),
        height: at(HEIGHT),
        shapes,
        axis: vec![from, to],
        legend,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;

    fn event(day: &str, margin: f32) -> Evidence {
        let base = sample::alert("c1", None).evidence.remove(0);
        Evidence { time: sample::at(day), margin: Some(margin), ..base }
    }

    #[test]
    fn orders_below_the_usual_margin_stand_out() {
        let text = str::to_owned;
        let reason = |name: &str, value: &str| Reason {
            name: name.into(),
            expression: "margin_rate(x)".into(),
            value: value.into(),
        };
        let reasons = [reason("recent", "0.25"), reason("usual", "0.5")];
        let plot =
            margin(&[event("2025-01-01", 0.5), event("2025-01-03", 0.25)], &reasons).unwrap();
        let want = [
            Shape::line("usual", (0.0, 6.0), (600.0, 6.0)),
            Shape::line("recent", (0.0, 90.0), (600.0, 90.0)),
            Shape::dot("event", (6.0, 6.0), text("1 Jan 2025: margin 50.0 % of $299.97")),
            Shape::dot("below", (594.0, 90.0), text("3 Jan 2025: margin 25.0 % of $299.97")),
        ];
        assert_eq!(plot.shapes, want);
        let want = "Margins of 2 orders from 1 Jan 2025 to 3 Jan 2025, between 25.0 % and 50.0 %. The \
                    usual margin is 50.0 %, of late it is 25.0 %.";
        assert_eq!(plot.description, want);
    }

    #[test]
    fn without_margins_there_is_no_plot() {
        let bare = Evidence { margin: None, ..event("2025-01-01", 0.0) };
        assert_eq!(margin(&[bare.clone(), bare], &[]), None);
        let odd = event("2025-01-01", f32::NAN);
        assert_eq!(margin(&[odd.clone(), odd], &[]), None);
        assert!(margin(&[event("2025-01-01", 0.3), event("2025-01-01", 0.3)], &[]).is_some());
    }
}
