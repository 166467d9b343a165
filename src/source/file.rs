//! What does a file hold? Opens it by its name and beginning, and reads it batch by batch.
//!
//! ```text
//! orders.ndjson.zst ──► unpack ──► splitter ──► decoder ──► Batch of ≤ 512
//!  │      │      └ .zst, .gz, or the first bytes say so
//!  │      └ .ndjson .jsonl .json (lines or one list), .csv .tsv, .parquet
//!  └ customers…, products…, reps…: what its records are when they do not say
//! ```
//!
//! `-` is the standard input: NDJSON, or one JSON list.

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::event::Symbols;
use crate::event::decode;
use crate::event::decode::Decoder;
use crate::event::mapping::GroupBy;
use crate::event::mapping::Mapping;
use crate::event::mapping::RecordKind;
use crate::event::symbol;
use crate::source::BATCH_RECORDS;
use crate::source::Batch;
use crate::source::Refused;
use crate::source::SourceError;
use crate::source::columns::ColumnFile;
use crate::source::excerpt;
use crate::source::framing::Framing;
use crate::source::framing::Piece;
use crate::source::framing::Splitter;
use crate::source::group::Group;
use crate::source::table::Table;

/// A file being read.
pub struct FileSource {
    name: Arc<str>,
    decoder: Decoder,
    reading: Reading,
    group: Group,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    ended: bool,
}

enum Reading {
    Lines(Splitter<Stream>),
    Rows(Splitter<Stream>, Table),
    Columns(Box<ColumnFile>),
}

type Stream = Box<dyn Read + Send>;

/// The forms that a name can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Table,
    Parquet,
}

/// Counts what is read of the packed file, for progress bars.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Opens a file, or the standard input for `-`.
///
/// `hint` says what its records are when neither they nor the mapping nor the file's name do.
pub fn open(
    path: &Path,
    mapping: &Arc<Mapping>,
    hint: Option<RecordKind>,
    symbols: &Symbols,
) -> Result<FileSource, SourceError> {
    let shown = path.display().to_string();
    let cannot = |error| SourceError::Open { path: shown.clone(), error };
    if shown == "-" {
        let stream = Box::new(io::stdin());
        return from_reader("stdin", stream, None, (Form::Json, hint), mapping, symbols);
    }
    let file_name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let file_name = file_name.unwrap_or_default();
    let form = form(&file_name).ok_or_else(|| SourceError::Form { path: shown.clone() })?;
    let hint = hint.or_else(|| hint_of(&file_name));
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(cannot(io::Error::other("it is a folder, not a file")));
    }
    let total = metadata.is_file().then_some(metadata.len());
    if form != Form::Parquet {
        return from_reader(&shown, Box::new(file), total, (form, hint), mapping, symbols);
    }
    let source = mapping.source.as_deref().unwrap_or(stem(&file_name));
    Ok(FileSource {
        reading: Reading::Columns(Box::new(ColumnFile::open(&shown, file, mapping)?)),
        decoder: Decoder::new(Arc::clone(mapping), symbols.intern(source)).with_hint(hint),
        group: Group::new(mapping.group_by.or(Some(GroupBy::EventId))),
        name: Arc::from(shown),
        read: Arc::default(),
        total,
        ended: false,
    })
}

/// Reads a stream of which only the name is known.
#[expect(
    clippy::too_many_arguments,
    reason = "a constructor of private parts, called once or twice"
)]
fn from_reader(
    path: &str,
    stream: Stream,
    total: Option<u64>,
    (form, hint): (Form, Option<RecordKind>),
    mapping: &Arc<Mapping>,
    symbols: &Symbols,
) -> Result<FileSource, SourceError> {
    let read = Arc::new(AtomicU64::new(0));
    let broken = |error| failure(path, &read, error);
    let limit = mapping.record_bytes_max;
    let counted = Counted { reader: stream, read: Arc::clone(&read) };
    let mut stream = BufReader::with_capacity(64 << 10, unpack(counted).map_err(broken)?);
    let split =
        |stream, framing| Splitter::new(stream, framing, limit, Splitter::<Stream>::CAPACITY);
    let reading = if form == Form::Table {
        let mut splitter = split(Box::new(stream) as Stream, Framing::Rows);
        let table = match splitter.next().map_err(broken)? {
            Some(header) if !header.too_long => Table::new(path, header.bytes, mapping)?,
            _ => {
                let reason = "the file begins with no row of names".to_owned();
                return Err(SourceError::Header { path: path.to_owned(), reason });
            }
        };
        Reading::Rows(splitter, table)
    } else {
        if stream.fill_buf().map_err(broken)?.starts_with(b"\xef\xbb\xbf") {
            stream.consume(3);
        }
        let begin = stream.fill_buf().map_err(broken)?;
        let list = begin.trim_ascii_start().first() == Some(&b'[');
        let framing = if list { Framing::Elements } else { Framing::Lines };
        let mut splitter = split(Box::new(stream) as Stream, framing);
        if list {
            splitter.open_list().map_err(broken)?;
        }
        Reading::Lines(splitter)
    };
    let file_name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let source = mapping.source.as_deref().unwrap_or(stem(&file_name));
    Ok(FileSource {
        name: Arc::from(path),
        decoder: Decoder::new(Arc::clone(mapping), symbols.intern(source)).with_hint(hint),
        group: Group::new(mapping.group_by.filter(|_| form == Form::Table)),
        reading,
        read,
        total,
        ended: false,
    })
}

