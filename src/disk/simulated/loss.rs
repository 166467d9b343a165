//! What does a power loss leave of writes and names that were not synced?
//!
//! Nothing, everything, the first few with the last one torn, or any sectors of any of them: a
//! disk writes sectors in the order it likes. Names come and go whole, each for itself.

use std::collections::BTreeMap;

use crate::disk::parent;
use crate::disk::simulated::Inode;
use crate::disk::simulated::NameChange;
use crate::disk::simulated::Random;
use crate::disk::simulated::State;
use crate::disk::simulated::Write;
use crate::disk::simulated::apply;

/// The unit in which a disk writes.
const SECTOR: usize = 512;

/// The state as the next start finds it.
pub(super) fn after_crash(state: State, random: &mut Random) -> State {
    let State { inodes, durable_names, waiting_names, folders, inode_next, .. } = state;
    let mut names = durable_names;
    for change in surviving(&waiting_names, random) {
        apply(&mut names, change);
    }
    let folders: BTreeMap<_, _> =
        folders.into_iter().filter(|(_, durable)| *durable || random.coin()).collect();
    let folders: BTreeMap<_, _> = folders
        .keys()
        .filter(|folder| folder.ancestors().all(|above| is_root(above, &folders)))
        .map(|folder| (folder.clone(), true))
        .collect();
    names.retain(|path, _| folders.contains_key(parent(path)));
    let mut kept = BTreeMap::new();
    for (number, inode) in inodes {
        let kept_writes = part(&inode, random);
        let mut content = inode.durable;
        for write in kept_writes {
            Inode::write(&mut content, write.offset, &write.bytes);
        }
        kept.insert(number, Inode { durable: content.clone(), content, waiting: Vec::new() });
    }
    State {
        inodes: kept,
        durable_names: names.clone(),
        names,
        folders,
        inode_next,
        ..State::default()
    }
}

fn is_root(path: &std::path::Path, folders: &BTreeMap<std::path::PathBuf, bool>) -> bool {
    path.as_os_str().is_empty() || folders.contains_key(path)
}

fn surviving<'a>(changes: &'a [NameChange], random: &mut Random) -> Vec<&'a NameChange> {
    match random.below(4) {
        0 => Vec::new(),
        1 => changes.iter().collect(),
        2 => changes.iter().take(random.below(changes.len() + 1)).collect(),
        _ => changes.iter().filter(|_| random.coin()).collect(),
    }
}

/// Some of what waited.
pub(super) fn part(inode: &Inode, random: &mut Random) -> Vec<Write> {
    let waiting = &inode.waiting;
    match random.below(4) {
        0 => Vec::new(),
        1 => waiting.clone(),
        2 => first_few(waiting, random),
        _ => any_sectors(waiting, inode.durable.len(), random),
    }
}

fn first_few(waiting: &[Write], random: &mut Random) -> Vec<Write> {
    let whole = random.below(waiting.len() + 1);
    let mut kept = waiting[..whole].to_vec();
    if let Some(torn) = waiting.get(whole) {
        let bytes = torn.bytes[..random.below(torn.bytes.len() + 1)].to_vec();
        kept.push(Write { offset: torn.offset, bytes });
    }
    kept
}

/// A sector behind the end of the file may be there without its bytes: the size was written first.
fn any_sectors(waiting: &[Write], durable: usize, random: &mut Random) -> Vec<Write> {
    let mut kept = Vec::new();
    for write in waiting {
        let mut from = 0;
        while from < write.bytes.len() {
            let at = write.offset + from;
            let to = (from + SECTOR - at % SECTOR).min(write.bytes.len());
            let sector = &write.bytes[from..to];
            match random.below(8) {
                0..4 => kept.push(Write { offset: at, bytes: sector.to_vec() }),
                4 => {
                    let bytes = sector[..random.below(sector.len())].to_vec();
                    kept.push(Write { offset: at, bytes });
                }
                5 if at >= durable => {
                    kept.push(Write { offset: at, bytes: vec![0; sector.len()] });
                }
                _ => {}
            }
            from = to;
        }
    }
    kept
}
