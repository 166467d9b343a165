//! What is wrong in a rule file, where, and what to write instead.
//!
//! ```text
//! error[E203]: event `call.started` has no field `topik`         code, message
//!  --> rules/insurance.rules.yaml:7:21                           file, span
//!   |
//! 7 |         when: event.topik == 'car_insurance'
//!   |                     ^^^^^ no such field                    label
//!   |
//!   = help: did you mean `topic`?                                help
//! ```
//!
//! One mistake is one [`Diagnostic`]. It is shown to people by [`render()`] and to programs by
//! [`json_lines()`]; [`codes`] explains every code at length.

pub mod codes;
mod github;
mod junit;
mod render;
mod sarif;
mod spelling;

use std::ops::Range;

pub use self::github::github;
pub use self::junit::Case;
pub use self::junit::Suite;
pub use self::junit::junit;
pub use self::junit::suites;
pub use self::render::json_lines;
pub use self::render::render;
pub use self::sarif::sarif;
pub use self::spelling::suggest;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The rule cannot run.
    Error,
    /// The rule can run, but hardly as meant.
    Warning,
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// `E203`: see [`codes::explain`].
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// Number of the file in its [`Files`].
    pub file: usize,
    /// The bytes of the file that are wrong.
    pub span: Range<usize>,
    /// What stands under the carets; may be empty.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Other places that have to do with it, such as the first of two namesakes.
    pub secondary: Vec<Secondary>,
}

/// A place that has to do with a mistake elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secondary {
    /// Number of the file in its [`Files`].
    pub file: usize,
    /// The bytes of the file.
    pub span: Range<usize>,
    /// What is to be seen there.
    pub label: String,
}

/// The files of one load: a diagnostic names one by its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    files: Vec<(String, String)>,
}

/// Line and column of a place, both from 1; a column is a character, not a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Diagnostic {
    /// A mistake that keeps the rule from running.
    pub fn error(
        code: &'static str,
        file: usize,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            file,
            span,
            label: String::new(),
            help: None,
            secondary: Vec::new(),
        }
    }

    /// Something that is allowed, but hardly meant.
    pub fn warning(
        code: &'static str,
        file: usize,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, file, span, message) }
    }

    /// With this under the carets.
    #[must_use]
    pub fn with_label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// With what to write instead.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// With ``did you mean `name`?`` where a name is near; unchanged otherwise.
    #[must_use]
    pub fn with_suggestion(self, near: Option<&str>) -> Self {
        match near {
            Some(name) => self.with_help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// With one more place.
    #[must_use]
    pub fn with_secondary(
        mut self,
        file: usize,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        self.secondary.push(Secondary { file, span, label: label.into() });
        self
    }

    /// Whether it keeps the rule from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Files {
    /// Takes one more file; its number is what diagnostics carry.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> usize {
        self.files.push((name.into(), text.into()));
        self.files.len() - 1
    }

    /// How a file is called; empty for a number that is not of this table.
    pub fn name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |(name, _)| name)
    }

    /// What a file holds; empty for a number that is not of this table.
    pub fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |(_, text)| text)
    }

    /// What a file holds at a place; empty for a place outside of it.
    pub fn slice(&self, file: usize, span: Range<usize>) -> &str {
        self.text(file).get(span).unwrap_or("")
    }

    /// Name and text of each.
    pub fn all(&self) -> &[(String, String)] {
        &self.files
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Line and column of a byte; that of the end for a byte behind it.
    pub fn position(&self, file: usize, offset: usize) -> Position {
        let text = self.text(file);
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Brings diagnostics into the order of their files and places.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.file, d.span.start, d.span.end, d.severity, d.code);
        key(a).cmp(&key(b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters() {
        let mut files = Files::default();
        let file = files.add("a.rules.yaml", "größe: 1\nähm: x\n");
        for (offset, line, column) in
            [(0, 1, 1), (7, 1, 6), (11, 2, 1), (12, 2, 1), (17, 2, 6), (99, 3, 1)]
        {
            assert_eq!(files.position(file, offset), Position { line, column }, "byte {offset}");
        }
    }
}
