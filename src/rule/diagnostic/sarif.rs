//! Mistakes in SARIF 2.1.0, as GitHub code scanning and editors read it.
//!
//! Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", and GitHub
//! Docs, "SARIF support for code scanning".

use std::collections::BTreeSet;
use std::hash::Hasher;

use serde_json::Value;
use serde_json::json;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::codes;

/// The whole log, with one run.
pub fn sarif(sets: &[(&[Diagnostic], &Files)]) -> Value {
    let all = || sets.iter().flat_map(|(found, _)| found.iter());
    let used: BTreeSet<&str> = all().map(|found| found.code).collect();
    let rules: Vec<&codes::Code> =
        codes::CODES.iter().filter(|known| used.contains(known.code)).collect();
    let results: Vec<Value> = sets
        .iter()
        .flat_map(|(found, files)| found.iter().map(|found| result(found, files, &rules)))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "siaga rules check",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|known| rule(known)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(known: &codes::Code) -> Value {
    let level = if known.code.starts_with('W') { "warning" } else { "error" };
    json!({
        "id": known.code,
        "name": known.title,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.explanation},
        "help": {"text": known.explanation},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["rules"]},
    })
}

fn result(found: &Diagnostic, files: &Files, rules: &[&codes::Code]) -> Value {
    let mut text = found.message.clone();
    for more in [Some(&found.label), found.help.as_ref()].into_iter().flatten() {
        if !more.is_empty() {
            text.push_str(&format!(" ({more})"));
        }
    }
    let related: Vec<Value> = found
        .secondary
        .iter()
        .enumerate()
        .map(|(number, other)| {
            let mut place = location(files, other.file, &other.span);
            place["id"] = json!(number);
            place["message"] = json!({"text": other.label});
            place
        })
        .collect();
    json!({
        "ruleId": found.code,
        "ruleIndex": rules.iter().position(|known| known.code == found.code),
        "level": found.severity.name(),
        "message": {"text": text},
        "locations": [location(files, found.file, &found.span)],
        "relatedLocations": related,
        "partialFingerprints": {"primaryLocationLineHash": fingerprint(found, files)},
    })
}

fn location(files: &Files, file: usize, span: &std::ops::Range<usize>) -> Value {
    let (from, to) = (files.position(file, span.start), files.position(file, span.end));
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(files.name(file))},
        "region": {
            "startLine": from.line, "startColumn": from.column,
            "endLine": to.line, "endColumn": to.column,
        },
    }})
}

/// A path as a URI reference: forward slashes, and what is no plain letter as `%XX`.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Stays the same when lines above are added: the code and the line that is wrong.
fn fingerprint(found: &Diagnostic, files: &Files) -> String {
    let line = files.position(found.file, found.span.start).line;
    let line = files.text(found.file).lines().nth(line - 1).unwrap_or("").trim();
    // Written down for good, so the hash is one that is the same in every build.
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(line.as_bytes());
    hash.write(found.code.as_bytes());
    format!("{:016x}:1", hash.finish())
}

/// FNV-1a. Source: Fowler, Noll and Vo, "The FNV Non-Cryptographic Hash Algorithm".
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_what_code_scanning_asks_for() {
        let mut files = Files::default();
        let file = files.add("./my rules/ä.rules.yaml", "a: 1\nä: x\n");
        let other = files.add("b.rules.yaml", "b: 1\n");
        let found = [
            Diagnostic::error("E108", file, 8..9, "twice").with_secondary(other, 0..1, "first"),
            Diagnostic::warning("W101", other, 0..4, "odd").with_help("change it"),
        ];
        let log = sarif(&[(&found, &files)]);
        let run = &log["runs"][0];
        assert_eq!(log["version"], "2.1.0");
        assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "W101");
        let [first, second] = [&run["results"][0], &run["results"][1]];
        assert_eq!((&first["ruleId"], &first["ruleIndex"]), (&json!("E108"), &json!(0)));
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20rules/%C3%A4.rules.yaml");
        assert_eq!(place["region"]["startLine"], 2);
        assert_eq!(place["region"]["startColumn"], 3);
        assert_eq!(first["relatedLocations"][0]["message"]["text"], "first");
        assert_eq!(second["level"], "warning");
        assert_eq!(second["message"]["text"], "odd (change it)");
    }

    #[test]
    fn a_fingerprint_follows_its_line() {
        let mark = |text: &str, at: usize| {
            let mut files = Files::default();
            let file = files.add("a", text);
            fingerprint(&Diagnostic::error("E1", file, at..at + 1, "m"), &files)
        };
        assert_eq!(mark("x: 1\n", 0), mark("# more\nx: 1\n", 7));
        assert_ne!(mark("x: 1\n", 0), mark("x: 2\n", 0));
    }
}
