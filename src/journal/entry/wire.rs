//! Numbers, times and texts as bytes that another version of the program can read.
//!
//! ```text
//! number   seven bits a byte, low first, the high bit says "more"
//! signed   zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
//! decimal  twice the hundredths, where it is whole hundredths; else 1 and the millionths
//! text     its length and its bytes
//! ```
//!
//! The histories in memory have a form of their own, which may change with every build; this one
//! is on disk and may not. Reading checks everything: a defect shows as an error, never as a
//! panic or a gigabyte. Source: Protocol Buffers encoding (varint, zigzag).

use crate::journal::entry::EntryError;
use crate::money::Decimal;
use crate::time::Timestamp;

/// Millionths in a hundredth.
const HUNDREDTH: i64 = Decimal::SCALE / 100;

/// Bytes that are written.
#[derive(Debug, Default)]
pub(crate) struct Out(Vec<u8>);

/// Bytes that are read.
#[derive(Debug)]
pub(crate) struct In<'a>(&'a [u8]);

impl Out {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes themselves.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(low_byte(value) | 0x80);
            value >>= 7;
        }
        self.0.push(low_byte(value));
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.number(zigzag(value));
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    pub(crate) fn decimal(&mut self, value: Decimal) {
        let micros = value.micros();
        if micros % HUNDREDTH == 0 {
            self.number(zigzag(micros / HUNDREDTH) << 1);
        } else {
            self.byte(1);
            self.signed(micros);
        }
    }

    pub(crate) fn time(&mut self, at: Timestamp) {
        self.signed(at.millis());
    }

    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Bytes whose length is known otherwise.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    /// Which of some optional fields follow, the first in the lowest bit.
    pub(crate) fn present<const N: usize>(&mut self, fields: [bool; N]) {
        let bits = fields.iter().rev().fold(0, |bits, field| bits << 1 | u64::from(*field));
        self.number(bits);
    }
}

impl<'a> In<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn finish(&self) -> Result<(), EntryError> {
        if self.0.is_empty() { Ok(()) } else { Err(EntryError::Long) }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, EntryError> {
        let (first, rest) = self.0.split_first().ok_or(EntryError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64, EntryError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let (mut value, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte()?;
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return Err(EntryError::Value("number"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(crate) fn small(&mut self) -> Result<u32, EntryError> {
        u32::try_from(self.number()?).map_err(|_| EntryError::Value("number"))
    }

    /// A number of sixteen bits.
    pub(crate) fn short(&mut self) -> Result<u16, EntryError> {
        u16::try_from(self.number()?).map_err(|_| EntryError::Value("number"))
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, EntryError> {
        Ok(unzigzag(self.number()?))
    }

    /// The length of a list or a text: each item takes a byte at least, so it cannot be larger
    /// than what is left.
    pub(crate) fn length(&mut self) -> Result<usize, EntryError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if length <= self.0.len() { Ok(length) } else { Err(EntryError::Short) }
    }

    #[inline]
    pub(crate) fn decimal(&mut self) -> Result<Decimal, EntryError> {
        let value = self.number()?;
        let micros = match value {
            1 => self.signed()?,
            odd if odd & 1 == 1 => return Err(EntryError::Value("amount")),
            even => {
                let micros = unzigzag(even >> 1).checked_mul(HUNDREDTH);
                micros.ok_or(EntryError::Value("amount"))?
            }
        };
        Ok(Decimal::from_micros(micros))
    }

    #[inline]
    pub(crate) fn time(&mut self) -> Result<Timestamp, EntryError> {
        Timestamp::from_millis(self.signed()?).map_err(|_| EntryError::Value("time"))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], EntryError> {
        let length = self.length()?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(EntryError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, EntryError> {
        str::from_utf8(self.bytes()?).map_err(|_| EntryError::Value("text"))
    }

    /// Which of some optional fields follow.
    #[inline]
    pub(crate) fn present<const N: usize>(&mut self) -> Result<[bool; N], EntryError> {
        let bits = self.number()?;
        if bits >> N != 0 {
            return Err(EntryError::Value("set of fields"));
        }
        Ok(std::array::from_fn(|place| bits >> place & 1 == 1))
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
        let numbers = [0, 1, -1, 63, 64, -64, 300, i64::MAX, i64::MIN, 129_990_000, -57_188];
        let mut out = Out::default();
        for number in numbers {
            out.signed(number);
            out.decimal(Decimal::from_micros(number));
            out.decimal(Decimal::from_micros(number / HUNDREDTH * HUNDREDTH));
        }
        let mut read = In::new(out.bytes());
        for number in numbers {
            assert_eq!(read.signed(), Ok(number));
            assert_eq!(read.decimal().map(Decimal::micros), Ok(number));
            let whole = number / HUNDREDTH * HUNDREDTH;
            assert_eq!(read.decimal().map(Decimal::micros), Ok(whole));
        }
        assert_eq!(read.finish(), Ok(()));
    }

    #[test]
    fn nonsense_is_an_error() {
        let endless = [0xff; 11];
        assert_eq!(In::new(&endless).number(), Err(EntryError::Value("number")));
        assert_eq!(In::new(&[0x80]).number(), Err(EntryError::Short));
        assert_eq!(In::new(&[5, b'a']).text(), Err(EntryError::Short));
        assert_eq!(In::new(&[1, 0xff]).text(), Err(EntryError::Value("text")));
        assert_eq!(In::new(&[4]).present::<2>(), Err(EntryError::Value("set of fields")));
        assert_eq!(In::new(&[3]).decimal(), Err(EntryError::Value("amount")));
    }
}
