//! A process that ends in the middle of a log: the next one goes on where the journal says.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::port::IngestError;
use siaga::engine::port::Port as _;
use siaga::event::mapping::Mapping;
use siaga::metrics::Metrics;
use siaga::source::fluvio;
use siaga::source::fluvio::FluvioSource;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::log::Taker;
use siaga::time;
use siaga::time::Timestamp;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::stage::Stage;
use crate::fluvio::ledger::config;
use crate::fluvio::silence::QUIET;
use crate::fluvio::silence::order;
use crate::fluvio::stand_in::StandIn;

/// What happens between the two halves of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// Nothing: the process goes on.
    Nothing,
    /// It loses power; the next one has the journal.
    Replay,
    /// As before, and there is a snapshot of the moment.
    Snapshot,
    /// There is a snapshot from before the first record, and the journal behind it.
    Both,
}

/// A service with a journal, and where its log is read to.
struct Reader {
    stage: Stage,
    disk: SimulatedDisk,
    told: Arc<Mutex<Ledger>>,
    metrics: Arc<Metrics>,
}

impl Reader {
    fn start(disk: SimulatedDisk, told: Arc<Mutex<Ledger>>) -> Self {
        let stage = Stage::start(&disk, &told, 1).unwrap();
        Self { stage, disk, told, metrics: Arc::new(Metrics::new().unwrap()) }
    }

    fn new() -> Self {
        let reader = Self::start(SimulatedDisk::new(1), Arc::default());
        reader.stage.adopt(QUIET).unwrap();
        reader
    }

    fn read(&self, config: &FluvioConfig) -> FluvioSource {
        self.stage.service.await_log();
        let parts = fluvio::Parts {
            mapping: Arc::new(Mapping::identity()),
            symbols: self.stage.service.symbols().clone(),
            metrics: Arc::clone(&self.metrics),
            positions: self.stage.service.positions(),
            held: self.stage.service.is_held(),
            share: None,
            taker: Arc::clone(&self.stage.service) as Arc<dyn Taker>,
        };
        FluvioSource::start(config.clone(), parts).unwrap()
    }

    fn snapshot(&self) {
        self.stage.step(&Step::Snapshot).unwrap();
    }

    /// Goes on, perhaps as another process.
    fn pass(self, between: Between) -> Self {
        match between {
            Between::Nothing => return self,
            Between::Snapshot => self.snapshot(),
            Between::Replay | Between::Both => {}
        }
        let Self { stage, disk, told, .. } = self;
        let _ = stage.service.stop();
        drop(stage);
        // What has been told stands in an inbox.
        Self::start(disk.restarted().power_loss(1), told)
    }

    /// Where the partitions are read on.
    fn next(&self) -> Vec<i64> {
        self.stage.service.positions().into_iter().map(|position| position.next).collect()
    }

