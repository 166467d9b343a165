//! Silence: how well do scores at a cut day foretell it, and how good are alerts by deadline?

use siaga::model::drift;
use siaga::model::logistic::Example;
use siaga::state::detector::repeat_buying::RepeatBuying;
use siaga::state::detector::repeat_buying::Repeats;
use siaga::state::detector::rhythm::Population;
use siaga::state::detector::rhythm::Rhythm;

use crate::anchor::Anchors;
use crate::data::Customer;
use crate::data::midnight;
use crate::report::Gate;
use crate::report::Row;
use crate::report::Table;
use crate::statistics;
use crate::statistics::Estimate;
use crate::statistics::count;

const QUARTER: i64 = 91;

/// One set and what is asked of it.
pub(crate) struct Plan {
    pub(crate) set: &'static str,
    /// Scored cut day and the earlier one that is learned from.
    pub(crate) cuts: &'static [(i64, i64)],
    /// Least repeats and the weeks of silence; `None` is partial drift.
    pub(crate) rows: &'static [(u32, Option<i64>)],
    pub(crate) end: i64,
    pub(crate) timer_fit: i64,
    pub(crate) timer_repeats: u32,
}

pub(crate) const PLANS: [Plan; 2] = [
    Plan {
        set: "cdnow",
        cuts: &[(272, 181), (363, 272)],
        rows: &[(0, Some(13)), (3, Some(8)), (3, Some(13)), (3, None)],
        end: 545,
        timer_fit: 182,
        timer_repeats: 3,
    },
    Plan {
        set: "cj",
        cuts: &[(272, 181)],
        rows: &[(3, Some(4)), (10, Some(4)), (10, Some(8)), (10, None)],
        end: 364,
        timer_fit: 181,
        timer_repeats: 5,
    },
];

/// Everything at one cut day.
struct Cut<'a> {
    day: i64,
    customers: Vec<(&'a Customer, Rhythm)>,
    population: Population,
}

fn rhythm(days: &[(i64, f64)]) -> Option<Rhythm> {
    let (first, rest) = days.split_first()?;
    let mut rhythm = Rhythm::first(midnight(first.0), first.1);
    for (day, amount) in rest {
        rhythm.add(midnight(*day), *amount);
    }
    Some(rhythm)
}

fn population(customers: &[(&Customer, Rhythm)], cut: i64) -> Population {
    let repeats: Vec<Repeats> = customers.iter().map(|(_, r)| r.repeats(midnight(cut))).collect();
    let watched: Vec<Repeats> = repeats.into_iter().filter(|r| r.t_days > 0.0).collect();
    let mut gaps: Vec<f64> = Vec::new();
    for (customer, _) in customers {
        let known = customer.days.iter().take_while(|(day, _)| *day <= cut).collect::<Vec<_>>();
        let pairs = known.windows(2).map(|pair| pair[1].0 - pair[0].0);
        gaps.extend(pairs.filter_map(|gap| i32::try_from(gap).ok()).map(f64::from));
    }
    Population {
        repeat_buying: drift::fit(&watched, 7.0).unwrap_or(RepeatBuying::START),
        gap_median_days: drift::gap_median_days(&mut gaps).unwrap_or(30.0),
    }
}

fn cut(customers: &[Customer], day: i64) -> Cut<'_> {
    let known = |c: &Customer| {
        let until = c.days.partition_point(|(at, _)| *at <= day);
        rhythm(&c.days[..until])
    };
    let customers: Vec<(&Customer, Rhythm)> =
        customers.iter().filter_map(|c| known(c).map(|rhythm| (c, rhythm))).collect();
    let population = population(&customers, day);
    Cut { day, customers, population }
}

impl Cut<'_> {
    /// Customers of a row: place, features, outcome.
    fn rows(&self, repeats_min: u32, weeks: Option<i64>) -> Vec<(usize, [f64; 20], bool)> {
        let now = midnight(self.day);
        let horizon = count(usize::try_from(7 * weeks.unwrap_or(13)).unwrap_or(0));
        let mut rows = Vec::new();
        for (place, (customer, rhythm)) in self.customers.iter().enumerate() {
            let repeats = rhythm.repeats(now);
            if repeats.x < repeats_min || repeats.t_days < 28.0 {
                continue;
            }
            let after = customer.days.iter().filter(|(day, _)| *day > self.day);
            let drifted = match weeks {
                Some(weeks) => {
                    after.map(|(day, _)| day - self.day).next().is_none_or(|n| n > 7 * weeks)
                }
                None => {
                    let until = self.day + QUARTER;
                    let spend: f64 = after.filter(|(day, _)| *day <= until).map(|(_, a)| a).sum();
                    spend < 0.5 * rhythm.own_rate_per_day(now) * 91.0
                }
            };
            rows.push((place, rhythm.features(&self.population, now, horizon), drifted));
        }
        rows
    }
}

