//! Does every alert reach its channel, whatever the receiver does – at least once, with one id, in
//! order, and none lost by a restart?
//!
//! ```text
//! inbox ─► courier ─► HTTP ─► [receiver] 200, 500, 429, 302, 410, hangs, resets after accepting
//!                   ├► SMTP ─► [server]  250, 451, 550
//!                   └► topic ─► [broker] no leader, no answer, cut, away
//! ```

mod chat;
mod many;
mod peers;
mod program;
pub(crate) mod receiver;
pub(crate) mod smtp;
mod topic;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use siaga::alert::Alert;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::alert::Owner;
use siaga::config::Config;
use siaga::delivery::Feed;
use siaga::delivery::channel::trial;
use siaga::delivery::courier::Clock;
use siaga::delivery::courier::Courier;
use siaga::delivery::courier::Parts;
use siaga::delivery::desk::Desk;
use siaga::delivery::inbox::Inbox;
use siaga::delivery::inbox::InboxConfig;
use siaga::delivery::outbox::Outbox;
use siaga::delivery::outbox::Status;
use siaga::delivery::outbox::query::Listed;
use siaga::delivery::outbox::query::Query;
use siaga::delivery::plan::Origin;
use siaga::engine::Output;
use siaga::engine::port::EntityView;
use siaga::metrics::Metrics;
use siaga::time;
use siaga::time::Timestamp;
use tokio::runtime::Runtime;

use self::receiver::Answer;
use self::receiver::Receiver;

/// Tries, a twentieth of a second apart, before something that must come counts as missing.
const TRIES: u32 = 1_200;

/// Longer than anything takes.
const LONG: Duration = Duration::from_mins(1);

const KEY: &[u8] = b"0123456789abcdef01234567";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// An inbox with a courier behind it.
struct Post {
    inbox: Arc<Inbox>,
    outbox: Outbox,
    feed: Feed,
    metrics: Arc<Metrics>,
    courier: Option<(Runtime, Courier)>,
}

/// An engine that knows no customer, and every alert.
struct Nobody;

impl Origin for Nobody {
    fn look_up(&self, _: &Alert) -> Option<EntityView> {
        None
    }

    fn confirm(&self) -> bool {
        true
    }

    fn knows(&self, _: &Alert) -> bool {
        true
    }
}

impl Post {
    fn new(folder: &Path) -> Self {
        let inbox = Inbox::open(&folder.join("inbox.sqlite"), InboxConfig::default()).unwrap();
        let inbox = Arc::new(inbox);
        let outbox = Outbox::new(Arc::clone(&inbox));
        let metrics = Arc::new(Metrics::new().unwrap());
        Self { inbox, outbox, feed: Feed::new(64), metrics, courier: None }
    }

    /// Starts a courier with this configuration.
    fn start(&mut self, configuration: &str) {
        self.start_by(configuration, Arc::new(time::now));
    }

    /// Starts a courier that goes by this clock.
    fn start_by(&mut self, configuration: &str, clock: Clock) {
        let config = Config::read(configuration, "test", []).unwrap();
        let runtime = Runtime::new().unwrap();
        let courier = runtime.block_on(async {
            Courier::start(Parts {
                desk: Arc::new(Desk::new(&config.delivery()).unwrap()),
                outbox: self.outbox.clone(),
                feed: self.feed.clone(),
                origin: Arc::new(Nobody),
                metrics: Arc::clone(&self.metrics),
                clock,
                permit: Arc::new(|| true),
            })
        });
        self.courier = Some((runtime, courier.unwrap()));
    }

    /// Ends the courier in an orderly way.
    fn stop(&mut self) {
        if let Some((runtime, courier)) = self.courier.take() {
            runtime.block_on(courier.stop());
        }
    }

    /// Ends the courier as a kill of the program would: whatever is under way is cut off.
    ///
    /// What it has asked of the file ends or never begins: the dead claim nothing behind the back
    /// of their successors.
    fn kill(&mut self) {
        if let Some((runtime, _)) = self.courier.take() {
            runtime.shutdown_timeout(LONG);
        }
    }

    fn tell(&self, outputs: &[Output]) {
        self.feed.tell(self.inbox.apply(outputs).unwrap());
    }

    fn open(&self, customer: &str) -> AlertId {
        let alert = alert(customer, time::now());
        let id = alert.id;
        self.tell(&[Output::Opened { alert: Box::new(alert), arrived: None }]);
        id
    }

    fn close(&self, id: AlertId) {
        let at = time::now();
        let state = AlertState::Closed { at, reason: CloseReason::Won };
        self.tell(&[Output::Changed { id, state, at }]);
    }

