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

/// Days for an episode that was there from the beginning.
const STANDING_DAYS: i64 = 1_000;

/// What is compared: rules of a family with a naive one, and the kind of episode that they are to
/// find.
struct Pair {
    rules: &'static [&'static str],
    naive: &'static str,
    kind: &'static str,
    /// Kinds in which an alert is right as well.
    also: &'static [&'static str],
}

const fn pair(
    rules: &'static [&'static str],
    naive: &'static str,
    kind: &'static str,
    also: &'static [&'static str],
) -> Pair {
    Pair { rules, naive, kind, also }
}

/// A customer who orders less than half as often, or complains and then does, has drifted as one who
/// stopped.
const DRIFTED: &[&str] = &["drift_stop", "drift_decline", "complaint_burst"];
const PAIRS: [Pair; 13] = [
    pair(&["DriftSilence"], "NaiveSilence", "drift_stop", DRIFTED),
    pair(&["DriftSilence", "SpendFalls"], "NaiveFall", "drift_decline", DRIFTED),
    pair(&["ComplaintBurst"], "NaiveComplaint", "complaint_burst", &[]),
    pair(&["CategoryLoss"], "NaiveCategory", "category_loss", &[]),
    pair(&["MarginErosion", "DiscountCreeps"], "NaiveMargin", "margin_erosion", &[]),
    pair(&["CostRises"], "NaiveCost", "cost_shock", &[]),
    pair(&["SpendRises"], "NaiveRise", "growth", &[]),
    pair(&["QuotaAtRisk"], "NaivePace", "rep_slump", &[MISSED]),
    pair(&["QuotaAtRisk"], "NaivePace", MISSED, &[]),
    pair(&["CoverageGap"], "NaiveContact", "neglect", &[]),
    pair(&["ServedByAnother"], "NaiveOwner", "owner_mismatch", &[]),
    pair(&["UpSellNextGrade"], "NaiveGrade", "up_sell_ready", &[]),
    pair(&["CrossSellAfterOrder", "CrossSellWhiteSpace"], "NaiveMissing", "missing_pair", &[]),
];

/// No episode but a fact: the quota of a period was missed.
const MISSED: &str = "quota_missed";
/// Days of a period, and one to spare.
const PERIOD_DAYS: i64 = 93;

/// Kinds that were there from the beginning: an alert at any time finds them.
const STANDING: [&str; 2] = ["up_sell_ready", "missing_pair"];

#[derive(Deserialize)]
struct Label {
    kind: String,
    customer_id: Option<String>,
    rep_id: Option<String>,
    category: Option<String>,
    missing: Option<String>,
    onset_at: String,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    category: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    occurred_at: String,
    rep_id: Option<String>,
    lines: Vec<OrderLine>,
}

#[derive(Deserialize)]
struct OrderLine {
    net_amount: Option<f64>,
}

#[derive(Deserialize)]
struct Rep {
    rep_id: String,
    #[serde(default)]
    quotas: Vec<Quota>,
}

#[derive(Deserialize)]
struct Quota {
    from: String,
    to: String,
    amount: f64,
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
    #[serde(default)]
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    name: String,
    value: String,
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
    for pair in &PAIRS {
        let what = pair.rules.join(" or ");
        let (recall, delays) = found(&labels, pair.kind, &ours, pair.rules);
        let (naive_recall, _) = found(&labels, pair.kind, &naive, &[pair.naive]);
        let (right, naive_right) =
            (right(&labels, pair, &ours, pair.rules), right(&labels, pair, &naive, &[pair.naive]));
        let of = |hits: &[bool]| share(hits, &(0..hits.len()).collect::<Vec<usize>>());
        let score = |recall: f64, precision: f64| {
            2.0 * recall * precision / (recall + precision).max(f64::MIN_POSITIVE)
        };
        let (r, p) = (of(&recall), of(&right));
        let (naive_r, naive_p) = (of(&naive_recall).value, of(&naive_right).value);
        let naive_score = score(naive_r, naive_p);
        let mut f1 = r;
        (f1.value, f1.low, f1.high) =
            (score(r.value, p.value), score(r.low, p.low), score(r.high, p.high));
        rows.push(Row::told(&what, &format!("recall of {}", pair.kind), r, Some(naive_r)));
        rows.push(Row::told(&what, "precision", p, Some(naive_p)));
        let gate = Gate::NoLess(naive_score);
        rows.push(Row::told(&what, "harmonic mean of both", f1, Some(naive_score)).gated(gate));
        rows.push(Row::told(&what, "mean delay, days", mean(&delays), None));
    }
    Ok(Table {
        title: "Families, starter rules on the invented set",
        note: "an episode is found within 180 days of its onset, a missing category or grade at any \
               time; the anchor is a naive rule, see benches/quality/naive.rules.yaml",
        rows,
    })
}

