//! How soon after its event is an alert in the page?
//!
//! ```text
//! event ─► POST /v1/events ─► siaga serve ─► SSE ─┬► a manager's page in Chromium: painted when?
//!            sent, accepted      │                └► a hundred reps, each fetching its list as the
//!                                └ 100,000 closed     page would: there when?
//!                                  alerts, 5,000 open
//! ```
//!
//! `benches/inbox/run` builds it and runs it; see there. Each event makes one alert, for the reps in
//! turn, and worth more than those before it, so that it stands first in every list that has it. All
//! clocks are the machine's one.
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a bench reads the clock, tells what it found, and stops where it fails"
)]

mod house;
mod page;
mod reps;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use crate::house::House;
use crate::reps::Connected;

/// What is measured.
struct Plan {
    siaga: PathBuf,
    folder: PathBuf,
    alerts: u32,
    reps: u32,
    /// Events a second.
    rate: u32,
}

/// When an event left, and when it was answered, by the customer whom it was about.
struct Sent {
    customer: String,
    rep: u32,
    left: f64,
    accepted: f64,
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut word = |name: &str| words.next().unwrap_or_else(|| panic_for(name));
    let plan = Plan {
        siaga: word("PROGRAM").into(),
        folder: word("FOLDER").into(),
        alerts: word("ALERTS").parse().expect("ALERTS"),
        reps: word("REPS").parse().expect("REPS"),
        rate: word("A SECOND").parse().expect("A SECOND"),
    };
    let house = House::open(&plan);
    let reps = Connected::new(&house, plan.reps);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page = runtime.block_on(page::open(&house, &plan.folder));
    std::thread::sleep(Duration::from_secs(2));
    let sent = send(&house, &plan);
    std::thread::sleep(Duration::from_secs(2));
    let painted = runtime.block_on(page.painted());
    let lists = reps.listed();

    println!("{} alerts, {} a second, {} reps connected", plan.alerts, plan.rate, plan.reps);
    tell("accepted (202, synced)", &sent, |event| Some(event.accepted));
    tell("in the rep's list", &sent, |event| {
        lists[event.rep as usize].get(&event.customer).copied()
    });
    tell("painted in the page", &sent, |event| painted.get(&event.customer).copied());
    let behind = |event: &Sent| {
        let painted = painted.get(&event.customer)?;
        Some(event.left + (painted - event.accepted).max(0.0))
    };
    tell("painted after accepted", &sent, behind);
    println!("{}", house.latency());
}

fn panic_for(name: &str) -> String {
    eprintln!("{name} is missing: see benches/inbox/run");
    std::process::exit(2)
}

/// Milliseconds of the wall clock, which the browser's clock has, too.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64() * 1e3
}

/// Sends the events one after the other by the clock, none at even distances.
fn send(house: &House, plan: &Plan) -> Vec<Sent> {
    let mut socket = house.connect();
    let began = Instant::now();
    let mut due = Duration::ZERO;
    let mean = 1e6 / f64::from(plan.rate);
    let mut sent = Vec::new();
    for number in 0..plan.alerts {
        // From half to one and a half of the mean distance.
        let share = f64::from(number.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 + 0.5;
        due += Duration::from_micros((mean * share) as u64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let (customer, rep) = (format!("Live {number:04}"), number % plan.reps);
        let body = house::order(&customer, rep, 1_000 + number);
        let left = now();
        socket.post("/v1/events", &body);
        sent.push(Sent { customer, rep, left, accepted: now() });
    }
    sent
}

/// One line of figures: how long after the event left.
fn tell(what: &str, sent: &[Sent], when: impl Fn(&Sent) -> Option<f64>) {
    let mut took: Vec<f64> = sent.iter().filter_map(|one| Some(when(one)? - one.left)).collect();
    let missing = sent.len() - took.len();
    took.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = ((took.len() as f64 * share).ceil() as usize).clamp(1, took.len().max(1));
        took.get(rank - 1).copied().unwrap_or(f64::NAN)
    };
    let missing = if missing == 0 { String::new() } else { format!(", {missing} MISSING") };
    println!(
        "{what:24} p50 {:6.1} ms, p90 {:6.1} ms, p99 {:6.1} ms, longest {:6.1} ms{missing}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// Customers by when they were seen first.
type Seen = HashMap<String, f64>;
