//! Does every state of a file that is being typed have its answers?

use std::fs;

use crate::rule::assist::complete;
use crate::rule::assist::hover;
use crate::rule::assist::names;
use crate::rule::assist::problems;
use crate::rule::assist::symbols;
use crate::rule::diagnostic::Files;

/// Every question about one byte of a file; an answer may be empty, and its places are those of the
/// file.
fn ask(name: &str, text: &str, offset: usize) {
    let mut files = Files::default();
    let file = files.add(name, text);
    for found in complete::completions(&files, file, offset) {
        assert!(text.get(found.replace.clone()).is_some(), "{found:?}");
    }
    if let Some(found) = hover::hover(&files, file, offset, &[]) {
        assert!(text.get(found.span.clone()).is_some(), "{found:?}");
    }
    for place in names::references(&files, file, offset) {
        assert!(text.get(place.span.clone()).is_some(), "{place:?}");
    }
    let _ = names::rename(&files, file, offset, "other");
}

#[test]
fn a_starter_file_is_answered_for_wherever_it_breaks_off() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut asked = 0;
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let (name, text) = (path.to_string_lossy(), fs::read_to_string(&path).unwrap());
        for offset in (0..=text.len()).step_by(97).filter(|at| text.is_char_boundary(*at)) {
            let start = text[..offset].to_owned();
            ask(&name, &start, offset);
            // One sign too many in a file that goes on.
            let sign = ["'", "{", "\n", ": ", "- ", "ö", "[", "."][asked % 8];
            let broken = format!("{start}{sign}{}", &text[offset..]);
            ask(&name, &broken, offset + sign.len());
            let _ = symbols::symbols(&name, &broken);
            if asked % 16 == 0 {
                let mut files = Files::default();
                files.add(name.clone(), broken);
                let _ = problems::problems(&files, &mut problems::Memory::default());
            }
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked} places");
}
