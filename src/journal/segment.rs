//! One segment: its name, its header, and its records in order.
//!
//! ```text
//! magic 8 │ format 4 │ journal 16 │ first position 8 │ end of the segment before 8 │
//! tenant, its length first 65 │ zeros │ checksum 4                                    128 bytes
//! ```
//!
//! A segment gets its name only when its header is durable, so a bad header is never an
//! accident of a crash.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::disk;
use crate::disk::Access;
use crate::disk::Disk;
use crate::disk::File;
use crate::journal::Flaw;
use crate::journal::JournalError;
use crate::journal::JournalId;
use crate::journal::Position;
use crate::journal::record;
use crate::journal::record::Frame;
use crate::journal::record::Parsed;

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 128;

/// The newest format.
pub(super) const FORMAT: u32 = 1;

/// Bytes of the longest tenant's name.
pub(super) const TENANT_BYTES_MAX: usize = 64;

/// Ending of a segment's name.
const SUFFIX: &str = ".journal";

/// Ending of the name of a segment that is being made.
pub(super) const UNFINISHED: &str = "journal.new";

const MAGIC: &[u8; 8] = b"SIAGAJRN";

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: JournalId,
    pub(super) tenant: String,
    pub(super) first: Position,
    /// Bytes of the segment before it that count; 0 for the first segment ever.
    pub(super) end_before: u64,
}

/// Reads the records of one segment.
pub(super) struct Reader {
    file: Box<dyn File>,
    path: PathBuf,
    pub(super) header: Header,
    salt: u32,
    buffer: Vec<u8>,
    /// Where the bytes that were not taken yet begin in the buffer.
    start: usize,
    /// Their offset in the file.
    offset: u64,
    /// Bytes of the file that count.
    end: u64,
    next: Position,
    /// Records of the current commit so far.
    place: u32,
    /// Where the commit of the record before began.
    commit_start: u64,
}

/// What comes next in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A record; [`Reader::payload`] has its bytes until the next call.
    Record(Frame),
    /// The end.
    End,
    /// Not what was written; the reader stays there.
    Flaw(Flaw),
}

/// The name of the segment that begins with this position.
pub(super) fn name(first: Position) -> String {
    format!("{:020}{SUFFIX}", first.number())
}

/// The first positions of the segments in a folder, in order.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<Position>, JournalError> {
    let names = disk.list(folder).map_err(|e| JournalError::disk("list", folder, &e))?;
    let mut found: Vec<Position> = names.iter().filter_map(|name| position(name)).collect();
    found.sort_unstable();
    Ok(found)
}

fn position(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(Position::new))?
}

/// The last part of a path, for messages.
pub(super) fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.id.bytes());
        bytes.extend_from_slice(&self.first.number().to_le_bytes());
        bytes.extend_from_slice(&self.end_before.to_le_bytes());
        bytes.push(u8::try_from(self.tenant.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(self.tenant.as_bytes());
        bytes.resize(HEADER_BYTES - 4, 0);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&bytes);
        header
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Self, JournalError> {
        let bad = |why| JournalError::Header { file: shown(path), why };
        let (magic, rest) = bytes.split_first_chunk().ok_or_else(|| bad("it is too short"))?;
        if magic != MAGIC {
            return Err(bad("it is no journal"));
        }
        let (format, rest) = number::<4>(rest).ok_or_else(|| bad("it is too short"))?;
        let format = u32::from_le_bytes(format);
        if format > FORMAT {
            return Err(JournalError::Newer { file: shown(path), version: format, known: FORMAT });
        }
        let covered = bytes.get(..HEADER_BYTES - 4).ok_or_else(|| bad("it is too short"))?;
        let checksum = bytes.get(HEADER_BYTES - 4..HEADER_BYTES).unwrap_or_default();
        if crc32fast::hash(covered).to_le_bytes() != checksum {
            return Err(bad("its checksum does not match"));
        }
        let fields = || {
            let (id, rest) = number::<16>(rest)?;
            let (first, rest) = number::<8>(rest)?;
            let (end_before, rest) = number::<8>(rest)?;
            let (length, rest) = rest.split_first()?;
            let tenant = rest.get(..usize::from(*length))?;
            Some(Self {
                id: JournalId::new(u128::from_le_bytes(id)),
                tenant: str::from_utf8(tenant).ok()?.to_owned(),
                first: Position::new(u64::from_le_bytes(first)),
                end_before: u64::from_le_bytes(end_before),
            })
        };
        let header = fields().ok_or_else(|| bad("it cannot be read"))?;
        let named = shown(path);
        if named != name(header.first) {
            return Err(bad("it belongs to a file of another name"));
        }
        Ok(header)
    }

    /// Fails unless both are of one journal.
    pub(super) fn same_journal(&self, other: &Self, path: &Path) -> Result<(), JournalError> {
        if (self.id, &self.tenant) == (other.id, &other.tenant) {
            return Ok(());
        }
        Err(JournalError::Foreign { file: shown(path), want: other.owner(), found: self.owner() })
    }

    pub(super) fn owner(&self) -> String {
        format!("journal {} of tenant `{}`", self.id, self.tenant)
    }
}

