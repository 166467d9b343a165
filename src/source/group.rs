//! Which rows make one order? Rows that follow each other and agree in what the mapping names.
//!
//! ```text
//! order 17, p1 ─┐
//! order 17, p2 ─┴─► one order of two lines      order 18, p1 ──► the next one
//! ```

use crate::event::Event;
use crate::event::Record;
use crate::event::decode::Refusal;
use crate::event::decode::activity;
use crate::event::mapping::GroupBy;

/// The order whose rows are still coming in.
#[derive(Debug)]
pub(crate) struct Group {
    by: Option<GroupBy>,
    open: Option<Box<Event>>,
}

impl Group {
    pub(crate) fn new(by: Option<GroupBy>) -> Self {
        Self { by, open: None }
    }

    /// Takes the record of one row; gives out what is complete.
    pub(crate) fn add(&mut self, record: Record, out: &mut Vec<Record>) -> Result<(), Refusal> {
        let (by, event) = match (self.by, record) {
            (Some(by), Record::Event(event)) => (by, event),
            (_, other) => {
                out.push(other);
                return Ok(());
            }
        };
        if let Some(open) = &mut self.open
            && agree(by, open, &event)
        {
            return activity::join(open, &event);
        }
        self.finish(out);
        self.open = Some(event);
        Ok(())
    }

    /// Gives out the last order.
    pub(crate) fn finish(&mut self, out: &mut Vec<Record>) {
        out.extend(self.open.take().map(Record::Event));
    }
}

fn agree(by: GroupBy, open: &Event, event: &Event) -> bool {
    let same = match by {
        GroupBy::EventId => open.id == event.id,
        GroupBy::OrderId => open.order.is_some() && open.order == event.order,
    };
    let whole = open.kind.is_transaction() && open.kind == event.kind;
    same && whole && open.time == event.time && open.customer == event.customer
}
