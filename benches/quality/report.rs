//! Ours beside the anchor's: a table for the terminal, and a page that needs nothing else.

use std::fmt::Write as _;

use crate::statistics::Estimate;

/// The rows of one family.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    /// What the figures are, and which way is better.
    pub(crate) note: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) figure: String,
    pub(crate) ours: Estimate,
    pub(crate) anchor: Option<f64>,
    pub(crate) gate: Gate,
}

/// What a figure has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Gate {
    /// The anchor or more, up to the rounding of its file.
    AtLeast,
    /// At most this.
    AtMost(f64),
    /// At least this.
    NoLess(f64),
    /// Nothing: told for comparison.
    Told,
}

/// Anchors are rounded to four places.
const ROUNDING: f64 = 0.000_05;

impl Row {
    fn new(what: &str, figure: &str, ours: Estimate, anchor: Option<f64>, gate: Gate) -> Self {
        Self { what: what.to_owned(), figure: figure.to_owned(), ours, anchor, gate }
    }

    pub(crate) fn at_least(what: &str, figure: &str, ours: Estimate, anchor: Option<f64>) -> Self {
        Self::new(what, figure, ours, anchor, Gate::AtLeast)
    }

    pub(crate) fn told(what: &str, figure: &str, ours: Estimate, anchor: Option<f64>) -> Self {
        Self::new(what, figure, ours, anchor, Gate::Told)
    }

    pub(crate) fn gated(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// Whether the gate is passed; `None` without one, or without an anchor.
    pub(crate) fn passes(&self) -> Option<bool> {
        match self.gate {
            Gate::AtLeast => self.anchor.map(|anchor| self.ours.value >= anchor - ROUNDING),
            Gate::AtMost(limit) => Some(self.ours.value <= limit),
            Gate::NoLess(limit) => Some(self.ours.value >= limit),
            Gate::Told => None,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.passes() {
            Some(true) => "pass",
            Some(false) => "BELOW",
            None => "",
        }
    }
}

/// The tables for a terminal.
pub(crate) fn text(tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        let _ = writeln!(out, "\n{}\n{}", table.title, table.note);
        let width = table.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        for row in &table.rows {
            let Estimate { value, low, high } = row.ours;
            let anchor = row.anchor.map_or("–".to_owned(), |anchor| format!("{anchor:.3}"));
            let _ = writeln!(
                out,
                "  {:width$}  {:38} {value:8.3} [{low:.3}, {high:.3}]  anchor {anchor:>8}  {}",
                row.what,
                row.figure,
                row.verdict(),
            );
        }
    }
    out
}

/// How many gates are passed, of how many.
pub(crate) fn gates(tables: &[Table]) -> (usize, usize) {
    let verdicts = || tables.iter().flat_map(|table| &table.rows).filter_map(Row::passes);
    (verdicts().filter(|passed| *passed).count(), verdicts().count())
}

/// The page.
pub(crate) fn html(tables: &[Table], source: &str) -> String {
    let (passed, all) = gates(tables);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Detection quality</title>\
         <style>{STYLE}</style><h1>Detection quality</h1><p>Data: {}. {passed} of {all} gates \
         passed. A bar is a 95 % interval, a dot our figure, a line the \
         anchor's or the limit.</p>",
        escaped(source)
    );
    for table in tables {
        let _ = write!(out, "<h2>{}</h2><p>{}</p>", escaped(table.title), escaped(table.note));
        out.push_str("<table><tr><th>case<th>figure<th>ours<th>95 %<th>anchor<th><th>");
        for row in &table.rows {
            let anchor = row.anchor.map_or("–".to_owned(), |anchor| format!("{anchor:.3}"));
            let _ = write!(
                out,
                "<tr><td>{}<td>{}<td class=n>{:.3}<td class=n>{}<td class=n>{anchor}<td>{}<td>{}",
                escaped(&row.what),
                escaped(&row.figure),
                row.ours.value,
                interval(row),
                plot(row, &table.rows),
                row.verdict(),
            );
        }
        out.push_str("</table>");
    }
    out.push_str("</html>\n");
    out
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;\
padding:0 1rem;color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}\
td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #ddd}.n{text-align:right;\
font-variant-numeric:tabular-nums}";

impl Row {
    /// Whether chance has a part in it.
    fn has_interval(&self) -> bool {
        self.ours.high > self.ours.low
    }

    /// What the figure is drawn beside: the anchor, or the limit.
    fn mark(&self) -> Option<f64> {
        match self.gate {
            Gate::AtMost(limit) => Some(limit),
            _ => self.anchor,
        }
    }

    /// Whether two rows can be drawn on one scale: ratios to a limit have their own.
    fn is_like(&self, other: &Self) -> bool {
        matches!(self.gate, Gate::AtMost(_)) == matches!(other.gate, Gate::AtMost(_))
    }
}

fn interval(row: &Row) -> String {
    if row.has_interval() {
        format!("{:.3} to {:.3}", row.ours.low, row.ours.high)
    } else {
        String::new()
    }
}

/// Interval, figure and anchor on one scale with the rows like it; nothing without an interval.
fn plot(row: &Row, rows: &[Row]) -> String {
    if !row.has_interval() {
        return String::new();
    }
    let like = rows.iter().filter(|other| other.has_interval() && other.is_like(row));
    let ends = like.flat_map(|other| [Some(other.ours.low), Some(other.ours.high), other.mark()]);
    let known: Vec<f64> = ends.flatten().filter(|end| end.is_finite()).collect();
    let low = known.iter().copied().fold(f64::INFINITY, f64::min);
    let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let place = |value: f64| 5.0 + 190.0 * (value - low) / (high - low).max(1e-12);
    let name = format!("{}: {:.3}", row.figure, row.ours.value);
    let mut out = format!(
        "<svg width=\"200\" height=\"18\" role=\"img\"><title>{}</title>\
         <rect x=\"{:.1}\" y=\"7\" width=\"{:.1}\" height=\"4\" fill=\"#9db8d9\"/>",
        escaped(&name),
        place(row.ours.low),
        (place(row.ours.high) - place(row.ours.low)).max(0.5),
    );
    if let Some(anchor) = row.mark() {
        let x = place(anchor);
        let _ = write!(out, "<path d=\"M{x:.1} 2v14\" stroke=\"#b0413e\" stroke-width=\"2\"/>");
    }
    let x = place(row.ours.value);
    let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"9\" r=\"4\" fill=\"#1f4e8c\"/></svg>");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
