//! What does a batch hold? Its records, read from its bytes within bounds.
//!
//! ```text
//! batch   base offset, length, header (CRC, compression, number of records), number, records
//! record  length │ attributes │ time │ offset │ key? │ value │ headers      lengths are varints
//! ```
//!
//! The client's own decoder believes every length that it reads, and takes a batch that the broker
//! has cut in the middle for a whole one. So the records are read here: nothing is allocated by a
//! length that came from outside, and a batch counts only if it is whole.

use std::borrow::Cow;
use std::io::Read;

use fluvio::dataplane::record::Batch;
use fluvio::dataplane::record::RawRecords;

/// Bytes that the records of one batch may have once they are unpacked.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;

/// The bits of a batch's attributes that tell how its records are packed, and what they say.
const COMPRESSION: i16 = 0x07;
const NONE: i16 = 0;
const GZIP: i16 = 1;
const SNAPPY: i16 = 2;
const LZ4: i16 = 3;
const ZSTD: i16 = 4;

/// The value of one record, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Its offset in the partition.
    pub(crate) offset: i64,
    /// What was sent.
    pub(crate) value: &'a [u8],
}

/// Why a batch cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The broker sent only its beginning, as it does with what does not fit into a response.
    #[error("the response ends within the batch")]
    Cut,
    /// Its bytes are no records, or another number of them than its header says.
    #[error("the batch holds {found} whole records where its header says {want}")]
    Malformed {
        /// Records that could be read.
        found: usize,
        /// Records that its header promises.
        want: usize,
    },
    /// A compression that is not read.
    #[error(
        "the batch is packed by {0}: set the compression of the topic, or of its producer, to \
         none, gzip, snappy or zstd"
    )]
    Compression(&'static str),
    /// It cannot be unpacked, or grows beyond all measure.
    #[error("the batch cannot be unpacked: {0}")]
    Unpack(String),
}

/// Whether the broker sent the batch whole.
pub(crate) fn is_whole(batch: &Batch<RawRecords>) -> bool {
    batch.validate_decoding()
}

/// The bytes of a whole batch's records, unpacked.
pub(crate) fn unpacked(batch: &Batch<RawRecords>) -> Result<Cow<'_, [u8]>, BatchError> {
    let bytes: &[u8] = &batch.records().0;
    let failed = |error: std::io::Error| BatchError::Unpack(error.to_string());
    let reader: Box<dyn Read + '_> = match batch.header.attributes & COMPRESSION {
        NONE => return Ok(Cow::Borrowed(bytes)),
        GZIP => Box::new(flate2::read::GzDecoder::new(bytes)),
        SNAPPY => Box::new(snap::read::FrameDecoder::new(bytes)),
        ZSTD => Box::new(zstd::stream::read::Decoder::new(bytes).map_err(failed)?),
        LZ4 => return Err(BatchError::Compression("lz4")),
        _ => return Err(BatchError::Compression("an unknown method")),
    };
    let mut unpacked = Vec::new();
    reader.take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut unpacked).map_err(failed)?;
    if unpacked.len() as u64 > UNPACKED_BYTES_MAX {
        let limit = UNPACKED_BYTES_MAX >> 20;
        return Err(BatchError::Unpack(format!("it has more than {limit} MiB: send smaller ones")));
    }
    Ok(Cow::Owned(unpacked))
}

