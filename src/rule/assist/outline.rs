//! What does a YAML text look like, even while it is being typed?
//!
//! ```text
//! rules:                     root ─ rules ─ item ─┬─ alert   Plain  `A`
//!   - alert: A                                    ├─ on      List ─ item Plain `order`
//!     on: [order                                  └─ wh      bare: a key without its colon
//!     wh|
//! ```
//!
//! The parser of YAML refuses a file as a whole, and that is right for a check. An editor asks about
//! the line that is not yet finished. This reader goes by lines and their indentation, never fails,
//! and agrees with the parser on every file that is sound and of the kind that rules are: keys are
//! words, maps and lists stand in blocks or in brackets.

use std::ops::Range;

/// Deepest nesting of brackets that is followed.
const DEPTH_MAX: usize = 32;

/// The root of an [`Outline`].
pub const ROOT: usize = 0;

/// What a value is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing stands there (yet).
    Missing,
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
    /// `*name`
    Alias,
    /// Entries with keys.
    Map,
    /// Items.
    List,
}

/// An entry of a map, an item of a list, or the root.
#[derive(Debug, Clone)]
pub struct Node {
    /// The map or list that it is in; the root is in itself.
    pub parent: usize,
    /// What it holds, in the order of the text.
    pub children: Vec<usize>,
    /// The key of an entry, without quotes; items and the root have none.
    pub key: Option<Range<usize>>,
    /// The value as it is written, with its quotes; of a block of text, its lines.
    pub value: Range<usize>,
    /// What the value is written as.
    pub shape: Shape,
    /// The name behind `&`.
    pub anchor: Option<Range<usize>>,
    /// Whether it is a key whose colon is yet to come.
    pub bare: bool,
    /// From the key or dash to the end of all that it holds.
    pub span: Range<usize>,
}

/// A text as a tree.
#[derive(Debug)]
pub struct Outline<'t> {
    /// The text.
    pub text: &'t str,
    nodes: Vec<Node>,
}

/// A node whose value stands in a block, and the column of its key or dash; the root's is before
/// every other.
struct Level {
    node: usize,
    column: Option<usize>,
}

struct Scanner<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    levels: Vec<Level>,
}

impl<'t> Outline<'t> {
    /// Reads a text; never fails.
    pub fn read(text: &'t str) -> Self {
        let root = Node::new(ROOT, None, 0);
        let levels = vec![Level { node: ROOT, column: None }];
        let mut scanner = Scanner { text, nodes: vec![root], levels };
        let mut at = 0;
        while at < text.len() {
            let column = blanks(text, at);
            let content = line(text, at + column);
            at = if is_void(content) || content.starts_with("---") || content.starts_with("...") {
                next_line(text, at)
            } else {
                scanner.line(at + column, column)
            };
        }
        let mut nodes = scanner.nodes;
        // Children stand behind their parents, so that one pass from the end is enough.
        for index in (1..nodes.len()).rev() {
            let (parent, end) = (nodes[index].parent, nodes[index].span.end);
            nodes[parent].span.end = nodes[parent].span.end.max(end);
        }
        Self { text, nodes }
    }

    /// A node.
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// All nodes, the outer before the inner.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate()
    }

    /// The key of a node; empty for an item.
    pub fn key(&self, index: usize) -> &'t str {
        self.nodes[index].key.clone().map_or("", |key| &self.text[key])
    }

    /// The value of a node as it is written, without quotes around it.
    pub fn raw(&self, index: usize) -> &'t str {
        let text = &self.text[self.nodes[index].value.clone()];
        match self.nodes[index].shape {
            Shape::SingleQuoted => text.trim_matches('\''),
            Shape::DoubleQuoted => text.trim_matches('"'),
            _ => text,
        }
    }

    /// The entry of a map with this key.
    pub fn entry(&self, map: usize, key: &str) -> Option<usize> {
        self.nodes[map].children.iter().copied().find(|child| self.key(*child) == key)
    }

    /// The innermost node whose key or written value touches this byte.
    pub fn at(&self, offset: usize) -> Option<usize> {
        let touches = |range: &Range<usize>| range.start <= offset && offset <= range.end;
        let held = |node: &Node| {
            node.key.as_ref().is_some_and(touches)
                || node.anchor.as_ref().is_some_and(touches)
                || (node.shape.is_written() && touches(&node.value))
        };
        self.nodes.iter().rposition(held)
    }

    /// The keys from the root to a node; `-` stands for an item.
    pub fn path(&self, mut index: usize) -> Vec<&'t str> {
        let mut path = Vec::new();
        while index != ROOT {
            let key = self.nodes[index].key.is_some();
            path.push(if key { self.key(index) } else { "-" });
            index = self.nodes[index].parent;
        }
        path.reverse();
        path
    }

    /// The node that an alias stands for; any other node is itself.
    pub fn resolved(&self, index: usize) -> usize {
        if self.nodes[index].shape != Shape::Alias {
            return index;
        }
        let name = self.raw(index).trim_start_matches('*');
        let named = |node: &Node| node.anchor.clone().is_some_and(|a| &self.text[a] == name);
        self.nodes[..index].iter().rposition(named).unwrap_or(index)
    }
}

