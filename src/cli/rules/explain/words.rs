//! An explanation in sentences: what happened, what kept an alert from opening, what would be so.

use crate::cli::rules::explain::Facts;
use crate::engine::explain;
use crate::engine::explain::Verdict;
use crate::engine::explain::moment::Moment;
use crate::engine::explain::moment::Section;
use crate::engine::explain::moment::Term;
use crate::rule::file::Mode;
use crate::rule::set::Rule;
use crate::rule::set::Trigger;
use crate::state::value::Fault;
use crate::time::Timestamp;

/// A word for programs.
pub(super) fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Fired => "fired",
        Verdict::Open { .. } => "already_open",
        Verdict::Pending { .. } => "pending",
        Verdict::Cooldown { .. } => "cooldown",
        Verdict::Told => "episode_told",
        Verdict::False => "does_not_hold",
        Verdict::NoValue(_) => "no_value",
        Verdict::NeverLooked => "never_looked",
        Verdict::Unknown => "unknown_entity",
    }
}

/// The one sentence.
pub(super) fn verdict(facts: &Facts<'_>) -> String {
    let explanation = facts.explanation;
    let sections = explanation.moment.as_ref().map(|moment| moment.sections.as_slice());
    let (rule, sections) = (facts.rule, sections.unwrap_or_default());
    match &explanation.verdict {
        Verdict::Unknown => format!(
            "Not fired: the history has no {} `{}`. Is its id written so in the files?",
            explanation.kind.name(),
            explanation.question.entity
        ),
        Verdict::NeverLooked => {
            let at = explanation.question.at;
            match &explanation.question.event {
                None => format!("Not fired: nothing made the rule look up to {at}."),
                Some(event) => {
                    format!("Not fired: event `{event}` did not make the rule look up to {at}.")
                }
            }
        }
        other => outcome(other, rule, sections),
    }
}

/// What an evaluation led to.
fn outcome(verdict: &Verdict, rule: &Rule, sections: &[Section]) -> String {
    match verdict {
        Verdict::Fired => "Fired: the condition holds, and an alert opens.".to_owned(),
        Verdict::Open { since } => {
            format!("No new alert: the condition holds, and its alert is open since {since}.")
        }
        Verdict::Pending { since, until } => format!(
            "Not fired yet: the condition holds since {since}; `for: {}` asks that it does until \
             {until}.",
            rule.timing.hold
        ),
        Verdict::Cooldown { closed, until } => format!(
            "Not fired: the condition holds, but the last alert closed at {closed} and `cooldown: \
             {}` keeps the rule quiet until {until}.",
            rule.timing.cooldown
        ),
        Verdict::Told => {
            "Not fired: the condition holds, but this episode has had its alert.".to_owned()
        }
        Verdict::False => match culprit(sections) {
            Some(term) => format!("Not fired: `{}` is false.", short(&term.text)),
            None => "Not fired: the condition is false.".to_owned(),
        },
        Verdict::NoValue(fault) => no_value(*fault, sections),
        Verdict::NeverLooked | Verdict::Unknown => "Not fired.".to_owned(),
    }
}

fn no_value(fault: Fault, sections: &[Section]) -> String {
    let mut deepest = None;
    if let Some(section) = sections.first() {
        section.term.walk(&mut |term| {
            if term.needed && term.value == Err(fault) {
                deepest = Some(term);
            }
        });
    }
    let of = deepest.map_or_else(String::new, |term| format!(" of `{}`", short(&term.text)));
    format!("Not fired: the condition has no value, because{of}: {fault}.")
}

/// The part of a chain of `&&` that is false, where it is one.
fn culprit(sections: &[Section]) -> Option<&Term> {
    use crate::state::value::Value;
    let mut term = &sections.first()?.term;
    loop {
        // A name stands for its expression: its parts are shown below it.
        let no = Ok(Value::Bool(false));
        let mut false_parts = term.parts.iter().filter(|part| part.needed && part.value == no);
        match (false_parts.next(), false_parts.next()) {
            (Some(part), None) if term.text.contains("&&") || term.stands_for.is_some() => {
                term = part;
            }
            _ => return Some(term),
        }
    }
}

/// A text that fits into a sentence.
pub(super) fn short(text: &str) -> String {
    const CHARS_MAX: usize = 100;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    text.chars().take(CHARS_MAX - 1).chain(['…']).collect()
}

