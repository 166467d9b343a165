//! The real program as three processes over six partitions, against the same program as one.
//!
//! ```text
//! orders, by customer ─► six partitions ─┬─► process 0: 0, 3 ─┐
//!                                        ├─► process 1: 1, 4 ─┼─► topic `alerts`, each by its writer
//!                                        └─► process 2: 2, 5 ─┘      = those of one process
//! ```
//!
//! Process 1 is killed, or stopped and woken; another goes on with its folder. Or each reads everything,
//! and rules over reps and products, and over what is learned, tell what they tell in one process.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use siaga::source::fluvio::partition;
use siaga::time;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::fluvio::cycles;
use crate::fluvio::stand_in::StandIn;

/// Kills, and sleeps, in a run of the tests; `SIAGA_CYCLES` asks for more.
const CYCLES: usize = 3;

pub(super) const PARTITIONS: u32 = 6;

pub(super) const CUSTOMERS: usize = 24;

/// What the processes and an inbox over them have in common.
pub(super) const TOKEN: &str = "a token that is long enough";

/// Rules that events alone set off: when a process came to an event must not matter.
const RULES: &str = r#"
groups:
  - name: g
    rules:
      - alert: Big
        family: trend
        on: [order]
        when: orders.last('30d').sum(o, o.net) >= 300.0
        cooldown: 2m
        expires_after: 0s
        annotations: {summary: "{{ money(orders.last('30d').sum(o, o.net)) }}"}
      - alert: Third
        family: up_sell
        on: [order]
        when: size(orders) % 3 == 0
        episode: event.time
        annotations: {summary: "{{ size(orders) }} orders"}
"#;

/// Rules that look beyond the customers of a process, and one that tells when all is read.
const BEYOND: &str = r#"
      - alert: OfRep
        family: performance
        entity: rep
        on: [order]
        when: size(orders) % 4 == 0
        episode: event.time
        annotations: {summary: "{{ rep.id }} sold {{ money(orders.last('30d').sum(o, o.net)) }}"}
      - alert: OfProduct
        family: quality
        entity: product
        on: [order]
        when: size(orders) % 5 == 0
        episode: event.time
        annotations: {summary: "{{ product.id }} {{ size(orders) }} times"}
      - alert: Likely
        family: cross_sell
        on: [order]
        let:
          lift: affinity(event.lines, 'gloves')
        when: lift > 0.0
        episode: event.time
        annotations: {summary: "{{ lift }}"}
      - alert: End
        family: trend
        on: [order]
        when: event.channel == 'end'
        annotations: {summary: "all is read"}
"#;

/// A cluster with orders, and the folders of the processes that read them.
pub(super) struct Scene {
    pub(super) cluster: StandIn,
    pub(super) place: tempfile::TempDir,
    begun: Timestamp,
    /// From one order to the next.
    pace: Span,
    reads: &'static str,
    orders: usize,
    /// Where the pages of each of the three are; anywhere without.
    pub(super) ports: Option<[u16; 3]>,
    /// The topic of what people do; none without a name.
    pub(super) feedback: &'static str,
}

