//! Every record once and in order: through cuts, restarts, silence and moves.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fluvio::cycles;
use crate::fluvio::ledger::Ledger;
use crate::fluvio::ledger::Taken;
use crate::fluvio::ledger::call;
use crate::fluvio::ledger::config;
use crate::fluvio::stand_in::StandIn;

/// Appends calls to every partition of `t`, in batches of 1, 2, 3 … of them, from number `from` on.
fn fill(cluster: &StandIn, partitions: usize, from: usize, each: usize) {
    for partition in 0..partitions {
        let values: Vec<String> = (from..from + each)
            .map(|number| {
                call(&format!("{partition}-{number}"), "c", u32::try_from(number).unwrap())
            })
            .collect();
        let (mut rest, mut size) = (&values[..], 1);
        while !rest.is_empty() {
            let (batch, more) = rest.split_at(size.min(rest.len()));
            cluster.append("t", partition, batch);
            (rest, size) = (more, size % 13 + 1);
        }
    }
}

/// Each partition's events came once, in their order, and the positions say so.
#[track_caller]
fn assert_whole(taken: &Taken, partitions: usize, each: usize) {
    let mut by_partition: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for id in &taken.ids {
        let (partition, number) = id.split_once('-').unwrap();
        by_partition.entry(partition.parse().unwrap()).or_default().push(number.parse().unwrap());
    }
    let want: Vec<usize> = (0..each).collect();
    for partition in 0..partitions {
        assert_eq!(by_partition[&partition], want, "partition {partition}");
        let place = ("t".to_owned(), u32::try_from(partition).unwrap());
        assert_eq!(taken.positions[&place], i64::try_from(each).unwrap());
    }
    assert_eq!(taken.refused, []);
}

#[test]
fn a_backlog_is_read_whole_though_responses_end_within_batches() {
    let cluster = StandIn::start(&[("t", 3)]);
    fill(&cluster, 3, 0, 700);
    let ledger = Ledger::new();
    let mut small = config(&cluster, &["t"]);
    // Room for nine records, where the largest batch has thirteen: it has to be asked for again.
    small.fetch_bytes = 1_300;
    let _source = ledger.read(small);
    let taken = ledger.wait_for(3 * 700);
    assert_whole(&taken, 3, 700);
    // By time across the partitions, not partition by partition.
    let first: Vec<&str> = taken.ids[..6].iter().map(String::as_str).collect();
    assert_eq!(first, ["0-0", "1-0", "2-0", "0-1", "1-1", "2-1"]);
    let taken = ledger.wait("the end", |taken| taken.health.caught_up);
    assert_eq!(ledger.counted("source_gaps_total"), 0);
    assert!(taken.health.clock.is_some());
}

#[test]
fn what_happens_to_the_connection_loses_and_repeats_nothing() {
    type Fault = fn(&StandIn);
    let faults: [(&str, Fault); 4] = [
        ("connections cut", StandIn::cut),
        ("another leader for a while", |cluster| {
            cluster.change(|state| state.not_leader = 3);
            cluster.cut();
        }),
        ("the broker restarted", |cluster| {
            cluster.stop_broker();
            std::thread::sleep(Duration::from_millis(30));
            cluster.start_broker();
        }),
        ("the broker silent for a moment", |cluster| {
            cluster.change(|state| state.frozen = true);
            std::thread::sleep(Duration::from_millis(30));
            cluster.change(|state| state.frozen = false);
        }),
    ];
    for (name, fault) in faults {
        let cluster = StandIn::start(&[("t", 2)]);
        let ledger = Ledger::new();
        let mut config = config(&cluster, &["t"]);
        config.fetch_bytes = 4_000;
        let _source = ledger.read(config);
        let rounds = cycles(5);
        for round in 0..rounds {
            fill(&cluster, 2, round * 100, 100);
            // Somewhere within.
            ledger.wait_for(round * 200 + 50);
            fault(&cluster);
        }
        let taken = ledger.wait_for(2 * 100 * rounds);
        assert_whole(&taken, 2, 100 * rounds);
        assert_eq!(ledger.counted("source_gaps_total"), 0, "{name}");
    }
}

#[test]
fn a_broker_that_stays_silent_is_noticed_and_left() {
    let cluster = StandIn::start(&[("t", 1)]);
    fill(&cluster, 1, 0, 10);
    let ledger = Ledger::new();
    let mut config = config(&cluster, &["t"]);
    config.timeout_ms = 100;
    let _source = ledger.read(config);
    ledger.wait("the first catch-up", |taken| taken.health.caught_up);
    cluster.change(|state| state.frozen = true);
    let taken = ledger.wait("its trouble", |taken| taken.health.trouble.is_some());
    let (told, clock) = (taken.health.trouble.unwrap(), taken.health.clock);
    assert!(told.starts_with("t/0: ") && told.contains("silent"), "{told}");
    std::thread::sleep(Duration::from_millis(50));
    let taken = ledger.wait("it", |taken| taken.health.trouble.is_some());
    assert_eq!(taken.health.clock, clock, "no deadline passes for what nobody has heard");
    cluster.change(|state| state.frozen = false);
    fill(&cluster, 1, 10, 10);
    let on = |taken: &Taken| taken.ids.len() == 20 && taken.health.clock > clock;
    let taken = ledger.wait("the end", on);
    assert_whole(&taken, 1, 20);
    assert_eq!(taken.holds, [], "nothing went past it");
}

#[test]
fn a_source_that_is_started_again_goes_on_where_it_stood() {
    let cluster = StandIn::start(&[("t", 2)]);
    let ledger = Ledger::new();
    let mut config = config(&cluster, &["t"]);
    config.fetch_bytes = 2_000;
    for round in 0..6 {
        fill(&cluster, 2, round * 100, 100);
        let mut source = ledger.read(config.clone());
        // Somewhere in the middle, wherever that is.
        ledger.wait_for(round * 200 + 20);
        source.stop();
    }
    let _source = ledger.read(config);
    assert_whole(&ledger.wait_for(1_200), 2, 600);
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_with_its_offset() {
    let cluster = StandIn::start(&[("t", 1)]);
    let values = [call("0-0", "c", 0), "nonsense".to_owned(), call("0-1", "c", 1)];
    cluster.append("t", 0, &values);
    let late = call("0-2", "c", 2).replace("2025-03", "2125-03");
    cluster.append("t", 0, &[late, call("0-3", "c", 3)]);
    let ledger = Ledger::new();
    let _source = ledger.read(config(&cluster, &["t"]));
    let taken = ledger.wait("five", |taken| taken.positions.values().any(|next| *next == 5));
    assert_eq!(taken.ids, ["0-0", "0-1", "0-3"]);
    let want = [("bad_json".to_owned(), 1), ("bad_time".to_owned(), 3)];
    assert_eq!(taken.refused, want);
}

#[test]
fn a_topic_that_is_missing_is_waited_for_and_told_of() {
    let cluster = StandIn::start(&[("t", 1)]);
    fill(&cluster, 1, 0, 3);
    let ledger = Ledger::new();
    let _source = ledger.read(config(&cluster, &["t", "later"]));
    let taken = ledger.wait("its trouble", |taken| taken.health.trouble.is_some());
    let told = taken.health.trouble.unwrap();
    assert!(told.contains("`later` does not exist") && told.contains("siaga topics create"));
    assert_eq!(taken.ids, Vec::<String>::new(), "nothing is read without it");
    cluster.create("later", 2);
    let taken = ledger.wait("the end", |taken| taken.health.caught_up);
    assert_eq!((taken.ids.len(), taken.health.trouble), (3, None));
}
