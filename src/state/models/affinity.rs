//! Which categories go together, and what an offer of one is worth.
//!
//! ```text
//! context   Welding, Fasteners               what is in the basket, asked about, or owned
//!    │  of an order: Σ weight / popularity^q (`model::affinity`)
//!    │  of owners: p itself
//!    ▼
//! Safety, Abrasives …   p: the base rate, moved by shrunk lifts (`Together::chance`)
//!                       evidence: n of m owners of Welding own Safety, too
//! ```
//!
//! Weights tell best what else goes into an order, but are no probabilities; the shrunk lift is
//! one. So what goes with an order is ranked by weights, and told with the probability of the lift.
//! Among owners the lift ranks, too: one offline comparison, on the labelled episodes of one invented
//! seller, spoke for it; on other data none was made.

use std::collections::HashMap;

use rapidhash::fast::RandomState;

use crate::event::Symbol;

/// Owners, or baskets, that stand behind a pair at the least: with fewer nothing is offered.
pub const PAIR_MIN: f32 = 20.0;
/// Pseudo-counts behind each pair: shrinkage to the base rate (DuMouchel, "Bayesian data mining in
/// large frequency tables", American Statistician 1999).
const PRIOR: f64 = 20.0;
/// Categories of a context that are looked at, the first so many.
pub const CONTEXT_MAX: usize = 64;

/// One of the two ways in which categories are met together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meeting {
    /// In one order.
    Basket,
    /// Among all that a customer ever bought.
    Owner,
}

/// Everything that is known of categories.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Affinity {
    categories: Vec<Category>,
    places: HashMap<Symbol, u16, RandomState>,
    /// Orders, and what they say.
    pub baskets: Together,
    /// Customers, and what they own.
    pub owners: Together,
}

/// One category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Category {
    /// Its name.
    pub name: Symbol,
    /// What its owners spend on it in a year: the median.
    pub net: f64,
    /// Share of that which is left after cost, where costs are known.
    pub margin: Option<f64>,
}

/// Counts of pairs, and the weights made of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Together {
    /// Lower triangle by rows, the diagonal included: how often both were met; on the diagonal, the
    /// one.
    counts: Vec<f32>,
    /// Orders, or customers, in all.
    total: f64,
    /// By the category in the context: what it says for others, by their place.
    weights: Vec<Vec<(u16, f32)>>,
    /// What a category's score is divided by.
    divisors: Vec<f32>,
    /// By rows of the category in the context: ln of the shrunk lift of every other.
    lifts: Vec<f32>,
}

/// A category that a customer may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Which.
    pub category: Symbol,
    /// Its score, to be compared within one list only.
    pub score: f64,
    /// The chance that who has the context has it, too.
    pub p: f64,
    /// The same over the chance of anybody.
    pub lift: f64,
    /// The category of the context that says most for it.
    pub because: Symbol,
    /// Customers that own both.
    pub buyers: u32,
    /// Customers that own what says most for it.
    pub peers: u32,
    /// What its owners spend on it in a year: the median.
    pub net: f64,
    /// What is left of that after cost, where costs are known.
    pub profit: Option<f64>,
}

impl Together {
    /// From the lower triangle of counts, and the weights of each category of a context.
    pub fn new(
        counts: Vec<f32>,
        total: f64,
        weights: Vec<Vec<(u16, f32)>>,
        divisors: Vec<f32>,
    ) -> Self {
        let lifts = lifts(&counts, total, divisors.len());
        Self { counts, total, weights, divisors, lifts }
    }

    /// Orders, or customers, in all.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The lower triangle of counts.
    pub fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// The weights, by the category in the context.
    pub fn weights(&self) -> &[Vec<(u16, f32)>] {
        &self.weights
    }

    /// What scores are divided by.
    pub fn divisors(&self) -> &[f32] {
        &self.divisors
    }

    /// How often two categories were met together; one with itself: how often it was met.
    pub fn count(&self, one: u16, other: u16) -> f64 {
        let (row, column) = (usize::from(one.max(other)), usize::from(one.min(other)));
        f64::from(self.counts.get(row * (row + 1) / 2 + column).copied().unwrap_or(0.0))
    }

    /// The chance of a category for anybody.
    pub fn base(&self, category: u16) -> f64 {
        (self.count(category, category) / self.total.max(1.0)).clamp(1e-9, 1.0 - 1e-9)
    }

    /// What a category of the context says for another: ln of the shrunk lift.
    fn lift(&self, from: u16, to: u16) -> f64 {
        let place = usize::from(from) * self.divisors.len() + usize::from(to);
        f64::from(self.lifts.get(place).copied().unwrap_or(0.0))
    }