/// A process, ended with the test.
pub(super) struct Process {
    pub(super) child: Child,
    name: String,
    pub(super) folder: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts it; what it says is told with its name.
    pub(super) fn begin(command: &mut Command, folder: &Path, name: &str) -> Self {
        let mut child = command.env("SIAGA_LOG", "warn").stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let who = name.to_owned();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| eprintln!("{who}: {line}"));
        });
        Self { child, name: name.to_owned(), folder: folder.to_owned() }
    }

    pub(super) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(super) fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.clone()
    }

    pub(super) fn stop(mut self) {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// Every alert of its inbox: whose it is, and how it stands.
    fn alerts(&self) -> BTreeMap<String, String> {
        let inbox = rusqlite::Connection::open(self.folder.join("inbox.sqlite")).unwrap();
        let mut rows = inbox
            .prepare("SELECT id, entity_id || ' ' || opened_at || ' ' || state || body FROM alerts")
            .unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("rules")).unwrap();
        fs::write(place.path().join("rules/a.rules.yaml"), RULES).unwrap();
        let config = "[delivery]\ngroup_wait = '0s'\nstale_after = '3650d'\n[channels.log]\nfluvio.topic = 'alerts'\n\
                      per_minute = 100000\n";
        fs::write(place.path().join("siaga.toml"), config).unwrap();
        let topics = [("orders", PARTITIONS as usize), ("alerts", 1), ("one", 1)];
        let cluster = StandIn::start(&topics);
        cluster.create("siaga-control", 1);
        let begun = time::now() - Span::from_millis(1_800_000);
        Self {
            cluster,
            place,
            begun,
            pace: Span::from_millis(1_000),
            reads: "share",
            orders: 0,
            ports: None,
            feedback: "",
        }
    }

    /// One whose processes read everything, and whose orders take weeks.
    fn of_weeks() -> Self {
        let scene = Self::new();
        fs::write(scene.place.path().join("rules/a.rules.yaml"), [RULES, BEYOND].concat()).unwrap();
        let begun = time::now() - Span::from_millis(40 * 86_400_000);
        Self { begun, pace: Span::from_millis(2 * 3_600_000), reads: "everything", ..scene }
    }

    /// So many orders more.
    pub(super) fn sell(&mut self, count: usize) {
        for number in self.orders..self.orders + count {
            let customer = format!("c{}", (number * 7 + number / 5) % CUSTOMERS);
            let price = 20 + (number * 37) % 100;
            let (rep, product) = (number % 5, number * 11 % 7);
            let category = ["tools", "gloves", "paint"][number % 3];
            let line = format!(
                r#"{{"event_id":"e{number}","type":"order","occurred_at":"{}","customer_id":"{customer}","rep_id":"r{rep}","currency":"USD","lines":[{{"product_id":"p{product}","category":"{category}","quantity":1,"unit_price":{price}}}]}}"#,
                self.instant(number)
            );
            self.append(&customer, line);
        }
        self.orders += count;
    }

    /// When an order happened.
    pub(super) fn instant(&self, number: usize) -> Timestamp {
        self.begun + Span::from_millis(i64::try_from(number).unwrap() * self.pace.millis())
    }

    pub(super) fn append(&self, customer: &str, line: String) {
        let home = partition::of_key(customer.as_bytes(), PARTITIONS);
        self.cluster.append("orders", home as usize, &[line]);
    }

    /// Behind all others, an order of a customer of each of the three.
    fn end(&self) {
        for ordinal in 0..3 {
            let is_of =
                |name: &String| partition::of_key(name.as_bytes(), PARTITIONS) % 3 == ordinal;
            let customer = (0..100).map(|n| format!("end{n}")).find(is_of).unwrap();
            let line = format!(
                r#"{{"event_id":"end{ordinal}","type":"order","occurred_at":"{}","customer_id":"{customer}","channel":"end","lines":[{{"product_id":"p0","quantity":1,"unit_price":1}}]}}"#,
                self.instant(self.orders)
            );
            self.append(&customer, line);
        }
    }

    /// Waits until whoever writes to a topic has read everything.
    #[track_caller]
    fn wait_for_the_end(&self, topic: &str) {
        let ended = || self.told(topic, |event| event["data"]["rule"] == "End").len() == 3;
        self.wait("the end", ended);
    }

    /// Starts a process; its folder, and what it calls itself.
    pub(super) fn start(
        &self,
        folder: &Path,
        name: &str,
        (ordinal, processes): (u32, u32),
    ) -> Process {
        let ports = self.ports.filter(|_| processes > 1);
        let port = ports.map_or(0, |ports| ports[ordinal as usize]);
        let topic = if processes == 1 { "one" } else { "alerts" };
        let mut command = siaga();
        command
            .args(["serve", "--data"])
            .arg(folder)
            .arg("--config")
            .arg(self.place.path().join("siaga.toml"))
            .env("SIAGA_HTTP_LISTEN", format!("127.0.0.1:{port}"))
            .env("SIAGA_RULES_PATH", self.place.path().join("rules"))
            .env("SIAGA_ENGINE_SHARDS", "1")
            .env("SIAGA_STORAGE_SNAPSHOT_EVERY", "300ms")
            .env("SIAGA_DELIVERY_PAGES", format!("https://{name}.example"))
            .env("SIAGA_CHANNELS_LOG_FLUVIO_TOPIC", topic)
            .env("SIAGA_FLUVIO_ENDPOINT", self.cluster.endpoint())
            .env("SIAGA_FLUVIO_TOPICS", "orders")
            .env("SIAGA_FLUVIO_FEEDBACK_TOPIC", self.feedback)
            .env("SIAGA_FLUVIO_HEARTBEAT_MS", "50")
            .env("SIAGA_FLUVIO_RETRY_MS_MAX", "200")
            .env("SIAGA_CLUSTER_PROCESSES", processes.to_string())
            .env("SIAGA_CLUSTER_ORDINAL", ordinal.to_string())
            .env("SIAGA_CLUSTER_READS", self.reads)
            .env("SIAGA_CLUSTER_LEASE_MS", "1000")
            .env("SIAGA_GATHER_TOKEN", TOKEN);
        Process::begin(&mut command, folder, name)
    }
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn three(&self) -> Vec<Process> {
        let start = |ordinal| {
            let name = format!("p{ordinal}");
            self.start(&self.folder(&name), &name, (ordinal, 3))
        };
        (0..3).map(start).collect()
    }

    /// What one process makes of everything that was sold.
    pub(super) fn alone(&self) -> BTreeMap<String, String> {
        let one = self.start(&self.folder("one"), "one", (0, 1));
        self.wait("the alerts of one process", || self.openings("one").len() >= self.expected());
        let alerts = one.alerts();
        one.stop();
        alerts
    }

    /// Alerts that the orders so far set off, by a count of our own: every third order of a customer
    /// opens one. Those by the sum come with them, and are compared in the end.
    fn expected(&self) -> usize {
        let mut orders = [0_usize; CUSTOMERS];
        (0..self.orders).for_each(|number| orders[(number * 7 + number / 5) % CUSTOMERS] += 1);
        orders.iter().map(|count| count / 3).sum()
    }

    /// The alerts whose `Third` opening is in a topic, each with the ids it was told by.
    fn openings(&self, topic: &str) -> BTreeMap<String, BTreeSet<String>> {
        self.told(topic, |event| event["data"]["rule"] == "Third")
    }

    /// The alerts whose opening is in a topic, each with the ids it was told by.
    fn told(
        &self,
        topic: &str,
        which: impl Fn(&serde_json::Value) -> bool,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in self.events(topic) {
            if event["type"] == "com.siaga.alert.opened" && which(&event) {
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                told.entry(text("subject")).or_default().insert(text("id"));
            }
        }
        told
    }

    fn events(&self, topic: &str) -> Vec<serde_json::Value> {
        let values = self.cluster.values(topic, 0).into_iter();
        values.map(|(_, value)| serde_json::from_str(&value).unwrap()).collect()
    }

    /// Records of a topic that this process wrote.
    fn written_by(&self, name: &str) -> usize {
        let source = format!("https://{name}.example");
        self.events("alerts").iter().filter(|event| event["source"] == source.as_str()).count()
    }

    #[track_caller]
    pub(super) fn wait(&self, what: &str, so: impl Fn() -> bool) {
        let begun = time::steady();
        while !so() {
            let (openings, expected) = (self.openings("alerts").len(), self.expected());
            assert!(
                begun.elapsed() < Duration::from_mins(2),
                "{what} did not come: {openings} of {expected} are told"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub(super) fn wait_for_all(&self) {
        self.wait("all alerts", || self.openings("alerts").len() >= self.expected());
    }

    /// The three have what one has, each a part of it, and nothing was told under two ids.
    #[track_caller]
    fn assert_like_one(&self, three: &[Process]) {
        self.assert_like(three, &self.alone());
    }

    #[track_caller]
    fn assert_like(&self, three: &[Process], want: &BTreeMap<String, String>) {
        let mut have = BTreeMap::new();
        for process in three {
            let alerts = process.alerts();
            assert!(!alerts.is_empty(), "{} has nothing to say", process.name);
            for (id, alert) in alerts {
                assert_eq!(have.insert(id, alert), None, "two have the same alert");
            }
        }
        assert_eq!(have.len(), want.len());
        assert_eq!(have, *want);
        let told = self.told("alerts", |_| true);
        assert!(told.keys().eq(want.keys()), "not all are told, or others");
        let twice: Vec<_> = told.iter().filter(|(_, ids)| ids.len() > 1).collect();
        assert!(twice.is_empty(), "under two ids: {twice:?}");
    }
}

/// The program, with nothing of this one's environment that it would read.
pub(super) fn siaga() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siaga"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIAGA_")) {
        command.env_remove(name);
    }
    command
}

