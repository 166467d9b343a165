//! The service takes snapshots, and is loaded from one.
//!
//! ```text
//! cut under the lock ─► the journal up to it is durable ─► pieces to the file ─► what was told by
//! then is kept ─► end, name ─► old ones go ─► the journal may give up what lies before the oldest
//! ```

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::TryRecvError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::engine::Restored;
use crate::engine::learning::Learning;
use crate::engine::runtime::Stopped;
use crate::engine::service::Service;
use crate::engine::snapshot::BlockKind;
use crate::engine::snapshot::Head;
use crate::engine::snapshot::Piece;
use crate::engine::snapshot::Place;
use crate::engine::snapshot::SnapshotError;
use crate::engine::snapshot::block;
use crate::engine::snapshot::file;
use crate::engine::snapshot::file::Sound;
use crate::engine::snapshot::file::Store;
use crate::engine::snapshot::file::Writer;
use crate::engine::snapshot::get_block;
use crate::engine::snapshot::get_rules;
use crate::journal::JournalId;
use crate::journal::Position;
use crate::journal::entry;
use crate::journal::entry::Entry;
use crate::journal::entry::EntryError;

/// Pieces that wait for the disk.
const PIECES: usize = 64;

/// How long to wait for a piece before the engine is looked after.
const PAUSE: Duration = Duration::from_millis(1);

/// Names in a block.
const NAMES: u32 = 4_096;

/// A snapshot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Everything before this position is in it.
    pub position: Position,
    /// Its size.
    pub bytes: u64,
}

impl From<Stopped> for SnapshotError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl Service {
    /// Takes a snapshot while the stream goes on, and lets the journal give up what none needs.
    ///
    /// `settle` returns once everything that was told so far is kept by those it was told, and
    /// says whether it is: a start from this snapshot does not tell it again.
    pub fn snapshot(
        &self,
        store: &Store,
        id: JournalId,
        settle: &dyn Fn() -> bool,
    ) -> Result<Taken, SnapshotError> {
        let journal = self.keeper.journal().ok_or(SnapshotError::Stopped)?;
        let setup = self.setup().ok_or(SnapshotError::Stopped)?;
        let (pieces, from_shards) = sync_channel(PIECES);
        let (head, learning, shards) = {
            let mut guard = self.engine.lock();
            let engine = guard.as_mut().ok_or(SnapshotError::Stopped)?;
            let position = journal.next();
            let rules = self.rule_set();
            let read = self.positions();
            let learning = engine.learning();
            let standing = (engine.standing(), learning.is_some());
            let shards = engine.entities().len();
            engine.save(&pieces)?;
            drop(guard);
            let place = Place { journal: id, position, setup, read };
            (Head::new(place, standing, &rules), learning, shards)
        };
        drop(pieces);
        let position = head.place.position;
        let mut writer = store.begin(position)?;
        writer.write(BlockKind::Head, &head.encode())?;
        let mut done = 0;
        while done < shards {
            let piece = match from_shards.try_recv() {
                Err(TryRecvError::Empty) => {
                    let mut guard = self.engine.lock();
                    guard.as_mut().ok_or(SnapshotError::Stopped)?.save_some();
                    drop(guard);
                    from_shards.recv_timeout(PAUSE)
                }
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                Ok(piece) => Ok(piece),
            };
            match piece {
                Ok(Piece::Block(kind, payload)) => writer.write(kind, &payload)?,
                Ok(Piece::Done) => done += 1,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if self.broken().is_some() => {
                    return Err(SnapshotError::Stopped);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SnapshotError::Abandoned("the rules have changed meanwhile"));
                }
            }
        }
        if let Some(learning) = learning {
            let mut written = Ok(());
            learning.save(&self.symbols, |piece| {
                if written.is_ok() {
                    written = writer.write(BlockKind::Learned, &piece);
                }
            });
            written?;
        }
        self.write_names(&mut writer)?;
        if !settle() {
            return Err(SnapshotError::Abandoned("what was told is not kept yet"));
        }
        if let Some(last) = position.before() {
            self.wait(Some(last)).map_err(|_| SnapshotError::Stopped)?;
        }
        let bytes = writer.finish()?;
        let oldest = store.prune()?;
        if let Some(oldest) = oldest
            && store.format(oldest)? >= block::STANDS_ALONE
        {
            journal.retain(oldest);
        }
        Ok(Taken { position, bytes })
    }

    /// Every name that there is by now, those of the pieces among them.
    fn write_names(&self, writer: &mut Writer<'_>) -> Result<(), SnapshotError> {
        let mut from = 1;
        loop {
            let (names, count) = file::put_names(&self.symbols, from, NAMES);
            if count == 0 {
                return Ok(());
            }
            writer.write(BlockKind::Names, &names)?;
            from += count;
        }
    }

    /// Brings the engine, which runs the rules of the snapshot and has taken nothing yet, to where
    /// it was cut. `progress` is told of the bytes that were loaded.
    ///
    /// Where [`Sound::lacks_learning`], [`Service::relearn`] comes first.
    pub fn load(
        &self,
        sound: &Sound,
        head: Head,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), SnapshotError> {
        let setup = head.place.setup;
        *self.keeper.setup.lock() = Some(setup);
        self.reading.advance(&head.place.read);
        let standing = head.standing.clone();
        let mut learning = Learning::new(Arc::default());
        sound.each(BlockKind::Learned, |piece| {
            let restored = learning.restore(piece, &self.symbols);
            restored.map_err(|_| EntryError::Value("piece of what was learned"))
        })?;
        let learning = sound.holds(BlockKind::Learned).then_some(learning);
        let head = Arc::new(head);
        self.with_engine(|engine| {
            engine.set_up(setup.secret, setup.lateness);
            if let Some(learning) = learning {
                engine.one_order().learn_on(learning);
            }
            engine.resume(&standing);
            engine.tell_models()
        })?;
        let mut failure = None;
        let mut loaded = 0;
        let mut restore = |restored: Restored| {
            failure = failure.take().or(self.with_engine(|engine| engine.restore(restored)).err());
        };
        sound.each(BlockKind::Catalog, |payload| {
            match entry::decode(entry::RECORDS, payload, &self.symbols)? {
                Entry::Records(records) => restore(Restored::Catalog(Arc::new(records))),
                _ => return Err(EntryError::Value("catalogue")),
            }
            Ok(())
        })?;
        sound.each(BlockKind::Rules, |payload| {
            restore(Restored::Rules(Arc::new(get_rules(payload)?), Arc::clone(&head)));
            Ok(())
        })?;
        sound.each(BlockKind::Entities, |payload| {
            let entities = get_block(payload, &self.symbols)?;
            restore(Restored::Entities(entities, Arc::clone(&head)));
            loaded += payload.len() as u64;
            progress(loaded);
            Ok(())
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let mut guard = self.engine.lock();
        let engine = guard.as_mut().ok_or(SnapshotError::Stopped)?;
        self.follow(engine);
        Ok(())
    }

    fn with_engine(
        &self,
        act: impl FnOnce(&mut crate::engine::runtime::Engine) -> Result<(), Stopped>,
    ) -> Result<(), SnapshotError> {
        let mut guard = self.engine.lock();
        Ok(act(guard.as_mut().ok_or(SnapshotError::Stopped)?)?)
    }
}
