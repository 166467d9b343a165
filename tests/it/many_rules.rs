//! Do many rules over the same windows find what each finds alone? The rules of `benches/rules`, which
//! measures what they cost, over a small company of the demo.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use siaga::demo;

/// Each rule of the template as often as there are factors; thresholds are multiplied by them.
fn rules(factors: &[u32]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rules/shared.template");
    let template = fs::read_to_string(path).unwrap();
    let mut text = "groups:\n  - name: shared\n    rules:\n".to_owned();
    for factor in factors {
        for line in template.lines().filter(|line| line.starts_with(' ')) {
            let mut parts = line.split("LIMIT(");
            let head = parts.next().unwrap().replace("_K,", &format!("V{factor},"));
            text += &head;
            for part in parts {
                let (limit, rest) = part.split_once(')').unwrap();
                let limit: u32 = limit.parse::<u32>().unwrap() * factor;
                let _ = write!(text, "{}.{}{rest}", limit / 10, limit % 10);
            }
            text.push('\n');
        }
    }
    text
}

/// The alerts of a replay: which rule opened when for whom, and what its summary says.
fn found(rules: &str, folder: &Path, files: &[PathBuf]) -> BTreeSet<[String; 4]> {
    let (path, alerts) = (folder.join("a.rules.yaml"), folder.join("alerts.ndjson"));
    fs::write(&path, rules).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["replay", "--output", "none", "--shards", "1", "--alerts"])
        .arg(&alerts)
        .arg("--rules")
        .arg(&path)
        .args(files)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(alerts).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let opened = lines.filter(|line| line["output"] == "opened");
    let told = opened.map(|line| {
        let places = ["/alert/rule", "/alert/entity/id", "/alert/opened_at", "/alert/summary"];
        places.map(|place| line.pointer(place).unwrap().as_str().unwrap().to_owned())
    });
    told.collect()
}

#[test]
fn two_hundred_rules_find_what_each_twenty_of_them_find_alone() {
    let settings = demo::Settings {
        customers: 40,
        history_days: 240,
        live_days: 0,
        ..demo::Settings::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.ndjson");
    let lines: Vec<String> = demo::stream(&settings).map(|(_, line)| line).collect();
    fs::write(&events, lines.join("\n")).unwrap();
    let files = [events];
    let factors: Vec<u32> = (1..=10).collect();
    let together = found(&rules(&factors), folder.path(), &files);
    let mut alone = BTreeSet::new();
    for factor in factors {
        alone.extend(found(&rules(&[factor]), folder.path(), &files));
    }
    assert!(alone.len() > 1_000, "{} alerts", alone.len());
    let rules: BTreeSet<&String> = alone.iter().map(|[rule, ..]| rule).collect();
    assert!(rules.len() > 100, "{} rules fire", rules.len());
    assert_eq!(together, alone);
}
