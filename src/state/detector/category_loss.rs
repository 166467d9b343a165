//! Which category has a customer stopped buying while still buying others?
//!
//! A slot for each of the sixteen categories bought most, with first, last and count. A category is
//! lost after a silence of `k` times its own gap, shrunk with two gaps of the population:
//! `(last − first + 2m) / (x + 2)`. Partial defection comes before defection: Buckinx and Van den
//! Poel, "Customer base analysis: partial defection of behaviourally loyal clients", EJOR 2005.
//!
//! **By lines instead of days.** A gap in days does not tell a customer who has not bought from one
//! who has bought other things. So a second question counts lines: of the `n` lines from the first
//! purchase of the category to the newest, `x` were of it; since then there were `m` others. If the
//! customer had not given it up, the chance of so many misses would be
//! `B(1 + x, 1 + n − x + m) / B(1 + x, 1 + n − x)`, a share of the lines unknown beforehand. Against
//! it stand the odds of [`GIVEN_UP`]. This is the chance to be alive of BG/BB (Fader, Hardie and
//! Shang, "Customer-base analysis in a discrete-time noncontractual setting", Marketing Science
//! 2010), with the lines as the occasions and one chance to leave for all.
//!
//! When all slots are taken a new category replaces the one with the fewest purchases and inherits
//! nothing from it, so rare categories come and go while the main ones stay. Of equals the one that
//! was bought first stands first, whatever it is called.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::days;
use crate::state::detector::span_of_days;
use crate::state::detector::special::ln_gamma;
use crate::time::Timestamp;

/// Categories kept for one customer.
pub const SLOTS: usize = 16;

/// Odds that a customer has given a category up, before its lines are looked at: a choice.
pub const GIVEN_UP: f64 = 0.003;

/// Purchases of the main categories, by a name of the caller's choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategorySlots<Name> {
    slots: Vec<Slot<Name>>,
    /// Lines of any category so far.
    lines: u32,
}

/// Purchases of one category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slot<Name> {
    /// Which.
    pub name: Name,
    /// Purchase days.
    pub purchases: u32,
    /// First purchase.
    pub first: Timestamp,
    /// Newest purchase.
    pub last: Timestamp,
    /// Lines of it after those of the first purchase.
    lines: u32,
    /// Lines of any category up to the first purchase, and up to the newest.
    seen: [u32; 2],
}

/// When a silence becomes a loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossRule {
    /// Median days between purchases of a category, over the population.
    pub gap_median_days: f64,
    /// Silence in shrunk gaps; 3 by default.
    pub gaps: f64,
    /// Purchases before a category counts as the customer's own; 4 by default.
    pub purchases_min: u32,
}

impl<Name> Default for CategorySlots<Name> {
    fn default() -> Self {
        Self { slots: Vec::new(), lines: 0 }
    }
}

impl<Name: Copy + PartialEq> CategorySlots<Name> {
    /// Takes a purchase of these categories in, one for each line; purchases of one UTC day are
    /// one. Days are exact whatever the order, lines in the order of time.
    pub fn add(&mut self, names: impl IntoIterator<Item = Name, IntoIter: Clone>, at: Timestamp) {
        let names = names.into_iter();
        let number = u32::try_from(names.clone().count()).unwrap_or(u32::MAX);
        self.lines = self.lines.saturating_add(number);
        names.for_each(|name| self.line(name, at));
    }

    fn line(&mut self, name: Name, at: Timestamp) {
        let seen = self.lines;
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.name == name) {
            let same_day = at.day() == slot.last.day() || at.day() == slot.first.day();
            slot.purchases = slot.purchases.saturating_add(u32::from(!same_day));
            slot.first = slot.first.min(at);
            slot.last = slot.last.max(at);
            slot.lines += u32::from(slot.seen[0] != seen);
            slot.seen[1] = seen;
            return;
        }
        let new = Slot { name, purchases: 1, first: at, last: at, lines: 0, seen: [seen; 2] };
        if self.slots.len() < SLOTS {
            self.slots.push(new);
            return;
        }
        // Of equal counts the longest silent one goes, of those the one that was bought first.
        if let Some(least) = self.slots.iter_mut().min_by_key(|slot| (slot.purchases, slot.last)) {
            *least = new;
        }
    }

    /// The slots, in the order of their first purchases as long as none was replaced.
    pub fn slots(&self) -> &[Slot<Name>] {
        &self.slots
    }

    /// Categories lost by `now`.
    pub fn lost(&self, rule: &LossRule, now: Timestamp) -> impl Iterator<Item = &Slot<Name>> {
        self.slots.iter().filter(move |slot| slot.deadline(rule).is_some_and(|at| at <= now))
    }

    /// Categories that are still bought with this chance at most, by lines; of those with
    /// `purchases_min` purchases or more.
    pub fn dropped(&self, purchases_min: u32, chance: f64) -> impl Iterator<Item = &Slot<Name>> {
        let lines = self.lines;
        let watched = self.slots.iter().filter(move |slot| slot.purchases >= purchases_min);
        watched.filter(move |slot| slot.is_still_bought_at_most(lines, chance))
    }

    /// The chance that a category is still bought, by lines.
    pub fn chance(&self, slot: &Slot<Name>) -> f64 {
        let misses = slot.ln_misses(self.lines).exp();
        misses / (misses + GIVEN_UP)
    }

    /// Lines of other categories since the newest purchase of one.
    pub fn missed(&self, slot: &Slot<Name>) -> u32 {
        self.lines - slot.seen[1]
    }

    /// The next instant at which a category will be lost if nothing is bought: one timer does.
    pub fn next_deadline(&self, rule: &LossRule, now: Timestamp) -> Option<Timestamp> {
        self.slots.iter().filter_map(|slot| slot.deadline(rule)).filter(|at| *at > now).min()
    }

    /// Heap bytes that they occupy.
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<Name>>()
    }
}

