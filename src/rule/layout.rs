//! How is a rule file or a test file laid out? In one way, whoever wrote it.
//!
//! ```text
//! text ──► blanks ──► spacing ──► order ──► indentation ──► breaking ──► blanks ──► text
//!                     key: value  keys as    two blanks      a long `when`
//!                     a + b       in `keys`  a level         over lines
//!            after each step: same nodes, same comments? else the step is not taken
//! ```
//!
//! Lines are moved and blanks are changed; nothing is written anew, so what a step does not
//! understand stays as it is. A file with mistakes is not touched at all.
//! Laying out twice is laying out once.

mod blanks;
mod breaking;
mod indentation;
mod line;
mod order;
mod sameness;
mod spacing;

use std::path::PathBuf;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::document;
use crate::rule::document::Yaml;
use crate::rule::file;
use crate::rule::fixture;
use crate::rule::keys;
use crate::rule::keys::Holds;

/// Widest line that a condition is left in.
pub const COLUMNS_MAX: usize = 100;

/// One step of the layout: the new text, from the text and its nodes.
type Step = fn(&str, &Yaml, Holds) -> String;

/// In the order in which they are taken. Keys within keys take a pass each.
const STEPS: [Step; 7] = [
    blanks::tidied,
    spacing::spaced,
    order::ordered,
    indentation::indented,
    breaking::broken,
    spacing::spaced,
    blanks::tidied,
];

/// The rule files and test files that the paths name; of a folder, all that end as they do.
pub fn load(paths: &[PathBuf]) -> (Files, Vec<Diagnostic>) {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            file::add_file(path, &mut files, &mut problems);
            continue;
        }
        for suffix in [file::RULE_FILE_SUFFIX, fixture::TEST_FILE_SUFFIX] {
            let listed = file::listed(path, suffix, &mut files, &mut problems);
            for path in listed.unwrap_or_default() {
                file::add_file(&path, &mut files, &mut problems);
            }
        }
    }
    (files, problems)
}

/// The text laid out; its mistakes where it has some, and then it is to be left alone.
pub fn layout(name: &str, text: &str) -> Result<String, (Files, Vec<Diagnostic>)> {
    let is_test = name.ends_with(fixture::TEST_FILE_SUFFIX);
    let mut files = Files::default();
    let number = files.add(name, text);
    let problems = if is_test { fixture::read(number, &files).1 } else { file::read(&files).1 };
    if problems.iter().any(Diagnostic::is_error) {
        return Err((files, problems));
    }
    let holds = keys::of_file(is_test);
    let mut text = text.replace("\r\n", "\n");
    for step in STEPS {
        text = taken(step, text, holds);
    }
    Ok(text)
}

/// The text after a step, if that says the same; else the text.
fn taken(step: Step, text: String, holds: Holds) -> String {
    let Ok(before) = document::read(0, &text) else { return text };
    let next = step(&text, &before, holds);
    if next == text {
        return text;
    }
    let same = document::read(0, &next).is_ok_and(|after| {
        sameness::says_the_same(&before, &after, holds)
            && document::comment_texts(&text, &before) == document::comment_texts(&next, &after)
    });
    if same { next } else { text }
}

/// Replaces parts of a text; they may come in any order and do not overlap.
fn replaced(text: &str, mut parts: Vec<(std::ops::Range<usize>, String)>) -> String {
    parts.sort_by_key(|(span, _)| (span.start, span.end));
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (span, wanted) in parts {
        if span.start < done {
            continue;
        }
        out.push_str(&text[done..span.start]);
        out.push_str(&wanted);
        done = span.end;
    }
    out + &text[done..]
}

#[cfg(test)]
mod tests;