fn number<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk::<N>().map(|(taken, rest)| (*taken, rest))
}

impl Reader {
    /// Opens a segment and reads its header.
    pub(super) fn open(
        disk: &dyn Disk,
        folder: &Path,
        first: Position,
    ) -> Result<Self, JournalError> {
        let path = folder.join(name(first));
        let failed = |doing, error: io::Error| JournalError::disk(doing, &path, &error);
        let file = disk.open(&path, Access::Read).map_err(|e| failed("open", e))?;
        let end = file.size().map_err(|e| failed("read", e))?;
        let mut bytes = [0; HEADER_BYTES];
        let read = disk::read_full_at(&*file, &mut bytes, 0).map_err(|e| failed("read", e))?;
        let header = Header::decode(bytes.get(..read).unwrap_or_default(), &path)?;
        let offset = HEADER_BYTES as u64;
        Ok(Self {
            file,
            salt: header.id.salt(),
            next: header.first,
            header,
            path,
            buffer: Vec::new(),
            start: 0,
            offset,
            end,
            place: 0,
            commit_start: offset,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the file that count.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The position that comes next.
    pub(super) fn next_position(&self) -> Position {
        self.next
    }

    /// Where the commit of the record before began.
    pub(super) fn commit_start(&self) -> u64 {
        self.commit_start
    }

    /// Only so many bytes count: the segment behind it says so.
    pub(super) fn set_end(&mut self, end: u64) {
        self.end = end;
    }

    /// Forgets what was read and not taken, and asks how large the file is by now: somebody else
    /// writes it.
    pub(super) fn look_again(&mut self) -> Result<(), JournalError> {
        self.buffer.clear();
        self.start = 0;
        let failed = |error: io::Error| JournalError::disk("read", &self.path, &error);
        self.end = self.end.max(self.file.size().map_err(failed)?);
        Ok(())
    }

    /// The record that comes next.
    pub(super) fn next(&mut self) -> Result<Next, JournalError> {
        let mut want = record::FRAME_BYTES;
        loop {
            self.fill(want)?;
            let bytes = self.buffer.get(self.start..).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(if self.offset < self.end {
                    Next::Flaw(Flaw::Short)
                } else {
                    Next::End
                });
            }
            match record::parse(bytes, self.salt) {
                Parsed::Whole(frame) => return Ok(self.check(frame)),
                Parsed::Broken(flaw) => return Ok(Next::Flaw(flaw)),
                Parsed::Short(bytes) if self.offset + bytes as u64 > self.end => {
                    return Ok(Next::Flaw(Flaw::Short));
                }
                // The file is shorter than its size or than the segment behind it says.
                Parsed::Short(_) if want > record::FRAME_BYTES => {
                    return Ok(Next::Flaw(Flaw::Short));
                }
                Parsed::Short(bytes) => want = bytes.max(record::FRAME_BYTES + 1),
            }
        }
    }

    fn check(&mut self, frame: Frame) -> Next {
        if frame.position != self.next {
            let (want, found) = (self.next.number(), frame.position.number());
            return Next::Flaw(Flaw::Misplaced { want, found });
        }
        if frame.place != 0 && frame.place != self.place {
            return Next::Flaw(Flaw::Commit);
        }
        if frame.place == 0 {
            self.commit_start = self.offset;
        }
        self.place = frame.place + 1;
        self.next = self.next.plus(1);
        self.start += frame.bytes();
        self.offset += frame.bytes() as u64;
        Next::Record(frame)
    }

    /// The payload of the record that [`Reader::next`] has just found.
    pub(super) fn payload(&self, frame: &Frame) -> &[u8] {
        self.buffer.get(self.start - frame.length..self.start).unwrap_or_default()
    }

    /// Has so many bytes in the buffer, or all that the file still has.
    fn fill(&mut self, want: usize) -> Result<(), JournalError> {
        let have = self.buffer.len() - self.start;
        let at = self.offset + have as u64;
        if have >= want || at >= self.end {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let more = (want - have).max(CHUNK).min(left);
        self.buffer.resize(have + more, 0);
        let room = self.buffer.get_mut(have..).unwrap_or_default();
        let read = disk::read_full_at(&*self.file, room, at)
            .map_err(|e| JournalError::disk("read", &self.path, &e))?;
        self.buffer.truncate(have + read);
        Ok(())
    }

    /// Whether what stands here in the last segment is the end of a commit that a crash tore, and
    /// not damage to records that were durable.
    pub(super) fn is_torn(&self, flaw: Flaw) -> Result<bool, JournalError> {
        match flaw {
            // A whole record in a wrong place was not put there by a crash.
            Flaw::Misplaced { .. } | Flaw::Commit => return Ok(false),
            Flaw::Length(_) | Flaw::Checksum | Flaw::Short => {}
        }
        let length = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let mut rest = vec![0; length];
        let read = disk::read_full_at(&*self.file, &mut rest, self.offset)
            .map_err(|e| JournalError::disk("read", &self.path, &e))?;
        rest.truncate(read);
        Ok(!record::prove(&rest, self.salt, self.next))
    }
}
