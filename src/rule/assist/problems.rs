//! What is wrong with the files of a folder, as they stand in the editor?
//!
//! ```text
//! files ─► as before? ── yes: what was read of it then ─┬─► compile, lint, rules and their tests
//!                     └─ no:  read, once ───────────────┘
//! ```
//!
//! Reading is most of the work, and an edit changes one file; what depends on other files is
//! computed anew each time. A folder can be read a file at a time, so that who asks something in
//! between does not wait for all of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::event::Symbols;
use crate::rule::assist::complete;
use crate::rule::assist::symbols;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::file::RuleFile;
use crate::rule::fixture;
use crate::rule::fixture::Fixture;
use crate::rule::fixture::TEST_FILE_SUFFIX;
use crate::rule::lint;

/// What was read of the files of one folder.
#[derive(Debug, Default)]
pub struct Memory {
    rules: Kept<Rules>,
    tests: Kept<Tests>,
    /// Whether all files were read once.
    is_whole: bool,
}

impl Memory {
    /// Whether all files were read once: since then, only what changes is read.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads one file that has changed; `false` where all are read.
    pub fn read_one(&mut self, files: &Files) -> bool {
        for (file, number) in rule_files(files).enumerate() {
            let (name, text) = (files.name(number), files.text(number));
            if self.rules.lacks(file, text) {
                self.rules.of(file, text, || Rules::read(file, name, text));
                return true;
            }
        }
        for file in test_files(files) {
            if self.tests.lacks(file, files.text(file)) {
                self.tests.of(file, files.text(file), || Tests::read(file, files));
                return true;
            }
        }
        false
    }
}

/// The numbers of the rule files of a folder.
fn rule_files(files: &Files) -> impl Iterator<Item = usize> + '_ {
    (0..files.len()).filter(|file| complete::is_rule_file(files.name(*file)))
}

/// The numbers of the test files of a folder.
fn test_files(files: &Files) -> impl Iterator<Item = usize> + '_ {
    (0..files.len()).filter(|file| files.name(*file).ends_with(TEST_FILE_SUFFIX))
}

