//! What a rule in the shadow has to show before it goes live: was it judged, was it right, and would
//! it have been rare enough?

use crate::engine::backtest::outcome::Judged;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Share of the judged alerts that has to be won, from 0 to 1.
    pub min_precision: f64,
    /// Alerts that had to be judged, so that the share means something.
    pub min_judged: u64,
    /// Alerts that one owner may get in a day.
    pub max_per_rep_day: u64,
}

impl Default for Bar {
    fn default() -> Self {
        Self { min_precision: 0.5, min_judged: 20, max_per_rep_day: 5 }
    }
}

/// What the rule did in the shadow, or would have done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// Its alerts.
    pub alerts: u64,
    /// Those of them whose outcome is known.
    pub judged: Judged,
    /// Who got the most in a day, and how many that were.
    pub busiest: Option<(String, u64)>,
}

impl Bar {
    /// What is asked for beside what there is, each with whether it is met.
    pub fn checks(&self, shown: &Shown) -> [(bool, String); 3] {
        let Self { min_precision, min_judged, max_per_rep_day } = *self;
        let judged = shown.judged.total();
        let precise = shown.judged.precision().is_some_and(|share| share >= min_precision);
        let (who, most) =
            shown.busiest.as_ref().map_or(("nobody", 0), |(who, n)| (who.as_str(), *n));
        [
            (judged >= min_judged, format!("judged: {judged}, at least {min_judged}")),
            (
                precise,
                format!("precision: {}, at least {:.1} %", shown.judged, min_precision * 100.0),
            ),
            (
                most <= max_per_rep_day,
                format!("most for one rep in a day: {most} ({who}), at most {max_per_rep_day}"),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_just_enough_is_enough() {
        for (won, dismissed, most, want) in [
            (10, 10, 5, [true, true, true]),
            (10, 9, 5, [false, true, true]),
            (9, 11, 5, [true, false, true]),
            (20, 0, 6, [true, true, false]),
            (0, 0, 0, [false, false, true]),
        ] {
            let judged = Judged { won, dismissed, lost: 0 };
            let shown = Shown { alerts: 30, judged, busiest: Some(("rep:r1".to_owned(), most)) };
            let met = Bar::default().checks(&shown).map(|(met, _)| met);
            assert_eq!(met, want, "{won} {dismissed} {most}");
        }
    }
}
