//! Where a margin went: what price, discount, cost and mix each gave or took.
//!
//! ```text
//! price   ▇▇
//! discount  ▇▇▇▇▇        each step begins where the one before ended;
//! cost          ▇▇       what took hangs, what gave stands
//! ```

use crate::alert::Reason;
use crate::api::pages::plot::EDGE;
use crate::api::pages::plot::Key;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::WIDTH;
use crate::api::pages::plot::at;
use crate::api::pages::why;

const HEIGHT: f64 = 96.0;
const CAUSES: [(&str, &str); 4] =
    [("price", "Price"), ("discount", "Discounts"), ("cost", "Cost"), ("mix", "Mix of goods")];

/// `None` when the rule names fewer than two causes.
pub(super) fn waterfall(reasons: &[Reason]) -> Option<Plot> {
    let steps: Vec<(&str, &str, f64)> = CAUSES
        .iter()
        .filter_map(|(cause, label)| {
            let is_it =
                |r: &&Reason| r.name == *cause || r.expression.ends_with(&format!(".{cause}"));
            let reason = reasons.iter().find(is_it)?;
            Some((*label, reason.value.as_str(), why::amount(&reason.value)?))
        })
        .collect();
    if steps.len() < 2 {
        return None;
    }
    let mut levels = vec![0.0];
    for (.., step) in &steps {
        levels.push(levels.last().copied().unwrap_or(0.0) + step);
    }
    let low = levels.iter().copied().fold(f64::MAX, f64::min);
    let high = levels.iter().copied().fold(f64::MIN, f64::max);
    let scale = (HEIGHT - 2.0 * EDGE) / (high - low).max(f64::EPSILON);
    let y = |level: f64| EDGE + (high - level) * scale;
    let mut shapes = vec![Shape::line("zero", (0.0, y(0.0)), (WIDTH, y(0.0)))];
    let (mut legend, mut told) = (Vec::new(), Vec::new());
    #[expect(clippy::cast_precision_loss, reason = "at most four causes")]
    let width = (WIDTH - 2.0 * EDGE) / steps.len() as f64;
    let mut x = EDGE;
    for ((label, value, step), ends) in steps.iter().zip(levels.windows(2)) {
        let (top, bottom) = (y(ends[0].max(ends[1])), y(ends[0].min(ends[1])));
        let class = if *step < 0.0 { "negative" } else { "amount" };
        let text = format!("{label}: {value}");
        let across = (x + width * 0.2, width * 0.6);
        shapes.push(Shape::bar(class, across, (top, (bottom - top).max(1.0)), text.clone()));
        legend.push(Key::new(class, text.clone()));
        told.push(text);
        x += width;
    }
    Some(Plot {
        title: "Where the margin went",
        description: format!("Against the customer's own normal. {}.", told.join("; ")),
        height: at(HEIGHT),
        shapes,
        axis: steps.iter().map(|(label, ..)| (*label).to_owned()).collect(),
        legend,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str, expression: &str, value: &str) -> Reason {
        Reason { name: name.into(), expression: expression.into(), value: value.into() }
    }

    #[test]
    fn each_step_begins_where_the_one_before_ended() {
        let plot = waterfall(&[
            reason("price", "margin_shift(lines).price", "$20.00"),
            reason("lost", "margin_shift(lines).discount", "-$1,050.00"),
            reason("cost", "x", "-$20.00"),
        ])
        .unwrap();
        let bars = plot.shapes.iter().filter_map(|shape| match shape {
            Shape::Bar { class, y, height, .. } => Some((*class, y.as_str(), height.as_str())),
            _ => None,
        });
        let want =
            [("amount", "6.0", "1.6"), ("negative", "6.0", "82.4"), ("negative", "88.4", "1.6")];
        assert_eq!(bars.collect::<Vec<_>>(), want);
        let want = "Against the customer's own normal. Price: $20.00; Discounts: -$1,050.00; Cost: \
                    -$20.00.";
        assert_eq!(plot.description, want);
    }

    #[test]
    fn one_cause_alone_is_no_waterfall() {
        assert_eq!(waterfall(&[]), None);
        assert_eq!(waterfall(&[reason("price", "p", "1"), reason("cost", "c", "yes")]), None);
        let nothing = [reason("price", "p", "0"), reason("cost", "c", "0")];
        assert!(!format!("{:?}", waterfall(&nothing).unwrap()).contains("NaN"));
    }
}
