//! Which files are there, and what do they hold: what the editor says, else what the disk says?
//!
//! ```text
//! open in the editor ─┐
//!                     ├─► Folder: its rule files and test files ─► problems, once for each state
//! others on the disk ─┘
//! ```
//!
//! What is wrong with them is found when it is asked for: whoever completes a word in a folder that
//! was opened a moment ago does not wait until all of it is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::rule::assist::outline::Outline;
use crate::rule::assist::problems;
use crate::rule::assist::problems::Memory;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::document::FILE_BYTES_MAX;
use crate::rule::file::RULE_FILE_SUFFIX;
use crate::rule::fixture::TEST_FILE_SUFFIX;

/// Most files of one folder that are looked at.
const FOLDER_FILES_MAX: usize = 1_000;

/// A file that is open in the editor.
#[derive(Debug)]
pub(super) struct Open {
    /// How the editor calls it.
    pub(super) uri: String,
    /// Counts its changes.
    pub(super) version: i64,
    /// What it holds.
    pub(super) text: String,
}

/// The files around one, as they stand now.
#[derive(Debug)]
pub(super) struct Folder {
    /// Their names and texts.
    pub(super) files: Files,
    /// What is wrong with them, once that is known.
    problems: Option<Vec<Diagnostic>>,
}

/// All files that the editor has spoken of, and those beside them.
#[derive(Debug, Default)]
pub(super) struct Documents {
    open: BTreeMap<PathBuf, Open>,
    disk: BTreeMap<PathBuf, Vec<(PathBuf, String)>>,
    folders: BTreeMap<PathBuf, Folder>,
    /// What was read of the files of folders, as they stood last.
    read: BTreeMap<PathBuf, Memory>,
}

impl Documents {
    /// A file is open from now on, or its text is another.
    pub(super) fn set(&mut self, uri: &str, version: i64, text: String) {
        let path = path_of(uri);
        self.folders.clear();
        self.open.insert(path, Open { uri: uri.to_owned(), version, text });
    }

    /// A file is no longer open: the disk has the truth again.
    pub(super) fn close(&mut self, uri: &str) {
        self.open.remove(&path_of(uri));
        self.forget_disk();
        let open = self.open_folders();
        self.read.retain(|folder, _| open.contains(folder));
    }

    /// Something on the disk is another.
    pub(super) fn forget_disk(&mut self) {
        self.disk.clear();
        self.folders.clear();
    }

    /// A file that is open.
    pub(super) fn get(&self, uri: &str) -> Option<&Open> {
        self.open.get(&path_of(uri))
    }

    /// The folders with a file that is open.
    pub(super) fn open_folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self.open.keys().map(|path| parent(path)).collect();
        folders.dedup();
        folders
    }

    /// The folder of a file, and the number of the file in it.
    pub(super) fn folder_of(&mut self, uri: &str) -> Option<(&Folder, usize)> {
        let path = path_of(uri);
        let folder = &*self.stands(&parent(&path)).0;
        let name = path.to_string_lossy();
        let file = (0..folder.files.len()).find(|file| folder.files.name(*file) == name)?;
        Some((folder, file))
    }

    /// Reads one file of a folder that is not read yet, as it stands now; `false` if there is none.
    pub(super) fn read_one(&mut self, folder: &Path) -> bool {
        let (stands, memory) = self.stands(folder);
        stands.problems.is_none() && memory.read_one(&stands.files)
    }

    /// A folder as it stands now, and what is wrong with it.
    pub(super) fn problems(&mut self, folder: &Path) -> (&Files, &[Diagnostic]) {
        let (Folder { files, problems }, memory) = self.stands(folder);
        (files, problems.get_or_insert_with(|| problems::problems(files, memory)))
    }

    /// What is wrong with the folder of a file; nothing is known of one whose files were never read.
    pub(super) fn problems_of(&mut self, uri: &str) -> &[Diagnostic] {
        let folder = parent(&path_of(uri));
        if self.read.get(&folder).is_some_and(Memory::is_whole) {
            self.problems(&folder).1
        } else {
            &[]
        }
    }

    /// A folder as it stands now, and what was read of it.
    fn stands(&mut self, folder: &Path) -> (&mut Folder, &mut Memory) {
        let Self { open, disk, folders, read: memories } = self;
        let stands = folders.entry(folder.to_owned()).or_insert_with(|| {
            let stored = disk.entry(folder.to_owned()).or_insert_with(|| listed(folder));
            let here = open.iter().filter(|(path, _)| parent(path) == folder);
            let mut texts: BTreeMap<PathBuf, String> = stored.iter().cloned().collect();
            texts.extend(here.map(|(path, open)| (path.clone(), open.text.clone())));
            for path in tested(&texts) {
                if !texts.contains_key(&path) {
                    let text = open.get(&path).map(|open| open.text.clone());
                    texts.extend(text.or_else(|| read(&path)).map(|text| (path, text)));
                }
            }
            let mut files = Files::default();
            for (path, text) in texts {
                files.add(path.to_string_lossy(), text);
            }
            Folder { files, problems: None }
        });
        (stands, memories.entry(folder.to_owned()).or_default())
    }

    /// How a file is called in answers: as the editor does, if it has it open.
    pub(super) fn uri(&self, name: &str) -> String {
        let open = self.open.get(Path::new(name));
        open.map_or_else(|| uri_of(name), |open| open.uri.clone())
    }

    /// The version of a file that is open.
    pub(super) fn version(&self, name: &str) -> Option<i64> {
        self.open.get(Path::new(name)).map(|open| open.version)
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new("")).to_owned()
}