/// Everything of a folder, as a disk that is attached elsewhere has it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn three_processes_tell_what_one_tells_however_often_one_is_killed_and_replaced() {
    let mut scene = Scene::new();
    let mut three = scene.three();
    scene.sell(120);
    scene.wait_for_all();
    for cycle in 0..cycles(CYCLES) {
        // One is killed at work, and its disk goes to another machine.
        scene.sell(60);
        let killed = three.remove(1).kill();
        let (name, moved) = (format!("p1-{cycle}"), scene.folder(&format!("moved-{cycle}")));
        fs::rename(killed, &moved).unwrap();
        scene.sell(60);
        three.insert(1, scene.start(&moved, &name, (1, 3)));
        scene.wait_for_all();
    }
    scene.assert_like_one(&three);
    three.into_iter().for_each(Process::stop);
}

#[test]
fn a_process_that_sleeps_while_it_is_replaced_says_nothing_when_it_wakes() {
    let mut scene = Scene::new();
    let mut three = scene.three();
    scene.sell(120);
    scene.wait_for_all();
    // One that nobody replaces goes on when it wakes: it does have something to say.
    let spoken = scene.written_by("p1");
    three[1].signal("-STOP");
    scene.sell(60);
    three[1].signal("-CONT");
    scene.wait_for_all();
    assert!(scene.written_by("p1") > spoken);
    for cycle in 0..cycles(CYCLES) {
        let mut zombie = three.remove(1);
        zombie.signal("-STOP");
        let (name, taken) = (format!("p1-{cycle}"), scene.folder(&format!("taken-{cycle}")));
        copy(&zombie.folder, &taken);
        scene.sell(60);
        three.insert(1, scene.start(&taken, &name, (1, 3)));
        scene.wait_for_all();
        assert!(scene.written_by(&name) > 0, "nobody replaced it");
        // It has 60 orders to read, and its alerts to tell.
        let before = scene.written_by(&zombie.name);
        zombie.signal("-CONT");
        let ended = zombie.child.wait().unwrap();
        assert_eq!(ended.code(), Some(1), "it says why it ends");
        assert_eq!(scene.written_by(&zombie.name), before, "{} spoke", zombie.name);
    }
    scene.assert_like_one(&three);
    three.into_iter().for_each(Process::stop);
}

