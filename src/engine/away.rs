//! Customers on disk that nothing has happened to for a while, so that memory stays within a bound.
//!
//! ```text
//! shard ─► the longest without an event ─► segment, at its end ─► a place in memory, 32 bytes
//!   ▲                                                                   │
//!   └── exactly as it was ◄── an event, a timer, other rules ◄──────────┤
//!                             a look of the API reads a copy ◄──────────┤
//!                             a snapshot takes the bytes as they are ◄──┘
//! ```
//!
//! What lies here is scratch: the journal and the snapshots have everything, and a start begins with
//! an empty folder. So nothing is synced, and what cannot be read back ends the process instead of
//! guessing; the next one recovers.

mod record;
mod segments;

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use dashmap::DashMap;
use rapidhash::fast::RandomState;

use crate::disk;
use crate::disk::Disk;
use crate::disk::Lock;
use crate::engine::away::segments::Segments;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::journal::entry::EntryError;
use crate::time::Timestamp;

pub(crate) use self::record::Batch;
pub(crate) use self::record::Stored;

/// What the names of the files end with.
const SUFFIX: &str = ".away";

/// Tables of places. One of them grows at a time, so that no event waits for a large one.
const TABLES: usize = 64;

/// Processes that may share a folder of data: one that runs, and some that stand by.
const FOLDERS_MAX: u32 = 8;

/// How often a record is read before it counts as lost.
const TRIES: usize = 3;

/// Bytes of a file, unless a test wants it smaller.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Bytes that stay free on the disk: the journal needs them more.
pub const FREE_BYTES_MIN: u64 = 512 << 20;

/// How much memory customers may take, and where those go that have no room.
#[derive(Clone)]
pub struct Room {
    /// Bytes for customers with their histories, all shards together.
    pub bytes_max: u64,
    /// The disk of the folder.
    pub disk: Arc<dyn Disk>,
    /// A folder of its own: what was in it goes.
    pub folder: PathBuf,
    /// Bytes of a file.
    pub segment_bytes: u64,
    /// Bytes that stay free on the disk.
    pub free_bytes_min: u64,
    /// Held as long as the folder is used.
    held: Option<Arc<dyn Lock>>,
}

/// Where a customer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of the file.
    pub(crate) segment: u32,
    /// Of the record's first byte.
    pub(crate) offset: u32,
    /// Bytes of the record.
    pub(crate) length: u32,
    /// Which of its shard's sets of rules it is laid out by.
    pub(crate) laid_out: u8,
    /// The deadline for which its timer is set.
    pub(crate) timer: Timestamp,
}

/// The customers of one shard that are on disk. One thread moves them, any may look at them.
pub struct Away {
    places: DashMap<Symbol, Place, RandomState>,
    segments: Segments,
    symbols: Symbols,
    /// What one shard's customers may take.
    bytes_max: u64,
    /// Goes up between the two halves of a move, so that a look that misses both looks again.
    moves: AtomicU64,
    bytes: AtomicU64,
    out: AtomicU64,
    back: AtomicU64,
    failures: AtomicU64,
    failure: OnceLock<String>,
    _held: Option<Arc<dyn Lock>>,
}

/// How much is where, of one shard or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// About so many bytes of memory are taken by customers.
    pub bytes: u64,
    /// So many they may take.
    pub bytes_max: u64,
    /// Customers on disk.
    pub moved: u64,
    /// Bytes on disk, those of customers that came back among them.
    pub disk_bytes: u64,
    /// Moves to disk so far.
    pub out: u64,
    /// Moves back so far.
    pub back: u64,
    /// Times that the disk took none.
    pub failures: u64,
}

/// Why a customer is not to be had from the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwayError {
    /// The file is gone: the customer was moved meanwhile.
    #[error("the customer was moved meanwhile")]
    Gone,
    /// The disk failed.
    #[error("{file}: {error}")]
    Disk {
        /// Which file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// What is there is not what was written.
    #[error("{file} is corrupt at byte {offset}")]
    Corrupt {
        /// Which file.
        file: String,
        /// Where the record begins.
        offset: u32,
    },
    /// Its checksum is right, and still it cannot be understood.
    #[error("a customer cannot be understood: {0}")]
    Entry(#[from] EntryError),
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({} bytes, {})", self.bytes_max, self.folder.display())
    }
}

impl Room {
    /// So many bytes for customers; the others lie in this folder.
    pub fn new(bytes_max: u64, disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        let (segment_bytes, free_bytes_min) = (SEGMENT_BYTES, FREE_BYTES_MIN);
        Self { bytes_max, disk, folder, segment_bytes, free_bytes_min, held: None }
    }

