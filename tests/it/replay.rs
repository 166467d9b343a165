//! Does `siaga replay` account for every record of real data, and does disorder change nothing?
//!
//! ```text
//! read = applied + reference + repeats + without a customer + refused     (each set of data)
//! alerts(late, repeated, broken stream) = alerts(clean files)             (the invented set)
//! ```
//!
//! The data are looked for in the folder `SIAGA_DATA`, else in `../shared/data`. The two large sets
//! take part when `SIAGA_ALL_DATA` is set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The recorded sets, and whether each is small enough for every run of the tests.
const SETS: [(&str, bool); 9] = [
    ("aw", true),
    ("bank", true),
    ("cdnow", true),
    ("cj", false),
    ("crm", true),
    ("detailing", true),
    ("oj", true),
    ("superstore", true),
    ("uci", true),
];

/// Files that hold no events of their own: what a test is measured by, and the disordered copy.
const ASIDE: [&str; 2] = ["labels.ndjson.zst", "stream_dirty.ndjson.zst"];

fn data(set: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SIAGA_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("{set} is not replayed: there is no folder {}; set SIAGA_DATA", folder.display());
    None
}

fn all_data() -> bool {
    std::env::var_os("SIAGA_ALL_DATA").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The recorded files of a set, reference data included.
fn recorded(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.ends_with(".ndjson.zst") && !ASIDE.contains(&&*name)
        })
        .collect();
    files.sort();
    files
}

/// Replays files; gives the summary, and the lines of the alerts.
fn replay(files: &[PathBuf]) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.ndjson");
    let done = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["replay", "--output", "json", "--alerts"])
        .arg(&alerts)
        .args(files)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{files:?}: {complaint}");
    (serde_json::from_slice(&done.stdout).unwrap(), fs::read_to_string(alerts).unwrap())
}

/// The refused records of a summary, by reason.
fn refused(summary: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(summary["refused"].clone()).unwrap()
}

/// Every record that was read must be somewhere.
#[track_caller]
fn assert_accounted(name: &str, summary: &Value) {
    let count = |key: &str| summary[key].as_u64().unwrap();
    let reached = count("events_applied")
        + count("reference_records")
        + count("duplicates")
        + count("events_without_customer");
    let refused: u64 = refused(summary).values().sum();
    assert!(count("records_read") > 0, "{name}");
    assert_eq!(count("records_read"), reached + refused, "{name}: {summary:#}");
}

/// An alert's id and the instant it opened: an episode may come again once its alert is closed.
type Opening = (String, String);

/// What was opened, and how it stands at the end: value, summary, last state.
fn outcome(lines: &str) -> BTreeMap<Opening, [Value; 3]> {
    let (mut alerts, mut latest) = (BTreeMap::new(), BTreeMap::new());
    for line in lines.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        if line["output"] == "opened" {
            let mut alert = line["alert"].take();
            let opening = (text(&alert["id"]), text(&alert["opened_at"]));
            latest.insert(opening.0.clone(), opening.clone());
            let kept = ["value", "summary", "state"].map(|key| alert[key].take());
            assert!(alerts.insert(opening.clone(), kept).is_none(), "{opening:?} opened twice");
        } else {
            let opening = &latest[&text(&line["id"])];
            alerts.get_mut(opening).unwrap()[2] = line["state"].take();
        }
    }
    alerts
}

#[test]
fn every_record_of_every_set_is_accounted_for() {
    for (set, small) in SETS {
        let Some(folder) = data(set) else { continue };
        if !small && !all_data() {
            eprintln!("{set} is not replayed: it is large; set SIAGA_ALL_DATA=1");
            continue;
        }
        let (summary, alerts) = replay(&recorded(&folder));
        assert_accounted(set, &summary);
        assert_eq!(refused(&summary), BTreeMap::new(), "{set} holds sound records only");
        let opened: u64 = summary["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["alerts"].as_u64().unwrap())
            .sum();
        assert_eq!(outcome(&alerts).len() as u64, opened, "{set}");
        eprintln!("{set}: {} records, {opened} alerts", summary["records_read"]);
    }
}

#[test]
fn late_repeated_and_broken_records_change_no_alert() {
    let Some(folder) = data("synthetic-b2b") else { return };
    if !all_data() {
        eprintln!("synthetic-b2b is not replayed: it is large; set SIAGA_ALL_DATA=1");
        return;
    }
    let of = |names: &[&str]| -> Vec<PathBuf> {
        let files = names.iter().map(|name| folder.join(format!("{name}.ndjson.zst")));
        files.collect()
    };
    let clean = of(&["transactions", "interactions", "customers", "products", "reps"]);
    let dirty = of(&["stream_dirty", "customers", "products", "reps"]);
    let (clean, clean_alerts) = replay(&clean);
    let (dirty, dirty_alerts) = replay(&dirty);
    assert_accounted("the clean files", &clean);
    assert_accounted("the disordered stream", &dirty);
    assert_eq!(refused(&clean), BTreeMap::new());
    assert_eq!(refused(&dirty), BTreeMap::from([("bad_json".to_owned(), 139)]));
    assert!(dirty["duplicates"].as_u64() > Some(0) && clean["duplicates"] == 0, "{dirty:#}");
    assert_eq!(dirty["events_applied"], clean["events_applied"]);

    let (clean, dirty) = (outcome(&clean_alerts), outcome(&dirty_alerts));
    assert!(clean.len() > 1_000, "{} alerts", clean.len());
    for (one, other, name) in [(&clean, &dirty, "clean"), (&dirty, &clean, "disordered")] {
        let alone: Vec<_> = one.keys().filter(|key| !other.contains_key(key)).take(5).collect();
        assert!(alone.is_empty(), "only of the {name} stream: {alone:?}");
    }
    for (opening, alert) in &clean {
        assert_eq!(alert, &dirty[opening], "{opening:?}");
    }
}
