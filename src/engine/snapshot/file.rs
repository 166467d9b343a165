//! Snapshots on disk: written whole or not at all, the newest sound one is read, three are kept.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk;
use crate::disk::Access;
use crate::disk::Disk;
use crate::disk::File;
use crate::engine::snapshot::BlockKind;
use crate::engine::snapshot::Head;
use crate::engine::snapshot::SnapshotError;
use crate::engine::snapshot::block;
use crate::engine::snapshot::block::FRAME_BYTES;
use crate::engine::snapshot::block::HEADER_BYTES;
use crate::event::Symbols;
use crate::journal::Position;
use crate::journal::entry::EntryError;

/// Snapshots that are kept.
pub const KEPT: usize = 3;

/// Ending of a snapshot's name.
const SUFFIX: &str = ".snapshot";

/// Ending of the name of one that is being written.
const UNFINISHED: &str = "snapshot.new";

/// Ending of the name of one that was found to be corrupt.
const CORRUPT: &str = "snapshot.corrupt";

/// Bytes between two syncs, so that the journal's own do not wait for all of a large file.
const SYNC_BYTES: u64 = 2 << 20;

/// A folder of snapshots.
#[derive(Clone)]
pub struct Store {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// A snapshot whose checksums are right.
pub struct Sound {
    file: Box<dyn File>,
    path: PathBuf,
    format: u32,
    /// Kind, number, offset and length of every block.
    blocks: Vec<(BlockKind, u32, u64, u32)>,
    /// Bytes of the whole file.
    pub bytes: u64,
}

/// A snapshot on its way to the disk.
pub(crate) struct Writer<'s> {
    store: &'s Store,
    file: Box<dyn File>,
    /// While it is written, and afterwards.
    path: PathBuf,
    whole: PathBuf,
    end: u64,
    synced: u64,
    number: u32,
}

/// What was found in a folder.
pub struct Found {
    /// The newest sound snapshot.
    pub sound: Option<Sound>,
    /// Newer ones that are not, and why; they were given other names and are kept.
    pub rejected: Vec<SnapshotError>,
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let file = shown(path);
    move |error| SnapshotError::Disk { doing, file, error }
}