/// By the number of a file: its text, and what was read of it.
#[derive(Debug)]
struct Kept<T>(BTreeMap<usize, (String, T)>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// A rule file alone.
#[derive(Debug)]
struct Rules {
    read: Option<RuleFile>,
    problems: Vec<Diagnostic>,
    /// Names of its rules, of those with a mistake, too.
    names: Vec<String>,
}

/// A test file alone.
#[derive(Debug)]
struct Tests {
    fixture: Option<Fixture>,
    problems: Vec<Diagnostic>,
}

impl<T> Kept<T> {
    fn lacks(&self, file: usize, text: &str) -> bool {
        self.0.get(&file).is_none_or(|(known, _)| known != text)
    }

    fn of(&mut self, file: usize, text: &str, read: impl FnOnce() -> T) -> &T {
        if self.lacks(file, text) {
            self.0.insert(file, (text.to_owned(), read()));
        }
        &self.0[&file].1
    }
}

impl Rules {
    /// Reads the file of this number among the rule files.
    fn read(file: usize, name: &str, text: &str) -> Self {
        let (read, problems) = file::read_one(file, text);
        let groups = symbols::symbols(name, text);
        let rules = groups.into_iter().flat_map(|group| group.children);
        Self { read, problems, names: rules.map(|rule| rule.name).collect() }
    }
}

impl Tests {
    fn read(file: usize, files: &Files) -> Self {
        let (fixture, mut problems) = fixture::read(file, files);
        for test in fixture.iter().flat_map(|fixture| &fixture.tests) {
            // All events of a generator have the same mistake: one of them is enough.
            let mut test = test.clone();
            test.events.iter_mut().for_each(|event| event.repeat = None);
            problems.extend(test.records(file, &Symbols::default()).refused);
        }
        Self { fixture, problems }
    }
}

/// Every mistake of every file, as `rules check` tells it; and tests that name rules which are
/// not in the rule files they are about.
pub fn problems(files: &Files, memory: &mut Memory) -> Vec<Diagnostic> {
    let numbers: Vec<usize> = rule_files(files).collect();
    let mut rule_files = Files::default();
    for number in &numbers {
        rule_files.add(files.name(*number), files.text(*number));
    }
    memory.is_whole = true;
    memory.rules.0.retain(|file, _| *file < numbers.len());
    memory.tests.0.retain(|file, _| *file < files.len());
    let (mut read, mut found, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for file in 0..rule_files.len() {
        let (name, text) = (rule_files.name(file), rule_files.text(file));
        let rules = memory.rules.of(file, text, || Rules::read(file, name, text));
        read.extend(rules.read.clone());
        found.extend(rules.problems.iter().cloned());
        // A rule with a mistake is a rule none the less: its tests do name something.
        names.extend(rules.names.iter().cloned());
    }
    found.extend(file::namesakes(&read));
    found.extend(compile::compile(&read, &Symbols::default()).1);
    found.extend(lint::lint(&read, &rule_files, None));
    for problem in &mut found {
        problem.file = numbers[problem.file];
        for place in &mut problem.secondary {
            place.file = numbers[place.file];
        }
    }
    for file in test_files(files) {
        let tests = memory.tests.of(file, files.text(file), || Tests::read(file, files));
        found.extend(tests.problems.iter().cloned());
        for test in tests.fixture.iter().flat_map(|fixture| &fixture.tests) {
            found.extend(test.strangers(file, &names.iter().map(String::as_str)));
        }
    }
    diagnostic::sort(&mut found);
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mistakes_of_all_files_come_together() {
        let rule = "family: drift, on: [order], annotations: {summary: x}";
        let mut files = Files::default();
        files.add("a.test.yaml", "rule_files: [a.rules.yaml]\ntests:\n  - name: x\n    quiet: [A, B, Aa]\n    events: [{at: 2025-01-01, type: order, qty: 1}]\n");
        files.add(
            "a.rules.yaml",
            format!("groups: [{{name: g, rules: [{{alert: A, {rule}, when: tru}}]}}]"),
        );
        files.add(
            "b.rules.yaml",
            format!("groups: [{{name: g, rules: [{{alert: A, {rule}, when: true}}]}}]"),
        );
        let (found, lints): (Vec<_>, Vec<_>) =
            problems(&files, &mut Memory::default()).into_iter().partition(Diagnostic::is_error);
        assert!(lints.iter().any(|lint| lint.file == 2), "{lints:?}");
        let told: Vec<_> =
            found.iter().map(|p| (p.file, p.code, files.slice(p.file, p.span.clone()))).collect();
        let want = [
            (0, "E150", "B"),
            (0, "E150", "Aa"),
            (0, "E151", "2025-01-01"),
            (1, "E201", "tru"),
            (2, "E108", "A"),
        ];
        assert_eq!(told, want);
        assert_eq!(found[4].secondary[0].file, 1);
    }

    #[test]
    fn what_is_remembered_of_files_changes_nothing() {
        let rule = |name: &str, when: &str| {
            format!(
                "groups: [{{name: g, rules: [{{alert: {name}, family: drift, on: [order], annotations: {{summary: x}}, when: {when}}}]}}]"
            )
        };
        let test = |quiet: &str| {
            format!(
                "rule_files: [a.rules.yaml]\ntests: [{{name: x, quiet: [{quiet}], events: [{{at: 2025-01-01, type: order}}]}}]"
            )
        };
        let broken = || "groups: [".to_owned();
        let mut memory = Memory::default();
        // Each state differs from the one before in a file, or in which files there are.
        for (number, state) in [
            vec![("a.rules.yaml", rule("A", "tru")), ("a.test.yaml", test("B"))],
            vec![("a.rules.yaml", rule("B", "true")), ("a.test.yaml", test("B"))],
            vec![("a.rules.yaml", rule("B", "true")), ("a.test.yaml", test("A, B"))],
            vec![("a.rules.yaml", broken()), ("a.test.yaml", test("A, B"))],
            vec![("0.rules.yaml", rule("A", "1")), ("a.rules.yaml", rule("A", "1"))],
            vec![("a.rules.yaml", rule("A", "1")), ("a.test.yaml", test("A, B"))],
            vec![],
        ]
        .into_iter()
        .enumerate()
        {
            let mut files = Files::default();
            for (name, text) in state {
                files.add(name, text);
            }
            let fresh = problems(&files, &mut Memory::default());
            assert_eq!(problems(&files, &mut memory), fresh, "state {number}");
        }
    }
}
