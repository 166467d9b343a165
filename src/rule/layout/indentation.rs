//! Two blanks a level, lists included; the lines of a value move with its key.

use crate::rule::document::Shape;
use crate::rule::document::Style;
use crate::rule::document::Yaml;
use crate::rule::keys::Holds;
use crate::rule::layout::line::Lines;

/// Blanks a level.
const STEP: usize = 2;

/// The text with every line where it belongs; unchanged where the file is written in a way that
/// is not followed here.
pub(super) fn indented(text: &str, yaml: &Yaml, _: Holds) -> String {
    let lines = Lines::new(text);
    let mut page = Page {
        text,
        columns: vec![None; lines.len()],
        entries: Vec::new(),
        wide: Vec::new(),
        lines,
    };
    if page.node(yaml, 0).is_none() {
        return text.to_owned();
    }
    page.comments();
    page.written()
}

struct Page<'t> {
    text: &'t str,
    lines: Lines<'t>,
    /// Where each line is to start, as far as that is known.
    columns: Vec<Option<usize>>,
    /// Line, old column and new column of every dash and key that a line starts with.
    entries: Vec<(usize, usize, usize)>,
    /// Lines whose dash has more than one blank behind it, and the column of what follows.
    wide: Vec<(usize, usize)>,
}

impl Page<'_> {
    /// Places a node whose entries belong in `column`; none where it cannot be followed.
    fn node(&mut self, yaml: &Yaml, column: usize) -> Option<()> {
        match &yaml.shape {
            Shape::Map(entries) => {
                for (key, value) in entries {
                    self.entry(key, value, column)?;
                }
                Some(())
            }
            Shape::List(items) => items.iter().try_for_each(|item| self.item(item, column)),
            Shape::Null | Shape::Scalar(_) => Some(()),
        }
    }

    fn entry(&mut self, key: &Yaml, value: &Yaml, column: usize) -> Option<()> {
        let at = key.span.start;
        let (line, old) = (self.lines.of(at), self.lines.column(at));
        match self.lines.get(line).get(..old)?.trim_matches(' ') {
            "" => {
                self.columns[line] = Some(column);
                self.entries.push((line, old, column));
            }
            // The dash has placed the line.
            "-" => self.entries.push((line, old, column)),
            _ => return None,
        }
        // An alias stands for a node elsewhere, nothing for none at all.
        if matches!(value.shape, Shape::Null) || value.span.start < key.span.end {
            return Some(());
        }
        if self.is_block(value) {
            return self.node(value, column + STEP);
        }
        self.lines_of_value(value, (line, old), column)
    }

    fn item(&mut self, item: &Yaml, column: usize) -> Option<()> {
        let at = item.span.start;
        let (line, old) = (self.lines.of(at), self.lines.column(at));
        let before = self.lines.get(line).get(..old)?;
        let dash = before.len() - before.trim_start_matches(' ').len();
        if before.trim_matches(' ') != "-" || self.columns.get(line)?.is_some() {
            return None;
        }
        self.columns[line] = Some(column);
        self.entries.push((line, dash, column));
        if old > dash + STEP {
            self.wide.push((line, old));
        }
        if self.is_block(item) {
            return self.node(item, column + STEP);
        }
        let end = self.lines.end_of_item(line, dash);
        self.shift(line + 1..end, (column + STEP).checked_signed_diff(old)?);
        Some(())
    }

    /// The further lines of a single value, or of a list or mapping in brackets.
    fn lines_of_value(&mut self, value: &Yaml, key: (usize, usize), column: usize) -> Option<()> {
        let (line, old) = key;
        let below = self.lines.of(value.span.start) > line;
        if let Shape::Scalar(scalar) = &value.shape
            && matches!(scalar.style, Style::Literal | Style::Folded)
        {
            let header = self.lines.get(line).split(" #").next().unwrap_or("").trim_end();
            let given = header.ends_with(|c: char| c.is_ascii_digit());
            let trailing = header.trim_end_matches(['+', '-']).ends_with(['|', '>']);
            if given || !trailing {
                return None;
            }
        }
        let by = if below {
            let first = self.lines.indent(self.lines.of(value.span.start));
            (column + STEP).checked_signed_diff(first)?
        } else {
            column.checked_signed_diff(old)?
        };
        self.shift(line + 1..self.lines.end_of_entry(line, old), by);
        Some(())
    }

    /// Moves lines of a value.
    fn shift(&mut self, lines: std::ops::Range<usize>, by: isize) {
        for line in lines {
            if !self.lines.is_empty(line) {
                self.columns[line] = Some(self.lines.indent(line).saturating_add_signed(by));
            }
        }
    }

    /// Whether a list or mapping is written in lines, without brackets.
    fn is_block(&self, yaml: &Yaml) -> bool {
        let first = match &yaml.shape {
            Shape::Map(entries) => entries.first().map(|(key, _)| key.span.start),
            Shape::List(items) => items.first().map(|item| item.span.start),
            Shape::Null | Shape::Scalar(_) => None,
        };
        let sign = self.text.as_bytes().get(yaml.span.start);
        let bracket = matches!(sign, Some(b'{' | b'['));
        first.is_some_and(|first| !bracket || first == yaml.span.start)
    }

    /// A comment stands where an entry in its column went: the next one, else one before it.
    fn comments(&mut self) {
        self.entries.sort_unstable();
        for line in 0..self.lines.len() {
            let comment = self.lines.get(line).trim_start().starts_with('#');
            if self.columns[line].is_some() || !comment {
                continue;
            }
            let old = self.lines.indent(line);
            let next = self.entries.partition_point(|(entry, ..)| *entry < line);
            let following = self.entries.get(next).map(|(entry, ..)| *entry);
            let same = |(_, column, _): &&(usize, usize, usize)| *column == old;
            let behind =
                self.entries[next..].iter().take_while(|(entry, ..)| Some(*entry) == following);
            let found = behind.clone().find(same);
            let found = found.or_else(|| self.entries[..next].iter().rev().find(same));
            let found = found.or_else(|| behind.clone().next()).or_else(|| self.entries.last());
            self.columns[line] = found.map(|(_, _, new)| *new);
        }
    }

    fn written(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        for line in 0..self.lines.len() {
            let bare = self.lines.get(line);
            match self.columns[line] {
                Some(column) if !bare.trim().is_empty() => {
                    out.push_str(&" ".repeat(column));
                    match self.wide.iter().find(|(wide, _)| *wide == line) {
                        Some((_, old)) => {
                            out.push_str("- ");
                            out.push_str(&bare[*old..]);
                        }
                        None => out.push_str(bare.trim_start_matches(' ')),
                    }
                }
                _ => out.push_str(bare),
            }
            out.push('\n');
        }
        out
    }
}
