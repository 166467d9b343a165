//! What can be written here?
//!
//! ```text
//! text, with a mark where the cursor is ──► outline ──► the node with the mark
//!                                                         │
//!     key of a mapping ◄── keys not yet there ────────────┤
//!     one of some words, a rule, a label used elsewhere ◄─┤
//!     expression ◄── names, fields, functions, by type ◄──┘
//! ```
//!
//! The mark makes a half-typed line a line like any other: nothing has to parse but what stands
//! before a dot.

mod formula;

use crate::rule::keys;
use crate::rule::keys::Holds;
use crate::rule::keys::Key;
use std::collections::BTreeSet;
use std::ops::Range;

pub(in crate::rule::assist) use self::formula::signature;
use crate::rule::assist::outline::Outline;
use crate::rule::assist::outline::ROOT;
use crate::rule::assist::outline::Shape;
use crate::rule::assist::sight;
use crate::rule::assist::sight::Sight;
use crate::rule::assist::written::Written;
use crate::rule::diagnostic::Files;
use crate::rule::fixture::TEST_FILE_SUFFIX;
use crate::rule::words;

/// Stands where the cursor is. It counts as a letter of keys and is hardly ever written.
const MARK: char = 'ǂ';

/// Most suggestions of one kind that come from other files.
const ELSEWHERE_MAX: usize = 200;

/// Something that can be written at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is shown in the list.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// Its type or form, in a few words.
    pub detail: String,
    /// What it means.
    pub docs: String,
    /// What is written, with `${1:…}` where something is to be filled in.
    pub insert: String,
    /// The bytes of the file that it takes the place of: what was typed of it.
    pub replace: Range<usize>,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    /// A key of YAML.
    Key,
    /// A word or a text.
    Word,
    /// A function.
    Function,
    /// An operation on lists or values.
    Method,
    /// A field of something.
    Field,
    /// A name that stands for something.
    Name,
    /// The name of a rule.
    Rule,
    /// A file.
    File,
}

impl Completion {
    /// The text to write for an editor that fills nothing in.
    pub fn plain(&self) -> String {
        let (mut out, mut rest) = (String::new(), self.insert.as_str());
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let Some(inner) = rest.strip_prefix('{') else {
                rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                continue;
            };
            let text = inner.trim_start_matches(|c: char| c.is_ascii_digit());
            let text = text.strip_prefix(':').unwrap_or(text);
            let mut escaped = false;
            let end = text.find(|c: char| {
                let ends = c == '}' && !escaped;
                escaped = c == '\\';
                ends
            });
            let end = end.unwrap_or(text.len());
            out.push_str(&text[..end].replace("\\}", "}"));
            rest = text.get(end + 1..).unwrap_or("");
        }
        out.push_str(rest);
        out
    }
}

/// The marked text around a cursor.
struct Around<'a> {
    files: &'a Files,
    file: usize,
    /// The byte of the cursor, in the file and in the marked text.
    offset: usize,
    outline: &'a Outline<'a>,
}

/// What can be written at a byte of a file.
pub fn completions(files: &Files, file: usize, offset: usize) -> Vec<Completion> {
    let text = files.text(file);
    let offset = text.floor_char_boundary(offset);
    let marked = format!("{}{MARK}{}", &text[..offset], &text[offset..]);
    let outline = Outline::read(&marked);
    let around = Around { files, file, offset, outline: &outline };
    around.completions().unwrap_or_default()
}

/// What a file has at its top; of a file that is neither, nothing is known.
pub fn top(name: &str) -> Holds {
    if name.ends_with(TEST_FILE_SUFFIX) {
        keys::of_file(true)
    } else if is_rule_file(name) {
        keys::of_file(false)
    } else {
        Holds::Text
    }
}

