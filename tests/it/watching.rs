//! Does the built program follow the files of its rules: a change, a mistake, a signal?
//!
//! ```text
//! files ──► siaga serve, siaga demo ──► GET /v1/rules, /metrics
//!              ▲ SIGHUP
//! ```

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use siaga::time;

/// Tries, a tenth of a second apart, before something that must come counts as missing.
const TRIES: u32 = 1_200;

const PAUSE: Duration = Duration::from_millis(100);

/// A rule file with one rule.
fn rules(name: &str, when: &str) -> String {
    format!(
        "groups:\n  - name: g\n    rules:\n      - alert: {name}\n        family: trend\n        \
         on: [order]\n        when: {when}\n        expires_after: 1d\n        \
         annotations: {{summary: s}}\n"
    )
}

/// The program on a folder of its own; it ends with the test.
struct Running {
    process: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Running {
    /// Starts it, and waits until it is ready.
    fn start(folder: &Path, args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(args)
            .current_dir(folder)
            .env("SIAGA_HTTP_LISTEN", "127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let told = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("siaga: open http://").map(|(_, address)| address.to_owned())
        });
        let running = Self { process, address: told.expect("it tells where its page is") };
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        running.until("it is ready", |running| running.get("/-/ready").is_some());
        running
    }

    /// The body of a page that is there.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        head.contains(" 200 ").then(|| body.to_owned())
    }

    /// Sends an order of this amount, which has just been made.
    fn order(&self, id: &str, net: u32) {
        let now = time::now();
        let body = format!(
            "{{\"event_id\":\"{id}\",\"occurred_at\":\"{now}\",\"customer_id\":\"c1\",\
             \"currency\":\"USD\",\"lines\":[{{\"product_id\":\"p1\",\"quantity\":1,\"net_amount\":{net}}}]}}\n"
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "POST /v1/events HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/x-ndjson\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{answer}");
    }

    /// The rules that run, and why the last change was refused.
    fn rules(&self) -> (Vec<String>, Option<String>) {
        let page: Value = serde_json::from_str(&self.get("/v1/rules").unwrap()).unwrap();
        let names = page["rules"].as_array().unwrap().iter();
        let names = names.map(|rule| rule["name"].as_str().unwrap().to_owned()).collect();
        (names, page["last_reload"]["problem"].as_str().map(str::to_owned))
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let metrics = self.get("/metrics").unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        line.map(|value| value.parse().unwrap())
    }

    /// Whether the last change was good, by the metric that says so.
    fn is_good(&self) -> bool {
        self.metric("siaga_rules_last_reload_successful ") == Some(1.0)
    }

    fn alerts(&self) -> Vec<String> {
        let page: Value = serde_json::from_str(&self.get("/v1/alerts").unwrap()).unwrap();
        let alerts = page["alerts"].as_array().unwrap().iter();
        alerts.map(|alert| alert["rule"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..TRIES {
            if holds(self) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("{what}: it did not come to that");
    }
}

#[test]
fn a_server_takes_changed_rules_and_keeps_the_last_good_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules/a.rules.yaml");
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::write(&file, rules("First", "event.net > 1000.0")).unwrap();
    let server = Running::start(folder.path(), &["serve"]);
    assert_eq!(server.rules(), (vec!["First".to_owned()], None));
    server.order("o1", 60);

    fs::write(&file, rules("Second", "orders.last('30d').sum(o, o.net) > 100.0")).unwrap();
    server.until("the changed file runs", |server| server.rules().0 == ["Second"]);
    // Its window holds the order that came before it.
    server.order("o2", 60);
    server.until("the new rule fires", |server| server.alerts() == ["Second"]);

    fs::write(&file, rules("Third", "evnt.net > 10.0")).unwrap();
    server.until("the mistake is told", |server| server.rules().1.is_some());
    let (names, why) = server.rules();
    assert_eq!(names, ["Second"], "the last good set stays");
    assert!(why.as_ref().is_some_and(|why| why.contains("did you mean `event`?")), "{why:?}");
    assert!(!server.is_good());

    fs::write(&file, rules("Third", "event.net > 10.0")).unwrap();
    server.until("the mended file runs", |server| server.rules().0 == ["Third"]);
    assert_eq!((server.rules().1, server.is_good()), (None, true));
}

#[test]
fn a_signal_makes_a_server_read_its_rules_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules/a.rules.yaml");
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::write(&file, rules("First", "event.net > 10.0")).unwrap();
    let server = Running::start(folder.path(), &["serve"]);
    let hang_up = || {
        let pid = server.process.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    // Nothing has changed, so only the signal can be the reason for another reading.
    let read = "siaga_rules_reloads_total{result=\"adopted\"}";
    let before = server.metric(read);
    hang_up();
    server.until("the files are read again", |server| server.metric(read) > before);
    fs::write(&file, "groups: nothing\n").unwrap();
    hang_up();
    server.until("the mistake is told", |server| server.rules().1.is_some());
    assert_eq!((server.rules().0, server.is_good()), (vec!["First".to_owned()], false));
}

#[test]
fn the_demo_follows_its_rules_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.rules.yaml");
    fs::write(&file, rules("First", "event.net > 1000.0")).unwrap();
    let rules_of = file.to_str().unwrap();
    let args = ["demo", "--listen", "127.0.0.1:0", "--customers", "20", "--rules", rules_of];
    let demo = Running::start(folder.path(), &args);
    assert_eq!(demo.rules().0, ["First"]);
    fs::write(&file, rules("Second", "event.net > 500.0")).unwrap();
    demo.until("the changed file runs", |demo| demo.rules().0 == ["Second"]);
}
