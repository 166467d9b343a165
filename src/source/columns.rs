//! What does a row of a Parquet file say? Columns are read in blocks and walked side by side.
//!
//! ```text
//! event_id   │ e1  e1  e2 │ …        row 1 ─┐
//! product_id │ p1  p2  p1 │ …        row 2 ─┴─► one event of two lines (same event_id)
//! quantity   │  1   2   1 │ …        row 3 ───► the next one
//! ```
//!
//! Flat columns only; a null and a NaN are absent fields.

use std::fs::File;

use parquet::basic::ConvertedType;
use parquet::basic::LogicalType;
use parquet::basic::TimeUnit;
use parquet::column::reader::ColumnReader;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::ByteArray;
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;

use crate::event::Record;
use crate::event::decode::Decoder;
use crate::event::decode::Refusal;
use crate::event::decode::form::Value;
use crate::event::decode::json::Json;
use crate::event::mapping::Mapping;
use crate::event::symbol;
use crate::money::Decimal;
use crate::source::SourceError;
use crate::source::table::Columns;
use crate::time::Timestamp;

/// Rows of one block.
const BLOCK_ROWS: usize = 1024;

/// A Parquet file being read.
pub(crate) struct ColumnFile {
    path: String,
    reader: SerializedFileReader<File>,
    columns: Columns,
    /// Place of each flat column in the file.
    places: Vec<usize>,
    group: usize,
    readers: Vec<ColumnReader>,
    block: Vec<Vec<Cell>>,
    /// Next row of the block.
    row: usize,
    /// Rows taken so far.
    pub(crate) number: u64,
    pub(crate) rows: u64,
}

/// One value of a column.
#[derive(Debug, Clone)]
enum Cell {
    Absent,
    Flag(bool),
    Whole(i64),
    Decimal(Decimal),
    Time(Timestamp),
    Absurd(f64),
    Text(ByteArray),
}

/// What the numbers of a column mean.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Plain,
    Days,
    /// Instants, so many to a millisecond; or, when negative, so many milliseconds each.
    Instants(i64),
    /// Decimals with so many places.
    Places(i32),
}

impl ColumnFile {
    pub(crate) fn open(path: &str, file: File, mapping: &Mapping) -> Result<Self, SourceError> {
        let broken = |error: ParquetError| failure(path, &error);
        let reader = SerializedFileReader::new(file).map_err(broken)?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema_descr();
        let flat = |place: &usize| {
            let column = schema.column(*place);
            column.max_rep_level() == 0 && column.max_def_level() <= 1
        };
        let places: Vec<usize> = (0..schema.num_columns()).filter(flat).collect();
        let names = places.iter().map(|place| schema.column(*place).name().to_owned()).collect();
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let columns = Columns::new(path, names, mapping)?;
        Ok(Self {
            path: path.to_owned(),
            columns,
            places,
            group: 0,
            readers: Vec::new(),
            block: Vec::new(),
            row: 0,
            number: 0,
            rows,
            reader,
        })
    }

