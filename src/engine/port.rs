//! The engine as the edge sees it: what may an HTTP handler ask of it, and what may come back?
//!
//! ```text
//! POST /v1/events    ─► ingest ─┐
//! a rep's click      ─► act    ─┼─► the running engine, or a stand-in in tests
//! GET  /v1/customers ─► entity ─┤
//! /-/ready, pages    ─► status ─┘
//! ```
//!
//! Every call may block for a moment (a bounded queue, a lock), so the edge makes them on threads
//! that may block.

use serde::Deserialize;
use serde::Serialize;

use crate::alert::Evidence;
use crate::alert::Family;
use crate::alert::Value;
use crate::engine::ActionInput;
use crate::event::EntityKind;
use crate::model::report::Report;
use crate::model::report::Version;
use crate::money::Currency;
use crate::time::Timestamp;

/// The running engine.
pub trait Port: Send + Sync {
    /// Decodes a body and hands its records in; blocks at most for the bounded queue.
    ///
    /// `headers` are those of the request, names in lower case; `source` names the sender where
    /// the records do not.
    fn ingest(
        &self,
        content_type: &str,
        headers: &[(String, String)],
        body: &[u8],
        source: &str,
    ) -> Result<IngestReport, IngestError>;

    /// Hands in what a sales person did with an alert.
    fn act(&self, input: ActionInput) -> Result<(), IngestError>;

    /// What is known of one entity at this moment.
    fn entity(&self, kind: EntityKind, id: &str) -> Option<EntityView>;

    /// Why what is known of an entity cannot be told at this moment, for people; none where it can.
    fn away(&self, _kind: EntityKind, _id: &str) -> Option<String> {
        None
    }

    /// The rules that run, and how they do.
    fn rules(&self) -> RulesView;

    /// What was learned across customers.
    fn models(&self) -> LearnedView;

    /// How the engine is.
    fn status(&self) -> EngineStatus;
}

/// What was learned across customers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LearnedView {
    /// The versions, the newest last; of many the newest.
    pub versions: Vec<Version>,
    /// The newest; absent before anything is learned.
    pub current: Option<Report>,
}

/// What became of the records of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngestReport {
    /// Records that will be applied.
    pub accepted: u64,
    /// Records that were known already.
    pub duplicates: u64,
    /// Records that were not understood.
    pub refused: Vec<RefusedRecord>,
}

/// One record that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Its place in the body, from 1.
    pub position: u64,
    /// A word for programs: `time_format`.
    pub code: String,
    /// A sentence for people.
    pub reason: String,
}

/// Why the engine took nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The queue is full.
    #[error("the engine is behind: send again in {retry_after_s} s")]
    Overloaded {
        /// When there should be room again.
        retry_after_s: u32,
    },
    /// The journal has no room.
    #[error("the disk is full, nothing was taken: send again in {retry_after_s} s")]
    Full {
        /// When there may be room again.
        retry_after_s: u32,
    },
    /// What the journal holds comes first.
    #[error("the engine is catching up: send again in {retry_after_s} s")]
    CatchingUp {
        /// When to ask again.
        retry_after_s: u32,
    },
    /// No decoder for this content type.
    #[error(
        "`{0}` cannot be read: send `application/json`, `application/x-ndjson`, \
         `application/cloudevents+json` or `application/cloudevents-batch+json`"
    )]
    Unsupported(String),
    /// More than one body may hold.
    #[error("the body is too large: send fewer records at once")]
    TooLarge,
    /// Another process may have this customer.
    #[error(
        "several processes share the customers by the partitions of their topics: write records to \
         the topics, by their keys"
    )]
    LogsOnly,
    /// The program is about to end.
    #[error("the engine is stopping: send again when it is back")]
    Stopped,
    /// The engine knows no such entity or alert.
    #[error("the engine does not know {0}")]
    Unknown(String),
    /// The process that it is for cannot be asked.
    #[error("{0}")]
    Away(String),
    /// The process that it is for does not do that.
    #[error("{0}")]
    Refused(String),
}

