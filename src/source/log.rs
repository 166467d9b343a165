//! A log in partitions (Fluvio; Kafka would be another): how does it become one stream?
//!
//! ```text
//! partition 0 ─► reader ─► lane ─┐
//! partition 1 ─► reader ─► lane ─┼─► merge, by time ─► Taker: records and positions, together
//! partition 2 ─► reader ─► lane ─┘        │
//!                                         └─► hold, clock and health: what is missing, and since when
//! ```
//!
//! **Positions are ours.** What was taken and how far each partition was read are handed over
//! together, to be kept together: the broker stores nothing for us.
//!
//! **Missing is not silent.** While a partition cannot be read, nobody knows what its customers
//! do. The others wait for it; when they go on without it, event time stands still: no timer may
//! take a broker's outage for a customer's silence.

pub(crate) mod lanes;
pub(crate) mod merge;

use std::sync::Arc;
use std::time::Instant;

use crate::event::Record;
use crate::source::Refused;
use crate::time::Timestamp;

/// How far a partition was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: u32,
    /// Offset of the first record that was not taken yet.
    pub next: i64,
}

/// What was read in one go.
#[derive(Debug, Default)]
pub struct Read {
    /// Sound records, by time as far as they are known.
    pub records: Vec<Record>,
    /// The others.
    pub refused: Vec<Refused>,
    /// How far the partitions are read that these came from, each once.
    pub positions: Vec<Position>,
    /// When the first of them arrived.
    pub arrived: Option<Instant>,
}

/// How the reading is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Whether every partition has been read up to its end, since the start.
    pub caught_up: bool,
    /// What keeps the source from being in order, for people.
    pub trouble: Option<String>,
    /// Everything that was sent before this moment has been taken; never, before the first catch-up.
    pub clock: Option<Timestamp>,
}

/// Who takes what is read.
pub trait Taker: Send + Sync {
    /// Takes records and positions, all of them or none; may block where there is no room.
    fn take(&self, read: Read) -> Result<(), Stopped>;

    /// Event time stands still (`true`), or goes on.
    fn hold(&self, held: bool) -> Result<(), Stopped>;

    /// Event time has come so far, before the next records: all that is older was taken.
    fn pass(&self, to: Timestamp) -> Result<(), Stopped>;

    /// Tells how the reading is, whenever that changes.
    fn report(&self, health: Health);
}

/// Nobody takes anything any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing is taken any more")]
pub struct Stopped;
