//! What is written arrives: in its partition, in order, again when nobody knows.

use std::time::Duration;

use siaga::source::Refused;
use siaga::source::dead_letter::DeadLetters;
use siaga::source::fluvio::cluster::Cluster;
use siaga::source::fluvio::cluster::NewTopic;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::fluvio::connector::Connector;
use siaga::source::fluvio::partition;
use siaga::source::fluvio::producer::ProduceError;
use siaga::source::fluvio::producer::Producer;

use crate::fluvio::stand_in::StandIn;

const PATIENCE: Duration = Duration::from_secs(5);

fn cluster(stand_in: &StandIn) -> Cluster {
    Cluster::new(&stand_in.endpoint(), Connector::default(), PATIENCE)
}

fn on_a_runtime<T>(act: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(act)
}

#[test]
fn a_record_goes_to_the_partition_of_its_key_and_its_answer_tells_the_truth() {
    let stand_in = StandIn::start(&[("alerts", 4)]);
    let producer = Producer::new(cluster(&stand_in));
    on_a_runtime(async {
        let one = |text: &str| vec![text.as_bytes().to_vec()];
        let home = partition::of_key(b"r1", 4) as usize;
        assert_eq!(producer.send("alerts", "r1", &one("first")).await, Ok(0));
        assert_eq!(producer.send("alerts", "r1", &one("second")).await, Ok(1));

        stand_in.change(|state| state.not_leader = 1);
        let refused = producer.send("alerts", "r1", &one("third")).await;
        assert!(matches!(refused, Err(ProduceError::NotWritten(_))), "{refused:?}");
        assert_eq!(producer.send("alerts", "r1", &one("third")).await, Ok(2));

        stand_in.change(|state| state.unanswered = 1);
        let unknown = producer.send("alerts", "r1", &one("fourth")).await;
        assert!(matches!(unknown, Err(ProduceError::Uncertain(_))), "{unknown:?}");
        assert_eq!(producer.send("alerts", "r1", &one("fourth")).await, Ok(4), "written before");

        stand_in.cut();
        let mut again = producer.send("alerts", "r1", &one("fifth")).await;
        while again.is_err() {
            again = producer.send("alerts", "r1", &one("fifth")).await;
        }
        let mut found = stand_in.values("alerts", home);
        found.dedup();
        let want = ["first", "second", "third", "fourth", "fifth"];
        assert_eq!(found, want.map(|text| (Some("r1".to_owned()), text.to_owned())));

        let missing = producer.send("nowhere", "r1", &one("lost")).await;
        let told = missing.unwrap_err().to_string();
        assert!(told.contains("`nowhere` does not exist"), "{told}");
    });
}

#[test]
fn a_topic_is_made_once() {
    let stand_in = StandIn::start(&[]);
    let cluster = cluster(&stand_in);
    on_a_runtime(async {
        let retention = Some(Duration::from_hours(24));
        let name = "orders".to_owned();
        let topic = NewTopic { name, partitions: 3, replication: 1, retention };
        assert_eq!(cluster.create(&topic).await, Ok(true));
        assert_eq!(cluster.create(&topic).await, Ok(false));
        let map = cluster.map().await.unwrap();
        assert_eq!(map.topics().collect::<Vec<_>>(), [("orders", 3)]);
    });
}

#[test]
fn dead_letters_reach_their_topic_through_an_outage() {
    let stand_in = StandIn::start(&[("dead", 1)]);
    let config = FluvioConfig {
        endpoint: stand_in.endpoint(),
        dead_letters_topic: "dead".to_owned(),
        ..FluvioConfig::default()
    };
    let mut dead = DeadLetters::counting().onwards(config.letters().unwrap().unwrap());
    stand_in.stop_broker();
    for position in 0..300 {
        let reason = siaga::event::decode::Refusal::BadUtf8 { at: 0 };
        let source = if position < 150 { "t/0" } else { "t/1" };
        let excerpt = String::new();
        dead.add(&Refused { source: source.into(), position, offset: 0, reason, excerpt }).unwrap();
    }
    stand_in.start_broker();
    let begun = siaga::time::steady();
    while stand_in.values("dead", 0).len() < 300 {
        assert!(begun.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = stand_in.values("dead", 0).into_iter().map(|(key, value)| {
        let value: serde_json::Value = serde_json::from_str(&value).unwrap();
        (key.unwrap(), value["position"].as_u64().unwrap())
    });
    let want = (0..300).map(|n| (if n < 150 { "t/0" } else { "t/1" }.to_owned(), n));
    assert_eq!(found.collect::<Vec<_>>(), want.collect::<Vec<_>>());
    assert_eq!((dead.total(), dead.unsent), (300, 0));
}
