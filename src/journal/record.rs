//! One record as bytes, and a batch of them for one commit.
//!
//! ```text
//! checksum 4 │ length 4 │ position 8 │ place in its commit 4 │ kind 1 │ payload
//!            └──────────────── what the checksum covers ──────────────────────┘
//! ```
//!
//! Numbers are little-endian. The checksum is a CRC-32 that starts from the journal's identity,
//! so bytes of another journal, left over on the disk, are no records.

use crate::journal::Flaw;
use crate::journal::JournalError;
use crate::journal::Position;

/// Bytes in front of a payload.
pub const FRAME_BYTES: usize = 21;

/// Bytes of the largest payload.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// The kind of the record that a clean stop writes; all others belong to [`crate::journal::entry`].
pub const CLOSED: u8 = 0;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the one order.
    pub position: Position,
    /// What the payload is.
    pub kind: u8,
    /// What was appended.
    pub payload: &'a [u8],
}

/// Records that are committed together.
#[derive(Debug, Clone)]
pub struct Batch {
    bytes: Vec<u8>,
    first: Position,
    count: u32,
    salt: u32,
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) position: Position,
    /// Records of the same commit before it.
    pub(super) place: u32,
    pub(super) kind: u8,
    /// Bytes of the payload.
    pub(super) length: usize,
}

/// What a place in a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A record, whole.
    Whole(Frame),
    /// The beginning of what may be a record; it takes so many bytes in all.
    Short(usize),
    /// No record.
    Broken(Flaw),
}

impl Batch {
    pub(super) fn new(first: Position, salt: u32) -> Self {
        Self { bytes: Vec::new(), first, count: 0, salt }
    }

    /// Appends a record; fails when the payload is larger than records may be.
    pub fn push(&mut self, kind: u8, payload: &[u8]) -> Result<Position, JournalError> {
        let too_large = JournalError::TooLarge { bytes: payload.len(), max: PAYLOAD_BYTES_MAX };
        let length =
            u32::try_from(payload.len()).ok().filter(|_| payload.len() <= PAYLOAD_BYTES_MAX);
        let length = length.ok_or(too_large)?;
        let position = self.next();
        let start = self.bytes.len();
        self.bytes.reserve(FRAME_BYTES + payload.len());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&position.number().to_le_bytes());
        self.bytes.extend_from_slice(&self.count.to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend_from_slice(payload);
        let checksum = checksum(self.salt, &self.bytes[start + 4..]);
        self.bytes[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
        self.count += 1;
        Ok(position)
    }

    /// The position of its first record.
    pub fn first(&self) -> Position {
        self.first
    }

    /// The position of the record that comes next.
    pub fn next(&self) -> Position {
        self.first.plus(u64::from(self.count))
    }

    /// Its records as bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Makes room for the next commit, which begins at this position.
    pub(super) fn restart(&mut self, first: Position) {
        self.bytes.clear();
        self.first = first;
        self.count = 0;
    }
}

impl Frame {
    /// Bytes of the frame and the payload.
    pub(super) fn bytes(&self) -> usize {
        FRAME_BYTES + self.length
    }
}

/// Looks for a record at the start of these bytes.
pub(super) fn parse(bytes: &[u8], salt: u32) -> Parsed {
    let Some((front, _)) = bytes.split_first_chunk::<FRAME_BYTES>() else {
        return Parsed::Short(FRAME_BYTES);
    };
    let [c0, c1, c2, c3, l0, l1, l2, l3, rest @ ..] = *front;
    let [p0, p1, p2, p3, p4, p5, p6, p7, n0, n1, n2, n3, kind] = rest;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let Some(size) = usize::try_from(length).ok().filter(|size| *size <= PAYLOAD_BYTES_MAX) else {
        return Parsed::Broken(Flaw::Length(length));
    };
    let Some(covered) = bytes.get(4..FRAME_BYTES + size) else {
        return Parsed::Short(FRAME_BYTES + size);
    };
    if checksum(salt, covered) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Parsed::Broken(Flaw::Checksum);
    }
    Parsed::Whole(Frame {
        position: Position::new(u64::from_le_bytes([p0, p1, p2, p3, p4, p5, p6, p7])),
        place: u32::from_le_bytes([n0, n1, n2, n3]),
        kind,
        length: size,
    })
}

/// Whether these bytes, which begin in the middle of nowhere, hold a record that could only have
/// been written after the record at `next` was durable.
///
/// Costs a comparison a byte, and a checksum where the position is one that may follow.
pub(super) fn prove(bytes: &[u8], salt: u32, next: Position) -> bool {
    let last = next.plus((bytes.len() / FRAME_BYTES) as u64);
    let mut rest = bytes;
    while rest.len() >= FRAME_BYTES {
        let position = rest.get(8..16).and_then(|bytes| bytes.try_into().ok());
        let position = Position::new(u64::from_le_bytes(position.unwrap_or_default()));
        if (next..=last).contains(&position)
            && let Parsed::Whole(frame) = parse(rest, salt)
            && frame.position > next.plus(u64::from(frame.place))
        {
            return true;
        }
        rest = rest.split_first().map_or(&[], |(_, rest)| rest);
    }
    false
}

fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Batch {
        let mut batch = Batch::new(Position::new(7), 3);
        batch.push(1, b"one").unwrap();
        batch.push(2, b"").unwrap();
        batch
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let batch = two();
        let Parsed::Whole(first) = parse(batch.bytes(), 3) else { panic!("no record") };
        let want = Frame { position: Position::new(7), place: 0, kind: 1, length: 3 };
        assert_eq!(first, want);
        let Parsed::Whole(second) = parse(&batch.bytes()[first.bytes()..], 3) else {
            panic!("no second record");
        };
        assert_eq!((second.position, second.place, second.kind), (Position::new(8), 1, 2));
        assert_eq!(batch.next(), Position::new(9));
    }

    #[test]
    fn no_changed_bit_is_taken_for_a_record() {
        let batch = two();
        let size = FRAME_BYTES + 3;
        for bit in 0..size * 8 {
            let mut bytes = batch.bytes()[..size].to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(&bytes, 3), Parsed::Whole(_)), "bit {bit}");
        }
        assert_eq!(parse(batch.bytes(), 4), Parsed::Broken(Flaw::Checksum), "another journal");
        assert_eq!(parse(&[0; 64], 3), Parsed::Broken(Flaw::Checksum), "zeros");
        assert_eq!(parse(&batch.bytes()[..size - 1], 3), Parsed::Short(size));
    }

    #[test]
    fn only_a_later_commit_proves_that_a_place_was_written() {
        let bytes = |first: u64| {
            let mut batch = Batch::new(Position::new(first), 3);
            batch.push(1, b"a").unwrap();
            batch.push(1, b"b").unwrap();
            let mut bytes = vec![0xff; 5];
            bytes.extend_from_slice(batch.bytes());
            bytes
        };
        assert!(!prove(&bytes(10), 3, Position::new(10)), "the torn commit itself");
        assert!(!prove(&bytes(9), 3, Position::new(10)), "the commit that began before");
        assert!(prove(&bytes(11), 3, Position::new(10)), "a later one");
        assert!(!prove(&bytes(11), 4, Position::new(10)), "of another journal");
    }
}
