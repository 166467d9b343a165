//! Does the house keep its order? Imports point one way, and every file has a subject.
//!
//! ```text
//! lib.rs   pub mod time;  ◄─┐        a module imports only from those listed above it;
//!          pub mod money; ◄─┤        within its own folder it is free
//!          pub mod event; ──┘
//! ```

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Names that say nothing of what a file is about.
const SUBJECTLESS: [&str; 9] =
    ["common", "helper", "helpers", "misc", "prelude", "shared", "types", "util", "utils"];
const LINES_MAX: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder of the repository, sorted; none when there is no such folder.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The modules of `lib.rs`, in its order.
fn modules(lib: &str) -> Vec<&str> {
    let declared = lib.lines().filter_map(|line| line.trim_end().strip_suffix(';'));
    let named =
        declared.filter_map(|d| d.strip_prefix("pub mod ").or_else(|| d.strip_prefix("mod ")));
    named.collect()
}

/// What a file of `module` imports against the order: line number and complaint.
fn against_order(order: &[&str], module: &str, text: &str) -> Vec<(usize, String)> {
    let place = |name: &str| order.iter().position(|m| *m == name);
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (at, _) in line.match_indices("crate::") {
            // `$crate::` of a macro names whoever uses it, `siaga_crate::` is another crate.
            let before = line[..at].chars().next_back();
            if before.is_some_and(|c| c == '$' || c == '_' || c.is_alphanumeric()) {
                continue;
            }
            let rest = &line[at + "crate::".len()..];
            let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
            let complaint = match (&rest[..end], place(&rest[..end]), place(module)) {
                (name, _, _) if name == module => continue,
                ("", _, _) => "imports several at once: write one `use crate::…` a line".to_owned(),
                (name, None, _) => format!("`crate::{name}` is no module of lib.rs"),
                (name, Some(theirs), Some(ours)) if ours < theirs => {
                    format!("`{module}` stands above `{name}` in lib.rs and cannot import from it")
                }
                (_, Some(_), None) => format!("`{module}` is not listed in lib.rs"),
                _ => continue,
            };
            found.push((index + 1, complaint));
        }
    }
    found
}

#[test]
fn imports_run_in_the_order_of_lib_rs() {
    let source = root().join("src");
    let lib = fs::read_to_string(source.join("lib.rs")).unwrap();
    let order = modules(&lib);
    assert!(order.contains(&"time"), "lib.rs lists {order:?}");
    let mut complaints = Vec::new();
    for file in rust_files("src") {
        let inside = file.strip_prefix(&source).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) {
            continue;
        }
        for (line, complaint) in against_order(&order, module, &fs::read_to_string(&file).unwrap())
        {
            complaints.push(format!("src/{}:{line}: {complaint}", inside.display()));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn an_import_against_the_order_is_found() {
    let order = modules("//! Doc.\n\npub mod time;\nmod event;\npub mod rule;\nuse time::now;\n");
    assert_eq!(order, ["time", "event", "rule"]);
    for (module, text, lines) in [
        ("event", "use crate::time::now;", &[][..]),
        ("event", "use crate::event::order::Line;", &[]),
        ("event", "//! See [`crate::rule`].\n// crate::rule", &[]),
        ("event", "macro_rules! m { () => { $crate::rule::Rule } }", &[]),
        ("event", "use crate::time::now;\nuse crate::rule::Rule;", &[2]),
        ("time", "fn f() -> crate::event::Event { crate::rule::make() }", &[1, 1]),
        ("rule", "use crate::{time, event};", &[1]),
        ("rule", "pub(in crate::rule) use crate::nowhere::X;", &[1]),
        ("stray", "use crate::time::now;", &[1]),
    ] {
        let found = against_order(&order, module, text);
        let found: Vec<usize> = found.into_iter().map(|(line, _)| line).collect();
        assert_eq!(found, lines, "{module}: {text}");
    }
}

#[test]
fn every_file_has_a_subject_a_header_and_an_end() {
    let mut complaints = Vec::new();
    for file in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&file).unwrap();
        let shown = file.strip_prefix(root()).unwrap().display().to_string();
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let lines = text.lines().count();
        if SUBJECTLESS.contains(&&*name) {
            complaints.push(format!("{shown}: name it after its subject"));
        }
        if name == "mod" {
            complaints.push(format!("{shown}: write `foo.rs` beside `foo/`, not `foo/mod.rs`"));
        }
        if lines > LINES_MAX {
            complaints.push(format!("{shown}: {lines} lines, at most {LINES_MAX}: split it"));
        }
        if !text.starts_with("//! ") {
            complaints.push(format!("{shown}: open it with `//!` and the question it answers"));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
