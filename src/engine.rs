//! The engine: inputs in the one order go in, alerts come out.
//!
//! ```text
//! records ─► sequence: duplicates, watermark, ─► shard 0 ─┐
//! actions ─►           one order, routing      ├► shard 1 ─┼─► outputs, in order per entity
//! ticks   ─►                                   └► …       ─┘
//! ```
//!
//! A [`shard`] is pure: it reads no clock, no file and no socket, and the same inputs give the
//! same outputs. [`runtime`] owns the threads, [`port`] is what the edge sees of it.

pub mod live;
mod past;
pub mod firing;
pub mod look;
pub mod away;
pub mod entities;
pub mod tally;
pub mod learning;
pub mod sequence;
pub mod snapshot;
pub mod shard;
pub mod runtime;
pub mod config;
pub mod port;
pub mod view;
pub mod service;
pub mod rehearsal;
pub mod backtest;
pub mod explain;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::alert::Action;
use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Deed;
use crate::alert::Owner;
use crate::engine::snapshot::Cut;
use crate::engine::snapshot::Head;
use crate::engine::snapshot::Kept;
use crate::engine::snapshot::RuleStates;
use crate::event::EntityId;
use crate::event::Event;
use crate::event::Feedback;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::rule::set::RuleSet;
use crate::state::models::Models;
use crate::time::Timestamp;

/// What goes in. Everything that a shard cannot compute for itself is an input.
#[derive(Debug, Clone)]
pub enum Input {
    /// Something happened to an entity.
    Event {
        /// To whom.
        entity: EntityId,
        /// What.
        event: Box<Event>,
        /// How far event time had come before it.
        watermark: Timestamp,
        /// When it arrived, for latencies.
        arrived: Option<Instant>,
    },
    /// Reference data.
    Reference(Arc<Reference>),
    /// What a sales person did.
    Action(ActionInput),
    /// The same, read from a topic.
    Feedback(ActionInput),
    /// Event time has come so far: no older event is waited for.
    Watermark(Timestamp),
    /// What was learned across customers holds in this version from here on.
    Models {
        /// The version.
        models: Arc<Models>,
        /// How far event time had come before it: what was due by then sees the version before.
        watermark: Timestamp,
    },
    /// Other rules from here on.
    Rules {
        /// The whole new set.
        rules: Arc<RuleSet>,
        /// How far event time had come before it.
        watermark: Timestamp,
    },
    /// A customer goes for good, and nobody is told.
    Erase(Arc<Erasure>),
    /// Save what you hold as of here, while you go on.
    Save(Option<Cut>),
    /// What was saved once.
    Restore(Box<Restored>),
}

/// A customer who goes for good, and what the shards find out on the way.
#[derive(Debug)]
pub struct Erasure {
    /// Who.
    pub customer: EntityId,
    /// Names that were the customer's: its id, those of its agreements, what it was called.
    pub names: Mutex<BTreeSet<Symbol>>,
    /// Those of them that something else has, too.
    pub elsewhere: Mutex<BTreeSet<Symbol>>,
}

/// What a snapshot gives back to a shard.
#[derive(Debug, Clone)]
pub enum Restored {
    /// Reference data that all shards have in common.
    Catalog(Arc<Vec<Record>>),
    /// Entities of this shard, and how they were laid out.
    Entities(Vec<Kept>, Arc<Head>),
    /// Rules that rest, or are about to, and what they may go through.
    Rules(Arc<RuleStates>, Arc<Head>),
}

/// What comes out.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A new alert fires.
    Opened {
        /// The alert.
        alert: Box<Alert>,
        /// When the event that set it off arrived; absent when the passing of time did.
        arrived: Option<Instant>,
    },
    /// An alert stands elsewhere now.
    Changed {
        /// Which alert.
        id: AlertId,
        /// Where it stands.
        state: AlertState,
        /// Event time of the change.
        at: Timestamp,
    },
    /// Somebody did something with an alert; where that moves it, [`Output::Changed`] says so
    /// before.
    Acted {
        /// Which alert.
        id: AlertId,
        /// What, who and when.
        deed: Deed,
    },
    /// Who looks after whom: by this the inbox knows who may see what.
    Duty(Duty),
}

/// Who looks after whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// A customer who was there before is looked after by somebody else from now on.
    Customer {
        /// The customer's id in the source.
        id: String,
        /// Who looks after it.
        owner: Owner,
        /// The customer's event time at which that began.
        at: Timestamp,
    },
    /// A rep, as the reference data have it.
    Rep {
        /// The rep's id in the source.
        id: String,
        /// What people call the rep.
        name: Option<String>,
        /// Id of the rep's manager.
        manager: Option<String>,
        /// Where the rep sells.
        territories: Vec<String>,
        /// `senior`, `junior` …, as the source says it.
        seniority: Option<String>,
    },
}

/// What a sales person did, on its way to the entity's shard.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionInput {
    /// Whose alert it is.
    pub entity: EntityId,
    /// Name of the rule.
    pub rule: String,
    /// Which alert.
    pub alert: AlertId,
    /// What was done.
    pub action: Action,
    /// By whom.
    pub by: String,
    /// When, in event time.
    pub at: Timestamp,
}

impl From<Feedback> for ActionInput {
    fn from(feedback: Feedback) -> Self {
        let Feedback { alert, entity, rule, deed } = feedback;
        let Deed { action, by, at } = deed;
        Self { entity, rule: rule.into(), alert, action, by, at }
    }
}

impl From<ActionInput> for Feedback {
    fn from(input: ActionInput) -> Self {
        let ActionInput { entity, rule, alert, action, by, at } = input;
        Self { alert, entity, rule: rule.into(), deed: Deed { action, by, at } }
    }
}
