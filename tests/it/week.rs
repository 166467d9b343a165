//! A week of recorded customers at high speed: does no rep get more than the budget, is everything
//! that was kept back told in a digest or explained, and are the manager's figures those of the
//! alerts?
//!
//! ```text
//! synthetic-b2b ─► POST /v1/events ─► engine ─► inbox ─► plan ─► courier ─► a mail server
//!   hour by hour      ▲ actions of reps           │      └── by the clock of the events ──┘
//!                     └── GET /v1/alerts ◄────────┴─► GET /v1/team = what the alerts add up to?
//! ```
//!
//! The server, the outbox and the mails are the program's own; only the clock is another. In every
//! run these are six reps with all their customers, with `SIAGA_WEEK=all` all sixty.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use siaga::access::Access;
use siaga::access::AccessConfig;
use siaga::access::account::New;
use siaga::access::role::Role;
use siaga::access::role::Scope;
use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::api;
use siaga::api::HttpConfig;
use siaga::api::Services;
use siaga::config::Config;
use siaga::delivery::Delivery;
use siaga::delivery::Feed;
use siaga::delivery::courier;
use siaga::delivery::courier::Courier;
use siaga::delivery::deliver_batch;
use siaga::delivery::desk::Desk;
use siaga::delivery::inbox::Inbox;
use siaga::delivery::inbox::InboxConfig;
use siaga::delivery::inbox::query;
use siaga::delivery::inbox::query::Kept;
use siaga::delivery::inbox::query::Standing;
use siaga::delivery::outbox::Outbox;
use siaga::delivery::outbox::Status;
use siaga::delivery::outbox::query::Listed;
use siaga::delivery::outbox::query::Query;
use siaga::engine::Output;
use siaga::engine::port::Port;
use siaga::engine::runtime::Engine;
use siaga::engine::runtime::Settings;
use siaga::engine::service;
use siaga::engine::service::Limits;
use siaga::engine::service::Service;
use siaga::event::Symbols;
use siaga::event::mapping::Mapping;
use siaga::metrics::Metrics;
use siaga::money::Decimal;
use siaga::rule::compile;
use siaga::rule::file;
use siaga::rule::starter;
use siaga::source::dead_letter::DeadLetters;
use siaga::time::Span;
use siaga::time::Timestamp;
use tokio::runtime::Runtime;

use crate::outbox::smtp;

const FIRST: &str = "2025-06-02T00:00:00Z";
const DAYS: i64 = 7;
const BUDGET: usize = 3;
const HOUR: Span = Span::from_millis(3_600_000);

/// Where a delivery stands about which nothing is settled yet.
const OPEN: [Status; 4] = [Status::Pending, Status::Sending, Status::Held, Status::Uncertain];

/// A line of the recording with its time.
type Line = (String, String);

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("SIAGA_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let folder = root.join("synthetic-b2b");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("no week is played: there is no folder {}; set SIAGA_DATA", folder.display());
    None
}

