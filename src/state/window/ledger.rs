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
use crate::state::value::Fault;
use crate::state::window::Aggregate;
use crate::state::window::AggregateKind;
use crate::state::window::List;
use crate::state::window::Members;
use crate::state::window::Upkeep;
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
        let plan = self.upkeep.plan;
        if List::Lines.holds(counted.kind()) {
            if !members.lines.is_empty() {
                let (time, foreign) = (counted.time(), counted.is_foreign());
                for body in counted.bare_lines() {
                    for &place in &members.lines {
                        let aggregate = plan.aggregate(place);
                        self.put(aggregate, aggregate.by_fields(time, foreign, &body), way);
                    }
                }
            }
            if !members.judged_lines.is_empty() {
                for item in counted.lines() {
                    for &place in &members.judged_lines {
                        let aggregate = plan.aggregate(place);
                        self.put(aggregate, aggregate.by_item(&item, self.upkeep), way);
                    }
                }
            }
        }
        let mut whole = None;
        for &place in &members.events {
            let aggregate = plan.aggregate(place);
            if !aggregate.list.holds(counted.kind()) {
                continue;
            }
            if let Some(amount) = aggregate.by_time(counted.time()) {
                self.put(aggregate, Ok(Some(amount)), way);
            } else {
                let item = whole.get_or_insert_with(|| counted.whole());
                self.put(aggregate, aggregate.by_item(item, self.upkeep), way);
            }
        }
    }

    /// Puts an amount into a running value; what cannot be counted is marked.
    #[inline]
    fn put(&mut self, aggregate: &Aggregate, amount: Result<Option<i64>, Fault>, way: Move) {
        let slot = &mut self.slots[usize::from(aggregate.slot)];
        let value = match (amount, aggregate.kind) {
            (Ok(None), _) => return,
            (Ok(Some(amount)), AggregateKind::Min) => Some(amount.min(*slot)),
            (Ok(Some(amount)), AggregateKind::Max) => Some(amount.max(*slot)),
            (Ok(Some(amount)), AggregateKind::Count | AggregateKind::Sum) => match way {
                Move::In => slot.checked_add(amount),
                Move::Out => slot.checked_sub(amount),
            },
            (Err(_), _) => None,
        };
        match value {
            Some(value) => *slot = value,
            None => self.slots[usize::from(aggregate.flags)] |= aggregate.flag(),
        }
    }
}
