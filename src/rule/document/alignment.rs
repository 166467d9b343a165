//! Where does byte k of a scalar's text stand in the file?
//!
//! ```text
//! file   'it''s'          text   it's
//!         ├┘├┘├           pieces 0→1 (2 bytes), 2→3 (1 for 2), 3→5
//! ```
//!
//! The text is followed through the source: quotes and indentation are passed over, an escape is
//! one piece. Where the two do not match, as in a folded scalar, a place is that of the whole.

use std::ops::Range;

use crate::rule::document::Style;

/// The places of a text's bytes in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// The whole scalar in the file.
    whole: Range<usize>,
    /// From the start of the text to its end without gaps; empty where only the whole is known.
    pieces: Vec<Piece>,
}

/// Some bytes of the text and where they come from; both lengths are equal but for an escape.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    text: Range<usize>,
    file: Range<usize>,
}

impl Alignment {
    /// Follows `text` through the bytes `span` of the file.
    pub(super) fn new(file: &str, span: &Range<usize>, text: &str, style: Style) -> Self {
        let source = file.get(span.clone()).unwrap_or("");
        let pieces = match style {
            Style::Folded => None,
            Style::Plain => follow(source, span.start, text, style),
            Style::SingleQuoted | Style::DoubleQuoted => {
                follow(source.get(1..).unwrap_or(""), span.start + 1, text, style)
            }
            Style::Literal => {
                let indent = span.start - file[..span.start].rfind('\n').map_or(0, |at| at + 1);
                literal(source, span.start, text, indent)
            }
        };
        Self { whole: span.clone(), pieces: pieces.unwrap_or_default() }
    }

    /// Whether single bytes have a place of their own.
    pub fn is_exact(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The bytes of the file behind these bytes of the text.
    pub fn place(&self, part: &Range<usize>) -> Range<usize> {
        let Some(last) = self.pieces.last() else { return self.whole.clone() };
        let piece_of = |byte: usize| {
            let index = self.pieces.partition_point(|piece| piece.text.end <= byte);
            self.pieces.get(index)
        };
        let start = match piece_of(part.start) {
            Some(piece) => piece.file.start + part.start.saturating_sub(piece.text.start),
            None => last.file.end,
        };
        if part.end <= part.start {
            return start..start;
        }
        let end = match piece_of(part.end - 1) {
            Some(piece) if piece.text.end == part.end => piece.file.end,
            Some(piece) => piece.file.start + (part.end - piece.text.start),
            None => last.file.end,
        };
        start..end.max(start)
    }
}

/// A plain or quoted scalar; a line break in it stands for a blank, an empty line for a break.
fn follow(source: &str, from: usize, text: &str, style: Style) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let (mut at, mut done) = (0, 0);
    while let Some(wanted) = text[done..].chars().next() {
        let rest = source.get(at..)?;
        let found = rest.chars().next()?;
        let fold = folded(rest).filter(|_| matches!(wanted, ' ' | '\n'));
        let (taken, given) = match (style, found) {
            (_, ' ' | '\t' | '\n' | '\r') if fold.is_some() => {
                let (bytes, breaks) = fold?;
                // One break is a blank; each further one is itself.
                let given = breaks.saturating_sub(1).max(1);
                (bytes, given)
            }
            (Style::SingleQuoted, '\'') if rest.starts_with("''") && wanted == '\'' => (2, 1),
            (Style::DoubleQuoted, '\\') => (escape(rest)?, wanted.len_utf8()),
            _ if found == wanted => (found.len_utf8(), found.len_utf8()),
            _ => return None,
        };
        push(&mut pieces, done..done + given, from + at..from + at + taken);
        at += taken;
        done += given;
        text.get(done..)?;
    }
    Some(pieces)
}

/// A literal block: the indentation of every line but the first is passed over.
fn literal(source: &str, from: usize, text: &str, indent: usize) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let (mut at, mut done) = (0, 0);
    for line in text.split_inclusive('\n') {
        if done > 0 && line != "\n" {
            let blanks = source.get(at..)?.bytes().take_while(|b| *b == b' ').count();
            at += blanks.min(indent);
        } else if line == "\n" {
            at += source.get(at..)?.find('\n')?;
        }
        if !source.get(at..)?.starts_with(line.trim_end_matches('\n')) {
            return None;
        }
        push(&mut pieces, done..done + line.len(), from + at..from + at + line.len());
        at += line.len();
        done += line.len();
    }
    Some(pieces)
}

/// Bytes and breaks of a line break within a scalar, with the blanks around it.
fn folded(rest: &str) -> Option<(usize, usize)> {
    let blank = |c: char| !matches!(c, ' ' | '\t' | '\n' | '\r');
    let bytes = rest.find(blank).unwrap_or(rest.len());
    let breaks = rest[..bytes].matches('\n').count();
    (breaks > 0).then_some((bytes, breaks))
}

/// Bytes of an escape in a double-quoted scalar that stands for one character.
fn escape(rest: &str) -> Option<usize> {
    match rest.chars().nth(1)? {
        'x' => Some(4),
        'u' => Some(6),
        'U' => Some(10),
        '\n' | '\r' => None,
        other => Some(1 + other.len_utf8()),
    }
}

/// Adds bytes to the last piece where they follow it on both sides.
fn push(pieces: &mut Vec<Piece>, text: Range<usize>, file: Range<usize>) {
    let even = text.len() == file.len();
    match pieces.last_mut() {
        Some(last) if even && last.text.len() == last.file.len() && last.file.end == file.start => {
            last.text.end = text.end;
            last.file.end = file.end;
        }
        _ => pieces.push(Piece { text, file }),
    }
}