fn read(folder: &Path, name: &str) -> Vec<Value> {
    let file = fs::File::open(folder.join(format!("{name}.ndjson.zst"))).unwrap();
    let text = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The reference data, and the events up to the end of the week in the order of their time.
fn recorded(folder: &Path) -> (Vec<String>, Vec<Line>) {
    let all = std::env::var_os("SIAGA_WEEK").is_some_and(|which| which == "all");
    let reps = if all { 60 } else { 6 };
    let reps: BTreeSet<String> = (1..=reps).map(|rep| format!("bench-r{rep:02}")).collect();
    let is_theirs = |record: &Value, field: &str| reps.contains(record[field].as_str().unwrap());
    let customers = read(folder, "customers").into_iter();
    let customers: Vec<Value> = customers.filter(|c| is_theirs(c, "owner_rep_id")).collect();
    let ids: BTreeSet<&str> =
        customers.iter().map(|customer| customer["customer_id"].as_str().unwrap()).collect();
    let end = Timestamp::parse(FIRST).unwrap() + Span::from_millis(DAYS * Span::DAY.millis());
    let end = end.to_string();
    let events = ["transactions", "interactions"].into_iter().flat_map(|name| read(folder, name));
    let mut events: Vec<Line> = events
        .filter(|event| event["customer_id"].as_str().is_some_and(|id| ids.contains(id)))
        .map(|event| (event["occurred_at"].as_str().unwrap().to_owned(), event.to_string()))
        .filter(|(at, _)| *at < end)
        .collect();
    events.sort();
    let told = read(folder, "products").into_iter().chain(read(folder, "reps")).chain(customers);
    (told.map(|record| record.to_string()).collect(), events)
}

const CONFIGURATION: &str = "
    [delivery]
    group_wait = '0s'
    budget_per_day = 3
    quiet_hours = '19:00-07:00'
    digest_at = '08:00'
    [[delivery.inhibit]]
    source = ['family=\"drift\"']
    target = ['family=~\"cross_sell|up_sell\"']
    [channels.mail]
    email.server = 'smtp+plain://SERVER'
    email.from = 'Siaga <siaga@example.com>'
    email.address = '{rep}@example.com'
    email.to = ['desk@example.com']
    at_once = 1
    per_minute = 100000
    [receivers.owner]
    channels = ['mail']
    escalate_after = '1d'
    [route]
    receiver = 'owner'
";

/// The time of the last digest, at eight in the morning.
fn digest(now: Timestamp) -> Timestamp {
    let day = Span::DAY.millis();
    let eight = 8 * HOUR.millis();
    Timestamp::saturating((now.millis() - eight).div_euclid(day) * day + eight)
}

/// A server whose time is that of its events.
struct Branch {
    service: Arc<Service>,
    inbox: Arc<Inbox>,
    outbox: Outbox,
    feed: Feed,
    metrics: Arc<Metrics>,
    host: SocketAddr,
    token: String,
    manager: String,
    now: Arc<AtomicI64>,
    runtime: Runtime,
}

impl Branch {
    fn open() -> Self {
        let (symbols, metrics) = (Symbols::default(), Arc::new(Metrics::new().unwrap()));
        let inbox = Arc::new(Inbox::in_memory(InboxConfig::default()).unwrap());
        let feed = Feed::new(64);
        let delivery = Mutex::new(Delivery {
            inbox: Arc::clone(&inbox),
            feed: feed.clone(),
            metrics: Arc::clone(&metrics),
            lines: None,
        });
        let sink = Arc::new(move |found: &mut Vec<Output>| {
            deliver_batch(&std::mem::take(found), &mut delivery.lock().unwrap());
        });
        let (files, _) = file::read(&starter::files());
        let rules = Arc::new(compile::compile(&files, &symbols).0);
        let settings = Settings { shards: 2, lateness: Span::ZERO };
        let engine = Engine::start(&rules, &symbols, settings, sink).unwrap();
        let service = Arc::new(Service::new(service::Parts {
            engine,
            rules,
            symbols: symbols.clone(),
            mapping: Arc::new(Mapping::identity()),
            dead: DeadLetters::counting(),
            metrics: Arc::clone(&metrics),
            limits: Limits { waiting_max: 1_000_000, ahead_max: None },
        }));
        service.set_ready();
        let access = Access::in_memory(AccessConfig::default()).unwrap();
        let new = New { name: "boss", role: Role::Manager, person: Some("bench-m1") };
        access.add_account("test", new, None).unwrap();
        let manager = access.begin_session("boss").unwrap();
        let token = access.add_token("test", "test", &[Scope::Ingest, Scope::Act]).unwrap();
        let kept = (Arc::clone(&inbox), feed.clone(), Arc::new(access));
        let port = Arc::clone(&service) as Arc<dyn Port>;
        let services =
            Services::new(port, symbols, kept, Arc::clone(&metrics), HttpConfig::default());
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let host = listener.local_addr().unwrap();
        runtime.spawn(api::serve(listener, Arc::new(services), std::future::pending()));
        let outbox = Outbox::new(Arc::clone(&inbox));
        let now = Arc::default();
        Self { service, inbox, outbox, feed, metrics, host, token, manager, now, runtime }
    }

    fn start_courier(&self, server: &smtp::Server) -> Courier {
        let text = CONFIGURATION.replace("SERVER", &server.address.to_string());
        let config = Config::read(&text, "test", []).unwrap();
        let service = Arc::clone(&self.service);
        let now = Arc::clone(&self.now);
        let parts = courier::Parts {
            desk: Arc::new(Desk::new(&config.delivery()).unwrap()),
            outbox: self.outbox.clone(),
            feed: self.feed.clone(),
            origin: service,
            metrics: Arc::clone(&self.metrics),
            clock: Arc::new(move || Timestamp::saturating(now.load(Ordering::SeqCst))),
            permit: Arc::new(|| true),
        };
        let _entered = self.runtime.enter();
        Courier::start(parts).unwrap()
    }

    fn ask(&self, method: &str, path: &str, credentials: &str, body: (&str, &str)) -> String {
        let mut socket = TcpStream::connect(self.host).unwrap();
        let (kind, body) = body;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: {}\r\n{credentials}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        socket.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.split(' ').nth(1).unwrap().starts_with('2'), "{method} {path}: {answer}");
        rest.to_owned()
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.token)
    }

    /// Hands events in, and waits until the engine has seen to them.
    fn take(&self, lines: &[Line]) {
        for chunk in lines.chunks(1_000) {
            let body: Vec<&str> = chunk.iter().map(|(_, line)| line.as_str()).collect();
            let body = body.join("\n");
            let told =
                self.ask("POST", "/v1/events", &self.bearer(), ("application/x-ndjson", &body));
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told["accepted"], chunk.len(), "{told}");
        }
        self.settle();
    }

    fn settle(&self) {
        while self.service.status().queue_depth > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it be this time, and waits until everything that is due has been planned and sent.
    fn pass(&self, to: Timestamp) {
        self.service.tick(to).unwrap();
        self.settle();
        self.now.store(to.millis(), Ordering::SeqCst);
        let is_done = || {
            let is_told = |held: &Listed| held.digest.is_some() || held.created_at.0 >= digest(to);
            let planned = self.outbox.planned().unwrap();
            let due = self.outbox.next_due("mail").unwrap();
            planned == Some(self.inbox.newest_seq().unwrap())
                && due.is_none_or(|due| due > to)
                && self.deliveries(Some(Status::Sending)).is_empty()
                && self.deliveries(Some(Status::Held)).iter().all(is_told)
        };
        for _ in 0..6_000 {
            if is_done() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let open = OPEN.map(|status| (status, self.deliveries(Some(status))));
        let open = open.map(|(status, listed)| (status, listed.len(), listed.into_iter().last()));
        let (planned, newest) = (self.outbox.planned().unwrap(), self.inbox.newest_seq());
        panic!(
            "at {to} something is not sent that is due; planned {planned:?} of {newest:?}: {open:#?}"
        );
    }

    fn is_any_open(&self) -> bool {
        OPEN.iter().any(|status| !self.deliveries(Some(*status)).is_empty())
    }

    fn deliveries(&self, status: Option<Status>) -> Vec<Listed> {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let query = Query { status, before, limit: Query::LIMIT_MAX, ..Query::default() };
            let page = self.outbox.list(&query).unwrap();
            before = page.last().map(|last| last.row);
            let is_last = page.len() < Query::LIMIT_MAX as usize;
            all.extend(page);
            if is_last {
                return all;
            }
        }
    }

    /// Every alert, as it stands.
    fn alerts(&self) -> Vec<Kept> {
        let mut query = query::Query {
            standing: Standing::Any,
            limit: query::Query::LIMIT_MAX,
            ..query::Query::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.inbox.list(&query).unwrap();
            all.extend(page.alerts);
            query.after = page.next;
            if query.after.is_none() {
                return all;
            }
        }
    }

    /// What reps do with what is new since `seq`, each with every alert as its id says.
    fn act(&self, seen: &mut BTreeSet<String>) {
        let path = "/v1/alerts?state=firing&limit=200";
        let listed = self.ask("GET", path, &self.bearer(), ("", ""));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        for alert in listed["alerts"].as_array().unwrap() {
            let id = alert["id"].as_str().unwrap();
            if !seen.insert(id.to_owned()) {
                continue;
            }
            let number = u64::from_str_radix(&id[..8], 16).unwrap();
            let mut action = match number % 10 {
                0 | 1 => json!({"action": "acknowledge"}),
                2 => json!({"action": "close", "reason": "won", "amount": 1_000 + number % 77}),
                3 => json!({"action": "close", "reason": "lost"}),
                4 => json!({"action": "close", "reason": "dismissed", "note": "no"}),
                5 => json!({"action": "snooze", "for": "3d"}),
                _ => continue,
            };
            action["by"] = alert["owner"].clone();
            let path = format!("/v1/alerts/{id}/actions");
            self.ask("POST", &path, &self.bearer(), ("application/json", &action.to_string()));
        }
        self.settle();
    }
}

