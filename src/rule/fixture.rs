//! What does a test of rules say: which events come in, and which alerts are to come out?
//!
//! ```text
//! <family>.test.yaml ──► Fixture ──► Test ─┬─ references()  customers, products, reps ─┐ lines of
//!                                          ├─ expand()      events, generators unrolled ┴► JSON
//!                                          └─ alerts, quiet what is expected
//!
//! {at: 2025-01-01, every: 30d, count: 3, …}  ──►  2025-01-01, 2025-01-31, 2025-03-02
//! ```
//!
//! Events and reference data are in the line form of data files, and go through the very decoder
//! that data files go through. Without `every`, `count` is a field of the event as any other.

mod reading;
mod records;

use std::ops::Range;
use std::path::PathBuf;

pub use self::records::Lines;
use serde_json::Map;
use serde_json::Value;

use crate::event::EntityKind;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::document;
use crate::rule::document::Located;
use crate::rule::document::Reader;
use crate::rule::file;
use crate::time::Span;
use crate::time::Timestamp;

/// End of the names of test files.
pub const TEST_FILE_SUFFIX: &str = ".test.yaml";

/// Most events that one test may have.
pub const EVENTS_MAX: usize = 100_000;

/// The tests of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixture {
    /// Number of the file in its [`Files`].
    pub file: usize,
    /// The rule files under test; paths from the folder of the test file.
    pub rule_files: Vec<Located<String>>,
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What is claimed.
    pub name: Located<String>,
    /// Its place in the file, from 1: part of the ids of its events.
    pub number: usize,
    /// Customers, in the line form.
    pub customers: Vec<Located<Map<String, Value>>>,
    /// Products, in the line form.
    pub products: Vec<Located<Map<String, Value>>>,
    /// Reps, in the line form.
    pub reps: Vec<Located<Map<String, Value>>>,
    /// Agreements, in the line form.
    pub agreements: Vec<Located<Map<String, Value>>>,
    /// Orders of other customers, each of one of its own: what the models are learned from.
    pub peers: Vec<EventSource>,
    /// Events, and generators of events.
    pub events: Vec<EventSource>,
    /// How far the virtual clock goes on; absent: to the last event.
    pub until: Option<Located<Timestamp>>,
    /// The alerts that are to come.
    pub alerts: Vec<Expected>,
    /// The rules that are not to fire at all.
    pub quiet: Vec<Located<String>>,
}

/// One event, or some of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSource {
    /// When the first one happens.
    pub at: Located<Timestamp>,
    /// How they repeat; absent: one event.
    pub repeat: Option<Repeat>,
    /// Everything else, in the line form.
    pub fields: Map<String, Value>,
}

/// One event of a test, as it is fed to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// When it happens.
    pub at: Timestamp,
    /// The line of JSON.
    pub json: String,
    /// Which of the test's events it comes from, from 0.
    pub source: usize,
}

/// How an event repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// From one to the next.
    pub every: Span,
    /// How many there are in all.
    pub count: usize,
}

/// An alert that is to come; what is not said is not compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Where it is written.
    pub span: Range<usize>,
    /// The rule that fires.
    pub rule: Located<String>,
    /// Of which customer.
    pub customer_id: Option<String>,
    /// Of which rep.
    pub rep_id: Option<String>,
    /// Of which product.
    pub product_id: Option<String>,
    /// When it begins to fire.
    pub opened_at: Option<Timestamp>,
    /// Labels that it has, among others.
    pub labels: Vec<(String, String)>,
    /// Money at stake.
    pub value: Option<f64>,
    /// The line in the inbox.
    pub summary: Option<String>,
    /// What more there is to say.
    pub description: Option<String>,
    /// Ids of events that are behind it, among others.
    pub evidence: Vec<String>,
    /// How it stands at the end: `firing`, `closed` …
    pub state: Option<String>,
}

/// What a line of reference data is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A customer.
    Customer,
    /// A product.
    Product,
    /// A rep.
    Rep,
    /// `agreements:`
    Agreement,
}

