//! How many events does a running server acknowledge in a second, how long does each take, and how
//! long until its alert is in the inbox?
//!
//! ```text
//! connections, each a body after the other ─► POST /v1/events ─► 202 once it is synced
//! with a rate: bodies leave by the clock, and wait at the driver when the server is late
//! one listener ◄─ GET /v1/stream: the alert of each body, known by its event time
//! ```
//!
//! `benches/load/run` starts the server and runs this against it; see there. Latencies count from
//! the instant at which a body should have left, so that a server that stalls cannot hide it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a bench reads the clock, tells what it found, and stops where it fails"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Events of a body; one of them opens an alert.
const BATCH: u64 = 200;

/// How long alerts may take that are still on their way when the last body is acknowledged.
const PATIENCE: Duration = Duration::from_secs(10);

struct Plan {
    address: String,
    first: u64,
    events: u64,
    customers: u64,
    connections: u64,
    /// Events a second; as many as go through when it is 0.
    rate: u64,
    /// Event time of the first body, in milliseconds.
    base: u64,
}

impl Plan {
    /// Event time of a body, another one for each.
    fn millis(&self, body: u64) -> u64 {
        self.base + body * self.step()
    }

    /// Milliseconds between two bodies.
    fn step(&self) -> u64 {
        (BATCH * 1_000).checked_div(self.rate).unwrap_or(1).max(1)
    }

    /// How long after the beginning a body leaves.
    fn due(&self, body: u64) -> Duration {
        let nanos = (body * BATCH * 1_000_000_000).checked_div(self.rate);
        Duration::from_nanos(nanos.unwrap_or(0))
    }
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut number = |name: &str| {
        let word = words.next().unwrap_or_else(|| panic!("{name} is missing"));
        if name == "ADDRESS" { (word, 0) } else { (String::new(), word.parse().expect(name)) }
    };
    let plan = Plan {
        address: number("ADDRESS").0,
        first: number("FIRST").1,
        events: number("EVENTS").1,
        customers: number("CUSTOMERS").1,
        connections: number("CONNECTIONS").1,
        rate: number("RATE").1,
        base: 0,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    // Without a rate the last event is of now: the alerts of a later run are of other instants.
    let before = if plan.rate == 0 { plan.events / BATCH * plan.step() } else { 0 };
    let plan = Plan { base: u64::try_from(now).unwrap() - before, ..plan };
    let bodies = plan.events / BATCH;
    // Made beforehand: the driver shares its processors with the server.
    let texts: Vec<String> = (0..bodies).map(|body| text(&plan, body)).collect();
    let next = AtomicU64::new(0);
    let stream = (plan.rate > 0).then(|| subscribe(&plan));
    let (began, ended) = (Instant::now(), OnceLock::new());
    let (took, seconds, alerts) = std::thread::scope(|scope| {
        let (plan, texts, next, ended) = (&plan, &texts, &next, &ended);
        let listener = stream.map(|stream| scope.spawn(move || listen(plan, stream, began, ended)));
        let workers: Vec<_> = (0..plan.connections)
            .map(|_| scope.spawn(move || send(plan, texts, next, began)))
            .collect();
        let took: Vec<Duration> =
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        let seconds = began.elapsed().as_secs_f64();
        let _ = ended.set(Instant::now());
        (took, seconds, listener.map(|listener| listener.join().unwrap()))
    });
    println!(
        "{:.0} events/s acknowledged, {} events in {seconds:.1} s; a body of {BATCH}: {}",
        (bodies * BATCH) as f64 / seconds,
        bodies * BATCH,
        quantiles(took),
    );
    if let Some(alerts) = alerts {
        println!("    {} of {bodies} alerts in the inbox: {}", alerts.len(), quantiles(alerts));
    }
}

fn quantiles(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    if took.is_empty() {
        return "none".to_owned();
    }
    format!("p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms", at(0.5), at(0.99), at(0.999))
}

/// One body: orders of customers in turn, one of them in the category that opens an alert.
fn text(plan: &Plan, body: u64) -> String {
    let mut text = String::with_capacity(200 * 200);
    let time = instant(plan.millis(body));
    for place in 0..BATCH {
        let id = plan.first + body * BATCH + place;
        let (customer, price) = (id.wrapping_mul(7_919) % plan.customers, 5 + id % 200);
        let category = if place == BATCH / 2 { "mark".to_owned() } else { format!("k{}", id % 20) };
        writeln!(
            text,
            r#"{{"event_id":"o{id}","type":"order","occurred_at":"{time}","customer_id":"c{customer}","currency":"USD","lines":[{{"product_id":"p{price}","category":"{category}","quantity":1,"unit_price":{price}}}]}}"#,
        )
        .unwrap();
    }
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-ndjson\r\n\
         content-length: {}\r\n\r\n",
        plan.address,
        text.len()
    );
    head + &text
}