impl Around<'_> {
    fn completions(&self) -> Option<Vec<Completion>> {
        let marked = |range: &Range<usize>| range.contains(&self.offset);
        let mut nodes = self.outline.nodes().skip(1);
        let found = nodes.find(|(_, node)| {
            node.key.as_ref().is_some_and(marked)
                || (node.shape.is_written() && marked(&node.value))
        });
        let Some((index, node)) = found else {
            // An empty file, or one whose first word is being written.
            let root = self.outline.node(ROOT);
            return (root.shape.is_written() && marked(&root.value)).then(|| self.keys(ROOT));
        };
        if node.key.as_ref().is_some_and(marked) {
            return Some(self.keys(node.parent));
        }
        let holds = self.top().at(&self.outline.path(index))?;
        let mut found = self.values(index, holds);
        // A mapping begins on a line of its own, or behind a dash.
        let between = node
            .key
            .as_ref()
            .map_or("\n", |key| self.outline.text.get(key.end..node.value.start).unwrap_or(""));
        if node.shape == Shape::Plain && between.contains('\n') {
            found.extend(self.keys(index));
        }
        Some(found)
    }

    fn top(&self) -> Holds {
        top(self.files.name(self.file))
    }

    /// The bytes of the cursor's word.
    fn typed(&self, belongs: impl Fn(char) -> bool) -> Range<usize> {
        let before = &self.outline.text[..self.offset];
        let word = before.chars().rev().take_while(|c| belongs(*c));
        self.offset - word.map(char::len_utf8).sum::<usize>()..self.offset
    }

    /// Keys that the mapping does not have yet.
    fn keys(&self, map: usize) -> Vec<Completion> {
        let path = self.outline.path(map);
        let Some(holds) = self.top().at(&path) else { return Vec::new() };
        let replace = self.typed(|c| c.is_alphanumeric() || c == '_');
        // Lines that a key brings with it stand as far in as the key.
        let column =
            replace.start - self.outline.text[..replace.start].rfind('\n').map_or(0, |at| at + 1);
        let breaks = format!("\n{}", " ".repeat(column));
        let in_brackets = self.in_brackets(map);
        let missing = holds.keys().filter(|key| {
            self.outline.entry(map, key.name).is_none_or(|entry| self.holds_cursor(entry))
        });
        let complete = |key: &Key| {
            let start = if in_brackets && key.start.contains('\n') { " " } else { key.start };
            Completion {
                label: key.name.to_owned(),
                kind: CompletionKind::Key,
                detail: key.holds.form().to_owned(),
                docs: key.sentence(),
                insert: format!("{}:{}", key.name, start.replace('\n', &breaks)),
                replace: replace.clone(),
            }
        };
        missing.map(complete).collect()
    }

    fn holds_cursor(&self, node: usize) -> bool {
        self.outline.node(node).key.as_ref().is_some_and(|key| key.contains(&self.offset))
    }

    fn in_brackets(&self, map: usize) -> bool {
        let node = self.outline.node(map);
        node.shape == Shape::Map && self.outline.text[node.value.clone()].starts_with('{')
    }

    fn values(&self, index: usize, holds: Holds) -> Vec<Completion> {
        let word = |c: char| !c.is_whitespace() && !"[]{},\"'&*".contains(c);
        let typed = || self.typed(word);
        match holds {
            Holds::Likewise | Holds::Datum(&[]) => self.elsewhere(index, typed()),
            Holds::Choice(words) | Holds::Datum(words) => one_of(words, &typed()),
            Holds::Duration => one_of(&words::DURATIONS, &typed()),
            // `on: or|`: the word stands in the place of the list.
            Holds::Trigger => in_list(&words::KINDS, &typed()),
            Holds::List(Holds::Rule) => self.rules(typed(), true),
            Holds::Rule => self.rules(typed(), false),
            Holds::RuleFile => self.rule_files(typed()),
            Holds::Expression | Holds::Template => {
                let template = matches!(holds, Holds::Template);
                self.expression(index, template).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The rules of the folder.
    fn rules(&self, replace: Range<usize>, bracket: bool) -> Vec<Completion> {
        let mut names = Vec::new();
        for file in (0..self.files.len()).filter(|file| is_rule_file(self.files.name(*file))) {
            let outline = Outline::read(self.files.text(file));
            for rule in sight::rules(&outline) {
                let Some(alert) = outline.entry(rule, "alert") else { continue };
                let family = outline.entry(rule, "family").map_or("", |f| outline.raw(f));
                let name = outline.raw(alert).to_owned();
                names.push(Completion {
                    insert: if bracket { format!("[{name}]") } else { name.clone() },
                    label: name,
                    kind: CompletionKind::Rule,
                    detail: family.to_owned(),
                    docs: self.files.name(file).to_owned(),
                    replace: replace.clone(),
                });
            }
        }
        names
    }

    /// The rule files of the folder.
    fn rule_files(&self, replace: Range<usize>) -> Vec<Completion> {
        let names = (0..self.files.len()).map(|file| self.files.name(file));
        let names = names.filter(|name| is_rule_file(name)).map(last_part);
        let file = |name: &str| Completion {
            label: name.to_owned(),
            kind: CompletionKind::File,
            detail: String::new(),
            docs: String::new(),
            insert: name.to_owned(),
            replace: replace.clone(),
        };
        names.map(file).collect()
    }

    /// What stands under the same key elsewhere in the folder.
    fn elsewhere(&self, index: usize, replace: Range<usize>) -> Vec<Completion> {
        let key = self.outline.key(index);
        let mut values = BTreeSet::new();
        for file in 0..self.files.len() {
            let outline = Outline::read(self.files.text(file));
            let same = outline
                .nodes()
                .filter(|(found, node)| node.shape.is_written() && outline.key(*found) == key);
            for (found, node) in same {
                let here = file == self.file && node.value.end == replace.end;
                if values.len() < ELSEWHERE_MAX && !here {
                    values.insert(outline.raw(found).to_owned());
                }
            }
        }
        let value = |value: String| Completion {
            label: value.clone(),
            kind: CompletionKind::Word,
            detail: format!("`{key}` elsewhere in the folder"),
            docs: String::new(),
            insert: value,
            replace: replace.clone(),
        };
        values.into_iter().map(value).collect()
    }

    /// What an expression can go on with.
    fn expression(&self, index: usize, template: bool) -> Option<Vec<Completion>> {
        let written = Written::of(self.outline, index)?;
        let mut before = &written.text[..written.text.find(MARK)?];
        if template {
            let open = before.rfind("{{")? + 2;
            before = &before[open..];
            if before.contains("}}") {
                return None;
            }
        }
        let sight = Sight::from(self.outline, index)?;
        let typing = sight.typing(self.outline);
        let mut expected = formula::Cursor { before, template, sight, typing, at: self.offset };
        Some(expected.completions())
    }
}

/// Some words to choose from.
fn one_of(words: &[words::Word], replace: &Range<usize>) -> Vec<Completion> {
    let word = |(word, what): &words::Word| Completion {
        label: (*word).to_owned(),
        kind: CompletionKind::Word,
        detail: String::new(),
        docs: (*what).to_owned(),
        insert: (*word).to_owned(),
        replace: replace.clone(),
    };
    words.iter().map(word).collect()
}

/// The same where a list of them is wanted.
fn in_list(words: &[words::Word], replace: &Range<usize>) -> Vec<Completion> {
    let bracketed =
        |found: Completion| Completion { insert: format!("[{}]", found.insert), ..found };
    one_of(words, replace).into_iter().map(bracketed).collect()
}

/// Whether a name is that of a rule file.
pub fn is_rule_file(name: &str) -> bool {
    name.ends_with(crate::rule::file::RULE_FILE_SUFFIX)
}

/// The name of a file without its folder.
pub fn last_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests;
