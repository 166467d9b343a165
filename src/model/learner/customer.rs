//! What the learner keeps of one customer: about 250 bytes, and 12 for each category it owns.

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::state::detector::days;
use crate::state::detector::margin::Baseline;
use crate::state::detector::repeat_buying::Repeats;
use crate::time::Span;
use crate::time::Timestamp;

/// Parts of the last year, of four weeks each: 52 weeks in all.
const PARTS: usize = 13;
/// Weeks without an order that are taken for weeks of no spend; a longer silence is not.
const EMPTY_WEEKS_MAX: i64 = 26;

/// One customer that has bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Who it is.
    pub(super) id: Symbol,
    /// Its line of business, where reference data say.
    pub(super) segment: Option<Symbol>,
    first: Timestamp,
    last: Timestamp,
    /// Days on which it bought.
    purchases: u32,
    /// Sum of the logarithms of the gaps between those days.
    ln_gaps: f32,
    net: Year,
    profit: Year,
    margin: Baseline,
    week: i64,
    week_spend: f64,
    spend: Baseline,
    /// By place of the category, rising.
    pub(super) owned: Vec<Owned>,
}

/// A category that it has bought.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Owned {
    /// Place of the category.
    pub(super) category: u16,
    /// Lines of other brands.
    pub(super) other_lines: u16,
    /// Lines of the own brand.
    pub(super) own_lines: u16,
    /// Net amount in all.
    pub(super) net: f32,
}

/// An amount of the last 52 weeks, in parts of four weeks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Year {
    newest: i64,
    parts: [f32; PARTS],
    known: bool,
}

impl Year {
    const EMPTY: Self = Self { newest: i64::MIN, parts: [0.0; PARTS], known: false };

    fn part(at: Timestamp) -> i64 {
        at.millis().div_euclid(28 * Span::DAY.millis())
    }

    #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough for a quantile")]
    fn add(&mut self, amount: f64, at: Timestamp) {
        let part = Self::part(at);
        self.move_to(part);
        let age = usize::try_from(self.newest - part).unwrap_or(PARTS);
        if let Some(sum) = self.parts.get_mut(age) {
            *sum += amount as f32;
        }
        self.known = true;
    }

    fn move_to(&mut self, part: i64) {
        if self.newest == i64::MIN {
            self.newest = part;
        }
        let steps = usize::try_from(part - self.newest).unwrap_or(0).min(PARTS);
        if steps > 0 {
            self.parts.rotate_right(steps);
            self.parts[..steps].fill(0.0);
            self.newest = part;
        }
    }

    /// The sum as of an instant; none where no amount was ever known.
    fn sum(mut self, now: Timestamp) -> Option<f64> {
        self.move_to(Self::part(now));
        self.known.then(|| self.parts.iter().map(|part| f64::from(*part)).sum())
    }
}

impl Known {
    /// One that buys for the first time.
    pub(super) fn first(id: Symbol, at: Timestamp, segment: Option<Symbol>) -> Self {
        Self {
            id,
            segment,
            first: at,
            last: at,
            purchases: 1,
            ln_gaps: 0.0,
            net: Year::EMPTY,
            profit: Year::EMPTY,
            margin: Baseline::default(),
            week: week(at),
            week_spend: 0.0,
            spend: Baseline::default(),
            owned: Vec::new(),
        }
    }

    /// Takes an order in, with its net amount and gross profit where they are known.
    pub(super) fn order(&mut self, at: Timestamp, net: Option<f64>, profit: Option<f64>) {
        let same_day = at.day() == self.last.day() || at.day() == self.first.day();
        if !same_day {
            self.purchases = self.purchases.saturating_add(1);
            self.ln_gaps += ln_gap(at - self.last);
        }
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        let Some(net) = net else { return };
        self.net.add(net, at);
        self.spend(at, net);
        let Some(profit) = profit else { return };
        self.profit.add(profit, at);
        if net > 0.0 {
            self.margin.add(100.0 * profit / net);
        }
    }

    /// Adds to the weekly spend; a late order finds its week closed and is left out.
    fn spend(&mut self, at: Timestamp, net: f64) {
        let now = week(at);
        if now > self.week {
            self.spend.add(self.week_spend.max(0.0).sqrt());
            let empty = now - self.week - 1;
            if empty <= EMPTY_WEEKS_MAX {
                (0..empty).for_each(|_| self.spend.add(0.0));
            }
            (self.week, self.week_spend) = (now, 0.0);
        }
        if now == self.week {
            self.week_spend += net;
        }
    }

