//! How is YAML read into nodes with their places?
//!
//! The parser resolves a plain scalar to a number or a truth value before anybody can ask; what
//! was written is read back from the file by its place. Its spans of lists and maps are those of
//! their first sign, so a container's place is made of its children's.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::options::NonFiniteFloatPolicy;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::document::Alignment;
use crate::rule::document::FILE_BYTES_MAX;
use crate::rule::document::Scalar;
use crate::rule::document::Shape;
use crate::rule::document::Style;
use crate::rule::document::Yaml;

/// Most nodes that aliases may add to a file.
const ALIASED_NODES_MAX: usize = 20_000;
/// Deepest nesting of lists and maps.
const YAML_DEPTH_MAX: usize = 32;

/// What the parser hands over.
enum Raw {
    /// Quoted, or plain and neither number nor truth value.
    Text(String),
    /// Plain, and resolved to a number or a truth value.
    Resolved,
    Null,
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

/// The nodes of a file, or why it is not YAML.
pub fn read(file: usize, text: &str) -> Result<Yaml, Box<Diagnostic>> {
    if text.len() > FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", text.len());
        return Err(Box::new(
            Diagnostic::error("E004", file, 0..0, message).with_help("split it into several files"),
        ));
    }
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: YAML_DEPTH_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_NODES_MAX },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(root) => Ok(node(text, root)),
        Err(error) => Err(Box::new(complaint(file, text, &error))),
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Resolved)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Resolved)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Resolved)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Resolved)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Resolved)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Resolved)
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn node(file: &str, raw: Spanned<Raw>) -> Yaml {
    let own = span(file, &raw);
    let (shape, last) = match raw.value {
        Raw::Null => (Shape::Null, None),
        Raw::Text(text) => (Shape::Scalar(scalar(file, &own, text)), None),
        Raw::Resolved => {
            let text = file.get(own.clone()).unwrap_or("").to_owned();
            (Shape::Scalar(scalar(file, &own, text)), None)
        }
        Raw::List(items) => {
            let items: Vec<_> = items.into_iter().map(|item| node(file, item)).collect();
            let last = items.last().map(|item| item.span.end);
            (Shape::List(items), last)
        }
        Raw::Map(entries) => {
            let entries: Vec<_> =
                entries.into_iter().map(|(k, v)| (node(file, k), node(file, v))).collect();
            let last = entries.last().map(|(key, value)| key.span.end.max(value.span.end));
            (Shape::Map(entries), last)
        }
    };
    let end = last.unwrap_or(own.end).max(own.end);
    Yaml { span: own.start..end, shape }
}

/// The bytes of a node; of an aliased one, those it was defined at.
fn span(file: &str, raw: &Spanned<Raw>) -> Range<usize> {
    let span = raw.defined.span();
    let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) else { return 0..0 };
    let start = usize::try_from(start).unwrap_or(file.len()).min(file.len());
    let length = usize::try_from(length).unwrap_or(0);
    start..start.saturating_add(length).min(file.len())
}

fn scalar(file: &str, own: &Range<usize>, text: String) -> Scalar {
    let style = style(file, own.start);
    let alignment = Alignment::new(file, own, &text, style);
    Scalar { text, style, alignment }
}

/// How the scalar that starts here is written. A block starts behind its header's line.
fn style(file: &str, start: usize) -> Style {
    let line_start = file[..start].rfind('\n').map_or(0, |at| at + 1);
    if file[line_start..start].trim().is_empty() {
        let above = file[..line_start].lines().rev().find(|line| !line.trim().is_empty());
        let header = above.unwrap_or("").split(" #").next().unwrap_or("").trim_end();
        let sign = header.rsplit([' ', '\t']).next().unwrap_or("");
        let block = |mark: char| {
            let rest = sign.strip_prefix(mark);
            rest.is_some_and(|rest| rest.chars().all(|c| matches!(c, '+' | '-' | '0'..='9')))
        };
        if block('|') {
            return Style::Literal;
        }
        if block('>') {
            return Style::Folded;
        }
    }
    match file.as_bytes().get(start) {
        Some(b'\'') => Style::SingleQuoted,
        Some(b'"') => Style::DoubleQuoted,
        _ => Style::Plain,
    }
}

/// The parser's complaint in the author's words.
fn complaint(file: usize, text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let at = error.location().map_or(0, |place| {
        let line = usize::try_from(place.line()).unwrap_or(1).saturating_sub(1);
        let column = usize::try_from(place.column()).unwrap_or(1).saturating_sub(1);
        let from: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = text[from..].char_indices().nth(column);
        rest.map_or(text.len(), |(offset, _)| from + offset)
    });
    let end = text[at..].chars().next().filter(|c| *c != '\n').map_or(at, |c| at + c.len_utf8());
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or("").trim();
    let limit = ["limit", "budget", "exceed"].iter().any(|word| said.contains(word));
    if limit {
        return Diagnostic::error(
            "E003",
            file,
            at..end,
            format!("the file is too involved: {said}"),
        )
        .with_help("use fewer aliases and less nesting");
    }
    let help = [
        ("mapping values are not allowed", "put a value that holds `: ` in quotes"),
        ("illegal placement of ':'", "close the bracket above, or put the value in quotes"),
        ("tab", "indent with blanks"),
        ("unclosed quote", "end the value with the quote it starts with"),
        ("unclosed bracket", "close the bracket, or put a text that starts with it in quotes"),
        ("unexpected character", "put a value that starts with this character in quotes"),
        ("unknown escape", "write `\\\\` for a backslash, or use single quotes"),
        ("trailing content", "write quotes around the whole value; within single quotes, `''`"),
        ("unknown anchor", "define it with `&name` above, or put a value with `*` in quotes"),
        ("multiple YAML documents", "take the `---` away: a file is one document"),
        ("did not find expected '-'", "indent the line as far as the lines it belongs to"),
        ("simple key", "write `key: value`, or indent the line further"),
    ]
    .iter()
    .find(|(part, _)| said.contains(part));
    let message = match help {
        Some(("mapping values are not allowed", _)) => "a `:` is not allowed here".to_owned(),
        Some(("multiple YAML documents", _)) => "the file holds more than one document".to_owned(),
        _ => format!("this is not YAML: {said}"),
    };
    let diagnostic = Diagnostic::error("E002", file, at..end, message);
    match help {
        Some((_, help)) => diagnostic.with_help(*help),
        None => diagnostic,
    }
}
