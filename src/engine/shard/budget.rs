//! How many items may a rule go through? So many that no other rule has to wait for it.
//!
//! ```text
//! each look                     + LOOK_ITEMS ─┐
//! each millisecond of the events + TIME_ITEMS ─┴─► saved, at most SAVED_MAX ─► a look: at most FUEL
//! ```
//!
//! A rule that goes through little never touches what it has saved. One that asks almost for ever
//! has used it up within some milliseconds; from there on its looks end early, and after a few of
//! them it rests. What takes long but happens rarely is paid by the time between.
//!
//! Most mistakes show at the first looks, so a rule begins with little, and the time before its
//! first look gives it nothing: behind a start or a change of rules a mistake rests before anybody
//! waits for it, however long nothing happened.
//!
//! Time is that of the events, and only what events set off is counted: they come in the one order,
//! so a replay stops a rule where the first run did. What a step of time gives may be spent in full
//! at the instant that it leads to: orders that are all booked at midnight have their day.

use crate::state::program::FUEL;
use crate::time::Timestamp;

/// What every look gives; the starter rules go through a fifth to two fifths of it.
pub(crate) const LOOK_ITEMS: u64 = 500;

/// What a millisecond gives: some hundredths of it is spent on them.
pub(crate) const TIME_ITEMS: u64 = 1_000;

/// What a rule begins with: a few milliseconds are spent on them.
pub(crate) const BEGIN_ITEMS: u64 = 20_000;

/// What a rule keeps from one look to the next.
pub(crate) const SAVED_MAX: u64 = 2 * FUEL as u64;

/// Of so many it has saved some again.
const WELL_OFF_ITEMS: u64 = FUEL as u64 / 2;

/// What the rules of a shard have saved.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    clock: Clock,
    /// By place in the set.
    rules: Vec<Budget>,
}

/// How far the events of a shard have come; nowhere before the first. A snapshot keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Clock {
    /// Before the last step.
    pub before: Option<Timestamp>,
    /// Now.
    pub now: Option<Timestamp>,
}

/// What a rule has saved. A snapshot keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// In items.
    pub saved: u64,
    /// How far the events had come then; nowhere before its first look.
    pub at: Option<Timestamp>,
}

impl Budgets {
    /// Each of so many rules begins anew.
    pub(crate) fn begin(&mut self, rules: usize) {
        self.rules.clear();
        self.rules.resize(rules, Budget { saved: BEGIN_ITEMS, at: None });
    }

    /// An event has come.
    #[inline]
    pub(crate) fn pass(&mut self, to: Timestamp) {
        if self.clock.now.is_none_or(|now| now < to) {
            self.clock = Clock { before: self.clock.now, now: Some(to) };
        }
    }

    /// What a rule may go through now.
    #[inline]
    pub(crate) fn fuel(&mut self, rule: u16) -> u32 {
        let Some(budget) = self.rules.get_mut(usize::from(rule)) else { return FUEL };
        budget.gain(self.clock);
        u32::try_from(budget.saved).map_or(FUEL, |saved| saved.min(FUEL))
    }

    /// What it may still go through in the look that it is at: never nothing.
    pub(crate) fn left(&self, rule: u16) -> u32 {
        let saved = self.rules.get(usize::from(rule)).map_or(BEGIN_ITEMS, |budget| budget.saved);
        u32::try_from(saved.max(LOOK_ITEMS)).map_or(FUEL, |saved| saved.min(FUEL))
    }

    /// It went through so many.
    #[inline]
    pub(crate) fn spend(&mut self, rule: u16, items: u32) {
        if let Some(budget) = self.rules.get_mut(usize::from(rule)) {
            budget.saved = budget.saved.saturating_sub(items.into());
        }
    }

    /// Whether it has saved something again: what it took too much is forgotten.
    #[inline]
    pub(crate) fn is_well_off(&self, rule: u16) -> bool {
        self.rules.get(usize::from(rule)).is_none_or(|budget| budget.saved >= WELL_OFF_ITEMS)
    }

    /// Where events and rules stand, for a snapshot.
    pub(super) fn saved(&self) -> (Clock, &[Budget]) {
        (self.clock, &self.rules)
    }

    /// Goes on where a shard stood; of several, where the last one did.
    pub(super) fn restore(&mut self, clock: Clock) {
        if self.clock.now <= clock.now {
            self.clock = clock;
        }
    }