#[test]
fn a_week_keeps_every_budget_explains_what_it_keeps_back_and_adds_up_for_the_manager() {
    let Some(folder) = folder() else { return };
    let (reference, events) = recorded(&folder);
    let branch = Branch::open();
    let reference: Vec<Line> = reference.into_iter().map(|line| (String::new(), line)).collect();
    branch.take(&reference);
    let first = Timestamp::parse(FIRST).unwrap();
    let before = events.partition_point(|(at, _)| at.as_str() < FIRST);
    branch.take(&events[..before]);
    branch.service.tick(first).unwrap();
    branch.settle();
    branch.now.store(first.millis(), Ordering::SeqCst);
    let server = smtp::Server::start(|_| "250 taken");
    let courier = branch.start_courier(&server);

    let (mut place, mut seen, mut hour) = (before, BTreeSet::new(), first);
    // One more day brings the last digest.
    let end = first + Span::from_millis((DAYS + 1) * Span::DAY.millis());
    while hour < end {
        hour = hour + HOUR;
        let until = hour.to_string();
        let count = events[place..].partition_point(|(at, _)| *at < until);
        branch.take(&events[place..place + count]);
        place += count;
        branch.pass(hour);
        branch.act(&mut seen);
    }
    // What fell into the last evening's quiet hours comes in the morning.
    while branch.is_any_open() {
        hour = hour + HOUR;
        assert!(hour < end + Span::DAY + Span::DAY, "something waits for ever");
        branch.pass(hour);
        branch.act(&mut seen);
    }
    branch.runtime.block_on(courier.stop());

    let deliveries = branch.deliveries(None);
    no_rep_is_above_budget(&deliveries, &server.mails());
    what_is_kept_back_is_told_or_explained(&branch, &deliveries, first);
    the_managers_figures_are_those_of_the_alerts(&branch);
}

