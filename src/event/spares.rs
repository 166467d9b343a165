//! Where does the memory of an event go? To the next one: a stream needs as many boxes as there
//! are events under way, and not one more for each event.
//!
//! ```text
//! decoder ──event──► sequencer ──► shard
//!    ▲                               │ done with
//!    └──────────── spares ◄──────────┘
//! ```

use crate::event::Event;
use crate::event::Line;

/// Boxes of events that are done with.
#[derive(Debug, Clone, Default)]
pub struct Spares {
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    boxes: Vec<Box<Event>>,
}

impl Spares {
    /// Boxes kept at most: two batches of a file.
    pub const MAX: usize = 1024;

    /// Keeps the box of an event that is done with, unless the event holds more memory than it.
    #[inline]
    pub fn put(&mut self, event: Box<Event>) {
        let plain = !event.lines.spilled() && event.detail.is_none();
        if plain && self.boxes.len() < Self::MAX {
            self.boxes.push(event);
        }
    }

    /// The event, which has no line yet, with this line in a box of its own.
    #[inline]
    pub fn place(&mut self, event: Event, line: Line) -> Box<Event> {
        let mut place = match self.boxes.pop() {
            // Field by field, so that each is made where it belongs: the whole takes two copies.
            Some(mut place) => {
                place.id = event.id;
                place.source = event.source;
                place.kind = event.kind;
                place.time = event.time;
                place.customer = event.customer;
                place.rep = event.rep;
                place.territory = event.territory;
                place.channel = event.channel;
                place.order = event.order;
                place.currency = event.currency;
                place.detail = event.detail;
                place.lines.clear();
                place
            }
            None => Box::new(event),
        };
        place.lines.push(line);
        place
    }

    /// Takes over the boxes of others.
    pub fn append(&mut self, others: &mut Self) {
        self.boxes.append(&mut others.boxes);
        self.boxes.truncate(Self::MAX);
    }
}

#[cfg(test)]
mod tests {
    use smallvec::SmallVec;

    use super::*;
    use crate::event::Kind;
    use crate::event::Symbols;
    use crate::time::Timestamp;

    #[test]
    fn only_so_many_boxes_of_plain_events_are_kept() {
        let order = |lines: usize| Event {
            id: "1".into(),
            source: Symbols::default().intern("test"),
            kind: Kind::Order,
            time: Timestamp::EPOCH,
            customer: None,
            rep: None,
            territory: None,
            channel: None,
            order: None,
            currency: None,
            lines: SmallVec::from_elem(Line::default(), lines),
            detail: None,
        };
        for (lines, kept) in [(1, Spares::MAX), (2, 0)] {
            let mut spares = Spares::default();
            for _ in 0..=Spares::MAX {
                spares.put(Box::new(order(lines)));
            }
            assert_eq!(spares.boxes.len(), kept, "{lines} lines");
            let other = Event { id: "2".into(), kind: Kind::Quote, ..order(0) };
            let line = Line { number: 7, ..Line::default() };
            let want = Event { lines: SmallVec::from_slice(&[line]), ..other.clone() };
            assert_eq!(*spares.place(other, line), want, "nothing is left of the one before");
        }
    }
}
