//! Are these files right? Rule files are read and compiled, test files are read, and what can run
//! but is hardly meant so is told as well.

use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use crate::cli::mapping;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::counted;
use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::cost;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::fixture;
use crate::rule::lint;
use crate::rule::lint::Seen;
use crate::rule::set::RuleSet;
use crate::source::Batch;
use crate::source::file as source;

/// What `rules check` takes.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  siaga rules check rules/                            all *.rules.yaml and *.test.yaml of a folder
  siaga rules check margin.rules.yaml --cost          one file, and what its rules cost
  siaga rules check rules/ --history day.ndjson       events and names that never come, too
  siaga rules check rules/ --format sarif > out.sarif for code scanning
  siaga rules check rules/ --lint-fatal               for a build: warnings count

Exit codes: 0 good, 1 a mistake was found, 2 used wrongly, 3 only warnings, with `--lint-fatal`")]
pub struct CheckArgs {
    /// Rule files, test files, and folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How mistakes are written
    #[arg(long, visible_alias = "format", value_enum, default_value_t = CheckOutput::Pretty)]
    pub output: CheckOutput,
    /// End with code 3 where there are only warnings
    #[arg(long)]
    pub lint_fatal: bool,
    /// Recorded events and reference data: a rule that waits for what never comes is told
    #[arg(long, value_name = "FILE")]
    pub history: Vec<PathBuf>,
    /// How fields of the history map to ours (TOML)
    #[arg(long, requires = "history")]
    pub mapping: Option<PathBuf>,
    /// Show what each rule costs
    #[arg(long)]
    pub cost: bool,
}

/// How `rules check` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CheckOutput {
    /// For people, with the source line underlined
    #[default]
    Pretty,
    /// For programs: one JSON object a mistake
    Json,
    /// For GitHub Actions: a note beside each line
    Github,
    /// For code scanning and editors: SARIF 2.1.0
    Sarif,
    /// For build servers: XML in the form of junit.xml
    Junit,
}

/// Checks everything that the paths name.
pub(super) fn check(args: &CheckArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let is_test = |path: &&PathBuf| path.to_string_lossy().ends_with(fixture::TEST_FILE_SUFFIX);
    let (tests, rules): (Vec<&PathBuf>, Vec<&PathBuf>) = args.paths.iter().partition(is_test);
    let rules: Vec<PathBuf> = rules.into_iter().cloned().collect();
    let seen = history(args)?;
    let (files, rule_files, mut problems) = file::load(&rules);
    let (set, more) = compile::compile(&rule_files, &Symbols::default());
    problems.extend(more);
    problems.extend(lint::lint(&rule_files, &files, seen.as_ref()));
    diagnostic::sort(&mut problems);
    let folders = rules.into_iter().filter(|path| path.is_dir());
    let test_paths: Vec<PathBuf> = tests.into_iter().cloned().chain(folders).collect();
    let (test_files, fixtures, test_problems) = fixture::load(&test_paths);

    let sets = [(&problems[..], &files), (&test_problems[..], &test_files)];
    write(&sets, args.output, terminal)?;
    if args.cost {
        costs(&set, terminal)?;
    }
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
    Ok(match (errors, warnings) {
        (0, 1..) if args.lint_fatal => Verdict::Lints,
        (0, _) => Verdict::Good,
        _ => Verdict::Bad,
    })
}

/// What the history holds, where one was given.
fn history(args: &CheckArgs) -> anyhow::Result<Option<Seen>> {
    if args.history.is_empty() {
        return Ok(None);
    }
    let symbols = Symbols::default();
    let mapping = mapping(args.mapping.as_deref())?;
    let mut seen = Seen::default();
    for path in &args.history {
        let mut file = source::open(path, &mapping, None, &symbols)?;
        let mut batch = Batch::default();
        let mut more = true;
        while more {
            batch.clear();
            more = file.next_batch(&symbols, &mut batch)?;
            batch.records.iter().for_each(|record| seen.record(record, &symbols));
        }
    }
    Ok(Some(seen))
}

/// Writes mistakes: for people to the error stream, for programs to the output.
fn write(
    sets: &[(&[Diagnostic], &Files)],
    output: CheckOutput,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<()> {
    match output {
        CheckOutput::Sarif => writeln!(terminal.out, "{:#}", diagnostic::sarif(sets))?,
        CheckOutput::Junit => {
            let suites = sets.iter().flat_map(|(found, files)| diagnostic::suites(found, files));
            let suites: Vec<_> = suites.collect();
            terminal.out.write_all(diagnostic::junit("rules check", &suites).as_bytes())?;
        }
        CheckOutput::Pretty | CheckOutput::Json | CheckOutput::Github => {
            for (problems, files) in sets {
                let (text, to) = match output {
                    CheckOutput::Json => {
                        (diagnostic::json_lines(problems, files), &mut terminal.out)
                    }
                    CheckOutput::Github => (diagnostic::github(problems, files), &mut terminal.out),
                    _ => {
                        let shown = diagnostic::render(problems, files, terminal.colour);
                        (shown, &mut terminal.err)
                    }
                };
                to.write_all(text.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// A line for each rule, the dearest first.
fn costs(set: &RuleSet, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
    let mut rows: Vec<_> =
        set.rules.iter().map(|rule| (cost::of_rule(rule, set), &rule.name)).collect();
    rows.sort_by_key(|(cost, name)| (std::cmp::Reverse((cost.items, cost.operations)), *name));
    writeln!(
        terminal.err,
        "each look at a busy customer, of at most {} items:",
        cost::ITEMS_BUDGET
    )?;
    for (cost, name) in rows {
        let (items, operations) = (cost.items, cost.operations);
        writeln!(terminal.err, "{items:>10} items {operations:>10} operations  {name}")?;
    }
    Ok(())
}