    /// Its entry of a category, and whether that is new.
    pub(super) fn category(&mut self, category: u16) -> (&mut Owned, bool) {
        let place = self.owned.binary_search_by_key(&category, |owned| owned.category);
        let new = place.is_err();
        let place = place.unwrap_or_else(|place| {
            let owned = Owned { category, other_lines: 0, own_lines: 0, net: 0.0 };
            self.owned.insert(place, owned);
            place
        });
        (&mut self.owned[place], new)
    }

    /// How it came back, as of an instant.
    pub(super) fn repeats(&self, now: Timestamp) -> Repeats {
        let tx_days = days(self.last - self.first);
        Repeats { x: self.purchases - 1, tx_days, t_days: days(now - self.first).max(tx_days) }
    }

    /// Spread of its gaps, `ln mean − mean ln`, from so many of them on.
    pub(super) fn gap_spread(&self, gaps_min: u32) -> Option<f64> {
        let gaps = self.purchases - 1;
        if gaps < gaps_min.max(2) {
            return None;
        }
        let number = f64::from(gaps);
        let mean = days(self.last - self.first) / number;
        // A sample of n says n / (n − 1) of itself, as a variance does.
        let own = mean.max(1.0).ln() - f64::from(self.ln_gaps) / number;
        Some((own * number / (number - 1.0)).max(0.0))
    }

    /// Years that it has been watched, at least one: what it spent in all over them is a year's.
    pub(super) fn years(&self, now: Timestamp) -> f64 {
        (days(now - self.first) / 365.25).max(1.0)
    }

    /// Net amount and gross profit of the last 52 weeks.
    pub(super) fn year(&self, now: Timestamp) -> (Option<f64>, Option<f64>) {
        (self.net.sum(now), self.profit.sum(now))
    }

    /// Variance of the root of its weekly spend, and deviation of its margin in points, each from
    /// `samples` on.
    pub(super) fn spread(&self, samples: u32) -> (Option<f64>, Option<f64>) {
        let own = |one: &Baseline| (one.orders >= samples).then(|| one.shrunk_deviation(0.0, 0.0));
        (own(&self.spend).map(|deviation| deviation * deviation), own(&self.margin))
    }
}

/// The logarithm of a gap in days, as the detector takes it; a late purchase counts by its distance.
#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough for a spread")]
fn ln_gap(gap: Span) -> f32 {
    days(gap).abs().max(1.0).ln() as f32
}

/// The number of the week that holds an instant; the same weeks as those of the trend detector.
pub(super) fn week(at: Timestamp) -> i64 {
    at.millis().div_euclid(7 * Span::DAY.millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anybody() -> Symbol {
        Symbol::from_number(1).unwrap()
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::saturating(number * Span::DAY.millis())
    }

    #[test]
    fn purchases_are_days_and_their_gaps_those_of_the_detector() {
        let mut known = Known::first(anybody(), day(100), None);
        for at in [100, 110, 110, 130] {
            known.order(day(at), None, None);
        }
        let repeats = known.repeats(day(160));
        assert_eq!((repeats.x, repeats.tx_days, repeats.t_days), (2, 30.0, 60.0));
        assert_eq!(known.year(day(160)), (None, None));
    }

    #[test]
    fn a_year_forgets_what_is_older_than_52_weeks() {
        let mut known = Known::first(anybody(), day(0), None);
        for at in [0, 28, 56] {
            known.order(day(at), Some(100.0), Some(30.0));
        }
        for (now, want) in [(56, 300.0), (13 * 28, 200.0), (14 * 28, 100.0), (900, 0.0)] {
            assert_eq!(known.year(day(now)).0, Some(want), "{now}");
        }
        // Late, into its own part.
        known.order(day(29), Some(1.0), None);
        assert_eq!(known.year(day(56)), (Some(301.0), Some(90.0)));
    }

    #[test]
    fn weeks_without_an_order_count_as_weeks_of_no_spend() {
        let mut known = Known::first(anybody(), day(0), None);
        for week in [0, 2, 4] {
            known.order(day(7 * week), Some(16.0), Some(4.0));
        }
        // Closed: 4, 0, 4, 0: mean 2, variance 16 / 3.
        let (variance, deviation) = known.spread(3);
        assert!((variance.unwrap() - 16.0 / 3.0).abs() < 1e-12);
        assert_eq!((deviation, known.spread(5).0), (Some(0.0), None));
    }
}
