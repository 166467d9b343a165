//! What is wrong with the files of a folder, as they stand in the editor?

use std::collections::BTreeSet;

use crate::event::Symbols;
use crate::rule::assist::complete;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::fixture;
use crate::rule::fixture::TEST_FILE_SUFFIX;
use crate::rule::lint;

/// Every mistake of every file, as `rules check` tells it; and tests that name rules which are
/// not in the rule files they are about.
pub fn problems(files: &Files) -> Vec<Diagnostic> {
    let numbers: Vec<usize> =
        (0..files.len()).filter(|file| complete::is_rule_file(files.name(*file))).collect();
    let mut rule_files = Files::default();
    for number in &numbers {
        rule_files.add(files.name(*number), files.text(*number));
    }
    let (read, mut found) = file::read(&rule_files);
    found.extend(compile::compile(&read, &Symbols::default()).1);
    found.extend(lint::lint(&read, &rule_files, None));
    for problem in &mut found {
        problem.file = numbers[problem.file];
        for place in &mut problem.secondary {
            place.file = numbers[place.file];
        }
    }
    // A rule with a mistake is a rule none the less: its tests do name something.
    let mut rules = BTreeSet::new();
    for number in &numbers {
        for group in crate::rule::assist::symbols::symbols(files.name(*number), files.text(*number))
        {
            rules.extend(group.children.into_iter().map(|rule| rule.name));
        }
    }
    for file in (0..files.len()).filter(|file| files.name(*file).ends_with(TEST_FILE_SUFFIX)) {
        let (fixture, more) = fixture::read(file, files);
        found.extend(more);
        for test in fixture.iter().flat_map(|fixture| &fixture.tests) {
            found.extend(test.strangers(file, &rules.iter().map(String::as_str)));
            // All events of a generator have the same mistake: one of them is enough.
            let mut test = test.clone();
            test.events.iter_mut().for_each(|event| event.repeat = None);
            found.extend(test.records(file, &Symbols::default()).refused);
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
            problems(&files).into_iter().partition(Diagnostic::is_error);
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
}
