//! Which category comes next? In a basket, and for a household that never bought it.
//!
//! Everything is learned up to a cut and judged after it; penalties and weights are chosen on the
//! quarter before the one that is judged, never on it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use siaga::model::affinity;
use siaga::model::affinity::Affinity;
use siaga::model::affinity::AffinityRule;
use siaga::model::affinity::Gram;
use siaga::model::affinity::PairCounts;

use crate::anchor::Anchors;
use crate::data::Line;
use crate::report::Row;
use crate::report::Table;
use crate::statistics;
use crate::statistics::count;

/// Learned up to the first, chosen on the days up to the second, judged on the days after it.
const CHOICE: [i64; 3] = [181, 272, 364];
const TOP: usize = 5;
const SKIPPED: [&str; 5] = ["COUPON", "FUEL", "MISC", "NO COMMODITY", "UNKNOWN"];
const OWNER_RIDGES: [f64; 6] = [20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
const BASKET_RIDGES: [f64; 5] = [30.0, 60.0, 125.0, 250.0, 500.0];
const POWERS: [f64; 6] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
const HISTORY_WEIGHTS: [f64; 5] = [0.0, 0.05, 0.1, 0.2, 0.3];
const KEPT: usize = 32;

/// One order: when, whose, and its categories, rising.
struct Basket {
    household: u64,
    day: i64,
    at: i64,
    categories: Vec<usize>,
}

struct Baskets {
    all: Vec<Basket>,
    categories: usize,
}

fn baskets(lines: &[Line]) -> Baskets {
    let fit = |name: &&str| !SKIPPED.iter().any(|part| name.to_uppercase().contains(part));
    let named = |line: &Line| line.category.as_deref().filter(fit).map(str::to_owned);
    let names: BTreeSet<String> = lines.iter().filter_map(named).collect();
    let places: BTreeMap<String, usize> =
        names.into_iter().enumerate().map(|(place, name)| (name, place)).collect();
    let mut orders: BTreeMap<usize, (u64, i64, i64, BTreeSet<usize>)> = BTreeMap::new();
    for line in lines {
        if let Some(place) = named(line).and_then(|name| places.get(&name).copied()) {
            let order = orders.entry(line.order);
            let new = (line.customer, line.day, line.at, BTreeSet::new());
            order.or_insert(new).3.insert(place);
        }
    }
    let basket = |(household, day, at, categories): (u64, i64, i64, BTreeSet<usize>)| Basket {
        household,
        day,
        at,
        categories: categories.into_iter().collect(),
    };
    Baskets { all: orders.into_values().map(basket).collect(), categories: places.len() }
}

/// What is known at a cut, and what is to be foretold.
struct Window {
    owners: Gram,
    baskets: Gram,
    /// Households that are judged: owned, and bought in the window.
    households: BTreeMap<u64, (Vec<usize>, BTreeSet<usize>)>,
    targets: Vec<Target>,
}

/// A category that is new to a household, met in a basket.
struct Target {
    household: u64,
    category: usize,
    context: Vec<usize>,
    /// Categories that cannot be offered: bought before, or in the basket.
    known: Vec<bool>,
}

impl Baskets {
    fn window(&self, cut: i64, end: i64) -> Window {
        let mut owned: BTreeMap<u64, (BTreeSet<usize>, usize)> = BTreeMap::new();
        let mut baskets = PairCounts::new(self.categories, f64::INFINITY);
        for basket in self.all.iter().filter(|basket| basket.day <= cut) {
            baskets.add(&basket.categories, 0.0);
            let household = owned.entry(basket.household).or_default();
            household.0.extend(&basket.categories);
            household.1 += 1;
        }
        let mut owners = PairCounts::new(self.categories, f64::INFINITY);
        for (categories, _) in owned.values() {
            owners.add(&categories.iter().copied().collect::<Vec<_>>(), 0.0);
        }
        let mut households: BTreeMap<u64, (Vec<usize>, BTreeSet<usize>)> = BTreeMap::new();
        for basket in self.all.iter().filter(|basket| cut < basket.day && basket.day <= end) {
            let Some((categories, orders)) = owned.get(&basket.household) else { continue };
            if *orders >= 10 {
                let new = || (categories.iter().copied().collect(), BTreeSet::new());
                let household = households.entry(basket.household).or_insert_with(new);
                household.1.extend(&basket.categories);
            }
        }
        let targets = self.targets(cut, end, &households);
        Window { owners: owners.gram(0.0), baskets: baskets.gram(0.0), households, targets }
    }

    fn targets(
        &self,
        cut: i64,
        end: i64,
        households: &BTreeMap<u64, (Vec<usize>, BTreeSet<usize>)>,
    ) -> Vec<Target> {
        let mut first: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for basket in self.all.iter().filter(|basket| basket.day <= end) {
            let never = || vec![i64::MAX; self.categories];
            let times = first.entry(basket.household).or_insert_with(never);
            for category in &basket.categories {
                times[*category] = times[*category].min(basket.at);
            }
        }
        let mut targets = Vec::new();
        for basket in self.all.iter().filter(|basket| cut < basket.day && basket.day <= end) {
            if !households.contains_key(&basket.household) || basket.categories.len() < 3 {
                continue;
            }
            let times = &first[&basket.household];
            for category in basket.categories.iter().filter(|c| times[**c] == basket.at) {
                let others = basket.categories.iter().filter(|other| *other != category);
                let context: Vec<usize> = others.copied().collect();
                let mut known: Vec<bool> = times.iter().map(|time| *time < basket.at).collect();
                for other in &context {
                    known[*other] = true;
                }
                let household = basket.household;
                targets.push(Target { household, category: *category, context, known });
            }
        }
        targets
    }
}

impl Window {
    /// Whether one of the five best new categories is bought, by household.
    fn white_space(&self, ridge: f64, keep: usize) -> Vec<bool> {
        let Some(affinity) = fitted(&self.owners, ridge, 0.0, keep) else { return Vec::new() };
        let hit = |(owned, bought): &(Vec<usize>, BTreeSet<usize>)| {
            let scores = affinity.scores(owned);
            let best = affinity::best(&scores, |c| owned.binary_search(&c).is_err(), TOP);
            best.iter().any(|category| bought.contains(category))
        };
        self.households.values().map(hit).collect()
    }

    /// What each judged household's history says of each category.
    fn histories(&self, ridge: f64) -> BTreeMap<u64, Vec<f64>> {
        let Some(affinity) = fitted(&self.owners, ridge, 0.0, usize::MAX) else {
            return BTreeMap::new();
        };
        let scores = |(id, (owned, _)): (&u64, &(Vec<usize>, _))| (*id, affinity.scores(owned));
        self.households.iter().map(scores).collect()
    }

    /// Whether the target is among the five best, by target.
    fn moments(
        &self,
        rule: &AffinityRule,
        histories: &BTreeMap<u64, Vec<f64>>,
        weight: f64,
    ) -> Vec<bool> {
        let power = rule.popularity_power;
        let Some(affinity) = fitted(&self.baskets, rule.ridge, power, rule.keep) else {
            return Vec::new();
        };
        let hit = |target: &Target| {
            let history = &histories[&target.household];
            let scores = affinity.scores_after(&target.context, history, weight);
            rank(&scores, target) <= count(TOP)
        };
        self.targets.iter().map(hit).collect()
    }
}

fn fitted(gram: &Gram, ridge: f64, popularity_power: f64, keep: usize) -> Option<Affinity> {
    Affinity::fit(gram, &AffinityRule { ridge, popularity_power, keep }).ok()
}

/// Place of the target among what can be offered; ties count half.
fn rank(scores: &[f64], target: &Target) -> f64 {
    let own = scores[target.category];
    let (mut above, mut level) = (0, 0);
    for (score, _) in scores.iter().zip(&target.known).filter(|(_, known)| !**known) {
        above += usize::from(*score > own);
        level += usize::from(score.total_cmp(&own).is_eq());
    }
    1.0 + count(above) + (count(level) - 1.0) / 2.0
}

fn hits(found: &[bool]) -> usize {
    found.iter().filter(|hit| **hit).count()
}

/// The candidate with most hits; of equals the first.
fn best_of<T: Copy>(candidates: &[T], found: impl Fn(T) -> usize) -> Option<T> {
    let counted = candidates.iter().map(|candidate| (found(*candidate), *candidate));
    counted.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|best| best.1)
}

