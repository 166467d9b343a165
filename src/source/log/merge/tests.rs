//! In which order do the records of lanes go on, and when is time held?

use std::collections::VecDeque;

use proptest::prelude::*;
use smallvec::SmallVec;

use super::*;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Event;
use crate::event::Feedback;
use crate::event::Kind;
use crate::event::Symbols;
use crate::event::alert_id::AlertId;
use crate::event::deed::Action;
use crate::event::deed::Deed;
use crate::time;

const LONG: Duration = Duration::from_hours(1);

fn event(symbols: &Symbols, id: &str, second: i64) -> Record {
    Record::Event(Box::new(Event {
        id: id.into(),
        source: symbols.intern("t"),
        kind: Kind::Call,
        time: Timestamp::from_millis(second * 1_000).unwrap(),
        customer: None,
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: None,
        lines: SmallVec::new(),
        detail: None,
    }))
}

/// What somebody did at a second, at this offset.
fn deed(offset: i64, second: i64) -> Portion {
    let by = format!("deed {offset}");
    let at = Timestamp::from_millis(second * 1_000).unwrap();
    let entity = EntityId { kind: EntityKind::Customer, id: Symbols::default().intern("c") };
    let deed = Deed { action: Action::Acknowledge, by, at };
    let feedback =
        Feedback { alert: AlertId::new("R", "customer", "c", "1"), entity, rule: "R".into(), deed };
    let records = VecDeque::from([(offset, Record::Feedback(Box::new(feedback)))]);
    Portion { records, ..Portion::empty(offset, offset + 1) }
}

/// A portion of one event a second, from offset `first` on.
fn portion(lane: usize, first: i64, seconds: &[i64]) -> Portion {
    let symbols = Symbols::default();
    let records: VecDeque<_> = (first..)
        .zip(seconds)
        .map(|(offset, second)| (offset, event(&symbols, &format!("{lane}:{offset}"), *second)))
        .collect();
    let next = first + i64::try_from(seconds.len()).unwrap();
    Portion { records, ..Portion::empty(first, next) }
}

fn put(lanes: &Lanes, lane: usize, first: i64, seconds: &[i64], end: i64) {
    push(lanes, lane, portion(lane, first, seconds), end);
}

fn push(lanes: &Lanes, lane: usize, portion: Portion, end: i64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(lanes.push(lane, (portion, end), || ())).unwrap();
}

fn lanes(count: u32) -> Lanes {
    let lanes = Lanes::new(true);
    for partition in 0..count {
        lanes.add(&Arc::from("t"), partition, Some(0));
    }
    lanes
}

/// What can be given away now, as `lane:offset`, and the holds and the passing of time between.
fn given(merge: &mut Merge, lanes: &Lanes) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let step = lanes.wait(|lanes| Some(merge.look(lanes)));
        let Some(Some(step)) = step else { return told };
        if let Some(held) = step.hold {
            merge.held = held;
            told.push(if held { "hold" } else { "go on" }.to_owned());
        }
        told.extend(step.pass.map(|to| format!("to {}", to.millis() / 1_000)));
        if step.give {
            let read = merge.next_batch();
            told.extend(read.records.iter().map(|record| match record {
                Record::Event(event) => event.id.to_string(),
                Record::Feedback(feedback) => feedback.deed.by.clone(),
                Record::Reference(_) => unreachable!(),
            }));
        }
        merge.told = Some(merge.health.clone());
    }
}

#[test]
fn the_oldest_goes_first_and_who_is_behind_is_waited_for() {
    let lanes = lanes(2);
    let mut merge = Merge { patience: LONG, ..Merge::default() };
    lanes.reading(0, 3);
    put(&lanes, 0, 0, &[10, 30, 50], 3);
    assert_eq!(given(&mut merge, &lanes), [""; 0], "lane 1 was not heard of yet");
    lanes.reading(1, 2);
    assert_eq!(given(&mut merge, &lanes), [""; 0], "lane 1 is behind");
    put(&lanes, 1, 0, &[20], 2);
    assert_eq!(given(&mut merge, &lanes), ["0:0", "1:0"], "lane 1 has one more");
    put(&lanes, 1, 1, &[40], 2);
    assert_eq!(given(&mut merge, &lanes), ["0:1", "1:1", "0:2"]);
    assert!(merge.health.caught_up);
    put(&lanes, 1, 2, &[5], 3);
    assert_eq!(given(&mut merge, &lanes), ["1:2"], "what is late waits for nobody");
}

