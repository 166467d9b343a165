//! The engine: inputs in the one order go in, alerts come out.
//!
//! ```text
//! records ─► runtime: sequence, duplicates, watermark ─► shard 0 ─┐
//! actions ─►          (one thread)                    ├► shard 1 ─┼─► outputs, in order per entity
//! ticks   ─►                                          └► …       ─┘
//! ```
//!
//! [`step`] is pure: it reads no clock, no file and no socket. [`runtime`] owns the threads.

use std::time::Instant;

use crate::alert::Action;
use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::event::EntityId;
use crate::time::Timestamp;

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
