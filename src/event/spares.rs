//! Where does the memory of an event go? To the next one: a stream needs as many boxes as there
//! are events under way, and not one more for each event.
//!
//! ```text
//! decoder ──event──► sequencer ──► shard
//!    ▲                               │ done with
//!    └──────────── spares ◄──────────┘
//! ```

use crate::event::Event;

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

    /// The event in a box of its own.
    #[inline]
    pub fn place(&mut self, event: Event) -> Box<Event> {
        match self.boxes.pop() {
            Some(mut place) => {
                *place = event;
                place
            }
            None => Box::new(event),
        }
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
    use crate::event::Line;
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
            assert_eq!(*spares.place(order(3)), order(3), "nothing is left of the one before");
        }
    }
}