/// The AUC rows of one set.
pub(crate) fn scores(customers: &[Customer], plan: &Plan, anchors: &Anchors, table: &mut Table) {
    let (mut rows_above, mut rows_known) = (0, 0);
    for (day, earlier) in plan.cuts {
        let (now, then) = (cut(customers, *day), cut(customers, *earlier));
        for (repeats_min, weeks) in plan.rows {
            let example = |(_, features, outcome): (usize, [f64; 20], bool)| Example {
                features: features.to_vec(),
                outcome,
            };
            let examples: Vec<Example> =
                then.rows(*repeats_min, *weeks).into_iter().map(example).collect();
            let score = drift::learn_score(&examples);
            let rows = now.rows(*repeats_min, *weeks);
            let units: Vec<usize> = (0..rows.len()).collect();
            let outcomes: Vec<bool> = rows.iter().map(|row| row.2).collect();
            let learned: Vec<f64> = rows.iter().map(|row| score.log_odds(&row.1)).collect();
            let expected: Vec<f64> = rows.iter().map(|row| -row.1[0]).collect();
            let target = weeks.map_or("partial".to_owned(), |weeks| weeks.to_string());
            let anchor = anchors.drift_auc(plan.set, *day, *repeats_min, &target);
            let name = format!("{} day {day}, ≥ {repeats_min} repeats, {target}", plan.set);
            let spoken = weeks.map_or(name.clone(), |_| format!("{name} weeks"));
            let ours = statistics::auc(&outcomes, &learned, &units);
            table.rows.push(Row::at_least(&spoken, "drift score", ours, anchor.best_simple));
            table.rows.push(Row::told(
                &spoken,
                "drift score, learned anchor beside it",
                ours,
                anchor.best_learned,
            ));
            rows_known += usize::from(anchor.best_learned.is_some());
            rows_above +=
                usize::from(anchor.best_learned.is_some_and(|theirs| ours.value > theirs));
            let own = statistics::auc(&outcomes, &expected, &units);
            table.rows.push(Row::told(&spoken, "−E[N] alone", own, anchor.expected));
        }
    }
    if rows_known > 0 {
        let name = format!("{}, of {rows_known} rows", plan.set);
        let row = Row::told(&name, "rows above the learned anchor", exact(count(rows_above)), None);
        table.rows.push(row.gated(Gate::NoLess(2.0)));
    }
}

/// A figure without chance.
fn exact(value: f64) -> Estimate {
    Estimate { value, low: value, high: value }
}

/// One silence: the state after a purchase, and what came next.
struct Silence {
    unit: usize,
    rhythm: Rhythm,
    since: f64,
    first: f64,
    next: f64,
}

type Deadline<'a> = (&'a str, &'a str, Box<dyn Fn(&Silence, f64) -> f64 + 'a>);