/// By the mails that have arrived, each of which is a delivery.
fn no_rep_is_above_budget(deliveries: &[Listed], mails: &[String]) {
    let by_id: BTreeMap<&str, &Listed> = deliveries.iter().map(|d| (d.id.as_str(), d)).collect();
    let (mut a_day, mut digests) = (BTreeMap::<(&str, String), usize>::new(), 0);
    for mail in mails {
        let id = smtp::header(mail, "X-Siaga-Delivery").unwrap();
        let delivery = by_id[id];
        assert_eq!(delivery.status, Status::Delivered);
        if delivery.about == "digest" {
            digests += 1;
        } else if delivery.about != "updated" && !delivery.person.is_empty() {
            let day = delivery.due_at.0.to_string()[..10].to_owned();
            *a_day.entry((&delivery.person, day)).or_default() += 1;
        }
        let hour = delivery.due_at.0.to_string()[11..13].parse::<u32>().unwrap();
        let is_quiet = !(7..19).contains(&hour) && !delivery.person.is_empty();
        assert!(!is_quiet, "in quiet hours: {delivery:?}");
    }
    let most = a_day.values().max().copied();
    assert_eq!(most, Some(BUDGET), "the budget is reached, and never passed: {a_day:?}");
    assert!(digests > 3, "{digests} digests");
}