/// An instant in an event.
fn instant(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap();
    jiff::Timestamp::from_millisecond(millis).unwrap().to_string()
}

/// Begins to hear of alerts.
fn subscribe(plan: &Plan) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(&plan.address).unwrap();
    let address = &plan.address;
    write!(socket, "GET /v1/stream HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = BufReader::new(socket);
    let mut line = String::new();
    while line.trim_end() != "" || line.is_empty() {
        line.clear();
        answers.read_line(&mut line).unwrap();
    }
    answers
}

/// Hears of the alert of every body; how long each took from the instant at which it should have
/// left. What does not come within a while is missing.
fn listen(
    plan: &Plan,
    mut stream: BufReader<TcpStream>,
    began: Instant,
    ended: &OnceLock<Instant>,
) -> Vec<Duration> {
    let bodies = plan.events / BATCH;
    let waiting = (0..bodies).map(|body| (plan.millis(body), plan.due(body)));
    let mut waiting: HashMap<u64, Duration> = waiting.collect();
    let (mut took, mut line) = (Vec::new(), String::new());
    while !waiting.is_empty() && ended.get().is_none_or(|at| at.elapsed() < PATIENCE) {
        line.clear();
        if stream.read_line(&mut line).is_err() {
            break;
        }
        let at = line.split_once("\"at\":\"").and_then(|(_, rest)| rest.split_once('"'));
        let at = at.and_then(|(at, _)| at.parse::<jiff::Timestamp>().ok());
        let at = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
        if let Some(due) = at.and_then(|at| waiting.remove(&at)) {
            took.push(began.elapsed().saturating_sub(due));
        }
    }
    took
}

fn connect(plan: &Plan) -> (TcpStream, BufReader<TcpStream>) {
    let socket = TcpStream::connect(&plan.address).unwrap();
    socket.set_nodelay(true).unwrap();
    let answers = BufReader::new(socket.try_clone().unwrap());
    (socket, answers)
}

/// Sends bodies over one connection; how long each took.
fn send(plan: &Plan, texts: &[String], next: &AtomicU64, began: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    let (mut socket, mut answers) = connect(plan);
    loop {
        let body = next.fetch_add(1, Ordering::Relaxed);
        let Some(text) = texts.get(body as usize) else { return took };
        let mut due = Instant::now();
        if plan.rate > 0 {
            due = began + plan.due(body);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        loop {
            socket.write_all(text.as_bytes()).unwrap();
            match answer(&mut answers) {
                202 => break,
                // It is behind: the same body again, a little later.
                429 | 503 => std::thread::sleep(Duration::from_millis(20)),
                // So far behind that the body did not come through in time: it hangs up.
                408 => (socket, answers) = connect(plan),
                status => panic!("{status}"),
            }
        }
        took.push(due.elapsed());
    }
}

/// Reads one answer; its status.
fn answer(from: &mut BufReader<TcpStream>) -> u16 {
    let (mut status, mut length, mut line) = (0, 0, String::new());
    loop {
        line.clear();
        from.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        } else if let Some(rest) = line.strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap_or(0);
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    status
}
