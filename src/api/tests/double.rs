//! A stand-in for the engine, and a server round it on a real socket.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::access::Access;
use crate::access::AccessConfig;
use crate::alert::Deed;
use crate::alert::Family;
use crate::api::HttpConfig;
use crate::api::Rulebook;
use crate::api::Services;
use crate::api::serve;
use crate::delivery::Feed;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::inbox::sample;
use crate::engine::ActionInput;
use crate::engine::Output;
use crate::engine::port::EngineStatus;
use crate::engine::port::EntityView;
use crate::engine::port::IngestError;
use crate::engine::port::IngestReport;
use crate::engine::port::LearnedView;
use crate::engine::port::OfferView;
use crate::engine::port::Port;
use crate::engine::port::RefusedRecord;
use crate::engine::port::Reload;
use crate::engine::port::RestView;
use crate::engine::port::RuleState;
use crate::engine::port::RuleView;
use crate::engine::port::RulesView;
use crate::event::EntityKind;
use crate::event::Symbols;
use crate::metrics::Metrics;

/// Does what the body says.
struct Double {
    inbox: Arc<Inbox>,
    feed: Feed,
    symbols: Symbols,
    ready: AtomicBool,
}

impl Port for Double {
    fn ingest(
        &self,
        content_type: &str,
        headers: &[(String, String)],
        body: &[u8],
        _source: &str,
    ) -> Result<IngestReport, IngestError> {
        let refused = |position| RefusedRecord {
            position,
            code: "time_format".to_owned(),
            reason: "`soon` is not a time".to_owned(),
        };
        let report = IngestReport::default();
        match body {
            b"two" => Ok(IngestReport { accepted: 2, ..report }),
            b"repeat" => Ok(IngestReport { duplicates: 1, ..report }),
            b"some" => Ok(IngestReport { accepted: 1, refused: vec![refused(2)], ..report }),
            b"none" => Ok(IngestReport { refused: vec![refused(1)], ..report }),
            b"overloaded" => Err(IngestError::Overloaded { retry_after_s: 7 }),
            b"unsupported" => Err(IngestError::Unsupported(content_type.to_owned())),
            b"stopped" => Err(IngestError::Stopped),
            b"binary" => {
                let id = headers.iter().any(|(name, value)| name == "ce-id" && value == "e7");
                Ok(IngestReport { accepted: u64::from(id), ..report })
            }
            _ => Ok(report),
        }
    }

    fn act(&self, input: ActionInput) -> Result<(), IngestError> {
        if self.symbols.text(input.entity.id) == "forgotten" {
            return Err(IngestError::Unknown("this alert".to_owned()));
        }
        let (id, at) = (input.alert, input.at);
        let deed = Deed { action: input.action, by: input.by, at };
        let state = deed.action.leads_to(&deed.by, at);
        let changed = state.map(|state| Output::Changed { id, state, at });
        let outputs: Vec<Output> =
            changed.into_iter().chain([Output::Acted { id, deed }]).collect();
        self.feed.tell(self.inbox.apply(&outputs).unwrap());
        Ok(())
    }

    fn entity(&self, kind: EntityKind, id: &str) -> Option<EntityView> {
        let named = |name: &str| EntityView {
            id: id.to_owned(),
            name: Some(name.to_owned()),
            net_30d: Some(sample::usd("8000")),
            recent: sample::alert("c1", None).evidence,
            offers: vec![OfferView {
                category: "Safety".to_owned(),
                because: "Welding".to_owned(),
                peers: 350,
                buyers: 120,
                net: Some(sample::usd("1200")),
            }],
            resting: vec![RestView {
                rule: "Quiet".to_owned(),
                closed_at: sample::at("2025-03-01"),
                until: sample::at("2025-03-31"),
                holds: Some(true),
            }],
            ..EntityView::default()
        };
        match (kind, id) {
            (EntityKind::Rep, "r1") => Some(named("Maya")),
            (EntityKind::Rep, "r2" | "r9") => Some(named("Colleague")),
            (EntityKind::Product, "p1") => Some(named("Drill")),
            (EntityKind::Customer, "of-r1" | "of-r2" | "of-r9") => {
                let owner = id.strip_prefix("of-").map(str::to_owned);
                Some(EntityView { owner, ..named("Secret") })
            }
            (EntityKind::Customer, "of-North") => {
                Some(EntityView { territory: Some("North".to_owned()), ..named("Secret") })
            }
            (EntityKind::Customer, "of-nobody") => Some(named("Secret")),
            (EntityKind::Customer, "c1") => Some(named("Customer c1")),
            _ => None,
        }
    }

