//! The journal: everything that the engine cannot compute for itself, in the one order, on disk.
//!
//! ```text
//! append ─► buffer ─► commit thread: one write, one fdatasync for all that waits ─► wait() returns
//!              │        (evaluation goes on meanwhile)
//!              ▼
//! 00000000000000000001.journal   header, then records      │ a folder of segments, each named by
//! 00000000000000081234.journal   header, then records      │ the position of its first record
//!                                                          ▼
//! a start: the last segment's end is found, then replay from a position, in order
//! ```
//!
//! **Promises.** What [`Journal::wait`] has acknowledged is read back by every later start, whole,
//! in order and once, after a kill or a power loss. What was appended and not acknowledged may be
//! read back, up to some record, never in part. A file that holds anything else is not guessed
//! at: reading stops with the file and the offset.
//!
//! **Torn or corrupt?** Each record tells how many records of its commit come before it, and a
//! commit starts only after the one before it was synced. So a valid record behind an unreadable
//! place proves, if it belongs to a later commit, that the place had been written: corruption, and
//! an error. Without such a proof it is the end of a commit that a crash tore, whose records
//! nobody was told of. The bytes are left where they are: the next segment's header says where
//! this one ends. A clean stop writes a last record of its own commit, as a proof for all others.
//!
//! **A failed sync** may have lost what it was to write, while reads go on showing it, and a
//! second sync may succeed. So the log refuses everything after it until it is opened again, and
//! opening writes the last commit once more, in its place, before it syncs.
//!
//! **A full disk** refuses what comes after it; what had been taken in before waits for room and
//! is acknowledged then. Records that take no new work in (`append_reserved`) still go in while
//! only the reserve is left.
//!
//! What the records mean is the subject of [`entry`]; the log knows bytes, a kind and a position.

pub mod record;
mod segment;
pub mod replay;
pub mod follow;
pub mod log;
mod commit;
pub mod entry;
pub mod inspect;

use std::fmt;
use std::io;
use std::path::Path;

use crate::disk;

pub use self::commit::Journal;
pub use self::follow::Follow;
pub use self::log::Log;
pub use self::record::Record;
pub use self::replay::Replay;

/// The place of a record in the one order, from 1, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

/// Tells one journal from another: records of one are never taken for records of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId(u128);

/// How a journal is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Identity of a journal that has to be made; one that is there has its own.
    pub id: JournalId,
    /// Whose journal it is, at most 64 bytes; another tenant's is refused.
    pub tenant: String,
    /// A segment that is larger than this gets a successor.
    pub segment_bytes: u64,
    /// Bytes of the disk that only [`Journal::append_reserved`] may use.
    pub reserve_bytes: u64,
    /// Bytes that wait for a commit before appending has to wait, too.
    pub buffer_bytes_max: usize,
}

/// Bytes that belong to an unfinished commit at the end of a journal, and are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Name of the file.
    pub file: String,
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
}

/// What is wrong at a place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The length is impossible.
    #[error("a record says it has {0} bytes")]
    Length(u32),
    /// The bytes are not those that were written.
    #[error("the checksum of a record does not match")]
    Checksum,
    /// The file ends within a record.
    #[error("the file ends within a record")]
    Short,
    /// The record belongs elsewhere.
    #[error("record {found} stands where record {want} belongs")]
    Misplaced {
        /// Position that comes next.
        want: u64,
        /// Position that was found.
        found: u64,
    },
    /// The record's place in its commit does not follow the one before.
    #[error("a record's place in its commit does not follow the record before it")]
    Commit,
}

