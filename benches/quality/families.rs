//! Do the starter rules find the episodes that were put into the invented set, and more of them, or
//! with fewer false alerts, than rules that anybody would write first (`naive.rules.yaml`)?
//!
//! ```text
//! labels ────────────────────────────────────────────────┐
//! files ─► siaga replay ─┬─ rules/            ─► alerts ──┼─► recall, precision, delay
//!                        └─ naive.rules.yaml  ─► alerts ──┘   of each family, side by side
//! ```
//!
//! An episode is found by the first alert on its entity within [`WINDOW_DAYS`] of its onset. An
//! alert is right if it lies so within an episode of a kind that it may speak of. Anything else that
//! the invented customers do on their own counts as a false alert, so precision is a lower bound.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use anyhow::ensure;
use serde::Deserialize;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::report::Gate;
use crate::report::Row;
use crate::report::Table;
use crate::statistics::count;
use crate::statistics::mean;
use crate::statistics::share;

/// Days after its onset in which an episode is to be found.
const WINDOW_DAYS: i64 = 180;

/// What is compared: a starter rule, the naive one, the kind of episode that is sought, and kinds
/// in which an alert is right as well.
const PAIRS: [(&str, &str, &str, &[&str]); 7] = [
    ("DriftSilence", "NaiveSilence", "drift_stop", &["drift_decline", "complaint_burst"]),
    ("CategoryLoss", "NaiveCategory", "category_loss", &["drift_stop", "drift_decline"]),
    ("MarginErosion", "NaiveMargin", "margin_erosion", &["cost_shock"]),
    ("SpendRises", "NaiveRise", "growth", &[]),
    ("QuotaAtRisk", "NaivePace", "rep_slump", &[]),
    ("CoverageGap", "NaiveContact", "neglect", &[]),
    ("ServedByAnother", "NaiveOwner", "owner_mismatch", &[]),
];

#[derive(Deserialize)]
struct Label {
    kind: String,
    customer_id: Option<String>,
    rep_id: Option<String>,
    onset_at: String,
}

#[derive(Deserialize)]
struct Told {
    alert: Option<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    rule: String,
    entity: Entity,
    opened_at: String,
}

#[derive(Deserialize)]
struct Entity {
    id: String,
}

/// Instants by kind or rule, and entity.
type Found = BTreeMap<(String, String), Vec<Timestamp>>;

pub(crate) fn table(folder: &Path) -> anyhow::Result<Table> {
    let set = folder.join("synthetic-b2b");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let labels = labels(&set)?;
    let ours = alerts(&set, &root.join("rules"))?;
    let naive = alerts(&set, &root.join("benches/quality/naive.rules.yaml"))?;
    let mut rows = Vec::new();
    for (rule, other, kind, also) in PAIRS {
        let (recall, delays) = found(&labels, kind, &ours, rule);
        let (naive_recall, _) = found(&labels, kind, &naive, other);
        let (right, naive_right) = (
            right(&labels, (kind, also), &ours, rule),
            right(&labels, (kind, also), &naive, other),
        );
        let units = |hits: &[bool]| (0..hits.len()).collect::<Vec<usize>>();
        let value = |hits: &[bool]| share(hits, &units(hits)).value;
        let score = |recall: f64, precision: f64| {
            if recall + precision > 0.0 {
                2.0 * recall * precision / (recall + precision)
            } else {
                0.0
            }
        };
        let (r, p) = (share(&recall, &units(&recall)), share(&right, &units(&right)));
        let naive_score = score(value(&naive_recall), value(&naive_right));
        let mut f1 = r;
        (f1.value, f1.low, f1.high) =
            (score(r.value, p.value), score(r.low, p.low), score(r.high, p.high));
        rows.push(Row::told(rule, &format!("recall of {kind}"), r, Some(value(&naive_recall))));
        rows.push(Row::told(rule, "precision", p, Some(value(&naive_right))));
        let gate = Gate::NoLess(naive_score);
        rows.push(Row::told(rule, "harmonic mean of both", f1, Some(naive_score)).gated(gate));
        rows.push(Row::told(rule, "mean delay, days", mean(&delays), None));
    }
    Ok(Table {
        title: "Families, starter rules on the invented set",
        note: "an episode is found within 180 days of its onset; the anchor is a naive rule, see \
               benches/quality/naive.rules.yaml",
        rows,
    })
}

/// Which episodes were found, and after how many days.
fn found(labels: &Found, kind: &str, alerts: &Found, rule: &str) -> (Vec<bool>, Vec<f64>) {
    let (mut hits, mut delays) = (Vec::new(), Vec::new());
    for ((_, entity), onsets) in labels.iter().filter(|((known, _), _)| known == kind) {
        let opened = alerts.get(&(rule.to_owned(), entity.clone()));
        for onset in onsets {
            let first = opened.into_iter().flatten().filter(|at| within(**at, *onset)).min();
            hits.push(first.is_some());
            delays.extend(first.map(|at| {
                count(usize::try_from((*at - *onset).millis() / Span::DAY.millis()).unwrap_or(0))
            }));
        }
    }
    (hits, delays)
}

/// Which alerts of a rule speak of an episode.
fn right(labels: &Found, kinds: (&str, &[&str]), alerts: &Found, rule: &str) -> Vec<bool> {
    let mut hits = Vec::new();
    for ((_, entity), opened) in alerts.iter().filter(|((known, _), _)| known == rule) {
        for at in opened {
            let speaks = |kind: &str| {
                let onsets = labels.get(&(kind.to_owned(), entity.clone()));
                onsets.into_iter().flatten().any(|onset| within(*at, *onset))
            };
            hits.push(speaks(kinds.0) || kinds.1.iter().any(|kind| speaks(kind)));
        }
    }
    hits
}

fn within(at: Timestamp, onset: Timestamp) -> bool {
    onset <= at && at <= onset + Span::from_millis(WINDOW_DAYS * Span::DAY.millis())
}

fn labels(set: &Path) -> anyhow::Result<Found> {
    let path = set.join("labels.ndjson.zst");
    let file = fs::File::open(&path).with_context(|| path.display().to_string())?;
    let mut found = Found::new();
    for line in BufReader::new(zstd::Decoder::new(file)?).lines() {
        let label: Label = serde_json::from_str(&line?)?;
        let entity = if label.kind == "rep_slump" { label.rep_id } else { label.customer_id };
        if let Some(entity) = entity {
            found.entry((label.kind, entity)).or_default().push(Timestamp::parse(&label.onset_at)?);
        }
    }
    Ok(found)
}

/// The alerts that rules open on the set.
fn alerts(set: &Path, rules: &Path) -> anyhow::Result<Found> {
    let folder = tempfile::tempdir()?;
    let told = folder.path().join("alerts.ndjson");
    let files = ["customers", "products", "reps", "interactions", "transactions"];
    let done = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["replay", "--output", "none", "--rules"])
        .arg(rules)
        .arg("--alerts")
        .arg(&told)
        .args(files.map(|file| set.join(format!("{file}.ndjson.zst"))))
        .output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut found = Found::new();
    for line in fs::read_to_string(&told)?.lines() {
        if let Some(alert) = serde_json::from_str::<Told>(line)?.alert {
            let at = Timestamp::parse(&alert.opened_at)?;
            found.entry((alert.rule, alert.entity.id)).or_default().push(at);
        }
    }
    Ok(found)
}
