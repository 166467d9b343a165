//! An entity's running values, open for what enters and leaves its windows.
//!
//! ```text
//! an event at hand ────────┐               ┌─ lines by their fields      decoded no further
//! a record of the history ─┴─► Countable ──┼─ lines by expressions       as whole items
//!                                          └─ events                     by time, or as a whole
//! ```

use crate::event::Event;
use crate::event::Kind;
use crate::state::history::Entry;
use crate::state::item;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::program::Running;
use crate::state::window::AggregateKind;
use crate::state::window::List;
use crate::state::window::Upkeep;
use crate::state::window::members::Members;
use crate::state::window::members::Numbers;
use crate::time::Timestamp;

/// Whether an item enters or leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::state) enum Move {
    In,
    Out,
}

/// What windows count: an event at hand, or a record of the history.
pub(in crate::state) trait Countable {
    fn kind(&self) -> Kind;
    fn time(&self) -> Timestamp;
    fn is_foreign(&self) -> bool;
    /// Category and numbers of its lines.
    fn bare_lines(&self) -> impl Iterator<Item = Body>;
    /// Its lines, without what they share with their event.
    fn bodies(&self) -> impl Iterator<Item = Body>;
    /// Its lines, as whole items.
    fn lines(&self) -> impl Iterator<Item = Item>;
    /// Itself as one item.
    fn whole(&self) -> Item;
}

/// An event on its way into every window.
#[derive(Clone, Copy)]
pub(crate) struct Arriving<'a> {
    pub(crate) event: &'a Event,
    /// Whether its amounts are in another currency than the entity's first event was.
    pub(crate) foreign: bool,
}

impl Countable for Arriving<'_> {
    fn kind(&self) -> Kind {
        self.event.kind
    }

    fn time(&self) -> Timestamp {
        self.event.time
    }

    fn is_foreign(&self) -> bool {
        self.foreign
    }

    fn bare_lines(&self) -> impl Iterator<Item = Body> {
        self.event.lines.iter().map(Body::of)
    }

    fn bodies(&self) -> impl Iterator<Item = Body> {
        self.bare_lines()
    }

    fn lines(&self) -> impl Iterator<Item = Item> {
        let head = Head::of(self.event, self.foreign);
        self.bare_lines().map(move |body| Item { head, body })
    }

    fn whole(&self) -> Item {
        item::whole(self.event, self.foreign)
    }
}

impl Countable for Entry<'_> {
    fn kind(&self) -> Kind {
        Entry::kind(self)
    }

    fn time(&self) -> Timestamp {
        Entry::time(self)
    }

    fn is_foreign(&self) -> bool {
        Entry::is_foreign(self)
    }

    fn bare_lines(&self) -> impl Iterator<Item = Body> {
        Entry::bare_lines(self)
    }

    fn bodies(&self) -> impl Iterator<Item = Body> {
        Entry::lines(self)
    }

    fn lines(&self) -> impl Iterator<Item = Item> {
        let head = self.open().head;
        Entry::lines(self).map(move |body| Item { head, body })
    }

    fn whole(&self) -> Item {
        Entry::whole(self)
    }
}

/// An entity's running values, open for items that enter or leave.
pub(in crate::state) struct Ledger<'a> {
    pub(in crate::state) slots: &'a mut [i64],
    pub(in crate::state) upkeep: Upkeep<'a>,
}

impl Ledger<'_> {
    /// Counts an event in or out of a window.
    #[inline]
    pub(in crate::state) fn count(
        &mut self,
        members: &Members,
        counted: &impl Countable,
        way: Move,
    ) {
        let kind = counted.kind();
        if List::Lines.holds(kind) {
            if !members.lines.is_empty() {
                let (time, foreign) = (counted.time(), counted.is_foreign());
                for body in counted.bare_lines() {
                    let numbers = Numbers::of(time, foreign, &body);
                    let counting = members.lines.iter();
                    for counter in counting.filter(|counter| counter.takes(&body, &numbers)) {
                        self.put(counter.running, numbers.get(counter.number), way);
                    }
                }
            }
            if !members.judged_lines.is_empty() {
                for item in counted.lines() {
                    for &place in &members.judged_lines {
                        self.judge(place, &item, way);
                    }
                }
            }
        }
        if !members.events.is_empty() {
            let numbers = Numbers::of_event(counted.time());
            for counter in members.events.iter().filter(|counter| counter.list.holds(kind)) {
                self.put(counter.running, numbers.get(counter.number), way);
            }
        }
        let mut whole = None;
        for &place in &members.judged_events {
            if self.upkeep.plan.aggregate(place).list.holds(kind) {
                self.judge(place, whole.get_or_insert_with(|| counted.whole()), way);
            }
        }
    }

    /// Counts an item if its expressions say so.
    fn judge(&mut self, place: u16, item: &Item, way: Move) {
        let aggregate = self.upkeep.plan.aggregate(place);
        match aggregate.by_item(item, self.upkeep) {
            Ok(None) => {}
            Ok(amount) => self.put(aggregate.running(), amount, way),
            Err(_) => self.put(aggregate.running(), None, way),
        }
    }

    /// Puts an amount into a running value; where there is none, the value is marked.
    #[inline]
    fn put(&mut self, running: Running, amount: Option<i64>, way: Move) {
        let slot = &mut self.slots[usize::from(running.slot)];
        let value = amount.and_then(|amount| match (running.kind, way) {
            (AggregateKind::Count | AggregateKind::Sum, Move::In) => slot.checked_add(amount),
            (AggregateKind::Count | AggregateKind::Sum, Move::Out) => slot.checked_sub(amount),
            (AggregateKind::Min, _) => Some(amount.min(*slot)),
            (AggregateKind::Max, _) => Some(amount.max(*slot)),
        });
        match value {
            Some(value) => *slot = value,
            None => self.slots[usize::from(running.flags)] |= running.flag(),
        }
    }
}
