//! One inbox over three processes: every alert is there once, and what is done there is done everywhere.
//!
//! ```text
//! orders ─► six partitions ─► three processes ─► `siaga inbox` ─► list, live stream, customers
//!                                  ▲                  │
//!                                  └── what a rep does ┘      each of them killed and replaced
//! ```

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use siaga::source::fluvio::partition;
use siaga::time;

use crate::fluvio::many::CUSTOMERS;
use crate::fluvio::many::PARTITIONS;
use crate::fluvio::many::Process;
use crate::fluvio::many::Scene;
use crate::fluvio::many::TOKEN;
use crate::fluvio::many::siaga;

const PASSWORD: &str = "a password that is long enough";

/// The topic of what people do with alerts.
const FEEDBACK: &str = "feedback";

/// An alert's place in a store: whose it is and what it says; where it stands; its deeds.
type Row = (String, String, Vec<String>);

/// Three processes and the inbox over them.
struct House {
    scene: Scene,
    three: Vec<Option<Process>>,
    inbox: Option<Process>,
    port: u16,
    /// Of a program that may act.
    token: String,
}

impl House {
    fn new() -> Self {
        let mut scene = Scene::new();
        // They are held together, so that no two are the same.
        let held: Vec<TcpListener> =
            (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|l| l.local_addr().unwrap().port()).collect();
        drop(held);
        scene.ports = Some([ports[0], ports[1], ports[2]]);
        scene.cluster.create(FEEDBACK, PARTITIONS as usize);
        scene.feedback = FEEDBACK;
        let three = scene.three().into_iter().map(Some).collect();
        let mut house = Self { scene, three, inbox: None, port: ports[3], token: String::new() };
        let made = house.ask_program(&["tokens", "add", "crm", "--scope", "act"], "");
        house.token =
            made.split_whitespace().find(|word| word.starts_with("siaga_")).unwrap().into();
        house.open();
        house
    }

    fn folder(&self) -> std::path::PathBuf {
        self.scene.folder("inbox")
    }

