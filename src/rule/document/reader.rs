//! How do nodes become typed values, with every mistake reported and none of them the last?
//!
//! ```text
//! Yaml ──► Reader::fields(known keys) ──► Fields ──► text, list, duration, choice …
//!              │                                        │
//!              └── unknown, repeated, missing ──────────┴──► diagnostics
//! ```
//!
//! A method that finds a mistake reports it and gives `None`; the caller goes on with the rest.

use std::ops::Range;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::suggest;
use crate::rule::document::Located;
use crate::rule::document::Scalar;
use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::time::Span;

/// Reads the nodes of one file and keeps what is wrong with them.
#[derive(Debug)]
pub struct Reader {
    /// Number of the file in its table.
    pub file: usize,
    /// What was found so far, in the order of finding.
    pub problems: Vec<Diagnostic>,
}

/// The entries of a mapping, each key once and known.
#[derive(Debug)]
pub struct Fields<'y> {
    /// What the mapping is, in the words of the author: `the rule`.
    what: &'static str,
    /// What to point at when something is missing.
    pub span: Range<usize>,
    /// Known keys that a misspelled one was likely meant to be: they are not missing as well.
    misspelled: Vec<&'static str>,
    /// Key, its place, its value, in the order of the file.
    pub entries: Vec<(&'y str, Range<usize>, &'y Yaml)>,
}

impl<'y> Fields<'y> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'y Yaml> {
        self.entries.iter().find(|(name, ..)| *name == key).map(|(.., value)| *value)
    }
}

impl Reader {
    /// For the nodes of this file.
    pub fn new(file: usize) -> Self {
        Self { file, problems: Vec::new() }
    }

    /// Reports a mistake.
    pub fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// A mistake of this file, still to be reported.
    pub fn error(
        &self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(code, self.file, span.clone(), message)
    }