#[test]
fn a_lane_that_is_down_is_waited_for_and_then_passed_by() {
    for (patience, want) in [(LONG, &[][..]), (Duration::ZERO, &["hold", "1:0"])] {
        let lanes = lanes(2);
        let mut merge = Merge { patience, ..Merge::default() };
        lanes.reading(0, 0);
        lanes.reading(1, 0);
        assert_eq!(given(&mut merge, &lanes), [""; 0]);
        lanes.down(0, "gone".to_owned());
        put(&lanes, 1, 0, &[10], 1);
        assert_eq!(given(&mut merge, &lanes), want);
        assert_eq!(merge.health.trouble.as_deref(), Some("t/0: gone"));
        lanes.reading(0, 2);
        put(&lanes, 0, 0, &[1], 2);
        // Where time was held, it is until all that was missed is there.
        assert_eq!(given(&mut merge, &lanes), ["0:0"]);
        put(&lanes, 0, 1, &[2], 2);
        let last: &[&str] = if patience == LONG { &["0:1", "1:0"] } else { &["0:1", "go on"] };
        assert_eq!(given(&mut merge, &lanes), last);
    }
}

#[test]
fn an_end_that_was_told_of_is_waited_for_though_a_broker_forgets_it() {
    let lanes = lanes(2);
    let mut merge = Merge { patience: LONG, ..Merge::default() };
    lanes.reading(0, 3);
    lanes.reading(1, 1);
    put(&lanes, 0, 0, &[10], 3);
    put(&lanes, 1, 0, &[20], 1);
    assert_eq!(given(&mut merge, &lanes), ["0:0"]);
    lanes.down(0, "restarted".to_owned());
    lanes.reading(0, 1);
    assert_eq!(given(&mut merge, &lanes), [""; 0], "lane 0 has had three");
    put(&lanes, 0, 1, &[11], 2);
    put(&lanes, 0, 2, &[12], 3);
    assert_eq!(given(&mut merge, &lanes), ["0:1", "0:2", "1:0"]);
    // Made anew, it ends where it is said to end.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(lanes.push(0, (Portion::empty(3, 0), 1), || ())).unwrap();
    put(&lanes, 1, 1, &[40], 2);
    assert_eq!(given(&mut merge, &lanes), [""; 0], "lane 0 is behind again");
    put(&lanes, 0, 0, &[30], 1);
    assert_eq!(given(&mut merge, &lanes), ["0:0", "1:1"]);
}

#[test]
fn the_clock_is_that_of_the_lane_heard_of_longest_ago() {
    let lanes = lanes(2);
    let mut merge = Merge { patience: LONG, ..Merge::default() };
    let at = |second: i64| Timestamp::from_millis(second * 1_000).unwrap();
    lanes.reading(0, 0);
    lanes.reading(1, 1);
    lanes.heard(0, at(100), 0);
    lanes.heard(1, at(90), 1);
    given(&mut merge, &lanes);
    assert_eq!(merge.health.clock, None, "a record of lane 1 was sent before, and is not here");
    put(&lanes, 1, 0, &[7], 1);
    given(&mut merge, &lanes);
    assert_eq!(merge.health.clock, Some(at(90)));
    lanes.heard(1, at(95), 5);
    lanes.heard(1, at(120), 9);
    put(&lanes, 1, 1, &[8, 8, 8, 8], 9);
    given(&mut merge, &lanes);
    assert_eq!(merge.health.clock, Some(at(95)), "up to where it was at 95, everything is here");
    assert!(merge.health.clock < Some(time::now()));
}

