//! What was learned, for people and programs to look at.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Symbol;
use crate::event::Symbols;
use crate::event::symbol::Reader;
use crate::money::Currency;
use crate::state::models::Models;
use crate::state::models::Segment;
use crate::state::models::affinity::Affinity;
use crate::state::models::figures::Figures;
use crate::state::models::switching::TypeOfProduct;
use crate::time::Timestamp;

/// Categories that are told with each category.
const TOP: usize = 5;

/// A version, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number, from 1.
    pub version: u32,
    /// Event time up to which it has seen events.
    #[serde(serialize_with = "as_text")]
    pub fitted_to: Timestamp,
    /// Customers that it had seen buy.
    pub customers: u64,
    /// Orders that it had seen.
    pub orders: u64,
}

/// A version in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which.
    #[serde(flatten)]
    pub version: Version,
    /// Currency of all amounts.
    pub currency: Option<Currency>,
    /// All customers.
    pub all: SegmentReport,
    /// Segments that speak for themselves.
    pub segments: BTreeMap<String, SegmentReport>,
    /// Categories, by name.
    pub categories: BTreeMap<String, CategoryReport>,
    /// The reps.
    pub team: TeamReport,
    /// Usual minutes of an activity, by kind.
    pub minutes: BTreeMap<String, f64>,
    /// What became of alerts, by rule.
    pub outcomes: BTreeMap<String, OutcomeReport>,
}

/// What holds for a segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentReport {
    /// Customers looked at.
    pub customers: u32,
    /// Shape of the rates at which customers buy (BG/NBD).
    pub r: f64,
    /// Scale of them, in days.
    pub alpha_days: f64,
    /// First shape of the chance to leave.
    pub a: f64,
    /// Second shape of it.
    pub b: f64,
    /// Median days between purchases.
    pub gap_median_days: f64,
    /// Median spread of a customer's gaps, `ln mean − mean ln`.
    pub gap_spread: f64,
    /// Median deviation of an order's margin, in points.
    pub margin_deviation: f64,
    /// Median variance of the root of weekly spend.
    pub spend_variance: f64,
    /// Factors of the weeks of a year, the first one that of the first week since 1970.
    pub season: Vec<f64>,
    /// Net amount of 52 weeks: a tenth, half, nine tenths of the customers lie below these.
    pub net: Option<[f64; 3]>,
    /// The same of gross profit.
    pub profit: Option<[f64; 3]>,
}

/// What is known of a category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategoryReport {
    /// Customers that bought it.
    pub buyers: f64,
    /// What they spend on it in a year: the median.
    pub yearly_net: f64,
    /// Share that is left after cost.
    pub margin: Option<f64>,
    /// Share of the buyers of other brands that took the own brand, too.
    pub own_brand_rate: Option<f64>,
    /// What goes with it best, by weight.
    pub goes_with: Vec<WithReport>,
}

/// A category that goes with another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithReport {
    /// Its name.
    pub category: String,
    /// Weight in the score of an order.
    pub weight: f32,
    /// How much likelier in such an order than in any.
    pub lift: f64,
    /// Customers that bought both.
    pub buyers: f64,
}

/// What is usual for reps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TeamReport {
    /// Quota periods seen to their end.
    pub periods: u32,
    /// Share of a period's sales made by the end of each of its parts.
    pub curve: Vec<f64>,
    /// Size of a typical unit of revenue.
    pub order_size: Option<f64>,
    /// Quotes won.
    pub quotes_won: u32,
    /// Quotes lost or expired.
    pub quotes_lost: u32,
}

/// What became of a rule's alerts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OutcomeReport {
    /// It made business.
    pub won: u32,
    /// It did not.
    pub lost: u32,
    /// How far the rule is believed; 1 at first.
    pub trust: f64,
}

impl From<&Models> for Version {
    fn from(models: &Models) -> Self {
        let Models { version, fitted_to, customers, orders, .. } = *models;
        Self { version, fitted_to, customers, orders }
    }
}

