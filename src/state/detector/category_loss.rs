//! Which category has a customer stopped buying while still buying others?
//!
//! A slot for each of the sixteen categories bought most, with first, last and count. A category is
//! lost after a silence of `k` times its own gap, shrunk with two gaps of the population:
//! `(last − first + 2m) / (x + 2)`. Partial defection comes before defection: Buckinx and Van den
//! Poel, "Customer base analysis: partial defection of behaviourally loyal clients", EJOR 2005.
//!
//! When all slots are taken a new category replaces the one with the fewest purchases and inherits
//! nothing from it, so rare categories come and go while the main ones stay. Of equals the one that
//! was bought first stands first, whatever it is called.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::days;
use crate::state::detector::span_of_days;
use crate::time::Timestamp;

/// Categories kept for one customer.
pub const SLOTS: usize = 16;

/// Purchases of the main categories, by a name of the caller's choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategorySlots<Name> {
    slots: Vec<Slot<Name>>,
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
        Self { slots: Vec::new() }
    }
}

impl<Name: Copy + PartialEq> CategorySlots<Name> {
    /// Takes a purchase in; purchases of one UTC day are one.
    pub fn add(&mut self, name: Name, at: Timestamp) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.name == name) {
            let same_day = at.day() == slot.last.day() || at.day() == slot.first.day();
            slot.purchases = slot.purchases.saturating_add(u32::from(!same_day));
            slot.first = slot.first.min(at);
            slot.last = slot.last.max(at);
            return;
        }
        let new = Slot { name, purchases: 1, first: at, last: at };
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
            slots.add('a', on(day));
        }
        slots.add('b', on(30));
        assert_eq!(slots.next_deadline(&RULE, on(30)), Some(on(84)));
        assert_eq!(slots.lost(&RULE, on(83)).count(), 0);
        let lost: Vec<char> = slots.lost(&RULE, on(84)).map(|slot| slot.name).collect();
        assert_eq!(lost, ['a']);
        slots.add('a', on(85));
        assert_eq!(slots.lost(&RULE, on(86)).count(), 0);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let (mut forth, mut back) = (CategorySlots::default(), CategorySlots::default());
        for day in 0..5 {
            forth.add(7_u32, on(day * 9));
            back.add(7_u32, on((4 - day) * 9));
        }
        assert_eq!(forth, back);
    }

    #[test]
    fn a_full_house_gives_up_what_is_bought_least() {
        let mut slots = CategorySlots::default();
        for name in 0..16_u32 {
            slots.add(name, on(0));
            if name != 3 {
                slots.add(name, on(1));
            }
        }
        slots.add(99, on(2));
        let names: Vec<u32> = slots.slots().iter().map(|slot| slot.name).collect();
        assert!(names.contains(&99) && !names.contains(&3) && names.len() == SLOTS);
    }
}
