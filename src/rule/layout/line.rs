//! Which lines does a text have, and which of them belong together?

/// The lines of a text; columns count bytes from 0.
pub(super) struct Lines<'t> {
    lines: Vec<&'t str>,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (mut starts, mut at) = (Vec::new(), 0);
        for line in text.split_inclusive('\n') {
            starts.push(at);
            at += line.len();
        }
        Self { lines: text.lines().collect(), starts }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line without its break; empty behind the last.
    pub(super) fn get(&self, line: usize) -> &'t str {
        self.lines.get(line).copied().unwrap_or("")
    }

    /// The line of a byte.
    pub(super) fn of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// The column of a byte.
    pub(super) fn column(&self, byte: usize) -> usize {
        byte - self.starts.get(self.of(byte)).copied().unwrap_or(0)
    }

    /// How many blanks a line starts with.
    pub(super) fn indent(&self, line: usize) -> usize {
        let line = self.get(line);
        line.len() - line.trim_start_matches(' ').len()
    }

    pub(super) fn is_empty(&self, line: usize) -> bool {
        self.get(line).trim().is_empty()
    }

    /// The first line of the comments and empty lines above an entry at `column`; of the first
    /// entry of a mapping (`place` 0) they belong to what the mapping belongs to.
    pub(super) fn above(&self, line: usize, column: usize, place: usize) -> usize {
        let mut top = line;
        while place > 0 && top > 0 {
            let above = top - 1;
            let comment = self.get(above).trim_start().starts_with('#');
            let trivia = self.is_empty(above) || (comment && self.indent(above) <= column);
            if !trivia {
                break;
            }
            top = above;
        }
        top
    }

    /// The line behind the last one of an entry whose key starts in `line` at `column`: all that is
    /// indented further belongs to it, and the items of its list, which may be indented as it is.
    pub(super) fn end_of_entry(&self, line: usize, column: usize) -> usize {
        self.end(line, |next| {
            let item = self.get(next).trim_start().starts_with("- ");
            self.indent(next) > column || (item && self.indent(next) == column)
        })
    }

    /// The line behind the last one of an item whose dash stands in `line` at `column`.
    pub(super) fn end_of_item(&self, line: usize, column: usize) -> usize {
        self.end(line, |next| self.indent(next) > column)
    }

    fn end(&self, line: usize, belongs: impl Fn(usize) -> bool) -> usize {
        let mut end = line + 1;
        for next in line + 1..self.len() {
            if self.is_empty(next) {
                continue;
            }
            if !belongs(next) {
                break;
            }
            end = next + 1;
        }
        end
    }
}