#[test]
fn time_comes_up_to_a_deed_before_it_as_far_as_every_lane_was_heard_of() {
    let lanes = lanes(3);
    let mut merge = Merge { patience: LONG, ..Merge::default() };
    let at = |second: i64| Timestamp::from_millis(second * 1_000).unwrap();
    lanes.reading(0, 4);
    put(&lanes, 0, 0, &[10, 20, 30, 50], 4);
    lanes.reading(1, 2);
    push(&lanes, 1, deed(0, 20), 2);
    push(&lanes, 1, deed(1, 40), 2);
    lanes.reading(2, 0);
    let told = given(&mut merge, &lanes);
    assert_eq!(told, ["0:0", "0:1"], "nobody knows whether lane 2 has anything up to 20");
    lanes.heard(2, at(100), 0);
    let told = given(&mut merge, &lanes);
    assert_eq!(told, ["to 20", "deed 0", "0:2", "to 40", "deed 1", "0:3"]);
    assert!(merge.health.caught_up);
    // Live nothing waits for the next time that a lane is heard of: whoever acts has seen the alert.
    lanes.heard(0, at(105), 4);
    for (offset, second, to) in [(2, 110, 100), (3, 90, 90)] {
        push(&lanes, 1, deed(offset, second), offset + 1);
        assert_eq!(given(&mut merge, &lanes), [format!("to {to}"), format!("deed {offset}")]);
    }
    // What is down is waited for, and once others go past it time is held.
    lanes.down(2, "gone".to_owned());
    push(&lanes, 1, deed(4, 120), 5);
    assert_eq!(given(&mut merge, &lanes), [""; 0]);
    merge.patience = Duration::ZERO;
    assert_eq!(given(&mut merge, &lanes), ["hold", "to 105", "deed 4"]);
}

#[test]
fn a_portion_that_leaves_a_gap_is_refused() {
    let lanes = lanes(1);
    put(&lanes, 0, 0, &[1, 2], 2);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for first in [0, 1, 3] {
        let pushed = runtime.block_on(lanes.push(0, (portion(0, first, &[3]), 9), || ()));
        assert_eq!(pushed.map_err(|apart| apart.want), Err(Some(2)), "a portion at {first}");
    }
}

proptest! {
    #[test]
    fn a_backlog_comes_out_by_time(
        lots in prop::collection::vec(prop::collection::vec(0_i64..50, 0..40), 1..5),
        size in 1_usize..7,
    ) {
        let lots: Vec<Vec<i64>> =
            lots.into_iter().map(|mut seconds| { seconds.sort_unstable(); seconds }).collect();
        let lanes = lanes(u32::try_from(lots.len()).unwrap());
        let mut merge = Merge { patience: LONG, ..Merge::default() };
        let ends: Vec<i64> = lots.iter().map(|lot| i64::try_from(lot.len()).unwrap()).collect();
        for (lane, end) in ends.iter().enumerate() {
            lanes.reading(lane, *end);
        }
        let mut out = Vec::new();
        // Each lane has room for a portion whenever it has been emptied.
        loop {
            for (lane, lot) in lots.iter().enumerate() {
                let read = usize::try_from(lanes.read(lane).unwrap()).unwrap();
                let seconds = &lot[read..lot.len().min(read + size)];
                if !seconds.is_empty() && !lanes.is_full(lane) {
                    put(&lanes, lane, i64::try_from(read).unwrap(), seconds, ends[lane]);
                }
            }
            let some = given(&mut merge, &lanes);
            if some.is_empty() && lots.iter().enumerate().all(|(lane, lot)| {
                lanes.read(lane) == Some(i64::try_from(lot.len()).unwrap())
            }) {
                break;
            }
            out.extend(some);
        }
        let mut want: Vec<(i64, String)> = lots
            .iter()
            .enumerate()
            .flat_map(|(lane, lot)| {
                lot.iter().enumerate().map(move |(offset, second)| (*second, format!("{lane}:{offset}")))
            })
            .collect();
        prop_assert_eq!(out.len(), want.len());
        want.sort();
        let second: std::collections::HashMap<_, _> =
            want.iter().map(|(second, name)| (name.clone(), *second)).collect();
        let times: Vec<i64> = out.iter().map(|name| second[name]).collect();
        prop_assert!(times.is_sorted(), "{:?}", out);
        prop_assert_eq!(merge.health.caught_up, true);
    }
}