    fn models(&self) -> LearnedView {
        LearnedView::default()
    }

    fn rules(&self) -> RulesView {
        let quiet = RuleView {
            name: "Quiet".to_owned(),
            family: Family::Drift,
            entity: EntityKind::Customer,
            mode: "live",
            state: RuleState::Quarantined,
            reason: Some("it took too many steps"),
            evaluations: 7,
            failures: 3,
            alerts: 2,
            items: 41,
        };
        let shy = RuleView {
            name: "Shy".to_owned(),
            mode: "shadow",
            state: RuleState::Running,
            reason: None,
            ..quiet.clone()
        };
        let at = sample::at("2025-03-04T09:30:00Z");
        let problem = Some("error[E203]: no such field".to_owned());
        RulesView { rules: vec![quiet, shy], reload: Reload { at, problem } }
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            clock: Some(sample::at("2025-03-04T09:30:00Z")),
            ready: self.ready.load(Ordering::Relaxed),
            ..EngineStatus::default()
        }
    }
}

/// A running server; clones share it, and the last one stops it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) services: Arc<Services>,
    double: Arc<Double>,
    stop: Arc<parking_lot::Mutex<Option<oneshot::Sender<()>>>>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Server {
    pub(super) fn start(http: HttpConfig) -> Self {
        Self::with_rulebook(http, None)
    }

    /// One whose rules are in files.
    pub(super) fn with_rulebook(http: HttpConfig, rulebook: Option<Rulebook>) -> Self {
        let inbox = Arc::new(Inbox::in_memory(InboxConfig::default()).unwrap());
        // A short feed, so that busy streams fall behind and have to catch up.
        let (feed, symbols) = (Feed::new(4), Symbols::default());
        let double = Arc::new(Double {
            inbox: Arc::clone(&inbox),
            feed: feed.clone(),
            symbols: symbols.clone(),
            ready: AtomicBool::new(true),
        });
        let metrics = Arc::new(Metrics::new().unwrap());
        let engine: Arc<dyn Port> = double.clone();
        let access = Arc::new(Access::in_memory(AccessConfig::default()).unwrap());
        let mut services = Services::new(engine, symbols, (inbox, feed, access), metrics, http);
        services.rulebook = rulebook;
        let services = Arc::new(services);
        let (stop, stopped) = oneshot::channel::<()>();
        let (address, bound) = std::sync::mpsc::sync_channel(1);
        let served = Arc::clone(&services);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                address.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async { drop(stopped.await) };
                serve(listener, served, stopped).await.unwrap();
            });
        });
        let host = bound.recv().unwrap().to_string();
        let stop = Arc::new(parking_lot::Mutex::new(Some(stop)));
        Self { host, services, double, stop }
    }

    pub(super) fn tell(&self, outputs: &[Output]) {
        self.services.feed.tell(self.services.inbox.apply(outputs).unwrap());
    }

    pub(super) fn set_ready(&self, ready: bool) {
        self.double.ready.store(ready, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stop.lock().take();
    }

    /// Sends a request and reads the status and the head; the body may never end.
    pub(super) fn head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (Answer, BufReader<TcpStream>) {
        let mut socket = BufReader::new(self.send(method, path, headers, body));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(socket.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (Answer { status, head, body: String::new() }, socket)
    }

    /// Sends a request; what comes back is to be read from the socket.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut socket = TcpStream::connect(&self.host).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if headers.iter().all(|(name, _)| *name != "host") {
            head.push_str(&format!("host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()));
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(body.as_bytes()).unwrap();
        socket
    }

    /// Sends a request and reads the whole answer.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut text = Vec::new();
        self.send(method, path, headers, body).read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}
