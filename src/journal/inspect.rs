//! What is in a journal, and is all of it sound? Reads everything and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::disk::Disk;
use crate::event::Record;
use crate::event::Symbols;
use crate::journal::JournalError;
use crate::journal::Position;
use crate::journal::entry;
use crate::journal::entry::Entry;
use crate::journal::replay::Progress;
use crate::journal::replay::Replay;
use crate::journal::segment;
use crate::time::Timestamp;

/// What was found, as far as the journal could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Whose journal it is: its identity and tenant.
    pub owner: Option<String>,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
    /// How many records of each kind there are.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Events in them.
    pub events: u64,
    /// Records of reference data in them.
    pub references: u64,
    /// Earliest event.
    pub earliest: Option<Timestamp>,
    /// Latest event or tick.
    pub latest: Option<Timestamp>,
    /// The unfinished commit at the end, if a crash left one; its records were never acknowledged.
    pub torn: Option<TornReport>,
    /// Why reading stopped before the end.
    pub error: Option<String>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Name of the file.
    pub file: String,
    /// Position of its first record.
    pub first: u64,
    /// Records that were read.
    pub records: u64,
    /// Bytes that were read, with the header.
    pub bytes: u64,
}

/// Bytes that do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TornReport {
    /// Name of the file.
    pub file: String,
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
}

/// Records between two reports of progress.
const STEP: u64 = 1_000;

/// Reads the journal in a folder, every record and every entry, and tells what is in it.
///
/// An error of the journal is part of the report; only a folder that cannot be listed is an error
/// here. `progress` is told how far it is, every so often.
pub fn inspect(
    disk: &dyn Disk,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, JournalError> {
    let mut report = Report::default();
    let segments = segment::list(disk, folder)?;
    let Some(first) = segments.first() else { return Ok(report) };
    if let Err(error) = read(disk, folder, *first, &mut report, progress) {
        report.error = Some(error);
    }
    Ok(report)
}

fn read(
    disk: &dyn Disk,
    folder: &Path,
    first: Position,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), String> {
    let mut replay = Replay::open(disk, folder, first).map_err(|error| error.to_string())?;
    report.owner = replay.owner();
    let symbols = Symbols::default();
    let mut read = 0_u64;
    note_place(&replay, report);
    loop {
        let result = replay.next_record();
        let found = match result {
            Ok(Some(record)) => {
                let entry = entry::decode(record.kind, record.payload, &symbols);
                let entry = entry.map_err(|error| format!("record {}: {error}", record.position));
                Some((record.position, record.kind, entry))
            }
            Ok(None) => None,
            Err(error) => return Err(error.to_string()),
        };
        note_place(&replay, report);
        let Some((position, kind, entry)) = found else { break };
        if let Some(segment) = report.segments.last_mut() {
            segment.records = position.number() + 1 - segment.first;
        }
        *report.kinds.entry(entry::kind_name(kind)).or_default() += 1;
        note_entry(&entry?, report);
        read += 1;
        if read.is_multiple_of(STEP) {
            progress(replay.progress());
        }
    }
    progress(replay.progress());
    report.torn = replay.torn().map(|torn| TornReport {
        file: torn.file.clone(),
        offset: torn.offset,
        bytes: torn.bytes,
    });
    Ok(())
}

fn note_place(replay: &Replay<'_>, report: &mut Report) {
    let Some((first, bytes)) = replay.place() else { return };
    let first_number = first.number();
    match report.segments.last_mut() {
        Some(last) if last.first == first_number => last.bytes = bytes,
        _ => {
            let file = segment::name(first);
            report.segments.push(Segment { file, first: first_number, records: 0, bytes });
        }
    }
}

fn note_entry(entry: &Entry, report: &mut Report) {
    let mut seen = |at: Timestamp| {
        report.earliest = Some(report.earliest.map_or(at, |before| before.min(at)));
        report.latest = Some(report.latest.map_or(at, |before| before.max(at)));
    };
    match entry {
        Entry::Records(records) | Entry::Read { records, .. } => {
            for record in records {
                match record {
                    Record::Event(event) => {
                        seen(event.time);
                        report.events += 1;
                    }
                    Record::Reference(_) => report.references += 1,
                    Record::Feedback(feedback) => seen(feedback.deed.at),
                }
            }
        }
        Entry::Tick(at) => {
            report.latest = Some(report.latest.map_or(*at, |before| before.max(*at)));
        }
        _ => {}
    }
}

impl Report {
    /// Records in all segments.
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }

    /// Whether everything could be read.
    pub fn is_sound(&self) -> bool {
        self.error.is_none()
    }
}