impl Shape {
    /// Whether it is one value that is written out.
    pub fn is_written(self) -> bool {
        !matches!(self, Self::Missing | Self::Map | Self::List)
    }
}

impl Node {
    fn new(parent: usize, key: Option<Range<usize>>, start: usize) -> Self {
        Self {
            parent,
            children: Vec::new(),
            key,
            value: start..start,
            shape: Shape::Missing,
            anchor: None,
            bare: false,
            span: start..start,
        }
    }
}

impl Scanner<'_> {
    fn push(&mut self, node: Node) -> usize {
        let (index, parent) = (self.nodes.len(), node.parent);
        self.nodes.push(node);
        self.nodes[parent].children.push(index);
        index
    }

    fn set(&mut self, node: usize, shape: Shape, value: Range<usize>) {
        let node = &mut self.nodes[node];
        node.span.end = node.span.end.max(value.end);
        (node.shape, node.value) = (shape, value);
    }

    /// Leaves the blocks that a line in this column is not part of; gives the one that it is in.
    fn enclosing(&mut self, column: usize, dash: bool) -> usize {
        while let [.., Level { node, column: Some(own) }] = self.levels[..] {
            let holder = &self.nodes[node];
            // The items of a list may stand below its key.
            let list = matches!(holder.shape, Shape::Missing | Shape::List);
            if own < column || (own == column && dash && list && holder.key.is_some()) {
                break;
            }
            self.levels.pop();
        }
        self.levels.last().map_or(ROOT, |level| level.node)
    }

    /// Takes in what starts at a byte of a line; gives the start of the line to go on with.
    fn line(&mut self, mut at: usize, mut column: usize) -> usize {
        loop {
            let content = line(self.text, at);
            let dash = content == "-" || content.starts_with("- ");
            let parent = self.enclosing(column, dash);
            let shape = self.nodes[parent].shape;
            if dash {
                if shape == Shape::Missing {
                    self.nodes[parent].shape = Shape::List;
                }
                let mut item = Node::new(parent, None, at);
                item.span.end = at + 1;
                let item = self.push(item);
                self.levels.push(Level { node: item, column: Some(column) });
                let step = 1 + blanks(self.text, at + 1);
                (at, column) = (at + step, column + step);
                self.set(item, Shape::Missing, at..at);
                if is_void(line(self.text, at)) {
                    return next_line(self.text, at);
                }
                continue;
            }
            if let Some((key, behind)) = block_key(self.text, at) {
                if matches!(shape, Shape::Missing | Shape::Plain) {
                    self.nodes[parent].shape = Shape::Map;
                }
                if shape == Shape::Plain {
                    // What stood there alone was the beginning of a key.
                    let word = self.nodes[parent].value.clone();
                    self.bare(parent, word);
                }
                let mut entry = Node::new(parent, Some(key), at);
                entry.span.end = behind;
                let entry = self.push(entry);
                self.levels.push(Level { node: entry, column: Some(column) });
                return self.value(entry, behind, Some(column));
            }
            return self.loose(parent, at, column);
        }
    }

    /// A text that is neither an item nor has a key.
    fn loose(&mut self, parent: usize, at: usize, column: usize) -> usize {
        let end = at + plain_length(line(self.text, at));
        match self.nodes[parent].shape {
            Shape::Missing => {
                let own = self.levels.last().and_then(|level| level.column);
                return self.value(parent, at, own);
            }
            Shape::Map => {
                let entry = self.bare(parent, at..end);
                self.levels.push(Level { node: entry, column: Some(column) });
            }
            Shape::Plain => {
                let start = self.nodes[parent].value.start;
                self.set(parent, Shape::Plain, start..end);
            }
            _ => {}
        }
        next_line(self.text, at)
    }

    /// A key whose colon is yet to come.
    fn bare(&mut self, map: usize, key: Range<usize>) -> usize {
        let mut entry = Node::new(map, Some(key.clone()), key.start);
        (entry.bare, entry.span.end, entry.value) = (true, key.end, key.end..key.end);
        self.push(entry)
    }

    /// The value of a node, from behind its colon or dash; gives the line to go on with.
    fn value(&mut self, node: usize, from: usize, own: Option<usize>) -> usize {
        let mut at = from + blanks(self.text, from);
        while let Some(sign @ ('&' | '!')) = self.text[at..].chars().next() {
            let word = word_length(&self.text[at..]);
            if sign == '&' {
                self.nodes[node].anchor = Some(at + 1..at + word);
            }
            at += word;
            at += blanks(self.text, at);
        }
        let content = line(self.text, at);
        if is_void(content) {
            self.set(node, Shape::Missing, at..at);
            return next_line(self.text, at);
        }
        match content.as_bytes()[0] {
            b'|' => self.block(node, at, (own, Shape::Literal)),
            b'>' => self.block(node, at, (own, Shape::Folded)),
            b'\'' | b'"' => {
                let end = self.quoted(node, at, own);
                // `'a' == x` is no YAML, but what an author has in mind is plain.
                if end < at + content.len() && !is_void(line(self.text, end).trim_start()) {
                    self.set(node, Shape::Plain, at..at + plain_length(content));
                }
                next_line(self.text, end)
            }
            b'{' | b'[' => {
                let end = self.flow(node, at, own, 0);
                next_line(self.text, end)
            }
            b'*' => {
                self.set(node, Shape::Alias, at..at + word_length(content));
                next_line(self.text, at)
            }
            _ => {
                self.set(node, Shape::Plain, at..at + plain_length(content));
                next_line(self.text, at)
            }
        }
    }

    /// The lines behind `|` or `>`.
    fn block(&mut self, node: usize, at: usize, (own, shape): (Option<usize>, Shape)) -> usize {
        let first = next_line(self.text, at);
        let (mut next, mut end) = (first, first);
        while next < self.text.len() {
            let indent = blanks(self.text, next);
            let content = line(self.text, next + indent);
            if content.is_empty() {
                next = next_line(self.text, next);
                continue;
            }
            if own.is_some_and(|own| indent <= own) {
                break;
            }
            end = next + indent + content.len();
            next = next_line(self.text, next);
        }
        self.set(node, shape, first..end);
        // Empty lines behind the block belong to nobody.
        if end == first { first } else { next_line(self.text, end) }
    }

    /// A text in quotes; one that is not closed ends with its line. Gives its end.
    fn quoted(&mut self, node: usize, at: usize, own: Option<usize>) -> usize {
        let double = self.text[at..].starts_with('"');
        let shape = if double { Shape::DoubleQuoted } else { Shape::SingleQuoted };
        let end = self.closing_quote(at, own);
        let end = end.unwrap_or_else(|| at + line(self.text, at).trim_end().len());
        self.set(node, shape, at..end);
        end
    }

    /// Behind the quote that closes the one at this byte.
    fn closing_quote(&self, at: usize, own: Option<usize>) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let quote = bytes[at];
        let mut next = at + 1;
        while next < bytes.len() {
            match bytes[next] {
                b'\\' if quote == b'"' => next += 1,
                b'\n' if self.breaks_off(next + 1, own) => return None,
                b'\'' if quote == b'\'' && bytes.get(next + 1) == Some(&b'\'') => next += 1,
                byte if byte == quote => return Some(next + 1),
                _ => {}
            }
            next += 1;
        }
        None
    }

    /// Whether the lines from here on belong to an outer block, whatever is still open.
    fn breaks_off(&self, line_start: usize, own: Option<usize>) -> bool {
        let mut at = line_start;
        while at < self.text.len() {
            let indent = blanks(self.text, at);
            let content = line(self.text, at + indent);
            if content.is_empty() {
                at = next_line(self.text, at);
                continue;
            }
            // A bracket may be closed below its key; all else stands further in.
            return own.is_some_and(|own| indent <= own) && !content.starts_with([']', '}', ',']);
        }
        false
    }

    /// What stands in `{…}` or `[…]`; gives its end.
    fn flow(&mut self, node: usize, open: usize, own: Option<usize>, depth: usize) -> usize {
        let list = self.text[open..].starts_with('[');
        let shape = if list { Shape::List } else { Shape::Map };
        let mut at = open + 1;
        let end = loop {
            let Some(next) = self.flow_start(at, own) else { break at };
            at = next;
            match self.text[at..].chars().next() {
                None => break at,
                Some(']' | '}') => break at + 1,
                Some(',') => at += 1,
                Some(_) if depth >= DEPTH_MAX => break at + line(self.text, at).len(),
                Some(_) if list => {
                    let item = self.push(Node::new(node, None, at));
                    at = self.flow_value(item, at, own, depth);
                }
                Some(_) => at = self.flow_entry(node, at, own, depth),
            }
        };
        self.set(node, shape, open..end);
        end
    }

    fn flow_entry(&mut self, map: usize, at: usize, own: Option<usize>, depth: usize) -> usize {
        let quoted = self.text[at..].starts_with(['\'', '"']);
        let (key, behind) = match self.closing_quote(at, own).filter(|_| quoted) {
            Some(end) => (at + 1..end - 1, end),
            None => {
                let rest = line(self.text, at);
                let length = rest.find([':', ',', '{', '}', '[', ']']).unwrap_or(rest.len());
                let key = at..at + rest[..length].trim_end().len();
                (key, at + length)
            }
        };
        let mut entry = Node::new(map, Some(key.clone()), at);
        (entry.span.end, entry.value) = (key.end, behind..behind);
        let colon = behind + blanks(self.text, behind);
        if !self.text[colon..].starts_with(':') {
            entry.bare = true;
            self.push(entry);
            // Something is always taken, so that every text comes to its end.
            return behind.max(at + self.text[at..].chars().next().map_or(1, char::len_utf8));
        }
        let entry = self.push(entry);
        let Some(value) = self.flow_start(colon + 1, own) else { return colon + 1 };
        if self.text[value..].starts_with([',', '}', ']']) || value == self.text.len() {
            let place = (colon + 2).min(value);
            self.set(entry, Shape::Missing, place..place);
            return value;
        }
        self.flow_value(entry, value, own, depth)
    }

    fn flow_value(&mut self, node: usize, from: usize, own: Option<usize>, depth: usize) -> usize {
        let mut at = from;
        if self.text[at..].starts_with('&') {
            let word = word_length(&self.text[at..]);
            self.nodes[node].anchor = Some(at + 1..at + word);
            at += word + blanks(self.text, at + word);
        }
        match self.text[at..].chars().next() {
            Some('\'' | '"') => self.quoted(node, at, own),
            Some('{' | '[') => self.flow(node, at, own, depth + 1),
            _ => {
                let rest = line(self.text, at);
                let ends = |(place, c): (usize, char)| match c {
                    ',' | '[' | ']' | '{' | '}' => true,
                    ':' => rest[place + 1..].starts_with([' ', ',']) || rest.len() == place + 1,
                    '#' => place > 0 && rest[..place].ends_with(' '),
                    _ => false,
                };
                let length = rest.char_indices().find(|c| ends(*c)).map_or(rest.len(), |c| c.0);
                let end = at + rest[..length].trim_end().len();
                let shape = if rest.starts_with('*') { Shape::Alias } else { Shape::Plain };
                self.set(node, shape, at..end);
                end.max(at + rest.chars().next().map_or(1, char::len_utf8)).min(self.text.len())
            }
        }
    }

    /// The next byte in brackets that is no blank, break or comment; none where an outer block
    /// goes on though the bracket is open.
    fn flow_start(&self, from: usize, own: Option<usize>) -> Option<usize> {
        let mut at = from;
        loop {
            at += blanks(self.text, at);
            match self.text[at..].chars().next() {
                Some('#') => at += line(self.text, at).len(),
                Some('\n') if self.breaks_off(at + 1, own) => return None,
                Some('\n' | '\r') => at += 1,
                _ => return Some(at),
            }
        }
    }
}