    /// The chance of every category for who has the context, as [`Together::chance`] gives it.
    fn chances(&self, context: &[u16]) -> Vec<f32> {
        let size = self.divisors.len();
        let mut sums = vec![0.0_f32; size];
        for from in context {
            let row = usize::from(*from) * size;
            let lifts = self.lifts.get(row..row + size).unwrap_or_default();
            sums.iter_mut().zip(lifts).for_each(|(sum, lift)| *sum += lift);
        }
        let spread = single(f64::from(u32::try_from(context.len().max(1)).unwrap_or(1)).sqrt());
        let chance = |(place, sum): (usize, f32)| {
            let base = self.base(u16::try_from(place).unwrap_or(u16::MAX));
            let odds = (base / (1.0 - base)).ln() + f64::from(sum / spread);
            single(1.0 / (1.0 + (-odds).exp()))
        };
        sums.into_iter().enumerate().map(chance).collect()
    }

    /// The chance of a category for who has the context:
    /// `logit P_j + Σ ln[(C_ij + 20) / (E_ij + 20)] / √n`.
    pub fn chance(&self, context: &[u16], category: u16) -> f64 {
        let base = self.base(category);
        let others = context.iter().filter(|from| **from != category);
        let (mut sum, mut number) = (0.0, 0_u32);
        for from in others {
            sum += self.lift(*from, category);
            number += 1;
        }
        let odds = (base / (1.0 - base)).ln() + sum / f64::from(number.max(1)).sqrt();
        1.0 / (1.0 + (-odds).exp())
    }

    /// Scores of all categories for a context.
    fn scores(&self, context: &[u16], categories: usize) -> Vec<f32> {
        let mut scores = vec![0.0; categories];
        for from in context {
            for (to, weight) in self.weights.get(usize::from(*from)).into_iter().flatten() {
                if let Some(score) = scores.get_mut(usize::from(*to)) {
                    *score += weight;
                }
            }
        }
        scores.iter_mut().zip(&self.divisors).for_each(|(score, divisor)| *score /= divisor);
        scores
    }
}

impl Affinity {
    /// From the categories, in the order in which pairs are counted.
    pub fn new(categories: Vec<Category>, baskets: Together, owners: Together) -> Self {
        let place = |(place, category): (usize, &Category)| {
            u16::try_from(place).ok().map(|place| (category.name, place))
        };
        let places = categories.iter().enumerate().filter_map(place).collect();
        Self { categories, places, baskets, owners }
    }

    /// The categories, in the order in which pairs are counted.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The place of a category; none of one that was never sold.
    pub fn place(&self, category: Symbol) -> Option<u16> {
        self.places.get(&category).copied()
    }

    /// How categories are met, in one of the two ways.
    pub fn of(&self, meeting: Meeting) -> &Together {
        match meeting {
            Meeting::Basket => &self.baskets,
            Meeting::Owner => &self.owners,
        }
    }

    /// The places of names, each once and in rising order; names that are not known are left out.
    pub fn context(&self, names: impl IntoIterator<Item = Symbol>) -> Vec<u16> {
        let mut context: Vec<u16> =
            names.into_iter().filter_map(|name| self.place(name)).take(4 * CONTEXT_MAX).collect();
        context.sort_unstable();
        context.dedup();
        context.truncate(CONTEXT_MAX);
        context
    }

    /// The best offers for a context, the best first; of equal ones the one that was seen first.
    /// Offered is only what is `allowed`, is no part of the context, speaks for itself by a lift
    /// above 1, and was met with a category of the context [`PAIR_MIN`] times.
    pub fn best(
        &self,
        meeting: Meeting,
        context: &[u16],
        mut allowed: impl FnMut(Symbol) -> bool,
        number: usize,
    ) -> Vec<Offer> {
        if context.is_empty() {
            return Vec::new();
        }
        let together = self.of(meeting);
        let scores = match meeting {
            Meeting::Basket => together.scores(context, self.categories.len()),
            Meeting::Owner => together.chances(context),
        };
        let mut order: Vec<u16> = (0..self.categories.len())
            .filter(|place| scores.get(*place).is_some_and(|score| *score > 0.0))
            .filter_map(|place| u16::try_from(place).ok())
            .filter(|place| context.binary_search(place).is_err())
            .collect();
        let better = |one: &u16, other: &u16| {
            let score = |place: &u16| scores[usize::from(*place)];
            score(other).total_cmp(&score(one)).then(one.cmp(other))
        };
        order.sort_unstable_by(better);
        let mut found = Vec::new();
        for place in order {
            if found.len() >= number {
                break;
            }
            if !allowed(self.categories[usize::from(place)].name) {
                continue;
            }
            let offer = self.offer(meeting, context, place);
            found.extend(offer.map(|offer| {
                let score = f64::from(scores[usize::from(place)]);
                Offer { score, ..offer }
            }));
        }
        found
    }

    /// One category as an offer for a context, if there is enough behind it.
    fn offer(&self, meeting: Meeting, context: &[u16], place: u16) -> Option<Offer> {
        let together = self.of(meeting);
        let from = context.iter().copied().filter(|from| *from != place);
        let enough = |from: &u16| together.count(*from, place) >= f64::from(PAIR_MIN);
        // Of equal ones the first: `max_by` would take the last.
        let because = from.filter(enough).reduce(|best, next| {
            let more = together.lift(next, place) > together.lift(best, place);
            if more { next } else { best }
        })?;
        let (p, base) = (together.chance(context, place), together.base(place));
        let category = self.categories.get(usize::from(place))?;
        let lift = p / base;
        (lift > 1.0).then(|| Offer {
            category: category.name,
            score: 0.0,
            p,
            lift,
            because: self.categories[usize::from(because)].name,
            buyers: whole(self.owners.count(because, place)),
            peers: whole(self.owners.count(because, because)),
            net: category.net,
            profit: category.margin.map(|margin| margin * category.net),
        })
    }

