//! What happened to one customer, rep or product: its events in the order of event time, packed.
//!
//! ```text
//! bytes  │ record │ record │ record │ …          a late event is inserted where it belongs
//!            ▲ a window's cursor is the offset of a record
//! ```
//!
//! Order is (time, id, kind): two events of one instant always stand in the same order, whichever
//! came first; orders and calls may be numbered alike.

mod record;

pub use self::record::Entry;
pub use self::record::Opened;
use self::record::Origin;
use crate::event::Event;
use crate::event::Symbol;
use crate::time::Timestamp;

/// The packed list.
#[derive(Debug, Clone, Default)]
pub struct History {
    bytes: Vec<u8>,
    /// Milliseconds of the first event inserted.
    base: i64,
    /// Events in it.
    count: u32,
    /// Customer of that event: in the history of a customer, that of all.
    customer: Option<Symbol>,
}

/// A history as it lies in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedHistory {
    /// Milliseconds that its records are relative to.
    pub base: i64,
    /// Events in it.
    pub count: u32,
    /// Customer that its records are relative to.
    pub customer: Option<Symbol>,
    /// Its records.
    pub bytes: Vec<u8>,
}

/// Where an inserted record came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// Offset of its first byte.
    pub offset: u32,
    /// Bytes it takes.
    pub length: u32,
}

/// Why an event did not enter the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// An event of the same time, id and kind is in it already.
    Duplicate,
    /// The list has reached its bound of 4 GB.
    Full,
}

/// Bytes that an allocator gives to who asks for so many: its blocks grow by an eighth to a quarter
/// (four sizes from each power of two to the next, and eight bytes apart where they are small).
#[inline]
fn block(bytes: usize) -> usize {
    let step = bytes.saturating_sub(1).checked_ilog2().map_or(8, |log| (1 << log) / 4);
    bytes.next_multiple_of(step.max(8))
}

impl History {
    /// Reads its last byte, so that the place where the next record goes is near.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.bytes.last().map_or(0, |byte| u64::from(*byte))
    }

    /// Reads a byte of the record at an offset.
    #[inline]
    pub(crate) fn touch_at(&self, offset: u32) -> u64 {
        self.bytes.get(offset as usize).map_or(0, |byte| u64::from(*byte))
    }

    /// Events in it.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether it has no events.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Customer of its first event; of a customer's history that of all.
    pub(crate) fn customer(&self) -> Option<Symbol> {
        self.customer
    }

    /// Bytes of all records: the offset behind the last one.
    pub fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Inserts an event at its place; equal times stand in the order of their ids and kinds.
    pub fn insert(&mut self, event: &Event, foreign: bool) -> Result<Inserted, Unchanged> {
        self.insert_after(event, foreign, None)
    }

    /// As [`History::insert`]; no event in the list is later than `newest`, which spares most
    /// events the look at the one before them.
    pub(crate) fn insert_after(
        &mut self,
        event: &Event,
        foreign: bool,
        newest: Option<Timestamp>,
    ) -> Result<Inserted, Unchanged> {
        if self.count == 0 {
            self.base = event.time.millis();
            self.customer = event.customer;
        }
        let mut place = self.end();
        let last = newest.is_some_and(|newest| newest < event.time);
        while !last && let Some(before) = self.before(place) {
            let order = before
                .time()
                .cmp(&event.time)
                .then_with(|| before.id_text().as_str().cmp(event.id.as_str()))
                .then(before.kind().cmp(&event.kind));
            match order {
                std::cmp::Ordering::Less => break,
                std::cmp::Ordering::Equal => return Err(Unchanged::Duplicate),
                std::cmp::Ordering::Greater => place = before.offset,
            }
        }
        let start = self.bytes.len();
        let (mut short, mut long) = ([0; record::SHORT], Vec::new());
        let size = record::size_max(event);
        let room = if size <= short.len() {
            &mut short[..]
        } else {
            long.resize(size, 0);
            &mut long[..]
        };
        let record = record::pack(room, event, foreign, self.origin());
        let end = start + record.len();
        if end > u32::MAX as usize {
            return Err(Unchanged::Full);
        }
        self.reserve(record.len());
        self.bytes.extend_from_slice(record);
        if (place as usize) < start {
            self.bytes[place as usize..].rotate_right(record.len());
        }
        self.count += 1;
        Ok(Inserted { offset: place, length: u32::try_from(record.len()).unwrap_or(u32::MAX) })
    }

    /// Makes room for a record and for the next, and to the end of the allocator's block: doubling
    /// would leave a third of all memory unused.
    #[inline]
    fn reserve(&mut self, record: usize) {
        let needed = self.bytes.len() + record;
        if needed > self.bytes.capacity() {
            self.bytes.reserve_exact(block(needed + record) - self.bytes.len());
        }
    }

    /// What the records are relative to.
    #[inline]
    fn origin(&self) -> Origin {
        Origin { millis: self.base, customer: self.customer }
    }

    /// Drops the records before `offset`, which has to be the start of a record or the end.
    pub fn trim(&mut self, offset: u32) {
        let mut dropped = 0;
        let mut at = 0;
        while at < offset {
            let Some(entry) = self.at(at) else { break };
            at = entry.next;
            dropped += 1;
        }
        self.bytes.drain(..at as usize);
        self.count -= dropped;
    }

    /// The record that starts at `offset`; none at the end.
    #[inline]
    pub fn at(&self, offset: u32) -> Option<Entry<'_>> {
        Entry::read(self.bytes.get(offset as usize..)?, offset, self.origin())
    }

    /// The record that ends at `offset`; none at the start.
    pub fn before(&self, offset: u32) -> Option<Entry<'_>> {
        let mut end = offset as usize;
        let (mut body, mut shift, mut header) = (0_u32, 0, 0_u32);
        loop {
            end = end.checked_sub(1)?;
            let byte = *self.bytes.get(end)?;
            body |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            header += 1;
            if byte < 0x80 || shift > 28 {
                break;
            }
        }
        self.at(offset.checked_sub(2 * header + body)?)
    }

    /// Every record from `offset` on.
    pub fn from(&self, offset: u32) -> impl Iterator<Item = Entry<'_>> + '_ {
        let mut at = offset;
        std::iter::from_fn(move || {
            let entry = self.at(at)?;
            at = entry.next;
            Some(entry)
        })
    }

    /// Every record before `offset`, the newest first.
    pub fn back_from(&self, offset: u32) -> impl Iterator<Item = Entry<'_>> + '_ {
        let mut at = offset;
        std::iter::from_fn(move || {
            let entry = self.before(at)?;
            at = entry.offset;
            Some(entry)
        })
    }

    /// Its records as they lie in memory, and what they are relative to: milliseconds, customer.
    pub(crate) fn raw(&self) -> (&[u8], i64, Option<Symbol>) {
        (&self.bytes, self.base, self.customer)
    }

    /// A history that was saved by this form of the records.
    pub(crate) fn restored(saved: SavedHistory) -> Self {
        let SavedHistory { base, count, customer, bytes } = saved;
        Self { bytes, base, count, customer }
    }

    /// Heap bytes that it occupies.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