/// The rule and the weight of the history with most hits: the penalty first, then the power of
/// popularity, then the history.
fn chosen(
    window: &Window,
    histories: &BTreeMap<u64, Vec<f64>>,
    keep: usize,
) -> (AffinityRule, f64) {
    let mut rule = AffinityRule { keep, ..AffinityRule::START };
    let found = |rule: &AffinityRule, weight| hits(&window.moments(rule, histories, weight));
    let ridge = best_of(&BASKET_RIDGES, |ridge| found(&AffinityRule { ridge, ..rule }, 0.1));
    rule.ridge = ridge.unwrap_or(rule.ridge);
    let power =
        best_of(&POWERS, |popularity_power| found(&AffinityRule { popularity_power, ..rule }, 0.1));
    rule.popularity_power = power.unwrap_or(rule.popularity_power);
    (rule, best_of(&HISTORY_WEIGHTS, |weight| found(&rule, weight)).unwrap_or(0.0))
}

/// The rows of both questions.
pub(crate) fn tables(lines: &[Line], anchors: &Anchors) -> Vec<Table> {
    let baskets = baskets(lines);
    let [cut, choice_end, end] = CHOICE;
    let (choice, judged) = (baskets.window(cut, choice_end), baskets.window(choice_end, end));
    let found = |ridge| hits(&choice.white_space(ridge, usize::MAX));
    let ridge = best_of(&OWNER_RIDGES, found).unwrap_or(OWNER_RIDGES[0]);
    let ids: Vec<u64> = judged.households.keys().copied().collect();
    let units: Vec<usize> = (0..ids.len()).collect();
    let white = statistics::share(&judged.white_space(ridge, usize::MAX), &units);
    let what = format!("{} households, λ {ridge}", ids.len());
    let white_space = Table {
        title: "White space, hit@5",
        note: "one of five categories that the household never bought is bought in the next \
               quarter; the anchor is EASE as chosen on its validation window",
        rows: vec![Row::at_least(
            &what,
            "EASE over owners",
            white,
            anchors.chosen_ease("white_space"),
        )],
    };
    let (before, after) = (choice.histories(ridge), judged.histories(ridge));
    let units: Vec<usize> =
        judged.targets.iter().map(|t| ids.binary_search(&t.household).unwrap_or(0)).collect();
    let mut rows = Vec::new();
    for (keep, name) in [(usize::MAX, "all weights"), (KEPT, "32 weights a target")] {
        let (rule, weight) = chosen(&choice, &before, keep);
        let found = statistics::share(&judged.moments(&rule, &after, weight), &units);
        let what = format!(
            "{} targets, {name}: λ {}, popularity^{}, history × {weight}",
            judged.targets.len(),
            rule.ridge,
            rule.popularity_power
        );
        let theirs = anchors.chosen_ease("basket_moment");
        rows.push(Row::at_least(&what, "basket weights with history", found, theirs));
    }
    let popular = anchors.hit("basket_moment", "popularity_households");
    rows.extend(
        rows.first().map(|row| Row::told(&row.what, "beside popularity", row.ours, popular)),
    );
    let basket_moment = Table {
        title: "Basket moment, hit@5",
        note: "the category new to the household is among five ranked from the rest of the basket; \
               the anchor is EASE as chosen on its validation window",
        rows,
    };
    vec![white_space, basket_moment]
}
