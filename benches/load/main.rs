//! How many events does a running server acknowledge in a second, and how long does each take?
//!
//! ```text
//! connections, each a body after the other ─► POST /v1/events ─► 202 once it is synced
//! with a rate: bodies leave by the clock, and wait at the driver when the server is late
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

use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// Events of a body.
const BATCH: u64 = 200;

struct Plan {
    address: String,
    first: u64,
    events: u64,
    customers: u64,
    connections: u64,
    /// Events a second; as many as go through when it is 0.
    rate: u64,
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
    };
    let bodies = plan.events / BATCH;
    // Made beforehand: the driver shares its processors with the server.
    let texts: Vec<String> = (0..bodies).map(|body| text(&plan, body)).collect();
    let next = AtomicU64::new(0);
    let began = Instant::now();
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.connections)
            .map(|_| scope.spawn(|| send(&plan, &texts, &next, began)))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{:.0} events/s acknowledged, {} events in {seconds:.1} s; a body of {BATCH}: p50 {:.1} ms, \
         p99 {:.1} ms, p99.9 {:.1} ms",
        (bodies * BATCH) as f64 / seconds,
        bodies * BATCH,
        at(0.5),
        at(0.99),
        at(0.999),
    );
}

/// One body: orders of customers in turn, 20 ms apart, from the first of January on.
fn text(plan: &Plan, body: u64) -> String {
    let mut text = String::with_capacity(200 * 200);
    for place in 0..BATCH {
        let id = plan.first + body * BATCH + place;
        let (customer, price) = (id.wrapping_mul(7_919) % plan.customers, 5 + id % 200);
        let millis = id * 20;
        let (day, hour) = (millis / 86_400_000 + 1, millis / 3_600_000 % 24);
        let (minute, second) = (millis / 60_000 % 60, millis / 1_000 % 60);
        let millis = millis % 1_000;
        writeln!(
            text,
            r#"{{"event_id":"o{id}","type":"order","occurred_at":"2025-01-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z","customer_id":"c{customer}","currency":"USD","lines":[{{"product_id":"p{price}","category":"k{}","quantity":1,"unit_price":{price}}}]}}"#,
            id % 20
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

/// Sends bodies over one connection; how long each took.
fn send(plan: &Plan, texts: &[String], next: &AtomicU64, began: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut socket = TcpStream::connect(&plan.address).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    loop {
        let body = next.fetch_add(1, Ordering::Relaxed);
        let Some(text) = texts.get(body as usize) else { return took };
        let mut due = Instant::now();
        if let Some(nanos) = (body * BATCH * 1_000_000_000).checked_div(plan.rate) {
            due = began + Duration::from_nanos(nanos);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        loop {
            socket.write_all(text.as_bytes()).unwrap();
            match answer(&mut answers) {
                202 => break,
                // It is behind: the same body again, a little later.
                429 | 503 => std::thread::sleep(Duration::from_millis(20)),
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
