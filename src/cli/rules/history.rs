//! Recorded history on the command line: which files, how they are read, and how far it has come.

use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli::mapping;
use crate::cli::rules::Terminal;
use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::file;
use crate::rule::set::RuleSet;
use crate::source::file as source_file;
use crate::source::merge::Merge;
use crate::time::Span;

/// Which history, and how it is read.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// Recorded events: NDJSON, CSV or Parquet, also packed as .zst or .gz; merged by their time
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub history: Vec<PathBuf>,
    /// Customers, products and reps, where they are not among the files of the history
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub reference: Vec<PathBuf>,
    /// How your fields map to ours (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// How much disorder between and within the files is put right before rules see it
    #[arg(long, default_value = "2d", value_parser = Span::parse, value_name = "DURATION")]
    pub reorder: Span,
    /// How late an event may be before timers have passed it
    #[arg(long, default_value = "0s", value_parser = Span::parse, value_name = "DURATION")]
    pub lateness: Span,
}

impl HistoryArgs {
    /// These files, read with our field names and the usual reordering.
    pub fn of(history: Vec<PathBuf>) -> Self {
        let reorder = Span::from_millis(2 * Span::DAY.millis());
        Self { history, reference: Vec::new(), mapping: None, reorder, lateness: Span::ZERO }
    }

    /// Opens the files.
    pub(super) fn open(&self, symbols: &Symbols) -> anyhow::Result<Merge> {
        let mapping = mapping(self.mapping.as_deref())?;
        let paths = self.reference.iter().chain(&self.history);
        let files = paths.map(|path| source_file::open(path, &mapping, None, symbols));
        Ok(Merge::new(files.collect::<Result<Vec<_>, _>>()?, self.reorder))
    }
}

/// The rules of these files and folders, or none where they have mistakes, which are shown.
pub(super) fn rule_set(
    paths: &[PathBuf],
    symbols: &Symbols,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Option<RuleSet>> {
    let (files, sources, mut problems) = if paths.is_empty() {
        let files = crate::rule::starter::files();
        let (sources, problems) = file::read(&files);
        (files, sources, problems)
    } else {
        file::load(paths)
    };
    let (set, more) = compile::compile(&sources, symbols);
    problems.extend(more);
    diagnostic::sort(&mut problems);
    let shown = diagnostic::render(&problems, &files, terminal.colour);
    terminal.err.write_all(shown.as_bytes())?;
    if problems.iter().any(Diagnostic::is_error) {
        writeln!(terminal.err, "error: the rules have mistakes: mend them, then start again")?;
        return Ok(None);
    }
    if set.rules.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| shown_path(path)).collect();
        writeln!(
            terminal.err,
            "error: there are no rules in {}: name files that end in `.rules.yaml`, or a folder of them",
            paths.join(", ")
        )?;
        return Ok(None);
    }
    Ok(Some(set))
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}

/// A bar that shows how much of the files is read; hidden where nobody sees it.
pub(super) fn progress(bytes: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let form = "{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
    bar.with_style(ProgressStyle::with_template(form).unwrap_or(ProgressStyle::default_bar()))
}
