//! A disk in memory that keeps no more than its contract: for tests and for the simulation.
//!
//! ```text
//! write ──► content (what a read sees)      crash ──► durable + some of what waits,
//!   └─────► waits ──sync_data──► durable                by the sector or torn inside one
//! create, rename, remove ──► names
//!   └─────► wait ──sync_folder──► durable names
//! ```
//!
//! A sync that fails forgets what waited, as Linux does: reads go on showing it, a later sync
//! succeeds, and a power loss reveals that it never reached the disk (Rebello et al., "Can
//! Applications Recover from fsync Failures?", USENIX ATC 2020). Everything random follows from a
//! seed, so a run that fails can be run again.

mod loss;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::Access;
use crate::disk::Disk;
use crate::disk::File;
use crate::disk::Lock;
use crate::disk::parent;

/// The disk; clones share it.
#[derive(Clone)]
pub struct SimulatedDisk {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    state: State,
    faults: Faults,
    operations: u64,
    /// The state after every operation, while it is recorded.
    history: Option<Vec<State>>,
    random: Random,
}

/// What is on the disk, in the cache, and on the way from one to the other.
#[derive(Clone, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    waiting_names: Vec<NameChange>,
    /// Folders, and whether each is durable.
    folders: BTreeMap<PathBuf, bool>,
    locks: BTreeSet<PathBuf>,
    inode_next: u64,
}

#[derive(Clone, Default)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    waiting: Vec<Write>,
}

#[derive(Clone)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

#[derive(Clone)]
struct NameChange {
    /// The name that goes.
    gone: Option<PathBuf>,
    /// The name that comes, and for which file.
    came: Option<(PathBuf, u64)>,
}

/// What the disk does wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The operations that fail with an I/O error, counted from 0 over the disk's life.
    pub fail: BTreeSet<u64>,
    /// Bytes that fit, all files together; what exceeds it is refused.
    pub capacity: Option<u64>,
    /// Reads and writes transfer fewer bytes than asked for.
    pub short: bool,
    /// Syncs of files do nothing and say that they did.
    pub ignore_file_syncs: bool,
    /// Syncs of folders do nothing and say that they did.
    pub ignore_folder_syncs: bool,
}

/// `SplitMix64`: every fault is reproducible by its seed.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `limit`, without `limit`; 0 when it is 0.
    fn below(&mut self, limit: usize) -> usize {
        let limit = limit.max(1) as u64;
        usize::try_from(self.number() % limit).unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.number() & 1 == 1
    }
}

impl Inode {
    fn write(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if target.len() < end {
            target.resize(end, 0);
        }
        target[offset..end].copy_from_slice(bytes);
    }
}

