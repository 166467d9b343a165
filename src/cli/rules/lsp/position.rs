//! Which byte is line 3, character 7? Characters are bytes or UTF-16 units, as was agreed.
//!
//! ```text
//! é𝄞x    bytes  0 2 6      UTF-16  0 1 3
//! ```

use std::ops::Range;

use serde::Deserialize;
use serde::Serialize;

/// How the characters of a line are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// In bytes.
    Utf8,
    /// In units of UTF-16: what a client counts in that says nothing.
    Utf16,
}

/// A place as the protocol has it: both count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The line.
    pub(super) line: u32,
    /// The character of the line.
    pub(super) character: u32,
}

/// From one place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Its first character.
    pub(super) start: Position,
    /// The character behind its last.
    pub(super) end: Position,
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'t> Lines<'t> {
    /// A line ends with `\n`, `\r\n` or `\r`.
    pub(super) fn new(text: &'t str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                starts.push(at + 1);
            }
        }
        Self { text, starts, encoding }
    }

    /// The byte of a position; behind the end of a line or text, that end.
    pub(super) fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(&start) = self.starts.get(line) else { return self.text.len() };
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| *next);
        let content = self.text[start..end].trim_end_matches(['\n', '\r']);
        let wanted = position.character as usize;
        let mut counted = 0;
        for (at, c) in content.char_indices() {
            // A character that is counted in part is whole: its start is meant.
            if counted + self.width(c) > wanted {
                return start + at;
            }
            counted += self.width(c);
        }
        start + content.len()
    }

    /// The position of a byte.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.text[self.starts[line]..offset];
        let character: usize = before.chars().map(|c| self.width(c)).sum();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), character: number(character) }
    }

    /// The positions of some bytes.
    pub(super) fn stretch(&self, span: &Range<usize>) -> Stretch {
        Stretch { start: self.position(span.start), end: self.position(span.end) }
    }

    /// The bytes of a stretch; one that ends before it starts is empty.
    pub(super) fn span(&self, stretch: Stretch) -> Range<usize> {
        let start = self.offset(stretch.start);
        start..self.offset(stretch.end).max(start)
    }

    fn width(&self, c: char) -> usize {
        match self.encoding {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "é𝄞x\r\n\ny\rzö";

    #[test]
    fn characters_are_counted_as_agreed() {
        for (encoding, line, character, offset) in [
            (Encoding::Utf8, 0, 6, 6),
            (Encoding::Utf16, 0, 3, 6),
            (Encoding::Utf16, 0, 4, 7),
            (Encoding::Utf16, 0, 0, 0),
            (Encoding::Utf16, 1, 0, 9),
            (Encoding::Utf16, 2, 1, 11),
            (Encoding::Utf16, 3, 1, 13),
            (Encoding::Utf8, 3, 3, 15),
        ] {
            let lines = Lines::new(TEXT, encoding);
            let position = Position { line, character };
            assert_eq!(lines.offset(position), offset, "{encoding:?} {position:?}");
            assert_eq!(lines.position(offset), position, "{encoding:?} {offset}");
        }
    }

    #[test]
    fn what_lies_outside_or_within_a_character_is_moved() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        for (line, character, offset) in [(0, 99, 7), (0, 2, 2), (1, 5, 9), (9, 0, 15), (3, 9, 15)]
        {
            assert_eq!(lines.offset(Position { line, character }), offset, "{line}:{character}");
        }
        let backwards = Stretch {
            start: Position { line: 2, character: 0 },
            end: Position { line: 0, character: 0 },
        };
        assert_eq!(lines.span(backwards), 10..10);
    }
}
