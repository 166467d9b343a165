//! Is the difference that `siaga rules backtest` prints that of two full replays?
//!
//! ```text
//! files ─┬─► replay, old rules ─► alerts ─┐
//!        ├─► replay, new rules ─► alerts ─┴─► set difference by id ─┐
//!        └─► backtest ─► new, gone, kept ───────────────────────────┴─► equal
//! ```
//!
//! The invented company of the demo is always compared; recorded data are looked for in the folder
//! `SIAGA_DATA`, else in `../shared/data`. Of the large set every 25th customer takes part, with all
//! that happened to it, and every customer when `SIAGA_BACKTEST` is `all`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use siaga::cli::rules::RulesCommand;
use siaga::cli::rules::Terminal;
use siaga::cli::rules::Verdict;
use siaga::cli::rules::backtest::BacktestArgs;
use siaga::cli::rules::backtest::BacktestFormat;
use siaga::cli::rules::perform;
use siaga::demo;
use siaga::rule::starter;
use siaga::time::Timestamp;
use tempfile::TempDir;

/// Runs a backtest; how it ended, and what it wrote to its two streams.
fn backtest(args: BacktestArgs) -> (Verdict, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
    let command = RulesCommand::Backtest(Box::new(args));
    let verdict = perform(&command, &mut terminal).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (verdict, text(out), text(err))
}

/// As JSON.
#[track_caller]
fn compared(args: BacktestArgs) -> Value {
    let args = BacktestArgs { format: BacktestFormat::Json, ..args };
    let (verdict, out, err) = backtest(args);
    assert_eq!(verdict, Verdict::Good, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// Half a year of a small company, as files.
fn company(folder: &Path) -> Vec<PathBuf> {
    let settings = demo::Settings {
        seed: 3,
        customers: 60,
        reps: 6,
        history_days: 300,
        live_days: 0,
        ..demo::Settings::default()
    };
    let (events, reference) = (folder.join("events.ndjson"), folder.join("customers.ndjson"));
    let lines: Vec<String> = demo::stream(&settings).map(|(_, line)| line).collect();
    fs::write(&events, lines.join("\n")).unwrap();
    fs::write(&reference, demo::reference(&settings).join("\n")).unwrap();
    vec![reference, events]
}

/// Thresholds of the starter rules, and others: where, before, after.
const CHANGES: [(&str, &str, &str); 4] = [
    ("alignment", "service >= 600", "service >= 1200"),
    ("cross_sell", "&& spent >= 100", "&& spent >= 4000"),
    ("drift", "silence_limit(orders, 0.3)", "silence_limit(orders, 0.2)"),
    ("margin", "&& own >= 50", "&& own >= 400"),
];

/// All starter rules, as they are and with other thresholds.
fn two_sets(folder: &Path) -> (PathBuf, PathBuf) {
    let (old, new) = (folder.join("old"), folder.join("new"));
    fs::create_dir_all(&old).unwrap();
    fs::create_dir_all(&new).unwrap();
    for (file, text) in starter::STARTER {
        let mut changed = text.to_owned();
        for (_, before, after) in CHANGES.iter().filter(|(name, ..)| file.starts_with(name)) {
            assert!(changed.contains(before), "{file} has no `{before}`");
            changed = changed.replace(before, after);
        }
        fs::write(old.join(file), text).unwrap();
        fs::write(new.join(file), changed).unwrap();
    }
    (old, new)
}

/// Ids of the alerts of a plain replay, each with how often it opened.
fn replayed(rules: &Path, files: &[PathBuf], since: &str) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.ndjson");
    let done = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["replay", "--output", "none", "--alerts"])
        .arg(&alerts)
        .arg("--rules")
        .arg(rules)
        .args(files)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut ids = BTreeMap::new();
    for line in fs::read_to_string(alerts).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["output"] == "opened" && line["alert"]["opened_at"].as_str() >= Some(since) {
            *ids.entry(line["alert"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    ids
}

/// Ids by what became of them, from the lines that a backtest writes.
fn told(path: &Path) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut told: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let change = match line["change"].as_str().unwrap() {
            "changed" => "kept",
            other => other,
        };
        let id = line["id"].as_str().unwrap().to_owned();
        *told.entry(change.to_owned()).or_default().entry(id).or_default() += 1;
    }
    told
}

/// Compares a backtest with two replays; gives the summary.
#[track_caller]
fn assert_difference(files: &[PathBuf], since: Option<&str>) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = two_sets(folder.path());
    let before = replayed(&old, files, since.unwrap_or(""));
    let after = replayed(&new, files, since.unwrap_or(""));
    let lines = folder.path().join("diff.ndjson");
    let args = BacktestArgs {
        alerts: Some(lines.clone()),
        alerts_from: since.map(|since| Timestamp::parse(since).unwrap()),
        ..BacktestArgs::of(vec![new], vec![old], files.to_vec())
    };
    let whole = compared(args);
    let less = |from: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>| {
        let rest = from.iter().map(|(id, count)| {
            (id.clone(), count.saturating_sub(other.get(id).copied().unwrap_or(0)))
        });
        rest.filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>()
    };
    let (added, gone) = (less(&after, &before), less(&before, &after));
    let kept = less(&after, &added);
    let told = told(&lines);
    for (change, want) in [("new", &added), ("gone", &gone), ("kept", &kept)] {
        assert!(!want.is_empty(), "the changed thresholds leave nothing {change}");
        assert_eq!(told.get(change), Some(want), "{change}");
        let count = whole["total"][change]["alerts"].as_u64();
        assert_eq!(count, Some(want.values().sum()), "{change}");
    }
    let sum = |key: &str, of: &str| -> u64 {
        let lines = whole[key].as_array().unwrap().iter();
        lines.map(|line| line[of]["alerts"].as_u64().unwrap()).sum()
    };
    for of in ["new", "gone", "kept"] {
        for key in ["rules", "owners", "days"] {
            let total = whole["total"][of]["alerts"].as_u64().unwrap();
            assert_eq!(sum(key, of), total, "{of} by {key}");
        }
    }
    whole
}

