//! A customer is erased: nothing on the disk tells of it, the alerts of all others are those of a run
//! without it, and whatever breaks the erasure off, the next start brings it to its end.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use siaga::alert::AlertId;
use siaga::disk::Disk;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::port::Port;
use siaga::event::EntityKind;

use crate::durable::kill;
use crate::durable::kill::Server;
use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::RULES;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::JOURNAL;
use crate::durable::stage::SNAPSHOTS;
use crate::durable::stage::Stage;
use crate::journal::run::Numbers;
use crate::scene::MINUTE;
use crate::scene::at;

/// A script in which nobody acts: which alert somebody acts on depends on how many there are.
fn unattended(seed: u64, steps: usize) -> Vec<Step> {
    let mut script = script(seed, steps);
    script.retain(|step| !matches!(step, Step::Act(..)));
    script
}

fn play(stage: &Stage, script: &[Step]) {
    for step in script {
        stage.step(step).unwrap();
    }
}

/// The bytes of journal and snapshots hold this.
fn holds(disk: &SimulatedDisk, text: &str) -> Option<String> {
    let files = [JOURNAL, SNAPSHOTS].into_iter().flat_map(|folder| {
        let names = disk.list(Path::new(folder)).unwrap();
        names.into_iter().map(move |name| Path::new(folder).join(name))
    });
    let found = |path: &PathBuf| {
        let bytes = disk.content(path).unwrap_or_default();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    };
    files.into_iter().find(found).map(|path| path.display().to_string())
}

fn of_others(ledger: &Ledger, gone: &str) -> BTreeMap<AlertId, (BTreeSet<String>, String)> {
    let theirs: BTreeSet<AlertId> =
        ledger.order.iter().filter(|(.., who)| who == gone).map(|(id, ..)| *id).collect();
    assert!(!theirs.is_empty(), "it had no alert");
    let others = ledger.alerts().iter().filter(|(id, _)| !theirs.contains(id));
    others.map(|(id, alert)| (*id, alert.clone())).collect()
}

#[test]
fn the_alerts_of_all_others_are_those_of_a_run_without_an_erasure() {
    for (seed, shards, rules) in [(1, 1, 0), (2, 3, 1), (3, 1, 1), (4, 3, 2), (5, 1, 3)] {
        let mut script = unattended(seed, 160);
        script[0] = Step::Rules(rules);
        let (before, after) = script.split_at(90);
        let [plain, erased]: [Arc<Mutex<Ledger>>; 2] = Default::default();
        let disk = SimulatedDisk::new(seed);
        let stage = Stage::start(&disk, &plain, shards).unwrap();
        play(&stage, &script);
        stage.stop();
        let disk = SimulatedDisk::new(seed);
        let stage = Stage::start(&disk, &erased, shards).unwrap();
        play(&stage, before);
        stage.stop();
        assert!(holds(&disk, "Customer 1").is_some(), "it was there");
        let stage = Stage::erase(&disk, &erased, shards, "c1").unwrap();
        stage.service.drain().unwrap();
        assert_eq!(holds(&disk, "Customer 1"), None, "seed {seed}");
        assert!(stage.service.entity(EntityKind::Customer, "c1").is_none(), "seed {seed}");
        assert!(stage.service.entity(EntityKind::Customer, "c2").is_some(), "seed {seed}");
        play(&stage, after);
        stage.stop();
        let (plain, erased) = (plain.lock().unwrap(), erased.lock().unwrap());
        assert_eq!(of_others(&plain, "c1"), of_others(&erased, "c1"), "seed {seed}");
    }
}

