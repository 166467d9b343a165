//! `kill -9` of the real program, again and again, against an oracle.
//!
//! ```text
//! bodies ─► POST, again until it is answered ─► siaga serve ─► killed ─► started again …
//!    │                                              └─► webhook ─► [receiver] alerts, by ids
//!    └────► a service that nothing happens to ─► alerts  ═══  the inbox in the end, the receiver's
//! ```
//!
//! A kill shows that recovery works, not that syncs are there: that is what the simulated disk is
//! for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Lines;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::durable::script::Step;
use crate::durable::stage::undisturbed_by;
use crate::journal::run::Numbers;
use crate::outbox::receiver::Answer;
use crate::outbox::receiver::Receiver;
use crate::scene::MINUTE;
use crate::scene::at;

/// Kills in a run of the tests; `SIAGA_KILLS` asks for more, and `SIAGA_BINARY` names another
/// program than that of the tests.
const KILLS: usize = 50;

/// Looks, at most a twentieth of a second apart, at what has still to come.
pub(super) const LOOKS: usize = 12_000;

/// Rules that events alone set off: when the wall clock ticks must not matter.
pub(super) const RULES: &str = r#"
groups:
  - name: g
    rules:
      - alert: Big
        family: trend
        on: [order]
        when: orders.last('30d').sum(o, o.net) >= 300.0
        cooldown: 2h
        expires_after: 0s
        annotations: {summary: "{{ money(orders.last('30d').sum(o, o.net)) }}"}
      - alert: Third
        family: up_sell
        on: [order]
        when: size(orders) % 3 == 0
        episode: event.time
        annotations: {summary: "{{ size(orders) }} orders"}
"#;

/// The program, ended with the test.
pub(super) struct Server {
    pub(super) child: Child,
    pub(super) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(super) fn start(folder: &Path) -> Self {
        let (child, mut lines) = spawn(folder, &[]);
        let mut said = String::new();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let address = line.strip_prefix("siaga: open http://").map(str::to_owned);
            writeln!(said, "{line}").unwrap();
            address
        });
        // What else it says must not fill the pipe.
        let of = folder.to_owned();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| overhear(&of, &line));
        });
        let address = address.unwrap_or_else(|| panic!("the server has not started:\n{said}"));
        Self { child, address }
    }

    pub(super) fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

/// The ids of alerts that servers have taken back, by the folder of their data.
///
/// The inbox may show an alert before its event is durable. Whoever is killed in between leaves an
/// alert that the journal does not hold: it is withdrawn, and opens once more when the event, which
/// was never acknowledged, is sent again.
static WITHDRAWN: Mutex<BTreeMap<PathBuf, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// Listens to what a server says beside what it was asked.
pub(super) fn overhear(folder: &Path, line: &str) {
    if line.contains("they are withdrawn") {
        let told = line.split("ids=").nth(1).and_then(|rest| rest.split(' ').next());
        let ids = told.unwrap().trim().trim_matches('"').split(',').map(str::to_owned);
        WITHDRAWN.lock().unwrap().entry(folder.to_owned()).or_default().extend(ids);
    }
    if line.contains("ERROR") {
        eprintln!("{line}");
    }
}

/// The program on the folder's data, and what it says.
pub(super) fn spawn(folder: &Path, more: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = quiet()
        .args(["serve", "--data"])
        .arg(folder.join("data"))
        .arg("--config")
        .arg(folder.join("siaga.toml"))
        .args(more)
        .env("SIAGA_HTTP_LISTEN", "127.0.0.1:0")
        .env("SIAGA_RULES_PATH", folder.join("rules"))
        .env("SIAGA_ENGINE_SHARDS", "2")
        .env("SIAGA_STORAGE_SNAPSHOT_EVERY", "200ms")
        .env("SIAGA_LOG", "warn")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

/// The program. What is said to the tests is not said to it.
pub(super) fn quiet() -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIAGA_")) {
        command.env_remove(name);
    }
    command
}

pub(super) fn program() -> OsString {
    std::env::var_os("SIAGA_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_siaga").into())
}