    /// How much likelier than for anybody a category is for a context; none of what was never sold.
    pub fn lift(&self, meeting: Meeting, context: &[u16], category: Symbol) -> Option<f64> {
        let place = self.place(category)?;
        let together = self.of(meeting);
        Some(together.chance(context, place) / together.base(place))
    }
}

/// ln of the shrunk lift of every pair, by rows.
fn lifts(counts: &[f32], total: f64, size: usize) -> Vec<f32> {
    let count = |one: usize, other: usize| {
        let (row, column) = (one.max(other), one.min(other));
        f64::from(counts.get(row * (row + 1) / 2 + column).copied().unwrap_or(0.0))
    };
    let mut lifts = vec![0.0; size * size];
    for from in 0..size {
        for to in 0..from {
            let expected = count(from, from) * count(to, to) / total.max(1.0);
            let lift = single(((count(from, to) + PRIOR) / (expected + PRIOR)).ln());
            lifts[from * size + to] = lift;
            lifts[to * size + from] = lift;
        }
    }
    lifts
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough to rank by")]
fn single(value: f64) -> f32 {
    value as f32
}

/// A count of customers.
#[expect(clippy::cast_possible_truncation, reason = "a count of customers")]
#[expect(clippy::cast_sign_loss, reason = "a count of customers")]
fn whole(count: f64) -> u32 {
    count.max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;

    /// 100 customers: 40 own 0, 50 own 1, 30 both; 10 own 2, of whom 2 and 5 own 0 and 1.
    fn affinity(symbols: &Symbols) -> Affinity {
        let counts = vec![40.0, 30.0, 50.0, 2.0, 5.0, 10.0];
        let weights = vec![vec![(1, 0.5), (2, 0.7)], vec![(0, 0.4)], vec![]];
        let owners = Together::new(counts, 100.0, weights, vec![1.0; 3]);
        let category =
            |name| Category { name: symbols.intern(name), net: 200.0, margin: Some(0.3) };
        Affinity::new(["a", "b", "c"].map(category).to_vec(), owners.clone(), owners)
    }

    #[test]
    fn an_offer_has_the_chance_worked_out_by_hand_and_its_evidence() {
        let symbols = Symbols::default();
        let affinity = affinity(&symbols);
        let name = |text: &str| symbols.intern(text);
        let context = affinity.context([name("a"), name("never sold"), name("a")]);
        let found = affinity.best(Meeting::Owner, &context, |_| true, 5);
        // logit .5 + ln[(30 + 20) / (40·50/100 + 20)] = ln 1.25: p = 1.25 / 2.25. Of `c` only two
        // customers own `a`, too: no evidence, no offer.
        let [offer] = found[..] else { panic!("{found:?}") };
        assert_eq!((offer.category, offer.because), (name("b"), name("a")));
        assert_eq!((offer.buyers, offer.peers), (30, 40));
        assert!((offer.p - 1.25 / 2.25).abs() < 1e-7 && (offer.lift - 2.5 / 2.25).abs() < 1e-7);
        assert!((offer.profit.unwrap() - 60.0).abs() < 1e-9);
        let lift = affinity.lift(Meeting::Owner, &context, name("b")).unwrap();
        assert!((lift - offer.lift).abs() < 1e-12);
    }

    #[test]
    fn what_several_categories_say_is_added_and_shrunk_by_their_number() {
        let owners = affinity(&Symbols::default()).owners;
        // Of `c`: base ln(.1/.9); lifts ln(22/24) and ln(25/25), over √2.
        let odds = (0.1_f64 / 0.9).ln() + (22.0_f64 / 24.0).ln() / 2.0_f64.sqrt();
        let want = 1.0 / (1.0 + (-odds).exp());
        let (one, all) = (owners.chance(&[0, 1], 2), owners.chances(&[0, 1]));
        assert!((one - want).abs() < 1e-6 && (f64::from(all[2]) - want).abs() < 1e-6, "{one}");
    }

    #[test]
    fn what_is_not_allowed_or_is_there_already_is_not_offered() {
        let symbols = Symbols::default();
        let affinity = affinity(&symbols);
        let context = affinity.context(["a", "b"].map(|name| symbols.intern(name)));
        assert_eq!(affinity.best(Meeting::Owner, &context, |_| true, 5), []);
        assert_eq!(affinity.best(Meeting::Basket, &[0], |_| false, 5), []);
        assert_eq!(affinity.best(Meeting::Basket, &[], |_| true, 5), []);
        assert_eq!(Affinity::default().best(Meeting::Basket, &[0], |_| true, 5), []);
    }
}
