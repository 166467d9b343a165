//! What is planned, and why.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::*;
use crate::alert::Action;
use crate::alert::Severity;
use crate::delivery::desk::tests::desk;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::inbox::sample;
use crate::delivery::outbox::Verdict;
use crate::delivery::outbox::query::Query;

const CHANNELS: &str = "
    [channels.crm]
    webhook.url = 'https://crm.example.com/hook'
    [channels.mail]
    email.server = 'smtps://mail.example.com'
    email.from = 'siaga@example.com'
    email.address = '{rep}@example.com'
";
const MAIL: &str = "
    [channels.mail]
    email.server = 'smtps://mail.example.com'
    email.from = 'siaga@example.com'
    email.address = '{rep}@example.com'
";

/// An engine that is told what has become durable, and what it has forgotten in a crash.
#[derive(Default)]
struct Engine {
    waits: AtomicBool,
    forgotten: Mutex<BTreeSet<AlertId>>,
}

impl Origin for Engine {
    fn look_up(&self, _: &Alert) -> Option<EntityView> {
        None
    }

    fn confirm(&self) -> bool {
        !self.waits.load(Ordering::Relaxed)
    }

    fn knows(&self, alert: &Alert) -> bool {
        !self.forgotten.lock().contains(&alert.id)
    }
}

/// A company whose mornings begin at nine.
struct Play {
    inbox: Arc<Inbox>,
    outbox: Outbox,
    engine: Arc<Engine>,
    planner: Planner,
    now: Timestamp,
    shown: i64,
}

impl Play {
    fn new(configuration: &str) -> Self {
        let inbox = Arc::new(Inbox::in_memory(InboxConfig::default()).unwrap());
        let outbox = Outbox::new(Arc::clone(&inbox));
        let desk = Arc::new(desk(configuration).unwrap());
        let engine: Arc<Engine> = Arc::default();
        let origin = Arc::clone(&engine) as Arc<dyn Origin>;
        let planner = Planner::new(outbox.clone(), desk, origin).unwrap();
        let now = sample::at("2025-03-04T09:00:00Z");
        let play = Self { inbox, outbox, engine, planner, now, shown: 0 };
        play.planner.step(play.now).unwrap();
        play
    }

    /// The program ended, and is back.
    fn start_again(&mut self, configuration: &str) {
        let desk = Arc::new(desk(configuration).unwrap());
        let origin = Arc::clone(&self.engine) as Arc<dyn Origin>;
        self.planner = Planner::new(self.outbox.clone(), desk, origin).unwrap();
    }

    fn minutes(&mut self, minutes: i64) -> &mut Self {
        self.now = self.now + Span::from_millis(minutes * 60_000);
        self
    }

    fn alert(&self, rule: &str, customer: &str) -> Alert {
        Alert {
            id: AlertId::new(rule, "customer", customer, &self.now.millis().to_string()),
            rule: rule.to_owned(),
            opened_at: self.now,
            ..sample::alert(customer, Some("100"))
        }
    }

    fn open(&mut self, rule: &str, customer: &str) -> AlertId {
        let alert = self.alert(rule, customer);
        self.open_this(alert)
    }

    fn open_this(&mut self, alert: Alert) -> AlertId {
        let id = alert.id;
        let alert = Box::new(alert);
        self.inbox.apply(&[Output::Opened { alert, arrived: None }]).unwrap();
        id
    }

    fn act(&mut self, id: AlertId, action: &Action) {
        let (by, at) = ("rep:r1".to_owned(), self.now);
        let state = match action {
            Action::Acknowledge => AlertState::Acknowledged { by, at },
            Action::Snooze { until } => AlertState::Snoozed { by, until: *until },
            Action::Reopen => AlertState::Firing,
            Action::Close { reason, .. } => AlertState::Closed { at, reason: reason.clone() },
            other => unreachable!("{other:?}"),
        };
        self.inbox.apply(&[Output::Changed { id, state, at }]).unwrap();
    }

    fn close(&mut self, id: AlertId, reason: CloseReason) {
        self.act(id, &Action::Close { reason, amount: None });
    }

    /// Something that leaves the alert where it stands.
    fn note(&mut self, id: AlertId, action: Action) {
        let deed = crate::alert::Deed { action, by: "rep:r9".to_owned(), at: self.now };
        self.inbox.apply(&[Output::Acted { id, deed }]).unwrap();
    }

