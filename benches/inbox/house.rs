//! The server that is measured: its people, what lies in its inbox already, and how it is asked.

use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use siaga::access::Access;
use siaga::access::AccessConfig;
use siaga::access::account::New;
use siaga::access::role::Role;
use siaga::access::role::Scope;
use siaga::alert::Alert;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::alert::Owner;
use siaga::alert::Value;
use siaga::delivery::channel::trial;
use siaga::delivery::inbox::Inbox;
use siaga::delivery::inbox::InboxConfig;
use siaga::engine::Duty;
use siaga::engine::Output;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::time;

use crate::Plan;

const RULES: &str = "
groups:
  - name: bench
    rules:
      - alert: BigOrder
        family: trend
        on: [order]
        when: event.net > 50.0
        value: event.net
        labels: {severity: warning, play: follow_up}
        annotations: {summary: \"{{ customer.id }} bought for {{ money(value) }}\"}
        evidence: orders.last('365d')
";

/// Alerts of each rep before the first event.
const OPEN: u32 = 50;
const CLOSED: u32 = 1_000;

/// The running server; it ends with this.
pub(super) struct House {
    program: Child,
    pub(super) host: String,
    /// The cookies of the reps, in order, and of their manager.
    pub(super) reps: Vec<String>,
    pub(super) manager: String,
    token: String,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// An order of now, served by this rep.
pub(super) fn order(customer: &str, rep: u32, net: u32) -> String {
    let (at, rep) = (time::now(), name(rep));
    format!(
        r#"{{"event_id":"{customer}","type":"order","occurred_at":"{at}","customer_id":"{customer}","rep_id":"{rep}","currency":"USD","lines":[{{"product_id":"p1","quantity":1,"net_amount":{net}}}]}}"#
    )
}

impl House {
    /// Makes accounts and a history, and starts the server over them.
    pub(super) fn open(plan: &Plan) -> Self {
        let data = plan.folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(plan.folder.join("bench.rules.yaml"), RULES).unwrap();
        let access = Access::open(&data.join(Access::FILE), AccessConfig::default()).unwrap();
        let account = |name: &str, role| {
            access.add_account("bench", New { name, role, person: Some(name) }, None).unwrap();
            access.begin_session(name).unwrap()
        };
        let reps = (0..plan.reps).map(|rep| account(&name(rep), Role::Rep)).collect();
        let manager = account("boss", Role::Manager);
        let token = access.add_token("bench", "bench", &[Scope::Ingest, Scope::Operate]).unwrap();
        drop(access);
        fill(&Inbox::open(&data.join("inbox.sqlite"), InboxConfig::default()).unwrap(), plan.reps);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let program = Command::new(&plan.siaga)
            .arg("serve")
            .env("SIAGA_HTTP_LISTEN", &host)
            .env("SIAGA_STORAGE_DATA_DIR", &data)
            .env("SIAGA_RULES_PATH", plan.folder.join("bench.rules.yaml"))
            .env("SIAGA_LOG", "warn")
            .stderr(Stdio::null())
            .spawn()
            .expect("siaga starts");
        let house = Self { program, host, reps, manager, token };
        let is_ready = || {
            let Ok(mut socket) = TcpStream::connect(&house.host) else { return false };
            let ask = format!("GET /-/ready HTTP/1.0\r\nhost: {}\r\n\r\n", house.host);
            let mut answer = String::new();
            socket.write_all(ask.as_bytes()).is_ok()
                && socket.read_to_string(&mut answer).is_ok()
                && answer.contains(" 200 ")
        };
        let ready = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            is_ready()
        });
        assert!(ready, "the server is not ready");
        house
    }

    pub(super) fn connect(&self) -> Socket {
        Socket::new(&self.host, &format!("authorization: Bearer {}\r\n", self.token))
    }

    /// What the server says of itself: from an event's arrival to its alert in the inbox.
    pub(super) fn latency(&self) -> String {
        let metrics = self.connect().get("/metrics");
        let lines = metrics.lines();
        let told = lines.filter(|line| line.starts_with("siaga_event_to_alert_latency_seconds{"));
        told.collect::<Vec<_>>().join("\n")
    }
}

fn name(rep: u32) -> String {
    format!("r{rep:03}")
}

/// What lies in an inbox that is in use.
fn fill(inbox: &Inbox, reps: u32) {
    let now = time::now();
    for rep in 0..reps {
        let mut outputs = vec![Output::Duty(Duty::Rep {
            id: name(rep),
            name: None,
            manager: Some("boss".to_owned()),
            territories: Vec::new(),
            seniority: None,
        })];
        for number in 0..OPEN + CLOSED {
            let customer = format!("{} before {number}", name(rep));
            let amount = Decimal::from_micros(i64::from(number % 500) * Decimal::SCALE);
            let id = AlertId::new("BigOrder", "customer", &customer, "");
            let alert = Alert {
                id,
                rule: "BigOrder".to_owned(),
                entity_id: customer.clone(),
                entity_name: None,
                owner: Owner::Rep(name(rep)),
                value: Some(Value { amount, currency: Currency::parse("USD").ok() }),
                summary: format!("{customer} bought for ${}", number % 500),
                ..trial::alert(now)
            };
            outputs.push(Output::Opened { alert: Box::new(alert), arrived: None });
            if number >= OPEN {
                let state = AlertState::Closed { at: now, reason: CloseReason::Won };
                outputs.push(Output::Changed { id, state, at: now });
            }
        }
        inbox.apply(&outputs).unwrap();
    }
}

/// A connection that is kept.
pub(super) struct Socket {
    to: BufReader<TcpStream>,
    head: String,
}

impl Socket {
    /// With these headers, each with its line's end.
    pub(super) fn new(host: &str, headers: &str) -> Self {
        let socket = TcpStream::connect(host).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { to: BufReader::new(socket), head: format!("host: {host}\r\n{headers}") }
    }

    pub(super) fn post(&mut self, path: &str, body: &str) -> String {
        let mut ask = String::new();
        let kind = "content-type: application/x-ndjson";
        write!(ask, "POST {path} HTTP/1.1\r\n{}{kind}\r\n", self.head).unwrap();
        write!(ask, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.ask(&ask)
    }

    pub(super) fn get(&mut self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\n{}\r\n", self.head))
    }

    fn ask(&mut self, ask: &str) -> String {
        self.to.get_mut().write_all(ask.as_bytes()).unwrap();
        let (mut length, mut line, mut status) = (0, String::new(), String::new());
        loop {
            line.clear();
            self.to.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            } else if status.is_empty() {
                status = line;
            }
        }
        let mut body = vec![0; length];
        self.to.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(status.contains(" 20"), "{status}: {body}");
        body
    }

    /// Asks for a live stream; what follows are its lines.
    pub(super) fn stream(mut self, path: &str) -> BufReader<TcpStream> {
        let ask = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.head);
        self.to.get_mut().write_all(ask.as_bytes()).unwrap();
        self.to
    }
}
