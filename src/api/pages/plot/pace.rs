//! A rep's pace: what is sold, what should be sold by now, and the quota.
//!
//! ```text
//! ▇▇▇▇▇▇▇▇▇▇▇▇░░░░│░░░░░░░░░░░░░░    ▇ sold   │ due by now   ░ quota
//! ```

use std::fmt::Write as _;

use crate::alert::Reason;
use crate::api::pages::plot::EDGE;
use crate::api::pages::plot::Key;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::WIDTH;
use crate::api::pages::plot::at;
use crate::api::pages::why;
use crate::money;

const HEIGHT: f64 = 40.0;
/// Names that rules give to the three.
const QUOTA: [&str; 2] = ["quota", "target"];
const SOLD: [&str; 5] = ["sold", "booked", "attained", "done", "so_far"];
const DUE: [&str; 4] = ["due", "expected", "expected_by_now", "should"];
/// What `pace(rep)` calls its parts: what the period will end with, what then misses from the quota,
/// and the share of the period that is over.
const END: [&str; 3] = ["expected", "gap", "elapsed"];

/// `None` when the rule names no quota, or nothing sold.
pub(super) fn pace(reasons: &[Reason]) -> Option<Plot> {
    let part = |names: &[&str]| {
        let reason = reasons.iter().find(|reason| names.contains(&&*reason.name))?;
        Some((why::amount(&reason.value)?, reason.value.as_str()))
    };
    let (sold, sold_text) = part(&SOLD)?;
    let (quota, quota_text, due) = match part(&QUOTA) {
        Some((quota, text)) => {
            let due = part(&DUE).map(|(due, text)| (due, text.to_owned()));
            (quota, text.to_owned(), due)
        }
        None => {
            let [(expected, text), (gap, _)] = [part(&END[..1])?, part(&END[1..2])?];
            let quota = expected + gap;
            let elapsed = reasons.iter().find(|reason| reason.name == END[2]);
            let elapsed = elapsed.and_then(|reason| reason.value.parse::<f64>().ok());
            let due = elapsed.map(|share| (quota * share, written_like(text, quota * share)));
            (quota, written_like(text, quota), due)
        }
    };
    if quota <= 0.0 {
        return None;
    }
    let whole = quota.max(sold).max(due.as_ref().map_or(0.0, |(due, _)| *due));
    let x = |amount: f64| EDGE + amount.max(0.0) / whole * (WIDTH - 2.0 * EDGE);
    let (top, height) = (EDGE, HEIGHT - 2.0 * EDGE);
    let bar = |class, to: f64, inset: f64, label: String| {
        Shape::bar(class, (EDGE, x(to) - EDGE), (top + inset, height - 2.0 * inset), label)
    };
    let (quota_told, sold_told) = (format!("Quota: {quota_text}"), format!("Sold: {sold_text}"));
    let mut shapes = vec![
        bar("quota", quota, 0.0, quota_told.clone()),
        bar("amount", sold, 6.0, sold_told.clone()),
    ];
    let mut legend = vec![Key::new("amount", sold_told), Key::new("quota", quota_told)];
    let mut told = format!("{sold_text} of a quota of {quota_text} is sold");
    if let Some((due, text)) = due {
        shapes.push(Shape::line("level", (x(due), 0.0), (x(due), HEIGHT)));
        legend.push(Key::new("level", format!("Due by now: {text}")));
        let _ = write!(told, "; {text} would be due by now");
    }
    Some(Plot {
        title: "Pace to the quota",
        description: format!("{told}."),
        height: at(HEIGHT),
        shapes,
        axis: Vec::new(),
        legend,
    })
}

/// An amount in whole units with the currency of another one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an amount of money, not below zero, that is shown"
)]
fn written_like(text: &str, amount: f64) -> String {
    let is_digit = |c: char| c.is_ascii_digit();
    let before = text.split(is_digit).next().unwrap_or_default();
    let after = text.rsplit(is_digit).next().unwrap_or_default();
    format!("{before}{}{after}", money::grouped(amount.max(0.0).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(parts: &[(&str, &str)]) -> Vec<Reason> {
        let reason = |(name, value): &(&str, &str)| Reason {
            name: (*name).into(),
            expression: "".into(),
            value: (*value).into(),
        };
        parts.iter().map(reason).collect()
    }

    #[test]
    fn a_pace_is_drawn_against_what_is_due() {
        let parts = [("quota", "$1,000.00"), ("sold", "$250.00"), ("expected", "$500.00")];
        let plot = pace(&reasons(&parts)).unwrap();
        assert_eq!(
            plot.shapes[1],
            Shape::bar("amount", (6.0, 147.0), (12.0, 16.0), "Sold: $250.00".to_owned())
        );
        assert_eq!(plot.shapes[2], Shape::line("level", (300.0, 0.0), (300.0, 40.0)));
        let want = "$250.00 of a quota of $1,000.00 is sold; $500.00 would be due by now.";
        assert_eq!(plot.description, want);
    }

    #[test]
    fn what_the_period_will_end_with_tells_the_quota() {
        let parts = [
            ("sold", "$14,495.93"),
            ("expected", "$96,445.04"),
            ("gap", "$29,554.96"),
            ("elapsed", "0.2"),
        ];
        let plot = pace(&reasons(&parts)).unwrap();
        let want = "$14,495.93 of a quota of $126,000 is sold; $25,200 would be due by now.";
        assert_eq!(plot.description, want);
        assert_eq!(pace(&reasons(&parts[..2])), None);
    }

    #[test]
    fn without_a_quota_there_is_no_pace() {
        for parts in [&[("sold", "5")][..], &[("quota", "5")], &[("quota", "0"), ("sold", "1")]] {
            assert_eq!(pace(&reasons(parts)), None, "{parts:?}");
        }
    }
}
