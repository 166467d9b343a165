//! Where does a record end? Cuts a stream of bytes into records without copying them.
//!
//! ```text
//! buffer  ├──── record ────┤\n├──── record ────┤\n├──── rec…
//!                                               ▲ moved to the front once the buffer is used up
//! ```
//!
//! The buffer grows up to the limit of one record; what is longer is cut to an excerpt and passed
//! over up to the next end, so a gigabyte without a newline costs no memory.

use std::io;
use std::io::Read;

use memchr::memchr;
use memchr::memchr2;

use crate::source::EXCERPT_BYTES_MAX;

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// A newline.
    Lines,
    /// A newline outside of double quotes.
    Rows,
    /// A comma, or the closing bracket, of one JSON list.
    Elements,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// Its bytes; the first few of them when it is too long.
    pub(crate) bytes: &'a [u8],
    /// Its place in the stream, from 1.
    pub(crate) number: u64,
    /// Where it begins.
    pub(crate) offset: u64,
    /// Whether it is longer than a record may be.
    pub(crate) too_long: bool,
}

/// Cuts a stream into records.
pub(crate) struct Splitter<R> {
    reader: R,
    framing: Framing,
    limit: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes from `start` on that hold no end of a record.
    scanned: usize,
    offset: u64,
    number: u64,
    state: State,
    excerpt: Vec<u8>,
}

/// What the search for an end has to remember between two bytes.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    quoted: bool,
    escaped: bool,
    depth: u32,
    finished: bool,
}

impl<R: Read> Splitter<R> {
    pub(crate) const CAPACITY: usize = 256 << 10;

    pub(crate) fn new(reader: R, framing: Framing, limit: usize, capacity: usize) -> Self {
        Self {
            reader,
            framing,
            limit,
            buffer: vec![0; capacity.max(64)],
            start: 0,
            end: 0,
            scanned: 0,
            offset: 0,
            number: 0,
            state: State::default(),
            excerpt: Vec::new(),
        }
    }

