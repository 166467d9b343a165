//! A survey becomes the next version of the models: the work that is done in the background.
//!
//! ```text
//! survey ─┬─ people by segment ─► BG/NBD, spreads, percentiles       a segment from 30 customers on,
//!         ├─ weeks ─► season                                         its rhythm from 100 on
//!         ├─ pairs ─► EASE weights of orders, top 32 a target; counts of owners
//!         └─ team, own brand, minutes, outcomes ─► as they are, shrunk
//! ```
//!
//! The effort is bounded, whatever there is to learn from: rhythms are fitted to a sample, from the
//! parameters of the version before; categories that too few orders hold are left out of the fit.

use std::collections::BTreeMap;

use crate::event::Symbol;
use crate::model::affinity::Affinity as Fitted;
use crate::model::affinity::AffinityRule;
use crate::model::affinity::Gram;
use crate::model::drift;
use crate::model::matrix::Matrix;
use crate::model::season;
use crate::model::survey::Person;
use crate::model::survey::Sold;
use crate::model::survey::Survey;
use crate::model::survey::Weeks;
use crate::model::switching::Switches;
use crate::money::Decimal;
use crate::state::detector::repeat_buying::Repeats;
use crate::state::detector::rhythm::Population;
use crate::state::detector::season::Season;
use crate::state::detector::season::WEEKS;
use crate::state::models::Models;
use crate::state::models::Segment;
use crate::state::models::affinity::Affinity;
use crate::state::models::affinity::Category;
use crate::state::models::affinity::PAIR_MIN;
use crate::state::models::affinity::Together;
use crate::state::models::figures::Figures;
use crate::state::models::service::ServiceRates;
use crate::state::models::switching::Switching;
use crate::state::models::switching::TypeOfProduct;

/// Customers from which a segment speaks for itself.
pub const SEGMENT_MIN: usize = 30;
/// Customers whose spreads make a median.
const SPREADS_MIN: usize = 10;
/// Margin points that an order may always be off: less would let a cent raise an alarm.
const MARGIN_DEVIATION_MIN: f64 = 0.5;
/// Customers that the rhythm of all, and of one segment, is fitted to.
const RHYTHMS: [usize; 2] = [1_000, 400];
/// Days of the unit in which the search for parameters runs; about the size of a gap.
const UNIT_DAYS: f64 = 7.0;

/// The version that follows `before`.
pub fn fit(survey: &Survey, before: &Models) -> Models {
    let everybody: Vec<&Person> = survey.people.iter().collect();
    let all_weeks = added(survey.weeks.values());
    let start = before.all.population;
    let all = segment((&everybody, RHYTHMS[0]), &all_weeks, &Segment::default(), &start);
    let mut by_segment: BTreeMap<Symbol, Vec<&Person>> = BTreeMap::new();
    for person in &survey.people {
        if let Some(name) = person.segment {
            by_segment.entry(name).or_default().push(person);
        }
    }
    by_segment.retain(|_, people| people.len() >= SEGMENT_MIN);
    let none = Weeks::default();
    let of_segment = |(name, people): (&Symbol, &Vec<&Person>)| {
        let weeks = survey.weeks.get(&Some(*name)).unwrap_or(&none);
        (*name, segment((people, RHYTHMS[1]), weeks, &all, &all.population))
    };
    let segments = by_segment.iter().map(of_segment).collect();
    Models {
        version: before.version + 1,
        fitted_to: survey.at,
        customers: survey.customers,
        orders: survey.orders,
        currency: survey.currency,
        segments,
        all,
        team: survey.team.clone(),
        affinity: affinity(survey),
        switching: switching(&survey.categories),
        service: ServiceRates::of(&survey.activities, None),
        outcomes: survey.outcomes.clone(),
    }
}

/// A segment; what it cannot tell by itself is as in the `wider` group.
fn segment(
    (people, rhythms): (&[&Person], usize),
    weeks: &Weeks,
    wider: &Segment,
    start: &Population,
) -> Segment {
    let spread = |one: fn(&Person) -> Option<f64>| {
        let mut found: Vec<f64> = people.iter().filter_map(|person| one(person)).collect();
        (found.len() >= SPREADS_MIN).then(|| median(&mut found)).flatten()
    };
    Segment {
        customers: u32::try_from(people.len()).unwrap_or(u32::MAX),
        population: population(people, rhythms, start).unwrap_or(wider.population),
        gap_spread: spread(|person| person.gap_spread).unwrap_or(wider.gap_spread),
        spend_variance: spread(|person| person.spend_variance).map_or(wider.spend_variance, step),
        margin_deviation: spread(|person| person.margin_deviation)
            .map_or(wider.margin_deviation, |points| step(points).max(MARGIN_DEVIATION_MIN)),
        season: if people.len() >= drift::CUSTOMERS_MIN {
            seasonal(weeks)
        } else {
            wider.season.clone()
        },
        net: Figures::of(people.iter().filter_map(|person| person.net)),
        profit: Figures::of(people.iter().filter_map(|person| person.profit)),
    }
}