    /// So many bytes for customers; the others lie in a folder below this one that no other process
    /// uses. Where 0 bytes stand for no bound there is none. What processes left that have ended
    /// goes: the journal and the snapshots have it.
    pub fn take(bytes_max: u64, disk: &Arc<dyn Disk>, below: &Path) -> io::Result<Option<Self>> {
        let mut taken = None;
        for number in 1..=FOLDERS_MAX {
            let folder = below.join(number.to_string());
            let wanted = bytes_max > 0 && taken.is_none();
            if !wanted && !disk.exists(&folder)? {
                continue;
            }
            disk::make_folders(&**disk, &folder)?;
            let held = match disk.lock(&folder.join("lock")) {
                Ok(held) => held,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            clear(&**disk, &folder)?;
            if wanted {
                let room = Self::new(bytes_max, Arc::clone(disk), folder);
                taken = Some(Self { held: Some(Arc::from(held)), ..room });
            }
        }
        if bytes_max > 0 && taken.is_none() {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        Ok(taken)
    }
}

/// Removes what an earlier process left in the folder.
fn clear(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for name in disk.list(folder)?.iter().filter(|name| name.ends_with(SUFFIX)) {
        disk.remove(&folder.join(name))?;
    }
    Ok(())
}

impl Away {
    /// Nobody yet; the folder has to be there, and empty. `share` is the number of the shard, and
    /// how many there are.
    pub(crate) fn new(room: &Room, share: (usize, usize), symbols: Symbols) -> Self {
        Self {
            places: DashMap::with_hasher_and_shard_amount(RandomState::new(), TABLES),
            segments: Segments::new(room, share.0),
            symbols,
            bytes_max: room.bytes_max / share.1.max(1) as u64,
            moves: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            out: AtomicU64::new(0),
            back: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            failure: OnceLock::new(),
            _held: room.held.clone(),
        }
    }

    /// Makes the folder, and removes what an earlier process left there.
    pub(crate) fn begin(room: &Room) -> io::Result<()> {
        disk::make_folders(&*room.disk, &room.folder)?;
        clear(&*room.disk, &room.folder)
    }

    /// What one shard's customers may take.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Customers on disk.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where a customer lies, if it is on disk.
    pub(crate) fn place(&self, name: Symbol) -> Option<Place> {
        self.places.get(&name).map(|place| *place)
    }

    /// The names of those on disk.
    pub(crate) fn names(&self) -> Vec<Symbol> {
        self.places.iter().map(|place| *place.key()).collect()
    }

    /// How many halves of moves there were: a look between whose beginning and end it stays the
    /// same has missed nobody.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Acquire)
    }

    /// Writes a batch behind the others. They count as being here from then on: their owner
    /// forgets them afterwards. Nothing has happened where it fails.
    pub(crate) fn put(&self, batch: &mut Batch) -> io::Result<()> {
        for (name, place) in self.segments.append(batch)? {
            self.places.insert(name, place);
        }
        self.out.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.moves.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Notes that the disk took nobody.
    pub(crate) fn refused(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The bytes of a customer, and what they say.
    pub(crate) fn read<T>(
        &self,
        (name, place): (Symbol, Place),
        read: impl Fn(Stored<'_>) -> Result<T, EntryError>,
    ) -> Result<T, AwayError> {
        let bytes = self.bytes_of(name, place)?;
        Ok(read(Stored::parse(&bytes, &self.symbols)?)?)
    }

    fn bytes_of(&self, name: Symbol, place: Place) -> Result<Vec<u8>, AwayError> {
        let mut tries = 1;
        loop {
            match self.segments.read(name, place) {
                Ok(bytes) => return Ok(bytes),
                Err(AwayError::Gone) => return Err(AwayError::Gone),
                // A disk may fail once and work again.
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// A customer is back with its owner, who has it already.
    pub(crate) fn forget(&self, name: Symbol) {
        self.moves.fetch_add(1, Ordering::Release);
        if let Some((_, place)) = self.places.remove(&name) {
            self.segments.leave(place);
            self.back.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives a little of the disk back: where files hold mostly customers that came back, what is
    /// left of one is written anew.
    pub(crate) fn tidy(&self, batch: &mut Batch) -> io::Result<()> {
        let found = self.segments.sparse(batch, |name, segment, offset| {
            let place = self.place(name);
            place.filter(|place| (place.segment, place.offset) == (segment, offset))
        })?;
        if batch.is_empty() {
            return Ok(());
        }
        for ((name, place), old) in self.segments.append(batch)?.into_iter().zip(found) {
            self.places.insert(name, place);
            self.moves.fetch_add(1, Ordering::Release);
            self.segments.leave(old);
        }
        Ok(())
    }

    /// Notes what customers in memory take.
    pub(crate) fn note(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Notes that a customer is lost to this process.
    #[cold]
    pub(crate) fn fail(&self, error: &AwayError) {
        let reason = format!(
            "a customer that was moved to disk cannot be read back ({error}): start again, journal \
             and snapshots have everything"
        );
        tracing::error!("{reason}");
        let _ = self.failure.set(reason);
    }

    /// Why the shard has stopped, once it has.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// How much is where.
    pub fn figures(&self) -> Figures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            bytes: of(&self.bytes),
            bytes_max: self.bytes_max,
            moved: self.places.len() as u64,
            disk_bytes: self.segments.bytes(),
            out: of(&self.out),
            back: of(&self.back),
            failures: of(&self.failures),
        }
    }
}

impl Figures {
    /// Of two shards together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            bytes_max: self.bytes_max + other.bytes_max,
            moved: self.moved + other.moved,
            disk_bytes: self.disk_bytes + other.disk_bytes,
            out: self.out + other.out,
            back: self.back + other.back,
            failures: self.failures + other.failures,
        }
    }
}
