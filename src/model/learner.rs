//! Counts what the models are learned from, record by record in the one order.
//!
//! ```text
//! order ─► customer: rhythm, 52 weeks, margin, categories owned
//!       ├► pairs of categories: in this order; among owners, when one is new to the customer
//!       └► week, rep's period, own brand
//! interaction ─► minutes        quote ─► won or lost       action ─► outcome of the rule
//! ```
//!
//! It stands at the one order and not in the shards: so what is learned does not depend on how
//! many of them there are. It keeps what it needs itself, a few hundred bytes a customer, and never
//! reads a history.
//!
//! A clone costs microseconds, however many customers there are: a snapshot takes one at its place
//! of the one order, and writes it down while counting goes on.

mod customer;
mod saved;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde::Deserialize;
use serde::Serialize;
use smallvec::SmallVec;

use crate::alert::Action;
use crate::alert::AlertId;
use crate::alert::CloseReason;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::reference::Attribute;
use crate::event::reference::Quota;
use crate::model::affinity::ITEMS_MAX;
use crate::model::affinity::PairCounts;
use crate::model::learner::customer::Known;
use crate::model::learner::customer::week;
use crate::model::season::cumulative_share;
use crate::model::shelf::ByName;
use crate::model::shelf::Shelf;
use crate::model::survey::PEOPLE_MAX;
use crate::model::survey::Person;
use crate::model::survey::Sold;
use crate::model::survey::Survey;
use crate::model::survey::Weeks;
use crate::money::Currency;
use crate::money::Decimal;
use crate::state::detector::conversion::Conversion;
use crate::state::detector::days;
use crate::state::models::Outcomes;
use crate::state::models::service::Activities;
use crate::state::models::team::Team;
use crate::time::Span;
use crate::time::Timestamp;

pub use self::saved::Damaged;

/// An order counts half after so many days, as far as baskets are concerned.
const BASKET_HALF_LIFE_DAYS: f64 = 365.0;
/// Samples of a customer before its own spread is believed.
const SPREAD_SAMPLES: u32 = 8;
/// Weeks whose totals are kept: five years.
const WEEKS_MAX: usize = 260;
/// Parts of a quota period, for the curve of the team.
const PERIOD_PARTS: usize = 20;
/// Quota periods that are kept; the oldest go first.
const PERIODS_MAX: usize = 4_096;
/// Closed alerts that may still be opened again without counting twice.
const CLOSED_MAX: usize = 4_096;

/// All counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Learner {
    newest: Timestamp,
    first: Timestamp,
    orders: u64,
    currency: Option<Currency>,
    // Of these there may be millions: see `saved`.
    #[serde(skip)]
    products: ByName<Product>,
    #[serde(skip)]
    segments: ByName<Symbol>,
    #[serde(skip)]
    places: ByName<u32>,
    /// In the order of their first purchase.
    #[serde(skip)]
    customers: Shelf<Known>,
    categories: Categories,
    baskets: PairCounts,
    owners: PairCounts,
    weeks: BTreeMap<Option<Symbol>, Weeks>,
    reps: Reps,
    activities: BTreeMap<Kind, Activities>,
    outcomes: BTreeMap<String, Outcomes>,
    /// Alerts closed last, with what was counted for them.
    closed: VecDeque<(AlertId, bool)>,
}

/// What is needed of a product.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Product {
    category: Option<Symbol>,
    own_brand: Option<bool>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Categories {
    #[serde(skip)]
    places: ByName<u16>,
    sums: Vec<Sums>,
}

/// Sums over the lines of a category.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Sums {
    name: Symbol,
    /// Of lines whose cost is known.
    net: f64,
    profit: f64,
    own_lines: u64,
    /// Of which it is known whether they are the own brand's.
    lines: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Reps {
    quotas: BTreeMap<Symbol, Vec<Quota>>,
    /// Sales by part of the period, by its end, its start and the rep.
    periods: BTreeMap<(Timestamp, Timestamp, Symbol), [f64; PERIOD_PARTS]>,
    sold: f64,
    squares: f64,
    conversion: Conversion,
}

/// What is needed of one line.
struct Line {
    category: Option<u16>,
    own_brand: Option<bool>,
    net: Option<f64>,
    profit: Option<f64>,
}

