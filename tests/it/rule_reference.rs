//! Does the reference page of the rules say what is so? Every example in it is compiled and run.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use siaga::engine::rehearsal;
use siaga::event::Symbols;
use siaga::rule::compile;
use siaga::rule::diagnostic;
use siaga::rule::diagnostic::Files;
use siaga::rule::file;
use siaga::rule::fixture;
use siaga::rule::set::RuleSet;

/// The page's blocks of one language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    let ends = |block: &'p str| block.split_once("```").map(|(block, _)| block);
    page.split(fence.as_str()).skip(1).filter_map(ends).collect()
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/README.md");
    fs::read_to_string(path).unwrap()
}

/// A rule file with this rule; what a rule needs and the lines lack is filled in.
fn rule_file(lines: &str) -> String {
    let mut text = "groups:\n  - name: g\n    rules:\n      - alert: A\n".to_owned();
    let needed = [
        ("family", "family: drift"),
        ("on", "on: [order]"),
        ("when", "when: size(orders) > 0"),
        ("annotations", "annotations: {summary: x}"),
    ];
    let given = |key: &str| lines.lines().any(|line| line.starts_with(&format!("{key}:")));
    let lacking = needed.into_iter().filter(|(key, _)| !given(key));
    for line in lacking.map(|(_, line)| line).chain(lines.lines()) {
        text.push_str("        ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[track_caller]
fn compiled(text: &str, symbols: &Symbols) -> RuleSet {
    let mut files = Files::default();
    files.add("README.md", text);
    let (rule_files, mut problems) = file::read(&files);
    let (set, more) = compile::compile(&rule_files, symbols);
    problems.extend(more);
    assert!(problems.is_empty(), "{text}\n{}", diagnostic::render(&problems, &files, false));
    set
}

#[test]
fn every_rule_of_the_page_compiles_and_its_test_passes() {
    let (page, symbols) = (page(), Symbols::default());
    let (mut rules, mut tests) = (None, 0);
    for block in blocks(&page, "yaml") {
        if block.starts_with("groups:") {
            rules = Some(Arc::new(compiled(block, &symbols)));
        } else if block.starts_with("rule_files:") {
            let mut files = Files::default();
            let file = files.add("README.md", block);
            let (fixture, problems) = fixture::read(file, &files);
            assert_eq!(problems, [], "{block}");
            let report =
                rehearsal::rehearse(&fixture.unwrap(), rules.as_ref().unwrap(), &symbols).unwrap();
            for outcome in report.tests {
                let shown = diagnostic::render(&outcome.failures, &files, false);
                assert!(outcome.passed(), "{}\n{shown}", outcome.name);
                tests += 1;
            }
        } else {
            compiled(&rule_file(block), &symbols);
        }
    }
    assert_eq!(tests, 2);
}

#[test]
fn every_expression_of_the_page_compiles() {
    let (page, symbols) = (page(), Symbols::default());
    let expressions: Vec<&str> = blocks(&page, "cel").iter().flat_map(|b| b.lines()).collect();
    assert!(expressions.len() > 5, "{expressions:?}");
    for expression in expressions {
        compiled(&rule_file(&format!("let:\n  part: |\n    {expression}\n")), &symbols);
    }
}

#[test]
fn every_starter_rule_is_named_on_the_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let (_, rule_files, _) = file::load(&[folder]);
    let page = page();
    for rule in file::rules(&rule_files) {
        assert!(page.contains(&format!("`{}`", rule.alert.value)), "{}", rule.alert.value);
    }
}
