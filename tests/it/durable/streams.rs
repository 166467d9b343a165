//! Live streams that are read a byte a second, and all of them at once again and again: each hears of
//! every change, in order, and the server's memory stays what it was.

use std::fmt::Write as _;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::net::sockopt;

use crate::durable::kill;
use crate::durable::kill::Server;
use crate::journal::run::Numbers;
use crate::scene::MINUTE;
use crate::scene::at;

/// Clients in a run of the tests; `SIAGA_STREAMS` asks for more, up to 1,000.
const CLIENTS: usize = 60;

/// Orders in a body, and bodies in each half.
const ORDERS: usize = 50;
const BODIES: usize = 24;

fn body(number: usize) -> String {
    let mut numbers = Numbers(number as u64 + 1);
    (0..ORDERS).fold(String::new(), |mut all, place| {
        let id = number * ORDERS + place;
        let (customer, price) = (numbers.below(40), 20 + numbers.below(100));
        let time = at(i64::try_from(id).unwrap() * MINUTE);
        writeln!(
            all,
            r#"{{"event_id":"e{id}","type":"order","occurred_at":"{time}","customer_id":"c{customer}","currency":"USD","lines":[{{"product_id":"p{price}","quantity":1,"unit_price":{price}}}]}}"#
        )
        .unwrap();
        all
    })
}

/// Sends bodies until all are taken.
fn post(server: &Server, numbers: std::ops::Range<usize>) {
    for number in numbers {
        loop {
            let (status, text) = kill::post(&server.address, &body(number)).unwrap();
            if status == 202 {
                break;
            }
            assert!(status == 503 || status == 429, "{text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A stream behind a change.
fn listen(server: &Server, after: u64) -> TcpStream {
    let socket = TcpStream::connect(&server.address).unwrap();
    write!(
        &socket,
        "GET /v1/stream HTTP/1.1\r\nhost: {}\r\nlast-event-id: {after}\r\n\r\n",
        server.address
    )
    .unwrap();
    socket
}

/// Megabytes that the server has in memory.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// The numbers that a stream tells up to the last; none where it was refused.
fn heard(socket: TcpStream, last: u64) -> Option<Vec<u64>> {
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let (mut heard, mut first) = (Vec::new(), true);
    for line in BufReader::new(socket).lines() {
        let line = line.unwrap();
        if std::mem::take(&mut first) && !line.contains(" 200 ") {
            assert!(line.contains(" 503 "), "{line}");
            return None;
        }
        assert!(!line.contains("resync"), "nothing was missed");
        if let Some(id) = line.strip_prefix("id:") {
            heard.push(id.trim().parse().unwrap());
            if heard.last() == Some(&last) {
                return Some(heard);
            }
        }
    }
    panic!("the stream ended behind {:?}", heard.last());
}

#[test]
fn slow_readers_and_storms_of_them_miss_nothing_and_cost_no_memory() {
    let clients = std::env::var("SIAGA_STREAMS").ok().and_then(|n| n.parse().ok());
    let clients: usize = clients.unwrap_or(CLIENTS);
    let (place, _receiver) = kill::set_up();
    let server = Server::start(place.path());
    let mut slow: Vec<TcpStream> = (0..clients).map(|_| listen(&server, 0)).collect();
    for socket in &slow {
        // It takes as little as it may. Whoever has an answer is listened to.
        sockopt::set_socket_recv_buffer_size(socket, 2_048).unwrap();
        let mut one = [0];
        (&mut &*socket).read_exact(&mut one).unwrap();
        socket.set_nonblocking(true).unwrap();
    }
    let (over, read) = (AtomicBool::new(false), AtomicU64::new(0));
    let (begun, half, whole) = std::thread::scope(|scope| {
        // A byte a second each.
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                for socket in &mut slow {
                    read.fetch_add(socket.read(&mut [0]).unwrap_or(0) as u64, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let begun = memory(&server);
        post(&server, 0..BODIES);
        let half = memory(&server);
        post(&server, BODIES..2 * BODIES);
        let whole = memory(&server);
        over.store(true, Ordering::Release);
        (begun, half, whole)
    });
    eprintln!("{clients} clients, {} bytes read: {begun}, {half}, {whole} MB", read.into_inner());
    // What waits for a client is bounded, so the second half finds room in what the first one took.
    let room = 24 + clients as u64 / 50;
    assert!(whole <= half + room, "{half} MB became {whole} MB");
    drop(slow);

    let inbox = rusqlite::Connection::open(place.path().join("data/inbox.sqlite")).unwrap();
    let mut rows = inbox.prepare("SELECT seq FROM changes ORDER BY seq").unwrap();
    let all: Vec<u64> = rows
        .query_map([], |row| row.get::<_, i64>(0))
        .unwrap()
        .map(|seq| seq.unwrap().cast_unsigned())
        .collect();
    let last = *all.last().unwrap();
    assert!(all.len() > 500, "only {} changes", all.len());
    let mut numbers = Numbers(5);
    for storm in 0..3 {
        // All of them are back before the first one is read.
        let back: Vec<(u64, TcpStream)> = (0..clients)
            .map(|_| {
                let after = numbers.below(last);
                (after, listen(&server, after))
            })
            .collect();
        for (after, mut socket) in back {
            let found = loop {
                match heard(socket, last) {
                    Some(found) => break found,
                    // The places of those who have gone are not free yet.
                    None => std::thread::sleep(Duration::from_millis(50)),
                }
                socket = listen(&server, after);
            };
            let want: Vec<u64> = all.iter().copied().filter(|seq| *seq > after).collect();
            assert_eq!(found, want, "storm {storm}, behind {after}");
        }
    }
    let behind = memory(&server);
    eprintln!("after three storms of {clients}: {behind} MB, {} changes", all.len());
    assert!(behind <= whole + 2 * room, "{whole} MB became {behind} MB");
    server.stop();
}
