//! How much later is an event because the rules change?
//!
//! ```text
//! customers with a year of orders ─► batches ─► other rules ─► batches … until all have changed over
//!                                    └ longest ┘             └ longest ┘
//! ```
//!
//! `benches/reload/run [CUSTOMERS] [ORDERS]` builds it and runs it; see there.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench reads the clock, tells what it found, and stops where it fails"
)]

mod play;

use std::time::Instant;

use crate::play::Change;
use crate::play::Stage;
use crate::play::rules;

/// Orders in a batch: those of two milliseconds where 50,000 come a second.
const BATCH: usize = 100;

/// Orders in a batch of those that come first.
const LOAD: usize = 10_000;

/// Batches that are taken while nothing changes.
const CALM: usize = 2_000;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u32>().ok());
    let customers = numbers.next().unwrap_or(100_000);
    let orders = numbers.next().unwrap_or(10);
    let mut stage = Stage::new(customers);
    for _ in 0..(u64::from(customers) * u64::from(orders)).div_ceil(LOAD as u64) {
        let mut inputs = stage.orders(LOAD);
        stage.take(&mut inputs);
    }
    println!("{} customers, {orders} orders each, the starter rules, one shard", stage.entities());
    let calm: Vec<Taken> = (0..CALM).map(|_| batch(&mut stage)).collect();
    tell("batches of 100 orders while nothing changes", &calm);
    for (what, change) in [
        ("another threshold", Change::Threshold),
        ("one more rule over 90 days", Change::Window),
        ("and without it again", Change::None),
    ] {
        let mut input = [stage.change(rules(stage.symbols(), change))];
        let first = timed(|| stage.take(&mut input));
        println!("{what}: the change itself {:.2} ms", first.wall * 1e3);
        let mut batches = Vec::new();
        while stage.is_changing() {
            batches.push(batch(&mut stage));
        }
        tell(what, &batches);
        let mut input = [stage.change(rules(stage.symbols(), Change::None))];
        let mut alone = vec![timed(|| stage.take(&mut input))];
        while stage.is_changing() {
            alone.push(timed(|| stage.change_some()));
        }
        let busy: f64 = alone.iter().map(|taken| taken.busy).sum();
        println!(
            "  back, while no orders come: {:.1} ms of CPU in {} pieces; {:.0} ms a million customers",
            busy * 1e3,
            alone.len(),
            busy * 1e9 / f64::from(customers)
        );
    }
    println!("hash of the outputs {:016x}", stage.hash);
}

/// Seconds of the wall and of this thread's processor.
#[derive(Clone, Copy)]
struct Taken {
    wall: f64,
    busy: f64,
}

fn batch(stage: &mut Stage) -> Taken {
    let mut inputs = stage.orders(BATCH);
    timed(|| stage.take(&mut inputs))
}

fn timed(work: impl FnOnce()) -> Taken {
    let (started, busy) = (Instant::now(), cpu_seconds());
    work();
    Taken { wall: started.elapsed().as_secs_f64(), busy: cpu_seconds() - busy }
}

/// The median, the 99th percentile and the longest. The few longest are those in which the hour of
/// the weekly looks falls: at the pace of this bench all customers have theirs within five batches.
fn tell(what: &str, all: &[Taken]) {
    let sorted = |of: fn(&Taken) -> f64| {
        let mut times: Vec<f64> = all.iter().map(of).collect();
        times.sort_by(f64::total_cmp);
        let at = |hundredths: usize| times[(times.len() - 1) * hundredths / 100] * 1e3;
        [at(50), at(99), at(100)].map(|millis| format!("{millis:.2}")).join(" / ")
    };
    println!(
        "{what}: {} steps, median / p99 / longest {} ms; of CPU {} ms",
        all.len(),
        sorted(|taken| taken.wall),
        sorted(|taken| taken.busy)
    );
}

/// CPU time of this thread, which other programs on the machine do not add to; 0 where Linux does not
/// tell it.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
    nanos.unwrap_or_default() as f64 / 1e9
}
