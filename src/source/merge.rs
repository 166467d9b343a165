//! In which order do the records of several files come? By time, then by id of the event.
//!
//! ```text
//! customers ──► all of it first
//! orders    ──► ▒▒▒▒ heap ▒▒▒▒ ─┐  an event leaves once every file's newest time, less
//! calls     ──► ▒▒▒▒ heap ▒▒▒▒ ─┴► `reorder`, has passed it: no earlier one can still come
//! ```
//!
//! One file without a reorder bound is passed through as it arrives. The heap has a hard cap:
//! beyond it the oldest event leaves early, which is counted.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::Event;
use crate::event::Record;
use crate::event::Symbols;
use crate::source::BATCH_RECORDS;
use crate::source::Batch;
use crate::source::SourceError;
use crate::source::file::FileSource;
use crate::time::Span;
use crate::time::Timestamp;

/// Events held back at most, unless told otherwise.
pub const HELD_MAX: usize = 1_000_000;

/// Several files as one stream.
pub struct Merge {
    files: Vec<Lane>,
    held: BinaryHeap<Reverse<Held>>,
    reorder: Span,
    held_max: usize,
    /// Events that had to leave before their time because too many were held.
    pub released_early: u64,
    arrivals: u64,
    state: State,
    incoming: Batch,
}

/// How far the merging is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing read yet.
    Fresh,
    /// This file is read whole; the following ones are still to be looked at.
    Reference(usize),
    /// Reference data are through.
    Events,
}

/// One file and how far it has come.
struct Lane {
    file: FileSource,
    newest: Option<Timestamp>,
    ended: bool,
    /// Whether it turned out to hold reference data.
    reference: bool,
}

struct Held {
    event: Box<Event>,
    arrival: u64,
}

impl Held {
    fn key(&self) -> (Timestamp, &str, u64) {
        (self.event.time, self.event.id.as_str(), self.arrival)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Merge {
    /// Merges files whose events are out of order by `reorder` at most.
    pub fn new(files: Vec<FileSource>, reorder: Span) -> Self {
        let lane = |file| Lane { file, newest: None, ended: false, reference: false };
        Self {
            files: files.into_iter().map(lane).collect(),
            held: BinaryHeap::new(),
            reorder,
            held_max: HELD_MAX,
            released_early: 0,
            arrivals: 0,
            state: State::Fresh,
            incoming: Batch::default(),
        }
    }

    /// With another cap on the events held back.
    #[must_use]
    pub fn with_held_max(mut self, held_max: usize) -> Self {
        self.held_max = held_max.max(1);
        self
    }

    /// Bytes read of all files together.
    pub fn bytes_read(&self) -> u64 {
        self.files.iter().map(|lane| lane.file.bytes_read()).sum()
    }

    /// Size of all files together; unknown when one is a pipe.
    pub fn bytes_total(&self) -> Option<u64> {
        self.files.iter().map(|lane| lane.file.bytes_total()).sum()
    }

    /// Appends the next records; `false` at the end of all files.
    pub fn next_batch(&mut self, symbols: &Symbols, out: &mut Batch) -> Result<bool, SourceError> {
        match self.state {
            State::Fresh if self.files.len() == 1 && self.reorder == Span::ZERO => {
                self.files[0].file.next_batch(symbols, out)
            }
            State::Fresh => {
                self.state = State::Reference(0);
                Ok(true)
            }
            State::Reference(index) if index < self.files.len() => {
                self.look_at(index, symbols, out)?;
                Ok(true)
            }
            State::Reference(_) => {
                self.state = State::Events;
                Ok(true)
            }
            State::Events => self.next_events(symbols, out),
        }
    }

    /// Reads a file's first batch, and more of it as long as only reference data come.
    fn look_at(
        &mut self,
        index: usize,
        symbols: &Symbols,
        out: &mut Batch,
    ) -> Result<(), SourceError> {
        let first = !self.files[index].reference;
        let held = self.held.len();
        self.read(index, symbols, out)?;
        let lane = &mut self.files[index];
        // Once events come, the file waits for its turn; so does an undecided one.
        lane.reference = self.held.len() == held && (lane.reference || first);
        if lane.ended || !lane.reference {
            self.state = State::Reference(index + 1);
        }
        Ok(())
    }

    fn next_events(&mut self, symbols: &Symbols, out: &mut Batch) -> Result<bool, SourceError> {
        let goal = out.records.len() + BATCH_RECORDS;
        while out.records.len() < goal {
            // The file that is furthest behind holds all the others back.
            let open = self.files.iter().enumerate().filter(|(_, lane)| !lane.ended);
            let behind = open.min_by_key(|(index, lane)| (lane.newest, *index));
            let behind = behind.map(|(index, lane)| (index, lane.newest));
            let safe =
                behind.map(|(_, newest)| newest.map_or(Timestamp::MIN, |t| t - self.reorder));
            self.release(safe, goal, out);
            if out.records.len() >= goal {
                break;
            }
            match behind {
                Some((index, _)) => self.read(index, symbols, out)?,
                None => return Ok(!self.held.is_empty()),
            }
        }
        Ok(true)
    }

    /// Lets every event go that is earlier than `safe`; all of them without it.
    fn release(&mut self, safe: Option<Timestamp>, goal: usize, out: &mut Batch) {
        while out.records.len() < goal {
            let Some(Reverse(oldest)) = self.held.peek() else { return };
            if safe.is_some_and(|safe| oldest.event.time >= safe) {
                if self.held.len() <= self.held_max {
                    return;
                }
                self.released_early += 1;
            }
            out.records.extend(self.held.pop().map(|held| Record::Event(held.0.event)));
        }
    }

    /// Takes one batch of a file: its events wait, the rest goes on at once.
    fn read(
        &mut self,
        index: usize,
        symbols: &Symbols,
        out: &mut Batch,
    ) -> Result<(), SourceError> {
        let lane = &mut self.files[index];
        self.incoming.spares.append(&mut out.spares);
        lane.ended = !lane.file.next_batch(symbols, &mut self.incoming)?;
        out.refused.append(&mut self.incoming.refused);
        for record in self.incoming.records.drain(..) {
            match record {
                Record::Event(event) => {
                    lane.newest = lane.newest.max(Some(event.time));
                    self.arrivals += 1;
                    self.held.push(Reverse(Held { event, arrival: self.arrivals }));
                }
                other => out.records.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