/// Which episodes were found, and after how many days.
fn found(labels: &Found, kind: &str, alerts: &Found, rules: &[&str]) -> (Vec<bool>, Vec<f64>) {
    let (mut hits, mut delays) = (Vec::new(), Vec::new());
    for ((_, entity), onsets) in labels.iter().filter(|((known, _), _)| known == kind) {
        let opened: Vec<&Timestamp> = rules
            .iter()
            .filter_map(|rule| alerts.get(&((*rule).to_owned(), entity.clone())))
            .flatten()
            .collect();
        for onset in onsets {
            let first = opened.iter().copied().filter(|at| within(kind, **at, *onset)).min();
            hits.push(first.is_some());
            delays.extend(first.map(|at| {
                count(usize::try_from((*at - *onset).millis() / Span::DAY.millis()).unwrap_or(0))
            }));
        }
    }
    (hits, delays)
}

/// Which alerts of rules speak of an episode.
fn right(labels: &Found, pair: &Pair, alerts: &Found, rules: &[&str]) -> Vec<bool> {
    let mut hits = Vec::new();
    let told = alerts.iter().filter(|((known, _), _)| rules.contains(&known.as_str()));
    for ((_, entity), opened) in told {
        for at in opened {
            let mut kinds = std::iter::once(&pair.kind).chain(pair.also);
            hits.push(kinds.any(|kind| {
                let onsets = labels.get(&((*kind).to_owned(), entity.clone()));
                onsets.into_iter().flatten().any(|onset| within(kind, *at, *onset))
            }));
        }
    }
    hits
}

fn within(kind: &str, at: Timestamp, onset: Timestamp) -> bool {
    let standing = STANDING.contains(&kind);
    let days = match kind {
        MISSED => PERIOD_DAYS,
        _ if standing => STANDING_DAYS,
        _ => WINDOW_DAYS,
    };
    let window = Span::from_millis(days * Span::DAY.millis());
    at <= onset + window && (standing || onset <= at)
}

/// Onsets by kind and entity: the customer, the rep, each product of a category whose cost rose; of a
/// missing category the customer and the category.
fn labels(set: &Path) -> anyhow::Result<Found> {
    let products: Vec<Product> = lines(&set.join("products.ndjson.zst"))?;
    let mut found = Found::new();
    for label in lines::<Label>(&set.join("labels.ndjson.zst"))? {
        let onset = Timestamp::parse(&label.onset_at)?;
        let entities = match label.kind.as_str() {
            "rep_slump" => Vec::from_iter(label.rep_id),
            "cost_shock" => {
                let of = |product: &&Product| product.category == label.category;
                products.iter().filter(of).map(|product| product.product_id.clone()).collect()
            }
            "missing_pair" => {
                let offer = label.customer_id.zip(label.missing);
                Vec::from_iter(offer.map(|(customer, missing)| offered(&customer, &missing)))
            }
            _ => Vec::from_iter(label.customer_id),
        };
        for entity in entities {
            found.entry((label.kind.clone(), entity)).or_default().push(onset);
        }
    }
    for (rep, from) in missed(set)? {
        found.entry((MISSED.to_owned(), rep)).or_default().push(from);
    }
    Ok(found)
}

/// The reps that missed a quota, with the beginning of its period.
fn missed(set: &Path) -> anyhow::Result<Vec<(String, Timestamp)>> {
    let mut sold: BTreeMap<String, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for order in lines::<Order>(&set.join("transactions.ndjson.zst"))? {
        let net = order.lines.iter().filter_map(|line| line.net_amount).sum();
        let at = Timestamp::parse(&order.occurred_at)?;
        sold.entry(order.rep_id.unwrap_or_default()).or_default().push((at, net));
    }
    let midnight = |day: &str| Timestamp::parse(&format!("{day}T00:00:00Z"));
    let mut missed = Vec::new();
    for rep in lines::<Rep>(&set.join("reps.ndjson.zst"))? {
        let own = sold.get(&rep.rep_id).map_or(&[][..], Vec::as_slice);
        for quota in &rep.quotas {
            let (from, to) = (midnight(&quota.from)?, midnight(&quota.to)?);
            let within = own.iter().filter(|(at, _)| from <= *at && *at < to);
            if within.map(|(_, net)| net).sum::<f64>() < quota.amount {
                missed.push((rep.rep_id.clone(), from));
            }
        }
    }
    Ok(missed)
}

/// A customer to whom a category is offered.
fn offered(customer: &str, category: &str) -> String {
    format!("{customer}, {category}")
}

fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    let lines = BufReader::new(zstd::Decoder::new(file)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
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
            let offer = alert.reasons.iter().find(|reason| reason.name == "offer");
            let entity = match offer {
                Some(offer) => offered(&alert.entity.id, &offer.value),
                None => alert.entity.id,
            };
            found.entry((alert.rule, entity)).or_default().push(at);
        }
    }
    Ok(found)
}
