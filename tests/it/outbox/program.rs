//! The whole program: an event comes in over HTTP, its alert goes out, a button in Slack comes back;
//! and the commands that look after it.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::Value;
use siaga::time;

use crate::outbox::TRIES;
use crate::outbox::receiver::Answer;
use crate::outbox::receiver::Receiver;

const RULE: &str = "groups:
  - name: g
    rules:
      - alert: Big
        family: up_sell
        on: [order]
        when: event.net >= 100.0
        value: event.net
        labels: {severity: warning, play: call}
        annotations: {summary: 'A big order of {{ customer.name }}'}
";

/// A server that ends with the test.
struct Running {
    child: Child,
    host: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn siaga(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siaga"));
    command.args(arguments).current_dir(folder).env("SIAGA_CONFIG", "siaga.toml");
    command.env("SIAGA_LOG", "off").output().unwrap()
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), b"\n", output.stderr.as_slice()].concat();
    String::from_utf8(text).unwrap()
}

fn serve(folder: &Path) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["serve", "--config", "siaga.toml"])
        .current_dir(folder)
        .env("SIAGA_LOG", "off")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let host =
        lines.find_map(|line| line.unwrap().strip_prefix("siaga: open http://").map(str::to_owned));
    std::thread::spawn(move || lines.for_each(drop));
    let running = Running { child, host: host.expect("the server tells where it is") };
    until("the server to be ready", || {
        let (status, _) = running.ask("GET", "/-/ready", &[], "");
        (status == 200).then_some(())
    });
    running
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..TRIES {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: it did not come");
}

impl Running {
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.host).unwrap();
        let lines: Vec<String> = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
        let lines = lines.concat();
        let (host, length) = (&self.host, body.len());
        write!(
            socket,
            "{method} {path} HTTP/1.0\r\nhost: {host}\r\n{lines}content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.ask("GET", path, &[], "").1).unwrap()
    }
}

fn slack_signature(secret: &str, stamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{stamp}:{body}").as_bytes());
    let hex: Vec<String> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v0={}", hex.concat())
}

fn big_order() -> String {
    let now = time::now();
    format!(
        "{{\"event_id\":\"e1\",\"occurred_at\":\"{now}\",\"customer_id\":\"c1\",\"rep_id\":\"r1\",\
         \"kind\":\"order\",\"currency\":\"USD\",\
         \"lines\":[{{\"product_id\":\"p1\",\"quantity\":1,\"net_amount\":250}}]}}"
    )
}

/// Presses "I am on it" as the member `U1`, signed with this secret; the status of the answer.
fn press(server: &Running, alert: &str, secret: &str) -> u16 {
    let payload = format!(
        "{{\"type\":\"block_actions\",\"user\":{{\"id\":\"U1\",\"name\":\"maya\"}},\
         \"actions\":[{{\"action_id\":\"siaga:acknowledge\",\"value\":\"{alert}\"}}]}}"
    );
    let escaped: Vec<String> = payload.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("payload={}", escaped.concat());
    let stamp = (time::now().millis() / 1_000).to_string();
    let signature = slack_signature(secret, &stamp, &body);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", stamp.as_str()),
        ("x-slack-signature", signature.as_str()),
    ];
    server.ask("POST", "/v1/slack/actions", &headers, &body).0
}

