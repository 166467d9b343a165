//! Numbers in as few bytes as they need, for the history's records.
//!
//! ```text
//! unsigned   seven bits a byte, low first, the high bit says "more"       300 ► AC 02
//! signed     zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
//! decimal    whole hundredths (nearly all money) drop their four zeros    129.99 ► 3 bytes
//! ```
//!
//! A number is taken apart and put together eight bytes at a time, whatever its length: lengths
//! change from number to number, and a loop over the bytes would mispredict most of its ends.
//!
//! Source: Protocol Buffers encoding (varint, zigzag).

use crate::money::Decimal;

/// Most bytes that a number takes.
pub(crate) const NUMBER_MAX: usize = 10;

/// The high bit of every byte.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Writes numbers one behind the other into a room that is large enough for all of them.
pub(crate) struct Writer<'a> {
    room: &'a mut [u8],
    end: usize,
}

impl<'a> Writer<'a> {
    /// Begins to write at a place of the room.
    pub(crate) fn at(room: &'a mut [u8], start: usize) -> Self {
        Self { room, end: start }
    }

    /// The place behind what was written, and the whole room.
    pub(crate) fn finish(self) -> (usize, &'a mut [u8]) {
        (self.end, self.room)
    }

    /// One byte.
    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.room[self.end] = byte;
        self.end += 1;
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.room[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// An unsigned number.
    #[inline]
    pub(crate) fn number(&mut self, value: u64) {
        if value < 0x80 {
            self.byte(low_byte(value));
        } else {
            self.long_number(value);
        }
    }

    /// A number of several bytes: all of it is written at once, if there is room for eight.
    fn long_number(&mut self, mut value: u64) {
        if value >> 56 == 0
            && let Some(room) = self.room[self.end..].first_chunk_mut()
        {
            let length = (u64::BITS - value.leading_zeros()).div_ceil(7);
            let more = HIGH_BITS & ((1 << (8 * (length - 1))) - 1);
            *room = (spread(value) | more).to_le_bytes();
            self.end += length as usize;
            return;
        }
        while value >= 0x80 {
            self.byte(low_byte(value) | 0x80);
            value >>= 7;
        }
        self.byte(low_byte(value));
    }

    /// A signed number.
    #[inline]
    pub(crate) fn signed(&mut self, value: i64) {
        self.number(zigzag(value));
    }

    /// A decimal; its millionths have to fit 62 bits, as every checked amount does.
    #[inline]
    pub(crate) fn decimal(&mut self, value: Decimal) {
        const HUNDREDTH: i64 = Decimal::SCALE / 100;
        let micros = value.micros();
        if micros % HUNDREDTH == 0 {
            self.number(zigzag(micros / HUNDREDTH) << 1);
        } else {
            self.number((zigzag(micros) << 1) | 1);
        }
    }
}

/// Reads records back; the bytes were written by this program, so reading past the end is a
/// defect, and yields zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// One byte.
    #[inline]
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            debug_assert!(false, "a record ends too early");
            return 0;
        };
        self.rest = rest;
        *first
    }

    /// An unsigned number.
    #[inline]
    pub(crate) fn number(&mut self) -> u64 {
        match self.rest.split_first() {
            Some((first, rest)) if *first < 0x80 => {
                self.rest = rest;
                u64::from(*first)
            }
            _ => self.long_number(),
        }
    }

    /// A number of several bytes: all of it is read at once, if eight bytes are there to be read.
    #[inline]
    fn long_number(&mut self) -> u64 {
        if let Some(chunk) = self.rest.first_chunk() {
            let bytes = u64::from_le_bytes(*chunk);
            let ends = !bytes & HIGH_BITS;
            if ends != 0 {
                self.rest = &self.rest[ends.trailing_zeros() as usize / 8 + 1..];
                return gather(bytes & (ends ^ (ends - 1)));
            }
        }
        self.number_by_bytes()
    }

    /// A number at the end of the bytes, or a very long one.
    fn number_by_bytes(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 || shift >= 63 {
                return value;
            }
            shift += 7;
        }
    }

    /// Passes over a number.
    #[inline]
    pub(crate) fn skip(&mut self) {
        while self.byte() >= 0x80 {}
    }

    /// An unsigned number that was a `u32`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "written from a u32")]
    pub(crate) fn small(&mut self) -> u32 {
        self.number() as u32
    }

    /// A signed number.
    #[inline]
    pub(crate) fn signed(&mut self) -> i64 {
        unzigzag(self.number())
    }

    /// A decimal.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Decimal {
        let value = self.number();
        let micros = unzigzag(value >> 1);
        Decimal::from_micros(if value & 1 == 0 { micros * (Decimal::SCALE / 100) } else { micros })
    }

    /// So many bytes.
    #[inline]
    pub(crate) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

