//! How are the results of tests written: for people, for programs, for build servers?

use std::io;
use std::io::Write;

use serde_json::json;

use crate::cli::rules::Terminal;
use crate::cli::rules::counted;
use crate::engine::rehearsal::Coverage;
use crate::engine::rehearsal::Outcome;
use crate::engine::rehearsal::Report;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Case;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::Suite;

/// What came of all test files.
pub(super) struct Results<'a> {
    /// The test files.
    pub(super) files: &'a Files,
    /// Name and report of each.
    pub(super) reports: &'a [(String, Report)],
    /// How many rules they test.
    pub(super) rules: usize,
    /// What they leave open.
    pub(super) coverage: Coverage,
}

impl Results<'_> {
    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.reports.iter().flat_map(|(_, report)| &report.tests)
    }

    fn failed(&self) -> usize {
        self.outcomes().filter(|outcome| !outcome.passed()).count()
    }

    /// A line for each test, failures with their place, what no test reaches, and a summary.
    pub(super) fn pretty(&self, terminal: &mut Terminal<'_>) -> io::Result<()> {
        for (name, report) in self.reports {
            writeln!(terminal.out, "{name}")?;
            for outcome in &report.tests {
                let word = if outcome.passed() { "ok    " } else { "FAILED" };
                writeln!(terminal.out, "  {word} {}", outcome.name)?;
                let shown = diagnostic::render(&outcome.failures, self.files, terminal.colour);
                terminal.out.flush()?;
                terminal.err.write_all(shown.as_bytes())?;
            }
        }
        for (names, what) in [
            (&self.coverage.never_fired, "no test makes it fire"),
            (&self.coverage.never_quiet, "no test wants it quiet"),
        ] {
            for name in names {
                writeln!(terminal.out, "  open   {name}: {what}")?;
            }
        }
        let (tests, failed) = (self.outcomes().count(), self.failed());
        writeln!(
            terminal.out,
            "{}, {} passed, {failed} failed; {}, {} never fired, {} never quiet",
            counted(tests, "test"),
            tests - failed,
            counted(self.rules, "rule"),
            self.coverage.never_fired.len(),
            self.coverage.never_quiet.len(),
        )
    }

    /// One object a test, then one for the whole.
    pub(super) fn json_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, report) in self.reports {
            for outcome in &report.tests {
                let failures: Vec<_> =
                    outcome.failures.iter().map(|failure| self.failure(failure)).collect();
                let line = json!({
                    "type": "test", "file": name, "name": outcome.name,
                    "passed": outcome.passed(), "fired": outcome.fired,
                    "quiet": outcome.quiet, "failures": failures,
                });
                writeln!(out, "{line}")?;
            }
        }
        let (tests, failed) = (self.outcomes().count(), self.failed());
        let whole = json!({
            "type": "summary", "tests": tests, "passed": tests - failed, "failed": failed,
            "rules": self.rules, "never_fired": self.coverage.never_fired,
            "never_quiet": self.coverage.never_quiet,
        });
        writeln!(out, "{whole}")
    }

    fn failure(&self, failure: &Diagnostic) -> serde_json::Value {
        let at = self.files.position(failure.file, failure.span.start);
        json!({
            "code": failure.code, "message": failure.message, "help": failure.help,
            "line": at.line, "column": at.column,
        })
    }

    /// A suite for each file, a case for each test.
    pub(super) fn junit(&self, out: &mut dyn Write) -> io::Result<()> {
        let suites = self.reports.iter().map(|(name, report)| {
            let cases = report.tests.iter().map(|outcome| {
                let found = outcome.failures.iter().map(|failure| (failure, self.files));
                Case { name: outcome.name.clone(), found: found.collect() }
            });
            Suite { name, cases: cases.collect() }
        });
        let suites: Vec<Suite<'_>> = suites.collect();
        out.write_all(diagnostic::junit("rules test", &suites).as_bytes())
    }
}