#[test]
fn a_power_loss_at_any_operation_of_an_erasure_is_made_good_by_the_next_start() {
    let stride = if std::env::var_os("SIAGA_EVERY_OPERATION").is_some() { 1 } else { 7 };
    let script = unattended(6, 70);
    let (before, after) = script.split_at(50);
    let told: Arc<Mutex<Ledger>> = Arc::default();
    let disk = SimulatedDisk::new(6);
    disk.record();
    let stage = Stage::start(&disk, &told, 1).unwrap();
    play(&stage, before);
    stage.stop();
    let (begun, known) = (disk.recorded(), told.lock().unwrap().clone());
    let stage = Stage::erase(&disk, &told, 1, "c1").unwrap();
    let ended = disk.recorded();
    play(&stage, after);
    stage.stop();
    let want = told.lock().unwrap().clone();
    assert!(ended > begun + 20, "{begun} to {ended}");
    for operations in (begun..=ended).step_by(stride) {
        let lost = disk.crashed(operations, operations as u64).unwrap();
        let again = Arc::new(Mutex::new(known.clone()));
        let stage = Stage::erase(&lost, &again, 1, "c1")
            .unwrap_or_else(|error| panic!("operation {operations}: {error}"));
        assert_eq!(holds(&lost, "Customer 1"), None, "operation {operations}");
        play(&stage, after);
        stage.stop();
        let have = again.lock().unwrap();
        assert_eq!(difference(&want, &have), None, "operation {operations}");
    }
}

#[test]
fn an_id_that_something_else_has_as_well_stays_as_theirs() {
    let order = |number: u32, customer: &str, product: &str| {
        let time = at(i64::from(number) * MINUTE);
        format!(
            r#"{{"event_id":"e{number}","type":"order","occurred_at":"{time}","customer_id":"{customer}","currency":"USD","lines":[{{"product_id":"{product}","quantity":1,"unit_price":9}}]}}"#
        )
    };
    for (product, stays) in [("kd-1042", true), ("p2", false)] {
        let (disk, told) = (SimulatedDisk::new(1), Arc::default());
        let stage = Stage::start(&disk, &told, 1).unwrap();
        stage.adopt(RULES[1]).unwrap();
        let bodies = [order(1, "kd-1042", "p1"), order(2, "c2", product)];
        stage.step(&Step::Body(bodies.join("\n"))).unwrap();
        stage.stop();
        let stage = Stage::erase(&disk, &told, 1, "kd-1042").unwrap();
        assert!(stage.service.entity(EntityKind::Customer, "kd-1042").is_none());
        stage.stop();
        assert_eq!(holds(&disk, "kd-1042").is_some(), stays, "beside {product}");
    }
}

/// The customer that goes, and words that only it has.
const CANARY: &str = "kd-canary-7731";
const WORDS: [&str; 3] = [CANARY, "Canary Spices", "canary spices"];

