//! Which of the expected alerts came, which came otherwise, and which came unasked?
//!
//! ```text
//! expected ──► an alert of the same rule and entity that agrees in all that is said ──► both done
//!     └─ none does ──► the nearest one, and where it differs
//! ```

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::engine::rehearsal::Played;
use crate::money;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::fixture::Expected;
use crate::rule::fixture::Test;
use crate::rule::set::RuleSet;

/// An expected amount may be off by so much: it is written as people read it, to the cent.
const CENT: f64 = 0.005_000_001;

/// Compares what a test expects with what came.
pub(super) fn compare(
    file: usize,
    test: &Test,
    rules: &RuleSet,
    played: &Played,
    failures: &mut Vec<Diagnostic>,
) {
    let mut free: Vec<&Alert> = played.alerts.iter().collect();
    let mut missing = Vec::new();
    for expected in &test.alerts {
        let came = free.iter().position(|alert| differences(expected, alert).is_empty());
        if let Some(place) = came {
            free.remove(place);
        } else {
            missing.push(expected);
        }
    }
    for expected in missing {
        let of_rule = |alert: &&&Alert| alert.rule == expected.rule.value;
        let nearest = free.iter().filter(of_rule).min_by_key(|a| differences(expected, a).len());
        let rule = &expected.rule.value;
        let failure = if let Some(nearest) = nearest.copied() {
            free.retain(|alert| !std::ptr::eq(*alert, nearest));
            let lines = differences(expected, nearest).join("\n");
            let message = format!("`{rule}` fired, but not as expected");
            Diagnostic::error("E153", file, expected.span.clone(), message)
                .with_help(format!("{lines}\nit was: {}", told(nearest)))
        } else {
            let help = instead(rules, played, rule);
            let message = format!("`{rule}` did not fire");
            Diagnostic::error("E152", file, expected.rule.span.clone(), message).with_help(help)
        };
        failures.push(failure);
    }
    for name in &test.quiet {
        for alert in played.alerts.iter().filter(|alert| alert.rule == name.value) {
            let message = format!("`{}` was to stay quiet", name.value);
            let failure = Diagnostic::error("E154", file, name.span.clone(), message);
            failures.push(failure.with_help(format!("it fired: {}", told(alert))));
        }
    }
    for alert in free {
        let Some(last) = test.alerts.iter().rev().find(|e| e.rule.value == alert.rule) else {
            continue;
        };
        let message = format!("`{}` fired once more than expected", alert.rule);
        let failure = Diagnostic::error("E155", file, last.rule.span.clone(), message);
        failures.push(failure.with_help(format!("list it, too: {}", told(alert))));
    }
}

/// What happened in place of an alert that did not come.
fn instead(rules: &RuleSet, played: &Played, rule: &str) -> String {
    let evaluations = rules.place(rule).and_then(|at| played.evaluations.get(usize::from(at)));
    let looked = match evaluations {
        None | Some((0, _)) => "nothing made it look: is its trigger among the events?".to_owned(),
        Some((looks, 0)) => format!("its condition was asked {looks} times and did not hold"),
        Some((looks, faults)) => format!(
            "its condition was asked {looks} times, and had no value {faults} times: a field is \
             missing or a divisor is zero"
        ),
    };
    if played.alerts.is_empty() {
        return format!("{looked}\nno rule fired");
    }
    let others: Vec<String> = played.alerts.iter().take(5).map(told).collect();
    let more = played.alerts.len().saturating_sub(others.len());
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    format!("{looked}\ninstead there came:\n  {}{more}", others.join("\n  "))
}

/// An alert in one line.
fn told(alert: &Alert) -> String {
    let value = alert.value.map_or_else(String::new, |value| {
        format!(", value {}", money::display(value.amount, value.currency))
    });
    let Alert { rule, opened_at, summary, state, .. } = alert;
    let (kind, id) = (alert.entity_kind.name(), &alert.entity_id);
    format!("{rule} of {kind} {id} at {opened_at}{value}, {}: “{summary}”", state.name())
}

/// Where an alert is not what is expected, a line each.
fn differences(expected: &Expected, alert: &Alert) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: &str, want: &str, got: &str| {
        found.push(format!("{what}: expected {want}, came {got}"));
    };
    if alert.rule != expected.rule.value {
        differs("rule", &expected.rule.value, &alert.rule);
    }
    if !expected.is_about(alert.entity_kind, &alert.entity_id) {
        let ids = [&expected.customer_id, &expected.rep_id, &expected.product_id];
        let want = ids.into_iter().flatten().next().map_or("", String::as_str);
        differs("entity", want, &format!("{} {}", alert.entity_kind.name(), alert.entity_id));
    }
    if let Some(at) = expected.opened_at.filter(|at| *at != alert.opened_at) {
        differs("opened_at", &at.to_string(), &alert.opened_at.to_string());
    }
    for (name, want) in &expected.labels {
        let got = match name.as_str() {
            "severity" => Some(alert.severity.name()),
            "family" => Some(alert.family.name()),
            _ => alert.labels.get(name).map(String::as_str),
        };
        if got != Some(want.as_str()) {
            differs(&format!("label {name}"), want, got.unwrap_or("no such label"));
        }
    }
    if let Some(want) = expected.value {
        let got = alert.value.map(|value| value.amount.to_f64());
        if !got.is_some_and(|got| (got - want).abs() <= CENT) {
            let got = got.map_or_else(|| "no value".to_owned(), |got| got.to_string());
            differs("value", &want.to_string(), &got);
        }
    }
    for (what, want, got) in [
        ("summary", &expected.summary, &alert.summary),
        ("description", &expected.description, &alert.description),
    ] {
        if let Some(want) = want.as_ref().filter(|want| *want != got) {
            differs(what, &format!("“{want}”"), &format!("“{got}”"));
        }
    }
    for id in &expected.evidence {
        if !alert.evidence.iter().any(|event| event.event_id == *id) {
            let ids: Vec<&str> = alert.evidence.iter().map(|e| e.event_id.as_str()).collect();
            differs("evidence", id, &format!("[{}]", ids.join(", ")));
        }
    }
    if let Some(want) = expected.state.as_ref().filter(|want| !stands(&alert.state, want)) {
        differs("state", want, alert.state.name());
    }
    found
}

/// Whether a state is called so: by its own name, or by the reason for which an alert is closed.
fn stands(state: &AlertState, name: &str) -> bool {
    let reason = match state {
        AlertState::Closed { reason, .. } => match reason {
            CloseReason::Resolved => "resolved",
            CloseReason::Expired => "expired",
            CloseReason::Withdrawn => "withdrawn",
            CloseReason::Won => "won",
            CloseReason::Lost => "lost",
            CloseReason::Dismissed(_) => "dismissed",
        },
        _ => "",
    };
    state.name() == name || reason == name
}