/// The rule files and test files of a folder on the disk; none of one that cannot be read.
fn listed(folder: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    paths.retain(|path| {
        let name = path.to_string_lossy();
        name.ends_with(RULE_FILE_SUFFIX) || name.ends_with(TEST_FILE_SUFFIX)
    });
    paths.sort();
    paths.truncate(FOLDER_FILES_MAX);
    paths.into_iter().filter_map(|path| read(&path).map(|text| (path, text))).collect()
}

fn read(path: &Path) -> Option<String> {
    let fits = fs::metadata(path).is_ok_and(|about| about.len() <= FILE_BYTES_MAX as u64);
    if fits { fs::read_to_string(path).ok() } else { None }
}

/// The rule files in other folders that test files name.
fn tested(texts: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (path, text) in texts {
        if !path.to_string_lossy().ends_with(TEST_FILE_SUFFIX) {
            continue;
        }
        let outline = Outline::read(text);
        let Some(list) = outline.entry(0, "rule_files") else { continue };
        for item in &outline.node(list).children {
            let name = outline.raw(*item);
            if name.contains('/') && name.ends_with(RULE_FILE_SUFFIX) {
                found.push(plain(&parent(path).join(name)));
            }
        }
    }
    found.truncate(FOLDER_FILES_MAX);
    found
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// The path of a `file:` URI; a file that has none, because it was never saved, is called by its
/// URI.
fn path_of(uri: &str) -> PathBuf {
    let Some(rest) = uri.strip_prefix("file://") else { return PathBuf::from(uri) };
    let path = rest.find('/').map_or(rest, |slash| &rest[slash..]);
    let mut bytes = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = path.as_bytes().get(at) {
        let code = path.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// The `file:` URI of a path.
fn uri_of(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let mut uri = "file://".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_a_path_and_back() {
        for (uri, path) in [
            ("file:///a/b%20c/%C3%A9.rules.yaml", "/a/b c/é.rules.yaml"),
            ("file://localhost/a.rules.yaml", "/a.rules.yaml"),
            ("untitled:Untitled-1", "untitled:Untitled-1"),
            ("file:///a/100%", "/a/100%"),
        ] {
            assert_eq!(path_of(uri), PathBuf::from(path), "{uri}");
            assert_eq!(path_of(&uri_of(path)), PathBuf::from(path), "{path}");
        }
    }

    #[test]
    fn what_the_editor_holds_hides_what_the_disk_holds() {
        let folder = tempfile::tempdir().unwrap();
        let far = folder.path().join("far");
        fs::create_dir(&far).unwrap();
        let near = folder.path().join("near");
        fs::create_dir(&near).unwrap();
        for (path, text) in [
            (far.join("c.rules.yaml"), "groups: []"),
            (near.join("a.rules.yaml"), "old"),
            (near.join("a.test.yaml"), "rule_files: [a.rules.yaml, ../far/c.rules.yaml]"),
            (near.join("notes.yaml"), "x"),
        ] {
            fs::write(path, text).unwrap();
        }
        let mut documents = Documents::default();
        let uri = uri_of(&near.join("a.rules.yaml").to_string_lossy());
        documents.set(&uri, 3, "new".to_owned());
        let (folder, file) = documents.folder_of(&uri).unwrap();
        let names = (0..folder.files.len()).map(|f| folder.files.name(f).rsplit('/').next());
        let names: Vec<&str> = names.map(Option::unwrap).collect();
        assert_eq!(names, ["c.rules.yaml", "a.rules.yaml", "a.test.yaml"]);
        assert_eq!(folder.files.text(file), "new");
        documents.close(&uri);
        let (folder, file) = documents.folder_of(&uri).unwrap();
        assert_eq!(folder.files.text(file), "old");
    }
}