/// Puts each seven bits into a byte of their own; the value has to fit 56 bits.
#[inline]
fn spread(value: u64) -> u64 {
    let halves = (value & 0x0fff_ffff) | ((value & 0x00ff_ffff_f000_0000) << 4);
    let quarters = (halves & 0x0000_3fff_0000_3fff) | ((halves & 0x0fff_c000_0fff_c000) << 2);
    (quarters & 0x007f_007f_007f_007f) | ((quarters & 0x3f80_3f80_3f80_3f80) << 1)
}

/// Puts the low seven bits of each byte together: what [`spread`] took apart.
#[inline]
fn gather(bytes: u64) -> u64 {
    let quarters = (bytes & 0x007f_007f_007f_007f) | ((bytes & 0x7f00_7f00_7f00_7f00) >> 1);
    let halves = (quarters & 0x0000_3fff_0000_3fff) | ((quarters & 0x3fff_0000_3fff_0000) >> 2);
    (halves & 0x0fff_ffff) | ((halves & 0x0fff_ffff_0000_0000) >> 4)
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is meant")]
#[inline]
fn low_byte(value: u64) -> u8 {
    value as u8
}

#[expect(clippy::cast_sign_loss, reason = "zigzag folds the sign into the lowest bit")]
#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[expect(clippy::cast_possible_wrap, reason = "zigzag folds the sign into the lowest bit")]
#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were() {
        let edges = (0..62).flat_map(|bits| [(1_i64 << bits) - 1, 1 << bits]);
        let numbers: Vec<i64> = edges.flat_map(|edge| [edge, -edge]).collect();
        // Room that is full to the last byte, and room with bytes behind the last number.
        for slack in [0, 8] {
            for number in &numbers {
                let mut room = [0; 2 * NUMBER_MAX];
                let mut writer = Writer::at(&mut room, 0);
                writer.signed(*number);
                let length = writer.finish().0;
                let mut writer = Writer::at(&mut room[..length + slack], 0);
                writer.signed(*number);
                assert_eq!(writer.finish().0, length);
                let mut reader = Reader { rest: &room[..length + slack] };
                assert_eq!(reader.signed(), *number);
                assert_eq!(reader.rest.len(), slack);
                let mut reader = Reader { rest: &room[..length + slack] };
                reader.skip();
                assert_eq!(reader.rest.len(), slack);
            }
        }
    }

    #[test]
    fn decimals_come_back_as_they_were() {
        let numbers = [0, 1, -1, 63, 64, -64, 300, i64::from(u32::MAX), 1 << 61, -(1 << 61)];
        let mut room = [0; 30 * NUMBER_MAX];
        let mut writer = Writer::at(&mut room, 0);
        for number in numbers {
            writer.decimal(Decimal::from_micros(number));
            writer.decimal(Decimal::from_micros(number / 10_000 * 10_000));
        }
        let (end, room) = writer.finish();
        let mut reader = Reader { rest: &room[..end] };
        for number in numbers {
            assert_eq!(reader.decimal().micros(), number);
            assert_eq!(reader.decimal().micros(), number / 10_000 * 10_000);
        }
        assert!(reader.rest.is_empty());
    }

    #[test]
    fn a_price_takes_three_bytes() {
        let mut room = [0; NUMBER_MAX];
        let mut writer = Writer::at(&mut room, 0);
        writer.decimal(Decimal::from_micros(129_990_000));
        assert_eq!(writer.finish().0, 3);
    }
}
