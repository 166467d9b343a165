//! One inbox over several processes: it copies their alerts, and asks them for the rest.
//!
//! ```text
//! process 0 ── GET /v1/copies (waits for news) ─┐
//! process 1 ── …                                ├─► inbox (SQLite) ─► feed ─► pages, API, live streams
//! process 2 ── …                                ┘       │
//!      ▲                                                ▼
//!      └──── a rep's action, a customer's page ◄─ the process that the alert was copied from
//! ```
//!
//! Each process has its alerts in an inbox of its own, which numbers every change; so nothing has to
//! lie between them, and a copy goes on where it stood, whoever was away. While a process is away its
//! alerts are shown as they were, and nobody can act on them.

pub mod config;
mod client;
mod follow;

use std::sync::Arc;

use parking_lot::RwLock;
use serde::Deserialize;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::delivery::Feed;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::copy;
use crate::delivery::inbox::people::Person;
use crate::engine::ActionInput;
use crate::engine::port::EngineStatus;
use crate::engine::port::EntityView;
use crate::engine::port::IngestError;
use crate::engine::port::IngestReport;
use crate::engine::port::LearnedView;
use crate::engine::port::Port;
use crate::engine::port::Reload;
use crate::engine::port::RulesView;
use crate::event::EntityKind;
use crate::event::Symbols;
use crate::gather::client::Client;
use crate::gather::config::GatherConfig;
use crate::gather::config::GatherError;
use crate::metrics::Metrics;
use crate::time;
use crate::time::Timestamp;

/// What a process tells whoever copies its inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copies {
    /// Alerts.
    #[serde(flatten)]
    pub page: copy::Page,
    /// Everybody whom it knows, where that is not what was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Introduction>,
    /// How it is.
    pub status: EngineStatus,
}

/// Who sells, and who leads whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// Another one, other people.
    pub version: String,
    /// Everybody, by id.
    pub persons: Vec<(String, Person)>,
}

/// Processes that are asked at the same time for what none is known to have.
const ASKED_MAX: usize = 16;

/// Several processes, as pages and API see them.
pub struct Gathered {
    inbox: Arc<Inbox>,
    symbols: Symbols,
    client: Client,
    processes: Vec<Arc<Process>>,
    runtime: Handle,
}

/// Asks each process once whether it can be copied; its address, and why not.
pub async fn probe(
    config: &GatherConfig,
    processes: u32,
) -> Result<Vec<(String, Result<(), String>)>, GatherError> {
    let client = Client::new(config)?;
    let mut told = Vec::new();
    for address in config.addresses(processes)? {
        let answer = client.copies(&address, None, "").await;
        told.push((address, answer.map(|_| ()).map_err(|error| error.to_string())));
    }
    Ok(told)
}

/// One process.
struct Process {
    /// Where it is, as it is configured.
    address: String,
    /// How it was when it was last heard of.
    standing: RwLock<Standing>,
}

#[derive(Debug, Clone, Default)]
struct Standing {
    status: Option<EngineStatus>,
    /// Why it is not heard of now, and since when by the wall clock.
    trouble: Option<(String, Timestamp)>,
}

impl Gathered {
    /// Several processes; nothing is asked before [`Gathered::follow`].
    pub fn new(
        config: &GatherConfig,
        processes: u32,
        (inbox, symbols): (Arc<Inbox>, Symbols),
        runtime: Handle,
    ) -> Result<Self, GatherError> {
        let addresses = config.addresses(processes)?;
        inbox.gather(&addresses)?;
        let client = Client::new(config)?;
        let process = |address| {
            let waits = ("it has not answered yet".to_owned(), time::now());
            let standing = RwLock::new(Standing { trouble: Some(waits), ..Standing::default() });
            Arc::new(Process { address, standing })
        };
        let processes = addresses.into_iter().map(process).collect();
        Ok(Self { inbox, symbols, client, processes, runtime })
    }

    /// Copies every process for as long as the tasks run.
    pub fn follow(&self, feed: &Feed, metrics: &Arc<Metrics>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for process in &self.processes {
            let follower = follow::Follower {
                process: Arc::clone(process),
                inbox: Arc::clone(&self.inbox),
                client: self.client.clone(),
                feed: feed.clone(),
                metrics: Arc::clone(metrics),
            };
            tasks.spawn_on(follower.run(), &self.runtime);
        }
        tasks
    }

    /// The process at this address.
    fn process(&self, address: &str) -> Option<&Arc<Process>> {
        self.processes.iter().find(|process| process.address == address)
    }