/// The records in the unpacked bytes of a batch that begins at `base` and promises `want` of them.
pub(crate) fn entries(bytes: &[u8], base: i64, want: usize) -> Result<Vec<Entry<'_>>, BatchError> {
    let malformed = |found| BatchError::Malformed { found, want };
    let (count, bytes) = bytes.split_first_chunk().ok_or_else(|| malformed(0))?;
    let mut rest = Bytes(bytes);
    // A record has at least seven bytes: the promise alone reserves no memory.
    let mut found = Vec::with_capacity(want.min(bytes.len() / 7));
    let mut offset = base;
    while let Some(value) = rest.record() {
        found.push(Entry { offset, value });
        offset += 1;
    }
    let counted = usize::try_from(u32::from_be_bytes(*count)) == Ok(want);
    if counted && found.len() == want && rest.0.is_empty() {
        return Ok(found);
    }
    Err(malformed(found.len()))
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// The value of the next record; `None` where no whole one follows.
    fn record(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let mut inner = Bytes(self.piece()?);
        let _attributes = inner.byte()?;
        let _time = inner.varint()?;
        let _offset = inner.varint()?;
        if inner.byte()? != 0 {
            inner.piece()?;
        }
        let value = inner.piece()?;
        let _headers = inner.varint()?;
        inner.0.is_empty().then_some(value)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A length and so many bytes.
    fn piece(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (piece, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(piece)
    }

    /// A number in zigzag form, seven bits a byte, the lowest first.
    fn varint(&mut self) -> Option<i64> {
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use fluvio::dataplane::Encoder;
    use fluvio::dataplane::record::Record;
    use proptest::prelude::*;

    use super::*;

    fn batch(values: &[(Option<&str>, &str)]) -> Batch<RawRecords> {
        let records: Vec<Record> = values
            .iter()
            .map(|(key, value)| match key {
                Some(key) => Record::new_key_value(*key, *value),
                None => Record::new(*value),
            })
            .collect();
        let whole = Batch::from(records);
        let mut bytes = Vec::new();
        whole.records().encode(&mut bytes, 0).unwrap();
        // What the client calls compression without its feature is a copy.
        let mut raw = Batch::<RawRecords>::new();
        raw.header = whole.header.clone();
        raw.batch_len = whole.batch_len;
        *raw.mut_records() = RawRecords(bytes.into());
        raw
    }

    fn values(batch: &Batch<RawRecords>) -> Result<Vec<(i64, String)>, BatchError> {
        let bytes = unpacked(batch)?;
        let found = entries(&bytes, batch.base_offset, batch.records_len())?;
        let text = |entry: &Entry<'_>| String::from_utf8_lossy(entry.value).into_owned();
        Ok(found.iter().map(|entry| (entry.offset, text(entry))).collect())
    }

    #[test]
    fn a_whole_batch_gives_its_values_in_order() {
        let mut sent = batch(&[(None, "one"), (Some("key"), ""), (Some(""), "three")]);
        sent.base_offset = 7;
        assert!(is_whole(&sent));
        let want = [(7, "one"), (8, ""), (9, "three")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(values(&sent), Ok(want.to_vec()));
    }

    #[test]
    fn packed_batches_are_unpacked() {
        use std::io::Write;
        let plain = batch(&[(None, "one"), (None, "two")]);
        let bytes = plain.records().0.clone();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).unwrap();
        let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
        let mut snappy = snap::write::FrameEncoder::new(Vec::new());
        snappy.write_all(&bytes).unwrap();
        let snappy = snappy.into_inner().unwrap();
        for (method, packed) in [(GZIP, gzip.finish().unwrap()), (SNAPPY, snappy), (ZSTD, zstd)] {
            let mut sent = plain.clone();
            sent.header.attributes = method;
            *sent.mut_records() = RawRecords(packed.into());
            assert_eq!(values(&sent), values(&plain), "method {method}");
            *sent.mut_records() = RawRecords(bytes.clone());
            assert!(matches!(values(&sent), Err(BatchError::Unpack(_))), "method {method}");
        }
        for method in [LZ4, 5] {
            let mut sent = plain.clone();
            sent.header.attributes = method;
            assert!(matches!(values(&sent), Err(BatchError::Compression(_))), "method {method}");
        }
    }

    #[test]
    fn a_batch_that_breaks_its_promise_is_refused() {
        let mut sent = batch(&[(None, "one"), (None, "two")]);
        sent.header.last_offset_delta = 2;
        assert_eq!(values(&sent), Err(BatchError::Malformed { found: 2, want: 3 }));
        let mut sent = batch(&[(None, "one"), (None, "two")]);
        let shorter = sent.records().0.slice(..sent.records().0.len() - 1);
        *sent.mut_records() = RawRecords(shorter);
        assert!(!is_whole(&sent));
        assert_eq!(values(&sent), Err(BatchError::Malformed { found: 1, want: 2 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_bounds(bytes: Vec<u8>, want in 0_usize..1 << 40) {
            let _ = entries(&bytes, 0, want);
        }

        #[test]
        fn a_change_of_a_length_never_reads_beyond(at in 0_usize..30, byte: u8) {
            let sent = batch(&[(Some("k"), "a value"), (None, "another value")]);
            let mut bytes = sent.records().0.to_vec();
            bytes[at] = byte;
            if let Ok(found) = entries(&bytes, 0, 2) {
                prop_assert_eq!(found.len(), 2);
            }
        }
    }
}