/// Length of the blanks from here.
fn blanks(text: &str, at: usize) -> usize {
    text.as_bytes()[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The rest of a line.
fn line(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())].trim_end()
}

fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |offset| at + offset + 1)
}

/// Nothing, or a comment.
fn is_void(content: &str) -> bool {
    content.is_empty() || content.starts_with('#')
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(text.len())
}

/// Length of a plain value: up to a comment.
fn plain_length(content: &str) -> usize {
    let value = content.find(" #").map_or(content, |comment| &content[..comment]);
    value.trim_end().len()
}

/// A key in a block, and the byte behind its colon. Keys are words: `a ? b : c` has none.
fn block_key(text: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let content = line(text, at);
    let first = content.chars().next()?;
    let (key, rest) = if matches!(first, '\'' | '"') {
        let length = content[1..].find(first)?;
        (at + 1..at + 1 + length, &content[length + 2..])
    } else {
        let word = |c: char| c.is_alphanumeric() || "_.-<".contains(c);
        let length = content.find(|c| !word(c)).unwrap_or(content.len());
        (at..at + length, &content[length..])
    };
    let behind = rest.trim_start().strip_prefix(':')?;
    let whole = behind.is_empty() || behind.starts_with([' ', '\t']);
    let place = at + content.len() - behind.len();
    (whole && !key.is_empty()).then_some((key, place))
}

#[cfg(test)]
mod tests;
