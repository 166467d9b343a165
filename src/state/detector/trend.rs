//! Has a customer's weekly spend risen or fallen for good, the season removed?
//!
//! ```text
//! spend ─► open week ─► closed by the first sight of a later one ─► √(spend / index)
//!          first 20 weeks: mean, deviation ─► then z, ±3 ─► CUSUM up, CUSUM down ─► alarm
//!                                        └──────────────► Holt: level and slope, for display
//! ```
//!
//! The root steadies the spread of sums of random size (Bartlett, JRSS Suppl. 1936). Weeks close
//! lazily: nothing happens while nothing comes, and the next event or timer closes all weeks since.
//! After two years without a purchase the state starts anew. A purchase before the open week is
//! [`Late`]. Level and slope: Holt, "Forecasting seasonals and trends by exponentially weighted
//! moving averages", 1957.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::Late;
use crate::state::detector::cusum::Cusum;
use crate::state::detector::cusum::Limits;
use crate::state::detector::cusum::Verdict;
use crate::state::detector::cusum::Watch;
use crate::state::detector::margin::Baseline;
use crate::time::Span;
use crate::time::Timestamp;

/// Weeks that are closed one by one; beyond that the state starts anew.
const SILENT_WEEKS_MAX: i64 = 104;

/// How it watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendRule {
    /// Any instant at which a week begins.
    pub week_start: Timestamp,
    /// Weeks that make the baseline.
    pub baseline_weeks: u32,
    /// Median variance of √(weekly spend) in the segment.
    pub variance_prior: f64,
    /// Where no variance of a segment is known: deviation of √(weekly spend) as a share of the
    /// customer's own mean of it, which counts beside the variance above.
    pub deviation_of_mean: f64,
    /// Weeks that the variance so expected counts for.
    pub variance_prior_weeks: f64,
    /// Deviations beyond this count as this.
    pub clip: f64,
    /// Slack and limit, for either side.
    pub limits: Limits,
    /// Share of the newest week in Holt's level.
    pub level_share: f64,
    /// Share of the newest change in Holt's slope.
    pub slope_share: f64,
}

impl TrendRule {
    /// One false alarm in 100 weeks on the retail panel of `benches/quality`.
    pub const START: Self = Self {
        week_start: Timestamp::EPOCH,
        baseline_weeks: 20,
        variance_prior: 14.0,
        deviation_of_mean: 0.0,
        variance_prior_weeks: 8.0,
        clip: 3.0,
        limits: Limits { slack: 0.25, limit: 7.0 },
        level_share: 0.2,
        slope_share: 0.1,
    };

    /// Before a segment's variance is known, for spend of any size: deviations are expected to be a
    /// quarter of the customer's own mean. Weeks begin on Mondays, UTC.
    pub const UNLEARNED: Self = Self {
        week_start: Timestamp::saturating(4 * Span::DAY.millis()),
        variance_prior: 0.0,
        deviation_of_mean: 0.25,
        ..Self::START
    };

    /// The number of the week that holds an instant.
    pub fn week(&self, at: Timestamp) -> i64 {
        (at - self.week_start).millis().div_euclid(7 * Span::DAY.millis())
    }

    /// The instant at which a week ends.
    pub fn week_end(&self, week: i64) -> Timestamp {
        self.week_start + Span::from_millis((week + 1).saturating_mul(7 * Span::DAY.millis()))
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Less is bought.
    Fall,
    /// More is bought.
    Rise,
}

/// Weekly spend of one customer, in constant space.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// The week that is not closed yet.
    open_week: i64,
    open_spend: f64,
    baseline: Baseline,
    fall: Watch<1>,
    rise: Watch<1>,
    /// Holt's level: √ of a week's spend, the season removed.
    level: f64,
    /// Holt's slope: its change a week.
    slope: f64,
    closed: u32,
}

impl Trend {
    /// Starts with the week of the first purchase.
    pub fn first(rule: &TrendRule, at: Timestamp, spend: f64) -> Self {
        Self::at_week(rule.week(at), spend)
    }

    fn at_week(open_week: i64, open_spend: f64) -> Self {
        Self {
            open_week,
            open_spend,
            baseline: Baseline::default(),
            fall: Watch::START,
            rise: Watch::START,
            level: 0.0,
            slope: 0.0,
            closed: 0,
        }
    }

