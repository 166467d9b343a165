//! The reps who are connected: each listens, and fetches the row of what has changed, with the
//! tallies, as the page does.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::Mutex;

use crate::Seen;
use crate::house::House;
use crate::house::Socket;
use crate::now;

/// A thread for each rep; they end with the program.
pub(super) struct Connected {
    seen: Vec<Arc<Mutex<Seen>>>,
}

impl Connected {
    pub(super) fn new(house: &House, reps: u32) -> Self {
        let seen = (0..reps as usize).map(|rep| {
            let seen = Arc::new(Mutex::new(Seen::new()));
            let kept = Arc::clone(&seen);
            let cookie = format!("cookie: siaga_session={}\r\n", house.reps[rep]);
            let lists = Socket::new(&house.host, &cookie);
            let stream = Socket::new(&house.host, &cookie);
            std::thread::spawn(move || follow(stream, lists, &kept));
            seen
        });
        Self { seen: seen.collect() }
    }

    /// When each rep had which customer in the list.
    pub(super) fn listed(&self) -> Vec<Seen> {
        self.seen.iter().map(|seen| seen.lock().unwrap().clone()).collect()
    }
}

fn follow(stream: Socket, mut lists: Socket, seen: &Mutex<Seen>) {
    let mut stream = stream.stream("/v1/stream");
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let change: serde_json::Value = serde_json::from_str(data).unwrap();
        if let Some(id) = change["id"].as_str() {
            let list = lists.get(&format!("/fragments/list?changed={id}"));
            let at = now();
            let mut seen = seen.lock().unwrap();
            for part in list.split("class=\"who\">").skip(1) {
                let customer = part.split('<').next().unwrap_or_default();
                seen.entry(customer.to_owned()).or_insert(at);
            }
        }
    }
}