    /// Goes past the opening bracket of a list, which has been seen to come first.
    pub(crate) fn open_list(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr(b'[', &self.buffer[self.start..self.end]) {
                self.consume(at + 1);
                return Ok(());
            }
            self.consume(self.end - self.start);
            if self.fill()? == 0 {
                return Ok(());
            }
        }
    }

    /// The next record, blank ones left out; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            if self.state.finished {
                return Ok(None);
            }
            let window = &self.buffer[self.start + self.scanned..self.end];
            if let Some(at) = find_end(self.framing, &mut self.state, window) {
                let (from, length) = (self.start, self.scanned + at);
                let offset = self.offset;
                self.consume(length + 1);
                self.number += 1;
                let record = &self.buffer[from..from + length];
                let blank = record.len() - record.trim_ascii_start().len();
                if blank == length {
                    continue;
                }
                let bytes = self.buffer[from + blank..from + length].trim_ascii_end();
                let too_long = length > self.limit;
                return Ok(Some(Piece { bytes, number: self.number, offset, too_long }));
            }
            self.scanned = self.end - self.start;
            if self.scanned > self.limit {
                return self.pass_over().map(Some);
            }
            if self.fill()? == 0 {
                self.state.finished = true;
                let (from, offset) = (self.start, self.offset);
                self.consume(self.end - self.start);
                self.number += 1;
                let bytes = self.buffer[from..self.end].trim_ascii();
                let piece = Piece { bytes, number: self.number, offset, too_long: false };
                return Ok((!bytes.is_empty()).then_some(piece));
            }
        }
    }

    /// Gives up a record that is too long and reads on up to its end.
    fn pass_over(&mut self) -> io::Result<Piece<'_>> {
        let (offset, kept) = (self.offset, self.scanned.min(EXCERPT_BYTES_MAX));
        self.excerpt.clear();
        self.excerpt.extend_from_slice(&self.buffer[self.start..self.start + kept]);
        self.consume(self.scanned);
        // A quote that never closes would swallow the rest of the table: start afresh.
        let framing = if self.framing == Framing::Rows { Framing::Lines } else { self.framing };
        loop {
            if self.fill()? == 0 {
                self.state.finished = true;
                break;
            }
            let window = &self.buffer[self.start..self.end];
            if let Some(at) = find_end(framing, &mut self.state, window) {
                self.consume(at + 1);
                break;
            }
            self.consume(self.end - self.start);
        }
        self.state.quoted = false;
        self.number += 1;
        Ok(Piece { bytes: &self.excerpt, number: self.number, offset, too_long: true })
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
        self.scanned = 0;
    }

    /// Reads more behind what is there; 0 at the end of the stream.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 && (self.start == self.end || self.end == self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let grown = (self.buffer.len() * 2).min(self.limit + 2).max(self.buffer.len() + 1);
            self.buffer.resize(grown, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Where in `window` the record ends.
fn find_end(framing: Framing, state: &mut State, window: &[u8]) -> Option<usize> {
    match framing {
        Framing::Lines => memchr(b'\n', window),
        Framing::Rows => {
            let mut from = 0;
            while let Some(at) = memchr2(b'\n', b'"', &window[from..]) {
                if window[from + at] == b'"' {
                    state.quoted = !state.quoted;
                } else if !state.quoted {
                    return Some(from + at);
                }
                from += at + 1;
            }
            None
        }
        Framing::Elements => window.iter().position(|byte| ends_element(state, *byte)),
    }
}

fn ends_element(state: &mut State, byte: u8) -> bool {
    if state.escaped {
        state.escaped = false;
        return false;
    }
    match (state.quoted, byte) {
        (true, b'\\') => state.escaped = true,
        (_, b'"') => state.quoted = !state.quoted,
        (false, b'{' | b'[') => state.depth += 1,
        (false, b'}' | b']') if state.depth > 0 => state.depth -= 1,
        (false, b']') => {
            state.finished = true;
            return true;
        }
        (false, b',') => return state.depth == 0,
        _ => {}
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes out in small portions.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(self.1).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[track_caller]
    fn check(framing: Framing, stream: &str, want: &[(&str, u64, u64)]) {
        for portion in [1, 2, 3, 7, 1000] {
            let trickle = Trickle(stream.as_bytes(), portion);
            let mut splitter = Splitter::new(trickle, framing, 100, 64);
            if framing == Framing::Elements {
                splitter.open_list().unwrap();
            }
            let mut got = Vec::new();
            while let Some(piece) = splitter.next().unwrap() {
                let text = str::from_utf8(piece.bytes).unwrap().to_owned();
                let text = if piece.too_long { "too long".to_owned() } else { text };
                got.push((text, piece.number, piece.offset));
            }
            let want: Vec<_> = want.iter().map(|(t, n, o)| ((*t).to_owned(), *n, *o)).collect();
            assert_eq!(got, want, "{stream:?} in portions of {portion}");
        }
    }

    #[test]
    fn a_line_ends_at_a_newline() {
        check(Framing::Lines, "", &[]);
        check(Framing::Lines, "\n\r\n  \n", &[]);
        check(Framing::Lines, "a\r\nb\n\nc", &[("a", 1, 0), ("b", 2, 3), ("c", 4, 6)]);
    }

    #[test]
    fn a_row_ends_outside_of_quotes() {
        check(Framing::Rows, "a,\"b\nc\"\nd", &[("a,\"b\nc\"", 1, 0), ("d", 2, 8)]);
    }

    #[test]
    fn an_element_ends_at_its_comma() {
        let list = " [ {\"a\":[1,2]}, \"],\\\"\" ,3 ] rest";
        check(
            Framing::Elements,
            list,
            &[("{\"a\":[1,2]}", 1, 2), ("\"],\\\"\"", 2, 15), ("3", 3, 24)],
        );
        check(Framing::Elements, "[]", &[]);
    }

    #[test]
    fn a_record_that_is_too_long_is_passed_over() {
        let long = "x".repeat(1000);
        let lines = format!("a\n{long}\nb\n{long}");
        let want = [("a", 1, 0), ("too long", 2, 2), ("b", 3, 1003), ("too long", 4, 1005)];
        check(Framing::Lines, &lines, &want);
        let open_quote = format!("a\n\"{long}\nb\n");
        check(Framing::Rows, &open_quote, &[("a", 1, 0), ("too long", 2, 2), ("b", 3, 1004)]);
    }
}