#[test]
fn an_event_becomes_a_message_and_a_button_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let slack = Receiver::start(|number| {
        Answer::Json(format!("{{\"ok\":true,\"channel\":\"C1\",\"ts\":\"17.{number}\"}}"))
    });
    let api = slack.url();
    std::fs::write(folder.join("big.rules.yaml"), RULE).unwrap();
    let config = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[rules]\npath = 'big.rules.yaml'\n\
         [delivery]\ngroup_wait = '0s'\n\
         [channels.team]\nslack.api = '{api}'\nslack.allow_loopback = true\nslack.token = 'xoxb-1'\n\
         slack.channel = '#sales'\nslack.signing_secret = 'signing'\n[people.r1]\nslack = 'U1'\n"
    );
    std::fs::write(folder.join("siaga.toml"), config).unwrap();
    let server = serve(folder);
    let ndjson = [("content-type", "application/x-ndjson")];
    let (status, answer) = server.ask("POST", "/v1/events", &ndjson, &big_order());
    assert!(status < 300, "{answer}");

    let posted = until("a message", || slack.requests().into_iter().next());
    assert_eq!(posted.path, "/hook/chat.postMessage");
    assert_eq!(posted.headers["authorization"], "Bearer xoxb-1");
    let message: Value = serde_json::from_slice(&posted.body).unwrap();
    assert_eq!(message["channel"], "U1", "to the rep by name");
    let buttons = message["blocks"].as_array().unwrap().last().unwrap()["elements"].clone();
    let button = &buttons[0];
    assert_eq!(button["action_id"], "siaga:acknowledge");
    let alert = button["value"].as_str().unwrap();

    assert_eq!(press(&server, alert, "another"), 401);
    assert_eq!(press(&server, alert, "signing"), 200);
    let path = format!("/v1/alerts/{alert}");
    let state = until("the action", || {
        let state = server.json(&path)["state"].clone();
        (state["name"] == "acknowledged").then_some(state)
    });
    assert_eq!(state["by"], "rep:r1");

    let updated = until("an update", || slack.requests().into_iter().nth(1));
    assert_eq!(updated.path, "/hook/chat.update");
    let update: Value = serde_json::from_slice(&updated.body).unwrap();
    assert_eq!((&update["channel"], &update["ts"]), (&"C1".into(), &"17.0".into()));
    let told = until("two deliveries", || {
        let told = server.json(&format!("{path}/deliveries"))["deliveries"].clone();
        let done = told.as_array()?.iter().filter(|one| one["status"] == "delivered").count();
        (done == 2).then_some(told)
    });
    assert_eq!((&told[0]["about"], &told[1]["about"]), (&"updated".into(), &"opened".into()));
    let (status, page) = server.ask("GET", &format!("/alerts/{alert}"), &[], "");
    assert!(
        status == 200 && page.contains("Who was told") && page.contains("team to r1"),
        "{page}"
    );
    let id = told[0]["id"].as_str().unwrap();
    let json = [("content-type", "application/json")];
    let path = format!("/v1/deliveries/{id}/actions");
    assert_eq!(server.ask("POST", &path, &json, "{\"action\":\"retry\"}").0, 409);
    assert_eq!(server.ask("POST", &path, &json, "{\"action\":\"burn\"}").0, 400);
    assert_eq!(server.ask("POST", &path, &[], "{\"action\":\"retry\"}").0, 415);
    assert_eq!(server.ask("GET", "/v1/deliveries?status=lost", &[], "").0, 400);

    // The commands read the same file beside the running server.
    let listed = said(&siaga(folder, &["outbox", "list"]));
    assert!(listed.contains("delivered") && listed.contains("nothing waits"), "{listed}");
    let way = said(&siaga(folder, &["routes", "test", "--alert", alert]));
    assert!(way.contains("U1") && way.contains("What became of it"), "{way}");
}