/// A spread in steps of a fifth: it is a prior that a customer's own soon outweighs. What is learned
/// anew is mostly the same step, and no history has to be followed anew for it.
fn step(spread: f64) -> f64 {
    const STEPS_TO_TWICE: f64 = 4.0;
    if spread > 0.0 && spread.is_finite() {
        ((spread.log2() * STEPS_TO_TWICE).round() / STEPS_TO_TWICE).exp2()
    } else {
        spread
    }
}

/// How people come back; `None` where they are too few, or nobody came back.
fn population(people: &[&Person], sample: usize, start: &Population) -> Option<Population> {
    let step = people.len().div_ceil(sample).max(1);
    let repeats: Vec<Repeats> = people.iter().step_by(step).map(|person| person.repeats).collect();
    let mut gaps: Vec<f64> =
        repeats.iter().filter(|one| one.x > 0).map(|one| one.tx_days / f64::from(one.x)).collect();
    let gap_median_days = median(&mut gaps)?.max(1.0);
    let repeat_buying = drift::fit_from(&repeats, UNIT_DAYS, &start.repeat_buying)?;
    Some(Population { repeat_buying, gap_median_days })
}

fn median(values: &mut [f64]) -> Option<f64> {
    drift::gap_median_days(values)
}

/// All weeks of some groups together.
fn added<'a>(groups: impl Iterator<Item = &'a Weeks> + Clone) -> Weeks {
    let filled = groups.filter(|weeks| !weeks.totals.is_empty());
    let Some(first) = filled.clone().map(|weeks| weeks.first).min() else {
        return Weeks::default();
    };
    let mut totals = Vec::new();
    for weeks in filled {
        let offset = usize::try_from(weeks.first - first).unwrap_or(0);
        if totals.len() < offset + weeks.totals.len() {
            totals.resize(offset + weeks.totals.len(), 0);
        }
        let own = totals.iter_mut().skip(offset).zip(&weeks.totals);
        own.for_each(|(total, week)| *total += week);
    }
    Weeks { first, totals }
}

/// Factors from whole years, counted back from the last week that is over.
fn seasonal(weeks: &Weeks) -> Season {
    let over = weeks.totals.len().saturating_sub(1);
    let whole = over / WEEKS;
    let skipped = over - whole * WEEKS;
    let years: Vec<Vec<f64>> = (0..whole)
        .map(|year| {
            let mut totals = vec![0.0; WEEKS];
            for week in 0..WEEKS {
                let place = skipped + year * WEEKS + week;
                let number = weeks.first + i64::try_from(place).unwrap_or(0);
                let length = i64::try_from(WEEKS).unwrap_or(i64::MAX);
                let of_year = usize::try_from(number.rem_euclid(length)).unwrap_or(0);
                totals[of_year] = amount(weeks.totals[place]);
            }
            totals
        })
        .collect();
    season::of_years(&years)
}

/// Millionths as an amount; more than can be held counts as the most that can.
fn amount(micros: i128) -> f64 {
    let micros = i64::try_from(micros.max(0)).unwrap_or(i64::MAX);
    Decimal::from_micros(micros).to_f64()
}

fn affinity(survey: &Survey) -> Affinity {
    let category = |sold: &Sold| {
        let net = median(&mut sold.yearly.clone()).unwrap_or(0.0).max(0.0);
        Category { name: sold.name, net, margin: sold.margin }
    };
    let categories = survey.categories.iter().map(category).collect();
    let baskets = together(&survey.baskets, Some(&AffinityRule::START));
    Affinity::new(categories, baskets, together(&survey.owners, None))
}