impl FileSource {
    /// The path as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes read of the file as it lies on disk.
    pub fn bytes_read(&self) -> u64 {
        match &self.reading {
            Reading::Columns(file) => {
                self.total.unwrap_or(0).saturating_mul(file.number) / file.rows.max(1)
            }
            _ => self.read.load(Ordering::Relaxed),
        }
    }

    /// Size of the file on disk; unknown for a pipe.
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }

    /// Appends up to [`BATCH_RECORDS`] records; `false` once the file is at its end.
    pub fn next_batch(&mut self, symbols: &Symbols, out: &mut Batch) -> Result<bool, SourceError> {
        let mut writer = symbols.write();
        self.decoder.reuse(&mut out.spares);
        let filled = self.fill(&mut writer, out);
        self.decoder.settle(&mut out.records, &mut writer);
        filled?;
        if self.ended {
            self.group.finish(&mut out.records);
        }
        Ok(!self.ended)
    }

    /// Appends up to [`BATCH_RECORDS`] records, some of whose customers are still open.
    fn fill(
        &mut self,
        writer: &mut symbol::Writer<'_>,
        out: &mut Batch,
    ) -> Result<(), SourceError> {
        for _ in 0..BATCH_RECORDS {
            if self.ended {
                break;
            }
            let broken = |error| failure(&self.name, &self.read, error);
            let decoder = &mut self.decoder;
            let (found, piece) = match &mut self.reading {
                Reading::Lines(splitter) => match splitter.next().map_err(broken)? {
                    Some(piece) if piece.too_long => (Err(too_long(decoder)), piece),
                    Some(piece) => {
                        let place = out.records.len();
                        (decoder.decode_in_batch(place, piece.bytes, writer), piece)
                    }
                    None => {
                        self.ended = true;
                        break;
                    }
                },
                Reading::Rows(splitter, table) => match splitter.next().map_err(broken)? {
                    Some(piece) if piece.too_long => (Err(too_long(decoder)), piece),
                    Some(piece) => {
                        let row = table.record(piece.number, piece.bytes, decoder, writer);
                        (row, piece)
                    }
                    None => {
                        self.ended = true;
                        break;
                    }
                },
                Reading::Columns(file) => match file.next(decoder, writer)? {
                    Some(found) => {
                        let number = file.number;
                        (found, Piece { bytes: b"", number, offset: 0, too_long: false })
                    }
                    None => {
                        self.ended = true;
                        break;
                    }
                },
            };
            let kept = found.and_then(|record| self.group.add(record, &mut out.records));
            if let Err(reason) = kept {
                out.refused.push(Refused {
                    source: Arc::clone(&self.name),
                    position: piece.number,
                    offset: piece.offset,
                    reason,
                    excerpt: excerpt(piece.bytes),
                });
            }
        }
        Ok(())
    }
}

fn too_long(decoder: &Decoder) -> decode::Refusal {
    decode::too_long(decoder.mapping().record_bytes_max)
}

fn failure(path: &str, read: &AtomicU64, error: io::Error) -> SourceError {
    SourceError::Read { path: path.to_owned(), at: read.load(Ordering::Relaxed), error }
}

/// Unpacks what begins like a packed file.
fn unpack(stream: Counted<Stream>) -> io::Result<Stream> {
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    Ok(match stream.fill_buf()? {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(stream)?),
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        _ => Box::new(stream),
    })
}

/// The form that a file's name tells.
fn form(file_name: &str) -> Option<Form> {
    let name = file_name.strip_suffix(".zst").or(file_name.strip_suffix(".gz"));
    match name.unwrap_or(file_name).rsplit_once('.')?.1 {
        "ndjson" | "jsonl" | "json" => Some(Form::Json),
        "csv" | "tsv" => Some(Form::Table),
        "parquet" if name.is_none() => Some(Form::Parquet),
        _ => None,
    }
}

/// A file's name up to its first dot.
fn stem(file_name: &str) -> &str {
    file_name.split('.').next().unwrap_or(file_name)
}

/// What a file's records are by its name: `customers.ndjson`, `orders_2024.csv`.
fn hint_of(file_name: &str) -> Option<RecordKind> {
    let word = stem(file_name);
    let first = word.split(['-', ' ']).next().unwrap_or(word);
    RecordKind::from_name(word)
        .or_else(|| RecordKind::from_name(first))
        .or_else(|| RecordKind::from_name(first.split('_').next().unwrap_or(first)))
}

#[cfg(test)]
mod tests;
