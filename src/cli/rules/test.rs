//! Do the rules do what their tests say? Runs every test file against the rule files it names.

mod report;

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::rules::Terminal;
use crate::cli::rules::TestArgs;
use crate::cli::rules::TestOutput;
use crate::cli::rules::Verdict;
use crate::cli::rules::test::report::Results;
use crate::engine::rehearsal;
use crate::engine::rehearsal::Coverage;
use crate::engine::rehearsal::Report;
use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::fixture;
use crate::rule::fixture::Fixture;

/// Runs the tests of all files that the paths name.
pub(super) fn test(args: &TestArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let (files, fixtures, problems) = fixture::load(&args.paths);
    let mut bad = problems.iter().any(Diagnostic::is_error);
    show(&problems, &files, terminal)?;
    if fixtures.is_empty() && !bad {
        let suffix = fixture::TEST_FILE_SUFFIX;
        writeln!(terminal.err, "error: no test file here: their names end in `{suffix}`")?;
        return Ok(Verdict::Misused);
    }
    let mut shown = BTreeSet::new();
    let mut rules = BTreeSet::new();
    let mut reports: Vec<(String, Report)> = Vec::new();
    for fixture in &fixtures {
        let name = files.name(fixture.file);
        let (rule_files_read, rule_files, mut found) = file::load(&paths(fixture, name));
        let symbols = Symbols::default();
        let (set, more) = compile::compile(&rule_files, &symbols);
        found.extend(more);
        rules.extend(set.rules.iter().map(|rule| rule.name.to_string()));
        bad |= found.iter().any(Diagnostic::is_error);
        // Several test files may test one rule file; its mistakes are shown once.
        found.retain(|problem| {
            shown.insert((rule_files_read.name(problem.file).to_owned(), problem.span.start))
        });
        show(&found, &rule_files_read, terminal)?;
        let report = rehearsal::rehearse(fixture, &Arc::new(set), &symbols)?;
        bad |= !report.tests.iter().all(rehearsal::Outcome::passed);
        reports.push((name.to_owned(), report));
    }
    let reports_only = reports.iter().map(|(_, report)| report);
    let coverage = Coverage::of(rules.iter().map(String::as_str), reports_only);
    let results = Results { files: &files, reports: &reports, rules: rules.len(), coverage };
    match args.output {
        TestOutput::Pretty => results.pretty(terminal)?,
        TestOutput::Json => results.json_lines(terminal.out)?,
        TestOutput::Junit => results.junit(terminal.out)?,
    }
    Ok(if bad { Verdict::Bad } else { Verdict::Good })
}

/// The rule files of a test file; their paths count from its folder.
fn paths(fixture: &Fixture, name: &str) -> Vec<PathBuf> {
    let folder = Path::new(name).parent().unwrap_or_else(|| Path::new(""));
    fixture.rule_files.iter().map(|path| folder.join(&path.value)).collect()
}

fn show(problems: &[Diagnostic], files: &Files, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
    let shown = diagnostic::render(problems, files, terminal.colour);
    Ok(terminal.err.write_all(shown.as_bytes())?)
}
