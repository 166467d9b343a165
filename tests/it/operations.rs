//! Do the rules, the dashboard and the runbooks of `deploy/` fit the program?
//!
//! ```text
//! siaga demo  ◄─┐
//! siaga serve ◄─┴─ real Prometheus ◄── every panel's question: an answer?
//!    └─ topics
//! ```
//!
//! What needs Prometheus is left out where it is not installed; `tests/run` installs it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::fluvio::stand_in::StandIn;

const RULES: &str = include_str!("../../deploy/prometheus/siaga.rules.yaml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/dashboards/siaga.json");
const RUNBOOKS: &str = include_str!("../../deploy/runbooks.md");

/// Tries, a fifth of a second apart, before something that must come counts as missing.
const TRIES: u32 = 450;

const PAUSE: Duration = Duration::from_millis(200);

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !found {
        eprintln!("left out: {name} is not on the PATH (Debian: apt-get install prometheus)");
    }
    found
}

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)
}

/// Title and question of every panel.
fn questions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let asked = move |target: &Value| (title.clone(), target["expr"].as_str().unwrap().into());
        targets.iter().map(asked).collect::<Vec<_>>()
    };
    panels.flat_map(of).collect()
}

/// Names that begin with one of the program's prefixes, as Prometheus would read them.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let names = text.split(|letter| !part(letter));
    let ours = names.filter(|name| name.starts_with("siaga_") || name.starts_with("process_"));
    ours.filter(|name| !name.ends_with('_')).map(str::to_owned).collect()
}

fn send(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: &str, path: &str) -> String {
    send(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"))
}

/// Asks until there is an answer to the question.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..TRIES {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{what}: not within {TRIES} times {PAUSE:?}");
}

/// Starts a server, waits until it is ready, and tells where its pages are.
fn start(command: &mut Command) -> (Running, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let server = Running(child);
    let open = "siaga: open http://";
    let address = lines.find_map(|line| line.unwrap().strip_prefix(open).map(str::to_owned));
    let address = address.expect("the server tells where its page is");
    std::thread::spawn(move || lines.for_each(drop));
    eventually("it is ready", || get(&address, "/-/ready").contains(" 200 ").then_some(()));
    (server, address)
}

/// A server that reads topics.
fn reader(cluster: &StandIn, folder: &Path) -> (Running, String) {
    start(
        Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(["serve", "--data"])
            .arg(folder)
            .env("SIAGA_HTTP_LISTEN", "127.0.0.1:0")
            .env("SIAGA_HTTP_OPEN_METRICS", "true")
            .env("SIAGA_FLUVIO_ENDPOINT", cluster.endpoint())
            .env("SIAGA_FLUVIO_TOPICS", "calls"),
    )
}

/// The inbox over a server.
fn over_one(address: &str, folder: &Path) -> (Running, String) {
    start(
        Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(["inbox", "--data"])
            .arg(folder)
            .env("SIAGA_HTTP_LISTEN", "127.0.0.1:0")
            .env("SIAGA_HTTP_OPEN_METRICS", "true")
            .env("SIAGA_GATHER_OF", format!("http://{address}")),
    )
}

/// A demo whose history is in and which has refused a record.
fn demo() -> (Running, String) {
    let (demo, address) = start(Command::new(env!("CARGO_BIN_EXE_siaga")).args([
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--speed",
        "3600",
        "--customers",
        "200",
    ]));
    let wrong = "{\"event\":\"nothing of ours\"}\n";
    let answer = send(
        &address,
        &format!(
            "POST /v1/events HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n{wrong}",
            wrong.len()
        ),
    );
    assert!(answer.contains(" 400 "), "{answer}");
    (demo, address)
}