#[test]
fn the_difference_is_that_of_two_replays() {
    let folder = tempfile::tempdir().unwrap();
    let files = company(folder.path());
    assert_difference(&files, None);
    // The windows are filled by what happened before.
    let whole = assert_difference(&files, Some("2025-06-01T00:00:00Z"));
    assert!(whole["warming"]["new"].as_u64() > Some(0), "{whole}");
}

/// The recorded files of a set, where the data are.
fn recorded(set: &str, names: &[&str]) -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("SIAGA_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(set);
    if !folder.is_dir() {
        eprintln!("{set} is not compared: there is no folder {}; set SIAGA_DATA", folder.display());
        return None;
    }
    Some(names.iter().map(|name| folder.join(format!("{name}.ndjson.zst"))).collect())
}

const FILES: [&str; 5] = ["customers", "products", "reps", "transactions", "interactions"];

#[test]
fn the_difference_on_aw_is_that_of_two_replays() {
    let Some(files) = recorded("aw", &FILES) else { return };
    assert_difference(&files, None);
}

/// The records of every 25th customer of these files, and those that belong to none, as other files.
fn every_25th(files: &[PathBuf], folder: &Path) -> Vec<PathBuf> {
    let takes = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["customer_id"]
            .as_str()
            .is_none_or(|id| ["00", "25", "50", "75"].iter().any(|ending| id.ends_with(ending)))
    };
    let slice = |file: &PathBuf| {
        let text = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| takes(line)).collect();
        let slice = folder.join(file.file_stem().unwrap());
        fs::write(&slice, lines.join("\n")).unwrap();
        slice
    };
    files.iter().map(slice).collect()
}

#[test]
fn the_difference_on_synthetic_b2b_is_that_of_two_replays() {
    let Some(files) = recorded("synthetic-b2b", &FILES) else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = std::env::var_os("SIAGA_BACKTEST").is_some_and(|which| which == "all");
    let files = if whole { files } else { every_25th(&files, folder.path()) };
    assert_difference(&files, None);
}

