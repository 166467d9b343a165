//! A great many deliveries at once: does each of them arrive, and how many a second?

use std::collections::BTreeSet;
use std::time::Duration;

use siaga::delivery::outbox::Status;
use siaga::engine::Output;
use siaga::time;

use crate::outbox::Post;
use crate::outbox::alert;
use crate::outbox::receiver::Answer;
use crate::outbox::receiver::Receiver;
use crate::outbox::webhook;

/// Alerts that come in one batch.
const BATCH: usize = 500;

#[test]
fn of_a_great_many_each_arrives_though_the_receiver_fails_now_and_then() {
    let count = std::env::var("SIAGA_DELIVERIES").ok().and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(1_000);
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|number| match number {
        number if number % 97 == 3 => Answer::Status(500, ""),
        number if number % 101 == 7 => Answer::ResetAfterAccepting,
        _ => Answer::Status(204, ""),
    });
    let mut post = Post::new(folder.path());
    post.start(&webhook(&receiver, "at_once = 16\nper_minute = 0"));
    let began = time::steady();
    for first in (0..count).step_by(BATCH) {
        let now = time::now();
        let numbers = first..count.min(first + BATCH);
        let opened = numbers.map(|number| {
            let alert = Box::new(alert(&format!("c{number}"), now));
            Output::Opened { alert, arrived: None }
        });
        post.tell(&opened.collect::<Vec<_>>());
    }
    // To count them takes the longer, the more there are.
    let pause =
        Duration::from_millis(20) + Duration::from_micros(10) * u32::try_from(count).unwrap();
    let waits = || {
        let waiting = [Status::Pending, Status::Sending, Status::Uncertain];
        let planned = post.outbox.planned().unwrap().unwrap_or(0);
        let backlog = post.outbox.backlog().unwrap();
        planned < post.inbox.newest_seq().unwrap()
            || backlog.iter().any(|of| waiting.contains(&of.status))
    };
    // A great many take their time: a fiftieth of a second each is far too long.
    let patience =
        Duration::from_mins(1) + Duration::from_millis(20) * u32::try_from(count).unwrap();
    while waits() {
        assert!(began.elapsed() < patience, "they do not arrive: {:?}", post.outbox.backlog());
        std::thread::sleep(pause);
    }
    let took = began.elapsed();
    post.stop();
    let requests = receiver.requests();
    let accepted = requests.iter().filter(|request| request.is_accepted);
    let arrived: BTreeSet<&String> =
        accepted.map(|request| &request.headers["webhook-id"]).collect();
    assert_eq!(arrived.len(), count, "each arrived, and none but these");
    assert!(requests.len() > count, "some were sent again");
    assert_eq!(post.outbox.backlog().unwrap(), [], "none is dead");
    eprintln!("{count} deliveries in {:.1} s, {} requests", took.as_secs_f64(), requests.len());
}