#[test]
fn every_alert_says_what_to_do_and_has_its_runbook() {
    let alerts: Vec<&str> = RULES.split("      - alert: ").skip(1).collect();
    assert!(alerts.len() >= 12);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        assert!(name.starts_with("Siaga"), "{name}: the names share a prefix");
        let severities = ["critical", "warning", "info"];
        let labelled = |severity| alert.contains(&format!("labels: {{severity: {severity}}}"));
        assert!(severities.iter().any(labelled), "{name} has a severity");
        for annotation in ["summary: ", "description: "] {
            assert!(alert.contains(annotation), "{name} has no {annotation}");
        }
        let link = format!("runbook_url: \"runbooks.md#{}\"", name.to_lowercase());
        assert!(alert.contains(&link), "{name} has no {link}");
        let section = RUNBOOKS.split("\n## ").find(|section| section.starts_with(name));
        let section = section.unwrap_or_else(|| panic!("{name} has no runbook"));
        for part in ["**Means**", "**Look**", "**Mend**"] {
            assert!(section.contains(part), "the runbook of {name} has no {part}");
        }
    }
}

#[test]
fn the_rules_are_sound_and_each_alert_fires_in_its_case_only() {
    if !installed("promtool") {
        return;
    }
    for (verb, file) in [
        (["check", "rules"], "prometheus/siaga.rules.yaml"),
        (["check", "config"], "prometheus/prometheus.yml"),
        (["test", "rules"], "prometheus/siaga.rules.test.yaml"),
    ] {
        let ran = Command::new("promtool").args(verb).arg(deploy(file)).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{verb:?} {file}: {told}");
    }
    // A test of rules that names no alert proves nothing.
    let tested = std::fs::read_to_string(deploy("prometheus/siaga.rules.test.yaml")).unwrap();
    for alert in RULES.split("      - alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        assert!(tested.contains(&format!("alertname=\"{name}\"")), "{name} is not tested");
    }
}

#[test]
fn every_panel_has_data_from_a_real_prometheus() {
    let (demo, address) = demo();
    let (cluster, folder) = (StandIn::start(&[("calls", 2)]), tempfile::tempdir().unwrap());
    let call =
        r#"{"event_id":"1","occurred_at":"2025-03-01T09:00:00Z","customer_id":"c","kind":"call"}"#;
    cluster.append("calls", 0, &[call.to_owned()]);
    let (reader, topics) = reader(&cluster, &folder.path().join("data"));
    let of_topics = eventually("figures of the topics", || {
        Some(get(&topics, "/metrics")).filter(|text| text.contains("siaga_source_up{"))
    });
    let (over, above) = over_one(&topics, &folder.path().join("inbox"));
    let text = get(&address, "/metrics") + of_topics.as_str() + get(&above, "/metrics").as_str();
    let known = metrics_in(&text);
    let asked: String = questions().into_iter().map(|(_, question)| question + "\n").collect();
    for name in metrics_in(RULES).union(&metrics_in(&asked)) {
        // What a rule records is no metric of the program.
        if !RULES.contains(&format!("record: {name}")) {
            assert!(known.contains(name), "the program has no {name}:\n{text}");
        }
    }
    if !installed("prometheus") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let rules = deploy("prometheus/siaga.rules.yaml");
    let settings = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
         scrape_configs:\n  - job_name: siaga\n    static_configs: [{{targets: ['{address}', '{topics}', '{above}']}}]\n",
        rules.display()
    );
    std::fs::write(&config, settings).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={listen}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let prometheus = Running(prometheus.unwrap());
    eventually("Prometheus listens", || TcpStream::connect(&listen).ok());
    for (title, question) in questions() {
        let query = question.replace("$job", ".*").replace("$instance", ".*");
        let path = format!("/api/v1/query?query={}", escaped(&query));
        eventually(&format!("data for the panel `{title}`: {query}"), || {
            let answer = get(&listen, &path);
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let answer: Value = serde_json::from_str(body).ok()?;
            assert_ne!(answer["status"], "error", "{title}: {answer}");
            let found = answer["data"]["result"].as_array()?;
            found.iter().any(|series| series["value"][1] != "NaN").then_some(())
        });
    }
    // The metric says of readiness what `/-/ready` says.
    cluster.stop_broker();
    let is_told = || get(&topics, "/metrics").contains("\nsiaga_ready 0\n").then_some(());
    eventually("the outage in the metrics", is_told);
    drop((prometheus, demo, reader, over));
}

/// A query as part of an address.
fn escaped(query: &str) -> String {
    query.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02X}");
        all
    })
}