const RULE: &str = "\
groups:
  - name: g
    rules:
      - alert: Large
        family: quality
        on: [order]
        when: event.net > LIMIT
        value: event.net * FACTOR
        expires_after: DAYS
        labels: {severity: SEVERITY}
        annotations: {summary: x}
";

/// A rule file and six events; the folder lives as long as the paths are used.
struct Small {
    folder: TempDir,
    history: Vec<PathBuf>,
}

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let order = |day: u32, who: &str, net: u32| {
            format!(
                r#"{{"event_id":"e{day}","type":"order","occurred_at":"2025-01-{day:02}T10:00:00Z","customer_id":"{who}","rep_id":"r-{who}","currency":"USD","lines":[{{"product_id":"p","quantity":1,"net_amount":{net}}}]}}"#
            )
        };
        let quote = |day: u32, who: &str, status: &str| {
            format!(
                r#"{{"event_id":"q{day}","kind":"quote","status":"{status}","occurred_at":"2025-01-{day:02}T10:00:00Z","customer_id":"{who}"}}"#
            )
        };
        let events = [
            order(2, "a", 100),
            quote(3, "a", "accepted"),
            order(4, "b", 300),
            quote(5, "b", "lost"),
            order(20, "c", 500),
            "{broken".to_owned(),
        ];
        let path = folder.path().join("events.ndjson");
        fs::write(&path, events.join("\n")).unwrap();
        Self { folder, history: vec![path] }
    }

    fn rules(&self, name: &str, [limit, factor, days, severity]: [&str; 4]) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.rules.yaml"));
        let text = RULE.replace("LIMIT", limit).replace("FACTOR", factor);
        fs::write(&path, text.replace("DAYS", days).replace("SEVERITY", severity)).unwrap();
        path
    }

    fn args(&self, new: [&str; 4], old: Option<[&str; 4]>) -> BacktestArgs {
        let against = old.map(|old| self.rules("old", old)).into_iter().collect();
        BacktestArgs::of(vec![self.rules("new", new)], against, self.history.clone())
    }
}

const OLD: [&str; 4] = ["50", "1.0", "2d", "info"];

#[test]
fn a_kept_alert_tells_in_what_it_differs() {
    let small = Small::new();
    for (new, differences) in [
        (OLD, [0, 0, 0, 0]),
        (["50", "2.0", "2d", "info"], [3, 0, 0, 0]),
        (["50", "1.0", "2d", "critical"], [0, 3, 0, 0]),
        // The last order is the last event: its alert stays open either way.
        (["50", "1.0", "1d", "info"], [0, 0, 0, 2]),
    ] {
        let whole = compared(small.args(new, Some(OLD)));
        let total = &whole["total"];
        assert_eq!(total["kept"]["alerts"], 3, "{new:?}");
        let found = ["value", "severity", "opening", "closing"]
            .map(|name| total["differences"][name].as_u64().unwrap());
        assert_eq!(found, differences, "{new:?}");
        assert_eq!(total["changed"].as_u64(), differences.into_iter().max(), "{new:?}");
    }
}

#[test]
fn money_precision_reps_and_days_are_told() {
    let small = Small::new();
    let whole = compared(small.args(["200", "1.0", "2d", "info"], Some(OLD)));
    let total = &whole["total"];
    assert_eq!(total["gone"]["value"]["USD"], "100");
    assert_eq!(total["after"]["value"]["USD"], "800");
    // Of a and b the customers decided within 30 days; who cannot be judged does not count.
    assert_eq!(total["before"]["outcomes"]["precision"], 0.5);
    assert_eq!(total["after"]["outcomes"]["precision"], 0.0);
    assert_eq!(whole["owners"][0]["owner"], "rep:r-a");
    let day = &whole["days"][0];
    assert_eq!((&day["day"], &day["gone"]["alerts"]), (&"2025-01-02".into(), &1.into()));
    assert_eq!(whole["refused"]["bad_json"], 1);
    // Three alerts before, three reps, from the 2nd to the 20th.
    let mean = whole["volume"]["old"]["mean_per_rep_and_day"].as_f64().unwrap();
    assert!((mean - 3.0 / (3.0 * 19.0)).abs() < 1e-12, "{mean}");
}