/// Why the journal did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A segment holds what was never written there.
    #[error(
        "{file} is corrupt at byte {offset}: {flaw}: nothing was changed; restore the file from \
         a copy, or move the journal away and start from a snapshot"
    )]
    Corrupt {
        /// Name of the segment.
        file: String,
        /// Where.
        offset: u64,
        /// What is wrong there.
        flaw: Flaw,
    },
    /// The header of a segment is not what was written.
    #[error("{file} has no valid header: {why}: restore the file from a copy")]
    Header {
        /// Name of the segment.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A segment is missing, or ends too early.
    #[error(
        "{file} begins with record {found}, and record {want} comes next: restore the file \
             before it from a copy"
    )]
    Gap {
        /// Name of the segment.
        file: String,
        /// Position that comes next.
        want: u64,
        /// Position that the segment begins with.
        found: u64,
    },
    /// A segment of another journal or tenant.
    #[error("{file} belongs to {found}, not to {want}: move it away")]
    Foreign {
        /// Name of the segment.
        file: String,
        /// Whose journal this is.
        want: String,
        /// Whose segment it is.
        found: String,
    },
    /// Written by a later version of the program.
    #[error("{file} has format {version}, and this program reads up to {known}: use a newer one")]
    Newer {
        /// Name of the segment.
        file: String,
        /// Its format.
        version: u32,
        /// The newest format that is known.
        known: u32,
    },
    /// The records before this are gone.
    #[error(
        "the journal begins with record {first}, and record {from} was asked for: use a \
             snapshot that is newer"
    )]
    Begins {
        /// First position that is there.
        first: u64,
        /// The one that was asked for.
        from: u64,
    },
    /// The journal ends before something that is known to have been in it.
    #[error(
        "the journal ends before record {next}, and record {from} was asked for: a part of it \
             is missing, restore it from a copy"
    )]
    Ends {
        /// The position after its last record.
        next: u64,
        /// The one that was asked for.
        from: u64,
    },
    /// There is no room.
    #[error("the disk is full: make room; records are taken again as soon as there is some")]
    Full,
    /// A record is larger than records may be.
    #[error("a record of {bytes} bytes is more than {max}: send fewer events at once")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest.
        max: usize,
    },
    /// Another process writes this journal.
    #[error("{folder} is in use by another process: stop it first")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// A tenant's name that does not fit.
    #[error("the tenant's name has {0} bytes: use at most 64")]
    Tenant(usize),
    /// An operation on the disk failed.
    #[error("cannot {doing} {file}: {error}")]
    Disk {
        /// What was to be done.
        doing: &'static str,
        /// With which file or folder.
        file: String,
        /// Why it failed.
        error: String,
    },
    /// The log cannot be trusted to write any more.
    #[error("the journal has stopped, because it could not {doing} {file}: {error}: start again")]
    Poisoned {
        /// What had failed.
        doing: &'static str,
        /// With which file or folder.
        file: String,
        /// Why it failed.
        error: String,
    },
    /// A batch that does not begin where the log ends.
    #[error(
        "a batch begins with record {found}, and record {want} comes next: append through one \
             journal only"
    )]
    Order {
        /// Position that comes next.
        want: u64,
        /// Position that the batch begins with.
        found: u64,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

impl Position {
    /// Before the first record.
    pub const ZERO: Self = Self(0);
    /// The first record.
    pub const FIRST: Self = Self(1);

    /// The position with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one before; none before the first record.
    pub const fn before(self) -> Option<Self> {
        if self.0 > Self::FIRST.0 { Some(Self(self.0 - 1)) } else { None }
    }

    /// The one that is so many records later.
    #[must_use]
    pub const fn plus(self, records: u64) -> Self {
        Self(self.0.saturating_add(records))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JournalId {
    /// The identity with this number.
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// One that no other journal has.
    pub fn random() -> Self {
        use std::hash::BuildHasher;
        // The keys of a `RandomState` come from the operating system.
        let half = || u128::from(std::collections::hash_map::RandomState::new().hash_one(0_u8));
        Self((half() << 64) | half())
    }

    /// Its number.
    pub const fn number(self) -> u128 {
        self.0
    }

    fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// What the checksums of its records start from.
    fn salt(self) -> u32 {
        crc32fast::hash(&self.bytes())
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalId({self})")
    }
}

impl Settings {
    /// Built-in values for a journal that has no tenant.
    pub fn new(id: JournalId) -> Self {
        Self {
            id,
            tenant: String::new(),
            segment_bytes: 64 << 20,
            reserve_bytes: 64 << 20,
            buffer_bytes_max: 16 << 20,
        }
    }
}

impl JournalError {
    /// What went wrong with a file that was read or opened.
    fn disk(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Disk { doing, file: path.display().to_string(), error: error.to_string() }
    }

    /// What went wrong with a file that is written: no room is no defect.
    fn writing(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        if disk::is_full(error) {
            return Self::Full;
        }
        Self::Poisoned { doing, file: path.display().to_string(), error: error.to_string() }
    }

    /// A sync that failed: whatever the reason, nothing is known of the file any more.
    fn syncing(path: &Path, error: &io::Error) -> Self {
        let file = path.display().to_string();
        Self::Poisoned { doing: "sync", file, error: error.to_string() }
    }
}