impl State {
    fn new() -> Self {
        let folders = [(PathBuf::from("."), true), (PathBuf::from("/"), true)].into();
        Self { folders, ..Self::default() }
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].content.len() as u64).sum()
    }

    fn change(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.waiting_names.push(change);
    }

    fn inode(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn folder(&self, folder: &Path) -> io::Result<()> {
        if self.folders.contains_key(folder) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn apply(names: &mut BTreeMap<PathBuf, u64>, change: &NameChange) {
    if let Some(gone) = &change.gone {
        names.remove(gone);
    }
    if let Some((path, inode)) = &change.came {
        names.insert(path.clone(), *inode);
    }
}

impl SimulatedDisk {
    /// An empty disk; the seed decides how long short transfers are.
    pub fn new(seed: u64) -> Self {
        Self::with(State::new(), seed)
    }

    fn with(state: State, seed: u64) -> Self {
        let shared = Shared {
            state,
            faults: Faults::default(),
            operations: 0,
            history: None,
            random: Random(seed),
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Changes what the disk does wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.lock().faults = faults;
    }

    /// Operations so far, reads too.
    pub fn operations(&self) -> u64 {
        self.shared.lock().operations
    }

    /// Remembers the state after every operation from now on, for [`SimulatedDisk::crashed`].
    pub fn record(&self) {
        let mut shared = self.shared.lock();
        shared.history = Some(vec![shared.state.clone()]);
    }

    /// How many operations were recorded.
    pub fn recorded(&self) -> usize {
        self.shared.lock().history.as_ref().map_or(0, |history| history.len().saturating_sub(1))
    }

    /// What a power loss after so many recorded operations leaves; the seed decides what was
    /// lost of all that was not synced. `None` when not so many were recorded.
    pub fn crashed(&self, operations: usize, seed: u64) -> Option<Self> {
        let state = self.shared.lock().history.as_ref()?.get(operations)?.clone();
        Some(Self::with(loss::after_crash(state, &mut Random(seed)), seed))
    }

    /// What another process sees after so many recorded operations. `None` when not so many were
    /// recorded.
    pub fn at(&self, operations: usize) -> Option<Self> {
        let state = self.shared.lock().history.as_ref()?.get(operations)?.clone();
        Some(Self::with(state, 0))
    }

    /// The process ends and starts again: nothing is lost, and no lock is held.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let mut state = self.shared.lock().state.clone();
        state.locks.clear();
        Self::with(state, 0)
    }

    /// The machine loses its power now; the seed decides what was lost.
    #[must_use]
    pub fn power_loss(&self, seed: u64) -> Self {
        let state = self.shared.lock().state.clone();
        Self::with(loss::after_crash(state, &mut Random(seed)), seed)
    }

    /// What a file holds.
    pub fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        let shared = self.shared.lock();
        let inode = shared.state.inode(path)?;
        Ok(shared.state.inodes[&inode].content.clone())
    }

    /// Puts other bytes in the place of a file's, behind everybody's back.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut shared = self.shared.lock();
        let inode = shared.state.inode(path)?;
        if let Some(inode) = shared.state.inodes.get_mut(&inode) {
            change(&mut inode.content);
            inode.durable.clone_from(&inode.content);
            inode.waiting.clear();
        }
        Ok(())
    }

    /// One operation: counts it, fails it if it is to fail, and remembers what it did.
    fn operate<T>(&self, act: impl FnOnce(&mut Shared, bool) -> io::Result<T>) -> io::Result<T> {
        let mut shared = self.shared.lock();
        let fails = {
            let number = shared.operations;
            shared.operations += 1;
            shared.faults.fail.contains(&number)
        };
        let result = act(&mut shared, fails);
        let state = shared.history.is_some().then(|| shared.state.clone());
        if let (Some(history), Some(state)) = (&mut shared.history, state) {
            history.push(state);
        }
        result
    }

    /// As [`SimulatedDisk::operate`], for what does nothing when it fails.
    fn whole<T>(&self, act: impl FnOnce(&mut Shared) -> io::Result<T>) -> io::Result<T> {
        self.operate(|shared, fails| if fails { Err(broken()) } else { act(shared) })
    }
}

fn broken() -> io::Error {
    io::Error::other("injected: input/output error")
}

