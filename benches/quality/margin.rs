//! How soon is a fallen margin found at equal false alarms? Synthetic, seeded.
//!
//! Margin per order ~ N(25, 5) percent; the fall begins after 50 orders in control; runs that alarm
//! before are left out. Limits of the twin come from its measured ARL0, those of the single sums
//! made for each fall from the anchors' method, so both are compared at equal measured ARL0.

use siaga::state::detector::cusum::Limits;
use siaga::state::detector::cusum::Verdict;
use siaga::state::detector::cusum::Watch;
use siaga::time::Timestamp;

use crate::anchor::Anchors;
use crate::random::Random;
use crate::report::Gate;
use crate::report::Row;
use crate::report::Table;
use crate::statistics;
use crate::statistics::Estimate;
use crate::statistics::count;

/// Orders in control before the fall.
const BEFORE: u32 = 50;
/// Falls in points; the deviation is 5 points.
const FALLS: [f64; 3] = [2.0, 5.0, 10.0];
const RUNS: u64 = 20_000;
/// Seeds of the runs that limits are made with begin here.
const FITTED: u64 = 1_000_000;

/// Law of the deviations.
#[derive(Clone, Copy)]
enum Law {
    Normal,
    /// Student's t with 3 degrees of freedom, clipped.
    HeavyClipped,
}

/// The order of the first alarm of one run, up to `cap`.
fn run<const N: usize>(
    limits: &[Limits; N],
    seed: u64,
    law: Law,
    fall: f64,
    cap: u32,
) -> Option<u32> {
    let mut random = Random::new(seed);
    let mut watch = Watch::<N>::START;
    let mut spare = None;
    (1..=cap).find(|order| {
        let shift = if *order > BEFORE { fall / 5.0 } else { 0.0 };
        let z = match law {
            Law::Normal => {
                shift
                    + spare.take().unwrap_or_else(|| {
                        let (one, other) = random.normals();
                        spare = Some(other);
                        one
                    })
            }
            Law::HeavyClipped => random.student().clamp(-2.5, 2.5),
        };
        watch.add(z, limits, Timestamp::EPOCH) == Verdict::Alarm
    })
}

/// Orders between false alarms: all orders over all alarms, runs cut at eight times the aim.
fn between_alarms<const N: usize>(
    limits: &[Limits; N],
    aim: u32,
    law: Law,
    runs: u64,
    seed: u64,
) -> f64 {
    let cap = 8 * aim;
    let found: Vec<Option<u32>> =
        (0..runs).map(|index| run(limits, seed + index, law, 0.0, cap)).collect();
    let orders: f64 = found.iter().map(|order| f64::from(order.unwrap_or(cap))).sum();
    orders / count(found.iter().flatten().count()).max(1.0)
}

/// Orders from the fall to the alarm.
fn delay<const N: usize>(limits: &[Limits; N], fall: f64) -> Estimate {
    let cap = BEFORE + 4_000;
    let delays: Vec<f64> = (0..RUNS)
        .map(|index| run(limits, index, Law::Normal, fall, cap).unwrap_or(cap))
        .filter(|order| *order > BEFORE)
        .map(|order| f64::from(order - BEFORE))
        .collect();
    statistics::mean(&delays)
}

/// The limit, or the factor of limits, at which the measured ARL0 is the aim.
fn solve(aim: u32, low: f64, high: f64, arl0: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..9 {
        let middle = f64::midpoint(low, high);
        *(if arl0(middle) > f64::from(aim) { &mut high } else { &mut low }) = middle;
    }
    f64::midpoint(low, high)
}

/// The rows.
pub(crate) fn table(anchors: &Anchors) -> Table {
    let mut rows = Vec::new();
    // Limits with equal false alarms of both sums, before the common factor.
    for (aim, slow, fast, runs) in [(500_u32, 9.54, 3.42, 4_000_u64), (5_000, 15.35, 5.01, 1_500)] {
        let twin = |factor: f64| {
            [
                Limits { slack: 0.2, limit: slow * factor },
                Limits { slack: 0.75, limit: fast * factor },
            ]
        };
        let factor = solve(aim, 0.9, 1.1, |factor| {
            between_alarms(&twin(factor), aim, Law::Normal, runs, FITTED)
        });
        let limits = twin(factor);
        let name = format!(
            "ARL0 {aim}, twin k .2 h {:.2}, k .75 h {:.2}",
            limits[0].limit, limits[1].limit
        );
        // On runs that the limits were not made with.
        let measured = between_alarms(&limits, aim, Law::Normal, runs, 2_000_000);
        let exact = |value| Estimate { value, low: value, high: value };
        let theirs = anchors.margin(aim, "twin_cusum_k0.2_k0.75", "arl0_measured");
        rows.push(Row::told(&name, "ARL0 measured on other runs", exact(measured), theirs));
        for fall in FALLS {
            let slack = fall / 10.0;
            let single = |limit: f64| [Limits { slack, limit }];
            let limit = solve(aim, 1.0, 20.0, |h| {
                between_alarms(&single(h), aim, Law::Normal, runs, FITTED)
            });
            let best = delay(&single(limit), fall);
            let ours = delay(&limits, fall);
            let figure = format!("delay of a fall of {fall} points");
            let key = format!("delay_{fall}pt");
            let theirs = anchors.margin(aim, "twin_cusum_k0.2_k0.75", &key);
            rows.push(Row::told(&name, &figure, ours, theirs));
            let ratio = |value: f64| value / best.value;
            let over =
                Estimate { value: ratio(ours.value), low: ratio(ours.low), high: ratio(ours.high) };
            let figure = format!("over the sum made for {fall} points");
            rows.push(Row::told(&name, &figure, over, None).gated(Gate::AtMost(1.15)));
        }
        let heavy = between_alarms(&limits, aim, Law::HeavyClipped, 400, FITTED);
        let theirs = anchors.margin(aim, "twin_cusum_k0.2_k0.75", "arl0_t3_clip25");
        let row = Row::told(&name, "ARL0 under heavy tails, clipped", exact(heavy), theirs);
        rows.push(row.gated(Gate::NoLess(f64::from(aim))));
    }
    Table {
        title: "Margin",
        note: "orders from the fall to the alarm, at equal measured false alarms; gates: at most \
               1.15 times the sum made for the fall, no more false alarms under heavy tails",
        rows,
    }
}
