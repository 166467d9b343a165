//! Every channel against a program of somebody else's: a mail server, a receiver that verifies
//! signatures, an Alertmanager. Is what is sent delivered, updated, sent again, resolved, and is
//! what customers are called harmless over there?
//!
//! ```text
//! inbox ─► courier ─┬► aiosmtpd, read by Python's mail and HTML parsers
//!                   ├► standardwebhooks
//!                   └► Debian's Alertmanager, asked by its own API
//! ```
//!
//! `tests/run` puts the peers beside the build; where one is not there, its test says so.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use siaga::alert::Action;
use siaga::alert::Alert;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::alert::Deed;
use siaga::alert::Owner;
use siaga::delivery::outbox::Status;
use siaga::engine::Output;
use siaga::time;

use crate::browser::Running;
use crate::browser::on_path;
use crate::outbox::Post;
use crate::outbox::SECRET;
use crate::outbox::alert;

/// What people may be called, or call their companies.
pub(super) const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><a href=\"http://evil.example\">Click</a>",
    "Acme\r\nBcc: everybody@example.com\r\n\r\nNew body",
    "Acme\r\n.\r\nQUIT\r\n",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "<!channel> *bold* <http://evil.example|click> & co",
    "{{ .Labels }} {%raw%} ${jndi:ldap://evil.example}",
    "Ünlü \u{202e}txt.exe \u{0} \u{7} 🏳️‍🌈",
];

/// The build's folder, which `tests/run` puts the peers into.
pub(super) fn build() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_siaga")).parent().and_then(Path::parent).unwrap().to_owned()
}

