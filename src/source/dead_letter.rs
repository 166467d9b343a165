//! What became of refused records? They are written down, with the reason, and counted.
//!
//! ```text
//! {"source":"orders.ndjson","position":17,"offset":4211,"code":"bad_json","reason":"…","record":"…"}
//! ```
//!
//! The file is bounded: beyond the limit refusals are counted and no longer written. They may be
//! sent elsewhere, too; whoever takes them there must not make the source wait.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use serde::Serialize;

use crate::source::Refused;

/// Bytes of a dead letter file, unless told otherwise.
pub const BYTES_MAX: u64 = 256 << 20;

/// Refused records, counted by code and written to a file.
pub struct DeadLetters {
    file: Option<(String, BufWriter<File>)>,
    bytes_max: u64,
    bytes: u64,
    counts: BTreeMap<&'static str, u64>,
    /// Refusals that found no room in the file.
    pub unwritten: u64,
    onwards: Option<Letters>,
    /// Refusals that found no room on their way to elsewhere.
    pub unsent: u64,
}

/// The way to elsewhere.
pub type Letters = SyncSender<Forward>;

/// A refused record on its way to elsewhere.
#[derive(Debug)]
pub struct Forward {
    /// Where it came from.
    pub source: Arc<str>,
    /// What is written of it, without a newline.
    pub line: Vec<u8>,
}

/// Why refused records cannot be written down.
#[derive(Debug, thiserror::Error)]
#[error("cannot write refused records to {path}: {error}")]
pub struct DeadLetterError {
    /// The file.
    pub path: String,
    /// What the system says.
    pub error: io::Error,
}

#[derive(Serialize)]
struct Letter<'a> {
    source: &'a str,
    position: u64,
    offset: u64,
    code: &'static str,
    reason: String,
    record: &'a str,
}

impl DeadLetters {
    /// Only counts.
    pub fn counting() -> Self {
        Self {
            file: None,
            bytes_max: 0,
            bytes: 0,
            counts: BTreeMap::new(),
            unwritten: 0,
            onwards: None,
            unsent: 0,
        }
    }

    /// Counts, and writes to a new file of at most `bytes_max`.
    pub fn create(path: &Path, bytes_max: u64) -> Result<Self, DeadLetterError> {
        let shown = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self {
                file: Some((shown, BufWriter::new(file))),
                bytes_max,
                ..Self::counting()
            }),
            Err(error) => Err(DeadLetterError { path: shown, error }),
        }
    }

    /// Sends each letter elsewhere, too, as far as there is room.
    #[must_use]
    pub fn onwards(mut self, letters: Letters) -> Self {
        self.onwards = Some(letters);
        self
    }

    /// Takes one refused record.
    pub fn add(&mut self, refused: &Refused) -> Result<(), DeadLetterError> {
        *self.counts.entry(refused.reason.code()).or_default() += 1;
        if self.file.is_none() && self.onwards.is_none() {
            return Ok(());
        }
        let letter = Letter {
            source: &refused.source,
            position: refused.position,
            offset: refused.offset,
            code: refused.reason.code(),
            reason: refused.reason.to_string(),
            record: &refused.excerpt,
        };
        let path = self.file.as_ref().map_or("elsewhere", |(path, _)| path.as_str()).to_owned();
        let failed = |error| DeadLetterError { path: path.clone(), error };
        let mut line = serde_json::to_vec(&letter).map_err(|error| failed(error.into()))?;
        if let Some(onwards) = &self.onwards {
            let forward = Forward { source: Arc::clone(&refused.source), line: line.clone() };
            self.unsent += u64::from(onwards.try_send(forward).is_err());
        }
        let Some((_, file)) = &mut self.file else { return Ok(()) };
        line.push(b'\n');
        if self.bytes + line.len() as u64 > self.bytes_max {
            self.unwritten += 1;
            return Ok(());
        }
        self.bytes += line.len() as u64;
        file.write_all(&line).map_err(failed)
    }

    /// Writes out what is still buffered.
    pub fn flush(&mut self) -> Result<(), DeadLetterError> {
        match &mut self.file {
            None => Ok(()),
            Some((path, file)) => {
                file.flush().map_err(|error| DeadLetterError { path: path.clone(), error })
            }
        }
    }

    /// Refusals by code.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// All refusals.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::Refusal;

    #[test]
    fn letters_are_lines_and_stop_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.ndjson");
        let mut letters = DeadLetters::create(&path, 400).unwrap();
        let refused = Refused {
            source: "orders.ndjson".into(),
            position: 17,
            offset: 4211,
            reason: Refusal::BadUtf8 { at: 3 },
            excerpt: "ab\"\n\u{fffd}".to_owned(),
        };
        for _ in 0..5 {
            letters.add(&refused).unwrap();
        }
        letters.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["code"], "bad_utf8");
        assert_eq!(lines[0]["record"], "ab\"\n\u{fffd}");
        assert_eq!((letters.total(), lines.len() as u64 + letters.unwritten), (5, 5));
        assert!(letters.unwritten > 0 && text.len() <= 400);
    }
}
