//! What do the next eight bytes of a line hold? All of them are looked at in one go.
//!
//! ```text
//! 4 9 3 3 , " p r     one word, the first byte lowest
//! ───────             digits: 4, number: 4933, packed: `4933` and how long it is
//! ```
//!
//! The tricks are Mycroft's (1987) for finding a byte and Lemire's (2022) for making a number of
//! digits. A search may be wrong about the bytes behind the first hit, never about the first.

use std::ops::Range;

/// Every byte is one.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every byte.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes, the first of them lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Eight(u64);

impl Eight {
    /// Powers of ten, as far as eight digits go.
    pub(crate) const TENS: [u64; 9] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

    /// The first bytes of a text; zeros stand for what lies beyond its end.
    pub(crate) fn first(bytes: &[u8]) -> Self {
        let eight = bytes.iter().take(8).rev();
        Self(eight.fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    /// How many digits come first.
    #[inline]
    pub(crate) fn digits(self) -> usize {
        let values = self.0 ^ (ONES * 0x30);
        let others = (values.wrapping_add(ONES * 0x76) | values) & HIGHS;
        others.trailing_zeros() as usize / 8
    }

    /// The number that the first `count` bytes make, all of them digits.
    #[inline]
    pub(crate) fn number(self, count: usize) -> u64 {
        if count == 0 {
            return 0;
        }
        self.some_number(count)
    }

    /// As [`Eight::number`], of at least one digit.
    #[inline]
    pub(crate) fn some_number(self, count: usize) -> u64 {
        debug_assert!((1..=8).contains(&count), "{count} of eight digits");
        // Zeros move in before the digits; then neighbours are joined: ones, pairs, fours.
        let ones = (self.0 ^ (ONES * 0x30)) << ((64 - 8 * count) & 63);
        let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
        (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
    }

    /// How many bytes come first that neither end a JSON string nor are special in it.
    #[inline]
    pub(crate) fn plain(self) -> usize {
        let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & HIGHS;
        let quote = zero(self.0 ^ (ONES * 0x22));
        let backslash = zero(self.0 ^ (ONES * 0x5c));
        let control = self.0.wrapping_sub(ONES * 0x20) & !self.0 & HIGHS;
        (quote | backslash | control).trailing_zeros() as usize / 8
    }

    /// The byte at a place before the eighth.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low byte is meant")]
    pub(crate) fn byte(self, place: usize) -> u8 {
        debug_assert!(place < 8, "one of eight");
        (self.0 >> ((8 * place) & 63)) as u8
    }

    /// Whether they differ from others in a byte that counts.
    #[inline]
    pub(crate) fn differs(self, other: Self, counts: Self) -> bool {
        (self.0 ^ other.0) & counts.0 != 0
    }

    /// Whether all of them are ASCII.
    #[inline]
    pub(crate) fn is_ascii(self) -> bool {
        self.0 & HIGHS == 0
    }

    /// The first `count` bytes, up to seven, and how many they are: one word for each short text.
    #[inline]
    pub(crate) fn packed(self, count: usize) -> u64 {
        debug_assert!(count < 8, "the eighth byte is the length");
        self.0 & ((1 << ((8 * count) & 63)) - 1) | (count as u64) << 56
    }
}

/// A line with zeros behind it, so that eight bytes can be taken from any place of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Padded {
    bytes: Vec<u8>,
    length: usize,
}

impl Padded {
    /// Takes the next line.
    #[inline]
    pub(crate) fn fill(&mut self, line: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(line);
        self.bytes.extend_from_slice(&[0; 16]);
        self.length = line.len();
    }

    /// Length of the line.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The bytes of a range; none when it ends beyond the zeros.
    #[inline]
    pub(crate) fn get(&self, range: Range<usize>) -> Option<&[u8]> {
        self.bytes.get(range)
    }

    /// The byte at a place.
    #[inline]
    pub(crate) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The eight bytes from a place on.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> Eight {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        Eight(bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    /// How many digits stand in a row from a place on.
    #[inline]
    pub(crate) fn digits(&self, at: usize) -> usize {
        let mut count = self.at(at).digits();
        while count > 0 && count.is_multiple_of(8) {
            match self.at(at + count).digits() {
                0 => break,
                more => count += more,
            }
        }
        count
    }

    /// The number that `count` digits from a place on make; at most 19, which one word holds.
    #[inline]
    pub(crate) fn number(&self, at: usize, count: usize) -> u64 {
        debug_assert!(count <= 19, "more digits than a word holds");
        if count <= 8 {
            return self.at(at).number(count);
        }
        let (mut number, mut done) = (0, 0);
        while done < count {
            let some = (count - done).min(8);
            number = number * Eight::TENS[some] + self.at(at + done).number(some);
            done += some;
        }
        number
    }

    /// How many bytes from a place on neither end a JSON string nor are special in it; and whether
    /// they are ASCII, which a byte that follows soon after them may deny.
    #[inline]
    pub(crate) fn plain(&self, at: usize) -> (usize, bool) {
        let (mut count, mut ascii) = (0, true);
        loop {
            let eight = self.at(at + count);
            let more = eight.plain();
            ascii &= eight.is_ascii();
            count += more;
            if more < 8 {
                return (count, ascii);
            }
        }
    }
}

/// How many bytes come first that neither end a JSON string nor are special in it, counted by
/// eights as far as there are eight.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let mut count = 0;
    for eight in bytes.as_chunks().0 {
        let more = Eight(u64::from_le_bytes(*eight)).plain();
        count += more;
        if more < 8 {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn eight_at_once_are_eight_one_by_one(
            bytes in proptest::collection::vec(
                proptest::prop_oneof![48..58_u8, proptest::num::u8::ANY, 28..40_u8], 0..24,
            ),
            at in 0..30_usize,
        ) {
            let rest = bytes.get(at..).unwrap_or_default();
            let mut line = Padded::default();
            line.fill(&bytes);
            let first = |what: fn(&u8) -> bool| rest.iter().take_while(|byte| what(byte)).count();
            let regular = first(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\'));
            proptest::prop_assert_eq!(line.plain(at).0, regular);
            proptest::prop_assert_eq!(line.digits(at), first(u8::is_ascii_digit));
            proptest::prop_assert_eq!(line.at(at), Eight::first(rest));
            proptest::prop_assert_eq!(Eight::first(rest).is_ascii(), rest.iter().take(8).all(u8::is_ascii));
            let by_eights = plain(rest);
            proptest::prop_assert!(by_eights <= regular && (regular - by_eights < 8));
        }

        #[test]
        fn digits_make_their_number(value: u64, before in "[a-z]{0,9}", behind in "[,.]?[0-9]{0,9}") {
            let text = value.to_string();
            let count = text.len().min(19);
            let mut line = Padded::default();
            line.fill(format!("{before}{text}{behind}").as_bytes());
            let want: u64 = text[..count].parse().unwrap();
            proptest::prop_assert_eq!(line.number(before.len(), count), want);
        }
    }

    #[test]
    fn short_texts_have_different_words() {
        let word = |text: &str| Eight::first(text.as_bytes()).packed(text.len());
        let texts = ["", "0", "00", "7", "70", "7654321", "\0", "\0\0", "web"];
        for (place, text) in texts.iter().enumerate() {
            for other in &texts[place + 1..] {
                assert_ne!(word(text), word(other), "{text:?} and {other:?}");
            }
        }
    }
}
