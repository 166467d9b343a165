//! The parts of a snapshot's file.
//!
//! ```text
//! magic 8 │ format 4 │ block │ block │ … │ end
//! block   checksum 4 │ length 4 │ kind 1 │ payload      the checksum covers number and rest
//! ```
//!
//! Numbers are little-endian. The checksum is a CRC-32 that starts from the number of the block, so
//! that none can be left out or take another's place, and since format 3 from the format as well.

/// The newest format. Since 2 the head says how far logs were read; since 3 what was learned is in
/// the file, and what detectors made of the forgotten part of a history; since 4 the territories of
/// events are in their histories, and when they were whose in the reps; since 5 what rules may go
/// through is there.
pub const FORMAT: u32 = 5;

/// From this format on a snapshot needs no journal before its cut, whatever is learned.
pub const STANDS_ALONE: u32 = 3;

/// What a file begins with.
pub const MAGIC: &[u8; 8] = b"SIAGASNP";

/// Bytes before the first block.
pub const HEADER_BYTES: usize = 12;

/// Bytes in front of a payload.
pub const FRAME_BYTES: usize = 9;

/// A shard seals a block that has so many bytes.
pub const BLOCK_BYTES: usize = 32 << 10;

/// Bytes of the largest payload: an entity's history has at most 4 GB, and few have a thousandth.
pub const PAYLOAD_BYTES_MAX: u32 = u32::MAX;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Where the one order stood, and by which rules.
    Head,
    /// Products, reps, relations, agreements.
    Catalog,
    /// Customers, reps, products.
    Entities,
    /// Rules that rest, or are about to.
    Rules,
    /// Names, in the order of their numbers.
    Names,
    /// What is being learned.
    Learned,
    /// The end.
    End,
}

impl BlockKind {
    /// Every kind with its number in a file.
    const ALL: [(Self, u8); 7] = [
        (Self::Head, 1),
        (Self::Catalog, 2),
        (Self::Entities, 3),
        (Self::Rules, 4),
        (Self::Names, 5),
        (Self::End, 6),
        (Self::Learned, 7),
    ];

    /// Its number in a file.
    pub fn number(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    /// The kind of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == number).map(|(kind, _)| *kind)
    }
}

/// What stands in front of the payload of the block of this number.
pub fn frame(number: u32, kind: BlockKind, payload: &[u8]) -> Option<[u8; FRAME_BYTES]> {
    let length = u32::try_from(payload.len()).ok()?;
    let mut frame = [0; FRAME_BYTES];
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[8] = kind.number();
    let checksum = checksum((FORMAT, number), &frame, payload);
    frame[..4].copy_from_slice(&checksum.to_le_bytes());
    Some(frame)
}

/// The length that a frame tells.
pub fn length(frame: &[u8; FRAME_BYTES]) -> u32 {
    let [_, _, _, _, a, b, c, d, _] = *frame;
    u32::from_le_bytes([a, b, c, d])
}

/// The kind of the block of this number, in a file of this format, whose bytes are those that were
/// written.
pub fn check(place: (u32, u32), frame: &[u8; FRAME_BYTES], payload: &[u8]) -> Option<BlockKind> {
    let [a, b, c, d, .., kind] = *frame;
    let right = checksum(place, frame, payload) == u32::from_le_bytes([a, b, c, d]);
    if right { BlockKind::from_number(kind) } else { None }
}

fn checksum((format, number): (u32, u32), frame: &[u8; FRAME_BYTES], payload: &[u8]) -> u32 {
    let start = if format < STANDS_ALONE { number } else { number ^ format << 24 };
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    hasher.update(&frame[4..]);
    hasher.update(payload);
    hasher.finalize()
}
