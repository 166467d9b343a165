//! What does a value of an [`Outline`] say without its quotes, and where does each byte of it stand?

use std::ops::Range;

use crate::rule::assist::outline::Outline;
use crate::rule::assist::outline::Shape;
use crate::rule::document;
use crate::rule::document::Alignment;
use crate::rule::document::Shape as Read;

/// A value as a text.
#[derive(Debug)]
pub struct Written {
    /// Quotes, escapes and indentation are taken away.
    pub text: String,
    places: Places,
}

#[derive(Debug)]
enum Places {
    /// By the parser of YAML, which was given the value behind a prefix.
    Aligned {
        alignment: Alignment,
        /// Where the value starts in the file.
        start: usize,
        /// Length of the prefix.
        prefix: usize,
    },
    /// Byte by byte from here: the value is not finished, or its lines are joined.
    Raw(usize),
}

impl Written {
    /// The value of a node; none when it has none that is written out. That of an alias stands
    /// where its anchor is.
    pub fn of(outline: &Outline<'_>, index: usize) -> Option<Self> {
        let index = outline.resolved(index);
        let node = outline.node(index);
        if !node.shape.is_written() || node.shape == Shape::Alias {
            return None;
        }
        let source = &outline.text[node.value.clone()];
        let prefix = if node.shape == Shape::Literal { "k: |\n" } else { "k: " };
        let parsed = document::read(0, &format!("{prefix}{source}")).ok();
        let scalar = parsed.and_then(|yaml| match yaml.shape {
            Read::Map(mut entries) if entries.len() == 1 => match entries.pop()?.1.shape {
                Read::Scalar(scalar) if scalar.alignment.is_exact() => Some(scalar),
                _ => None,
            },
            _ => None,
        });
        let start = node.value.start;
        Some(match scalar.filter(|_| node.shape != Shape::Folded) {
            Some(scalar) => {
                let places =
                    Places::Aligned { alignment: scalar.alignment, start, prefix: prefix.len() };
                Self { text: scalar.text, places }
            }
            None => {
                let quoted = matches!(node.shape, Shape::SingleQuoted | Shape::DoubleQuoted);
                let source = if quoted { source.get(1..).unwrap_or("") } else { source };
                Self { text: source.to_owned(), places: Places::Raw(start + usize::from(quoted)) }
            }
        })
    }

    /// The bytes of the file behind these bytes of the text.
    pub fn place(&self, part: &Range<usize>) -> Range<usize> {
        match &self.places {
            Places::Aligned { alignment, start, prefix } => {
                let placed = alignment.place(part);
                let moved = |byte: usize| (byte + start).saturating_sub(*prefix);
                moved(placed.start)..moved(placed.end)
            }
            Places::Raw(start) => part.start + start..part.end + start,
        }
    }

    /// The byte of the text at a byte of the file.
    pub fn offset(&self, place: usize) -> usize {
        let mut starts = self.text.char_indices().map(|(at, _)| at);
        let reached = |at: &usize| self.place(&(*at..*at)).start >= place;
        starts.find(reached).unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_found_again_however_it_is_quoted() {
        for text in [
            "é: x\nk: größe > b # c",
            "k: 'it''s ö b'",
            r#"k: "a \"ö\" b""#,
            "k: |\n  a ö\n    b\n  c\nx: 1",
            "k: >\n  a ö\n  b\n",
            "k: 'ö b",
            "k: {x: 1, y: f(ö) * b}",
        ] {
            let outline = Outline::read(text);
            let (index, _) =
                outline.nodes().filter(|(_, node)| node.shape.is_written()).last().unwrap();
            let index = if text.contains("x: 1\n") || text.contains("c\nx") {
                outline.entry(0, "k").unwrap()
            } else {
                index
            };
            let written = Written::of(&outline, index).unwrap();
            let at = written.text.find('b').unwrap();
            let place = written.place(&(at..at + 1));
            assert_eq!(&text[place.clone()], "b", "{text}");
            assert_eq!(written.offset(place.start), at, "{text}");
        }
    }
}