    /// Takes a purchase in, after closing the weeks before it. Alarms of those weeks come first to
    /// last; `index` is the season's factor of a week (1 is a usual week). Fails with [`Late`] for
    /// a purchase before the open week.
    pub fn add(
        &mut self,
        rule: &TrendRule,
        at: Timestamp,
        spend: f64,
        index: impl Fn(i64) -> f64,
    ) -> Result<Option<Direction>, Late> {
        if rule.week(at) < self.open_week {
            return Err(Late);
        }
        let alarm = self.advance(rule, at, index);
        self.open_spend += spend;
        Ok(alarm)
    }

    /// Closes the weeks that have ended by `now`: the first alarm among them.
    pub fn advance(
        &mut self,
        rule: &TrendRule,
        now: Timestamp,
        index: impl Fn(i64) -> f64,
    ) -> Option<Direction> {
        let week = rule.week(now);
        if week - self.open_week > SILENT_WEEKS_MAX {
            *self = Self::at_week(week, 0.0);
            return None;
        }
        let mut alarm = None;
        while self.open_week < week {
            let closed = self.close(rule, index(self.open_week));
            alarm = alarm.or(closed);
        }
        alarm
    }

    fn close(&mut self, rule: &TrendRule, index: f64) -> Option<Direction> {
        let at = rule.week_end(self.open_week);
        let value = (self.open_spend.max(0.0) / index).sqrt();
        self.open_week += 1;
        self.open_spend = 0.0;
        self.follow(rule, value);
        if self.baseline.orders < rule.baseline_weeks {
            self.baseline.add(value);
            return None;
        }
        let deviation = self.deviation(rule);
        if deviation <= 0.0 {
            return None;
        }
        let z = ((self.baseline.mean - value) / deviation).clamp(-rule.clip, rule.clip);
        let fall = self.fall.add(z, &[rule.limits], at);
        let rise = self.rise.add(-z, &[rule.limits], at);
        match (fall, rise) {
            (Verdict::Alarm, _) => Some(Direction::Fall),
            (_, Verdict::Alarm) => Some(Direction::Rise),
            _ => None,
        }
    }

    /// Holt's recursions.
    fn follow(&mut self, rule: &TrendRule, value: f64) {
        match self.closed {
            0 => self.level = value,
            1 => {
                self.slope = value - self.level;
                self.level = value;
            }
            _ => {
                let before = self.level;
                let expected = self.level + self.slope;
                self.level = expected + rule.level_share * (value - expected);
                self.slope += rule.slope_share * (self.level - before - self.slope);
            }
        }
        self.closed = self.closed.saturating_add(1);
    }

    /// The sum of one direction: how far it is, and its onset.
    pub fn sum(&self, direction: Direction) -> &Cusum {
        match direction {
            Direction::Fall => &self.fall.sums[0],
            Direction::Rise => &self.rise.sums[0],
        }
    }

    /// The usual √ of a week's spend and its deviation, once the baseline stands.
    pub fn usual(&self, rule: &TrendRule) -> Option<(f64, f64)> {
        (self.baseline.orders >= rule.baseline_weeks)
            .then(|| (self.baseline.mean, self.deviation(rule)))
    }

    fn deviation(&self, rule: &TrendRule) -> f64 {
        let own = rule.deviation_of_mean * self.baseline.mean;
        let prior = (rule.variance_prior + own * own).sqrt();
        self.baseline.shrunk_deviation(prior, rule.variance_prior_weeks)
    }

    /// The direction in which the level has moved, while that alarm stands; a fall before a rise.
    pub fn alarmed(&self) -> Option<(Direction, &Cusum)> {
        let fall = self.fall.alarmed().map(|sum| (Direction::Fall, sum));
        fall.or_else(|| self.rise.alarmed().map(|sum| (Direction::Rise, sum)))
    }

    /// How far a movement is found to go, of the direction that goes further: 1 is an alarm.
    pub fn strength(&self, rule: &TrendRule) -> f64 {
        let limits = [rule.limits];
        self.fall.strength(&limits).max(self.rise.strength(&limits))
    }

