//! Do alerts reach their topic at least once, with one id, in the partition of their rep, in order?

use std::collections::BTreeMap;

use serde_json::Value;
use siaga::alert::Owner;
use siaga::delivery::outbox::Status;
use siaga::engine::Output;
use siaga::source::fluvio::partition;
use siaga::time;

use crate::fluvio::stand_in::StandIn;
use crate::outbox::Post;
use crate::outbox::alert;

const PARTITIONS: u32 = 4;

/// What goes wrong with the broker.
type Fault = fn(&StandIn);

fn configuration(cluster: &StandIn) -> String {
    format!(
        "[fluvio]\nendpoint = '{}'\n[channels.log]\nfluvio.topic = 'alerts'\n\
         first_pause = '1ms'\nlongest_pause = '20ms'\n",
        cluster.endpoint()
    )
}

/// What each partition holds: key, delivery, what it is about, and of whom.
fn written(cluster: &StandIn) -> Vec<Vec<(String, String, String, String)>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |partition| {
        let values = cluster.values("alerts", partition).into_iter().map(|(key, value)| {
            let event: Value = serde_json::from_str(&value).unwrap();
            let about = text(&event["type"]).replace("com.siaga.alert.", "");
            (key.unwrap(), text(&event["id"]), about, text(&event["data"]["entity"]["id"]))
        });
        values.collect()
    };
    (0..PARTITIONS as usize).map(of).collect()
}

#[test]
fn each_change_is_written_in_the_partition_of_its_rep_whatever_the_broker_does() {
    let cluster = StandIn::start(&[("alerts", PARTITIONS as usize)]);
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::new(folder.path());
    post.start(&configuration(&cluster));
    let open = |post: &Post, number: usize| {
        let mut alert = alert(&format!("c{number}"), time::now());
        alert.owner = match number % 5 {
            0 => Owner::Queue,
            rep => Owner::Rep(format!("r{rep}")),
        };
        let id = alert.id;
        post.tell(&[Output::Opened { alert: Box::new(alert), arrived: None }]);
        id
    };
    let faults: [Fault; 4] = [
        |cluster| cluster.change(|state| state.unanswered = 2),
        |cluster| cluster.change(|state| state.not_leader = 3),
        StandIn::cut,
        StandIn::stop_broker,
    ];
    let mut opened = Vec::new();
    for (round, fault) in faults.into_iter().enumerate() {
        fault(&cluster);
        opened.extend((round * 10..round * 10 + 10).map(|number| open(&post, number)));
        if round == 1 {
            // Another program goes on with what this one left.
            post.kill();
            post.start(&configuration(&cluster));
        }
        cluster.start_broker();
        post.wait_for(round * 10 + 10, Status::Delivered);
    }
    for id in opened {
        post.close(id);
    }
    post.wait_for(80, Status::Delivered);

    let mut deliveries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, partition) in written(&cluster).into_iter().enumerate() {
        for (key, id, about, customer) in partition {
            assert_eq!(partition::of_key(key.as_bytes(), PARTITIONS) as usize, number, "{key}");
            let rep = customer[1..].parse::<usize>().unwrap() % 5;
            let want = if rep == 0 { "queue".to_owned() } else { format!("r{rep}") };
            assert_eq!(key, want, "{customer}");
            let told = deliveries.entry(customer).or_default();
            let told_now = format!("{about} {id}");
            if told.last() != Some(&told_now) {
                told.push(told_now);
            }
        }
    }
    assert_eq!(deliveries.len(), 40);
    for (customer, told) in deliveries {
        let abouts: Vec<&str> = told.iter().filter_map(|told| told.split(' ').next()).collect();
        assert_eq!(abouts, ["opened", "changed"], "{customer}: {told:?}");
    }
}

#[test]
fn a_topic_that_is_not_there_is_waited_for() {
    let cluster = StandIn::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::new(folder.path());
    post.start(&configuration(&cluster));
    post.open("c1");
    let reason = post.wait("a failed attempt", || {
        post.list().into_iter().map(|delivery| delivery.reason).find(|reason| !reason.is_empty())
    });
    assert!(reason.contains("`alerts` does not exist"), "{reason}");
    cluster.create("alerts", PARTITIONS as usize);
    post.wait_for(1, Status::Delivered);
}
