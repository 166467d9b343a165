//! Snapshots: the whole engine as it stood at one place of the one order, on disk.
//!
//! ```text
//! cut ──► sequencer ──────────────────────────► head ──┐
//!    └──► every shard, a little at a time ──► blocks ──┼─► file.new ─► sync ─► rename ─► sync folder
//!         (what an input is about to change,           │
//!          is written before it is changed)   names ───┘
//!
//! start ─► newest file whose checksums are right ─► engine ─► the journal from there on
//! ```
//!
//! The stream goes on meanwhile: a shard writes a few entities after each batch, and one that an
//! input touches before its turn is written as it stood at the cut. So the file is of one instant,
//! and recovery is: load it, replay the journal behind it.
//!
//! A snapshot counts once everything before it is durable: the journal up to the cut, and what the
//! engine told by then. Three are kept; the journal is kept from the oldest of them on.

pub mod block;
mod entity;
mod head;
pub(crate) mod saving;
pub mod file;

use std::fmt;
use std::sync::mpsc::SyncSender;

use crate::journal::JournalId;
use crate::journal::Position;
use crate::journal::entry::EntryError;
use crate::journal::entry::SetupEntry;
use crate::source::log;

pub use self::block::BlockKind;
pub use self::entity::Kept;
pub(crate) use self::entity::get_block;
pub(crate) use self::entity::get_one;
pub(crate) use self::entity::get_profile;
pub(crate) use self::entity::put_one;
pub use self::head::Head;
pub use self::head::RuleState;
pub use self::head::RuleStates;
pub(crate) use self::head::get_rules;

/// A piece of a snapshot, from a shard on its way to the file.
#[derive(Debug)]
pub enum Piece {
    /// A block of the file.
    Block(BlockKind, Vec<u8>),
    /// The shard has written everything.
    Done,
}

/// An order to one shard: save what you hold as of here.
#[derive(Clone)]
pub struct Cut {
    /// Where its pieces go.
    pub pieces: SyncSender<Piece>,
    /// Its number, and how many shards there are; the first saves what all have in common.
    pub share: (u32, u32),
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cut({:?})", self.share)
    }
}

/// What belongs to a cut beside the engine's own state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose journal.
    pub journal: JournalId,
    /// Everything before this position is in the snapshot.
    pub position: Position,
    /// What the engine is set up with.
    pub setup: SetupEntry,
    /// How far the partitions of logs were read.
    pub read: Vec<log::Position>,
}

/// Why there is no snapshot, or why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk failed.
    #[error("cannot {doing} {file}: {error}")]
    Disk {
        /// What was to be done.
        doing: &'static str,
        /// With which file.
        file: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// What the file holds is not what was written.
    #[error("{file} is corrupt at byte {offset}: {why}")]
    Corrupt {
        /// Which file.
        file: String,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// Written by a later version of the program.
    #[error("{file} has format {version}, and this program reads up to {known}: use a newer one")]
    Newer {
        /// Which file.
        file: String,
        /// Its format.
        version: u32,
        /// The newest format that is known.
        known: u32,
    },
    /// Its checksums are right, and still it cannot be understood.
    #[error("{file} cannot be understood: {error}")]
    Entry {
        /// Which file.
        file: String,
        /// Why.
        error: EntryError,
    },
    /// The rules in it are not good for this program.
    #[error(
        "the rules in {file} are refused by this program: run the version that wrote it\n{problems}"
    )]
    Rules {
        /// Which file.
        file: String,
        /// What is wrong with them.
        problems: String,
    },
    /// The journal beside it is another one.
    #[error("{file} belongs to journal {found}, and the journal here is {want}: move it away")]
    Foreign {
        /// Which file.
        file: String,
        /// Its journal.
        found: JournalId,
        /// The journal here.
        want: JournalId,
    },
    /// It was given up before it was whole.
    #[error("{0}: the next one will be taken")]
    Abandoned(&'static str),
    /// The engine or the journal has stopped.
    #[error("the engine has stopped")]
    Stopped,
}
