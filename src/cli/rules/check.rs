//! Are these files right? Rule files are read and compiled, test files are read.

use std::path::PathBuf;

use crate::cli::rules::CheckArgs;
use crate::cli::rules::CheckOutput;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::counted;
use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::fixture;

/// Checks everything that the paths name.
pub(super) fn check(args: &CheckArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let is_test = |path: &&PathBuf| path.to_string_lossy().ends_with(fixture::TEST_FILE_SUFFIX);
    let (tests, rules): (Vec<&PathBuf>, Vec<&PathBuf>) = args.paths.iter().partition(is_test);
    let rules: Vec<PathBuf> = rules.into_iter().cloned().collect();
    let (files, rule_files, mut problems) = file::load(&rules);
    let (set, more) = compile::compile(&rule_files, &Symbols::default());
    problems.extend(more);
    diagnostic::sort(&mut problems);
    let folders = rules.into_iter().filter(|path| path.is_dir());
    let test_paths: Vec<PathBuf> = tests.into_iter().cloned().chain(folders).collect();
    let (test_files, fixtures, test_problems) = fixture::load(&test_paths);

    write(&problems, &files, args.output, terminal)?;
    write(&test_problems, &test_files, args.output, terminal)?;
    let all = problems.iter().chain(&test_problems);
    let errors = all.clone().filter(|problem| problem.is_error()).count();
    let warnings = all.count() - errors;
    if args.output == CheckOutput::Pretty {
        let tests: usize = fixtures.iter().map(|fixture| fixture.tests.len()).sum();
        let read = [
            counted(rule_files.len(), "rule file"),
            counted(set.rules.len(), "good rule"),
            counted(tests, "test"),
            counted(errors, "error"),
            counted(warnings, "warning"),
        ];
        writeln!(terminal.err, "{}", read.join(", "))?;
    }
    Ok(if errors > 0 { Verdict::Bad } else { Verdict::Good })
}

/// Writes mistakes: for people to the error stream, for programs to the output.
fn write(
    problems: &[Diagnostic],
    files: &Files,
    output: CheckOutput,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<()> {
    match output {
        CheckOutput::Pretty => {
            let shown = diagnostic::render(problems, files, terminal.colour);
            terminal.err.write_all(shown.as_bytes())?;
        }
        CheckOutput::Json => {
            let lines = diagnostic::json_lines(problems, files);
            terminal.out.write_all(lines.as_bytes())?;
        }
    }
    Ok(())
}