impl Default for Learner {
    fn default() -> Self {
        Self {
            newest: Timestamp::MIN,
            first: Timestamp::MAX,
            orders: 0,
            currency: None,
            products: ByName::default(),
            segments: ByName::default(),
            places: ByName::default(),
            customers: Shelf::default(),
            categories: Categories::default(),
            baskets: PairCounts::new(0, BASKET_HALF_LIFE_DAYS),
            owners: PairCounts::new(0, f64::INFINITY),
            weeks: BTreeMap::new(),
            reps: Reps::default(),
            activities: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            closed: VecDeque::new(),
        }
    }
}

impl Learner {
    /// Event time of the first order; none before it.
    pub fn first(&self) -> Option<Timestamp> {
        (self.orders > 0).then_some(self.first)
    }

    /// Takes an event in, before its lines were completed from the catalogue.
    pub fn event(&mut self, event: &Event) {
        self.newest = self.newest.max(event.time);
        match event.kind {
            Kind::Order => self.order(event),
            Kind::QuoteAccepted => self.reps.conversion.add(true),
            Kind::QuoteLost | Kind::QuoteExpired => self.reps.conversion.add(false),
            Kind::Call | Kind::CallEnded | Kind::Email | Kind::Meeting | Kind::Visit => {
                self.activity(event);
            }
            _ => {}
        }
    }

    /// Takes reference data in.
    pub fn reference(&mut self, reference: &Reference) {
        match reference {
            Reference::Product(product) => {
                let own_brand = match product.attributes.get("own_brand") {
                    Some(Attribute::Flag(own)) => Some(*own),
                    _ => None,
                };
                let known = Product { category: product.category, own_brand };
                self.products.set(product.id, Some(known));
            }
            Reference::Customer(customer) => {
                self.segments.set(customer.id, customer.segment);
                let place = self.places.get(customer.id).map(|place| *place as usize);
                if let Some(known) = place.and_then(|place| self.customers.get_mut(place)) {
                    known.segment = customer.segment;
                }
            }
            Reference::Rep(rep) => {
                self.reps.quotas.insert(rep.id, rep.quotas.clone());
            }
            Reference::Relation(_) | Reference::Agreement(_) => {}
        }
    }

    /// Takes in what a sales person did with an alert of a rule.
    pub fn action(&mut self, rule: &str, alert: AlertId, action: &Action) {
        match action {
            Action::Close { reason, .. } if !reason.is_by_engine() => {
                let won = *reason == CloseReason::Won;
                self.outcomes.entry(rule.to_owned()).or_default().count(won, true);
                self.closed.push_back((alert, won));
                if self.closed.len() > CLOSED_MAX {
                    self.closed.pop_front();
                }
            }
            Action::Reopen => {
                let place = self.closed.iter().rposition(|(closed, _)| *closed == alert);
                if let Some((_, won)) = place.and_then(|place| self.closed.remove(place)) {
                    self.outcomes.entry(rule.to_owned()).or_default().count(won, false);
                }
            }
            _ => {}
        }
    }

    fn activity(&mut self, event: &Event) {
        let seen = self.activities.entry(event.kind).or_default();
        seen.number += 1.0;
        if let Some(seconds) = event.detail.as_deref().and_then(|detail| detail.duration_s) {
            seen.timed += 1.0;
            seen.minutes += seconds.to_f64() / 60.0;
        }
    }

    fn order(&mut self, event: &Event) {
        self.orders += 1;
        self.first = self.first.min(event.time);
        // Amounts of another currency are not added up with the rest.
        let home = self.currency.is_none() || event.currency == self.currency;
        self.currency = self.currency.or(event.currency);
        let goods = event.lines.iter().filter(|line| !line.non_product);
        let mut lines: SmallVec<[Line; 16]> = SmallVec::new();
        for line in goods {
            lines.push(self.line(line, home));
        }
        let sum = |one: fn(&Line) -> Option<f64>| lines.iter().map(one).sum::<Option<f64>>();
        let amounts = !lines.is_empty();
        let net = sum(|line| line.net).filter(|_| amounts);
        let profit = sum(|line| line.profit).filter(|_| amounts);
        if let (Some(rep), Some(net)) = (event.rep, net) {
            self.reps.sale(rep, event.time, net);
        }
        let Some(id) = event.customer else { return };
        self.basket(&lines, event.time);
        self.buy(id, &lines, (event.time, net, profit));
    }