#[test]
fn the_commands_say_what_would_be_sent_and_where_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let receiver = Receiver::start(|number| match number {
        0 => Answer::Status(200, ""),
        _ => Answer::Status(500, ""),
    });
    let config = format!(
        "[channels.crm]\nwebhook.url = '{}'\nwebhook.allow_loopback = true\n\
         [channels.mail]\nemail.server = 'smtps://mail.example.com'\nemail.from = 'a@example.com'\n\
         email.address = '{{rep}}@example.com'\n\
         [route]\nreceiver = 'crm'\n[[route.routes]]\nmatchers = ['tier=\"A\"']\nreceiver = 'mail'\n",
        receiver.url()
    );
    std::fs::write(folder.join("siaga.toml"), config).unwrap();
    for (arguments, code, want) in [
        (&["channels", "list"][..], 0, "webhook"),
        (&["channels", "test", "crm"], 0, "crm: accepted, delivery "),
        (&["channels", "test", "crm"], 1, "not accepted now: status 500"),
        (&["channels", "test", "nobody"], 1, "`nobody` is no channel: write one of crm, mail"),
        (&["channels", "preview", "crm"], 0, "com.siaga.alert.opened"),
        (&["channels", "preview", "mail", "--rep", "r7"], 0, "To: r7@example.com"),
        (&["channels", "preview", "mail", "--rep", "r7", "--html"], 0, "<!DOCTYPE html>"),
        (&["channels", "preview", "crm", "--html"], 1, "leave out --html"),
        (&["routes", "show"], 0, "└─ {tier=\"A\"} ─► mail"),
        (&["routes", "test", "--labels", "tier=A,rep=r7"], 0, "r7@example.com"),
        (&["routes", "test", "--labels", "tier=A"], 1, "nobody to write to: set `email.to`"),
        (&["routes", "test", "--labels", "tier"], 2, "write `name=value`"),
        (&["routes", "test", "--labels", "tier=B", "--json"], 0, "\"channel\": \"crm\""),
        (&["outbox", "list"], 1, "inbox.sqlite: name the server's configuration"),
        (&["outbox", "list", "--status", "lost"], 2, "write one of pending"),
    ] {
        let output = siaga(folder, arguments);
        let said = said(&output);
        assert!(said.contains(want), "{arguments:?}: no `{want}` in\n{said}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    }
    let broken = "[channels.crm]\nwebhook.url = 'http://crm.example.com'\n";
    std::fs::write(folder.join("siaga.toml"), broken).unwrap();
    let said = said(&siaga(folder, &["routes", "show"]));
    assert!(said.contains("channels.crm.webhook.url: is not encrypted"), "{said}");
}

#[test]
fn every_kind_of_channel_has_a_preview_and_a_test() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let receiver =
        Receiver::start(|_| Answer::Json(r#"{"ok":true,"channel":"C1","ts":"17.1"}"#.to_owned()));
    let url = receiver.url();
    let config = format!(
        "[fluvio]\nendpoint = '127.0.0.1:1'\n\
         [channels.crm]\nwebhook.url = '{url}'\nwebhook.allow_loopback = true\n\
         [channels.bot]\nslack.api = '{url}'\nslack.allow_loopback = true\n\
         slack.token = 'xoxb-1'\nslack.channel = '#sales'\n\
         [channels.room]\nteams.url = '{url}'\nteams.allow_loopback = true\n\
         [channels.ops]\nalertmanager.url = '{url}'\nalertmanager.allow_loopback = true\n\
         [channels.mail]\nemail.server = 'smtp+plain://127.0.0.1:1'\n\
         email.from = 'a@example.com'\nemail.to = ['b@example.com']\n\
         [channels.topic]\nfluvio.topic = 'alerts'\n"
    );
    std::fs::write(folder.join("siaga.toml"), config).unwrap();
    for (channel, shown, tested) in [
        ("crm", "com.siaga.alert.opened", Ok("crm: accepted, delivery ")),
        ("bot", "chat.postMessage", Ok("bot: accepted, delivery ")),
        ("room", "AdaptiveCard", Ok("room: accepted, delivery ")),
        ("ops", "\"alertname\": \"SiagaTest\"", Ok("ops: accepted, delivery ")),
        // Nobody listens there, and the test says so.
        ("mail", "Subject: A test from Siaga", Err("mail: not accepted now: ")),
        ("topic", "A test from Siaga", Err("topic: ")),
    ] {
        let preview = siaga(folder, &["channels", "preview", channel]);
        let text = said(&preview);
        assert!(preview.status.success() && text.contains(shown), "{channel}: {text}");
        assert!(!text.contains("xoxb-1"), "{text}");
        let sent = siaga(folder, &["channels", "test", channel]);
        let text = said(&sent);
        assert_eq!(sent.status.success(), tested.is_ok(), "{channel}: {text}");
        let (Ok(want) | Err(want)) = tested;
        assert!(text.contains(want), "{channel}: {text}");
    }
    assert_eq!(receiver.requests().len(), 4);
}

#[test]
fn what_a_cooldown_keeps_back_is_seen_with_its_customer() {
    const QUIET: &str = "groups:
  - name: g
    rules:
      - alert: Ordered
        family: trend
        on: [order]
        when: size(orders.last('365d')) > 0
        cooldown: 30d
        annotations: {summary: '{{ customer.name }} has ordered'}
";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("quiet.rules.yaml"), QUIET).unwrap();
    let config = "[http]\nlisten = '127.0.0.1:0'\n[rules]\npath = 'quiet.rules.yaml'\n";
    std::fs::write(folder.join("siaga.toml"), config).unwrap();
    let server = serve(folder);
    let ndjson = [("content-type", "application/x-ndjson")];
    assert!(server.ask("POST", "/v1/events", &ndjson, &big_order()).0 < 300);
    let alert = until("an alert", || {
        server.json("/v1/alerts")["alerts"][0]["id"].as_str().map(str::to_owned)
    });
    assert_eq!(server.json("/v1/customers/c1")["resting"], Value::Null);
    let json = [("content-type", "application/json")];
    let path = format!("/v1/alerts/{alert}/actions");
    let won = r#"{"action":"close","reason":"won"}"#;
    assert!(server.ask("POST", &path, &json, won).0 < 300);
    let resting = until("a rule that rests", || {
        let resting = server.json("/v1/customers/c1")["resting"].clone();
        resting.as_array().map(Vec::len).filter(|count| *count == 1).map(|_| resting)
    });
    assert_eq!((&resting[0]["rule"], &resting[0]["holds"]), (&"Ordered".into(), &true.into()));
    let page = server.ask("GET", "/customers/c1", &[], "").1;
    for want in ["Kept back for now", "is quiet until", "its condition holds, but its last alert"] {
        assert!(page.contains(want), "no `{want}` in {page}");
    }
}
