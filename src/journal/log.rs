//! The writing end: finds the end of what is there, and commits batches behind it.
//!
//! ```text
//! open    lock ─► last segment: valid end ─► write the last commit again, sync, sync the folder
//! commit  write ─► sync                                    one at a time; the caller waits
//! roll    make `….new` with its header ─► sync ─► rename ─► sync the folder
//! retain  remove the oldest ─► sync the folder ─► the next oldest …
//! ```
//!
//! There is no thread in here, so that a simulation can step it; [`crate::journal::Journal`] has
//! the thread.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk;
use crate::disk::Access;
use crate::disk::Disk;
use crate::disk::File;
use crate::disk::Lock;
use crate::journal::Flaw;
use crate::journal::JournalError;
use crate::journal::JournalId;
use crate::journal::Position;
use crate::journal::Settings;
use crate::journal::Torn;
use crate::journal::record::Batch;
use crate::journal::segment;
use crate::journal::segment::HEADER_BYTES;
use crate::journal::segment::Header;
use crate::journal::segment::Next;
use crate::journal::segment::Reader;
use crate::journal::segment::TENANT_BYTES_MAX;

/// Bytes that are written again at once when a log is opened.
const REWRITE: usize = 1 << 20;

/// A journal that can be written.
pub struct Log {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    settings: Settings,
    /// First positions of all segments.
    segments: VecDeque<Position>,
    active: Active,
    /// The position that comes next.
    next: Position,
    /// Why nothing can be written any more.
    poisoned: Option<JournalError>,
    _lock: Box<dyn Lock>,
}

/// The segment that is written.
struct Active {
    file: Box<dyn File>,
    path: PathBuf,
    header: Header,
    /// Bytes that count.
    end: u64,
    /// Torn bytes lie behind the end: the next commit begins a new segment.
    torn: bool,
}

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// The unfinished commit at its end, if a crash left one.
    pub torn: Option<Torn>,
}

