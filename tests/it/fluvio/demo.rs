//! The demo's stream through topics gives the alerts that it gives when it is fed by hand.
//!
//! ```text
//! demo ─┬─► decode ─► engine ────────────────────────────────► alerts ─┐
//!       └─► topics, by customer ─► broker with faults ─► source ─► engine ─► alerts = ?
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use siaga::demo;
use siaga::engine::Output;
use siaga::engine::runtime::Engine;
use siaga::engine::runtime::Settings;
use siaga::event::Record;
use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;
use siaga::metrics::Metrics;
use siaga::rule::compile;
use siaga::rule::file;
use siaga::rule::starter;
use siaga::source::fluvio::FluvioSource;
use siaga::source::fluvio::Parts;
use siaga::source::fluvio::cluster::Cluster;
use siaga::source::fluvio::cluster::NewTopic;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::fluvio::connector::Connector;
use siaga::source::fluvio::partition;
use siaga::source::fluvio::producer::Producer;
use siaga::source::log::Health;
use siaga::source::log::Position;
use siaga::source::log::Read;
use siaga::source::log::Stopped;
use siaga::source::log::Taker;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::fluvio::ledger::config;
use crate::fluvio::stand_in::StandIn;

const TOPICS: [&str; 5] = ["transactions", "interactions", "customers", "products", "reps"];

/// Lines of the demo, each with its topic; reference data first.
fn lines() -> Vec<(&'static str, String)> {
    let settings = demo::Settings {
        customers: 80,
        reps: 4,
        history_days: 150,
        live_days: 0,
        ..demo::Settings::default()
    };
    let topic = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        match () {
            () if record.get("lines").is_some() => "transactions",
            () if record.get("event_id").is_some() => "interactions",
            () if record.get("customer_id").is_some() => "customers",
            () if record.get("product_id").is_some() => "products",
            () => "reps",
        }
    };
    let reference = demo::reference(&settings).into_iter();
    let lines = reference.chain(demo::stream(&settings).map(|(_, line)| line));
    lines.map(|line| (topic(&line), line)).collect()
}

/// The key of a line: who has to stay in order.
fn key(line: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    let id = ["customer_id", "product_id", "rep_id"].into_iter().find_map(|name| record.get(name));
    id.map_or_else(String::new, |id| id.as_str().unwrap().to_owned())
}

/// An engine with the starter rules, and how every alert stands.
struct Play {
    symbols: Symbols,
    engine: Mutex<Option<Engine>>,
    alerts: Arc<Mutex<Vec<Output>>>,
    events: Mutex<usize>,
    repeats: Mutex<u64>,
    positions: Mutex<BTreeMap<(Arc<str>, u32), i64>>,
    health: Mutex<Health>,
}

