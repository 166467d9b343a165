//! `siaga models FILES…`: what is learned across customers from recorded events, version by version.
//!
//! ```text
//! files ─► merge (time order) ─► engine ─► versions: number, instant, customers, orders
//!                                      └► the last one: all, a segment, a category
//! ```
//!
//! The running server shows the same of what it has learned: `GET /v1/models`.

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets;
use serde::Serialize;

use crate::cli::mapping;
use crate::cli::replay::threads;
use crate::cli::rule_set;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Settings;
use crate::event::Symbols;
use crate::model::report;
use crate::model::report::CategoryReport;
use crate::model::report::Report;
use crate::model::report::SegmentReport;
use crate::model::report::Version;
use crate::source::Batch;
use crate::source::file;
use crate::source::merge::Merge;
use crate::time::Span;

/// Show what is learned across customers from recorded events
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga models transactions.ndjson.zst customers.ndjson products.ndjson
  siaga models transactions.ndjson.zst customers.ndjson --segment Construction
  siaga models transactions.ndjson.zst --category Welding
  siaga models transactions.ndjson.zst --json
  curl localhost:8080/v1/models                 what a running server has learned")]
pub struct Models {
    /// Files to read, in any order; events are merged by their time
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Rule files or folders that ask for what is learned; the starter rules when left out
    #[arg(long)]
    rules: Vec<PathBuf>,
    /// How your fields map to ours (TOML)
    #[arg(long)]
    mapping: Option<PathBuf>,
    /// Show one segment alone
    #[arg(long, conflicts_with = "category")]
    segment: Option<String>,
    /// Show one category alone, with what goes with it
    #[arg(long)]
    category: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Whole<'a> {
    versions: &'a [Version],
    current: &'a Report,
}

/// Runs it.
pub fn run(args: &Models) -> anyhow::Result<ExitCode> {
    let symbols = Symbols::default();
    let rules = Arc::new(rule_set(&args.rules, &symbols)?);
    if !rules.learns() {
        bail!("no rule asks for what is learned, such as `next_best`: name other rules");
    }
    let mapping = mapping(args.mapping.as_deref())?;
    let files = args.files.iter().map(|path| file::open(path, &mapping, None, &symbols));
    let reorder = Span::from_millis(2 * Span::DAY.millis());
    let mut merge = Merge::new(files.collect::<Result<Vec<_>, _>>()?, reorder);
    let settings = Settings { shards: threads(0), lateness: Span::ZERO };
    let mut engine = Engine::start(&rules, &symbols, settings, Arc::new(Vec::clear))?;
    let (mut batch, mut more) = (Batch::default(), true);
    while more {
        more = merge.next_batch(&symbols, &mut batch)?;
        engine.take(batch.records.drain(..), None)?;
        batch.clear();
    }
    let Some(models) = engine.models().cloned() else { bail!("nothing was learned") };
    let versions = engine.versions().to_vec();
    engine.finish()?;
    let report = report::report(&models, &symbols);
    let text = text(args, &versions, &report)?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What is written.
fn text(args: &Models, versions: &[Version], report: &Report) -> anyhow::Result<String> {
    let segment = args.segment.as_ref().map(|name| match report.segments.get(name) {
        Some(segment) => Ok((name, segment)),
        None => Err(unknown("segment", name, report.segments.keys())),
    });
    let category = args.category.as_ref().map(|name| match report.categories.get(name) {
        Some(category) => Ok((name, category)),
        None => Err(unknown("category", name, report.categories.keys())),
    });
    Ok(match (segment.transpose()?, category.transpose()?) {
        (Some((_, segment)), _) if args.json => json(segment)?,
        (_, Some((_, category))) if args.json => json(category)?,
        _ if args.json => json(&Whole { versions, current: report })?,
        (Some((name, segment)), _) => segments([(name.as_str(), segment)]),
        (_, Some((name, category))) => goes_with(name, category),
        _ => whole(versions, report),
    })
}

fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> anyhow::Error {
    let known: Vec<&str> = known.map(String::as_str).take(20).collect();
    anyhow::anyhow!("no {what} `{name}` speaks for itself; there are {}", known.join(", "))
}

fn whole(versions: &[Version], report: &Report) -> String {
    let all = [("all", &report.all)].into_iter();
    let named = report.segments.iter().map(|(name, segment)| (name.as_str(), segment));
    let mut parts = vec![history(versions), segments(all.chain(named)), categories(report)];
    if !report.outcomes.is_empty() {
        parts.push(outcomes(report));
    }
    parts.join("\n")
}

/// A table whose columns but the first are numbers.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(head);
    rows.for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

fn history(versions: &[Version]) -> String {
    let rows = versions.iter().map(|one| {
        let numbers = [u64::from(one.version), one.customers, one.orders];
        let [version, customers, orders] = numbers.map(|number| number.to_string());
        vec![one.fitted_to.to_string(), version, customers, orders]
    });
    table(&["Fitted to", "Version", "Customers", "Orders"], rows)
}

fn segments<'a>(segments: impl IntoIterator<Item = (&'a str, &'a SegmentReport)>) -> String {
    let median = |spread: Option<[f64; 3]>| {
        spread.map_or_else(String::new, |[_, median, _]| format!("{median:.2}"))
    };
    let rows = segments.into_iter().map(|(name, segment)| {
        let numbers = [
            (segment.r, 3),
            (segment.alpha_days, 1),
            (segment.a, 3),
            (segment.b, 3),
            (segment.gap_median_days, 1),
            (segment.margin_deviation, 1),
        ];
        let mut row = vec![name.to_owned(), segment.customers.to_string()];
        row.extend(numbers.map(|(number, decimals)| format!("{number:.decimals$}")));
        row.extend([median(segment.net), median(segment.profit)]);
        row
    });
    let head = [
        "Segment",
        "Customers",
        "r",
        "α days",
        "a",
        "b",
        "Gap days",
        "Margin ±",
        "Net a year",
        "Profit a year",
    ];
    table(&head, rows)
}

fn categories(report: &Report) -> String {
    let rows = report.categories.iter().map(|(name, category)| {
        let best = category.goes_with.iter().map(|with| with.category.as_str());
        vec![
            name.clone(),
            format!("{:.0}", category.buyers),
            format!("{:.2}", category.yearly_net),
            best.take(3).collect::<Vec<_>>().join(", "),
        ]
    });
    table(&["Category", "Buyers", "Net a year", "Goes with"], rows)
}

fn goes_with(name: &str, category: &CategoryReport) -> String {
    let rows = category.goes_with.iter().map(|with| {
        vec![
            with.category.clone(),
            format!("{:.4}", with.weight),
            format!("{:.2}", with.lift),
            format!("{:.0} of {:.0}", with.buyers, category.buyers),
        ]
    });
    let head = format!("With {name}");
    table(&[&head, "Weight", "Lift", "Buyers"], rows)
}

fn outcomes(report: &Report) -> String {
    let rows = report.outcomes.iter().map(|(rule, found)| {
        let [won, lost] = [found.won, found.lost].map(|number| number.to_string());
        vec![rule.clone(), won, lost, format!("{:.2}", found.trust)]
    });
    table(&["Rule", "Won", "Lost", "Trust"], rows)
}