    fn list(&self) -> Vec<Listed> {
        self.outbox.list(&Query { limit: Query::LIMIT_MAX, ..Query::default() }).unwrap()
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        for _ in 0..TRIES {
            if let Some(found) = look() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let line = |of: Listed| {
            let Listed { row, about, status, attempts, reason, .. } = of;
            format!("\n{row} {about} {status} after {attempts}: {reason}")
        };
        panic!(
            "{what} did not come; the outbox:{}",
            self.list().into_iter().map(line).collect::<String>()
        );
    }

    /// Waits until this many deliveries stand so.
    fn wait_for(&self, count: usize, status: Status) {
        self.wait(&format!("{count} {status}"), || {
            let found = self.list().iter().filter(|delivery| delivery.status == status).count();
            (found == count).then_some(())
        });
    }
}

fn alert(customer: &str, now: Timestamp) -> Alert {
    Alert {
        id: AlertId::new("R", "customer", customer, ""),
        rule: "R".to_owned(),
        entity_id: customer.to_owned(),
        entity_name: Some(format!("Customer {customer}")),
        owner: Owner::Rep("r1".to_owned()),
        summary: format!("{customer} has gone quiet"),
        ..trial::alert(now)
    }
}

fn webhook(receiver: &Receiver, more: &str) -> String {
    format!(
        "[channels.crm]\nwebhook.url = '{}'\nwebhook.secret = '{SECRET}'\n\
         webhook.allow_loopback = true\nfirst_pause = '1ms'\nlongest_pause = '20ms'\n{more}\n",
        receiver.url()
    )
}

/// Checks the signature with another library than the one that made it.
fn is_signed(request: &receiver::Request) -> bool {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    let header = |name: &str| request.headers[name].as_str();
    let signed = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
    let signed = [signed.as_bytes(), &request.body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    header("webhook-signature").split(' ').any(|signature| {
        let tag = signature.strip_prefix("v1,").unwrap();
        let tag = base64::engine::general_purpose::STANDARD.decode(tag).unwrap();
        hmac::verify(&key, &signed, &tag).is_ok()
    })
}

#[test]
fn whatever_the_receiver_does_each_change_arrives_with_one_id_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|number| match number {
        3 | 90 => Answer::Hang,
        number if number % 8 == 1 => Answer::Status(500, ""),
        number if number % 8 == 3 => Answer::ResetAfterAccepting,
        number if number % 8 == 5 => Answer::Status(429, "retry-after: 0\r\n"),
        number if number % 8 == 7 => Answer::Status(503, ""),
        _ => Answer::Status(204, ""),
    });
    let mut post = Post::new(folder.path());
    post.start(&webhook(&receiver, "timeout_s = 1\nat_once = 3"));
    let ids: Vec<AlertId> = (0..60).map(|number| post.open(&format!("c{number}"))).collect();
    post.wait("the openings", || (post.list().len() == 60).then_some(()));
    for id in &ids {
        post.close(*id);
    }
    post.wait_for(120, Status::Delivered);
    post.stop();

    let mut arrived: BTreeMap<String, Vec<(String, String, bool)>> = BTreeMap::new();
    for request in receiver.requests() {
        assert!(is_signed(&request));
        let event: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(request.headers["content-type"], "application/cloudevents+json; charset=utf-8");
        assert_eq!((&event["specversion"], &event["source"]), (&"1.0".into(), &"/siaga".into()));
        assert_eq!(event["id"], request.headers["webhook-id"].as_str());
        let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let told = (word(&event["id"]), word(&event["data"]["state"]["name"]), request.is_accepted);
        arrived.entry(word(&event["subject"])).or_default().push(told);
    }
    assert_eq!(arrived.len(), 60);
    for (alert, told) in arrived {
        for state in ["firing", "closed"] {
            let of: Vec<_> = told.iter().filter(|(_, told, _)| told == state).collect();
            assert!(of.iter().any(|(.., accepted)| *accepted), "{alert} {state}: {of:?}");
            assert!(of.iter().all(|(id, ..)| *id == of[0].0), "{alert} {state}: {of:?}");
        }
        let closed = told.iter().position(|(_, state, _)| state == "closed").unwrap();
        assert!(told[closed..].iter().all(|(_, state, _)| state == "closed"), "{alert}: {told:?}");
    }
    let text = post.metrics.text().unwrap();
    for line in ["notifications_total{integration=\"webhook\"}", "reason=\"uncertain\"}"] {
        assert!(text.contains(line), "no {line} in {text}");
    }
}

