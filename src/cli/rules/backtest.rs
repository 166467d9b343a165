//! `siaga rules backtest`: what would these rules have found in recorded history, and how is that
//! different from what the old ones found?
//!
//! ```text
//! files ─► merge ─► backtest: two engines ─► comparison ─┬─► tables or JSON
//!                                                        ├─► --html: a page with plots
//!                                                        └─► --alerts: every alert, a line each
//! ```

mod html;
mod json;
mod money;
mod plot;
mod table;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use clap::ValueEnum;

use crate::cli::replay::threads;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::history;
use crate::cli::rules::history::HistoryArgs;
use crate::engine::backtest::Backtest;
use crate::engine::backtest::Found;
use crate::engine::backtest::Period;
use crate::engine::backtest::outcome::Outcomes;
use crate::engine::runtime::Settings;
use crate::event::Symbols;
use crate::rule::set::RuleSet;
use crate::source::Batch;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// What `rules backtest` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules backtest --rules new/ --against rules/ --history orders.ndjson.zst calls.ndjson.zst
  siaga rules backtest --rules new/ --history 2025.ndjson --alerts-from 2025-07-01
                                                how many alerts would a new set raise, for whom?
  siaga rules backtest --rules new/ --against rules/ --history 2025.ndjson --html report.html
  siaga rules backtest --rules new/ --against rules/ --history 2025.ndjson --format json --alerts diff.ndjson

Both sets run over the same records, each on an engine of its own, so the difference is that of
two replays. Memory is that of two replays, too: each set keeps its own history.
Exit codes: 0 compared, 1 a bad rule or an unreadable file, 2 used wrongly")]
pub struct BacktestArgs {
    /// The rules to try: files and folders; the built-in starter rules when left out
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// The rules to compare them with; without any, every alert is new
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub against: Vec<PathBuf>,
    #[command(flatten)]
    /// The history
    pub history: HistoryArgs,
    /// Leave out events before this instant
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Leave out events from this instant on, and let time pass to it, so that silences come to light
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// Count alerts from this instant on; what happened before fills the windows
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub alerts_from: Option<Timestamp>,
    /// Recorded alerts, as `siaga serve` writes them: which were won, lost, dismissed?
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub outcomes: Vec<PathBuf>,
    /// What a customer decides so soon after an alert is its outcome, where nobody has said
    #[arg(long, default_value = "30d", value_parser = Span::parse, value_name = "DURATION")]
    pub outcome_within: Span,
    /// How the comparison is written
    #[arg(long, value_enum, default_value_t = BacktestFormat::Pretty)]
    pub format: BacktestFormat,
    /// How many differences are listed, those with the most money first
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    pub list: usize,
    /// Write every alert of both sets here, with what became of it, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub alerts: Option<PathBuf>,
    /// Write a page with plots here; it stands alone and needs no script
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Threads for each rule set; 0 takes one for each processor
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub shards: usize,
}

/// How `rules backtest` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BacktestFormat {
    /// Tables for people
    Pretty,
    /// One JSON object for programs
    Json,
}

/// What the reports are made of.
struct Facts<'a> {
    args: &'a BacktestArgs,
    new: &'a RuleSet,
    old: Option<&'a RuleSet>,
    found: &'a Found,
    /// Records read, refused ones included.
    read: u64,
    refused: BTreeMap<&'static str, u64>,
    /// Events outside of the period.
    outside: u64,
    took: Duration,
}

impl BacktestArgs {
    /// These rules over these files, and nothing else asked for.
    pub fn of(rules: Vec<PathBuf>, against: Vec<PathBuf>, history: Vec<PathBuf>) -> Self {
        Self {
            rules,
            against,
            history: HistoryArgs::of(history),
            from: None,
            to: None,
            alerts_from: None,
            outcomes: Vec::new(),
            outcome_within: Span::from_millis(30 * Span::DAY.millis()),
            format: BacktestFormat::Pretty,
            list: 10,
            alerts: None,
            html: None,
            shards: 0,
        }
    }

