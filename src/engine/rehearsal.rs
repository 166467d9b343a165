//! Do the rules do what their tests say? Each test runs on an engine of its own.
//!
//! ```text
//! Fixture ─► Test ─► reference lines, event lines ─► decoder ─► engine ─► tick to `until`
//!                                                                  │
//!                     alerts, quiet ──► compare ◄── alerts opened ─┘
//!                                          │
//!                                          └─► failures, each with what came instead
//! ```
//!
//! Nothing is imitated: lines pass the decoder of data files, and alerts come from the engine that
//! serves. What a test expects of a rule is complete: an alert of that rule which is not listed
//! is a failure, too; rules that a test does not name are free.

mod compare;

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::alert::Alert;
use crate::engine::Output;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Settings;
use crate::engine::runtime::Sink;
use crate::engine::runtime::Stopped;
use crate::event::Symbols;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::fixture::Fixture;
use crate::rule::fixture::Lines;
use crate::rule::fixture::Test;
use crate::rule::set::RuleSet;
use crate::time::Span;

/// What became of the tests of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The tests, in the order of the file.
    pub tests: Vec<Outcome>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was claimed.
    pub name: String,
    /// Where it does not hold; none when it does.
    pub failures: Vec<Diagnostic>,
    /// Rules that fired at least once.
    pub fired: BTreeSet<String>,
    /// Rules that were to stay quiet, and did.
    pub quiet: BTreeSet<String>,
}

/// What the tests of a rule set leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Rules that no test made fire.
    pub never_fired: Vec<String>,
    /// Rules that no test wants to stay quiet.
    pub never_quiet: Vec<String>,
}

/// Why the tests could not run.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The engine could not be started.
    #[error("the engine did not start: {0}")]
    Start(#[from] std::io::Error),
    /// The engine stopped in a test.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Outcome {
    /// Whether everything came as it was claimed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Coverage {
    /// Of the rules with these names, by all reports together.
    pub fn of<'r>(
        rules: impl IntoIterator<Item = &'r str>,
        reports: impl IntoIterator<Item = &'r Report>,
    ) -> Self {
        let (mut fired, mut quiet) = (BTreeSet::new(), BTreeSet::new());
        for outcome in reports.into_iter().flat_map(|report| &report.tests) {
            fired.extend(outcome.fired.iter().map(String::as_str));
            quiet.extend(outcome.quiet.iter().map(String::as_str));
        }
        let rules: BTreeSet<&str> = rules.into_iter().collect();
        let without = |seen: &BTreeSet<&str>| {
            rules.difference(seen).map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        Self { never_fired: without(&fired), never_quiet: without(&quiet) }
    }
}

/// What came of a test's events.
struct Played {
    /// Alerts as they opened, with the state that they have at the end.
    alerts: Vec<Alert>,
    /// Evaluations by rule, and how many of them had no value.
    evaluations: Vec<(u64, u64)>,
    /// Lines that the decoder refused: their place, and why.
    refused: Vec<Diagnostic>,
}

/// Runs all tests of a file against these rules; `symbols` are those that the rules were compiled
/// with.
pub fn rehearse(
    fixture: &Fixture,
    rules: &Arc<RuleSet>,
    symbols: &Symbols,
) -> Result<Report, RehearsalError> {
    let mut tests = Vec::with_capacity(fixture.tests.len());
    for test in &fixture.tests {
        tests.push(run(fixture.file, test, rules, symbols)?);
    }
    Ok(Report { tests })
}

fn run(
    file: usize,
    test: &Test,
    rules: &Arc<RuleSet>,
    symbols: &Symbols,
) -> Result<Outcome, RehearsalError> {
    let names = rules.rules.iter().map(|rule| &*rule.name);
    let mut failures = test.strangers(file, &names);
    let played = play(file, test, rules, symbols)?;
    failures.extend(played.refused.iter().cloned());
    if failures.is_empty() {
        compare::compare(file, test, rules, &played, &mut failures);
    }
    let fired: BTreeSet<String> = played.alerts.iter().map(|alert| alert.rule.clone()).collect();
    let quiet = test.quiet.iter().map(|name| name.value.clone());
    let quiet = quiet.filter(|name| !fired.contains(name)).collect();
    Ok(Outcome { name: test.name.value.clone(), failures, fired, quiet })
}

/// Lets the events of a test happen.
fn play(
    file: usize,
    test: &Test,
    rules: &Arc<RuleSet>,
    symbols: &Symbols,
) -> Result<Played, RehearsalError> {
    let outputs: Arc<Mutex<Vec<Output>>> = Arc::default();
    let kept = Arc::clone(&outputs);
    let sink: Sink = Arc::new(move |batch: &mut Vec<Output>| kept.lock().append(batch));
    let settings = Settings { shards: 1, lateness: Span::ZERO };
    let mut engine = Engine::start(rules, symbols, settings, sink)?;
    let Lines { references, peers, events, refused } = test.records(file, symbols);
    for record in references {
        engine.take([record], None)?;
    }
    engine.teach(&peers)?;
    for record in events {
        engine.take([record], None)?;
    }
    if let Some(until) = &test.until {
        engine.tick(until.value)?;
    }
    let totals = engine.finish()?.shards;
    let evaluations = totals.rules.iter().map(|rule| (rule.evaluations, rule.failures)).collect();
    let mut alerts: Vec<Alert> = Vec::new();
    for output in outputs.lock().drain(..) {
        match output {
            Output::Opened { alert, .. } => alerts.push(*alert),
            Output::Changed { id, state, .. } => {
                if let Some(alert) = alerts.iter_mut().rev().find(|alert| alert.id == id) {
                    alert.state = state;
                }
            }
            Output::Acted { .. } | Output::Duty(_) => {}
        }
    }
    Ok(Played { alerts, evaluations, refused })
}