    /// Decodes the next row; `None` at the end.
    pub(crate) fn next(
        &mut self,
        decoder: &mut Decoder,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Option<Result<Record, Refusal>>, SourceError> {
        while self.block.first().is_none_or(|column| self.row >= column.len()) {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let row = self.row;
        self.row += 1;
        self.number += 1;
        for column in &self.block {
            if let Some(Cell::Text(bytes)) = column.get(row)
                && let Err(error) = str::from_utf8(bytes.data())
            {
                return Ok(Some(Err(Refusal::BadUtf8 { at: error.valid_up_to() })));
            }
        }
        let cells = self.block.iter().map(|column| column.get(row).and_then(value));
        Ok(Some(self.columns.record(self.number, cells, decoder, symbols)))
    }

    /// Reads the next block of rows; `false` at the end of the file.
    fn next_block(&mut self) -> Result<bool, SourceError> {
        let path = self.path.clone();
        let broken = |error: ParquetError| failure(&path, &error);
        loop {
            if self.readers.is_empty() {
                if self.group >= self.reader.num_row_groups() {
                    return Ok(false);
                }
                let group = self.reader.get_row_group(self.group).map_err(broken)?;
                for place in &self.places {
                    self.readers.push(group.get_column_reader(*place).map_err(broken)?);
                }
                self.group += 1;
            }
            self.block.clear();
            self.row = 0;
            for (reader, place) in self.readers.iter_mut().zip(&self.places) {
                let schema = self.reader.metadata().file_metadata().schema_descr();
                let column = schema.column(*place);
                self.block.push(cells(reader, &column).map_err(broken)?);
            }
            let rows = self.block.first().map_or(0, Vec::len);
            if self.block.iter().any(|column| column.len() != rows) {
                let reason = "its columns differ in length".to_owned();
                return Err(SourceError::Parquet { path, reason });
            }
            if rows > 0 {
                return Ok(true);
            }
            self.readers.clear();
        }
    }
}

fn failure(path: &str, error: &ParquetError) -> SourceError {
    SourceError::Parquet { path: path.to_owned(), reason: error.to_string() }
}

fn value(cell: &Cell) -> Option<Value<'_>> {
    Some(match cell {
        Cell::Absent => return None,
        Cell::Absurd(number) if number.is_nan() => return None,
        Cell::Flag(flag) => Value::Json(Json::Flag(*flag)),
        Cell::Whole(number) => Value::Whole(*number),
        Cell::Decimal(number) => Value::Decimal(*number),
        Cell::Time(time) => Value::Time(*time),
        Cell::Absurd(number) => Value::Absurd(*number),
        Cell::Text(bytes) => match str::from_utf8(bytes.data()) {
            Ok("") | Err(_) => return None,
            Ok(text) => Value::text(text),
        },
    })
}

/// The next block of one column.
fn cells(reader: &mut ColumnReader, column: &ColumnDescriptor) -> Result<Vec<Cell>, ParquetError> {
    let optional = column.max_def_level() > 0;
    let meaning = meaning(column)?;
    match reader {
        ColumnReader::BoolColumnReader(reader) => read(reader, optional, |b| Cell::Flag(*b)),
        ColumnReader::Int32ColumnReader(reader) => {
            read(reader, optional, |n| whole(i64::from(*n), meaning))
        }
        ColumnReader::Int64ColumnReader(reader) => read(reader, optional, |n| whole(*n, meaning)),
        ColumnReader::Int96ColumnReader(reader) => {
            read(reader, optional, |n| Cell::Time(Timestamp::saturating(n.to_millis())))
        }
        ColumnReader::FloatColumnReader(reader) => {
            // By its shortest notation: 0.1 is meant, not 0.10000000149.
            read(reader, optional, |n| {
                Decimal::parse(&n.to_string()).map_or(Cell::Absurd(f64::from(*n)), Cell::Decimal)
            })
        }
        ColumnReader::DoubleColumnReader(reader) => read(reader, optional, |n| {
            Decimal::from_f64(*n).map_or(Cell::Absurd(*n), Cell::Decimal)
        }),
        ColumnReader::ByteArrayColumnReader(reader) => {
            read(reader, optional, |bytes| Cell::Text(bytes.clone()))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            read(reader, optional, |bytes| big_endian(bytes.data(), meaning))
        }
    }
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    optional: bool,
    cell: impl Fn(&T::T) -> Cell,
) -> Result<Vec<Cell>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let known = if optional { Some(&mut levels) } else { None };
    reader.read_records(BLOCK_ROWS, known, None, &mut values)?;
    let mut values = values.iter().map(cell);
    if !optional {
        return Ok(values.collect());
    }
    let present = |level: &i16| if *level > 0 { values.next() } else { None };
    Ok(levels.iter().map(present).map(|found| found.unwrap_or(Cell::Absent)).collect())
}

fn meaning(column: &ColumnDescriptor) -> Result<Meaning, ParquetError> {
    let places = |scale: i32| match scale {
        0..=12 => Ok(Meaning::Places(scale)),
        _ => Err(ParquetError::General(format!(
            "the column `{}` has {scale} decimal places: write at most 12",
            column.name()
        ))),
    };
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(stamp)), _) => Ok(match stamp.unit {
            TimeUnit::MILLIS => Meaning::Instants(1),
            TimeUnit::MICROS => Meaning::Instants(1_000),
            TimeUnit::NANOS => Meaning::Instants(1_000_000),
        }),
        (_, ConvertedType::TIMESTAMP_MILLIS) => Ok(Meaning::Instants(1)),
        (_, ConvertedType::TIMESTAMP_MICROS) => Ok(Meaning::Instants(1_000)),
        (_, ConvertedType::DATE) => Ok(Meaning::Days),
        (_, ConvertedType::DECIMAL) => places(column.type_scale()),
        _ => Ok(Meaning::Plain),
    }
}

fn whole(number: i64, meaning: Meaning) -> Cell {
    match meaning {
        Meaning::Plain => Cell::Whole(number),
        Meaning::Days => Cell::Time(Timestamp::saturating(number.saturating_mul(86_400_000))),
        Meaning::Instants(parts) => Cell::Time(Timestamp::saturating(number.div_euclid(parts))),
        Meaning::Places(places) => scaled(i128::from(number), places),
    }
}

fn scaled(number: i128, places: i32) -> Cell {
    let up = 10_i128.pow(u32::try_from(6 - places.min(6)).unwrap_or(0));
    let down = 10_i128.pow(u32::try_from(places.max(6) - 6).unwrap_or(0));
    let micros = number.checked_mul(up).map(|n| n / down);
    let fair = micros.and_then(|n| i64::try_from(n).ok());
    #[expect(clippy::cast_precision_loss, reason = "shown in a refusal, not computed with")]
    fair.map_or(Cell::Absurd(number as f64), |n| Cell::Decimal(Decimal::from_micros(n)))
}

/// A decimal as bytes, the highest first.
fn big_endian(bytes: &[u8], meaning: Meaning) -> Cell {
    let (Meaning::Places(places), 1..=16) = (meaning, bytes.len()) else { return Cell::Absent };
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    scaled(bytes.iter().fold(sign, |sum, byte| (sum << 8) | i128::from(*byte)), places)
}