#[test]
fn what_sales_people_said_comes_before_what_customers_decided() {
    let small = Small::new();
    let lines = small.folder.path().join("diff.ndjson");
    let args = BacktestArgs { alerts: Some(lines.clone()), ..small.args(OLD, None) };
    compared(args);
    let text = fs::read_to_string(lines).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let said = small.folder.path().join("said.ndjson");
    let id = first["id"].as_str().unwrap();
    let closed = format!(
        r#"{{"output":"changed","id":"{id}","at":"2025-01-02T11:00:00Z","state":{{"name":"closed","reason":"dismissed"}}}}"#
    );
    fs::write(&said, format!("{{\"output\":\"opened\",\"alert\":{{}}}}\n{closed}\n")).unwrap();
    let args = BacktestArgs { outcomes: vec![said], ..small.args(OLD, None) };
    let outcomes = &compared(args)["total"]["new"]["outcomes"];
    assert_eq!((&outcomes["won"], &outcomes["dismissed"]), (&0.into(), &1.into()));
}

#[test]
fn a_period_leaves_out_what_lies_outside() {
    let small = Small::new();
    let at = |text| Some(Timestamp::parse(text).unwrap());
    let with =
        |from, to, alerts_from| BacktestArgs { from, to, alerts_from, ..small.args(OLD, None) };
    for (from, to, alerts_from, new, outside) in [
        (None, None, None, 3, 0),
        (at("2025-01-04"), None, None, 2, 2),
        (None, at("2025-01-10"), None, 2, 1),
        (None, None, at("2025-01-04"), 2, 0),
        (at("2025-01-04"), at("2025-01-10"), at("2025-01-05"), 0, 3),
    ] {
        let whole = compared(with(from, to, alerts_from));
        assert_eq!(whole["total"]["new"]["alerts"], new, "{from:?} {to:?} {alerts_from:?}");
        assert_eq!(whole["events_outside"], outside, "{from:?} {to:?} {alerts_from:?}");
    }
    for (from, to, alerts_from, told) in [
        (at("2025-01-04"), None, at("2025-01-02"), "leave --from out"),
        (at("2025-01-04"), at("2025-01-04"), None, "give a later instant"),
    ] {
        let (verdict, _, err) = backtest(with(from, to, alerts_from));
        assert!(verdict == Verdict::Misused && err.contains(told), "{err}");
    }
}

#[test]
fn the_page_stands_alone_and_the_tables_name_the_rule() {
    let small = Small::new();
    let page = small.folder.path().join("report.html");
    let new = ["200", "1.0", "2d", "info"];
    let args = BacktestArgs { html: Some(page.clone()), ..small.args(new, Some(OLD)) };
    let (verdict, out, err) = backtest(args);
    assert_eq!(verdict, Verdict::Good, "{err}");
    for part in ["0 new, 1 gone, 2 kept", "Large", "rep:r-a", "$100.00", "50.0 % of 2"] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<svg viewBox=\"0 0 960").count(), 3, "{page}");
    for (part, there) in [
        ("<script", false),
        ("http", false),
        ("role=\"img\" aria-labelledby=\"days-title days-desc\"", true),
        ("prefers-color-scheme: dark", true),
        ("Large before: $900.00", true),
    ] {
        assert_eq!(page.contains(part), there, "{part}");
    }
}

#[test]
fn bad_rules_and_missing_ones_are_named() {
    let small = Small::new();
    let (verdict, _, err) = backtest(small.args(["evnt", "1.0", "2d", "info"], Some(OLD)));
    assert!(verdict == Verdict::Bad && err.contains("error[E201]"), "{err}");
    let empty = tempfile::tempdir().unwrap();
    let args = BacktestArgs::of(vec![empty.path().to_owned()], Vec::new(), small.history.clone());
    let (verdict, _, err) = backtest(args);
    assert!(verdict == Verdict::Bad && err.contains(".rules.yaml"), "{err}");
}
