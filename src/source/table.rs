//! What does a row of a CSV or TSV file say? (RFC 4180, with a header row.)
//!
//! ```text
//! order_no;when;qty     ◄── names the columns, and shows the delimiter: , ; tab or |
//! 17;03/01/2025;2       ◄── an order of one line, or a line of an order (`group_by`)
//! ```
//!
//! An empty cell is an absent field. Without a column for event ids an event is `row-<number>`.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::event::Record;
use crate::event::decode::Decoder;
use crate::event::decode::Refusal;
use crate::event::decode::form::Form;
use crate::event::decode::form::Value;
use crate::event::decode::json::Cursor;
use crate::event::decode::json::Json;
use crate::event::decode::json::Text;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::symbol;
use crate::source::SourceError;

type Cells<'a> = SmallVec<[Cow<'a, str>; 32]>;

/// The columns of a table and the fields that each feeds.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    /// Whether rows carry ids of events.
    identified: bool,
}

#[derive(Debug)]
struct Column {
    name: String,
    fields: SmallVec<[Field; 2]>,
}

/// The header of a delimited table.
#[derive(Debug)]
pub(crate) struct Table {
    delimiter: u8,
    columns: Columns,
}

impl Columns {
    /// Checks the names of the columns against the mapping.
    pub(crate) fn new(
        path: &str,
        names: Vec<String>,
        mapping: &Mapping,
    ) -> Result<Self, SourceError> {
        for (theirs, field) in &mapping.names {
            if theirs != field.name() && !names.contains(theirs) {
                let columns: Vec<&str> = names.iter().take(40).map(String::as_str).collect();
                return Err(SourceError::Column {
                    path: path.to_owned(),
                    column: theirs.clone(),
                    columns: columns.join(", "),
                });
            }
        }
        let mut columns: Vec<Column> = Vec::with_capacity(names.len());
        for name in names {
            if !name.is_empty() && columns.iter().any(|column| column.name == name) {
                let reason = format!("the column `{name}` stands twice: rename one of them");
                return Err(SourceError::Header { path: path.to_owned(), reason });
            }
            let fed = mapping.names.iter().filter(|(theirs, _)| *theirs == name);
            let mut fields: SmallVec<[Field; 2]> = fed.map(|(_, field)| *field).collect();
            if fields.is_empty() {
                fields.push(Field::Unknown);
            }
            columns.push(Column { name, fields });
        }
        let identified = columns.iter().any(|column| column.fields.contains(&Field::EventId));
        Ok(Self { columns, identified })
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Builds the record of one row from its cells, absent ones being `None`.
    pub(crate) fn record<'a>(
        &'a self,
        number: u64,
        cells: impl Iterator<Item = Option<Value<'a>>>,
        decoder: &mut Decoder,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        let id = if self.identified { String::new() } else { format!("row-{number}") };
        let mut form = Form::default();
        for (column, cell) in self.columns.iter().zip(cells) {
            let Some(value) = cell else { continue };
            for field in &column.fields {
                form.push(Text::plain(&column.name), *field, value);
            }
        }
        if !self.identified {
            form.push(Text::plain("event_id"), Field::EventId, Value::text(&id));
        }
        decoder.build(&mut form, symbols)
    }
}

impl Table {
    /// Reads the header row.
    pub(crate) fn new(path: &str, header: &[u8], mapping: &Mapping) -> Result<Self, SourceError> {
        let bad =
            |reason: &str| SourceError::Header { path: path.to_owned(), reason: reason.to_owned() };
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        let header = str::from_utf8(header).map_err(|_| bad("it is not UTF-8"))?;
        let delimiter = delimiter(header);
        let cells = cells(header, delimiter);
        let names = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        Ok(Self { delimiter, columns: Columns::new(path, names, mapping)? })
    }

    /// Decodes one row.
    pub(crate) fn record(
        &self,
        number: u64,
        row: &[u8],
        decoder: &mut Decoder,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        let row =
            str::from_utf8(row).map_err(|error| Refusal::BadUtf8 { at: error.valid_up_to() })?;
        let cells = cells(row, self.delimiter);
        if cells.len() != self.columns.len() {
            let (found, expected) = (cells.len(), self.columns.len());
            return Err(Refusal::BadRow { found, expected });
        }
        let values = cells.iter().zip(&self.columns.columns).map(|(cell, column)| {
            let cell = cell.trim();
            match column.fields[0] {
                _ if cell.is_empty() => None,
                Field::Unknown => Some(attribute(cell)),
                _ => Some(Value::text(cell)),
            }
        });
        self.columns.record(number, values, decoder, symbols)
    }
}

/// A cell outside of the vocabulary: a number when it is written like one.
fn attribute(cell: &str) -> Value<'_> {
    let mut cursor = Cursor::new(cell);
    match cursor.value(0) {
        Ok(number @ Json::Number(_)) if cursor.end().is_ok() => Value::Json(number),
        _ => Value::text(cell),
    }
}

/// The delimiter that the header has most of.
fn delimiter(header: &str) -> u8 {
    let mut best = (0, b',');
    for candidate in [b',', b';', b'\t', b'|'] {
        let count = cells(header, candidate).len();
        if count > best.0 {
            best = (count, candidate);
        }
    }
    best.1
}

/// The cells of one row; `""` within quotes is a quote.
fn cells(row: &str, delimiter: u8) -> Cells<'_> {
    let mut cells = Cells::new();
    let mut rest = row;
    loop {
        let (cell, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted, delimiter),
            None => match memchr::memchr(delimiter, rest.as_bytes()) {
                Some(at) => (Cow::Borrowed(&rest[..at]), Some(&rest[at + 1..])),
                None => (Cow::Borrowed(rest), None),
            },
        };
        cells.push(cell);
        match tail {
            Some(tail) => rest = tail,
            None => return cells,
        }
    }
}

/// A cell whose opening quote is behind, and what follows its delimiter.
fn quoted_cell(text: &str, delimiter: u8) -> (Cow<'_, str>, Option<&str>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut doubled = false;
    while let Some(found) = memchr::memchr(b'"', &bytes[at..]) {
        at += found;
        if bytes.get(at + 1) != Some(&b'"') {
            break;
        }
        doubled = true;
        at += 2;
    }
    let at = if bytes.get(at) == Some(&b'"') { at } else { bytes.len() };
    let inside = &text[..at];
    let cell = if doubled { Cow::Owned(inside.replace("\"\"", "\"")) } else { inside.into() };
    let behind = text.get(at + 1..).unwrap_or_default();
    let tail = memchr::memchr(delimiter, behind.as_bytes()).map(|next| &behind[next + 1..]);
    (cell, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_cut_at_its_delimiters() {
        for (row, want) in [
            ("a,b,c", &["a", "b", "c"][..]),
            ("", &[""]),
            ("a,", &["a", ""]),
            (",", &["", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"say \"\"hi\"\"\",", &["say \"hi\"", ""]),
            ("\"open", &["open"]),
            ("\"\"", &[""]),
            ("\"\"\"\"", &["\""]),
        ] {
            assert_eq!(cells(row, b',').as_slice(), want, "{row}");
        }
    }

    #[test]
    fn the_header_shows_the_delimiter() {
        for (header, want) in [("a,b", b','), ("a;b;c,d", b';'), ("a\tb", b'\t'), ("a", b',')] {
            assert_eq!(delimiter(header), want, "{header}");
        }
    }
}