    #[track_caller]
    fn wait(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let begun = time::steady();
        while !so(self) {
            let (status, next) = (self.stage.service.status(), self.next());
            let patience = Duration::from_mins(1);
            assert!(begun.elapsed() < patience, "{what} did not come: {status:?}, {next:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn told(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.order.iter().map(|(_, _, entity)| entity.clone()).collect()
    }

    /// Records that came from the topic in this process.
    fn records(&self) -> u64 {
        let text = self.metrics.text().unwrap();
        let begin = "siaga_source_records_total{topic=\"t\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(begin));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

/// Orders of five customers in two partitions on these days; two of them fall silent.
fn fill(cluster: &StandIn, days: std::ops::Range<u32>) {
    for day in days {
        for (customer, last) in [("a", 31), ("b", 3), ("c", 31), ("d", 12), ("e", 31)] {
            if day <= last {
                let partition = usize::from(customer > "b");
                cluster.append("t", partition, &[order(customer, day)]);
            }
        }
    }
}

#[test]
fn a_restart_reads_nothing_twice_and_leaves_nothing_out() {
    let run = |between: Between| {
        let cluster = StandIn::start(&[("t", 2)]);
        let config = config(&cluster, &["t"]);
        fill(&cluster, 1..11);
        let reader = Reader::new();
        if between == Between::Both {
            reader.snapshot();
        }
        let mut source = reader.read(&config);
        reader.wait("the first half", |reader| reader.next() == [13, 30]);
        source.stop();
        assert_eq!(reader.records(), 43);
        fill(&cluster, 11..29);
        let reader = reader.pass(between);
        assert_eq!(reader.next(), [13, 30], "{between:?}");
        let before = reader.records();
        let mut source = reader.read(&config);
        reader.wait("the second half", |reader| reader.next() == [31, 68]);
        source.stop();
        assert_eq!(reader.records() - before, 56, "{between:?}: records were read again");
        assert_eq!(reader.stage.service.status().duplicates, 0, "{between:?}");
        let told = reader.told.lock().unwrap().clone();
        reader.stage.stop();
        told
    };
    let want = run(Between::Nothing);
    assert_eq!(want.order.len(), 2, "two fall silent");
    for between in [Between::Replay, Between::Snapshot, Between::Both] {
        assert_eq!(difference(&want, &run(between)), None, "{between:?}");
    }
}

#[test]
fn what_stood_still_for_a_partition_that_is_away_stands_still_after_a_restart() {
    for between in [Between::Replay, Between::Snapshot, Between::Both] {
        let cluster = StandIn::start(&[("t", 2)]);
        let mut config = config(&cluster, &["t"]);
        config.wait_ms = 100;
        cluster.append("t", 0, &[order("a", 1)]);
        cluster.append("t", 1, &[order("b", 1)]);
        let reader = Reader::new();
        if between == Between::Both {
            reader.snapshot();
        }
        let mut source = reader.read(&config);
        reader.wait("the first catch-up", |reader| reader.stage.service.status().ready);

        // b's partition is away; b buys there, and a buys on where we see it.
        cluster.change(|state| state.away = Some(("t".to_owned(), 1)));
        cluster.cut();
        let about_it = |trouble: String| trouble.contains("t/1: ");
        reader.wait("its trouble", |reader| {
            reader.stage.service.status().trouble.is_some_and(about_it)
        });
        cluster.append("t", 1, &[order("b", 9)]);
        cluster.append("t", 0, &[order("a", 6), order("a", 12), order("a", 16)]);
        reader.wait("a's orders", |reader| reader.next() == [4, 1]);
        assert!(reader.stage.service.is_held(), "they went past b's partition");
        source.stop();
        let reader = reader.pass(between);
        assert!(reader.stage.service.is_held(), "{between:?}");
        reader.stage.service.tick(time::now()).unwrap();
        assert_eq!(reader.told(), [""; 0], "{between:?}: b may have bought where nobody looks");

        // Still away, and a buys on.
        let _source = reader.read(&config);
        cluster.append("t", 0, &[order("a", 20)]);
        reader.wait("a's next order", |reader| reader.next() == [5, 1]);
        reader.stage.service.tick(time::now()).unwrap();
        assert_eq!(reader.told(), [""; 0], "{between:?}");

        // Back: b's order comes first, then event time goes on, and b is silent since the 19th.
        cluster.change(|state| state.away = None);
        reader.wait("b's order", |reader| reader.next() == [5, 2]);
        reader.wait("the end of the hold", |reader| !reader.stage.service.is_held());
        cluster.append("t", 0, &[order("a", 24)]);
        reader.wait("b's silence", |reader| !reader.told().is_empty());
        assert_eq!(reader.told(), ["b"], "{between:?}");
        let told = reader.told.lock().unwrap();
        let texts: Vec<&String> = told.alerts.values().flat_map(|(texts, _)| texts).collect();
        let opened = Timestamp::parse("2025-05-19T12:00:00Z").unwrap().millis();
        assert!(texts[0].contains(&format!("\"opened_at\":{opened},")), "{texts:?}");
    }
}

#[test]
fn a_partition_that_is_waited_for_leaves_no_trace_in_a_restart() {
    // c buys each day; f and g stay away for long in between, and come back.
    let fill = |cluster: &StandIn, days: std::ops::Range<u32>| {
        for day in days {
            cluster.append("t", 0, &[order("a", day)]);
            cluster.append("t", 1, &[order("c", day)]);
            if [2, 18].contains(&day) {
                cluster.append("t", 0, &[order("f", day)]);
                cluster.append("t", 1, &[order("g", day)]);
            }
        }
    };
    let run = |between: Between| {
        let cluster = StandIn::start(&[("t", 2)]);
        let mut config = config(&cluster, &["t"]);
        config.wait_ms = 600_000;
        fill(&cluster, 1..7);
        let reader = Reader::new();
        let mut source = reader.read(&config);
        reader.wait("the beginning", |reader| reader.next() == [7, 7]);
        if between == Between::Nothing {
            source.stop();
            fill(&cluster, 7..29);
            let _source = reader.read(&config);
            reader.wait("the rest", |reader| reader.next() == [30, 30]);
            return reader.told.lock().unwrap().clone();
        }
        // A partition is away, for less than the others wait; within that, the process ends.
        cluster.change(|state| state.away = Some(("t".to_owned(), 1)));
        cluster.cut();
        reader.wait("its trouble", |reader| reader.stage.service.status().trouble.is_some());
        fill(&cluster, 7..29);
        source.stop();
        let reader = reader.pass(between);
        assert!(!reader.stage.service.is_held(), "{between:?}: nothing went past it");
        cluster.change(|state| state.away = None);
        let _source = reader.read(&config);
        reader.wait("the rest", |reader| reader.next() == [30, 30]);
        reader.told.lock().unwrap().clone()
    };
    let want = run(Between::Nothing);
    assert_eq!(want.order.len(), 2, "two were silent");
    for between in [Between::Replay, Between::Snapshot] {
        assert_eq!(difference(&want, &run(between)), None, "{between:?}");
    }
}

#[test]
fn a_power_loss_while_records_are_taken_ahead_of_the_disk_changes_no_alert() {
    let cluster = StandIn::start(&[("t", 2)]);
    let mut config = config(&cluster, &["t"]);
    // A record or two a response, each an entry of the journal.
    config.fetch_bytes = 1 << 10;
    fill(&cluster, 1..29);
    let reader = Reader::new();
    reader.disk.record();
    let mut source = reader.read(&config);
    reader.wait("all of it", |reader| reader.next() == [31, 68]);
    source.stop();
    let (want, disk) = (reader.told.lock().unwrap().clone(), reader.disk.clone());
    assert_eq!(want.order.len(), 2, "two fall silent");
    drop(reader);
    for operations in (0..=disk.recorded()).step_by(disk.recorded() / 12 + 1) {
        let after = disk.crashed(operations, operations as u64).unwrap();
        let reader = Reader::start(after, Arc::default());
        let _source = reader.read(&config);
        reader.wait("the rest", |reader| reader.next() == [31, 68]);
        assert_eq!(reader.stage.service.status().duplicates, 0, "operation {operations}");
        let told = reader.told.lock().unwrap().clone();
        assert_eq!(difference(&want, &told), None, "operation {operations}");
    }
}

#[test]
fn while_the_disk_is_full_nothing_is_taken_and_nothing_is_lost() {
    let cluster = StandIn::start(&[("t", 2)]);
    let config = config(&cluster, &["t"]);
    fill(&cluster, 1..11);
    let reader = Reader::new();
    let mut source = reader.read(&config);
    reader.wait("the first half", |reader| reader.next() == [13, 30]);
    source.stop();
    fill(&cluster, 11..29);
    // Less room than is used already: one commit is tried, and what comes behind it is refused.
    reader.disk.set_faults(Faults { capacity: Some(1), ..Faults::default() });
    reader.wait("a refusal", |reader| {
        let body = order("z", 11);
        let sent = reader.stage.service.ingest("application/x-ndjson", &[], body.as_bytes(), "t");
        matches!(sent, Err(IngestError::Full { .. }))
    });
    let mut source = reader.read(&config);
    reader.wait("more to take", |reader| reader.records() > 43);
    assert_eq!(reader.next(), [13, 30], "it was taken without room");
    reader.disk.set_faults(Faults::default());
    reader.wait("the second half", |reader| reader.next() == [31, 68]);
    source.stop();
    assert_eq!(reader.stage.service.status().duplicates, 0);
    let reader = reader.pass(Between::Replay);
    assert_eq!(reader.next(), [31, 68]);
    assert_eq!(reader.told(), ["b", "z", "d"]);
}