    /// Plans, and says what is new: `mail r1 opened pending`, with the reason's first word.
    fn plan(&mut self) -> Vec<String> {
        self.planner.step(self.now).unwrap();
        let mut listed = self.outbox.list(&Query { limit: 500, ..Query::default() }).unwrap();
        listed.retain(|delivery| delivery.row > self.shown);
        self.shown = listed.first().map_or(self.shown, |newest| newest.row);
        let line = |d: &outbox::query::Listed| {
            let reason = d.reason.split(':').next().unwrap_or_default();
            let line = format!("{} {} {} {} {reason}", d.channel, d.person, d.about, d.status);
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let mut lines: Vec<String> = listed.iter().map(line).collect();
        lines.reverse();
        lines
    }

    /// Everything that is due is sent and accepted; how many messages that were.
    fn send(&mut self) -> usize {
        let mut sent = 0;
        for channel in ["crm", "mail"] {
            let together = channel == "mail";
            let claims = self.outbox.claim(channel, 100, self.now, together).unwrap();
            for claim in claims {
                let verdict = Verdict::Delivered(String::new());
                self.outbox.settle(claim.row, &verdict, self.now).unwrap();
                sent += 1;
            }
        }
        sent
    }
}

#[test]
fn what_was_there_before_the_channels_calls_nobody() {
    let mut play = Play::new(CHANNELS);
    let mut old = play.alert("R", "c1");
    old.opened_at = sample::at("2025-01-01T00:00:00Z");
    play.open_this(old);
    assert_eq!(play.plan(), ["crm opened suppressed stale", "mail r1 opened suppressed stale"]);
    assert_eq!(play.plan(), [""; 0], "a change is planned once");
}

#[test]
fn a_change_goes_to_those_who_were_told_of_the_opening() {
    let mut play = Play::new(CHANNELS);
    let id = play.open("R", "c1");
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened pending"]);
    assert_eq!(play.minutes(1).send(), 2);
    play.act(id, &Action::Acknowledge);
    assert_eq!(play.plan(), ["crm changed pending"], "the rep knows what the rep did");
    play.close(id, CloseReason::Resolved);
    assert_eq!(play.plan(), ["crm changed pending", "mail r1 changed pending"]);
    assert_eq!(play.send(), 2, "one after the other for the program");
    assert_eq!(play.send(), 1);
}

#[test]
fn what_is_over_before_it_was_sent_is_not_sent_to_people() {
    let mut play = Play::new(CHANNELS);
    let id = play.open("R", "c1");
    play.plan();
    play.close(id, CloseReason::Won);
    assert_eq!(play.plan(), ["crm changed pending"]);
    assert_eq!(play.minutes(1).send(), 1, "of the program's two the first");
    let suppressed = Query { status: Some(Status::Suppressed), ..Query::default() };
    let listed = play.outbox.list(&suppressed).unwrap();
    assert_eq!(listed[0].reason, "over: it was closed before it was sent");
    // Opened and closed between two steps: one delivery, as it stands.
    let id = play.open("R", "c2");
    play.close(id, CloseReason::Won);
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened suppressed over"]);
}

#[test]
fn a_rep_gets_no_more_than_the_budget_and_the_rest_in_the_digest() {
    let text = format!("[delivery]\nbudget_per_day = 2\ndigest_at = '07:00'\n{MAIL}");
    let mut play = Play::new(&text);
    for customer in ["c1", "c2", "c3", "c4"] {
        play.open("R", customer);
    }
    assert_eq!(
        play.plan(),
        [
            "mail r1 opened pending",
            "mail r1 opened pending",
            "mail r1 opened held budget",
            "mail r1 opened held budget",
        ]
    );
    assert_eq!(play.minutes(1).send(), 2);
    let mut other = play.alert("R", "c5");
    other.owner = crate::alert::Owner::Rep("r2".to_owned());
    play.open_this(other);
    assert_eq!(play.plan(), ["mail r2 opened pending"], "another rep has another budget");
    play.minutes(1).send();
    assert_eq!(play.minutes(60).plan(), [""; 0]);
    // Seven the next morning.
    assert_eq!(play.minutes(21 * 60).plan(), ["mail r1 digest pending"]);
    assert_eq!(play.plan(), [""; 0], "once a day");
    let claim = play.outbox.claim("mail", 1, play.now, true).unwrap().remove(0);
    assert_eq!(claim.digest.len(), 2);
    play.outbox.settle(claim.row, &Verdict::Delivered(String::new()), play.now).unwrap();
    let held = Query { status: Some(Status::Held), ..Query::default() };
    assert_eq!(play.outbox.list(&held).unwrap(), [], "told by the digest");
    play.open("R", "c6");
    assert_eq!(play.plan(), ["mail r1 opened pending"], "a new day, a new budget");
}

#[test]
fn what_is_over_by_the_morning_is_in_no_digest() {
    let text = format!(
        "[receivers.daily]\nchannels = ['mail']\ndigest = true\n[route]\nreceiver = 'daily'\n{MAIL}"
    );
    let mut play = Play::new(&text);
    let id = play.open("R", "c1");
    assert_eq!(play.plan(), ["mail r1 opened held digest"]);
    play.act(id, &Action::Acknowledge);
    assert_eq!(play.minutes(24 * 60).plan(), [""; 0]);
    let listed = play.outbox.list(&Query::default()).unwrap();
    assert!(listed[0].reason.ends_with("over before the digest"), "{}", listed[0].reason);
}

#[test]
fn quiet_hours_are_waited_for() {
    let text = format!(
        "[delivery]\nquiet_hours = '12:00-14:00'\n{CHANNELS}\n[people.r2]\nquiet_hours = ''"
    );
    let mut play = Play::new(&text);
    play.minutes(3 * 60 + 30).open("R", "c1");
    let mut other = play.alert("R", "c2");
    other.owner = crate::alert::Owner::Rep("r2".to_owned());
    play.open_this(other);
    let mut planned = play.plan();
    planned.sort();
    assert_eq!(
        planned,
        [
            "crm opened pending",
            "crm opened pending",
            "mail r1 opened pending quiet hours",
            "mail r2 opened pending",
        ]
    );
    assert_eq!(play.minutes(1).send(), 3, "all but the mail to who is at lunch");
    assert_eq!(play.minutes(88).send(), 0);
    assert_eq!(play.minutes(1).send(), 1, "caught up with at two");
}

#[test]
fn the_same_news_of_the_same_customer_wears_off() {
    let text = format!("[delivery]\nflaps_max = 2\nflap_window = '1h'\n{MAIL}");
    let mut play = Play::new(&text);
    for want in ["pending", "pending", "held flapping"] {
        let id = play.open("R", "c1");
        assert_eq!(play.plan(), [format!("mail r1 opened {want}")]);
        play.minutes(1).send();
        play.close(id, CloseReason::Resolved);
        play.plan();
        play.minutes(1).send();
    }
    play.open("R", "c2");
    assert_eq!(play.plan(), ["mail r1 opened pending"], "another customer");
    play.minutes(61).open("R", "c1");
    assert_eq!(play.plan(), ["mail r1 opened pending"], "an hour later it is news");
}

#[test]
fn an_alert_keeps_lesser_ones_of_its_customer_back() {
    let text = format!(
        "{CHANNELS}
        [[delivery.inhibit]]
        source = ['severity=\"critical\"']
        target = ['severity=~\"info|warning\"']"
    );
    let mut play = Play::new(&text);
    let critical = Alert { severity: Severity::Critical, ..play.alert("Worse", "c1") };
    let id = play.open_this(critical);
    play.plan();
    play.open("R", "c1");
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened suppressed inhibited"]);
    play.open("R", "c2");
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened pending"], "another customer");
    play.close(id, CloseReason::Won);
    play.plan();
    play.minutes(1).open("R", "c1");
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened pending"], "it is over");
}

#[test]
fn what_nobody_takes_on_in_time_goes_to_the_manager() {
    let text = format!(
        "{CHANNELS}
        [receivers.owner]
        channels = ['mail']
        escalate_after = '4h'
        [route]
        receiver = 'owner'
        [people.r1]
        manager = 'm1'
        [people.m1]"
    );
    let mut play = Play::new(&text);
    let (taken, left) = (play.open("R", "c1"), play.open("R", "c2"));
    play.plan();
    play.minutes(1).send();
    play.act(taken, &Action::Acknowledge);
    assert_eq!(play.minutes(4 * 60 - 2).plan(), [""; 0]);
    assert_eq!(play.minutes(1).plan(), ["mail m1 escalated pending"]);
    assert_eq!(play.minutes(600).plan(), [""; 0], "once");
    let listed = play.outbox.list(&Query { limit: 1, ..Query::default() }).unwrap().remove(0);
    assert_eq!(listed.alert, Some(left));
    assert_eq!(listed.route, "not taken on within 4h of owner ─► manager");
}

#[test]
fn who_has_no_address_is_seen_in_the_outbox() {
    let text = "
        [channels.mail]
        email.server = 'smtps://mail.example.com'
        email.from = 'siaga@example.com'";
    let mut play = Play::new(text);
    play.open("R", "c1");
    assert_eq!(play.plan(), ["mail r1 opened suppressed no address"]);
    let listed = play.outbox.list(&Query::default()).unwrap();
    assert!(listed[0].reason.contains("set people.r1.email"), "{}", listed[0].reason);
}

#[test]
fn a_step_takes_a_bounded_number_of_changes_and_says_that_there_are_more() {
    let mut play = Play::new(CHANNELS);
    for number in 0..300 {
        play.open("R", &format!("c{number}"));
    }
    let step = play.planner.step(play.now).unwrap();
    assert_eq!((step.changes, step.is_behind), (256, true));
    let step = play.planner.step(play.now).unwrap();
    assert_eq!((step.changes, step.is_behind), (44, false));
}

#[test]
fn changes_that_are_not_planned_yet_are_kept_in_the_inbox() {
    let config = InboxConfig { changes_kept: 1, ..InboxConfig::default() };
    let inbox = Arc::new(Inbox::in_memory(config).unwrap());
    let outbox = Outbox::new(Arc::clone(&inbox));
    let desk = Arc::new(desk(CHANNELS).unwrap());
    let planner = Planner::new(outbox.clone(), desk, Arc::<Engine>::default()).unwrap();
    let now = sample::at("2025-03-01T09:00:00Z");
    planner.step(now).unwrap();
    // As many batches as lie between two removals, and one.
    for number in 0..=256 {
        let alert = Box::new(sample::alert(&format!("c{number}"), None));
        inbox.apply(&[Output::Opened { alert, arrived: None }]).unwrap();
    }
    let mut taken = 0;
    while let Step { changes: more @ 1.., .. } = planner.step(now).unwrap() {
        taken += more;
    }
    assert_eq!(taken, 257);
}

#[test]
fn what_does_not_rest_on_a_durable_record_waits() {
    let mut play = Play::new(CHANNELS);
    let id = play.open("R", "c1");
    play.engine.waits.store(true, Ordering::Relaxed);
    assert_eq!(play.plan(), [""; 0]);
    play.minutes(1).close(id, CloseReason::Won);
    assert_eq!(play.plan(), [""; 0]);
    play.engine.waits.store(false, Ordering::Relaxed);
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened suppressed over"]);
}

#[test]
fn an_alert_that_the_journal_lost_is_withdrawn_and_told_when_it_comes_again() {
    let mut play = Play::new(CHANNELS);
    let (kept, lost) = (play.open("R", "c1"), play.alert("R", "c2"));
    play.open_this(lost.clone());
    // A crash before either was planned; the record behind one of them was not durable.
    play.engine.forgotten.lock().insert(lost.id);
    play.start_again(CHANNELS);
    let step = play.planner.step(play.now).unwrap();
    assert_eq!(step.withdrawn.iter().map(|change| change.id).collect::<Vec<_>>(), [lost.id]);
    let told = |play: &Play| -> BTreeSet<AlertId> {
        let listed = play.outbox.list(&Query { limit: 500, ..Query::default() }).unwrap();
        listed.iter().filter_map(|delivery| delivery.alert).collect()
    };
    assert_eq!(told(&play), BTreeSet::from([kept]));
    let state = play.inbox.get(lost.id).unwrap().unwrap().alert.state;
    assert!(
        matches!(state, AlertState::Closed { reason: CloseReason::Withdrawn, .. }),
        "{state:?}"
    );
    // Its sender got no answer, and sends it again.
    play.engine.forgotten.lock().clear();
    let id = play.open_this(lost);
    play.planner.step(play.now).unwrap();
    assert_eq!(told(&play), BTreeSet::from([kept, id]));
}

#[test]
fn a_new_owner_is_told_and_a_comment_is_no_news() {
    let mut play = Play::new(CHANNELS);
    let id = play.open("R", "c1");
    play.plan();
    play.minutes(1).send();
    play.note(id, Action::Comment { text: "Called, nobody there".to_owned() });
    assert_eq!(play.plan(), ["crm changed pending"]);
    let owner = crate::alert::Owner::Rep("r2".to_owned());
    play.minutes(1).note(id, Action::Reassign { owner });
    assert_eq!(play.plan(), ["crm changed pending", "mail r2 opened pending"]);
}

#[test]
fn what_waits_for_a_former_owner_is_not_sent() {
    let mut play = Play::new(CHANNELS);
    let id = play.open("R", "c1");
    assert_eq!(play.plan(), ["crm opened pending", "mail r1 opened pending"]);
    let owner = crate::alert::Owner::Rep("r2".to_owned());
    play.note(id, Action::Reassign { owner });
    assert_eq!(play.plan(), ["crm changed pending", "mail r2 opened pending"]);
    let query = Query { person: Some("r1".to_owned()), ..Query::default() };
    let former = play.outbox.list(&query).unwrap();
    assert_eq!(former.len(), 1);
    assert_eq!(former[0].status, Status::Suppressed);
    assert_eq!(former[0].reason, "moved: somebody else looks after it now");
}

/// Numbers that look random and are the same in every run.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

#[test]
fn in_a_busy_week_no_rep_is_above_budget_and_every_alert_is_accounted_for() {
    const BUDGET: usize = 5;
    let text = format!(
        "[delivery]\nbudget_per_day = {BUDGET}\nquiet_hours = '18:00-08:00 sat sun'\n{MAIL}"
    );
    let (mut play, mut seed) = (Play::new(&text), 1);
    let mut open: Vec<AlertId> = Vec::new();
    let mut told: BTreeMap<(String, i64), usize> = BTreeMap::new();
    let (mut alerts, mut digests) = (BTreeSet::new(), 0);
    for _ in 0..7 * 24 * 4 {
        for _ in 0..draw(&mut seed, 4) {
            let (rep, customer) = (draw(&mut seed, 3), draw(&mut seed, 60));
            let mut alert =
                play.alert(&format!("R{}", draw(&mut seed, 4)), &format!("c{customer}"));
            alert.owner = crate::alert::Owner::Rep(format!("r{rep}"));
            // Twice the same in one quarter of an hour is one alert.
            if alerts.insert(alert.id) {
                open.push(play.open_this(alert));
            }
        }
        while open.len() > 40 {
            let index = draw(&mut seed, open.len() as u64);
            let id = open.swap_remove(usize::try_from(index).unwrap());
            play.close(id, CloseReason::Won);
        }
        play.planner.step(play.now).unwrap();
        for claim in play.outbox.claim("mail", 100, play.now, true).unwrap() {
            if claim.about == About::Digest {
                digests += 1;
            } else {
                *told.entry((claim.person.clone(), play.now.day())).or_default() += 1;
            }
            play.outbox.settle(claim.row, &Verdict::Delivered(String::new()), play.now).unwrap();
        }
        play.minutes(15);
    }
    play.send();
    let alerts = alerts.len();
    assert!(alerts > 900 && digests >= 15, "{alerts} alerts, {digests} digests");
    assert!(told.len() >= 15, "messages on {} days", told.len());
    assert!(told.values().all(|count| *count <= BUDGET), "{told:?}");
    // The last hours wait for the next digest; all else is told, or says why not.
    let (mut before, mut seen) = (None, 0);
    loop {
        let page = play.outbox.list(&Query { before, limit: 500, ..Query::default() }).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.row);
        for delivery in page.iter().filter(|delivery| delivery.about == "opened") {
            seen += 1;
            let is_told = delivery.status == Status::Delivered;
            assert!(is_told || !delivery.reason.is_empty(), "{delivery:?}");
        }
    }
    assert_eq!(seen, alerts);
}
