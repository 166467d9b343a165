//! `siaga replay FILES…`: recorded events through the engine at full speed, and what it found.
//!
//! ```text
//! files ─► merge (time order) ─► engine ─► alerts as lines
//!             │ refused                 └► summary: by rule, by rep, money
//!             └► dead letters
//! ```

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::bail;
use clap::Args;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use parking_lot::Mutex;

use crate::cli::mapping;
use crate::cli::rule_set;
use crate::cli::summary::Summary;
use crate::delivery::line::LineForm;
use crate::delivery::ndjson;
use crate::disk::system::SystemDisk;
use crate::engine::Output;
use crate::engine::away::Room;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Settings;
use crate::engine::runtime::Sink;
use crate::event::Symbols;
use crate::rule::set::RuleSet;
use crate::source::Batch;
use crate::source::dead_letter;
use crate::source::dead_letter::DeadLetters;
use crate::source::file;
use crate::source::merge::Merge;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// Play recorded events through the rules, and show what they find
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga replay transactions.ndjson.zst interactions.ndjson.zst customers.ndjson
  siaga replay orders.csv --mapping shop.toml --alerts alerts.ndjson
  siaga replay day.ndjson --rules rules/drift.rules.yaml --line '{rule} {entity} {value}' --alerts -

Files may be NDJSON, CSV or Parquet, also packed as .zst or .gz; `-` is the standard input.
Reference data (customers, products, reps) are told by their file name or their fields.")]
pub struct Replay {
    /// Files to read, in any order; events are merged by their time
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Rule files or folders; the built-in starter rules when left out
    #[arg(long)]
    rules: Vec<PathBuf>,
    /// How your fields map to ours (TOML)
    #[arg(long)]
    mapping: Option<PathBuf>,
    /// Where alerts go, a line each; `-` is the standard output
    #[arg(long)]
    alerts: Option<PathBuf>,
    /// Form of an alert's line, such as `{rule} {entity} {opened_at} {value}`; JSON when left out
    #[arg(long, requires = "alerts")]
    line: Option<String>,
    /// Where refused records go, a line each
    #[arg(long)]
    dead_letters: Option<PathBuf>,
    /// Threads that keep histories and evaluate rules; 0 takes one for each processor
    #[arg(long, default_value_t = 0)]
    shards: usize,
    /// Memory for customers with their histories, in bytes: beyond it, those that were idle for the
    /// longest lie in the folder of `--scratch`
    #[arg(long, requires = "scratch")]
    memory_bytes_max: Option<u64>,
    /// A folder of its own for customers that have no room in memory
    #[arg(long, value_name = "FOLDER", requires = "memory_bytes_max")]
    scratch: Option<PathBuf>,
    /// How much disorder between and within the files is put right before rules see it
    #[arg(long, default_value = "2d", value_parser = Span::parse)]
    reorder: Span,
    /// How late an event may be before timers have passed it
    #[arg(long, default_value = "0s", value_parser = Span::parse)]
    lateness: Span,
    /// Let time pass to this instant after the last event, so that silences come to light
    #[arg(long, value_parser = Timestamp::parse)]
    until: Option<Timestamp>,
    /// Form of the summary
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

/// Form of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Tables for people
    Table,
    /// JSON for programs
    Json,
    /// None
    None,
}

/// Where alerts of a replay go.
struct Outlet {
    lines: Option<Lines>,
    summary: Summary,
    failure: Option<io::Error>,
}

struct Lines {
    to: Box<dyn Write + Send>,
    form: Option<LineForm>,
}