#[test]
fn a_folder_goes_on_with_its_own_share_only() {
    let mut scene = Scene::new();
    scene.sell(30);
    let three = scene.three();
    scene.wait_for_all();
    three.into_iter().for_each(Process::stop);
    for share in [(2, 3), (1, 2), (0, 1)] {
        let mut other = scene.start(&scene.folder("p1"), "other", share);
        assert_eq!(other.child.wait().unwrap().code(), Some(1), "{share:?}");
    }
    let status = siaga()
        .args(["cluster", "status"])
        .env("SIAGA_FLUVIO_ENDPOINT", scene.cluster.endpoint())
        .env("SIAGA_FLUVIO_TOPICS", "orders")
        .env("SIAGA_CLUSTER_PROCESSES", "3")
        .output()
        .unwrap();
    let text = String::from_utf8(status.stdout).unwrap();
    assert_eq!(status.status.code(), Some(1), "{text}");
    assert_eq!(text.matches("nobody").count(), 6, "all have left: {text}");
}

#[test]
fn three_that_read_everything_tell_of_reps_products_and_what_is_learned_what_one_tells() {
    let mut scene = Scene::of_weeks();
    // All of it is there before anybody reads: what comes meanwhile over several partitions has no order
    // but that of its arrival.
    scene.sell(440);
    scene.end();
    let mut three = scene.three();
    let marked = scene.folder("p1").join("share.json");
    scene.wait("the first alert", || !scene.openings("alerts").is_empty() && marked.exists());
    // One is replaced at work: which entities are its own is known when the journal is read again.
    let killed = three.remove(1).kill();
    let moved = scene.folder("moved");
    fs::rename(killed, &moved).unwrap();
    three.insert(1, scene.start(&moved, "p1-moved", (1, 3)));
    scene.wait_for_the_end("alerts");
    let one = scene.start(&scene.folder("one"), "one", (0, 1));
    scene.wait_for_the_end("one");
    let want = one.alerts();
    one.stop();
    for rule in ["OfRep", "OfProduct", "Likely"] {
        let found = scene.told("one", |event| event["data"]["rule"] == rule).len();
        assert!(found > 20, "{found} of {rule}");
    }
    scene.assert_like(&three, &want);
    // A folder that was filled with everything is no folder of a share.
    let folder = three.remove(2).folder.clone();
    three.into_iter().for_each(Process::stop);
    scene.reads = "share";
    fs::write(scene.place.path().join("rules/a.rules.yaml"), RULES).unwrap();
    let mut other = scene.start(&folder, "other", (2, 3));
    assert_eq!(other.child.wait().unwrap().code(), Some(1));
}

#[test]
fn what_one_of_several_cannot_follow_is_refused_before_it_begins() {
    let scene = Scene::new();
    let of_reps = "
groups:
  - name: g
    rules:
      - alert: Busy
        family: performance
        entity: rep
        on: [order]
        when: size(orders) > 3
        annotations: {summary: 'busy'}
";
    let rules = scene.place.path().join("rules/b.rules.yaml");
    fs::write(&rules, of_reps).unwrap();
    let mut refused = scene.start(&scene.folder("p1"), "p1", (1, 3));
    assert_eq!(refused.child.wait().unwrap().code(), Some(1), "a rep's customers are elsewhere");
    fs::remove_file(rules).unwrap();
    let mut beyond = scene.start(&scene.folder("p1"), "p1", (3, 3));
    assert_eq!(beyond.child.wait().unwrap().code(), Some(1), "there is no process 3 of 3");
}