    /// Starts the inbox.
    fn open(&mut self) {
        let ports = self.scene.ports.unwrap();
        let of: Vec<String> = ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let mut command = siaga();
        command
            .args(["inbox", "--data"])
            .arg(self.folder())
            .env("SIAGA_HTTP_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("SIAGA_GATHER_OF", of.join(","))
            .env("SIAGA_GATHER_TOKEN", TOKEN);
        self.inbox = Some(Process::begin(&mut command, &self.folder(), "inbox"));
    }

    /// What a command of the program says about the inbox's folder.
    fn ask_program(&self, words: &[&str], input: &str) -> String {
        std::fs::create_dir_all(self.folder()).unwrap();
        let mut child = siaga()
            .args(words)
            .env("SIAGA_STORAGE_DATA_DIR", self.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{words:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn replace(&mut self, ordinal: u32, folder: &Path) {
        let name = format!("p{ordinal}-again");
        let process = self.scene.start(folder, &name, (ordinal, 3));
        self.three[ordinal as usize] = Some(process);
    }

    /// Status and body of an answer of the inbox; none while it does not listen.
    fn ask(&self, head: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        let request = format!(
            "{head}Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let token = &self.token;
        self.ask(&format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n"), "")
    }

    /// Acts on an alert; status and answer.
    fn act(&self, id: &str, action: &str) -> (u16, Value) {
        let token = &self.token;
        let head =
            format!("POST /v1/alerts/{id}/actions HTTP/1.0\r\nAuthorization: Bearer {token}\r\n");
        let (status, body) = self.ask(&head, action).unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Waits until the inbox has what the three have.
    #[track_caller]
    fn wait_for_copies(&self, what: &str) {
        self.scene.wait_for_all();
        self.scene.wait(what, || rows(&self.folder()) == self.of_three());
    }

    fn of_three(&self) -> BTreeMap<String, Row> {
        let mut all = BTreeMap::new();
        for process in self.three.iter().flatten() {
            for (id, row) in rows(&process.folder) {
                assert!(all.insert(id.clone(), row).is_none(), "two processes have {id}");
            }
        }
        all
    }

    /// Which process a customer belongs to.
    fn home(customer: &str) -> u32 {
        partition::of_key(customer.as_bytes(), PARTITIONS) % 3
    }

    /// A customer of this process who buys three times, and the alert that comes of it. Nothing else
    /// happens to them: it does not matter when somebody acts.
    fn regular_of(&self, ordinal: u32) -> (String, String) {
        let mut names = (0..).map(|number| format!("regular{number}"));
        let customer = names.find(|name| Self::home(name) == ordinal).unwrap();
        for number in 0..3 {
            let line = format!(
                r#"{{"event_id":"{customer}-{number}","type":"order","occurred_at":"{}","customer_id":"{customer}","currency":"USD","lines":[{{"product_id":"p","quantity":1,"unit_price":9}}]}}"#,
                self.scene.instant(number)
            );
            self.scene.append(&customer, line);
        }
        let id = || {
            let listed = self.get(&format!("/v1/alerts?entity=customer:{customer}"))?.1;
            let listed: Value = serde_json::from_str(&listed).ok()?;
            Some(listed["alerts"].get(0)?["id"].as_str()?.to_owned())
        };
        self.scene.wait("the alert of a regular", || id().is_some());
        (id().unwrap(), customer)
    }
}

/// Every alert of a store.
fn rows(folder: &Path) -> BTreeMap<String, Row> {
    let Ok(store) = rusqlite::Connection::open(folder.join("inbox.sqlite")) else {
        return BTreeMap::new();
    };
    store.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut deeds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sql = "SELECT alert, action || by || at || is_taken_back FROM deeds ORDER BY row";
    let Ok(mut found) = store.prepare(sql) else { return BTreeMap::new() };
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    found.for_each(|row| {
        let (id, deed): (String, String) = row.unwrap();
        deeds.entry(id).or_default().push(deed);
    });
    let sql = "SELECT id, opened_at || json_remove(body, '$.state', '$.owner'),
                   state || owner || rank || COALESCE(amount, '') || COALESCE(answered_at, '')
               FROM alerts";
    let mut found = store.prepare(sql).unwrap();
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let row = |row: Result<(String, String, String), _>| {
        let (id, says, stands) = row.unwrap();
        let deeds = deeds.remove(&id).unwrap_or_default();
        (id, (says, stands, deeds))
    };
    found.map(row).collect()
}

/// What a live stream told: the number and the alert of each event, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(u64, Value)>>>);

impl Heard {
    /// Listens to the inbox until it ends.
    fn listen(house: &House, behind: Option<u64>) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
        let last = behind.map_or_else(String::new, |seq| format!("Last-Event-ID: {seq}\r\n"));
        let token = &house.token;
        let request = format!(
            "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let heard = Self::default();
        let (kept, lines) = (heard.clone(), BufReader::new(stream).lines());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(data) = line.strip_prefix("data:") else { continue };
                let told: Value = serde_json::from_str(data.trim()).unwrap();
                kept.0.lock().unwrap().push((told["seq"].as_u64().unwrap(), told));
            }
        });
        heard
    }

    fn all(&self) -> Vec<(u64, Value)> {
        self.0.lock().unwrap().clone()
    }

    fn last(&self) -> u64 {
        self.all().last().map_or(0, |(seq, _)| *seq)
    }
}

impl House {
    /// What is done here is done where the customer is, and comes back.
    fn act_on(&self, regulars: &[(String, String)]) {
        for (ordinal, (id, customer)) in regulars.iter().enumerate() {
            let (status, alert) = self.act(id, r#"{"action":"acknowledge","by":"rep:r1"}"#);
            assert_eq!((status, &alert["state"]["name"]), (200, &Value::from("acknowledged")));
            let (status, _) = self.act(id, r#"{"action":"comment","note":"called","by":"rep:r1"}"#);
            assert_eq!(status, 200);
            let won = r#"{"action":"close","reason":"won","amount":12.5,"by":"rep:r1"}"#;
            assert_eq!(self.act(id, won).0, 200);
            let (status, problem) = self.act(id, r#"{"action":"acknowledge","by":"rep:r1"}"#);
            assert_eq!(status, 409, "{problem}");
            let folder = self.three[ordinal].as_ref().unwrap().folder.clone();
            assert_eq!(rows(&folder)[id].2.len(), 3, "its owner knows");
            self.wait_for_copies("what was done");
            let (status, page) = self.get(&format!("/v1/customers/{customer}")).unwrap();
            assert_eq!(status, 200, "{page}");
            assert!(page.contains("\"orders\":3"), "{page}");
        }
    }

    /// Another program says over the topic what became of an alert.
    fn hear_of(&self, (id, customer): &(String, String)) {
        let line = format!(
            r#"{{"alert_id":"{id}","rule":"Third","customer_id":"{customer}","action":"reopen","by":"crm","occurred_at":"{}"}}"#,
            time::now()
        );
        let home = partition::of_key(customer.as_bytes(), PARTITIONS) as usize;
        self.scene.cluster.append(FEEDBACK, home, &["nonsense".to_owned(), line]);
        self.scene.wait("what another program did", || {
            self.get(&format!("/v1/alerts/{id}")).is_some_and(|(_, alert)| alert.contains("firing"))
        });
    }

    /// One is killed: what it had is there, and nobody can act on it for now; then it is replaced.
    fn lose_one(&mut self, (id, customer): &(String, String)) {
        let folder = self.three[1].take().unwrap().kill();
        let comment = r#"{"action":"comment","note":"again","by":"rep:r1"}"#;
        self.scene.wait("that it is away", || self.act(id, comment).0 == 503);
        let (status, page) = self.get(&format!("/customers/{customer}")).unwrap();
        assert_eq!(status, 200);
        assert!(page.contains("cannot be told at the moment"), "{page}");
        assert_eq!(self.get(&format!("/v1/customers/{customer}")).unwrap().0, 503);
        assert_eq!(self.get("/-/ready").unwrap().0, 200, "the others are here");
        self.scene.sell(60);
        let moved = self.scene.folder("moved");
        std::fs::rename(folder, &moved).unwrap();
        self.replace(1, &moved);
        self.wait_for_copies("what the replaced one had to tell");
        assert_eq!(self.act(id, comment).0, 200);
    }

    /// The inbox is killed while more happens; a page that comes back misses nothing.
    fn lose_the_inbox(&mut self, seen: u64) {
        self.inbox.take().unwrap().kill();
        self.scene.sell(60);
        self.scene.wait_for_all();
        self.open();
        self.scene
            .wait("the inbox", || self.get("/-/ready").is_some_and(|(status, _)| status == 200));
        let again = Heard::listen(self, Some(seen));
        self.wait_for_copies("what came while it was away");
        let newest = || {
            let store = rusqlite::Connection::open(self.folder().join("inbox.sqlite")).unwrap();
            let newest = store.query_row("SELECT MAX(seq) FROM changes", [], |row| row.get(0));
            i64::cast_unsigned(newest.unwrap())
        };
        self.scene.wait("the rest of the stream", || again.last() == newest());
        let numbers: Vec<u64> = again.all().into_iter().map(|(seq, _)| seq).collect();
        let whole = seen + 1..=seen + numbers.len() as u64;
        assert!(!numbers.is_empty() && numbers.iter().copied().eq(whole), "{seen}: {numbers:?}");
    }

    /// One begins in an empty folder: what it had stays until it has it again, with all that was done.
    fn begin_anew(&mut self, (id, _): &(String, String)) {
        self.three[2].take().unwrap().kill();
        std::fs::remove_dir_all(self.scene.folder("p2")).unwrap();
        let count = rows(&self.folder()).len();
        self.replace(2, &self.scene.folder("p2"));
        self.scene.sell(30);
        self.scene.wait("it to begin anew", || {
            assert!(rows(&self.folder()).len() >= count, "alerts are gone meanwhile");
            rows(&self.scene.folder("p2")).len() > 5 && rows(&self.folder()) == self.of_three()
        });
        assert_eq!(rows(&self.folder())[id].2.len(), 3);
    }
}

#[test]
fn one_inbox_has_each_alert_of_three_processes_once_and_reaches_their_owners() {
    let mut house = House::new();
    house.scene.sell(120);
    house.wait_for_copies("the alerts of all");
    let heard = Heard::listen(&house, None);
    let before: BTreeSet<String> = rows(&house.folder()).into_keys().collect();

    let regulars: Vec<(String, String)> = (0..3).map(|ordinal| house.regular_of(ordinal)).collect();
    house.act_on(&regulars);
    house.hear_of(&regulars[0]);
    house.lose_one(&regulars[1]);

    // The live stream had no gap, and told of every new alert.
    let told_all = || {
        let told = heard.all().into_iter().map(|(_, told)| told["id"].as_str().unwrap().to_owned());
        let told: BTreeSet<String> = told.collect();
        rows(&house.folder()).keys().all(|id| before.contains(id) || told.contains(id))
    };
    house.scene.wait("the stream", told_all);
    let numbers: Vec<u64> = heard.all().into_iter().map(|(seq, _)| seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");

    house.lose_the_inbox(heard.last());
    house.begin_anew(&regulars[2]);

    // Every alert of one process that reads the same, with what people did, and no other.
    let one = house.scene.start(&house.scene.folder("one"), "one", (0, 1));
    house.wait_for_copies("the end");
    let have = rows(&house.folder());
    house.scene.wait("one process", || rows(&one.folder) == have);
    one.stop();
    house.three.into_iter().flatten().for_each(Process::stop);
    house.inbox.unwrap().stop();
}

#[test]
fn who_signs_in_at_the_inbox_sees_what_is_his_or_hers_wherever_it_is() {
    let mut house = House::new();
    let add = ["users", "add", "maya", "--role", "rep", "--rep", "r1"];
    house.ask_program(&add, &format!("{PASSWORD}\n"));
    let keeper = |scene: &Scene, customer: &str, rep: &str| {
        let line = format!(
            r#"{{"record":"customer","customer_id":"{customer}","name":"{customer}","owner_rep_id":"{rep}"}}"#
        );
        scene.append(customer, line);
    };
    for number in 0..CUSTOMERS {
        keeper(&house.scene, &format!("c{number}"), ["r1", "r2"][number / 2 % 2]);
    }
    house.scene.sell(120);
    house.wait_for_copies("the alerts of all");
    let form = format!("name=maya&password={}", PASSWORD.replace(' ', "+"));
    let mut stream = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
    let request = format!(
        "POST /sign-in HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let ask = |path: &str| {
        let (status, body) =
            house.ask(&format!("GET {path} HTTP/1.0\r\nCookie: {cookie}\r\n"), "").unwrap();
        (status, serde_json::from_str::<Value>(&body).unwrap_or(Value::Null))
    };
    let entities = || {
        let (_, listed) = ask("/v1/alerts?state=any&limit=200");
        let all = listed["alerts"].as_array().unwrap().clone();
        assert!(all.iter().all(|alert| alert["owner"] == "rep:r1"), "{all:?}");
        let ids = all.iter().map(|alert| alert["entity"]["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<String>>()
    };
    let seen = entities();
    let homes: BTreeSet<u32> = seen.iter().map(|customer| House::home(customer)).collect();
    assert_eq!(homes.len(), 3, "of each process: {seen:?}");
    let his = seen.first().unwrap().clone();
    assert_eq!(ask(&format!("/v1/customers/{his}")).0, 200);
    assert_eq!(ask("/v1/customers/c2").0, 404, "a colleague's");
    assert_eq!(ask("/v1/copies").0, 403);
    let (status, _) = house.get("/v1/copies").unwrap();
    assert_eq!(status, 403, "a program that may act may not copy");
    // Somebody else looks after the customer: nothing of it is seen any more.
    keeper(&house.scene, &his, "r2");
    let begun = time::steady();
    while entities().contains(&his) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{his} is still seen");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ask(&format!("/v1/customers/{his}")).0, 404);
    house.three.into_iter().flatten().for_each(Process::stop);
    house.inbox.take().unwrap().stop();
}

#[test]
fn an_inbox_that_would_gather_nothing_of_use_says_so_and_ends() {
    let scene = Scene::new();
    let refused = |set: &[(&str, &str)], folder: &Path| {
        let mut command = siaga();
        command.args(["inbox", "--data"]).arg(folder).env("SIAGA_HTTP_LISTEN", "127.0.0.1:0");
        command.envs(set.iter().copied());
        let done = command.stderr(Stdio::piped()).output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        String::from_utf8(done.stderr).unwrap()
    };
    let of = ("SIAGA_GATHER_OF", "http://127.0.0.1:1");
    for (set, want) in [
        (&[][..], "no process is named"),
        (&[("SIAGA_GATHER_OF", "siaga-0")], "is no web address"),
        (&[of, ("SIAGA_GATHER_TOKEN", "short")], "shorter than 24 bytes"),
    ] {
        let told = refused(set, &scene.folder("new"));
        assert!(told.contains(want), "{told}");
    }
    std::fs::create_dir_all(scene.folder("p0").join("journal")).unwrap();
    let told = refused(&[of], &scene.folder("p0"));
    assert!(told.contains("is the folder of a process"), "{told}");
}
