//! How long does a shard evaluate nothing while its rules change?
//!
//! ```text
//! customers with a year of orders ─► other rules ─► every customer changes over ─► the next event
//!                                    └────────────── the pause ───────────────┘
//! ```
//!
//! `benches/reload/run [CUSTOMERS] [ORDERS]` builds it and runs it; see there.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench reads the clock, tells what it found, and stops where it fails"
)]

mod play;

use std::time::Instant;

use crate::play::Stage;
use crate::play::rules;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u32>().ok());
    let customers = numbers.next().unwrap_or(100_000);
    let orders = numbers.next().unwrap_or(10);
    let mut stage = Stage::new();
    stage.orders(customers, 0..orders);
    println!("{} customers, {orders} orders each, the starter rules, one shard", stage.entities());
    for (what, other) in [
        ("the same rules again", false),
        ("another window and threshold", true),
        ("and back", false),
    ] {
        let rules = rules(stage.symbols(), other);
        let (started, busy) = (Instant::now(), cpu_seconds());
        stage.adopt(rules);
        let (pause, busy) = (started.elapsed().as_secs_f64(), cpu_seconds() - busy);
        let million = busy * 1e9 / f64::from(customers);
        println!(
            "{what:30} {:8.1} ms, {:8.1} of CPU: {million:6.0} ms a million",
            pause * 1e3,
            busy * 1e3
        );
    }
    println!("hash of the outputs {:016x}", stage.hash);
}

/// CPU time of this thread, which other programs on the machine do not add to; 0 where Linux does not
/// tell it.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
    nanos.unwrap_or_default() as f64 / 1e9
}