    /// What makes no sense together, and what to write instead.
    fn misuse(&self) -> Option<String> {
        let start = self.alerts_from.or(self.from);
        if let (Some(from), Some(alerts_from)) = (self.from, self.alerts_from)
            && alerts_from < from
        {
            return Some(format!(
                "--alerts-from {alerts_from} is before --from {from}: nothing is read there; \
                 leave --from out to read the history from its beginning"
            ));
        }
        if let (Some(start), Some(to)) = (start, self.to)
            && to <= start
        {
            return Some(format!("--to {to} is not after {start}: give a later instant"));
        }
        None
    }
}

/// Runs it.
pub(super) fn backtest(
    args: &BacktestArgs,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Verdict> {
    if let Some(misuse) = args.misuse() {
        writeln!(terminal.err, "error: {misuse}")?;
        return Ok(Verdict::Misused);
    }
    let started = time::steady();
    let symbols = Symbols::default();
    let Some(new) = history::rule_set(&args.rules, &symbols, terminal)? else {
        return Ok(Verdict::Bad);
    };
    let new = Arc::new(new);
    let old = if args.against.is_empty() {
        None
    } else {
        let Some(old) = history::rule_set(&args.against, &symbols, terminal)? else {
            return Ok(Verdict::Bad);
        };
        Some(Arc::new(old))
    };
    let settings = Settings { shards: threads(args.shards), lateness: args.history.lateness };
    let period = Period { from: args.from, to: args.to, alerts_from: args.alerts_from };
    let outcomes = outcomes(&args.outcomes, args.outcome_within)?;
    let mut test = Backtest::start(&new, old.as_ref(), &symbols, (settings, period), outcomes)?;
    let Played { read, outside, refused } = play(&mut test, &args.history, &symbols)?;
    let found = test.finish()?;
    let took = time::steady().saturating_duration_since(started);
    let old = old.as_deref();
    let facts = Facts { args, new: &new, old, found: &found, read, refused, outside, took };
    write(&facts, terminal)?;
    Ok(Verdict::Good)
}

/// How much of a history was played.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Records read, refused ones included.
    pub(super) read: u64,
    /// Events outside of the period.
    pub(super) outside: u64,
    /// Why records were refused, and how many.
    pub(super) refused: BTreeMap<&'static str, u64>,
}

/// Plays a history from its files.
pub(super) fn play(
    test: &mut Backtest,
    history: &HistoryArgs,
    symbols: &Symbols,
) -> anyhow::Result<Played> {
    let mut merge = history.open(symbols)?;
    let bar = history::progress(merge.bytes_total());
    let (mut batch, mut more, mut played) = (Batch::default(), true, Played::default());
    while more {
        more = merge.next_batch(symbols, &mut batch)?;
        played.read += (batch.records.len() + batch.refused.len()) as u64;
        for refusal in &batch.refused {
            *played.refused.entry(refusal.reason.code()).or_default() += 1;
        }
        played.outside += test.take(&mut batch.records)?;
        batch.clear();
        bar.set_position(merge.bytes_read());
    }
    bar.finish_and_clear();
    Ok(played)
}

/// Writes what was asked for.
fn write(facts: &Facts<'_>, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
    if let Some(path) = &facts.args.alerts {
        written(path, |to| json::alerts(facts, to))?;
    }
    if let Some(path) = &facts.args.html {
        let page = html::page(facts)?;
        written(path, |to| to.write_all(page.as_bytes()))?;
    }
    let text = match facts.args.format {
        BacktestFormat::Pretty => table::tables(facts),
        BacktestFormat::Json => json::whole(facts)?,
    };
    Ok(terminal.out.write_all(text.as_bytes())?)
}

fn written(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut to = BufWriter::new(File::create(path).with_context(cannot)?);
    write(&mut to).with_context(cannot)?;
    to.flush().with_context(cannot)
}

/// What is known of outcomes beforehand.
pub(super) fn outcomes(paths: &[PathBuf], within: Span) -> anyhow::Result<Outcomes> {
    let mut outcomes = Outcomes::new(within);
    for path in paths {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        for (index, line) in BufReader::new(file).lines().enumerate() {
            let place = || format!("{}:{}", path.display(), index + 1);
            let line = line.with_context(place)?;
            if !line.trim().is_empty() {
                outcomes.read(&line).with_context(place)?;
            }
        }
    }
    Ok(outcomes)
}