fn what_is_kept_back_is_told_or_explained(
    branch: &Branch,
    deliveries: &[Listed],
    first: Timestamp,
) {
    let digests: BTreeSet<&str> = deliveries
        .iter()
        .filter(|delivery| delivery.about == "digest" && delivery.status == Status::Delivered)
        .map(|delivery| delivery.id.as_str())
        .collect();
    let mut reasons = BTreeMap::<String, usize>::new();
    for delivery in deliveries {
        let word = delivery.reason.split(':').next().unwrap_or_default();
        match delivery.status {
            Status::Suppressed => {
                assert!(delivery.reason.contains(": "), "no reason: {delivery:?}");
                *reasons.entry(format!("suppressed, {word}")).or_default() += 1;
            }
            // Told by a digest, and by nothing else.
            Status::Delivered if delivery.attempts == 0 => {
                let digest = delivery.digest.as_deref().unwrap_or_default();
                assert!(digests.contains(digest), "in no digest: {delivery:?}");
                *reasons.entry(format!("digest, {word}")).or_default() += 1;
            }
            Status::Delivered => assert!(delivery.digest.is_none(), "{delivery:?}"),
            status => panic!("{status}: {delivery:?}"),
        }
    }
    for reason in ["digest, budget", "suppressed, budget"] {
        assert!(reasons.contains_key(reason), "no {reason}: {reasons:?}");
    }
    let told: BTreeSet<_> = deliveries.iter().filter_map(|delivery| delivery.alert).collect();
    let opened: Vec<Kept> =
        branch.alerts().into_iter().filter(|kept| kept.alert.opened_at >= first).collect();
    assert!(opened.len() > 30, "{} alerts", opened.len());
    for kept in &opened {
        assert!(told.contains(&kept.alert.id), "neither told nor explained: {:?}", kept.alert);
    }
    eprintln!("{} alerts, {} deliveries, {reasons:?}", opened.len(), deliveries.len());
}

/// A manager's page against a query over the raw alerts, owner by owner.
fn the_managers_figures_are_those_of_the_alerts(branch: &Branch) {
    let cookie = format!("cookie: siaga_session={}", branch.manager);
    let team = branch.ask("GET", "/v1/team?days=7", &cookie, ("", ""));
    let team: Value = serde_json::from_str(&team).unwrap();
    let time = |name: &str| Timestamp::parse(team[name].as_str().unwrap()).unwrap();
    let (from, to) = (time("from"), time("to"));
    let members = team["members"].as_array().unwrap();
    let mut by_owner = BTreeMap::<String, Vec<Kept>>::new();
    for kept in branch.alerts() {
        by_owner.entry(kept.alert.owner.key()).or_default().push(kept);
    }
    let people = branch.inbox.people();
    let is_in_team = |owner: &str| {
        let of = |id: &str| people.get(id).and_then(|rep| rep.manager.clone());
        owner.strip_prefix("rep:").is_some_and(|id| of(id).as_deref() == Some("bench-m1"))
            || owner == "queue"
    };
    let shown: Vec<&str> = members.iter().map(|member| member["owner"].as_str().unwrap()).collect();
    let sells = people.iter().map(|(id, _)| format!("rep:{id}"));
    // Everybody of the team, also who has no alert, and nobody else.
    let team: BTreeSet<String> =
        sells.chain(by_owner.keys().cloned()).filter(|owner| is_in_team(owner)).collect();
    assert_eq!(shown.iter().copied().collect::<BTreeSet<_>>(), team.iter().map(|o| &**o).collect());
    assert!(shown.len() > 1, "a team");
    let mut counted = 0;
    for member in members {
        let alerts = by_owner.get(member["owner"].as_str().unwrap()).map_or(&[][..], Vec::as_slice);
        let mut figures = raw(branch, alerts, (from, to));
        figures.extend(responses(branch, alerts, from));
        counted += figures.len();
        for (name, figure) in figures {
            let told = match member[name].as_array().map(Vec::as_slice) {
                // No money, or money of the one currency that there is.
                Some([]) => Some(0.0),
                Some([sum]) => sum["amount"].as_f64(),
                // What nobody has answered took no time.
                _ => member.get(name).map_or(Some(0.0), Value::as_f64),
            };
            // A share is read back to its last digit but one.
            let is_same = told.is_some_and(|told| (told - figure).abs() < 1e-9);
            assert!(is_same, "{name} of {}: {told:?}, not {figure}", member["owner"]);
        }
    }
    assert!(counted >= 2 * 19, "{counted} figures");
}