/// Reads test files; of a folder, all that end in [`TEST_FILE_SUFFIX`], in the order of names.
pub fn load(paths: &[PathBuf]) -> (Files, Vec<Fixture>, Vec<Diagnostic>) {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            file::add_file(path, &mut files, &mut problems);
            continue;
        }
        let listed = file::listed(path, TEST_FILE_SUFFIX, &mut files, &mut problems);
        for path in listed.unwrap_or_default() {
            file::add_file(&path, &mut files, &mut problems);
        }
    }
    // A file that could not be read is empty, and was reported already.
    let unread: Vec<usize> = problems.iter().map(|problem| problem.file).collect();
    let mut fixtures = Vec::new();
    for number in (0..files.len()).filter(|number| !unread.contains(number)) {
        let (fixture, more) = read(number, &files);
        fixtures.extend(fixture);
        problems.extend(more);
    }
    diagnostic::sort(&mut problems);
    (files, fixtures, problems)
}

/// Reads the tests of one file; `None` for the file when it is no YAML at all.
pub fn read(file: usize, files: &Files) -> (Option<Fixture>, Vec<Diagnostic>) {
    match document::read(file, files.text(file)) {
        Ok(yaml) => {
            let mut reader = Reader::new(file);
            let fixture = reading::fixture(&mut reader, &yaml);
            let mut problems = reader.problems;
            diagnostic::sort(&mut problems);
            (fixture, problems)
        }
        Err(problem) => (None, vec![*problem]),
    }
}

impl Test {
    /// The events as lines of JSON, generators unrolled, in the order of time.
    pub fn expand(&self) -> Vec<EventLine> {
        unrolled(&self.events, |event, number, index, at| self.line(event, (number, index), at))
    }

    /// The orders of peers as lines of JSON, each of another customer, in the order of time.
    pub fn expand_peers(&self) -> Vec<EventLine> {
        unrolled(&self.peers, |event, number, index, at| {
            let mut peer = event.clone();
            let id = format!("peer-{number}-{index}");
            peer.fields.insert("customer_id".to_owned(), Value::String(id.clone()));
            peer.fields.insert("event_id".to_owned(), Value::String(id));
            self.line(&peer, (number, index), at)
        })
    }

    /// The reference data as lines of JSON.
    pub fn references(&self) -> Vec<(ReferenceKind, String)> {
        let line = |kind| move |map: &Located<Map<String, Value>>| (kind, json(&map.value));
        let customers = self.customers.iter().map(line(ReferenceKind::Customer));
        let products = self.products.iter().map(line(ReferenceKind::Product));
        let reps = self.reps.iter().map(line(ReferenceKind::Rep));
        let agreements = self.agreements.iter().map(line(ReferenceKind::Agreement));
        products.chain(reps).chain(customers).chain(agreements).collect()
    }

    fn line(&self, source: &EventSource, (number, index): (usize, usize), at: Timestamp) -> String {
        let mut fields = source.fields.clone();
        let id = match fields.get("event_id") {
            // Each event of a generator has an id of its own.
            Some(Value::String(given)) if source.repeat.is_some() => format!("{given}-{index}"),
            Some(Value::String(given)) => given.clone(),
            _ => format!("t{}-e{number}-{index}", self.number),
        };
        fields.insert("event_id".to_owned(), Value::String(id));
        fields.insert("occurred_at".to_owned(), Value::String(at.to_string()));
        json(&fields)
    }
}

impl Expected {
    /// Whether it is about this entity; one that names none is about any.
    pub fn is_about(&self, kind: EntityKind, id: &str) -> bool {
        let named = match kind {
            EntityKind::Customer => &self.customer_id,
            EntityKind::Rep => &self.rep_id,
            EntityKind::Product => &self.product_id,
        };
        let anybody = [&self.customer_id, &self.rep_id, &self.product_id];
        named.as_deref().map_or_else(|| anybody.iter().all(|n| n.is_none()), |named| named == id)
    }
}

/// Each source as often as it repeats, in the order of time; `line` gets its number, from 1, and
/// which repetition it is, from 0.
fn unrolled(
    sources: &[EventSource],
    line: impl Fn(&EventSource, usize, usize, Timestamp) -> String,
) -> Vec<EventLine> {
    let mut lines = Vec::new();
    for (number, event) in sources.iter().enumerate() {
        let repeat = event.repeat.unwrap_or(Repeat { every: Span::ZERO, count: 1 });
        let mut at = event.at.value;
        for index in 0..repeat.count.min(EVENTS_MAX) {
            let json = line(event, number + 1, index, at);
            lines.push(EventLine { at, json, source: number });
            at = at + repeat.every;
        }
    }
    lines.sort_by_key(|line| line.at);
    lines
}

fn json(fields: &Map<String, Value>) -> String {
    // A map with text keys always has a JSON form, which `Display` gives without an error.
    Value::Object(fields.clone()).to_string()
}

#[cfg(test)]
mod tests;
