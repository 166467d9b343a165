//! One partition, as the broker has it on its disk: encoded batches, one behind the other.

use fluvio::dataplane::Decoder;
use fluvio::dataplane::Encoder;
use fluvio::dataplane::link::ErrorCode;
use fluvio::dataplane::record::Batch;
use fluvio::dataplane::record::RawRecords;
use fluvio::dataplane::record::Record;

/// A partition.
#[derive(Default)]
pub(crate) struct Log {
    /// The oldest offset that is left.
    pub(crate) start: i64,
    /// The next offset.
    pub(crate) end: i64,
    batches: Vec<Stored>,
}

struct Stored {
    base: i64,
    end: i64,
    bytes: Vec<u8>,
    /// Left out of every response: a fault.
    hidden: bool,
}

/// What a reader gets.
pub(crate) enum Fetched {
    /// Bytes of batches, the last one perhaps cut.
    Bytes(Vec<u8>),
    /// Nothing but this.
    Error(ErrorCode),
}

impl Log {
    /// Appends values as one batch.
    pub(crate) fn append(&mut self, values: &[String]) {
        let records: Vec<Record> = values.iter().map(|value| Record::new(value.as_str())).collect();
        let mut batch: Batch = Batch::from(records);
        batch.base_offset = self.end;
        let count = batch.records_len();
        let mut bytes = Vec::new();
        batch.encode(&mut bytes, 0).unwrap();
        self.store(bytes, count);
    }

    /// Appends a batch that was sent; its first offset.
    pub(crate) fn append_raw(&mut self, mut batch: Batch<RawRecords>) -> i64 {
        let base = self.end;
        batch.base_offset = base;
        let count = batch.records_len();
        let mut bytes = Vec::new();
        batch.encode(&mut bytes, 0).unwrap();
        self.store(bytes, count);
        base
    }

    fn store(&mut self, bytes: Vec<u8>, count: usize) {
        let base = self.end;
        self.end += i64::try_from(count).unwrap();
        self.batches.push(Stored { base, end: self.end, bytes, hidden: false });
    }

    /// Deletes what is older than `start`, as retention does.
    pub(crate) fn evict(&mut self, start: i64) {
        self.start = start;
        self.batches.retain(|batch| batch.end > start);
    }

    /// Leaves the batch that holds an offset out of every response.
    pub(crate) fn hide(&mut self, offset: i64) {
        let held = self.batches.iter_mut().find(|b| b.base <= offset && offset < b.end);
        held.unwrap().hidden = true;
    }

    /// What a reader gets who stands at `offset`; `None` while there is nothing for it.
    pub(crate) fn fetch(&self, offset: i64, bytes_max: usize) -> Option<Fetched> {
        if offset < self.start {
            let next_available = self.start;
            return Some(Fetched::Error(ErrorCode::OffsetEvicted { offset, next_available }));
        }
        if offset > self.end {
            return Some(Fetched::Error(ErrorCode::OffsetOutOfRange));
        }
        let mut bytes = Vec::new();
        for batch in self.batches.iter().filter(|b| b.end > offset && !b.hidden) {
            bytes.extend_from_slice(&batch.bytes);
            if bytes.len() >= bytes_max {
                bytes.truncate(bytes_max);
                break;
            }
        }
        (!bytes.is_empty()).then_some(Fetched::Bytes(bytes))
    }

    /// Every key and value that is left.
    pub(crate) fn values(&self) -> Vec<(Option<String>, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut found = Vec::new();
        for stored in &self.batches {
            let mut batch: Batch = Batch::default();
            batch.decode(&mut &*stored.bytes, 0).unwrap();
            let records = batch.own_records().into_iter();
            found.extend(records.map(|record| {
                (record.key.as_ref().map(|key| text(key.as_ref())), text(record.value.as_ref()))
            }));
        }
        found
    }
}