fn body(number: usize) -> String {
    let mut numbers = Numbers(number as u64 + 1);
    let mut all = String::new();
    if number == 0 {
        writeln!(all, r#"{{"customer_id":"{CANARY}","name":"Canary Spices","segment":"s"}}"#)
            .unwrap();
    }
    for place in 0..4 {
        let id = number * 4 + place;
        let (customer, price) = (numbers.below(6), 20 + numbers.below(100));
        let customer =
            if customer == 0 { CANARY.to_owned() } else { format!("kd-other-{customer}") };
        let time = at(i64::try_from(id).unwrap() * MINUTE);
        writeln!(
            all,
            r#"{{"event_id":"e{id}","type":"order","occurred_at":"{time}","customer_id":"{customer}","currency":"USD","lines":[{{"product_id":"p{price}","quantity":1,"unit_price":{price}}}]}}"#
        )
        .unwrap();
    }
    all
}

fn post(server: &Server, body: &str) -> serde_json::Value {
    loop {
        let (status, text) = kill::post(&server.address, body).unwrap();
        if status == 202 {
            return serde_json::from_str(&text).unwrap();
        }
        assert_eq!(status, 503, "{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Files below a folder that hold one of the words.
fn found(folder: &Path) -> Vec<String> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let holds = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
            found.extend(
                WORDS
                    .iter()
                    .filter(|word| holds(word))
                    .map(|word| format!("{word} in {}", path.display())),
            );
        }
    }
    found
}

fn alerts(place: &Path) -> BTreeMap<String, (String, String)> {
    let inbox = rusqlite::Connection::open(place.join("data/inbox.sqlite")).unwrap();
    let mut rows = inbox.prepare("SELECT id, entity_id, body FROM alerts").unwrap();
    let read = rows.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
    read.map(Result::unwrap).collect()
}

fn erase(place: &Path) -> Command {
    let mut command = kill::quiet();
    command.args(["erase", CANARY, "--data"]).arg(place.join("data"));
    command.arg("--config").arg(place.join("siaga.toml")).env("SIAGA_ENGINE_SHARDS", "2");
    command.stderr(Stdio::piped());
    command
}

#[test]
fn what_people_called_a_customer_is_known_when_an_erasure_is_begun_anew() {
    let (place, _receiver) = kill::set_up();
    let place = place.path();
    let mut server = Server::start(place);
    // It has no alert of its own: only the engine knows what it is called.
    let profile = format!(r#"{{"customer_id":"{CANARY}","name":"Canary Spices","segment":"s"}}"#);
    let others: String = (1..6)
        .flat_map(|number| body(number).lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| !line.contains(CANARY))
        .fold(String::new(), |all, line| format!("{all}{line}\n"));
    post(&server, &format!("{profile}\n{others}"));
    let mut looks = 0;
    let id = loop {
        if let Some(id) = alerts(place).into_keys().next() {
            break id;
        }
        looks += 1;
        assert!(looks < kill::LOOKS, "nobody has an alert");
        std::thread::sleep(Duration::from_millis(20));
    };
    let act = r#"{"action":"comment","note":"as Canary Spices did","by":"r1"}"#;
    let address = &server.address;
    let request = format!(
        "POST /v1/alerts/{id}/actions HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{act}",
        act.len()
    );
    let (status, text) = kill::send(address, &request).unwrap();
    assert_eq!(status, 200, "{text}");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(server);
    // Something is in the way behind the snapshots that know it no more.
    let blocked = place.join("data/snapshots/blocked");
    fs::create_dir(&blocked).unwrap();
    let broken = erase(place).output().unwrap();
    let said = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(!broken.status.success() && said.contains("run it again"), "{said}");
    assert!(!found(&place.join("data")).is_empty());
    fs::remove_dir(&blocked).unwrap();
    let done = erase(place).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(found(&place.join("data")), [""; 0]);
}

#[test]
fn of_an_erased_customer_no_file_tells_however_often_the_erasure_is_killed() {
    let (place, _receiver) = kill::set_up();
    let place = place.path();
    let bodies = 40;
    let mut server = Server::start(place);
    for number in 0..bodies {
        post(&server, &body(number));
    }
    // One record is refused.
    let bad = format!("{{\"event_id\":\"bad\",\"customer_id\":\"{CANARY}\"");
    post(&server, &format!("{bad}\n{}", body(0)));
    let noted = erase(place).output().unwrap();
    let said = String::from_utf8_lossy(&noted.stderr).into_owned();
    assert!(noted.status.success() && said.contains("is noted"), "{said}");
    let before = alerts(place);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(server);
    let kept: BTreeMap<_, _> = before.iter().filter(|(_, (who, _))| who != CANARY).collect();
    assert!(kept.len() > 10 && before.len() > kept.len(), "{} of {}", kept.len(), before.len());
    assert!(found(&place.join("data")).len() > 4, "{:?}", found(&place.join("data")));

    let mut numbers = Numbers(3);
    for _ in 0..12 {
        let mut erasing = erase(place).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(numbers.below(400)));
        erasing.kill().unwrap();
        erasing.wait().unwrap();
    }
    let done = erase(place).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(!said.contains(CANARY) && !said.contains("Canary"), "{said}");
    assert_eq!(found(&place.join("data")), [""; 0]);
    let after = alerts(place);
    assert_eq!(after.iter().collect::<BTreeMap<_, _>>(), kept);

    // Everything that was acknowledged is there still, and whoever comes back is new.
    let server = Server::start(place);
    for number in 0..bodies {
        let answer = post(&server, &body(number));
        assert_eq!(answer["duplicates"], 4, "body {number}: {answer}");
    }
    server.stop();
    let access = rusqlite::Connection::open(place.join("data/access.sqlite")).unwrap();
    let noted: i64 = access
        .query_row("SELECT COUNT(*) FROM audit WHERE did = 'customer.erase'", [], |row| row.get(0))
        .unwrap();
    assert!(noted >= 1);
    let verified = Command::new(kill::program())
        .args(["journal", "verify"])
        .arg(place.join("data/journal"))
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