impl<Name> Slot<Name> {
    /// The instant at which its silence becomes a loss; `None` while there is too little evidence.
    pub fn deadline(&self, rule: &LossRule) -> Option<Timestamp> {
        if self.purchases < rule.purchases_min.max(2) {
            return None;
        }
        let silence = rule.gaps * self.shrunk_gap_days(rule.gap_median_days);
        Some(self.last + span_of_days(silence))
    }

    /// The logarithm of the chance of the lines since, had it not been given up.
    fn ln_misses(&self, lines: u32) -> f64 {
        let [of_it, others, since] = self.counts(lines);
        ln_gamma(others + since) + ln_gamma(of_it + others)
            - ln_gamma(others)
            - ln_gamma(of_it + others + since)
    }

    /// Lines of it and of others up to the newest purchase, one of each mixed in, and lines since.
    fn counts(&self, lines: u32) -> [f64; 3] {
        let [first, newest] = self.seen;
        let others = (newest - first).saturating_sub(self.lines);
        [f64::from(self.lines) + 1.0, f64::from(others) + 1.0, f64::from(lines - newest)]
    }

    fn is_still_bought_at_most(&self, lines: u32, chance: f64) -> bool {
        if !(0.0 < chance && chance < 1.0) {
            return false;
        }
        let limit = (GIVEN_UP * chance / (1.0 - chance)).ln();
        let [of_it, others, since] = self.counts(lines);
        // With a share that is known the misses are less likely than with an unknown one (Jensen).
        let at_least = since * (others / (of_it + others)).ln();
        at_least <= limit && self.ln_misses(lines) <= limit
    }

    /// Mean days between its purchases; 0 of one purchase.
    pub fn gap_days(&self) -> f64 {
        days(self.last - self.first) / f64::from(self.purchases.max(2) - 1)
    }

    /// Mean days between its purchases, shrunk to the population with two gaps of its median.
    pub fn shrunk_gap_days(&self, gap_median_days: f64) -> f64 {
        let gaps = f64::from(self.purchases - 1);
        (days(self.last - self.first) + 2.0 * gap_median_days) / (gaps + 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const RULE: LossRule = LossRule { gap_median_days: 30.0, gaps: 3.0, purchases_min: 4 };

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    #[test]
    fn a_category_is_lost_after_three_shrunk_gaps() {
        // By hand: (30 + 2·30) / (3 + 2) = 18 days, three of them are 54.
        let mut slots = CategorySlots::default();
        for day in [0, 10, 20, 30] {
            slots.add(['a'], on(day));
        }
        slots.add(['b'], on(30));
        assert_eq!(slots.next_deadline(&RULE, on(30)), Some(on(84)));
        assert_eq!(slots.lost(&RULE, on(83)).count(), 0);
        let lost: Vec<char> = slots.lost(&RULE, on(84)).map(|slot| slot.name).collect();
        assert_eq!(lost, ['a']);
        slots.add(['a'], on(85));
        assert_eq!(slots.lost(&RULE, on(86)).count(), 0);
    }

    #[test]
    fn the_order_of_arrival_changes_no_day() {
        let (mut forth, mut back) = (CategorySlots::default(), CategorySlots::default());
        for day in 0..5 {
            forth.add([7_u32], on(day * 9));
            back.add([7_u32], on((4 - day) * 9));
        }
        let days = |slots: &CategorySlots<u32>| {
            let slot = slots.slots()[0];
            (slot.purchases, slot.first, slot.last)
        };
        assert_eq!(days(&forth), days(&back));
    }

    #[test]
    fn a_full_house_gives_up_what_is_bought_least() {
        let mut slots = CategorySlots::default();
        for name in 0..16_u32 {
            slots.add([name], on(0));
            if name != 3 {
                slots.add([name], on(1));
            }
        }
        slots.add([99], on(2));
        let names: Vec<u32> = slots.slots().iter().map(|slot| slot.name).collect();
        assert!(names.contains(&99) && !names.contains(&3) && names.len() == SLOTS);
    }

    /// By hand: after the first order 9 of 18 lines are of it, so the misses of m lines have the
    /// chance B(10, 10 + m) / B(10, 10) = Π (10 + j) / (20 + j), j from 0 to m − 1.
    #[test]
    fn a_category_is_dropped_when_the_lines_since_are_too_many_to_be_chance() {
        let mut slots = CategorySlots::default();
        for day in 0..10 {
            slots.add(['a', 'b'], on(day * 50));
        }
        let mut misses = 1.0;
        for since in 0..20_u32 {
            let want = misses / (misses + GIVEN_UP);
            let slot = slots.slots()[0];
            assert!((slots.chance(&slot) - want).abs() < 1e-9, "{since}");
            assert_eq!(slots.missed(&slot), since);
            let dropped: Vec<char> = slots.dropped(4, 0.1).map(|slot| slot.name).collect();
            assert_eq!(dropped, if want <= 0.1 { vec!['a'] } else { vec![] }, "{since}");
            assert_eq!(slots.dropped(11, 0.1).count(), 0);
            slots.add(['b'], on(500 + i64::from(since)));
            misses *= (10.0 + f64::from(since)) / (20.0 + f64::from(since));
        }
        assert_eq!(slots.dropped(4, f64::NAN).count(), 0);
    }
}
