//! What people did with alerts is there again when the topics are read anew, by one process or by others.
//!
//! ```text
//! orders ─► three processes ─► silences ─► deeds ─► feedback
//!    └────────────────────────────────────────────────┴─► empty ones, of other shares ─► the same
//! ```
//!
//! No record opens a silence: it is there once time has come so far, and so has to be before what was
//! done with it.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::alert::Deed;
use siaga::engine::Output;
use siaga::engine::port::Port as _;
use siaga::source::fluvio::FluvioSource;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::fluvio::partition;
use siaga::source::fluvio::share::ClusterConfig;
use siaga::time::Timestamp;

use crate::fluvio::ledger::config;
use crate::fluvio::silence::Stage;
use crate::fluvio::silence::order;
use crate::fluvio::stand_in::StandIn;

const PARTITIONS: u32 = 6;
const CUSTOMERS: usize = 24;

/// An alert: whose it is, where it stands, and what was done with it.
#[derive(Debug, Clone, PartialEq)]
struct Stands {
    customer: String,
    state: AlertState,
    deeds: Vec<Deed>,
}

/// Processes that share the topics, begun with nothing.
struct Processes(Vec<(Stage, FluvioSource)>);

impl Processes {
    fn begin(cluster: &StandIn, count: u32) -> Self {
        let begin = |ordinal| {
            let stage = Stage::new();
            let plain = config(cluster, &["orders", "feedback"]);
            let config = FluvioConfig { feedback_topic: "feedback".to_owned(), ..plain };
            let share = ClusterConfig { processes: count, ordinal, ..ClusterConfig::default() };
            let source = stage.read(config, share.share().unwrap());
            (stage, source)
        };
        Self((0..).take(count as usize).map(begin).collect())
    }

    /// Waits until all of them together have taken so many orders and deeds, and it is so late.
    #[track_caller]
    fn come_to(&self, at: Timestamp, (orders, deeds): (usize, usize)) {
        for (stage, _) in &self.0 {
            stage.wait("everything", |_| {
                let taken: u64 =
                    self.0.iter().map(|(stage, _)| stage.service.status().events).sum();
                let done: usize = self.alerts().values().map(|alert| alert.deeds.len()).sum();
                (taken, done) == (u64::try_from(orders + deeds).unwrap(), deeds)
            });
            stage.wait("its time", |service| {
                service.tick(at).unwrap();
                service.status().clock >= Some(at)
            });
        }
    }

    /// What came of all alerts, told in the order in which it happened.
    fn alerts(&self) -> BTreeMap<AlertId, Stands> {
        let mut all = BTreeMap::new();
        let unknown = Stands { customer: String::new(), state: AlertState::Firing, deeds: vec![] };
        for (stage, _) in &self.0 {
            for output in stage.outputs.lock().unwrap().iter() {
                match output {
                    Output::Opened { alert, .. } => {
                        let stands = all.entry(alert.id).or_insert(unknown.clone());
                        stands.customer.clone_from(&alert.entity_id);
                        stands.state = AlertState::Firing;
                    }
                    Output::Changed { id, state, .. } => {
                        all.entry(*id).or_insert(unknown.clone()).state = state.clone();
                    }
                    Output::Acted { id, deed } => {
                        all.entry(*id).or_insert(unknown.clone()).deeds.push(deed.clone());
                    }
                    Output::Duty(_) => {}
                }
            }
        }
        all
    }
}

fn instant(day: u32, hour: u32) -> Timestamp {
    Timestamp::parse(&format!("2025-05-{day:02}T{hour:02}:00:00Z")).unwrap()
}

fn append(cluster: &StandIn, topic: &str, customer: &str, line: String) {
    let home = partition::of_key(customer.as_bytes(), PARTITIONS);
    cluster.append(topic, home as usize, &[line]);
}

/// Somebody does one thing or another with most of the alerts that are open; how often.
fn act(cluster: &StandIn, alerts: &BTreeMap<AlertId, Stands>, at: Timestamp) -> usize {
    let deeds = [
        json!({"action": "acknowledge"}),
        json!({"action": "close", "reason": "won", "amount": 12.5}),
        json!({"action": "snooze", "until": "2025-07-01T00:00:00Z"}),
    ];
    let open = alerts.iter().filter(|(_, alert)| alert.state == AlertState::Firing).skip(2);
    let mut count = 0;
    for ((id, Stands { customer, .. }), deed) in open.zip(deeds.iter().cycle()) {
        let mut line = json!({
            "alert_id": id.to_string(), "rule": "Quiet", "customer_id": customer,
            "by": "rep:r1", "occurred_at": at.to_string(),
        });
        if let (Value::Object(line), Value::Object(deed)) = (&mut line, deed.clone()) {
            line.extend(deed);
        }
        append(cluster, "feedback", customer, line.to_string());
        count += 1;
    }
    count
}

#[test]
fn what_was_done_with_silences_is_there_again_whoever_reads_the_topics_anew() {
    let topics = ["orders", "feedback"].map(|topic| (topic, PARTITIONS as usize));
    let cluster = StandIn::start(&topics);
    let first = Processes::begin(&cluster, 3);
    let customers: Vec<String> = (0..CUSTOMERS).map(|number| format!("c{number}")).collect();
    let (mut orders, mut deeds) = (0, 0);
    // Half of them buy once more, and fall silent again.
    for (day, some) in [(1, &customers[..]), (13, &customers[..CUSTOMERS / 2])] {
        for customer in some {
            append(&cluster, "orders", customer, order(customer, day));
        }
        orders += some.len();
        // Ten days and an hour for what is late: at this very moment somebody acts.
        let silent = instant(day + 10, 13);
        first.come_to(silent, (orders, deeds));
        let open = first.alerts();
        assert_eq!(open.len(), orders, "each order is followed by a silence");
        deeds += act(&cluster, &open, silent);
        first.come_to(silent, (orders, deeds));
    }
    let want = first.alerts();
    for count in [1, 3, 4, 6] {
        let anew = Processes::begin(&cluster, count);
        anew.come_to(instant(23, 13), (orders, deeds));
        assert_eq!(anew.alerts(), want, "{count} processes");
    }
}
