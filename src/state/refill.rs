//! Another plan for an entity that is under way: what does each of its numbers start from?
//!
//! ```text
//! windows            cursors by the clock, sums by the history between them
//! everything ever    carried where the old plan kept it, else by the history as far as it is kept
//! ```
//!
//! Where both plans keep the same in the same places, which is so when a threshold changes or a
//! text, the numbers stay as they are.
//!
//! So a rule that comes later stands at once where it would have stood had it been there from the
//! start, if the history reaches back far enough. What is carried is exact however old it is.

use crate::event::Symbol;
use crate::state::Entity;
use crate::state::OwnedSets;
use crate::state::alike::Comparison;
use crate::state::alike::Place;
use crate::state::program::Program;
use crate::state::program::Running;
use crate::state::window::Members;
use crate::state::window::Plan;
use crate::state::window::SpanPlan;
use crate::state::window::Upkeep;
use crate::state::window::ledger::Ledger;
use crate::state::window::ledger::Move;
use crate::state::window::pack;
use crate::time::Span;
use crate::time::Timestamp;

/// What two plans keep alike of everything ever seen.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// Running values: where the old plan kept one, and where the new one does.
    values: Vec<(Running, Running)>,
    /// Values that have to be counted from the history.
    fresh: Members,
    /// The old place of each set of the new plan.
    sets: Vec<Option<u16>>,
    /// The old place of each detector of the new plan.
    followed: Vec<Option<u16>>,
    /// The slots that belong to rules, where all others mean what they meant.
    of_rules: Option<Vec<u16>>,
}

/// A window while it is filled.
struct Filling<'a> {
    members: &'a Members,
    slot: usize,
    oldest: Timestamp,
    newest: Option<Timestamp>,
    tail: u32,
    head: u32,
}

impl Carried {
    /// For each running value of everything ever seen of the plan, in its order, the one that it
    /// goes on from, if any; for each set and each detector the place of the one that it goes on
    /// from.
    pub(crate) fn new(
        (plan, program): (&Plan, &Program),
        values: impl Iterator<Item = (Option<Running>, Running)>,
        sets: impl Iterator<Item = Option<u16>>,
        followed: impl Iterator<Item = Option<u16>>,
    ) -> Self {
        let (sets, followed) = (sets.collect(), followed.collect());
        let mut carried = Self { sets, followed, ..Self::default() };
        for (from, to) in values {
            match from {
                Some(from) => carried.values.push((from, to)),
                None => carried.fresh.add(plan.aggregate(to.place), program),
            }
        }
        carried
    }

    /// What the new plan can take over from the old one.
    pub fn between(old: (&Plan, &Program), new: (&Plan, &Program)) -> Self {
        let place = |(plan, program)| Place { program, plan, lets: &[] };
        let mut comparison = Comparison::new(place(old), place(new));
        let ((old, _), (new, program)) = (old, new);
        let mut carried = Self::default();
        for aggregate in new.ever.iter().map(|place| new.aggregate(place)) {
            let mut known = old.ever.iter().map(|place| old.aggregate(place));
            match known.find(|known| comparison.aggregates(known, aggregate)) {
                Some(known) => carried.values.push((known.running(), aggregate.running())),
                None => carried.fresh.add(aggregate, program),
            }
        }
        for set in &new.owned {
            let known = old.owned.iter().position(|known| comparison.sets(known, set));
            carried.sets.push(known.and_then(|known| u16::try_from(known).ok()));
        }
        for followed in &new.followed {
            let known = old.followed.iter().position(|known| comparison.followed(known, followed));
            carried.followed.push(known.and_then(|known| u16::try_from(known).ok()));
        }
        carried.of_rules = comparison.plans().then(|| new.slots_of_rules());
        carried
    }

    /// Whether an entity's numbers stay as they are.
    pub fn keeps(&self) -> bool {
        self.of_rules.is_some()
    }
}

impl Entity {
    /// Lays the entity out by another plan and fills its windows from the history. The slots that
    /// belong to rules, not to windows, are empty afterwards.
    pub fn refill(&mut self, carried: &Carried, upkeep: Upkeep<'_>) {
        if let Some(of_rules) = &carried.of_rules {
            for slot in of_rules {
                self.slots[usize::from(*slot)] = 0;
            }
            return;
        }
        let plan = upkeep.plan;
        let old = std::mem::replace(&mut self.slots, plan.new_slots());
        for (from, to) in &carried.values {
            self.slots[usize::from(to.slot)] = old[usize::from(from.slot)];
            if old[usize::from(from.flags)] & from.flag() != 0 {
                self.slots[usize::from(to.flags)] |= to.flag();
            }
        }
        let clock = self.clock;
        let mut windows: Vec<Filling<'_>> =
            plan.spans.iter().map(|span| span.filling(clock)).collect();
        let mut ledger = Ledger { slots: &mut self.slots, upkeep };
        for entry in self.history.from(0) {
            for window in &mut windows {
                if entry.time() <= window.oldest {
                    window.tail = entry.next;
                }
                if window.newest.is_some_and(|newest| entry.time() <= newest) {
                    window.head = entry.next;
                }
                let entered = window.newest.is_none_or(|newest| entry.time() <= newest);
                if entry.time() > window.oldest && entered {
                    ledger.count(window.members, &entry, Move::In);
                }
            }
            ledger.count(&carried.fresh, &entry, Move::In);
        }
        for window in windows {
            ledger.slots[window.slot] = pack(window.tail, window.head);
        }
        self.stirs_at = Timestamp::MIN;
        self.refill_sets(carried, upkeep);
        self.follow_by(&carried.followed, upkeep);
    }

    fn refill_sets(&mut self, carried: &Carried, upkeep: Upkeep<'_>) {
        if self.rare.0.is_none() && upkeep.plan.owned.is_empty() {
            return;
        }
        let having = self.rare.begin();
        let old = std::mem::take(&mut having.owned);
        for (set, known) in carried.sets.iter().enumerate() {
            if let Some(known) = known {
                old.names(*known).for_each(|name| having.owned.add(set, name));
            }
        }
        let fresh = upkeep.plan.owned.iter().enumerate();
        let fresh = fresh.filter(|(set, _)| carried.sets.get(*set).is_none_or(Option::is_none));
        let (owned, history) = (&mut having.owned, &self.history);
        for (set, asked) in fresh {
            for entry in history.from(0) {
                owned.take_in(set, *asked, &entry, upkeep);
            }
        }
    }
}

impl SpanPlan {
    fn filling(&self, clock: Timestamp) -> Filling<'_> {
        Filling {
            members: &self.members,
            slot: usize::from(self.cursors),
            oldest: clock - self.from,
            newest: (self.to > Span::ZERO).then(|| clock - self.to),
            tail: 0,
            head: 0,
        }
    }
}

impl Running {
    pub(crate) fn flag(self) -> i64 {
        1 << (self.place % 64)
    }
}

impl OwnedSets {
    /// The names in a set.
    fn names(&self, set: u16) -> impl Iterator<Item = Option<Symbol>> + '_ {
        self.0.iter().filter(move |(known, _)| *known == set).map(|(_, name)| *name)
    }
}