#[test]
fn a_kill_loses_nothing_and_what_was_cut_off_comes_again_with_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let hanging = Receiver::start(|_| Answer::Hang);
    let mut post = Post::new(folder.path());
    post.start(&webhook(&hanging, "at_once = 2"));
    for number in 0..5 {
        post.open(&format!("c{number}"));
    }
    post.wait("two requests", || (hanging.requests().len() == 2).then_some(()));
    post.wait("the plan", || (post.list().len() == 5).then_some(()));
    post.kill();
    // This one comes while nobody carries anything.
    post.open("c5");
    let receiver = Receiver::start(|_| Answer::Status(200, ""));
    post.start(&webhook(&receiver, ""));
    post.wait_for(6, Status::Delivered);
    post.stop();
    let id = |request: receiver::Request| request.headers["webhook-id"].clone();
    let arrived: Vec<String> = receiver.requests().into_iter().map(id).collect();
    assert_eq!(arrived.len(), 6);
    assert!(hanging.requests().into_iter().map(id).all(|before| arrived.contains(&before)));
}

#[test]
fn a_refusal_is_dead_until_it_is_re_driven_and_a_redirect_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|number| match number {
        0 => Answer::Status(400, ""),
        1 => Answer::Status(302, "location: /elsewhere\r\n"),
        _ => Answer::Status(200, ""),
    });
    let mut post = Post::new(folder.path());
    post.start(&webhook(&receiver, "at_once = 1"));
    post.open("c1");
    post.wait_for(1, Status::Dead);
    post.open("c2");
    post.wait_for(2, Status::Dead);
    let dead = post.list();
    assert!(dead[1].reason.starts_with("status 400"), "{}", dead[1].reason);
    assert!(dead[0].reason.contains("redirects are not followed"), "{}", dead[0].reason);
    for delivery in &dead {
        assert!(post.outbox.retry(&delivery.id, time::now()).unwrap());
    }
    post.wait_for(2, Status::Delivered);
    post.stop();
    let paths: Vec<String> = receiver.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/hook"; 4], "none was sent elsewhere");
}

#[test]
fn a_receiver_that_wants_nothing_any_more_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Answer::Status(410, ""));
    let mut post = Post::new(folder.path());
    post.start(&webhook(&receiver, "at_once = 1"));
    post.open("c1");
    post.wait_for(1, Status::Dead);
    post.open("c2");
    post.wait_for(1, Status::Pending);
    post.stop();
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn a_breaker_leaves_a_failing_receiver_alone() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Answer::Status(500, ""));
    let mut post = Post::new(folder.path());
    post.start(&webhook(&receiver, "at_once = 1"));
    for number in 0..20 {
        post.open(&format!("c{number}"));
    }
    post.wait("an open breaker", || {
        let open = "siaga_outbox_breaker_open{channel=\"crm\"} 1";
        post.metrics.text().unwrap().contains(open).then_some(())
    });
    post.stop();
    assert_eq!(receiver.requests().len(), 5, "five failures in a row, then no more");
}

#[test]
fn what_is_put_off_into_quiet_hours_waits_for_their_end() {
    let at = |time: &str| Timestamp::parse(&format!("2025-03-04T{time}:00Z")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|number| match number {
        0 => Answer::Status(503, ""),
        _ => Answer::Status(202, ""),
    });
    let mut post = Post::new(folder.path());
    let now = Arc::new(AtomicI64::new(at("18:50").millis()));
    let clock = Arc::clone(&now);
    post.start_by(
        &format!(
            "[delivery]\ngroup_wait = '0s'\nquiet_hours = '19:00-23:00'\n\
             [channels.room]\nteams.url = '{}'\nteams.allow_loopback = true\n\
             first_pause = '5m'\nlongest_pause = '5m'\n",
            receiver.url()
        ),
        Arc::new(move || Timestamp::saturating(clock.load(Ordering::SeqCst))),
    );
    let alert = alert("c1", at("18:50"));
    post.tell(&[Output::Opened { alert: Box::new(alert), arrived: None }]);
    let waits = |reason: &str| {
        let told = post.list();
        let is_so = told.iter().any(|d| d.status == Status::Pending && d.reason.contains(reason));
        is_so.then_some(())
    };
    post.wait("an attempt that failed", || waits("503"));
    now.store(at("19:10").millis(), Ordering::SeqCst);
    post.wait("the quiet hours", || waits("quiet hours: waits until 2025-03-04T23:00"));
    assert_eq!(receiver.requests().len(), 1);
    now.store(at("23:00").millis(), Ordering::SeqCst);
    post.wait_for(1, Status::Delivered);
    post.stop();
}