/// The figures of one owner, from each of the alerts.
fn raw(
    branch: &Branch,
    alerts: &[Kept],
    (from, to): (Timestamp, Timestamp),
) -> Vec<(&'static str, f64)> {
    let answered = |kept: &Kept| {
        let deeds = branch.inbox.deeds(kept.alert.id).unwrap();
        deeds.iter().find(|deed| deed.action.is_response()).map(|deed| deed.at)
    };
    let count = |is: &dyn Fn(&Kept) -> bool| {
        let count = alerts.iter().filter(|kept| is(kept)).count();
        f64::from(u32::try_from(count).unwrap())
    };
    let closed = |kept: &Kept, is: &dyn Fn(&CloseReason) -> bool| match &kept.alert.state {
        AlertState::Closed { at, reason } => *at >= from && is(reason),
        _ => false,
    };
    let sum = |amounts: &mut dyn Iterator<Item = Decimal>| {
        let zero = Decimal::ZERO;
        amounts.fold(zero, |sum, amount| sum.checked_add(amount).unwrap()).to_f64()
    };
    let stake = |is: &dyn Fn(&AlertState) -> bool| {
        let those = alerts.iter().filter(|kept| is(&kept.alert.state));
        sum(&mut those.filter_map(|kept| kept.alert.rank()))
    };
    let amount = |reason: CloseReason| {
        let those = alerts.iter().filter(|kept| closed(kept, &|of| *of == reason));
        sum(&mut those.filter_map(|kept| Some(kept.amount?.amount)))
    };
    let is_firing = |state: &AlertState| *state == AlertState::Firing;
    let is_taken = |state: &AlertState| matches!(state, AlertState::Acknowledged { .. });
    let is_aside = |state: &AlertState| {
        matches!(state, AlertState::Snoozed { .. } | AlertState::Waiting { .. })
    };
    let patience = Span::from_millis(2 * Span::DAY.millis());
    vec![
        ("firing", count(&|kept| is_firing(&kept.alert.state))),
        ("acknowledged", count(&|kept| is_taken(&kept.alert.state))),
        ("snoozed", count(&|kept| is_aside(&kept.alert.state))),
        (
            "overdue",
            count(&|kept| {
                kept.alert.state == AlertState::Firing
                    && answered(kept).is_none()
                    && to - kept.alert.opened_at > patience
            }),
        ),
        ("opened", count(&|kept| kept.alert.opened_at >= from)),
        ("answered", count(&|kept| kept.alert.opened_at >= from && answered(kept).is_some())),
        ("won", count(&|kept| closed(kept, &|reason| *reason == CloseReason::Won))),
        ("lost", count(&|kept| closed(kept, &|reason| *reason == CloseReason::Lost))),
        ("dismissed", count(&|kept| closed(kept, &|r| matches!(r, CloseReason::Dismissed(_))))),
        (
            "missed",
            count(&|kept| {
                closed(kept, &|reason| *reason == CloseReason::Expired) && answered(kept).is_none()
            }),
        ),
        ("at_stake", stake(&|state| is_firing(state) || is_taken(state))),
        ("waiting_stake", stake(&is_firing)),
        ("taken_stake", stake(&is_taken)),
        ("aside_stake", stake(&is_aside)),
        ("won_amount", amount(CloseReason::Won)),
        ("lost_amount", amount(CloseReason::Lost)),
    ]
}

/// How many of the alerts opened in the period somebody answered, and how soon.
fn responses(branch: &Branch, alerts: &[Kept], from: Timestamp) -> [(&'static str, f64); 3] {
    let opened: Vec<&Kept> = alerts.iter().filter(|kept| kept.alert.opened_at >= from).collect();
    let took = opened.iter().filter_map(|kept| {
        let deeds = branch.inbox.deeds(kept.alert.id).unwrap();
        let answered = deeds.iter().find(|deed| deed.action.is_response())?.at;
        Some((answered - kept.alert.opened_at).millis() / 1_000)
    });
    let mut took: Vec<i64> = took.collect();
    took.sort_unstable();
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let rank = |tenths: usize| {
        let place = (took.len() * tenths).div_ceil(10).max(1);
        took.get(place - 1).map_or(0.0, |seconds| f64::from(i32::try_from(*seconds).unwrap()))
    };
    let coverage = if opened.is_empty() { 0.0 } else { number(took.len()) / number(opened.len()) };
    [("coverage", coverage), ("response_median_s", rank(5)), ("response_p90_s", rank(9))]
}