/// What else there is to know, a sentence each.
pub(super) fn notes(facts: &Facts<'_>) -> Vec<String> {
    let explanation = facts.explanation;
    let mut notes = Vec::new();
    let told = match facts.mode {
        Mode::Live => None,
        Mode::Shadow => {
            Some("The rule's mode is `shadow`: its alerts are recorded and reach nobody.")
        }
        Mode::Off => {
            Some("The rule's mode is `off`: it does not run. This is what it would do if it did.")
        }
    };
    notes.extend(told.map(str::to_owned));
    if let Some(moment) = &explanation.moment {
        notes.push(looked(facts, moment));
    }
    notes.extend(trigger(facts));
    if let (Some(moment), Some(seen)) = (
        explanation.moment.as_ref(),
        explanation.moment.as_ref().and_then(|moment| moment.supposed_observation()),
    ) {
        notes.push(supposed(facts, moment, seen.holds));
    }
    let (listed, count) = &facts.refused;
    if *count > 0 {
        let what = if *count == 1 { "record names" } else { "records name" };
        let listed = listed.join("; ");
        notes.push(format!("{count} refused {what} it, and no rule saw that: {listed}"));
    }
    notes
}

fn looked(facts: &Facts<'_>, moment: &Moment) -> String {
    let (explanation, now) = (facts.explanation, moment.now);
    if explanation.looks == 0 {
        return format!("The values below are those at {now}, as if the rule had looked.");
    }
    let by = match (&moment.event, moment.deadline) {
        (Some(event), _) => {
            let late = if event.time == now {
                String::new()
            } else {
                format!(", which came late: it happened at {}", event.time)
            };
            format!("set off by `{}` {}{late}", event.kind, event.id)
        }
        (None, Some(_)) => match facts.rule.trigger {
            Trigger::Silence { .. } => "when the silence had lasted".to_owned(),
            Trigger::Every { .. } => "by its schedule".to_owned(),
            Trigger::Events(_) => {
                "when a time of the rule had passed (`for`, `keep_firing_for`)".to_owned()
            }
        },
        (None, None) => "by itself".to_owned(),
    };
    format!("It looked at {now}, {by}; look {} up to then.", explanation.looks)
}

fn trigger(facts: &Facts<'_>) -> Vec<String> {
    let explanation = facts.explanation;
    let seen = &explanation.trigger;
    if explanation.verdict == Verdict::Unknown {
        return Vec::new();
    }
    let kinds = seen.kinds.join(", ");
    let last = |last: &Option<(String, &'static str, Timestamp)>| match last {
        Some((id, kind, at)) => format!("the last is `{kind}` {id} at {at}"),
        None => "there is none in the history that is kept".to_owned(),
    };
    match &facts.rule.trigger {
        Trigger::Events(_) if explanation.looks == 0 => {
            vec![format!("It looks at `{kinds}`; {}.", last(&seen.last))]
        }
        Trigger::Events(_) => Vec::new(),
        Trigger::Silence { .. } => {
            let armed = match seen.armed {
                Some(at) => format!("The silence is over at {at} if no other comes."),
                None => "No silence is waited for.".to_owned(),
            };
            vec![format!("It waits for a silence of `{kinds}`; {}. {armed}", last(&seen.last))]
        }
        Trigger::Every { schedule, .. } => match seen.armed {
            Some(at) => vec![format!("It looks every {}, next at {at}.", schedule.every)],
            None => vec![format!("It looks every {}, from the first event on.", schedule.every)],
        },
    }
}

/// What would be so under the suppositions.
fn supposed(facts: &Facts<'_>, moment: &Moment, holds: bool) -> String {
    let Some(supposed) = &moment.supposed else { return String::new() };
    let given = supposed.suppositions.join(", ");
    let outcome = match supposed.holds {
        Err(fault) => no_value(fault, &supposed.sections),
        Ok(_) if !holds => outcome(&Verdict::False, facts.rule, &supposed.sections),
        Ok(_) => match moment.supposed_observation() {
            Some(seen) => {
                let verdict = explain::standing(facts.rule, moment.phase.as_ref(), seen);
                outcome(&verdict, facts.rule, &supposed.sections)
            }
            None => String::new(),
        },
    };
    format!("With {given}: {outcome}")
}