/// Status and body of an answer; an error where there was none.
pub(super) fn send(address: &str, request: &str) -> io::Result<(u16, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    socket.write_all(request.as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    // A chunked body would not be a JSON text.
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}

pub(super) fn post(address: &str, body: &str) -> io::Result<(u16, String)> {
    let length = body.len();
    send(
        address,
        &format!(
            "POST /v1/events HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

/// Body after body, four orders each.
pub(super) fn body(number: usize) -> String {
    let mut numbers = Numbers(number as u64 + 1);
    (0..4).fold(String::new(), |mut all, place| {
        let id = number * 4 + place;
        let (customer, price) = (numbers.below(20), 20 + numbers.below(100));
        let time = at(i64::try_from(id).unwrap() * MINUTE);
        writeln!(
            all,
            r#"{{"event_id":"e{id}","type":"order","occurred_at":"{time}","customer_id":"c{customer}","currency":"USD","lines":[{{"product_id":"p{price}","quantity":1,"unit_price":{price}}}]}}"#
        )
        .unwrap();
        all
    })
}

/// Sends bodies from this number on until the server is gone; how many were acknowledged in all.
fn send_until_it_dies(address: &str, acknowledged: &AtomicUsize) {
    loop {
        let next = acknowledged.load(Ordering::Acquire);
        match post(address, &body(next)) {
            Ok((202, _)) => acknowledged.store(next + 1, Ordering::Release),
            // It is catching up, or it is not known whether it was taken.
            Ok((408 | 503, _)) => std::thread::sleep(Duration::from_millis(2)),
            Ok((status, text)) => panic!("{status}: {text}"),
            Err(_) => return,
        }
    }
}

/// The alerts whose opening a receiver has accepted, each with the ids of the deliveries.
pub(super) fn delivered(receiver: &Receiver) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in receiver.requests().iter().filter(|request| request.is_accepted) {
        let message: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        if message["type"] == "com.siaga.alert.opened" {
            let alert = message["subject"].as_str().unwrap().to_owned();
            told.entry(alert).or_default().insert(request.headers["webhook-id"].clone());
        }
    }
    told
}

/// A server that is killed in the middle of taking bodies, one of four while it starts.
fn killed_while_taking(
    place: &Path,
    acknowledged: &AtomicUsize,
    (cycle, numbers): (usize, &mut Numbers),
) {
    let mut server = Server::start(place);
    let address = server.address.clone();
    // One of eight lives for long enough to take snapshots, for those behind it to begin with.
    let pause = if cycle % 8 == 5 { 600 } else { numbers.below(150) };
    let pause = Duration::from_millis(pause);
    std::thread::scope(|scope| {
        let before = acknowledged.load(Ordering::Acquire);
        scope.spawn(|| send_until_it_dies(&address, acknowledged));
        // One of four may be killed while it takes in what the last one left.
        let mut looks = if cycle.is_multiple_of(4) { 0 } else { LOOKS };
        while looks > 0 && acknowledged.load(Ordering::Acquire) == before {
            std::thread::sleep(Duration::from_millis(5));
            looks -= 1;
        }
        std::thread::sleep(pause);
        server.child.kill().unwrap();
        server.child.wait().unwrap();
    });
}

/// Every acknowledged body is there: sent again, each event of it is a repeat.
///
/// Which of the latest 32,768 are repeats is in the answer; of older ones their customers know.
pub(super) fn send_again(address: &str, bodies: usize) {
    // One that got no answer may have been taken, too.
    again(address, bodies);
    let before = repeats(address);
    let told: u64 = (0..bodies).map(|number| again(address, number)).sum();
    let want = 4 * bodies as u64;
    assert!(want > RECENT || told == want, "of {want} events {told} are there");
    let (mut looks, mut known) = (0, 0);
    while known < want {
        known = repeats(address) - before;
        assert!(looks < LOOKS, "of {want} events {known} are there");
        looks += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(known, want);
}

/// So many events are looked through before it is asked whether their customers know them.
const RECENT: u64 = 32_768;

/// Sends a body once more; how many of its events the answer calls repeats.
fn again(address: &str, number: usize) -> u64 {
    loop {
        let (status, text) = post(address, &body(number)).unwrap();
        if status == 202 {
            let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
            return answer["duplicates"].as_u64().unwrap();
        }
        assert!(matches!(status, 408 | 429 | 503), "{status}: {text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The repeats that a server has met, which it counts about once a second.
fn repeats(address: &str) -> u64 {
    std::thread::sleep(Duration::from_millis(1_500));
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let (status, text) = send(address, &request).unwrap();
    assert_eq!(status, 200, "{text}");
    let mut lines =
        text.lines().filter_map(|line| line.strip_prefix("siaga_events_duplicate_total "));
    lines.next().unwrap().trim().parse().unwrap()
}

#[test]
fn kill_after_kill_nothing_acknowledged_is_lost_and_no_alert_is_told_twice() {
    let kills = std::env::var("SIAGA_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let (place, receiver) = set_up();
    let acknowledged = AtomicUsize::new(0);
    let mut numbers = Numbers(9);
    for cycle in 0..kills {
        killed_while_taking(place.path(), &acknowledged, (cycle, &mut numbers));
        if cycle % 100 == 99 {
            eprintln!("{} kills, {} bodies", cycle + 1, acknowledged.load(Ordering::Acquire));
        }
    }
    let bodies = acknowledged.into_inner();
    assert!(bodies > kills / 2, "only {bodies} bodies were taken");
    let server = Server::start(place.path());
    send_again(&server.address, bodies);
    let snapshots = fs::read_dir(place.path().join("data/snapshots")).unwrap().count();
    assert!(snapshots > 0, "every start has read the whole journal");
    let alerts = compare(server, place.path(), bodies, &receiver);
    println!("{kills} kills, {bodies} bodies, {alerts} alerts, all delivered");
}

/// A folder with rules and a receiver, which takes not every message, and whose answer to some is
/// lost.
pub(super) fn set_up() -> (tempfile::TempDir, Receiver) {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("rules")).unwrap();
    fs::write(place.path().join("rules/a.rules.yaml"), RULES).unwrap();
    let receiver = Receiver::start(|number| match number % 15 {
        1 | 4 => Answer::Status(503, ""),
        7 => Answer::ResetAfterAccepting,
        _ => Answer::Status(200, ""),
    });
    let config = format!(
        "[delivery]\ngroup_wait = '0s'\nstale_after = '36500d'\n[channels.crm]\nwebhook.url = '{}'\n\
         webhook.allow_loopback = true\nper_minute = 100000\n",
        receiver.url()
    );
    fs::write(place.path().join("siaga.toml"), config).unwrap();
    (place, receiver)
}

/// Waits until everything is delivered, stops the server, and compares inbox and receiver with a
/// service that nothing happens to; how many alerts there are.
pub(super) fn compare(server: Server, place: &Path, bodies: usize, receiver: &Receiver) -> usize {
    let inbox = rusqlite::Connection::open(place.join("data/inbox.sqlite")).unwrap();
    let waiting = "SELECT (SELECT COUNT(*) FROM deliveries
            WHERE status IN ('pending', 'sending', 'uncertain'))
        + (SELECT COALESCE(MAX(seq), 0) FROM changes)
        - (SELECT value FROM outbox_marks WHERE name = 'planned')";
    let mut looks = 0;
    while inbox.query_row(waiting, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
        looks += 1;
        assert!(looks < LOOKS, "not everything is delivered");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop();
    let script: Vec<Step> = (0..=bodies).map(|number| Step::Body(body(number))).collect();
    let want = undisturbed_by(RULES, &script, 1);
    let want: BTreeSet<String> = want.alerts.keys().map(ToString::to_string).collect();
    let ids = |query: &str| -> Vec<String> {
        let mut rows = inbox.prepare(query).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let have: BTreeSet<String> = ids("SELECT id FROM alerts").into_iter().collect();
    assert!(have.len() > bodies / 4, "{} alerts of {bodies} bodies", have.len());
    assert_eq!(have, want);
    let again = ids("SELECT id FROM changes WHERE opened = 1 GROUP BY id HAVING COUNT(*) > 1");
    let withdrawn = WITHDRAWN.lock().unwrap().get(place).cloned().unwrap_or_default();
    let twice: Vec<_> = again.iter().filter(|id| !withdrawn.contains(*id)).collect();
    assert!(twice.is_empty(), "opened twice, and not withdrawn between: {twice:?}");
    eprintln!(
        "{} of {} alerts were withdrawn, {} of them opened again",
        withdrawn.len(),
        have.len(),
        again.len()
    );
    let told = delivered(receiver);
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), want);
    let twice: Vec<_> = told.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "under two ids: {twice:?}");
    let verified = Command::new(program())
        .args(["journal", "verify"])
        .arg(place.join("data/journal"))
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    have.len()
}