/// Counts, and weights where a rule for them is given. Items that were met too rarely for any offer
/// are left out of the fit.
fn together(gram: &Gram, rule: Option<&AffinityRule>) -> Together {
    let size = gram.counts.size();
    let triangle = (0..size).flat_map(|row| gram.counts.row(row)[..=row].iter());
    let counts = triangle.map(|count| single(*count)).collect();
    let (mut weights, mut divisors) = (vec![Vec::new(); size], vec![1.0; size]);
    let Some(rule) = rule else {
        return Together::new(counts, gram.baskets, weights, divisors);
    };
    let common: Vec<usize> =
        (0..size).filter(|item| gram.counts.at(*item, *item) >= f64::from(PAIR_MIN)).collect();
    let mut dense = Matrix::zero(common.len());
    for (row, item) in common.iter().enumerate() {
        let cells = common.iter().map(|other| gram.counts.at(*item, *other));
        dense.row_mut(row).iter_mut().zip(cells).for_each(|(cell, count)| *cell = count);
    }
    let gram_of_common = Gram { counts: dense, baskets: gram.baskets };
    // A positive penalty leaves no matrix of counts without an inverse.
    if let Ok(fitted) = Fitted::fit(&gram_of_common, rule) {
        for (from, item) in common.iter().enumerate() {
            let row =
                common.iter().enumerate().map(|(to, target)| (*target, fitted.weight(from, to)));
            let kept = row.filter(|(_, weight)| *weight != 0.0);
            weights[*item] = kept.filter_map(|(to, weight)| stored(to, weight)).collect();
        }
        for (place, item) in common.iter().enumerate() {
            divisors[*item] = single(fitted.divisor(place));
        }
    }
    Together::new(counts, gram.baskets, weights, divisors)
}

fn stored(to: usize, weight: f64) -> Option<(u16, f32)> {
    u16::try_from(to).ok().map(|to| (to, single(weight)))
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough to rank by")]
fn single(value: f64) -> f32 {
    value as f32
}

fn switching(categories: &[Sold]) -> Switching {
    let (others, switched) = categories
        .iter()
        .fold((0_u32, 0_u32), |sum, sold| (sum.0 + sold.others, sum.1 + sold.switched));
    let whole = Switches { pairs: others, switched };
    let shares: Vec<f64> =
        categories.iter().filter(|sold| sold.others > 0).map(|sold| sold.own_share).collect();
    let all = TypeOfProduct {
        rate: whole.rate(Switching::RATE_START),
        share: median(&mut shares.clone()).unwrap_or(Switching::RATE_START),
        customers: others,
    };
    let of_type = |sold: &Sold| {
        let own = Switches { pairs: sold.others, switched: sold.switched };
        let found = TypeOfProduct {
            rate: own.rate(all.rate),
            share: sold.own_share,
            customers: sold.others,
        };
        (sold.name, found)
    };
    let sold = categories.iter().filter(|sold| sold.others > 0 && sold.own_share > 0.0);
    Switching { all, types: sold.map(of_type).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_season_is_learned_from_whole_years_that_end_with_the_last_week_that_is_over() {
        // Two years and five weeks of 100, week 7 of each year 300, and a week that has just begun.
        let week = |number: i64| if number.rem_euclid(52) == 7 { 300_000_000 } else { 100_000_000 };
        let mut totals: Vec<i128> = (20..20 + 109).map(week).collect();
        totals.push(1_000_000);
        let season = seasonal(&Weeks { first: 20, totals });
        let mean = (51.0 * 100.0 + 300.0) / 52.0;
        let want = |total: f64| (1.0 + 2.0 * total / mean) / 3.0;
        for (week, total) in [(7, 300.0), (6, 100.0), (8, 100.0), (24, 100.0)] {
            assert!((season.index(week) - want(total)).abs() < 1e-9, "{week}");
        }
        assert_eq!(seasonal(&Weeks { first: 0, totals: vec![5; 52] }), Season::even());
    }

    proptest! {
        #[test]
        fn groups_add_up_week_by_week(
            one in prop::collection::vec(0_i128..9, 0..6), other in prop::collection::vec(0_i128..9, 0..6),
            first in -3_i64..3,
        ) {
            let groups = [Weeks { first: 0, totals: one.clone() }, Weeks { first, totals: other.clone() }];
            let sum = added(groups.iter());
            prop_assert_eq!(
                sum.totals.iter().sum::<i128>(), one.iter().chain(&other).sum::<i128>()
            );
            for (week, total) in (sum.first..).zip(&sum.totals) {
                let at = |group: &Weeks| {
                    let place = usize::try_from(week - group.first).ok();
                    place.and_then(|place| group.totals.get(place)).copied().unwrap_or(0)
                };
                prop_assert_eq!(*total, groups.iter().map(at).sum::<i128>());
            }
        }
    }
}