impl Log {
    /// Opens the journal in a folder, or makes one.
    ///
    /// Everything that it will read back is durable when this returns. Reads the last segment
    /// only; damage in older ones shows when they are replayed.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        settings: Settings,
    ) -> Result<(Self, Opened), JournalError> {
        if settings.tenant.len() > TENANT_BYTES_MAX {
            return Err(JournalError::Tenant(settings.tenant.len()));
        }
        let failed = |doing, error: io::Error| JournalError::disk(doing, folder, &error);
        disk::make_folders(&*disk, folder).map_err(|e| failed("make the folder", e))?;
        let lock = disk.lock(&folder.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                JournalError::InUse { folder: folder.display().to_string() }
            }
            _ => failed("lock", error),
        })?;
        let segments = VecDeque::from(segment::list(&*disk, folder)?);
        let (active, next, torn) = match segments.back() {
            Some(last) => take_up(&*disk, folder, *last, &settings)?,
            None => {
                let header = Header {
                    id: settings.id,
                    tenant: settings.tenant.clone(),
                    first: Position::FIRST,
                    end_before: 0,
                };
                (make_segment(&*disk, folder, header)?, Position::FIRST, None)
            }
        };
        // A name that the last process gave may not be durable yet.
        disk.sync_folder(folder).map_err(|e| failed("sync", e))?;
        let segments =
            if segments.is_empty() { VecDeque::from([Position::FIRST]) } else { segments };
        let folder = folder.to_owned();
        let log =
            Self { disk, folder, settings, segments, active, next, poisoned: None, _lock: lock };
        Ok((log, Opened { torn }))
    }

    /// An empty batch that begins where the log ends.
    pub fn batch(&self) -> Batch {
        Batch::new(self.next, self.active.header.id.salt())
    }

    /// The position that comes next.
    pub fn next(&self) -> Position {
        self.next
    }

    /// The first position that can be replayed.
    pub fn first(&self) -> Position {
        self.segments.front().copied().unwrap_or(Position::FIRST)
    }

    /// Which journal it is.
    pub fn id(&self) -> JournalId {
        self.active.header.id
    }

    /// The first position that can be replayed from the journal in a folder.
    pub fn first_in(disk: &dyn Disk, folder: &Path) -> Result<Position, JournalError> {
        Ok(segment::list(disk, folder)?.first().copied().unwrap_or(Position::FIRST))
    }

    /// How it is kept.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Bytes of the disk that are free.
    pub fn free_bytes(&self) -> Result<u64, JournalError> {
        let free = self.disk.free_bytes(&self.folder);
        free.map_err(|e| JournalError::disk("ask for the free space of", &self.folder, &e))
    }

    /// Writes a batch and makes it durable.
    ///
    /// After [`JournalError::Full`] nothing of it counts: commit the same batch again, when there
    /// is room. Every other error is final for this log.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), JournalError> {
        if let Some(poisoned) = &self.poisoned {
            return Err(poisoned.clone());
        }
        if batch.is_empty() {
            return Ok(());
        }
        if batch.first() != self.next {
            let (want, found) = (self.next.number(), batch.first().number());
            return Err(JournalError::Order { want, found });
        }
        let result = self.write(batch);
        match &result {
            Ok(()) => self.next = batch.next(),
            Err(JournalError::Full) => {}
            Err(error) => self.poisoned = Some(error.clone()),
        }
        result
    }

    fn write(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let bytes = batch.bytes().len() as u64;
        let has_records = self.active.end > HEADER_BYTES as u64;
        let too_long = self.active.end + bytes > self.settings.segment_bytes;
        if self.active.torn || (has_records && too_long) {
            self.roll()?;
        }
        let Active { file, path, end, .. } = &mut self.active;
        disk::write_all_at(&**file, batch.bytes(), *end)
            .map_err(|e| JournalError::writing("write", path, &e))?;
        file.sync_data().map_err(|e| JournalError::syncing(path, &e))?;
        *end += bytes;
        Ok(())
    }

    /// Begins the next segment.
    fn roll(&mut self) -> Result<(), JournalError> {
        let active = &self.active;
        let Header { id, tenant, .. } = active.header.clone();
        let mut end_before = active.end;
        if active.header.first == self.next {
            // It holds nothing but torn bytes, and its successor would have its name.
            set_aside(&*self.disk, &self.folder, &active.path)?;
            self.segments.retain(|first| *first != self.next);
            end_before = active.header.end_before;
        }
        let header = Header { id, tenant, first: self.next, end_before };
        self.active = make_segment(&*self.disk, &self.folder, header)?;
        self.segments.push_back(self.next);
        Ok(())
    }

    /// Begins another segment, if this one holds anything, so that what was written by now can go
    /// without what comes; the position that it begins with.
    pub fn turn(&mut self) -> Result<Position, JournalError> {
        if let Some(poisoned) = &self.poisoned {
            return Err(poisoned.clone());
        }
        if self.active.torn || self.active.end > HEADER_BYTES as u64 {
            match self.roll() {
                Err(JournalError::Full) => return Err(JournalError::Full),
                Err(error) => {
                    self.poisoned = Some(error.clone());
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
        Ok(self.next)
    }

    /// Gives up records before a position, by whole segments; how many segments went.
    ///
    /// Oldest first and each for good before the next, so that a crash leaves no gap.
    pub fn retain(&mut self, from: Position) -> Result<usize, JournalError> {
        let mut gone = 0;
        while let (Some(oldest), Some(second)) = (self.segments.front(), self.segments.get(1))
            && *second <= from
        {
            let path = self.folder.join(segment::name(*oldest));
            let failed = |doing, error: io::Error| JournalError::disk(doing, &path, &error);
            self.disk.remove(&path).map_err(|e| failed("remove", e))?;
            self.disk.sync_folder(&self.folder).map_err(|e| failed("sync the folder of", e))?;
            self.segments.pop_front();
            gone += 1;
        }
        Ok(gone)
    }
}

/// Finds the end of the last segment, and makes sure of what stands before it.
fn take_up(
    disk: &dyn Disk,
    folder: &Path,
    last: Position,
    settings: &Settings,
) -> Result<(Active, Position, Option<Torn>), JournalError> {
    let mut reader = Reader::open(disk, folder, last)?;
    if reader.header.tenant != settings.tenant {
        return Err(JournalError::Foreign {
            file: segment::shown(reader.path()),
            want: format!("tenant `{}`", settings.tenant),
            found: reader.header.owner(),
        });
    }
    let flaw: Option<Flaw> = loop {
        match reader.next()? {
            Next::Record(_) => {}
            Next::End => break None,
            Next::Flaw(flaw) => break Some(flaw),
        }
    };
    let (path, end) = (reader.path().to_owned(), reader.offset());
    let torn = match flaw {
        None => None,
        Some(flaw) => {
            let file = segment::shown(&path);
            if !reader.is_torn(flaw)? {
                return Err(JournalError::Corrupt { file, offset: end, flaw });
            }
            Some(Torn { file, offset: end, bytes: reader.end().saturating_sub(end) })
        }
    };
    let failed = |doing, error: io::Error| JournalError::disk(doing, &path, &error);
    let file = disk.open(&path, Access::Write).map_err(|e| failed("open", e))?;
    write_again(&*file, reader.commit_start()..end).map_err(|e| failed("write", e))?;
    file.sync_data().map_err(|e| failed("sync", e))?;
    let (header, next) = (reader.header.clone(), reader.next_position());
    let active = Active { file, path, header, end, torn: torn.is_some() };
    Ok((active, next, torn))
}

/// Writes bytes in their own place: what is shown after a sync that failed may never have reached
/// the disk, and only what is written again will be synced again. All before the last commit was
/// durable when that one was begun.
fn write_again(file: &dyn File, range: std::ops::Range<u64>) -> io::Result<()> {
    let mut at = range.start;
    let mut buffer = vec![0; REWRITE];
    while at < range.end {
        let left = usize::try_from(range.end - at).unwrap_or(REWRITE).min(REWRITE);
        let part = buffer.get_mut(..left).unwrap_or_default();
        if disk::read_full_at(file, part, at)? < left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        disk::write_all_at(file, part, at)?;
        at += left as u64;
    }
    Ok(())
}

/// Makes a segment that has its header and its name for good.
fn make_segment(disk: &dyn Disk, folder: &Path, header: Header) -> Result<Active, JournalError> {
    let path = folder.join(segment::name(header.first));
    let unfinished = path.with_extension(segment::UNFINISHED);
    let failed = |doing| move |error: io::Error| (doing, error);
    let made = || {
        if disk.exists(&unfinished).map_err(failed("look for"))? {
            // Left by a crash; it never held a record.
            disk.remove(&unfinished).map_err(failed("remove"))?;
        }
        let file = disk.create(&unfinished).map_err(failed("make"))?;
        disk::write_all_at(&*file, &header.encode(), 0).map_err(failed("write"))?;
        file.sync_data().map_err(failed("sync"))?;
        disk.rename(&unfinished, &path).map_err(failed("name"))?;
        disk.sync_folder(folder).map_err(failed("sync the folder of"))?;
        Ok(file)
    };
    let file = made().map_err(|(doing, e)| JournalError::writing(doing, &path, &e))?;
    Ok(Active { file, path, header, end: HEADER_BYTES as u64, torn: false })
}

/// Gives a file that holds no record that counts another name, so that its bytes stay. A second
/// try, after the disk was full, finds it done.
fn set_aside(disk: &dyn Disk, folder: &Path, path: &Path) -> Result<(), JournalError> {
    let failed = |doing, error: io::Error| JournalError::writing(doing, path, &error);
    if !disk.exists(path).map_err(|e| failed("look for", e))? {
        return Ok(());
    }
    let mut number = 1_u32;
    let aside = loop {
        let name = path.with_extension(format!("torn-{number}"));
        if !disk.exists(&name).map_err(|e| failed("look for", e))? {
            break name;
        }
        number += 1;
    };
    disk.rename(path, &aside).map_err(|e| failed("rename", e))?;
    disk.sync_folder(folder).map_err(|e| failed("sync the folder of", e))
}
