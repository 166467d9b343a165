//! An explanation for people: a sentence, the tree of values, the events behind it.

use std::fmt::Write;

use crate::alert::Evidence;
use crate::cli::rules::explain::Facts;
use crate::cli::rules::explain::words;
use crate::engine::explain::moment::Moment;
use crate::engine::explain::moment::Section;
use crate::engine::explain::moment::Term;
use crate::money;

/// Characters of an expression in a line of the tree.
const TEXT_MAX: usize = 84;

/// Alerts of the rule that are listed.
const ALERTS_MAX: usize = 5;

/// Events that are listed as evidence.
const EVIDENCE_MAX: usize = 5;

/// A line of the tree.
struct Line {
    text: String,
    value: String,
    note: String,
}

/// The whole. Writing into a String does not fail.
pub(super) fn tree(facts: &Facts<'_>) -> String {
    let explanation = facts.explanation;
    let question = &explanation.question;
    let mut out = String::new();
    let kind = explanation.kind.name();
    let _ = writeln!(out, "{} of {kind} {} at {}\n", question.rule, question.entity, question.at);
    let _ = writeln!(out, "{}", words::verdict(facts));
    for note in words::notes(facts) {
        let _ = writeln!(out, "{note}");
    }
    if let Some(moment) = &explanation.moment {
        values(&mut out, moment);
        lists(&mut out, moment);
    }
    alerts(&mut out, facts);
    out
}

fn values(out: &mut String, moment: &Moment) {
    let mut lines = Vec::new();
    section_lines(&moment.sections, &mut lines);
    written(out, "", &lines);
    let Some(supposed) = &moment.supposed else { return };
    let mut lines = Vec::new();
    section_lines(&supposed.sections, &mut lines);
    written(out, &format!("\nWith {}", supposed.suppositions.join(", ")), &lines);
}

fn section_lines(sections: &[Section], lines: &mut Vec<Line>) {
    for section in sections {
        let text = format!("{}: {}", section.name, one_line(&section.text));
        let Term { shown, .. } = &section.term;
        lines.push(Line { text: String::new(), value: String::new(), note: String::new() });
        lines.push(Line {
            text,
            value: shown.clone(),
            note: section.term.list.map_or_else(String::new, |list| format!("[{}]", list + 1)),
        });
        below(&section.term, "", section.term.needed, lines);
    }
}

/// The parts of a term; below what is not needed nothing is, and it is said once. Of `value` and
/// the like, which the condition does not ask for, nothing is said.
fn below(term: &Term, indent: &str, needed: bool, lines: &mut Vec<Line>) {
    for (index, part) in term.parts.iter().enumerate() {
        let last = index + 1 == term.parts.len();
        let (branch, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let text = match &part.stands_for {
            Some(text) => format!("{} = {}", part.text, one_line(text)),
            None => part.text.clone(),
        };
        let list = part.list.map_or_else(String::new, |list| format!("[{}]", list + 1));
        let idle = if needed && !part.needed { "not needed" } else { "" };
        let note = [list.as_str(), idle].join(" ").trim().to_owned();
        let line =
            Line { text: format!("{indent}{branch}{text}"), value: part.shown.clone(), note };
        lines.push(line);
        let needed = needed && part.needed;
        below(part, &format!("{indent}{rest}"), needed, lines);
    }
}

fn written(out: &mut String, title: &str, lines: &[Line]) {
    if !title.is_empty() {
        let _ = writeln!(out, "{title}");
    }
    let width = |line: &Line| line.text.chars().count().min(TEXT_MAX);
    let width = lines.iter().map(width).max().unwrap_or(0);
    let value = |line: &Line| line.value.chars().count().min(24);
    let value_width = lines.iter().map(value).max().unwrap_or(0);
    for Line { text, value, note } in lines {
        let text = cut(text);
        let line = format!("{text:width$}  {value:value_width$}  {note}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text.to_owned();
    }
    text.chars().take(TEXT_MAX - 1).chain(['…']).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lists(out: &mut String, moment: &Moment) {
    for (index, list) in moment.lists.iter().enumerate() {
        let lines = list.lines.map_or_else(String::new, |lines| format!(", {lines} lines"));
        let ever = if list.ever { " still kept" } else { "" };
        let number = index + 1;
        let _ = writeln!(out, "\n[{number}] {}: {} events{ever}{lines}", list.text, list.events);
        events(out, &list.newest, list.events);
    }
    let (evidence, total) = &moment.evidence;
    if *total > 0 {
        let _ = writeln!(out, "\nevidence of an alert: {total} events");
        let newest: Vec<Evidence> = evidence.iter().rev().take(EVIDENCE_MAX).cloned().collect();
        events(out, &newest, *total);
    }
}

fn events(out: &mut String, newest: &[Evidence], total: u64) {
    for event in newest {
        let net = event.net.map_or_else(String::new, |net| {
            format!("  {}", money::display(net.amount, net.currency))
        });
        let Evidence { time, kind, event_id, text, .. } = event;
        let _ = writeln!(out, "    {time}  {kind} {event_id}{net}  {text}");
    }
    let more = total.saturating_sub(newest.len() as u64);
    if more > 0 && !newest.is_empty() {
        let _ = writeln!(out, "    and {more} more");
    }
}

fn alerts(out: &mut String, facts: &Facts<'_>) {
    let alerts = &facts.explanation.alerts;
    if alerts.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nalerts of the rule for it so far: {}", alerts.len());
    for alert in alerts.iter().rev().take(ALERTS_MAX) {
        let closed = match alert.closed {
            Some((at, why)) => format!("{why} {at}"),
            None => "open".to_owned(),
        };
        let _ = writeln!(out, "    {}  {closed}  {}", alert.opened_at, alert.summary);
    }
    if alerts.len() > ALERTS_MAX {
        let _ = writeln!(out, "    and {} more", alerts.len() - ALERTS_MAX);
    }
}
