//! The files of customers that are on disk: written at the end, and gone once nobody is in them.
//!
//! ```text
//! 0-7.away  │ record │ came back │ record │     mostly of those that came back: written anew
//! 0-8.away  │ record │ record │                 the newest: written at its end
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::disk;
use crate::disk::Disk;
use crate::disk::File;
use crate::engine::away::AwayError;
use crate::engine::away::Batch;
use crate::engine::away::Place;
use crate::engine::away::Room;
use crate::engine::away::SUFFIX;
use crate::engine::away::record;
use crate::event::Symbol;

/// Records that are looked at, to be written anew, at a time, and bytes of those that are.
const TIDIED_RECORDS: usize = 128;
const TIDIED_BYTES: usize = 128 << 10;

/// The files of one shard.
pub(super) struct Segments {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    shard: usize,
    segment_bytes: u64,
    free_bytes_min: u64,
    all: RwLock<BTreeMap<u32, Segment>>,
}

struct Segment {
    file: Arc<dyn File>,
    /// Bytes written.
    bytes: u64,
    /// Bytes of those that are still here.
    live: u64,
    /// How far it was written anew.
    tidied: u64,
}

impl Segments {
    pub(super) fn new(room: &Room, shard: usize) -> Self {
        let Room { disk, folder, segment_bytes, free_bytes_min, .. } = room;
        Self {
            disk: Arc::clone(disk),
            folder: folder.clone(),
            shard,
            segment_bytes: (*segment_bytes).min(u64::from(u32::MAX)),
            free_bytes_min: *free_bytes_min,
            all: RwLock::default(),
        }
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.all.read().values().map(|segment| segment.bytes).sum()
    }

    /// Writes a batch to the newest file; where its records lie.
    pub(super) fn append(&self, batch: &mut Batch) -> io::Result<Vec<(Symbol, Place)>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let length = batch.bytes().len() as u64;
        let newest = self
            .all
            .read()
            .last_key_value()
            .map(|(number, segment)| (*number, segment.bytes, Arc::clone(&segment.file)));
        let (number, at, file) = match newest {
            Some((number, at, file)) if at == 0 || at + length <= self.segment_bytes => {
                (number, at, file)
            }
            newest => {
                let number = newest.map_or(0, |(number, ..)| number) + 1;
                (number, 0, self.begin(number)?)
            }
        };
        let offset = u32::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let places = batch.seal(number, offset);
        disk::write_all_at(&*file, batch.bytes(), at)?;
        if let Some(segment) = self.all.write().get_mut(&number) {
            segment.bytes += length;
            segment.live += length;
        }
        Ok(places)
    }

    /// Begins another file, as long as the disk has room for more than this.
    fn begin(&self, number: u32) -> io::Result<Arc<dyn File>> {
        if self.disk.free_bytes(&self.folder)? < self.free_bytes_min + self.segment_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file: Arc<dyn File> = Arc::from(self.disk.create(&self.path(number))?);
        let segment = Segment { file: Arc::clone(&file), bytes: 0, live: 0, tidied: 0 };
        let gone: Vec<u32> = {
            let mut all = self.all.write();
            all.insert(number, segment);
            // What was the newest until now may have lost all that was in it.
            let gone = all.extract_if(..number, |_, older| older.live == 0);
            gone.map(|(number, _)| number).collect()
        };
        for number in gone {
            self.remove(number);
        }
        Ok(file)
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{}-{number:08}{SUFFIX}", self.shard))
    }

    fn file(&self, number: u32) -> Option<Arc<dyn File>> {
        self.all.read().get(&number).map(|segment| Arc::clone(&segment.file))
    }

    /// The bytes of a customer's record.
    pub(super) fn read(&self, name: Symbol, place: Place) -> Result<Vec<u8>, AwayError> {
        let file = self.file(place.segment).ok_or(AwayError::Gone)?;
        let mut bytes = vec![0; place.length as usize];
        let shown = || self.path(place.segment).display().to_string();
        let read = disk::read_full_at(&*file, &mut bytes, u64::from(place.offset));
        let read = read.map_err(|error| AwayError::Disk { file: shown(), error })?;
        if read < bytes.len() || !record::is_right(&bytes, name, place) {
            return Err(AwayError::Corrupt { file: shown(), offset: place.offset });
        }
        Ok(bytes)
    }

    /// Nobody needs this record any more; a file without any goes.
    pub(super) fn leave(&self, place: Place) {
        let mut all = self.all.write();
        let Some(segment) = all.get_mut(&place.segment) else { return };
        segment.live = segment.live.saturating_sub(u64::from(place.length));
        let over = segment.live == 0;
        let newest = all.last_key_value().is_some_and(|(newest, _)| *newest == place.segment);
        if over && !newest {
            all.remove(&place.segment);
            drop(all);
            self.remove(place.segment);
        }
    }

    fn remove(&self, number: u32) {
        if let Err(error) = self.disk.remove(&self.path(number)) {
            let file = self.path(number).display().to_string();
            tracing::warn!(%error, file, "a file that nobody needs stays until the next start");
        }
    }

    /// Puts some records that are still needed into the batch, out of the file with the least of
    /// them, where files hold more of those that came back; where they lie. Which are needed is
    /// told by `is_needed`, by name, file and offset.
    pub(super) fn sparse(
        &self,
        batch: &mut Batch,
        is_needed: impl Fn(Symbol, u32, u32) -> Option<Place>,
    ) -> io::Result<Vec<Place>> {
        batch.clear();
        let found = {
            let all = self.all.read();
            let (bytes, live) = all
                .values()
                .fold((0, 0), |(bytes, live), one| (bytes + one.bytes, live + one.live));
            // The newest is written to.
            let older = all.iter().rev().skip(1).filter(|(_, one)| one.tidied < one.bytes);
            let sparsest = older.min_by_key(|(_, one)| one.live * 1_000 / one.bytes.max(1));
            sparsest.filter(|_| bytes > 2 * live).map(|(number, segment)| {
                (*number, segment.tidied, segment.bytes, Arc::clone(&segment.file))
            })
        };
        let Some((number, mut at, end, file)) = found else { return Ok(Vec::new()) };
        let (mut places, mut looked_at) = (Vec::new(), 0);
        while at < end && looked_at < TIDIED_RECORDS && batch.bytes().len() < TIDIED_BYTES {
            looked_at += 1;
            let mut head = [0; record::HEAD];
            disk::read_full_at(&*file, &mut head, at)?;
            let offset = u32::try_from(at).unwrap_or(u32::MAX);
            let Some((name, length)) = record::peek(head) else {
                // What cannot be read stays, until its owner asks for it.
                at = end;
                break;
            };
            if let Some(place) = is_needed(name, number, offset)
                && let Ok(bytes) = self.read(name, place)
            {
                batch.copy(name, place, &bytes);
                places.push(place);
            }
            at += u64::from(length);
        }
        if let Some(segment) = self.all.write().get_mut(&number) {
            segment.tidied = at;
        }
        Ok(places)
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        let numbers: Vec<u32> = self.all.read().keys().copied().collect();
        for number in numbers {
            self.remove(number);
        }
    }
}
