//! Numbers in as few bytes as they need, for the history's records.
//!
//! ```text
//! unsigned   seven bits a byte, low first, the high bit says "more"       300 ► AC 02
//! signed     zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
//! decimal    whole hundredths (nearly all money) drop their four zeros    129.99 ► 4 bytes
//! ```
//!
//! Source: Protocol Buffers encoding (varint, zigzag).

use crate::money::Decimal;

/// Appends an unsigned number.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Appends a signed number.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// Appends a decimal; its millionths have to fit 62 bits, as every checked amount does.
pub(crate) fn put_decimal(out: &mut Vec<u8>, value: Decimal) {
    const HUNDREDTH: i64 = Decimal::SCALE / 100;
    let micros = value.micros();
    if micros % HUNDREDTH == 0 {
        put(out, zigzag(micros / HUNDREDTH) << 1);
    } else {
        put(out, (zigzag(micros) << 1) | 1);
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
        let first = self.byte();
        if first < 0x80 {
            return u64::from(first);
        }
        let (mut value, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 || shift >= 57 {
                return value;
            }
            shift += 7;
        }
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

#[expect(clippy::cast_possible_truncation, reason = "the low byte is meant")]
fn low_byte(value: u64) -> u8 {
    value as u8
}

#[expect(clippy::cast_sign_loss, reason = "zigzag folds the sign into the lowest bit")]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[expect(clippy::cast_possible_wrap, reason = "zigzag folds the sign into the lowest bit")]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were() {
        let numbers = [0, 1, -1, 63, 64, -64, 300, i64::from(u32::MAX), 1 << 61, -(1 << 61)];
        let mut out = Vec::new();
        for number in numbers {
            put_signed(&mut out, number);
            put_decimal(&mut out, Decimal::from_micros(number));
            put_decimal(&mut out, Decimal::from_micros(number / 10_000 * 10_000));
        }
        let mut reader = Reader { rest: &out };
        for number in numbers {
            assert_eq!(reader.signed(), number);
            assert_eq!(reader.decimal().micros(), number);
            assert_eq!(reader.decimal().micros(), number / 10_000 * 10_000);
        }
        assert!(reader.rest.is_empty());
    }

    #[test]
    fn a_price_takes_three_bytes() {
        let mut out = Vec::new();
        put_decimal(&mut out, Decimal::from_micros(129_990_000));
        assert_eq!(out.len(), 3);
    }
}
