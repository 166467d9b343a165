//! Patterns of `matches`: regular expressions in RE2's syntax, searched in time linear in the text.

use std::sync::Arc;

use regex::Regex;
use regex::RegexBuilder;

/// A pattern, compiled once with its rule.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Regex>);

/// Most bytes of a compiled pattern: `(a{1000}){1000}` is refused, not compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
        built.map(|regex| Self(Arc::new(regex))).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            error => {
                // The last line names the mistake; the lines before it draw it.
                let told = error.to_string();
                let last = told.lines().next_back().unwrap_or_default();
                last.trim().trim_start_matches("error: ").to_owned()
            }
        })
    }

    /// Whether it is found anywhere in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}
