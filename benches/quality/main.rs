//! Are the detectors and models as good as they claim? Recomputes the anchors' figures on recorded
//! data with this program's own code.
//!
//! ```text
//! data folder ──► drift, timers, cross-sell, switch-sell, trend ─┐
//! labels      ──► families: the starter rules                    ├─► table, page, gates
//! seeds       ──► margin                                         │
//! anchors.json ──────────────────────────────────────────────────┘
//! ```
//!
//! `benches/quality/run` starts it. Any folder with `cdnow` and `cj` in the form of the event format
//! will do; a set that is absent is named and left out. A repeat gives the same figures.

mod anchor;
mod cross_sell;
mod data;
mod drift;
mod families;
mod margin;
mod random;
mod report;
mod statistics;
mod switch_sell;
mod trend;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use siaga::time::Timestamp;

use crate::anchor::Anchors;
use crate::data::Line;
use crate::report::Table;

fn main() -> anyhow::Result<ExitCode> {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut out = std::io::stdout().lock();
    let Some(folder) = arguments.first().cloned().or_else(|| std::env::var("SIAGA_DATA").ok())
    else {
        writeln!(out, "no data: give a folder, or set SIAGA_DATA; nothing was measured")?;
        return Ok(ExitCode::SUCCESS);
    };
    let folder = Path::new(&folder);
    let anchors = match arguments.get(1) {
        Some(path) => Anchors::read(Path::new(path))?,
        None => Anchors::default(),
    };
    let mut tables = Vec::new();
    for (set, day_0) in [("cdnow", "1997-01-01"), ("cj", "2017-01-01")] {
        if !folder.join(set).join("transactions.ndjson.zst").exists() {
            writeln!(out, "{set} is absent in {}: its rows are left out", folder.display())?;
            continue;
        }
        let lines = data::lines(folder, set, Timestamp::parse(day_0)?)?;
        show(&mut out, &mut tables, silence(set, &lines, &anchors))?;
        if set == "cj" {
            show(&mut out, &mut tables, cross_sell::tables(&lines, &anchors))?;
            let types = data::product_types(folder)?;
            show(&mut out, &mut tables, [switch_sell::table(&lines, &types, &anchors)])?;
            show(&mut out, &mut tables, [trend::table(&lines, &anchors)])?;
        }
    }
    if folder.join("synthetic-b2b").join("labels.ndjson.zst").exists() {
        show(&mut out, &mut tables, [families::table(folder)?])?;
    } else {
        writeln!(out, "synthetic-b2b is absent in {}: its rows are left out", folder.display())?;
    }
    show(&mut out, &mut tables, [margin::table(&anchors)])?;
    let (passed, all) = report::gates(&tables);
    writeln!(out, "\n{passed} of {all} gates passed")?;
    if let Some(page) = arguments.get(2) {
        std::fs::write(page, report::html(&tables, &folder.display().to_string()))?;
        writeln!(out, "page: {page}")?;
    }
    Ok(if passed == all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what is new, and keeps it for the page.
fn show(
    out: &mut impl Write,
    tables: &mut Vec<Table>,
    new: impl IntoIterator<Item = Table>,
) -> std::io::Result<()> {
    let first = tables.len();
    tables.extend(new);
    out.write_all(report::text(&tables[first..]).as_bytes())?;
    out.flush()
}

fn silence(set: &str, lines: &[Line], anchors: &Anchors) -> Vec<Table> {
    let customers = data::purchase_days(lines);
    let mut scores = Table {
        title: "Drift, AUC",
        note: "no purchase in the weeks after the cut, or less than half of the own rate; the \
               anchor is the best method that is not learned",
        rows: Vec::new(),
    };
    let mut timers = Table {
        title: "Drift, alerts by deadline",
        note: "half an alert a customer-year; the next 91 days bring less than half of the own \
               rate (precision), or how much less (lost share); the anchor is P(alive)",
        rows: Vec::new(),
    };
    for plan in drift::PLANS.iter().filter(|plan| plan.set == set) {
        drift::scores(&customers, plan, anchors, &mut scores);
        drift::timers(&customers, plan, anchors, &mut timers);
    }
    vec![scores, timers]
}