    /// The process that has an entity, as far as its alerts tell.
    fn home(&self, kind: EntityKind, id: &str) -> Option<&Arc<Process>> {
        let address = self.inbox.origin((kind, id), None).ok().flatten()?;
        self.process(&address)
    }
}

impl Process {
    /// Why it is not heard of now.
    fn trouble(&self) -> Option<(String, Timestamp)> {
        self.standing.read().trouble.clone()
    }

    /// The same, for whoever wants something of it.
    fn away(&self) -> Option<String> {
        let (_, since) = self.trouble()?;
        // The log has the address and the reason; to whoever wants something they are of no use.
        let since = Timestamp::saturating(since.millis() / 1_000 * 1_000);
        Some(format!("its process has been away since {since}"))
    }
}

impl Port for Gathered {
    fn ingest(
        &self,
        _content_type: &str,
        _headers: &[(String, String)],
        _body: &[u8],
        _source: &str,
    ) -> Result<IngestReport, IngestError> {
        Err(IngestError::LogsOnly)
    }

    fn act(&self, input: ActionInput) -> Result<(), IngestError> {
        let entity = self.symbols.text(input.entity.id);
        let found = self.inbox.origin((input.entity.kind, &entity), Some(input.alert));
        let found = found.map_err(|error| IngestError::Away(error.to_string()))?;
        let process = found.and_then(|address| self.process(&address));
        let unknown = || {
            let alert = input.alert;
            IngestError::Away(format!("the process that has the alert {alert} is not known yet"))
        };
        let process = process.ok_or_else(unknown)?;
        if let Some(away) = process.away() {
            return Err(IngestError::Away(format!("Nobody can act on this alert now: {away}.")));
        }
        self.runtime.block_on(self.client.act(&process.address, &input))
    }

    fn entity(&self, kind: EntityKind, id: &str) -> Option<EntityView> {
        let asked: Vec<String> = match self.home(kind, id) {
            Some(process) => vec![process.address.clone()],
            // Of a rep whom nobody has introduced there is not so much as a name.
            None if kind == EntityKind::Rep && self.inbox.people().get(id).is_none() => Vec::new(),
            None => self.processes.iter().map(|process| process.address.clone()).collect(),
        };
        let up = asked.into_iter().filter(|address| {
            self.process(address).is_some_and(|process| process.trouble().is_none())
        });
        let mut up: Vec<String> = up.collect();
        // By turns, so that one that hangs does not hold up all others.
        while !up.is_empty() {
            let next = up.split_off(up.len().saturating_sub(ASKED_MAX));
            let found = self.runtime.block_on(async {
                let mut asking = JoinSet::new();
                for address in next {
                    let (client, id) = (self.client.clone(), id.to_owned());
                    asking.spawn(async move { client.entity(&address, kind, &id).await });
                }
                while let Some(answer) = asking.join_next().await {
                    if let Ok(Ok(Some(view))) = answer {
                        return Some(view);
                    }
                }
                None
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn away(&self, kind: EntityKind, id: &str) -> Option<String> {
        match self.home(kind, id) {
            Some(process) => process.away(),
            None => self.processes.iter().find_map(|process| process.away()),
        }
    }

    fn models(&self) -> LearnedView {
        LearnedView::default()
    }

    fn rules(&self) -> RulesView {
        RulesView { rules: Vec::new(), reload: Reload { at: time::now(), problem: None } }
    }

    fn status(&self) -> EngineStatus {
        let mut sum = EngineStatus { ready: self.is_ready(), ..EngineStatus::default() };
        let mut troubles = Vec::new();
        for process in &self.processes {
            let Standing { status, trouble } = process.standing.read().clone();
            troubles.extend(trouble.map(|(reason, _)| format!("{}: {reason}", process.address)));
            let Some(status) = status else { continue };
            sum.events += status.events;
            sum.duplicates += status.duplicates;
            sum.refused += status.refused;
            sum.late += status.late;
            sum.entities += status.entities;
            sum.queue_depth += status.queue_depth;
            sum.clock = sum.clock.max(status.clock);
            sum.watermark = match (sum.watermark, status.watermark) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        sum.trouble = (!troubles.is_empty()).then(|| troubles.join("; "));
        sum
    }
}

impl Gathered {
    /// Whether every process has been copied once: then pages show what there is, also while one of
    /// them is away.
    fn is_ready(&self) -> bool {
        self.inbox.is_gathered().unwrap_or(false)
    }
}

impl From<InboxError> for GatherError {
    fn from(error: InboxError) -> Self {
        Self::Inbox(error)
    }
}