/// Reports on a version.
pub fn report(models: &Models, symbols: &Symbols) -> Report {
    let names = symbols.read();
    let named = |(name, segment): (&Symbol, &Segment)| {
        (names.text(*name).to_owned(), SegmentReport::from(segment))
    };
    let own_brand = &models.switching.types;
    let outcomes = models.outcomes.iter().map(|(rule, outcomes)| {
        let report =
            OutcomeReport { won: outcomes.won, lost: outcomes.lost, trust: outcomes.trust() };
        (rule.clone(), report)
    });
    Report {
        version: Version::from(models),
        currency: models.currency,
        all: SegmentReport::from(&models.all),
        segments: models.segments.iter().map(named).collect(),
        categories: categories(&models.affinity, own_brand, &names),
        team: TeamReport {
            periods: models.team.periods,
            curve: models.team.curve.clone(),
            order_size: models.team.order_size,
            quotes_won: models.team.conversion.won,
            quotes_lost: models.team.conversion.lost,
        },
        minutes: models.service.minutes().clone(),
        outcomes: outcomes.collect(),
    }
}

impl From<&Segment> for SegmentReport {
    fn from(segment: &Segment) -> Self {
        let rhythm = segment.population.repeat_buying;
        let spread = |figures: &Figures| {
            let at = |share| figures.quantile(share);
            Some([at(0.1)?, at(0.5)?, at(0.9)?])
        };
        Self {
            customers: segment.customers,
            r: rhythm.r,
            alpha_days: rhythm.alpha_days,
            a: rhythm.a,
            b: rhythm.b,
            gap_median_days: segment.population.gap_median_days,
            gap_spread: segment.gap_spread,
            margin_deviation: segment.margin_deviation,
            spend_variance: segment.spend_variance,
            season: segment.season.factors().to_vec(),
            net: spread(&segment.net),
            profit: spread(&segment.profit),
        }
    }
}

fn categories(
    affinity: &Affinity,
    own_brand: &BTreeMap<Symbol, TypeOfProduct>,
    names: &Reader<'_>,
) -> BTreeMap<String, CategoryReport> {
    let all = affinity.categories();
    let with = |place: u16, (to, weight): (u16, f32)| {
        let name = all.get(usize::from(to))?.name;
        let baskets = &affinity.baskets;
        Some(WithReport {
            category: names.text(name).to_owned(),
            weight,
            lift: baskets.chance(&[place], to) / baskets.base(to),
            buyers: affinity.owners.count(place, to),
        })
    };
    let of = |(place, category): (usize, &crate::state::models::affinity::Category)| {
        let place = u16::try_from(place).ok()?;
        let mut weights =
            affinity.baskets.weights().get(usize::from(place)).cloned().unwrap_or_default();
        weights.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let best = weights.into_iter().take(TOP).filter(|(_, weight)| *weight > 0.0);
        let report = CategoryReport {
            buyers: affinity.owners.count(place, place),
            yearly_net: category.net,
            margin: category.margin,
            own_brand_rate: own_brand.get(&category.name).map(|found| found.rate),
            goes_with: best.filter_map(|found| with(place, found)).collect(),
        };
        Some((names.text(category.name).to_owned(), report))
    };
    all.iter().enumerate().filter_map(of).collect()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fitting;
    use crate::model::learner::tests::shop;

    #[test]
    fn a_report_names_what_was_learned_and_from_how_much() {
        let symbols = Symbols::default();
        let models = fitting::fit(&shop(&symbols, 300).survey(), &Models::default());
        let report = report(&models, &symbols);
        assert_eq!((report.version.version, report.version.customers), (1, 300));
        assert_eq!(report.segments.keys().collect::<Vec<_>>(), ["industry", "trade"]);
        let welding = &report.categories["Welding"];
        assert!((welding.buyers - 225.0).abs() < 1e-9 && welding.margin.is_some());
        let with: Vec<&str> = welding.goes_with.iter().map(|one| one.category.as_str()).collect();
        assert!(with.contains(&"Safety") && !with.contains(&"Paint"), "{with:?}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["version"], &json["all"]["customers"]), (&1.into(), &300.into()));
        assert_eq!(json["fitted_to"], models.fitted_to.to_string());
    }
}