    /// A rule goes on with what it had saved; of several shards, with the least.
    pub(super) fn restore_rule(&mut self, rule: u16, budget: Budget) {
        if let Some(known) = self.rules.get_mut(usize::from(rule))
            && (known.at.is_none() || budget.saved < known.saved)
        {
            *known = budget;
        }
    }
}

impl Budget {
    /// Takes what a look gives, and what the time since the last one has given.
    fn gain(&mut self, clock: Clock) {
        self.saved = (self.saved + LOOK_ITEMS).min(self.saved.max(SAVED_MAX));
        if self.at == clock.now {
            return;
        }
        if let (Some(at), Some(now)) = (self.at, clock.now) {
            // Only what the last step gave goes beyond what can be kept.
            let step = clock.before.map_or(at, |before| before.max(at));
            let kept = self.saved + given(at, step);
            self.saved = kept.min(SAVED_MAX) + given(step, now);
        }
        self.at = clock.now;
    }
}

fn given(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from((to - from).millis()).unwrap_or(0).saturating_mul(TIME_ITEMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: u32 = 20_000;
    const LOOK: u32 = 500;

    /// Plays looks at `(millisecond, items)`; what each was allowed.
    fn play(looks: &[(i64, u32)]) -> Vec<u32> {
        let mut budgets = Budgets::default();
        budgets.begin(1);
        let look = |&(millis, items): &(i64, u32)| {
            budgets.pass(Timestamp::saturating(millis));
            let fuel = budgets.fuel(0);
            budgets.spend(0, items.min(fuel));
            fuel
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn who_goes_through_little_always_has_what_it_began_with() {
        let looks: Vec<(i64, u32)> = (0..10_000).map(|_| (7, 500)).collect();
        assert!(play(&looks).iter().all(|fuel| *fuel == BEGIN + LOOK));
    }

    #[test]
    fn who_asks_for_ever_soon_has_what_a_look_gives_and_no_more() {
        assert_eq!(play(&[(7, FUEL); 3]), [BEGIN + LOOK, LOOK, LOOK]);
        let fuel = play(&[(7, FUEL), (8, FUEL), (9, FUEL), (9, FUEL)]);
        assert_eq!(fuel, [BEGIN + LOOK, 1_000 + LOOK, 1_000 + LOOK, LOOK]);
    }

    #[test]
    fn nothing_that_was_before_its_first_look_gives_a_rule_anything() {
        let mut budgets = Budgets::default();
        budgets.pass(Timestamp::saturating(0));
        budgets.begin(1);
        budgets.pass(Timestamp::saturating(86_400_000));
        assert_eq!(budgets.fuel(0), BEGIN + LOOK);
        budgets.spend(0, BEGIN + LOOK);
        assert_eq!(budgets.fuel(0), LOOK);
        budgets.pass(Timestamp::saturating(2 * 86_400_000));
        assert_eq!(budgets.fuel(0), FUEL);
    }

    #[test]
    fn nobody_saves_more_than_two_of_the_longest_looks() {
        let mut looks: Vec<(i64, u32)> = (0..5_000).map(|n| (n, 0)).collect();
        looks.extend([(5_000, FUEL); 4]);
        // The step to the last instant is on top of what was saved.
        assert_eq!(play(&looks)[5_000..], [FUEL, FUEL, 1_000 + 2 * LOOK, LOOK]);
    }

    #[test]
    fn what_takes_long_but_happens_rarely_is_paid_by_the_time_between() {
        let second = |n: i64| (n * 1_000, FUEL);
        assert_eq!(play(&(0..50).map(second).collect::<Vec<_>>())[1..], [FUEL; 49]);
        // Ten times a second it is not: 200,000 items each, and 100,000 are given.
        let tenth = |n: i64| (n * 100, FUEL);
        assert_eq!(play(&(0..9).map(tenth).collect::<Vec<_>>())[1..], [100_000 + LOOK; 8]);
    }

    #[test]
    fn a_day_that_is_booked_at_its_midnight_has_the_day() {
        let mut looks: Vec<(i64, u32)> = (0..100).map(|_| (0, 0)).collect();
        looks.extend((0..1_000).map(|_| (86_400_000, BEGIN)));
        assert!(play(&looks).iter().all(|fuel| *fuel >= BEGIN));
        // Of what it did not use then, it keeps what can be kept.
        looks.extend([(86_400_001, FUEL); 3]);
        assert_eq!(play(&looks)[1_102], 1_000 + 2 * LOOK);
    }
}