    /// When the baseline was complete; none while it is not.
    pub fn baseline_until(&self, rule: &TrendRule) -> Option<Timestamp> {
        let weeks = i64::from(self.closed.checked_sub(rule.baseline_weeks)?);
        Some(rule.week_end(self.open_week - 1 - weeks))
    }

    /// Holt's level and its change a week, both as √ of spend without the season.
    pub fn level_and_slope(&self) -> (f64, f64) {
        (self.level, self.slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: TrendRule = TrendRule::START;

    fn week(week: i64) -> Timestamp {
        RULE.week_start + Span::from_millis(week * 7 * Span::DAY.millis())
    }

    /// Weekly spends from week 0 on, the last one closed; the week of the first alarm.
    fn watch(spends: &[f64], index: impl Fn(i64) -> f64) -> (Trend, Option<(usize, Direction)>) {
        let mut trend = Trend::first(&RULE, week(0), spends[0]);
        let mut alarm = None;
        for (number, spend) in spends.iter().enumerate().skip(1) {
            let at = week(i64::try_from(number).unwrap());
            let said = trend.add(&RULE, at, *spend, &index).unwrap();
            alarm = alarm.or(said.map(|direction| (number - 1, direction)));
        }
        let end = week(i64::try_from(spends.len()).unwrap());
        let said = trend.advance(&RULE, end, &index);
        alarm = alarm.or(said.map(|direction| (spends.len() - 1, direction)));
        (trend, alarm)
    }

    fn spends(level: f64, weeks: usize) -> Vec<f64> {
        (0..weeks).map(|week| if week % 2 == 0 { level * 0.8 } else { level * 1.2 }).collect()
    }

    #[test]
    fn a_fall_and_a_rise_are_found_on_their_side() {
        let even = |_| 1.0;
        assert_eq!(watch(&spends(400.0, 60), even).1, None);
        for (level, want) in [(100.0, Direction::Fall), (1600.0, Direction::Rise)] {
            let all = [spends(400.0, 30), spends(level, 30)].concat();
            let (trend, alarm) = watch(&all, even);
            let (at, direction) = alarm.unwrap();
            assert_eq!(direction, want);
            assert!((30..40).contains(&at), "{at}");
            assert!(trend.sum(want).run > 20);
        }
    }

    #[test]
    fn a_season_is_no_trend() {
        let index = |week: i64| if week >= 30 { 0.25 } else { 1.0 };
        let all = [spends(400.0, 30), spends(100.0, 30)].concat();
        assert_eq!(watch(&all, index).1, None);
    }

    #[test]
    fn the_baseline_and_holts_level_equal_the_recursions_by_hand() {
        let (trend, _) = watch(&[100.0; 25], |_| 1.0);
        // √100; variance (0·19 + 14·8) / 27.
        let (mean, deviation) = trend.usual(&RULE).unwrap();
        assert!(
            (mean - 10.0).abs() < 1e-12 && (deviation - (112.0_f64 / 27.0).sqrt()).abs() < 1e-12
        );
        let (trend, _) = watch(&[100.0, 144.0, 196.0, 144.0], |_| 1.0);
        // 10; 12 (+2); 14 (+2); then 16 is expected and 12 comes: 16 − .2·4 = 15.2, slope 1.92.
        let (level, slope) = trend.level_and_slope();
        assert!((level - 15.2).abs() < 1e-12 && (slope - 1.92).abs() < 1e-12, "{level} {slope}");
    }

    #[test]
    fn silent_weeks_close_when_something_comes_and_two_years_of_them_start_anew() {
        let mut trend = Trend::first(&RULE, week(0), 100.0);
        assert_eq!(trend.add(&RULE, week(19), 100.0, |_| 1.0), Ok(None));
        assert_eq!(trend.add(&RULE, week(10), 100.0, |_| 1.0), Err(Late));
        assert!(trend.usual(&RULE).is_none());
        assert_eq!(trend.advance(&RULE, week(20), |_| 1.0), None);
        assert!((trend.usual(&RULE).unwrap().0 - 1.0).abs() < 1e-12); // (10 + 18·0 + 10) / 20
        assert_eq!(trend.advance(&RULE, week(200), |_| 1.0), None);
        assert!(trend.usual(&RULE).is_none());
    }
}
