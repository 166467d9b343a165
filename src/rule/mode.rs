//! A rule goes live in its file: one word is exchanged, and nothing else.
//!
//! ```text
//! files ─► the rule's `mode: shadow` ─► the whole file under another name, synced ─► in its place
//! ```
//!
//! Whoever reads the file meanwhile has it as it was or as it will be, never half of it.

use std::fs;
use std::io;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::document;
use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::rule::file;
use crate::rule::file::Mode;

/// Why a rule was not set live.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// The files have errors; whoever changes one of them now makes it worse.
    #[error("a rule file has errors: `siaga rules check` tells which")]
    Bad,
    /// No such rule.
    #[error("there is no rule `{0}` in these files")]
    Unknown(String),
    /// It is not in the shadow.
    #[error("the mode of `{rule}` is `{mode}`, not `shadow`")]
    Other {
        /// The rule.
        rule: String,
        /// Its mode, as it is written.
        mode: &'static str,
    },
    /// The word is not where it could be exchanged.
    #[error("{0}: `mode` is not written out")]
    Unwritten(String),
    /// The file cannot be changed.
    #[error("cannot write {file}: {error}")]
    Write {
        /// Its name.
        file: String,
        /// Why.
        error: io::Error,
    },
}

/// Sets `mode: live` in the file of a rule that is in the shadow; gives the file's name.
pub fn set_live(paths: &[PathBuf], rule: &str) -> Result<String, ModeError> {
    let (files, rule_files, problems) = file::load(paths);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(ModeError::Bad);
    }
    let found = file::rules(&rule_files).find(|found| found.alert.value == rule);
    let found = found.ok_or_else(|| ModeError::Unknown(rule.to_owned()))?;
    if found.mode != Mode::Shadow {
        return Err(ModeError::Other { rule: rule.to_owned(), mode: found.mode.name() });
    }
    let (name, text) = (files.name(found.file), files.text(found.file));
    let place = document::read(found.file, text).ok().and_then(|yaml| mode_of(&yaml, rule));
    let place = place.ok_or_else(|| ModeError::Unwritten(name.to_owned()))?;
    let next = [&text[..place.start], Mode::Live.name(), &text[place.end..]].concat();
    replace(Path::new(name), &next)
        .map_err(|error| ModeError::Write { file: name.to_owned(), error })?;
    Ok(name.to_owned())
}

/// Puts a text in the place of a file that is there, at once and as whole.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link stays, and what it leads to is changed.
    let file = fs::canonicalize(file)?;
    let mut beside = file.clone().into_os_string();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = fs::File::create_new(&beside).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.set_permissions(fs::metadata(&file)?.permissions())?;
        new.sync_all()?;
        fs::rename(&beside, &file)
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Where the mode of the rule of this name is written.
fn mode_of(yaml: &Yaml, rule: &str) -> Option<Range<usize>> {
    match &yaml.shape {
        Shape::Null | Shape::Scalar(_) => None,
        Shape::List(items) => items.iter().find_map(|item| mode_of(item, rule)),
        Shape::Map(entries) => {
            let at = |name: &str| {
                let named = |key: &Yaml| matches!(&key.shape, Shape::Scalar(s) if s.text == name);
                entries.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
            };
            let named = at("alert");
            if named.is_some_and(|n| matches!(&n.shape, Shape::Scalar(s) if s.text == rule)) {
                return at("mode").map(|mode| mode.span.clone());
            }
            entries.iter().find_map(|(_, value)| mode_of(value, rule))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "# Ours.\ngroups:\n  - name: g\n    rules:\n      - alert: Other\n        family: trend\n        on: [order]\n        when: size(orders) > 0\n        annotations: {summary: s}\n      - alert: Quiet\n        family: drift\n        on: [order]\n        when: size(orders) > 0\n        mode: 'shadow' # since Monday\n        annotations: {summary: s}\n";

    #[test]
    fn one_word_of_one_file_is_exchanged_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (file, linked) = (folder.path().join("a.rules.yaml"), folder.path().join("in.yaml"));
        fs::write(&linked, RULES).unwrap();
        std::os::unix::fs::symlink(&linked, &file).unwrap();
        let paths = [folder.path().to_owned()];
        let refused = |rule| set_live(&paths, rule).unwrap_err().to_string();
        assert_eq!(refused("Loud"), "there is no rule `Loud` in these files");
        assert_eq!(refused("Other"), "the mode of `Other` is `live`, not `shadow`");
        assert_eq!(fs::read_to_string(&file).unwrap(), RULES);
        assert_eq!(set_live(&paths, "Quiet").unwrap(), file.to_str().unwrap());
        let live = RULES.replace("'shadow' # since", "live # since");
        assert_eq!(fs::read_to_string(&linked).unwrap(), live);
        assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
        assert_eq!(refused("Quiet"), "the mode of `Quiet` is `live`, not `shadow`");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
        fs::write(&linked, "groups: 7\n").unwrap();
        assert!(refused("Quiet").contains("siaga rules check"));
    }
}