/// The timer rows of one set at half an alert a customer-year.
pub(crate) fn timers(customers: &[Customer], plan: &Plan, anchors: &Anchors, table: &mut Table) {
    let halves = |parity| customers.iter().filter(move |c| c.id % 2 == parity);
    let known = |c: &Customer| {
        let until = c.days.partition_point(|(day, _)| *day <= plan.timer_fit);
        rhythm(&c.days[..until])
    };
    let fitted: Vec<(&Customer, Rhythm)> =
        halves(0).filter_map(|c| known(c).map(|rhythm| (c, rhythm))).collect();
    let population = population(&fitted, plan.timer_fit);
    let scored: Vec<&Customer> = halves(1).collect();
    let silences = silences(&scored, plan);
    let mut units: Vec<usize> = silences.iter().map(|silence| silence.unit).collect();
    units.dedup();
    let end = count(usize::try_from(plan.end).unwrap_or(0));
    let volume = 0.5 * count(units.len()) * (end - 91.0) / 365.25;
    for (name, anchor, deadline) in deadlines(&population) {
        let fires = |s: &Silence, q: f64| {
            let after = deadline(s, q);
            after < s.next && after <= end - s.since - 91.0
        };
        let (mut low, mut high) = (-20.0, 20.0);
        for _ in 0..60 {
            let knob = f64::midpoint(low, high);
            let alerts = count(silences.iter().filter(|s| fires(s, knob)).count());
            *(if alerts > volume { &mut low } else { &mut high }) = knob;
        }
        let fired: Vec<&Silence> = silences.iter().filter(|s| fires(s, high)).collect();
        let judged: Vec<(f64, f64)> =
            fired.iter().map(|s| judge(scored[s.unit], s, s.since + deadline(s, high))).collect();
        let units: Vec<usize> = fired.iter().map(|s| s.unit).collect();
        let hits: Vec<bool> = judged.iter().map(|(usual, future)| *future < 0.5 * usual).collect();
        let lost: Vec<f64> = judged.iter().map(|(usual, future)| usual - future).collect();
        let usual: Vec<f64> = judged.iter().map(|(usual, _)| *usual).collect();
        let mut delays: Vec<f64> = fired.iter().map(|s| deadline(s, high)).collect();
        let delay = drift::gap_median_days(&mut delays).unwrap_or(f64::NAN);
        let what = format!("{}: {name}, {} alerts, {delay:.0} d", plan.set, fired.len());
        let theirs = anchors.timer(plan.set, anchor);
        let gate = if name == "tempered deadline" { Row::at_least } else { Row::told };
        table.rows.push(gate(&what, "precision", statistics::share(&hits, &units), theirs.0));
        let lost = statistics::ratio(&lost, &usual, &units);
        table.rows.push(gate(&what, "lost share", lost, theirs.1));
    }
}

/// The rules that are compared: name, the anchor's rule, days of silence by knob.
fn deadlines(population: &Population) -> [Deadline<'static>; 4] {
    let model = population.repeat_buying;
    let median = population.gap_median_days;
    let gap = |s: &Silence| (s.since - s.first) / f64::from(s.rhythm.days.purchases - 1);
    let own = |s: &Silence| s.rhythm.spend / (s.since - s.first).max(91.0) * 91.0;
    // The knob runs from −20 to 20; e^knob is the factor, the odds, or the rate in money.
    [
        (
            "tempered deadline",
            "p_alive_below",
            Box::new(move |s, q| s.rhythm.tempered_deadline_days(median, q.exp())),
        ),
        (
            "P(alive) deadline",
            "p_alive_below",
            Box::new(move |s, q| {
                let p = 1.0 / (1.0 + q.exp());
                let repeats = s.rhythm.days.purchases - 1;
                model.deadline_days(repeats, s.since - s.first, p).unwrap_or(f64::INFINITY)
            }),
        ),
        (
            "control: own rate at a quarter gap",
            "control_rate_at_0.25_gap",
            Box::new(move |s, q| if own(s) > q.exp() { 0.25 * gap(s) } else { f64::INFINITY }),
        ),
        (
            "control: own rate at one gap",
            "control_rate_at_1_gap",
            Box::new(move |s, q| if own(s) > q.exp() { gap(s) } else { f64::INFINITY }),
        ),
    ]
}

fn silences(scored: &[&Customer], plan: &Plan) -> Vec<Silence> {
    let mut silences = Vec::new();
    let number = |day: i64| i32::try_from(day).map_or(f64::NAN, f64::from);
    for (unit, customer) in scored.iter().enumerate() {
        let Some(first) = customer.days.first().copied() else { continue };
        let mut rhythm = Rhythm::first(midnight(first.0), first.1);
        for (place, (day, amount)) in customer.days.iter().enumerate().skip(1) {
            rhythm.add(midnight(*day), *amount);
            if rhythm.days.purchases > plan.timer_repeats && day - first.0 >= QUARTER {
                let next = customer.days.get(place + 1);
                silences.push(Silence {
                    unit,
                    rhythm,
                    since: number(*day),
                    first: number(first.0),
                    next: next.map_or(1e9, |(next, _)| number(next - day)),
                });
            }
        }
    }
    silences
}

/// Usual spend of 91 days at an alert, and the spend of the 91 days after it.
fn judge(customer: &Customer, silence: &Silence, at: f64) -> (f64, f64) {
    let spent = |until: f64| {
        let known = customer
            .days
            .iter()
            .filter(|(day, _)| count(usize::try_from(*day).unwrap_or(0)) <= until);
        known.map(|(_, amount)| amount).sum::<f64>()
    };
    let past = spent(at);
    (past / (at - silence.first).max(91.0) * 91.0, spent(at + 91.0) - past)
}
