//! `siaga journal …`: what is in a journal, and is all of it sound?
//!
//! ```text
//! inspect PATH ─► its segments, kinds of records, span of time
//! verify  PATH ─► every checksum, position and entry    0 sound     1 not     2 used wrongly
//! ```
//!
//! Both read everything and change nothing, so a running program's journal may be looked at; what
//! is just being written may then show as an unfinished commit.

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets;
use indicatif::HumanBytes;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::disk::system::SystemDisk;
use crate::journal::inspect;
use crate::journal::inspect::Report;

/// Looks into journals.
#[derive(Debug, Clone, Subcommand)]
pub enum JournalCommand {
    /// Tell what is in a journal
    Inspect(JournalArgs),
    /// Read every record of a journal, and tell whether all are sound
    Verify(JournalArgs),
}

/// Which journal, and how the answer is written.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga journal inspect siaga-data/journal
  siaga journal verify siaga-data/journal --output json

Exit codes: 0 sound, 1 corrupt or unreadable, 2 used wrongly")]
pub struct JournalArgs {
    /// Folder of the journal
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// How the answer is written
    #[arg(long, alias = "format", value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// Does what was asked for, on the standard output.
pub fn run(command: &JournalCommand) -> anyhow::Result<ExitCode> {
    let (args, write): (_, fn(&Report) -> String) = match command {
        JournalCommand::Inspect(args) => (args, inspected),
        JournalCommand::Verify(args) => (args, verdict),
    };
    let bar = bar();
    let report = inspect::inspect(&SystemDisk, &args.path, &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    })?;
    bar.finish_and_clear();
    let text = match args.output {
        Output::Text => write(&report),
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let form = "{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
    let style = ProgressStyle::with_template(form).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn inspected(report: &Report) -> String {
    let Some(owner) = &report.owner else { return verdict(report) };
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["segment", "first", "records", "size"]);
    for segment in &report.segments {
        table.add_row([
            segment.file.clone(),
            segment.first.to_string(),
            segment.records.to_string(),
            HumanBytes(segment.bytes).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let kinds = report.kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let mut text = format!("{owner}\n{table}\nrecords: {kinds}\n");
    text += &format!("events: {}, reference data: {}\n", report.events, report.references);
    if let (Some(earliest), Some(latest)) = (report.earliest, report.latest) {
        text += &format!("time: {earliest} to {latest}\n");
    }
    text + &verdict(report)
}

fn verdict(report: &Report) -> String {
    let mut text = String::new();
    if let Some(torn) = &report.torn {
        text += &format!(
            "{}: the last {} bytes are an unfinished commit, which nobody was told of; they are \
             left out\n",
            torn.file, torn.bytes
        );
    }
    match &report.error {
        Some(error) => {
            let records = report.records();
            text += &format!("NOT SOUND, {records} records before it: {error}\n");
        }
        None if report.segments.is_empty() => text += "there is no journal in this folder\n",
        None => {
            let bytes: u64 = report.segments.iter().map(|segment| segment.bytes).sum();
            let (records, segments) = (report.records(), report.segments.len());
            let size = HumanBytes(bytes);
            text += &format!("sound: {records} records in {segments} segments, {size}\n");
        }
    }
    text
}