/// One customer, rep or product, as it is at this moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EntityView {
    /// Its id in the source.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Line of business or the like.
    pub segment: Option<String>,
    /// Importance.
    pub tier: Option<String>,
    /// Sales territory.
    pub territory: Option<String>,
    /// The rep who looks after it.
    pub owner: Option<String>,
    /// Time of its first event.
    pub first_seen: Option<Timestamp>,
    /// Time of its newest event.
    pub last_seen: Option<Timestamp>,
    /// Orders within the history that is kept.
    pub orders: u64,
    /// Currency of its newest order.
    pub currency: Option<Currency>,
    /// Revenue of the last 30 days.
    pub net_30d: Option<Value>,
    /// Revenue of the last 365 days.
    pub net_365d: Option<Value>,
    /// Its newest events, newest first.
    pub recent: Vec<Evidence>,
    /// What the rules watch, by name, as people read it.
    pub windows: Vec<(String, String)>,
    /// What a customer could be offered next, the best first; empty until that is learned.
    pub offers: Vec<OfferView>,
    /// Live rules that say nothing of it for now.
    pub resting: Vec<RestView>,
}

/// A rule that is quiet about an entity by its `cooldown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestView {
    /// The rule.
    pub rule: String,
    /// When its last alert closed.
    pub closed_at: Timestamp,
    /// Until when it is quiet.
    pub until: Timestamp,
    /// Whether its condition holds, so that an alert is kept back; `None` where only an event tells.
    pub holds: Option<bool>,
}

/// A category that a customer lacks and comparable customers have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferView {
    /// What to offer.
    pub category: String,
    /// What of the customer's says most for it.
    pub because: String,
    /// Customers that have what says most for it.
    pub peers: u32,
    /// Of those, how many have the offer, too.
    pub buyers: u32,
    /// What its buyers spend on it in a year, the median; absent in another currency.
    pub net: Option<Value>,
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EngineStatus {
    /// Events applied since the start.
    pub events: u64,
    /// Repeats ignored since the start.
    pub duplicates: u64,
    /// Records refused since the start.
    pub refused: u64,
    /// Events that came after the watermark had passed them.
    pub late: u64,
    /// Event time up to which everything has arrived; `None` before the first event.
    pub watermark: Option<Timestamp>,
    /// What "now" is for ages and actions: event time, as far as the engine has seen it.
    pub clock: Option<Timestamp>,
    /// Entities with a history.
    pub entities: u64,
    /// Records that wait.
    pub queue_depth: u64,
    /// Whether it has caught up and takes records.
    pub ready: bool,
    /// What keeps a source from being read, for people.
    pub trouble: Option<String>,
}

/// The rules that run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesView {
    /// Each of them, in the order of files and groups.
    pub rules: Vec<RuleView>,
    /// The latest attempt to load them.
    pub reload: Reload,
}

/// An attempt to load the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Why it was refused; none when these rules run.
    pub problem: Option<String>,
}

/// One rule and how it does, counted since the start of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// Whose history it looks at.
    pub entity: EntityKind,
    /// `live`, `shadow` or `off`.
    pub mode: &'static str,
    /// Whether it works.
    pub state: RuleState,
    /// Why it rests.
    pub reason: Option<&'static str>,
    /// How often it was asked.
    pub evaluations: u64,
    /// How often it had no value.
    pub failures: u64,
    /// Alerts that it opened.
    pub alerts: u64,
    /// Items of lists that it went through: what it costs.
    pub items: u64,
}

/// Whether a rule works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleState {
    /// It does.
    Running,
    /// It had no value when it was last asked.
    Failing,
    /// It rests, alone, until the rules change.
    Quarantined,
}

impl RuleState {
    /// Its word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Quarantined => "quarantined",
        }
    }
}
