//! Takes what a source reads, and remembers all of it: what the journal and the engine would do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use siaga::event::Record;
use siaga::event::Symbols;
use siaga::event::mapping::Mapping;
use siaga::metrics::Metrics;
use siaga::source::fluvio::FluvioSource;
use siaga::source::fluvio::Parts;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::log::Health;
use siaga::source::log::Position;
use siaga::source::log::Read;
use siaga::source::log::Stopped;
use siaga::source::log::Taker;
use siaga::time::Timestamp;

use crate::fluvio::stand_in::StandIn;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was taken.
#[derive(Default)]
pub(crate) struct Ledger {
    taken: Mutex<Taken>,
    changed: Condvar,
    pub(crate) symbols: Symbols,
    pub(crate) metrics: Option<Arc<Metrics>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    /// Ids of the events, in the order in which they came.
    pub(crate) ids: Vec<String>,
    /// Codes and offsets of refused records.
    pub(crate) refused: Vec<(String, u64)>,
    pub(crate) positions: BTreeMap<(String, u32), i64>,
    /// Each change of the hold, with the number of events before it.
    pub(crate) holds: Vec<(bool, usize)>,
    pub(crate) health: Health,
}

/// A configuration that notices everything soon.
pub(crate) fn config(cluster: &StandIn, topics: &[&str]) -> FluvioConfig {
    FluvioConfig {
        endpoint: cluster.endpoint(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        heartbeat_ms: 50,
        timeout_ms: 2_000,
        retry_ms_max: 200,
        ..FluvioConfig::default()
    }
}

/// A call of a customer; its id says where it belongs.
pub(crate) fn call(id: &str, customer: &str, second: u32) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        r#"{{"event_id":"{id}","occurred_at":"2025-03-01T{hour:02}:{minute:02}:{second:02}Z","customer_id":"{customer}","kind":"call"}}"#
    )
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        let metrics = Some(Arc::new(Metrics::new().unwrap()));
        Arc::new(Self { metrics, ..Self::default() })
    }

    /// Starts a source that goes on where the ledger stands.
    pub(crate) fn read(self: &Arc<Self>, config: FluvioConfig) -> FluvioSource {
        let positions = self.taken.lock().unwrap().positions.clone().into_iter();
        let positions = positions.map(|((topic, partition), next)| Position {
            topic: topic.as_str().into(),
            partition,
            next,
        });
        let parts = Parts {
            mapping: Arc::new(Mapping::identity()),
            symbols: self.symbols.clone(),
            metrics: Arc::clone(self.metrics.as_ref().unwrap()),
            positions: positions.collect(),
            held: false,
            share: None,
            taker: Arc::clone(self) as Arc<dyn Taker>,
        };
        FluvioSource::start(config, parts).unwrap()
    }

    /// Waits until what was taken is so; what it is then.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, so: impl Fn(&Taken) -> bool) -> Taken {
        let guard = self.taken.lock().unwrap();
        let (taken, late) =
            self.changed.wait_timeout_while(guard, PATIENCE, |taken| !so(taken)).unwrap();
        let (events, positions) = (taken.ids.len(), &taken.positions);
        let (holds, health) = (&taken.holds, &taken.health);
        assert!(
            !late.timed_out(),
            "{what} did not come: {events} events, {positions:?}, {holds:?}, {health:?}"
        );
        taken.clone()
    }

    /// Waits for so many events.
    #[track_caller]
    pub(crate) fn wait_for(&self, events: usize) -> Taken {
        self.wait(&format!("{events} events"), |taken| taken.ids.len() >= events)
    }

    /// What a counter of the topic `t` says.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let text = self.metrics.as_ref().unwrap().text().unwrap();
        let begin = format!("siaga_{name}{{topic=\"t\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&begin));
        line.map_or(0, |value| value.parse().unwrap())
    }

    fn note(&self, note: impl FnOnce(&mut Taken)) {
        note(&mut self.taken.lock().unwrap());
        self.changed.notify_all();
    }
}

impl Taker for Ledger {
    fn take(&self, read: Read) -> Result<(), Stopped> {
        self.note(|taken| {
            let ids = read.records.iter().filter_map(|record| match record {
                Record::Event(event) => Some(event.id.to_string()),
                Record::Reference(_) | Record::Feedback(_) => None,
            });
            taken.ids.extend(ids);
            let refused = read.refused.iter();
            taken.refused.extend(refused.map(|r| (r.reason.code().to_owned(), r.position)));
            for Position { topic, partition, next } in read.positions {
                taken.positions.insert((topic.to_string(), partition), next);
            }
        });
        Ok(())
    }

    fn hold(&self, held: bool) -> Result<(), Stopped> {
        self.note(|taken| taken.holds.push((held, taken.ids.len())));
        Ok(())
    }

    fn pass(&self, _: Timestamp) -> Result<(), Stopped> {
        Ok(())
    }

    fn report(&self, health: Health) {
        self.note(|taken| taken.health = health);
    }
}
