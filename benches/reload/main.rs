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
    unreachable_pub,
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
        let started = Instant::now();
        stage.adopt(rules);
        let pause = started.elapsed().as_secs_f64();
        let each = pause * 1e9 / f64::from(customers);
        println!(
            "{what:30} {:8.1} ms  {each:6.0} ns a customer  {:6.0} ms a million",
            pause * 1e3,
            each / 1e3
        );
    }
    println!("hash of the outputs {:016x}", stage.hash);
}