    /// What is needed of a line; its category is placed if there is room.
    fn line(&mut self, line: &crate::event::Line, home: bool) -> Line {
        let product = line.product.and_then(|product| self.products.get(product)).copied();
        let name = line.category.or(product.and_then(|product| product.category));
        let category = name.and_then(|name| self.categories.place(name));
        let own_brand = product.and_then(|product| product.own_brand);
        let net = line.net.filter(|_| home);
        let profit = net.zip(line.cost).and_then(|(net, cost)| net.checked_sub(cost));
        let (net, profit) = (net.map(Decimal::to_f64), profit.map(Decimal::to_f64));
        if let Some(place) = category {
            let sums = &mut self.categories.sums[usize::from(place)];
            if let (Some(net), Some(profit)) = (net, profit) {
                sums.net += net;
                sums.profit += profit;
            }
            sums.lines += u64::from(own_brand.is_some());
            sums.own_lines += u64::from(own_brand == Some(true));
        }
        Line { category, own_brand, net, profit }
    }

    fn basket(&mut self, lines: &[Line], at: Timestamp) {
        let mut basket: SmallVec<[usize; 16]> =
            lines.iter().filter_map(|line| line.category.map(usize::from)).collect();
        basket.sort_unstable();
        basket.dedup();
        if !basket.is_empty() {
            self.baskets.grow(self.categories.sums.len());
            self.baskets.add(&basket, days(at - Timestamp::EPOCH));
        }
    }

    fn buy(
        &mut self,
        id: Symbol,
        lines: &[Line],
        (at, net, profit): (Timestamp, Option<f64>, Option<f64>),
    ) {
        let place = self.place(id, at);
        let Some(customer) = self.customers.get_mut(place) else { return };
        customer.order(at, net, profit);
        self.owners.grow(self.categories.sums.len());
        for line in lines {
            let Some(category) = line.category else { continue };
            let (owned, new) = customer.category(category);
            match line.own_brand {
                Some(true) => owned.own_lines = owned.own_lines.saturating_add(1),
                Some(false) => owned.other_lines = owned.other_lines.saturating_add(1),
                None => {}
            }
            #[expect(clippy::cast_possible_truncation, reason = "seven digits do for a median")]
            let spent = line.net.unwrap_or(0.0) as f32;
            owned.net += spent;
            if new {
                let others = customer.owned.iter().map(|owned| owned.category);
                let others = others.filter(|other| *other != category).map(usize::from);
                self.owners.acquire(usize::from(category), others);
            }
        }
        if let Some(net) = net.and_then(|net| Decimal::from_f64(net).ok()) {
            self.weeks.entry(customer.segment).or_default().add(week(at), net);
        }
    }

    /// The place of a customer, who may be new.
    fn place(&mut self, id: Symbol, at: Timestamp) -> usize {
        if let Some(place) = self.places.get(id) {
            return *place as usize;
        }
        let place = self.customers.len();
        self.places.set(id, u32::try_from(place).ok());
        self.customers.push(Known::first(id, at, self.segments.get(id).copied()));
        place
    }

    /// The counts as of now.
    pub fn survey(&self) -> Survey {
        let step = self.customers.len().div_ceil(PEOPLE_MAX).max(1);
        let asked = || self.customers.iter().step_by(step);
        let now = self.newest;
        let person = |known: &Known| {
            let ((net, profit), (spend_variance, margin_deviation)) =
                (known.year(now), known.spread(SPREAD_SAMPLES));
            let (segment, repeats) = (known.segment, known.repeats(now));
            let gap_spread = known.gap_spread(SPREAD_SAMPLES);
            Person { segment, repeats, net, profit, gap_spread, spend_variance, margin_deviation }
        };
        let number = self.categories.sums.len();
        let mut sold: Vec<Sold> = self.categories.sums.iter().map(Sums::sold).collect();
        for known in asked() {
            let years = known.years(now);
            for owned in &known.owned {
                let category = &mut sold[usize::from(owned.category)];
                category.yearly.push(f64::from(owned.net) / years);
                category.others += u32::from(owned.other_lines > 0);
                category.switched += u32::from(owned.other_lines > 0 && owned.own_lines > 0);
            }
        }
        let activities = self.activities.iter();
        Survey {
            at: now,
            customers: self.customers.len() as u64,
            orders: self.orders,
            currency: self.currency,
            people: asked().map(person).collect(),
            categories: sold,
            baskets: self.baskets.gram_of(days(now - Timestamp::EPOCH), number),
            owners: self.owners.gram_of(0.0, number),
            weeks: self.weeks.clone(),
            team: self.reps.team(now),
            activities: activities.map(|(kind, seen)| (kind.name().to_owned(), *seen)).collect(),
            outcomes: self.outcomes.clone(),
        }
    }
}