    /// The entries of a mapping that may hold these keys only.
    pub fn fields<'y>(
        &mut self,
        yaml: &'y Yaml,
        what: &'static str,
        known: &[&'static str],
    ) -> Option<Fields<'y>> {
        let mut fields = self.any_fields(yaml, what)?;
        let mut misspelled = Vec::new();
        fields.entries.retain(|(key, span, _)| {
            if known.contains(key) {
                return true;
            }
            let near = suggest(key, known.iter().copied());
            misspelled.extend(near);
            let problem = self
                .error("E101", span, format!("{what} has no key `{key}`"))
                .with_label("unknown key");
            self.report(match near {
                Some(_) => problem.with_suggestion(near),
                None => problem.with_help(format!("its keys are {}", quoted(known))),
            });
            false
        });
        Some(Fields { misspelled, ..fields })
    }

    /// The entries of a mapping whose keys are the author's own names.
    pub fn any_fields<'y>(&mut self, yaml: &'y Yaml, what: &'static str) -> Option<Fields<'y>> {
        let Shape::Map(pairs) = &yaml.shape else {
            let problem = self.error(
                "E104",
                &self.first_line(yaml),
                format!("{what} is written as a mapping, here is {}", yaml.noun()),
            );
            self.report(problem.with_help("write `key: value` lines, indented alike"));
            return None;
        };
        let mut entries: Vec<(&str, Range<usize>, &Yaml)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Shape::Scalar(name) = &key.shape else {
                let problem = self.error(
                    "E104",
                    &key.span,
                    format!("a key is a name, here is {}", key.noun()),
                );
                self.report(problem.with_help("put a text that starts with `{` or `[` in quotes"));
                continue;
            };
            match entries.iter().find(|(known, ..)| *known == name.text) {
                Some((_, first, _)) => {
                    let problem = self
                        .error(
                            "E102",
                            &key.span,
                            format!("{what} has the key `{}` twice", name.text),
                        )
                        .with_label("again here")
                        .with_secondary(self.file, first.clone(), "first here")
                        .with_help("take one of them away");
                    self.report(problem);
                }
                None => entries.push((&name.text, key.span.clone(), value)),
            }
        }
        let span = entries.first().map_or(yaml.span.clone(), |(_, span, _)| span.clone());
        Some(Fields { what, span, misspelled: Vec::new(), entries })
    }

    /// The value of a key that has to be there.
    pub fn require<'y>(&mut self, fields: &Fields<'y>, key: &str, help: &str) -> Option<&'y Yaml> {
        let value = fields.get(key);
        if value.is_none() && !fields.misspelled.contains(&key) {
            let message = format!("{} has no `{key}`", fields.what);
            let problem = self.error("E103", &fields.span, message).with_help(help);
            self.report(problem);
        }
        value
    }

    /// A single value, as it is written.
    pub fn scalar<'y>(&mut self, yaml: &'y Yaml, key: &str) -> Option<&'y Scalar> {
        match &yaml.shape {
            Shape::Scalar(scalar) => Some(scalar),
            Shape::Null => {
                let problem = self.error("E104", &yaml.span, format!("`{key}` has no value"));
                self.report(problem.with_help("write one, or take the key away"));
                None
            }
            Shape::List(_) | Shape::Map(_) => {
                let message = format!("`{key}` is a single value, here is {}", yaml.noun());
                let problem = self.error("E104", &self.first_line(yaml), message);
                self.report(problem.with_help("put a text that starts with `{` or `[` in quotes"));
                None
            }
        }
    }

    /// A single value, as a text.
    pub fn text(&mut self, yaml: &Yaml, key: &str) -> Option<Located<String>> {
        let scalar = self.scalar(yaml, key)?;
        if scalar.text.trim().is_empty() {
            let problem = self.error("E104", &yaml.span, format!("`{key}` is empty"));
            self.report(problem.with_help("write a text, or take the key away"));
            return None;
        }
        Some(Located { value: scalar.text.clone(), span: yaml.span.clone() })
    }

    /// A list; `None` for a key without a value too, which is reported.
    pub fn list<'y>(&mut self, yaml: &'y Yaml, key: &str) -> Option<&'y [Yaml]> {
        match &yaml.shape {
            Shape::List(items) => Some(items),
            _ => {
                let message = format!("`{key}` is a list, here is {}", yaml.noun());
                let problem = self.error("E104", &self.first_line(yaml), message);
                self.report(
                    problem
                        .with_help(format!("write `{key}: [a, b]`, or a line with `- ` for each")),
                );
                None
            }
        }
    }

    /// A list of texts; what is no text is reported and left out.
    pub fn texts(&mut self, yaml: &Yaml, key: &str) -> Option<Vec<Located<String>>> {
        let items = self.list(yaml, key)?;
        Some(items.iter().filter_map(|item| self.text(item, key)).collect())
    }

    /// A length of time: `30d`.
    pub fn duration(&mut self, yaml: &Yaml, key: &str) -> Option<Located<Span>> {
        let text = self.text(yaml, key)?;
        match Span::parse(&text.value) {
            Ok(value) => Some(Located { value, span: text.span }),
            Err(_) => {
                let message = format!("`{}` is not a duration", text.value);
                let problem = self.error("E106", &text.span, message);
                self.report(problem.with_help(
                    "write numbers with units from large to small, e.g. `15m`, `30d`, `52w` or `1h30m`",
                ));
                None
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        yaml: &Yaml,
        key: &str,
        words: &[(T, &'static str)],
    ) -> Option<Located<T>> {
        let text = self.text(yaml, key)?;
        if let Some((value, _)) = words.iter().find(|(_, word)| *word == text.value) {
            return Some(Located { value: *value, span: text.span });
        }
        let names: Vec<&'static str> = words.iter().map(|(_, word)| *word).collect();
        let message = format!("`{key}` cannot be `{}`", text.value);
        let problem = self.error("E105", &text.span, message);
        let near = suggest(&text.value, names.iter().copied());
        self.report(match near {
            Some(_) => problem.with_suggestion(near),
            None => problem.with_help(format!("write one of {}", quoted(&names))),
        });
        None
    }

    /// The place of a node, or of the start of one with several lines.
    fn first_line(&self, yaml: &Yaml) -> Range<usize> {
        let first = match &yaml.shape {
            Shape::List(items) => items.first().map(|item| item.span.clone()),
            Shape::Map(entries) => entries.first().map(|(key, _)| key.span.clone()),
            Shape::Null | Shape::Scalar(_) => None,
        };
        debug_assert!(yaml.span.start <= yaml.span.end, "of file {}", self.file);
        yaml.span.start..first.map_or(yaml.span.end, |first| first.end.max(yaml.span.start))
    }
}

/// Names as a list for people.
fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
