//! Which YAML nodes does a file hold, and where does each byte of their texts stand?
//!
//! ```text
//! when: "size(\"é\") > 0"        the text of the scalar:   size("é") > 0
//!       ▲                        byte 5 of the text   ──►  bytes 12..14 of the file: `\"`
//!       └ plain, quoted and literal (`|`) scalars are followed byte by byte
//! ```
//!
//! A scalar stays a text here: what it means is up to the key it stands under, so `no` and `012`
//! never turn into something that the author did not write. Aliases and merge keys are resolved,
//! within limits. A mistake in the YAML itself ends the file; all else is for the reader to judge.

mod alignment;
mod comments;
mod reader;
mod yaml;

use std::ops::Range;

pub use self::alignment::Alignment;
pub use self::comments::comment_texts;
pub use self::comments::comments;
pub use self::comments::value_spans;
pub use self::reader::Fields;
pub use self::reader::Reader;
pub use self::yaml::read;

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// A value and the bytes of the file that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// What was read.
    pub value: T,
    /// Where.
    pub span: Range<usize>,
}

/// One node of a YAML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yaml {
    /// Where it stands; a list or a map reaches from its first to its last child.
    pub span: Range<usize>,
    /// What it is.
    pub shape: Shape,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `~`, `null` or nothing at all.
    Null,
    /// Everything that is written as one value.
    Scalar(Scalar),
    /// `- a` or `[a]`.
    List(Vec<Yaml>),
    /// `a: b` or `{a: b}`, in the order of the file, repeated keys included.
    Map(Vec<(Yaml, Yaml)>),
}

/// One value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text after quotes, escapes and indentation are taken away.
    pub text: String,
    /// How it is written.
    pub style: Style,
    /// Where its bytes stand in the file.
    pub alignment: Alignment,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`: lines stay lines.
    Literal,
    /// `>`: lines are joined.
    Folded,
}

impl<T> Located<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), span: self.span }
    }
}

impl Yaml {
    /// What it is, as people call it.
    pub fn noun(&self) -> &'static str {
        match self.shape {
            Shape::Null => "nothing",
            Shape::Scalar(_) => "a single value",
            Shape::List(_) => "a list",
            Shape::Map(_) => "a mapping",
        }
    }
}

#[cfg(test)]
mod tests;
