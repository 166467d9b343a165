//! Which households move from a national to the own brand of a product type?
//!
//! A pair is a household and a type with three national lines or more and no own-brand line up to
//! the cut, bought again later; it switched if one of those later lines is of the own brand. The
//! learned score is fitted on the pairs of a quarter earlier.

use std::collections::BTreeMap;

use siaga::model::logistic;
use siaga::model::logistic::Example;
use siaga::model::switching;
use siaga::model::switching::Brands;
use siaga::model::switching::Switch;
use siaga::model::switching::Switches;

use crate::anchor::Anchors;
use crate::data::Line;
use crate::report::Row;
use crate::report::Table;
use crate::statistics;

const CUTS: [i64; 3] = [90, 181, 272];

/// Lines of one household and type: in all, and of the own brand.
#[derive(Default, Clone, Copy)]
struct Bought {
    lines: f64,
    own: f64,
}

type Pairs = BTreeMap<(u64, usize), Bought>;

struct Lines<'a>(Vec<(&'a Line, usize)>);

impl Lines<'_> {
    fn bought(&self, days: impl Fn(i64) -> bool) -> Pairs {
        let mut pairs = Pairs::new();
        for (line, kind) in self.0.iter().filter(|(line, _)| days(line.day)) {
            let bought = pairs.entry((line.customer, *kind)).or_default();
            bought.lines += 1.0;
            bought.own += f64::from(u8::from(line.own_brand));
        }
        pairs
    }
}

/// Own brand's share of each type with 500 lines or more, between 5 % and 95 %.
fn shares(pairs: &Pairs) -> BTreeMap<usize, f64> {
    let mut types: BTreeMap<usize, Bought> = BTreeMap::new();
    for ((_, kind), bought) in pairs {
        let all = types.entry(*kind).or_default();
        all.lines += bought.lines;
        all.own += bought.own;
    }
    let share = types.into_iter().map(|(kind, b)| (kind, b.lines, b.own / b.lines));
    let usable = share.filter(|(_, lines, p)| *lines >= 500.0 && (0.05..=0.95).contains(p));
    usable.map(|(kind, _, share)| (kind, share)).collect()
}

/// How often buyers of each type switched, and of all types.
#[derive(Default)]
struct Rates {
    by_type: BTreeMap<usize, f64>,
    mean: f64,
}

/// Chances at a cut: household, type, whether it switched by `until`, and what is known.
fn chances(
    lines: &Lines<'_>,
    cut: i64,
    until: i64,
    types: &BTreeMap<usize, f64>,
    rates: &Rates,
) -> Vec<(u64, usize, bool, Switch)> {
    let (past, future) = (lines.bought(|d| d <= cut), lines.bought(|d| d > cut && d <= until));
    let mut households: BTreeMap<u64, Brands> = BTreeMap::new();
    for ((household, kind), bought) in &past {
        if let Some(share) = types.get(kind) {
            let all = households.entry(*household).or_default();
            all.own += bought.own;
            all.base += bought.lines * share;
        }
    }
    let mut chances = Vec::new();
    for ((household, kind), bought) in &past {
        let (Some(share), Some(later)) = (types.get(kind), future.get(&(*household, *kind))) else {
            continue;
        };
        if bought.own > 0.0 || bought.lines < 3.0 {
            continue;
        }
        let of_type = Brands { own: bought.own, base: bought.lines * share };
        let switch = Switch {
            type_rate: rates.by_type.get(kind).copied().unwrap_or(rates.mean),
            type_share: *share,
            proneness: switching::proneness(households[household], of_type),
            lines: bought.lines,
        };
        chances.push((*household, *kind, later.own > 0.0, switch));
    }
    chances
}

/// Switch rates of the types over the pairs from one cut to the next, and the mean over all.
fn rates(lines: &Lines<'_>, cut: i64, until: i64, types: &BTreeMap<usize, f64>) -> Rates {
    let pairs = chances(lines, cut, until, types, &Rates::default());
    let mut counts: BTreeMap<usize, Switches> = BTreeMap::new();
    let mut all = Switches::default();
    for (_, kind, switched, _) in &pairs {
        for count in [counts.entry(*kind).or_default(), &mut all] {
            count.pairs += 1;
            count.switched += u32::from(*switched);
        }
    }
    let mean = f64::from(all.switched) / f64::from(all.pairs.max(1));
    let by_type = counts.into_iter().map(|(kind, count)| (kind, count.rate(mean)));
    Rates { by_type: by_type.collect(), mean }
}

/// The rows.
pub(crate) fn table(lines: &[Line], names: &BTreeMap<String, String>, anchors: &Anchors) -> Table {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut typed = Vec::new();
    for line in lines {
        if let Some(name) = names.get(&line.product) {
            let next = kinds.len();
            typed.push((line, *kinds.entry(name).or_insert(next)));
        }
    }
    let lines = Lines(typed);
    let at = |cut: i64| shares(&lines.bought(|day| day <= cut));
    let [first, second, third] = CUTS;
    let (types, earlier) = (at(third), at(second));
    // Each score knows only rates of windows that were over by its cut.
    let early = rates(&lines, first, second, &earlier);
    let past = chances(&lines, second, third, &earlier, &early);
    let examples: Vec<Example> = past
        .iter()
        .map(|(_, _, outcome, s)| Example { features: s.features().to_vec(), outcome: *outcome })
        .collect();
    let start = switching::start_score();
    let learned = logistic::fit(&examples, &[10.0; 4]).unwrap_or_else(|_| start.clone());
    let late = rates(&lines, second, third, &types);
    let now = chances(&lines, third, i64::MAX, &types, &late);
    let outcomes: Vec<bool> = now.iter().map(|chance| chance.2).collect();
    let mut ids: Vec<u64> = now.iter().map(|chance| chance.0).collect();
    ids.dedup();
    let units: Vec<usize> =
        now.iter().map(|chance| ids.binary_search(&chance.0).unwrap_or(0)).collect();
    let what = format!("{} pairs of {} households", now.len(), ids.len());
    let auc = |score: &siaga::state::detector::score::Score| {
        let scores: Vec<f64> = now.iter().map(|c| score.log_odds(&c.3.features())).collect();
        statistics::auc(&outcomes, &scores, &units)
    };
    let product = anchors.switch("category_x_propensity_x_volume");
    Table {
        title: "Switch-sell, AUC",
        note: "a household's first own-brand line of a type; the anchor is the product of rate, \
               propensity and volume, beside the last row its learned score",
        rows: vec![
            Row::at_least(&what, "learned score", auc(&learned), product),
            Row::at_least(&what, "start: product of three factors", auc(&start), product),
            Row::told(&what, "learned score", auc(&learned), anchors.switch("learned_logistic")),
        ],
    }
}