impl Play {
    fn new() -> Arc<Self> {
        let symbols = Symbols::default();
        let (read, _) = file::read(&starter::files());
        let (rules, _) = compile::compile(&read, &symbols);
        let alerts = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&alerts);
        let sink = Arc::new(move |some: &mut Vec<Output>| kept.lock().unwrap().append(some));
        let settings = Settings { shards: 1, lateness: Span::from_millis(3_600_000) };
        let engine = Engine::start(&Arc::new(rules), &symbols, settings, sink).unwrap();
        Arc::new(Self {
            symbols,
            engine: Mutex::new(Some(engine)),
            alerts,
            events: Mutex::new(0),
            repeats: Mutex::new(0),
            positions: Mutex::default(),
            health: Mutex::default(),
        })
    }

    /// Ends it: each alert with how it stands, by id and opening.
    fn outcome(&self) -> Outcome {
        self.engine.lock().unwrap().take().unwrap().finish().unwrap();
        let (mut alerts, mut latest) = (BTreeMap::new(), BTreeMap::new());
        for output in self.alerts.lock().unwrap().drain(..) {
            match output {
                Output::Opened { alert, .. } => {
                    let key = (alert.id.to_string(), alert.opened_at.to_string());
                    latest.insert(alert.id.to_string(), key.clone());
                    let told = format!("{} {:?} {}", alert.rule, alert.value, alert.summary);
                    assert!(alerts.insert(key, told).is_none(), "{} opened twice", alert.id);
                }
                Output::Changed { id, state, at } => {
                    let alert = alerts.get_mut(&latest[&id.to_string()]).unwrap();
                    alert.push_str(&format!(" {state:?}@{at}"));
                }
                // Nobody acts here.
                _ => {}
            }
        }
        alerts
    }

    fn source(self: &Arc<Self>, config: FluvioConfig) -> FluvioSource {
        *self.health.lock().unwrap() = Health::default();
        let known = self.positions.lock().unwrap().clone().into_iter();
        let positions = known.map(|((topic, partition), next)| Position { topic, partition, next });
        let parts = Parts {
            mapping: Arc::new(Mapping::identity()),
            symbols: self.symbols.clone(),
            metrics: Arc::new(Metrics::new().unwrap()),
            positions: positions.collect(),
            held: false,
            share: None,
            taker: Arc::clone(self) as Arc<dyn Taker>,
        };
        FluvioSource::start(config, parts).unwrap()
    }

    /// Waits until so many events were taken.
    fn wait_for(&self, events: usize) {
        let begun = siaga::time::steady();
        while *self.events.lock().unwrap() < events {
            let (events, health) = (self.events.lock().unwrap(), self.health.lock().unwrap());
            assert!(begun.elapsed().as_secs() < 120, "{events} events, {health:?}");
            drop((events, health));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Taker for Play {
    fn take(&self, read: Read) -> Result<(), Stopped> {
        let mut guard = self.engine.lock().unwrap();
        let engine = guard.as_mut().ok_or(Stopped)?;
        let events = read.records.iter().filter(|r| matches!(r, Record::Event(_))).count();
        let (_, repeats) = engine.take(read.records, None).map_err(|_| Stopped)?;
        assert_eq!(read.refused.len(), 0);
        *self.repeats.lock().unwrap() += repeats;
        let mut positions = self.positions.lock().unwrap();
        for Position { topic, partition, next } in read.positions {
            positions.insert((topic, partition), next);
        }
        *self.events.lock().unwrap() += events;
        Ok(())
    }

    fn hold(&self, held: bool) -> Result<(), Stopped> {
        let mut guard = self.engine.lock().unwrap();
        guard.as_mut().ok_or(Stopped)?.hold(held).map_err(|_| Stopped)
    }

    fn pass(&self, to: Timestamp) -> Result<(), Stopped> {
        let mut guard = self.engine.lock().unwrap();
        guard.as_mut().ok_or(Stopped)?.tick(to).map_err(|_| Stopped)
    }

    fn report(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }
}

/// What the demo's alerts are without any topic.
fn by_hand(lines: &[(&'static str, String)]) -> Outcome {
    let play = Play::new();
    let mapping = Arc::new(Mapping::identity());
    let mut decoders: BTreeMap<&str, Decoder> = TOPICS
        .map(|topic| (topic, Decoder::new(Arc::clone(&mapping), play.symbols.intern(topic))))
        .into();
    for chunk in lines.chunks(512) {
        let decoded = chunk.iter().map(|(topic, line)| {
            let decoder = decoders.get_mut(topic).unwrap();
            decoder.decode(line.as_bytes(), &mut play.symbols.write()).unwrap()
        });
        let records: Vec<Record> = decoded.collect();
        play.engine.lock().unwrap().as_mut().unwrap().take(records, None).unwrap();
    }
    play.outcome()
}

/// Puts lines into the topics, by their keys, in batches of a few.
fn produce(cluster: &StandIn, lines: &[(&'static str, String)], partitions: u32) {
    let mut batches: BTreeMap<(&str, u32), Vec<String>> = BTreeMap::new();
    for (topic, line) in lines {
        let place = (*topic, partition::of_key(key(line).as_bytes(), partitions));
        let batch = batches.entry(place).or_default();
        batch.push(line.clone());
        if batch.len() == 17 {
            cluster.append(topic, place.1 as usize, &std::mem::take(batch));
        }
    }
    for ((topic, partition), batch) in batches.into_iter().filter(|(_, batch)| !batch.is_empty()) {
        cluster.append(topic, partition as usize, &batch);
    }
}

#[test]
fn topics_with_a_broker_that_fails_give_the_alerts_of_a_plain_run() {
    let lines = lines();
    let want = by_hand(&lines);
    assert!(want.len() > 20, "{} alerts are few", want.len());
    let events = lines.iter().filter(|(topic, _)| TOPICS[..2].contains(topic)).count();
    for partitions in [1, 4] {
        let topics = TOPICS.map(|topic| (topic, partitions as usize));
        let cluster = StandIn::start(&topics);
        produce(&cluster, &lines, partitions);
        let play = Play::new();
        let mut config = config(&cluster, &TOPICS);
        config.fetch_bytes = 16 << 10;
        config.wait_ms = 60_000;
        for (round, share) in [(0, 1), (1, 3), (2, 5), (3, 7)] {
            // The program stops and starts, and meanwhile the broker fails.
            let _source = play.source(config.clone());
            play.wait_for(events * share / 20);
            match round {
                1 => cluster.change(|state| state.not_leader = 5),
                2 => cluster.stop_broker(),
                _ => cluster.cut(),
            }
            play.wait_for(events * share / 20 + usize::from(round != 2));
            cluster.start_broker();
        }
        let _source = play.source(config);
        play.wait_for(events);
        assert_eq!(*play.repeats.lock().unwrap(), 0, "nothing comes twice");
        assert_same(&play.outcome(), &want, &format!("with {partitions} partitions"));
        assert_eq!(*play.events.lock().unwrap(), events);
    }
}

type Outcome = BTreeMap<(String, String), String>;

/// Tells a few of the differences, if there are any.
#[track_caller]
fn assert_same(found: &Outcome, want: &Outcome, name: &str) {
    let alone = |these: &Outcome, those: &Outcome| {
        let only = these.iter().filter(|(key, told)| those.get(*key) != Some(*told)).take(3);
        only.map(|(key, told)| format!("{key:?} {told}")).collect::<Vec<_>>()
    };
    assert_eq!((alone(want, found), alone(found, want)), (vec![], vec![]), "{name}");
}

/// Against a real cluster, at `FLUVIO_CLUSTER`; what its brokers go through meanwhile is up to
/// whoever runs it.
#[test]
fn a_real_cluster_gives_the_alerts_of_a_plain_run() {
    let Ok(endpoint) = std::env::var("FLUVIO_CLUSTER") else {
        eprintln!("left out: FLUVIO_CLUSTER names no cluster (host:port)");
        return;
    };
    let lines = lines();
    let want = by_hand(&lines);
    let events = lines.iter().filter(|(topic, _)| TOPICS[..2].contains(topic)).count();
    let run = siaga::time::now().millis();
    for partitions in [1, 4] {
        let named = |topic: &str| format!("{topic}-{run}-{partitions}");
        let patience = std::time::Duration::from_secs(5);
        let cluster = || Cluster::new(&endpoint, Connector::default(), patience);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let began = siaga::time::steady();
        runtime.block_on(async {
            for topic in TOPICS {
                let name = named(topic);
                let topic = NewTopic { name, partitions, replication: 1, retention: None };
                while let Err(error) = cluster().create(&topic).await {
                    eprintln!("{error}");
                    tokio::time::sleep(patience / 10).await;
                }
            }
            let producer = Producer::new(cluster());
            for (topic, line) in &lines {
                let value = vec![line.as_bytes().to_vec()];
                while let Err(error) = producer.send(&named(topic), &key(line), &value).await {
                    eprintln!("{error}");
                    tokio::time::sleep(patience / 50).await;
                }
            }
        });
        eprintln!("{partitions} partitions: {} lines in {:?}", lines.len(), began.elapsed());
        let play = Play::new();
        let config = FluvioConfig {
            endpoint: endpoint.clone(),
            topics: TOPICS.map(named).to_vec(),
            fetch_bytes: 16 << 10,
            wait_ms: 60_000,
            ..FluvioConfig::default()
        };
        let began = siaga::time::steady();
        for share in 1..20 {
            let _source = play.source(config.clone());
            play.wait_for(events * share / 20);
        }
        let _source = play.source(config);
        play.wait_for(events);
        while !play.health.lock().unwrap().caught_up {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let repeats = *play.repeats.lock().unwrap();
        eprintln!("{events} events, {repeats} sent twice, in {:?}", began.elapsed());
        assert_same(&play.outcome(), &want, &format!("with {partitions} partitions"));
    }
}
