//! The disk: the few file operations that promises rest on, behind a trait that tests can break.
//!
//! ```text
//! journal, snapshots ─► Disk ─┬─► system     the operating system's files
//!                             └─► simulated  memory that forgets what was not synced
//! ```
//!
//! Writes go to a stated offset and a file is never cut: what a caller believes to be in a file
//! is what it wrote there. A written byte is durable after [`File::sync_data`], a name (made,
//! renamed, removed) after [`Disk::sync_folder`], and neither before.

pub mod system;
pub mod simulated;

use std::io;
use std::path::Path;

/// A place for files.
pub trait Disk: Send + Sync {
    /// Makes one folder; its parent has to be there.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// The names in a folder, sorted; fails when there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes a file to write and read; fails when there is one of this name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;

    /// Gives a file another name, in one step; a file that has it is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Bytes that may still be written on the file system of a folder.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;

    /// Makes a file of this name, if need be, and holds it alone until the guard is dropped or
    /// the process ends; [`io::ErrorKind::WouldBlock`] when somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}

/// An open file.
pub trait File: Send + Sync {
    /// Reads from an offset on; as many bytes as it says, 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at an offset; as many bytes as it says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes everything written durable, and the size of the file.
    ///
    /// After a failure nobody knows what is on the disk, and a second try may succeed without
    /// having written anything: stop using the file.
    fn sync_data(&self) -> io::Result<()>;

    /// Bytes in the file.
    fn size(&self) -> io::Result<u64>;
}

/// Held while a folder has one owner.
pub trait Lock: Send + Sync {}

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only to be read.
    Read,
    /// To be read and written.
    Write,
}

/// Whether an operation failed because there is no room: it may be tried again later.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes all of it, however many steps that takes.
pub fn write_all_at(file: &dyn File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer as far as the file reaches; how many bytes that were.
pub fn read_full_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Makes a folder and those above it that are missing, so that they outlast a power loss.
///
/// A folder that is there already may have been made by a process that was killed before it could
/// sync, so the whole path is synced.
pub fn make_folders(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let path: Vec<&Path> = folder.ancestors().filter(|path| path.parent().is_some()).collect();
    for folder in path.into_iter().rev() {
        if !disk.exists(folder)? {
            disk.make_folder(folder)?;
        }
        match disk.sync_folder(parent(folder)) {
            // What we may not even read, we have not written.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// The folder that a path lies in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
