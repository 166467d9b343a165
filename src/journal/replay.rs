//! Reads records back in order, from a position on.
//!
//! ```text
//! segments ─► the one that holds the position ─► records ─► … ─► the end, or a torn commit
//! ```
//!
//! A segment's end is known from the header of the one behind it, so nothing can be missing in
//! the middle. What a crash left half-written at the end is reported by [`Replay::torn`].

use std::path::Path;
use std::path::PathBuf;

use crate::disk::Disk;
use crate::journal::JournalError;
use crate::journal::Position;
use crate::journal::Record;
use crate::journal::Torn;
use crate::journal::segment;
use crate::journal::segment::Next;
use crate::journal::segment::Reader;

/// Records in order; not an iterator, because a record is lent until the next one is read.
pub struct Replay<'d> {
    disk: &'d dyn Disk,
    folder: PathBuf,
    /// Segments that were not opened yet, the next one last.
    ahead: Vec<Position>,
    reader: Option<Reader>,
    /// The segment behind `reader`, opened to learn where that one ends.
    upcoming: Option<Reader>,
    from: Position,
    torn: Option<Torn>,
    progress: Progress,
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes to be read in all, as far as was known at the beginning.
    pub bytes_total: u64,
}

impl<'d> Replay<'d> {
    /// Opens the journal in a folder for reading; the first record will be that at `from`.
    ///
    /// Fails with [`JournalError::Begins`] when older segments were given up.
    pub fn open(disk: &'d dyn Disk, folder: &Path, from: Position) -> Result<Self, JournalError> {
        let from = from.max(Position::FIRST);
        let mut ahead = segment::list(disk, folder)?;
        ahead.reverse();
        // The last segment that begins at or before the position is the first to be read.
        match ahead.iter().position(|first| *first <= from) {
            Some(place) => ahead.truncate(place + 1),
            None => {
                if let Some(first) = ahead.last() {
                    let (first, from) = (first.number(), from.number());
                    return Err(JournalError::Begins { first, from });
                }
            }
        }
        let mut bytes_total = 0;
        for first in &ahead {
            let path = folder.join(segment::name(*first));
            let size = disk.open(&path, crate::disk::Access::Read).and_then(|file| file.size());
            bytes_total += size.map_err(|e| JournalError::disk("read", &path, &e))?;
        }
        let mut replay = Self {
            disk,
            folder: folder.to_owned(),
            ahead,
            reader: None,
            upcoming: None,
            from,
            torn: None,
            progress: Progress { bytes_done: 0, bytes_total },
        };
        replay.reader = replay.next_reader()?;
        replay.look_ahead()?;
        Ok(replay)
    }

    fn next_reader(&mut self) -> Result<Option<Reader>, JournalError> {
        let Some(first) = self.ahead.pop() else { return Ok(None) };
        Reader::open(self.disk, &self.folder, first).map(Some)
    }

    /// Opens the segment behind the current one: it says where that one ends.
    fn look_ahead(&mut self) -> Result<(), JournalError> {
        let upcoming = self.next_reader()?;
        if let (Some(reader), Some(upcoming)) = (&mut self.reader, &upcoming) {
            upcoming.header.same_journal(&reader.header, upcoming.path())?;
            reader.set_end(upcoming.header.end_before);
        }
        self.upcoming = upcoming;
        Ok(())
    }

    /// The next record; none at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        let frame = loop {
            let Some(reader) = &mut self.reader else { return self.end(Position::FIRST) };
            match reader.next()? {
                Next::Record(frame) if frame.position < self.from => {}
                Next::Record(frame) => break frame,
                Next::End if self.upcoming.is_none() => {
                    self.progress.bytes_done = self.progress.bytes_total;
                    let next = reader.next_position();
                    return self.end(next);
                }
                Next::End => self.turn()?,
                Next::Flaw(flaw) => {
                    let (file, offset) = (segment::shown(reader.path()), reader.offset());
                    if self.upcoming.is_some() || !reader.is_torn(flaw)? {
                        return Err(JournalError::Corrupt { file, offset, flaw });
                    }
                    let bytes = reader.end().saturating_sub(offset);
                    self.torn = Some(Torn { file, offset, bytes });
                    let next = reader.next_position();
                    return self.end(next);
                }
            }
        };
        let Some(reader) = &self.reader else { return Ok(None) };
        Ok(Some(Record {
            position: frame.position,
            kind: frame.kind,
            payload: reader.payload(&frame),
        }))
    }

    fn end(&self, next: Position) -> Result<Option<Record<'_>>, JournalError> {
        if self.from > next {
            let (next, from) = (next.number(), self.from.number());
            return Err(JournalError::Ends { next, from });
        }
        Ok(None)
    }

    /// Goes on to the next segment.
    fn turn(&mut self) -> Result<(), JournalError> {
        if let (Some(reader), Some(upcoming)) = (&self.reader, &self.upcoming) {
            self.progress.bytes_done += reader.end();
            if upcoming.header.first != reader.next_position() {
                return Err(JournalError::Gap {
                    file: segment::shown(upcoming.path()),
                    want: reader.next_position().number(),
                    found: upcoming.header.first.number(),
                });
            }
        }
        self.reader = self.upcoming.take();
        self.look_ahead()
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let here = self.reader.as_ref().map_or(0, Reader::offset);
        let total = self.progress.bytes_total;
        Progress { bytes_done: (self.progress.bytes_done + here).min(total), bytes_total: total }
    }

    /// The position behind the last record that was read.
    pub fn next_position(&self) -> Position {
        self.reader.as_ref().map_or(Position::FIRST, Reader::next_position)
    }

    /// What was left unread at the end, once the end is reached.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// First position of the segment that is read, and the offset of what comes next in it.
    pub(super) fn place(&self) -> Option<(Position, u64)> {
        self.reader.as_ref().map(|reader| (reader.header.first, reader.offset()))
    }

    /// Whose journal it is; none when it is empty.
    pub(super) fn owner(&self) -> Option<String> {
        self.reader.as_ref().map(|reader| reader.header.owner())
    }
}