impl Store {
    /// The snapshots in a folder that another process makes.
    pub fn of_another(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned() }
    }

    /// The snapshots in a folder, which is made if need be.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, SnapshotError> {
        disk::make_folders(&*disk, folder).map_err(failed("make", folder))?;
        Ok(Self { disk, folder: folder.to_owned() })
    }

    fn path(&self, position: Position) -> PathBuf {
        self.folder.join(format!("{:020}{SUFFIX}", position.number()))
    }

    /// The positions of all snapshots, the oldest first.
    pub fn list(&self) -> Result<Vec<Position>, SnapshotError> {
        let names = self.disk.list(&self.folder).map_err(failed("list", &self.folder))?;
        let position = |name: &String| {
            let digits = name.strip_suffix(SUFFIX)?;
            let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok().map(Position::new))?
        };
        let mut found: Vec<Position> = names.iter().filter_map(position).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The newest snapshot that is sound. A corrupt one is set aside, and never removed.
    pub fn newest(&self) -> Result<Found, SnapshotError> {
        let mut rejected = Vec::new();
        for position in self.list()?.into_iter().rev() {
            let path = self.path(position);
            match Sound::open(&*self.disk, &path) {
                Ok(sound) => return Ok(Found { sound: Some(sound), rejected }),
                Err(error @ SnapshotError::Corrupt { .. }) => {
                    let aside = path.with_extension(CORRUPT);
                    self.disk.rename(&path, &aside).map_err(failed("rename", &path))?;
                    self.sync()?;
                    rejected.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Found { sound: None, rejected })
    }

    /// The newest snapshot that is sound, while another process writes them: nothing is set aside.
    pub fn newest_of_another(&self) -> Result<Option<Sound>, SnapshotError> {
        if !self.disk.exists(&self.folder).map_err(failed("look for", &self.folder))? {
            return Ok(None);
        }
        for position in self.list()?.into_iter().rev() {
            match Sound::open(&*self.disk, &self.path(position)) {
                Ok(sound) => return Ok(Some(sound)),
                // It is corrupt, or has been given up meanwhile.
                Err(SnapshotError::Corrupt { .. } | SnapshotError::Disk { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn sync(&self) -> Result<(), SnapshotError> {
        self.disk.sync_folder(&self.folder).map_err(failed("sync the folder", &self.folder))
    }

    /// Begins a snapshot of this position.
    pub(crate) fn begin(&self, position: Position) -> Result<Writer<'_>, SnapshotError> {
        let whole = self.path(position);
        let path = whole.with_extension(UNFINISHED);
        for name in self.disk.list(&self.folder).map_err(failed("list", &self.folder))? {
            // Left by a crash, or by one that was given up.
            if name.ends_with(UNFINISHED) {
                let path = self.folder.join(name);
                self.disk.remove(&path).map_err(failed("remove", &path))?;
            }
        }
        let file = self.disk.create(&path).map_err(failed("make", &path))?;
        let mut header = block::MAGIC.to_vec();
        header.extend_from_slice(&block::FORMAT.to_le_bytes());
        disk::write_all_at(&*file, &header, 0).map_err(failed("write", &path))?;
        Ok(Writer {
            store: self,
            file,
            path,
            whole,
            end: HEADER_BYTES as u64,
            synced: 0,
            number: 0,
        })
    }

    /// The format of a snapshot.
    pub(crate) fn format(&self, position: Position) -> Result<u32, SnapshotError> {
        let path = self.path(position);
        let file = self.disk.open(&path, Access::Read).map_err(failed("open", &path))?;
        let mut header = [0; HEADER_BYTES];
        disk::read_full_at(&*file, &mut header, 0).map_err(failed("read", &path))?;
        let [.., a, b, c, d] = header;
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    /// Removes all but the newest; the position of the oldest that is left.
    pub(crate) fn prune(&self) -> Result<Option<Position>, SnapshotError> {
        let all = self.list()?;
        let (gone, kept) = all.split_at(all.len().saturating_sub(KEPT));
        for position in gone {
            let path = self.path(*position);
            self.disk.remove(&path).map_err(failed("remove", &path))?;
        }
        if !gone.is_empty() {
            self.sync()?;
        }
        Ok(kept.first().copied())
    }
}

impl Writer<'_> {
    /// Writes a block.
    pub(crate) fn write(&mut self, kind: BlockKind, payload: &[u8]) -> Result<(), SnapshotError> {
        let too_large = SnapshotError::Abandoned("an entity has more than 4 GB");
        let frame = block::frame(self.number, kind, payload).ok_or(too_large)?;
        self.number += 1;
        for part in [&frame[..], payload] {
            disk::write_all_at(&*self.file, part, self.end).map_err(failed("write", &self.path))?;
            self.end += part.len() as u64;
        }
        if self.end - self.synced > SYNC_BYTES {
            self.file.sync_data().map_err(failed("sync", &self.path))?;
            self.synced = self.end;
        }
        Ok(())
    }

    /// Makes it durable and gives it its name; how many bytes it has.
    pub(crate) fn finish(mut self) -> Result<u64, SnapshotError> {
        self.write(BlockKind::End, &self.number.to_le_bytes())?;
        self.file.sync_data().map_err(failed("sync", &self.path))?;
        self.store.disk.rename(&self.path, &self.whole).map_err(failed("name", &self.whole))?;
        self.store.sync()?;
        Ok(self.end)
    }
}

impl Sound {
    /// Reads a whole file, and checks every byte of it.
    fn open(disk: &dyn Disk, path: &Path) -> Result<Self, SnapshotError> {
        let file = disk.open(path, Access::Read).map_err(failed("open", path))?;
        let bytes = file.size().map_err(failed("read", path))?;
        let path_here = path.to_owned();
        let mut sound = Self { file, path: path_here, format: 0, blocks: Vec::new(), bytes };
        let mut header = [0; HEADER_BYTES];
        if sound.read(&mut header, 0)? < header.len() || !header.starts_with(block::MAGIC) {
            return Err(sound.corrupt(0, "it is no snapshot"));
        }
        let [.., a, b, c, d] = header;
        let version = u32::from_le_bytes([a, b, c, d]);
        if version == 0 {
            return Err(sound.corrupt(8, "it has no format"));
        }
        if version > block::FORMAT {
            let (file, known) = (shown(path), block::FORMAT);
            return Err(SnapshotError::Newer { file, version, known });
        }
        sound.format = version;
        let (mut at, mut payload, mut ended) = (HEADER_BYTES as u64, Vec::new(), false);
        while at < bytes {
            let number = u32::try_from(sound.blocks.len()).unwrap_or(u32::MAX);
            let kind = sound.block(number, at, &mut payload)?;
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            if ended {
                return Err(sound.corrupt(at, "it goes on behind its end"));
            }
            ended = kind == BlockKind::End && *payload == number.to_le_bytes();
            sound.blocks.push((kind, number, at, length));
            at += FRAME_BYTES as u64 + u64::from(length);
        }
        if !ended {
            return Err(sound.corrupt(at, "its end is missing"));
        }
        Ok(sound)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> Result<usize, SnapshotError> {
        disk::read_full_at(&*self.file, buffer, at).map_err(failed("read", &self.path))
    }

    fn corrupt(&self, offset: u64, why: &'static str) -> SnapshotError {
        SnapshotError::Corrupt { file: shown(&self.path), offset, why }
    }

    /// Reads the block of this number at an offset into the payload.
    fn block(
        &self,
        number: u32,
        at: u64,
        payload: &mut Vec<u8>,
    ) -> Result<BlockKind, SnapshotError> {
        let mut frame = [0; FRAME_BYTES];
        if self.read(&mut frame, at)? < FRAME_BYTES {
            return Err(self.corrupt(at, "it ends within a block"));
        }
        let length = u64::from(block::length(&frame));
        let left = self.bytes.saturating_sub(at + FRAME_BYTES as u64);
        if length > left {
            return Err(self.corrupt(at, "it ends within a block"));
        }
        payload.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        let short = self.read(payload, at + FRAME_BYTES as u64)? < payload.len();
        let kind = block::check((self.format, number), &frame, payload).filter(|_| !short);
        kind.ok_or_else(|| self.corrupt(at, "the checksum of a block does not match"))
    }

    /// Hands every block of a kind over, in order.
    pub(crate) fn each(
        &self,
        kind: BlockKind,
        mut take: impl FnMut(&[u8]) -> Result<(), EntryError>,
    ) -> Result<(), SnapshotError> {
        let mut payload = Vec::new();
        for (_, number, at, _) in self.blocks.iter().filter(|(found, ..)| *found == kind) {
            self.block(*number, *at, &mut payload)?;
            take(&payload).map_err(|error| self.meant(error))?;
        }
        Ok(())
    }

    /// What stands in front.
    pub fn head(&self) -> Result<Head, SnapshotError> {
        let mut head = None;
        self.each(BlockKind::Head, |payload| {
            head = Some(Head::decode(payload)?);
            Ok(())
        })?;
        head.ok_or_else(|| self.corrupt(HEADER_BYTES as u64, "it has no head"))
    }

    /// Whether there is a block of this kind.
    pub(crate) fn holds(&self, kind: BlockKind) -> bool {
        self.blocks.iter().any(|(found, ..)| *found == kind)
    }

    /// Whether what was learned by then has to be learned again from the journal before it.
    pub fn lacks_learning(&self, head: &Head) -> bool {
        head.learns && !self.holds(BlockKind::Learned)
    }

    /// Gives every name the number that it had. Nobody may have named anything before.
    pub fn names(&self, symbols: &Symbols) -> Result<(), SnapshotError> {
        let mut number = symbols.read().count();
        self.each(BlockKind::Names, |payload| {
            let mut writer = symbols.write();
            get_names(payload, |name| {
                number += 1;
                writer.intern(name).number() == number
            })
        })
    }

    /// An error of what a block means, whose checksum is right.
    pub(crate) fn meant(&self, error: EntryError) -> SnapshotError {
        SnapshotError::Entry { file: shown(&self.path), error }
    }

    /// The name of its file.
    pub fn name(&self) -> String {
        shown(&self.path)
    }
}

/// Names of a block, each told to `take`, which says whether it is right.
fn get_names(payload: &[u8], mut take: impl FnMut(&str) -> bool) -> Result<(), EntryError> {
    let mut body = crate::journal::entry::wire::In::new(payload);
    for _ in 0..body.length()? {
        if !take(body.text()?) {
            return Err(EntryError::Value("name"));
        }
    }
    body.finish()
}

/// Names from this number on as a block; how many there were.
pub(crate) fn put_names(symbols: &Symbols, from: u32, most: u32) -> (Vec<u8>, u32) {
    let mut out = crate::journal::entry::wire::Out::default();
    let names = symbols.read();
    let count = (names.count() + 1).saturating_sub(from).min(most);
    out.length(count as usize);
    for number in from..from + count {
        if let Some(name) = crate::event::Symbol::from_number(number) {
            out.text(names.text(name));
        }
    }
    (out.into_bytes(), count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::simulated::SimulatedDisk;

    const FOLDER: &str = "/snapshots";

    fn store(disk: &SimulatedDisk) -> Store {
        Store::open(Arc::new(disk.clone()), Path::new(FOLDER)).unwrap()
    }

    fn write(store: &Store, number: u64) -> PathBuf {
        let mut writer = store.begin(Position::new(number)).unwrap();
        writer.write(BlockKind::Rules, b"some").unwrap();
        writer.finish().unwrap();
        store.path(Position::new(number))
    }

    #[test]
    fn what_was_named_removed_or_set_aside_stays_so_after_a_power_loss() {
        for seed in 0..40 {
            let disk = SimulatedDisk::new(seed);
            let here = store(&disk);
            let all: Vec<PathBuf> = (1..=5).map(|number| write(&here, number)).collect();
            assert_eq!(here.prune().unwrap(), Some(Position::new(3)));
            let numbers = |store: &Store| -> Vec<u64> {
                store.list().unwrap().into_iter().map(Position::number).collect()
            };
            assert_eq!(numbers(&store(&disk.power_loss(seed))), [3, 4, 5], "seed {seed}");
            disk.tamper(&all[4], |bytes| bytes[HEADER_BYTES + FRAME_BYTES] ^= 1).unwrap();
            assert_eq!(here.newest().unwrap().rejected.len(), 1);
            assert_eq!(numbers(&store(&disk.power_loss(seed))), [3, 4], "seed {seed}");
        }
    }

    #[test]
    fn a_file_without_its_end_or_with_more_behind_it_is_corrupt() {
        let disk = SimulatedDisk::new(1);
        let here = store(&disk);
        let path = write(&here, 7);
        let whole = disk.content(&path).unwrap();
        let end = FRAME_BYTES + 4;
        let more = block::frame(2, BlockKind::Rules, b"more").unwrap();
        let longer = [&whole[..], &more, b"more"].concat();
        for (bytes, why) in [
            (&whole[..whole.len() - end], "its end is missing"),
            (&longer[..], "it goes on behind its end"),
        ] {
            disk.tamper(&path, |all| *all = bytes.to_vec()).unwrap();
            match Sound::open(&disk, &path) {
                Err(SnapshotError::Corrupt { why: told, .. }) => assert_eq!(told, why),
                other => panic!("{why}: {:?}", other.map(|sound| sound.bytes)),
            }
        }
    }
}
