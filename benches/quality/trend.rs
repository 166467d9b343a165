//! Is a decline of weekly spend found? Baskets are dropped from week 26 on, on real households.
//!
//! The draws are those of the anchors (NumPy's generator), so the same baskets are dropped. The
//! detector is the product's own, fed purchase by purchase.

use std::collections::BTreeMap;

use siaga::model::drift::gap_median_days as median;
use siaga::state::detector::cusum::Limits;
use siaga::state::detector::trend::Direction;
use siaga::state::detector::trend::Trend;
use siaga::state::detector::trend::TrendRule;

use crate::anchor::Anchors;
use crate::data::Line;
use crate::data::midnight;
use crate::random::Random;
use crate::report::Row;
use crate::report::Table;
use crate::statistics;
use crate::statistics::count;

const WEEKS: i64 = 52;
const CHANGE: i64 = 26;
const BASELINE: i64 = 20;
const REPEATS: u64 = 10;

/// One basket.
struct Basket {
    household: u64,
    day: i64,
    amount: f64,
}

/// Baskets of households that bought in at least 40 of 52 weeks, by household and order.
fn baskets(lines: &[Line]) -> Vec<Basket> {
    let mut all: BTreeMap<(u64, usize), (i64, f64)> = BTreeMap::new();
    for line in lines {
        let basket = all.entry((line.customer, line.order)).or_insert((line.day, 0.0));
        basket.0 = basket.0.min(line.day);
        basket.1 += line.amount;
    }
    let mut weeks: BTreeMap<u64, u64> = BTreeMap::new();
    for ((household, _), (day, _)) in &all {
        if day / 7 < WEEKS {
            *weeks.entry(*household).or_default() |= 1 << (day / 7);
        }
    }
    let basket = |((household, _), (day, amount))| Basket { household, day, amount };
    let kept = all.into_iter().map(basket).filter(|b| b.day / 7 < WEEKS);
    kept.filter(|b| weeks[&b.household].count_ones() >= 40).collect()
}

/// The monitored weeks at which each household first raises the alarm, from 0; `None` never.
fn first_alarms(households: &BTreeMap<u64, Vec<(i64, f64)>>, rule: &TrendRule) -> Vec<Option<i64>> {
    let first_alarm = |baskets: &Vec<(i64, f64)>| {
        let mut trend = Trend::first(rule, midnight(0), 0.0);
        let mut rest = baskets.iter().peekable();
        (0..WEEKS).find_map(|week| {
            while let Some((day, amount)) = rest.next_if(|(day, _)| day / 7 == week) {
                trend.add(rule, midnight(*day), *amount, |_| 1.0).ok()?;
            }
            let said = trend.advance(rule, midnight(7 * (week + 1)), |_| 1.0);
            (said == Some(Direction::Fall)).then_some(week - BASELINE)
        })
    };
    households.values().map(first_alarm).collect()
}

/// Baskets by household, some dropped.
fn thinned(baskets: &[&Basket], drop: f64, seed: u64) -> BTreeMap<u64, Vec<(i64, f64)>> {
    let mut random = Random::new(seed);
    let mut households: BTreeMap<u64, Vec<(i64, f64)>> = BTreeMap::new();
    for basket in baskets {
        let dropped = random.unit() < drop && basket.day / 7 >= CHANGE;
        let kept = households.entry(basket.household).or_default();
        if !dropped {
            kept.push((basket.day, basket.amount));
        }
    }
    for baskets in households.values_mut() {
        baskets.sort_by_key(|(day, _)| *day);
    }
    households
}

/// Median over households of the variance of √(weekly spend) in the baseline.
fn pooled_variance(households: &BTreeMap<u64, Vec<(i64, f64)>>) -> f64 {
    let variance = |baskets: &Vec<(i64, f64)>| {
        let mut spend = [0.0; 20];
        for (day, amount) in baskets.iter().filter(|(day, _)| day / 7 < BASELINE) {
            spend[usize::try_from(day / 7).unwrap_or(0)] += amount;
        }
        let roots = spend.map(|spend: f64| spend.max(0.0).sqrt());
        let mean = roots.iter().sum::<f64>() / 20.0;
        roots.iter().map(|root| (root - mean).powi(2)).sum::<f64>() / 19.0
    };
    let mut variances: Vec<f64> = households.values().map(variance).collect();
    median(&mut variances).unwrap_or(TrendRule::START.variance_prior)
}

/// The limit at which the calibration households give one false alarm in so many weeks.
fn calibrated(households: &BTreeMap<u64, Vec<(i64, f64)>>, rule: TrendRule, per: u32) -> TrendRule {
    let (mut low, mut high) = (0.1, 30.0);
    let with = |limit: f64| TrendRule { limits: Limits { limit, ..rule.limits }, ..rule };
    for _ in 0..35 {
        let limit = f64::midpoint(low, high);
        let alarms = first_alarms(households, &with(limit));
        let weeks: i64 = alarms.iter().map(|alarm| alarm.unwrap_or(WEEKS - BASELINE)).sum();
        let found = count(alarms.iter().flatten().count());
        let weeks = count(usize::try_from(weeks).unwrap_or(0));
        *(if found / weeks > 1.0 / f64::from(per) { &mut low } else { &mut high }) = limit;
    }
    with(high)
}

/// The rows.
pub(crate) fn table(lines: &[Line], anchors: &Anchors) -> Table {
    let all = baskets(lines);
    let half = |parity| all.iter().filter(|b| b.household % 2 == parity).collect::<Vec<_>>();
    let (calibration, scored) = (half(0), half(1));
    let quiet = thinned(&calibration, 0.0, 7);
    let rule = TrendRule {
        week_start: midnight(0),
        variance_prior: pooled_variance(&quiet),
        ..TrendRule::START
    };
    let mut rows = Vec::new();
    for per in [500, 100] {
        let rule = calibrated(&quiet, rule, per);
        for (drop, name, key) in
            [(0.3, "−30 %", "minus_30pct_found"), (0.5, "−50 %", "minus_50pct_found")]
        {
            let (mut hits, mut units) = (Vec::new(), Vec::new());
            for repeat in 0..REPEATS {
                let alarms = first_alarms(&thinned(&scored, drop, 7 + repeat), &rule);
                for (unit, alarm) in alarms.into_iter().enumerate() {
                    if alarm.is_none_or(|week| week >= CHANGE - BASELINE) {
                        hits.push(alarm.is_some());
                        units.push(unit);
                    }
                }
            }
            let limit = rule.limits.limit;
            let what = format!("one false alarm in {per} weeks, k .25 h {limit:.2}");
            let figure = format!("{name} found in 26 weeks");
            let found = statistics::share(&hits, &units);
            let theirs = anchors.trend(per, "cusum_k0.25", key);
            rows.push(Row::at_least(&what, &figure, found, theirs));
        }
    }
    Table {
        title: "Trend",
        note: "share of injected declines found; the anchor is its CUSUM with k .25",
        rows,
    }
}
