//! Reads a journal that another process writes, as far as it has come.
//!
//! ```text
//! writer ─► … │ record │ record │ half a record         asked again: what has come meanwhile
//!                               ▲
//! follower ─────────────────────┘ waits here; behind a finished segment it goes on with the next
//! ```
//!
//! What a follower has read is what a start would read: whole records, in order. They may not be
//! durable yet; a start makes them so before anything else, and a follower that takes the writer's
//! place begins with such a start.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::Disk;
use crate::journal::JournalError;
use crate::journal::Position;
use crate::journal::Record;
use crate::journal::segment;
use crate::journal::segment::Next;
use crate::journal::segment::Reader;

/// Looks that find the same unreadable place before it is looked at whether it was written whole.
const LOOKS: u32 = 64;

/// Follows the journal in a folder.
pub struct Follow {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    reader: Option<Reader>,
    from: Position,
    /// The place that could not be read, and how often it was looked at.
    stuck: (Position, u32),
    /// The place at which there is more in this segment, as the one behind it says.
    more: Option<Position>,
}

impl Follow {
    /// Begins with the record at `from`; nothing is read yet, and no lock is taken.
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, from: Position) -> Self {
        let from = from.max(Position::FIRST);
        Self {
            disk,
            folder: folder.to_owned(),
            reader: None,
            from,
            stuck: (Position::ZERO, 0),
            more: None,
        }
    }

    /// The position that comes next.
    pub fn next_position(&self) -> Position {
        self.reader.as_ref().map_or(self.from, |reader| reader.next_position().max(self.from))
    }

    /// The next record; none where the writer has come no further, for now.
    ///
    /// Fails with [`JournalError::Begins`] when the writer has given up what comes next.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        let mut again = true;
        let frame = loop {
            if self.reader.is_none() && !self.begin()? {
                return Ok(None);
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            match reader.next()? {
                Next::Record(frame) if frame.position < self.from => again = true,
                Next::Record(frame) => break frame,
                next @ (Next::End | Next::Flaw(_)) => {
                    // What was read may have been half written, and there may be more by now.
                    if std::mem::take(&mut again) {
                        reader.look_again()?;
                    } else if self.turn()? {
                        again = true;
                    } else {
                        return self.wait(next);
                    }
                }
            }
        };
        self.stuck = (Position::ZERO, 0);
        let Some(reader) = &self.reader else { return Ok(None) };
        let payload = reader.payload(&frame);
        Ok(Some(Record { position: frame.position, kind: frame.kind, payload }))
    }

    /// Opens the segment that holds the next position; `false`: there is none yet.
    fn begin(&mut self) -> Result<bool, JournalError> {
        let failed = |error| JournalError::disk("look for", &self.folder, &error);
        if !self.disk.exists(&self.folder).map_err(failed)? {
            return Ok(false);
        }
        let all = segment::list(&*self.disk, &self.folder)?;
        let Some(first) = all.iter().rev().find(|first| **first <= self.from) else {
            return match all.first() {
                None => Ok(false),
                Some(first) => {
                    let (first, from) = (first.number(), self.from.number());
                    Err(JournalError::Begins { first, from })
                }
            };
        };
        self.reader = Some(Reader::open(&*self.disk, &self.folder, *first)?);
        Ok(true)
    }

    /// Goes on with the segment behind this one, if the writer has begun it and this one is read as
    /// far as it counts.
    fn turn(&mut self) -> Result<bool, JournalError> {
        let Some(reader) = &mut self.reader else { return Ok(false) };
        let all = segment::list(&*self.disk, &self.folder)?;
        let here = reader.header.first;
        let Some(first) = all.into_iter().find(|first| *first > here) else { return Ok(false) };
        let next = Reader::open(&*self.disk, &self.folder, first)?;
        next.header.same_journal(&reader.header, next.path())?;
        if next.header.end_before > reader.offset() {
            // There is more in this one than there was at the last look, unless it cannot be read.
            reader.set_end(next.header.end_before);
            let place = reader.next_position();
            return Ok(self.more.replace(place) != Some(place));
        }
        if first != reader.next_position() || next.header.end_before < reader.offset() {
            let (want, found) = (reader.next_position().number(), first.number());
            return Err(JournalError::Gap { file: segment::shown(next.path()), want, found });
        }
        self.reader = Some(next);
        Ok(true)
    }

    /// Nothing more for now; an error where what stands here was written whole once.
    fn wait(&mut self, next: Next) -> Result<Option<Record<'_>>, JournalError> {
        let (Some(reader), Next::Flaw(flaw)) = (&self.reader, next) else { return Ok(None) };
        let place = reader.next_position();
        self.stuck = match self.stuck {
            (known, looks) if known == place => (known, looks + 1),
            _ => (place, 1),
        };
        let whole = self.more == Some(place);
        if self.stuck.1.is_multiple_of(LOOKS) && (whole || !reader.is_torn(flaw)?) {
            let (file, offset) = (segment::shown(reader.path()), reader.offset());
            return Err(JournalError::Corrupt { file, offset, flaw });
        }
        if place == reader.header.first {
            // Nothing in it counts yet: the next writer may give its name to another file.
            self.from = self.from.max(place);
            self.reader = None;
        }
        Ok(None)
    }
}