impl Disk for SimulatedDisk {
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.whole(|shared| {
            shared.state.folder(parent(folder))?;
            if shared.state.folders.contains_key(folder) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            shared.state.folders.insert(folder.to_owned(), false);
            Ok(())
        })
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.whole(|shared| {
            let state = &shared.state;
            Ok(state.folders.contains_key(path) || state.names.contains_key(path))
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.whole(|shared| {
            shared.state.folder(folder)?;
            let inside = shared.state.names.keys().filter(|path| parent(path) == folder);
            let names = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
            Ok(names.collect())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.whole(|shared| {
            let state = &mut shared.state;
            state.folder(parent(path))?;
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if shared.faults.capacity.is_some_and(|capacity| capacity <= state.used_bytes()) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let inode = state.inode_next;
            state.inode_next += 1;
            state.inodes.insert(inode, Inode::default());
            state.change(NameChange { gone: None, came: Some((path.to_owned(), inode)) });
            Ok(())
        })?;
        self.open(path, Access::Write)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let inode = self.whole(|shared| shared.state.inode(path))?;
        Ok(Box::new(OpenFile { disk: self.clone(), inode, access }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(|shared| {
            let inode = shared.state.inode(from)?;
            let came = Some((to.to_owned(), inode));
            shared.state.change(NameChange { gone: Some(from.to_owned()), came });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(|shared| {
            shared.state.inode(path)?;
            shared.state.change(NameChange { gone: Some(path.to_owned()), came: None });
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.whole(|shared| {
            shared.state.folder(folder)?;
            if shared.faults.ignore_folder_syncs {
                return Ok(());
            }
            let state = &mut shared.state;
            for (inside, durable) in &mut state.folders {
                *durable |= parent(inside) == folder;
            }
            let (here, elsewhere): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.waiting_names).into_iter().partition(|change| {
                    let came = change.came.as_ref().map(|(path, _)| path);
                    change.gone.as_ref().or(came).is_some_and(|path| parent(path) == folder)
                });
            for change in &here {
                apply(&mut state.durable_names, change);
            }
            state.waiting_names = elsewhere;
            Ok(())
        })
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        self.whole(|shared| {
            shared.state.folder(folder)?;
            let capacity = shared.faults.capacity.unwrap_or(u64::MAX);
            Ok(capacity.saturating_sub(shared.state.used_bytes()))
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.whole(|shared| {
            shared.state.folder(parent(path))?;
            if !shared.state.locks.insert(path.to_owned()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        })?;
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned() }))
    }
}

struct Held {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.shared.lock().state.locks.remove(&self.path);
    }
}

struct OpenFile {
    disk: SimulatedDisk,
    inode: u64,
    access: Access,
}

impl OpenFile {
    fn inode<'a>(&self, shared: &'a mut Shared) -> io::Result<&'a mut Inode> {
        shared.state.inodes.get_mut(&self.inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.whole(|shared| {
            let short = shared.faults.short.then(|| shared.random.below(buffer.len()).max(1));
            let content = &self.inode(shared)?.content;
            let start = usize::try_from(offset).map_or(content.len(), |at| at.min(content.len()));
            let length = (content.len() - start).min(buffer.len());
            let length = short.map_or(length, |short| short.min(length));
            buffer[..length].copy_from_slice(&content[start..start + length]);
            Ok(length)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.operate(|shared, fails| {
            let room = shared.faults.capacity.map(|all| {
                let free = all.saturating_sub(shared.state.used_bytes());
                usize::try_from(free).unwrap_or(usize::MAX)
            });
            let cut = shared.random.below(bytes.len());
            let short = shared.faults.short;
            let inode = self.inode(shared)?;
            let offset = usize::try_from(offset).map_err(io::Error::other)?;
            let grows = (offset + bytes.len()).saturating_sub(inode.content.len());
            let mut length = bytes.len();
            if let Some(room) = room.filter(|room| *room < grows) {
                length -= grows - room;
                if length == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
            }
            if short {
                length = length.min(cut.max(1));
            }
            if fails {
                // Something may have been written before it broke.
                length = length.min(cut);
            }
            let written = &bytes[..length];
            if length > 0 {
                Inode::write(&mut inode.content, offset, written);
                inode.waiting.push(Write { offset, bytes: written.to_vec() });
            }
            if fails { Err(broken()) } else { Ok(length) }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.operate(|shared, fails| {
            if shared.faults.ignore_file_syncs {
                return Ok(());
            }
            let reached = shared.random.number();
            let inode = self.inode(shared)?;
            let written = if fails {
                // Some of it may have got through; the rest is forgotten, though reads show it.
                loss::part(inode, &mut Random(reached))
            } else {
                std::mem::take(&mut inode.waiting)
            };
            inode.waiting.clear();
            for write in written {
                Inode::write(&mut inode.durable, write.offset, &write.bytes);
            }
            if fails { Err(broken()) } else { Ok(()) }
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.disk.whole(|shared| Ok(self.inode(shared)?.content.len() as u64))
    }
}