impl Categories {
    /// The place of a category, new or known; none when there is no more room.
    fn place(&mut self, name: Symbol) -> Option<u16> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        let place = self.sums.len();
        let next = u16::try_from(place).ok().filter(|_| place < ITEMS_MAX)?;
        self.sums.push(Sums { name, net: 0.0, profit: 0.0, own_lines: 0, lines: 0 });
        self.places.set(name, Some(next));
        Some(next)
    }
}

impl Sums {
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    fn sold(&self) -> Sold {
        Sold {
            name: self.name,
            yearly: Vec::new(),
            margin: (self.net > 0.0).then(|| self.profit / self.net),
            others: 0,
            switched: 0,
            own_share: self.own_lines as f64 / self.lines.max(1) as f64,
        }
    }
}

impl Outcomes {
    /// Counts an alert that was closed, or takes it back.
    fn count(&mut self, won: bool, closed: bool) {
        let side = if won { &mut self.won } else { &mut self.lost };
        *side = if closed { side.saturating_add(1) } else { side.saturating_sub(1) };
    }
}

impl Weeks {
    /// Adds to a week, if it is not too far back.
    fn add(&mut self, week: i64, net: Decimal) {
        if self.totals.is_empty() {
            self.first = week;
        }
        if week < self.first {
            return;
        }
        let place = usize::try_from(week - self.first).unwrap_or(usize::MAX);
        if place >= 2 * WEEKS_MAX {
            // So long a silence: what was before tells nothing.
            (self.first, self.totals) = (week, vec![net.micros().into()]);
            return;
        }
        if place >= self.totals.len() {
            self.totals.resize(place + 1, 0);
        }
        self.totals[place] += i128::from(net.micros());
        let old = self.totals.len().saturating_sub(WEEKS_MAX);
        if old > 0 {
            self.totals.drain(..old);
            self.first += i64::try_from(old).unwrap_or(0);
        }
    }
}

impl Reps {
    fn sale(&mut self, rep: Symbol, at: Timestamp, net: f64) {
        self.sold += net;
        self.squares += net * net;
        let within = |quota: &&Quota| quota.from <= at && at < quota.to;
        let quotas = self.quotas.get(&rep).map_or(&[][..], Vec::as_slice);
        let Some(quota) = quotas.iter().find(within) else { return };
        let elapsed = share(at - quota.from, quota.to - quota.from);
        let period = self.periods.entry((quota.to, quota.from, rep)).or_default();
        period[elapsed] += net;
        if self.periods.len() > PERIODS_MAX {
            self.periods.pop_first();
        }
    }

    fn team(&self, now: Timestamp) -> Team {
        let over = self.periods.iter().take_while(|((to, ..), _)| *to <= now);
        let over: Vec<Vec<f64>> = over.map(|(_, parts)| parts.to_vec()).collect();
        let curve = if over.is_empty() { Vec::new() } else { cumulative_share(&over) };
        Team {
            curve,
            periods: u32::try_from(over.len()).unwrap_or(u32::MAX),
            order_size: (self.sold > 0.0).then(|| self.squares / self.sold),
            conversion: self.conversion,
        }
    }
}

/// The part of a period that an instant of it lies in.
fn share(elapsed: Span, whole: Span) -> usize {
    let parts = i64::try_from(PERIOD_PARTS).unwrap_or(i64::MAX);
    let part = elapsed.millis().saturating_mul(parts) / whole.millis().max(1);
    usize::try_from(part).unwrap_or(0).min(PERIOD_PARTS - 1)
}

#[cfg(test)]
pub(in crate::model) mod tests;