/// A peer of `peers.py` with its port; none where its library is not here.
pub(super) fn peer(library: &str, arguments: &[&str]) -> Option<(Running, u16)> {
    let libraries = build().join("peers");
    if !libraries.join(library).is_dir() {
        eprintln!("no {library}: tests/run puts it beside the build where pip can be reached");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/outbox/peers.py");
    let mut peer = Command::new("python3")
        .arg(script)
        .args(arguments)
        .env("PYTHONPATH", libraries)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(peer.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let peer = Running(peer);
    Some((peer, port.trim().parse().expect("the peer tells its port")))
}

/// What a peer has kept, in order.
pub(super) fn kept(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    files.iter().map(read).collect()
}

pub(super) fn called(customer: &str, name: &str) -> Alert {
    Alert {
        entity_name: Some(name.to_owned()),
        summary: format!("{name} has gone quiet"),
        description: format!("Nothing since: {name}"),
        ..alert(customer, time::now())
    }
}

pub(super) fn open(post: &Post, alert: Alert) -> AlertId {
    let id = alert.id;
    post.tell(&[Output::Opened { alert: Box::new(alert), arrived: None }]);
    id
}

pub(super) fn acknowledge(post: &Post, id: AlertId) {
    let (by, at) = ("rep:r1".to_owned(), time::now());
    post.tell(&[Output::Changed { id, state: AlertState::Acknowledged { by, at }, at }]);
}

#[test]
fn a_mail_server_takes_the_mails_and_a_mail_program_shows_them_as_they_are_meant() {
    let (folder, mails) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some((_peer, port)) = peer("aiosmtpd", &["smtp", mails.path().to_str().unwrap()]) else {
        return;
    };
    let mut post = Post::new(folder.path());
    post.start(&format!(
        "[delivery]\ngroup_wait = '0s'\nflaps_max = 0\npages = 'https://siaga.example.com'\n\
         [channels.mail]\nemail.server = 'smtp+plain://127.0.0.1:{port}'\n\
         email.from = 'Siaga <siaga@example.com>'\nemail.address = '{{rep}}@example.com'\n\
         at_once = 1\nfirst_pause = '1ms'\n"
    ));
    let plain = open(&post, called("plain", "Acme"));
    for (number, name) in HOSTILE.iter().enumerate() {
        open(&post, called(&format!("c{number}"), name));
    }
    let count = HOSTILE.len() + 1;
    post.wait_for(count, Status::Delivered);
    let at = time::now();
    let state = AlertState::Closed { at, reason: CloseReason::Expired };
    post.tell(&[Output::Changed { id: plain, state, at }]);
    post.wait_for(count + 1, Status::Delivered);
    let nobody = Alert { owner: Owner::Rep("refused".to_owned()), ..called("d", "Nobody") };
    open(&post, nobody);
    post.wait_for(1, Status::Dead);
    post.stop();

    // The first was put off, and came again.
    assert!(post.list().iter().any(|delivery| delivery.attempts == 2));
    let mails = kept(mails.path());
    assert_eq!(mails.len(), count + 1, "each once");
    let header = |mail: &Value, wanted: &str| -> Vec<String> {
        let headers = mail["headers"].as_array().unwrap().iter();
        let of = headers.filter(|header| header[0] == wanted);
        of.map(|header| header[1].as_str().unwrap().to_owned()).collect()
    };
    let names = |mail: &Value| -> Vec<String> {
        let headers = mail["headers"].as_array().unwrap().iter();
        headers.map(|header| header[0].as_str().unwrap().to_owned()).collect()
    };
    let is_plain = |mail: &&Value| header(mail, "subject") == ["Acme has gone quiet"];
    let usual = mails.iter().find(is_plain).unwrap();
    for mail in &mails {
        assert_eq!(mail["defects"], Value::Array(Vec::new()), "{mail}");
        assert_eq!(header(mail, "to"), ["r1@example.com"], "{mail}");
        assert_eq!(mail["envelope"][1], serde_json::json!(["r1@example.com"]));
        for link in mail["links"].as_array().unwrap() {
            let link = link.as_str().unwrap();
            assert!(link.starts_with("href https://siaga.example.com/alerts/"), "{link}");
        }
        if header(mail, "in-reply-to").is_empty() {
            assert_eq!(names(mail), names(usual), "a header of somebody else's: {mail}");
            assert_eq!(mail["tags"], usual["tags"], "an element of somebody else's: {mail}");
        }
    }
    for name in HOSTILE {
        // Controls are left out, also what turns the writing round; what is several lines is one.
        let is_odd = |c: char| c.is_control() || c == '\u{202e}';
        let word = name.split(is_odd).next().unwrap().trim_end();
        let shown = |mail: &&Value| {
            assert!(!mail.to_string().contains('\u{202e}'), "{mail}");
            ["text", "words"].iter().all(|part| mail[part].as_str().unwrap().contains(word))
        };
        assert!(mails.iter().any(|mail| shown(&mail)), "nobody can read {name:?}");
    }
    let replies: Vec<&Value> =
        mails.iter().filter(|mail| !header(mail, "in-reply-to").is_empty()).collect();
    assert_eq!(replies.len(), 1);
    assert_eq!(header(replies[0], "in-reply-to"), header(usual, "message-id"));
    assert_eq!(header(replies[0], "subject"), ["Re: Acme has gone quiet"]);
}

#[test]
fn a_receiver_finds_every_signature_good_and_a_forged_one_bad() {
    let (folder, requests) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = requests.path().to_str().unwrap();
    let Some((_peer, port)) = peer("standardwebhooks", &["webhook", path, SECRET]) else { return };
    let mut post = Post::new(folder.path());
    let channel = |name: &str, secret: &str| {
        format!(
            "[channels.{name}]\nwebhook.url = 'http://127.0.0.1:{port}/'\n\
             webhook.secret = '{secret}'\nwebhook.allow_loopback = true\nfirst_pause = '1ms'\n"
        )
    };
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    // Two secrets while one takes the other's place: the receiver knows one of them.
    post.start(&format!("{}at_once = 1\n", channel("crm", &format!("{other} {SECRET}"))));
    let ids: Vec<AlertId> = HOSTILE
        .iter()
        .enumerate()
        .map(|(n, name)| open(&post, called(&n.to_string(), name)))
        .collect();
    post.wait_for(HOSTILE.len(), Status::Delivered);
    acknowledge(&post, ids[0]);
    post.wait_for(HOSTILE.len() + 1, Status::Delivered);
    post.close(ids[0]);
    post.wait_for(HOSTILE.len() + 2, Status::Delivered);
    post.stop();
    let good = kept(requests.path());
    assert_eq!(good.len(), HOSTILE.len() + 3, "the first came twice");
    for request in &good {
        assert_eq!(request["wrong"], Value::Null, "{request}");
        assert_eq!(request["event"]["id"], request["headers"]["webhook-id"]);
    }
    let same = good.iter().filter(|request| request["event"]["id"] == good[0]["event"]["id"]);
    assert_eq!(same.count(), 2, "sent again as the same");
    for name in HOSTILE {
        let told = |request: &Value| request["event"]["data"]["entity"]["name"] == name;
        assert!(good.iter().any(told), "{name:?} did not arrive as it is");
    }
    let states: Vec<&Value> = good.iter().map(|r| &r["event"]["data"]["state"]["name"]).collect();
    assert_eq!(states[states.len() - 2..], ["acknowledged", "closed"]);

    post.start(&format!("{}give_up_after = '0s'\n", channel("crm", other)));
    open(&post, called("forged", "Acme"));
    post.wait_for(1, Status::Dead);
    post.stop();
    let forged = kept(requests.path()).pop().unwrap();
    assert!(forged["wrong"].as_str().unwrap().contains("Verification"), "{forged}");
}

/// Debian's Alertmanager, where it is here.
fn alertmanager() -> Option<PathBuf> {
    let name = "prometheus-alertmanager";
    let unpacked = build().join("tools/usr/bin").join(name);
    let found = on_path(name).or_else(|| unpacked.is_file().then_some(unpacked));
    // Debian's reads its templates from there, unpacked or installed.
    let found = found.filter(|_| Path::new("/usr/share/prometheus/alertmanager").is_dir());
    if found.is_none() {
        eprintln!(
            "no {name}: tests/run puts it beside the build where apt can be reached, as root"
        );
    }
    found
}

/// The alerts that an Alertmanager has open, by its own API.
fn firing(port: u16) -> Option<Vec<Value>> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(socket, "GET /api/v2/alerts HTTP/1.0\r\nhost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn an_alertmanager_has_what_is_open_as_it_stands_and_no_more_once_it_is_closed() {
    let Some(program) = alertmanager() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut post = Post::new(folder);
    post.start(&format!(
        "[delivery]\npages = 'https://siaga.example.com'\n\
         [channels.ops]\nalertmanager.url = 'http://127.0.0.1:{port}'\n\
         alertmanager.allow_loopback = true\nfirst_pause = '1ms'\nlongest_pause = '200ms'\n"
    ));
    let ids: Vec<AlertId> = HOSTILE
        .iter()
        .enumerate()
        .map(|(n, name)| open(&post, called(&n.to_string(), name)))
        .collect();
    // Nobody listens yet: it is tried again.
    post.wait("a failed attempt", || {
        post.list().iter().any(|delivery| delivery.attempts > 0).then_some(())
    });
    let nowhere = "route: {receiver: nowhere}\nreceivers: [{name: nowhere}]\n";
    std::fs::write(folder.join("alertmanager.yml"), nowhere).unwrap();
    let peer = Command::new(program)
        .arg(format!("--config.file={}", folder.join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", folder.join("alertmanager").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _peer = Running(peer);
    let count = ids.len();
    post.wait_for(count, Status::Delivered);
    let all = post.wait("all alerts over there", || firing(port).filter(|all| all.len() == count));
    for id in &ids {
        let text = id.to_string();
        let found = all.iter().find(|alert| alert["labels"]["alert_id"] == text.as_str());
        let found = found.unwrap_or_else(|| panic!("no {id} in {all:#?}"));
        assert_eq!(found["labels"]["alertname"], "R");
        assert_eq!(found["generatorURL"], format!("https://siaga.example.com/alerts/{id}"));
        let summary = found["annotations"]["summary"].as_str().unwrap();
        assert!(!summary.chars().any(char::is_control), "{summary:?}");
    }
    // It stands elsewhere, and is somebody else's: over there it is the same alert.
    acknowledge(&post, ids[0]);
    let deed = Deed {
        action: Action::Reassign { owner: Owner::Rep("r2".to_owned()) },
        by: "rep:r1".to_owned(),
        at: time::now(),
    };
    post.tell(&[Output::Acted { id: ids[0], deed }]);
    post.wait("who has it now", || {
        let text = ids[0].to_string();
        let all = firing(port)?;
        let same: Vec<_> =
            all.iter().filter(|a| a["labels"]["alert_id"] == text.as_str()).collect();
        assert_eq!(same.len(), 1, "{same:#?}");
        let told = &same[0]["annotations"];
        let state = told["state"].as_str().unwrap_or_default();
        (told["owner"] == "rep:r2" && state.contains("r1")).then_some(())
    });
    for id in &ids {
        post.close(*id);
    }
    post.wait("nothing over there", || firing(port).filter(Vec::is_empty));
    post.stop();
}