/// Runs it.
pub fn run(args: &Replay) -> anyhow::Result<ExitCode> {
    let started = time::steady();
    let symbols = Symbols::default();
    let rules = Arc::new(rule_set(&args.rules, &symbols)?);
    let mapping = mapping(args.mapping.as_deref())?;
    let files = args.files.iter().map(|path| file::open(path, &mapping, None, &symbols));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let mut merge = Merge::new(files, args.reorder);
    let outlet = Arc::new(Mutex::new(Outlet {
        lines: args.alerts.as_ref().map(|path| lines(path, args.line.as_deref())).transpose()?,
        summary: Summary::default(),
        failure: None,
    }));
    let mut engine = engine(args, (&rules, &symbols), sink(&outlet))?;
    let mut dead = match &args.dead_letters {
        None => DeadLetters::counting(),
        Some(path) => DeadLetters::create(path, dead_letter::BYTES_MAX)?,
    };
    let bar = progress(merge.bytes_total());
    let mut batch = Batch::default();
    let mut more = true;
    let mut read = 0;
    while more {
        more = merge.next_batch(&symbols, &mut batch)?;
        read += (batch.records.len() + batch.refused.len()) as u64;
        for refused in &batch.refused {
            outlet.lock().summary.refused(refused);
            dead.add(refused)?;
        }
        engine.take(batch.records.drain(..), None)?;
        engine.hand_back(&mut batch.spares);
        batch.clear();
        bar.set_position(merge.bytes_read());
        if let Some(failure) = outlet.lock().failure.take() {
            bail!("alerts cannot be written: {failure}");
        }
    }
    if let Some(until) = args.until {
        engine.tick(until + args.lateness)?;
    }
    let newest = engine.newest();
    let totals = engine.finish()?;
    dead.flush()?;
    bar.finish_and_clear();
    let mut outlet = outlet.lock();
    if let Some(lines) = &mut outlet.lines {
        lines.to.flush().context("alerts cannot be written")?;
    }
    if let Some(failure) = outlet.failure.take() {
        bail!("alerts cannot be written: {failure}");
    }
    let took = time::steady().saturating_duration_since(started);
    let facts = crate::cli::summary::Facts {
        read,
        totals,
        newest,
        took,
        released_early: merge.released_early,
        rules: &rules,
    };
    let text = match args.output {
        Form::Table => outlet.summary.table(&facts),
        Form::Json => outlet.summary.json(&facts)?,
        Form::None => String::new(),
    };
    // The summary must not mix with alerts on the standard output.
    let mixed = args.alerts.as_deref().is_some_and(|path| path.as_os_str() == "-");
    let to: &mut dyn Write = if mixed { &mut io::stderr() } else { &mut io::stdout() };
    to.write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The engine as it is asked for.
fn engine(args: &Replay, of: (&Arc<RuleSet>, &Symbols), sink: Sink) -> io::Result<Engine> {
    let settings = Settings { shards: threads(args.shards), lateness: args.lateness };
    let room = args.memory_bytes_max.zip(args.scratch.clone());
    let room = room.map(|(bytes, scratch)| Room::new(bytes, Arc::new(SystemDisk), scratch));
    Engine::start_within(room.as_ref(), of, settings, sink)
}

/// So many threads; one for each processor instead of 0.
pub fn threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}

fn lines(path: &PathBuf, form: Option<&str>) -> anyhow::Result<Lines> {
    let form = form.map(LineForm::parse).transpose()?;
    let to: Box<dyn Write + Send> = if path.as_os_str() == "-" {
        Box::new(BufWriter::new(io::stdout()))
    } else {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Box::new(BufWriter::with_capacity(1 << 17, file))
    };
    Ok(Lines { to, form })
}

fn sink(outlet: &Arc<Mutex<Outlet>>) -> Sink {
    let outlet = Arc::clone(outlet);
    Arc::new(move |outputs: &mut Vec<Output>| {
        let mut outlet = outlet.lock();
        let outlet = &mut *outlet;
        for output in outputs.iter() {
            outlet.summary.output(output);
        }
        let Some(lines) = &mut outlet.lines else { return };
        let written = match &lines.form {
            None => ndjson::write(&mut lines.to, outputs).map_err(io::Error::other),
            Some(form) => outputs.iter().try_for_each(|output| match output {
                Output::Opened { alert, .. } => form.write(&mut lines.to, alert),
                Output::Changed { .. } | Output::Acted { .. } | Output::Duty(_) => Ok(()),
            }),
        };
        if let Err(error) = written {
            outlet.failure.get_or_insert(error);
        }
    })
}

fn progress(bytes: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let form = "{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
    bar.with_style(ProgressStyle::with_template(form).unwrap_or(ProgressStyle::default_bar()))
}
