//! Where do records come from? Files in several forms, bodies of HTTP requests, Fluvio's topics.
//!
//! ```text
//! NDJSON, JSON ─┐                                    ┌─► records  ──► merge, by time ──► engine
//! CSV, TSV     ─┼─ file ─┐                           │
//! Parquet      ─┘        ├─► framing ─► decode ─► Batch
//! HTTP bodies ─── body ──┘                           │
//!                                                    └─► refused  ──► dead letters
//! Fluvio topics ─── log: a lane a partition ─► decode, merge ─► records with their positions
//! ```
//!
//! A record that is refused never stops a stream; a file that cannot be read does. Memory stays
//! flat whatever comes: every record, row and batch has a limit.

pub(crate) mod framing;
pub(crate) mod group;
pub(crate) mod table;
pub(crate) mod columns;
pub mod file;
pub mod cloud_events;
pub mod body;
pub mod merge;
pub mod dead_letter;
pub mod log;
pub mod fluvio;

use std::io;
use std::sync::Arc;

use crate::event::Record;
use crate::event::Spares;
use crate::event::decode::Refusal;

/// Records decoded in one go, at most.
pub const BATCH_RECORDS: usize = 512;

/// What one go brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// Sound records, in the order of the source.
    pub records: Vec<Record>,
    /// The others.
    pub refused: Vec<Refused>,
    /// Events done with, whose boxes the next ones may have.
    pub spares: Spares,
}

/// A record that was refused, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The file or connection.
    pub source: Arc<str>,
    /// Line, row or place in the list, from 1; in a partition, the offset.
    pub position: u64,
    /// Byte of the (unpacked) source where it begins; 0 where the form has no such place.
    pub offset: u64,
    /// Why.
    pub reason: Refusal,
    /// Its beginning, at most 4 KiB.
    pub excerpt: String,
}

/// Why a source cannot be read (on).
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {error}")]
    Open {
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// Reading broke off.
    #[error("cannot read {path} beyond byte {at}: {error}; is the file whole?")]
    Read {
        /// The file.
        path: String,
        /// Bytes read so far.
        at: u64,
        /// What the system or the unpacker says.
        error: io::Error,
    },
    /// Neither name nor beginning tells the form.
    #[error(
        "cannot tell the form of {path}: name it .ndjson, .jsonl, .json, .csv, .tsv or .parquet, \
         with .zst or .gz behind it when it is packed"
    )]
    Form {
        /// The file.
        path: String,
    },
    /// A table without the column that the mapping names.
    #[error("{path} has no column `{column}`, which the mapping names; its columns are {columns}")]
    Column {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// What the header has.
        columns: String,
    },
    /// A table whose header cannot be used.
    #[error("the header of {path} cannot be used: {reason}")]
    Header {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A Parquet file that breaks its format, or is of a form that is not read.
    #[error("cannot read {path} as Parquet: {reason}")]
    Parquet {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Bytes of a refused record that are kept.
pub(crate) const EXCERPT_BYTES_MAX: usize = 4096;

/// The beginning of a refused record, made printable.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let kept = &bytes[..bytes.len().min(EXCERPT_BYTES_MAX)];
    String::from_utf8_lossy(kept).into_owned()
}

impl Batch {
    /// Empties it for the next go, keeping its memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.refused.clear();
    }
}
