//! An explanation for programs. Its shape is described in `rules/README.md`.

use serde_json::Value;
use serde_json::json;

use crate::alert::Evidence;
use crate::cli::rules::explain::Facts;
use crate::cli::rules::explain::words;
use crate::delivery::wire::WireEvidence;
use crate::engine::explain::Verdict;
use crate::engine::explain::moment::Moment;
use crate::engine::explain::moment::Section;
use crate::engine::explain::moment::Term;
use crate::state::value;
use crate::state::value::Fault;

/// The whole.
pub(super) fn object(facts: &Facts<'_>) -> serde_json::Result<String> {
    let explanation = facts.explanation;
    let question = &explanation.question;
    let alerts = explanation.alerts.iter().map(|alert| {
        let closed = alert.closed.map(|(at, why)| json!({"at": at.to_string(), "reason": why}));
        json!({
            "id": alert.id, "opened_at": alert.opened_at.to_string(),
            "summary": alert.summary, "closed": closed,
        })
    });
    let trigger = &explanation.trigger;
    let last = trigger.last.as_ref();
    let last = last.map(|(id, kind, at)| json!({"id": id, "kind": kind, "time": at.to_string()}));
    let all = json!({
        "rule": question.rule,
        "entity": {"kind": explanation.kind.name(), "id": question.entity},
        "at": question.at.to_string(),
        "mode": facts.mode.name(),
        "verdict": verdict(facts),
        "notes": words::notes(facts),
        "looks": explanation.looks,
        "events": explanation.events,
        "moment": explanation.moment.as_deref().map(moment),
        "trigger": {
            "kinds": trigger.kinds, "last": last,
            "armed": trigger.armed.map(|at| at.to_string()),
        },
        "alerts": alerts.collect::<Vec<_>>(),
        "refused": {"count": facts.refused.1, "first": facts.refused.0},
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn verdict(facts: &Facts<'_>) -> Value {
    let verdict = &facts.explanation.verdict;
    let mut object = json!({"name": words::name(verdict), "words": words::verdict(facts)});
    match verdict {
        Verdict::Open { since } => object["since"] = json!(since.to_string()),
        Verdict::Pending { since, until } | Verdict::Cooldown { closed: since, until } => {
            object["since"] = json!(since.to_string());
            object["until"] = json!(until.to_string());
        }
        Verdict::NoValue(fault) => object["fault"] = json!(fault.to_string()),
        Verdict::Fired
        | Verdict::Told
        | Verdict::False
        | Verdict::NeverLooked
        | Verdict::Unknown => {}
    }
    object
}

fn moment(moment: &Moment) -> Value {
    let lists = moment.lists.iter().map(|list| {
        json!({
            "text": list.text, "events": list.events, "lines": list.lines, "ever": list.ever,
            "newest": events(&list.newest),
        })
    });
    let event = moment.event.as_ref();
    let event = event
        .map(|event| json!({"id": event.id, "kind": event.kind, "time": event.time.to_string()}));
    let supposed = moment.supposed.as_ref().map(|supposed| {
        json!({
            "suppositions": supposed.suppositions,
            "holds": truth(supposed.holds),
            "sections": sections(&supposed.sections),
        })
    });
    json!({
        "now": moment.now.to_string(),
        "deadline": moment.deadline.map(|at| at.to_string()),
        "event": event,
        "holds": truth(moment.holds),
        "sections": sections(&moment.sections),
        "lists": lists.collect::<Vec<_>>(),
        "evidence": {"total": moment.evidence.1, "events": events(&moment.evidence.0)},
        "supposed": supposed,
    })
}

fn events(events: &[Evidence]) -> Vec<WireEvidence<'_>> {
    events.iter().map(WireEvidence::from).collect()
}

fn truth(holds: Result<bool, Fault>) -> Value {
    match holds {
        Ok(holds) => json!(holds),
        Err(fault) => json!({"fault": fault.to_string()}),
    }
}

fn sections(sections: &[Section]) -> Vec<Value> {
    let section = |section: &Section| json!({"name": section.name, "text": section.text, "term": term(&section.term)});
    sections.iter().map(section).collect()
}

fn term(of: &Term) -> Value {
    let mut object = json!({"text": of.text, "shown": of.shown, "needed": of.needed});
    match of.value {
        Ok(found) => object["value"] = plain(found, &of.shown),
        Err(fault) => object["fault"] = json!(fault.to_string()),
    }
    if let Some(text) = &of.stands_for {
        object["stands_for"] = json!(text);
    }
    if let Some(list) = of.list {
        object["list"] = json!(list);
    }
    if !of.parts.is_empty() {
        object["parts"] = of.parts.iter().map(term).collect();
    }
    object
}

/// A value as JSON has it: instants as text, lengths of time in seconds, money as a number.
#[expect(clippy::cast_precision_loss, reason = "seconds for programs")]
fn plain(found: value::Value, shown: &str) -> Value {
    match found {
        value::Value::Null => Value::Null,
        value::Value::Bool(truth) => json!(truth),
        value::Value::Int(int) => json!(int),
        value::Value::Double(double) => json!(double),
        value::Value::Number(amount) | value::Value::Money(amount) => json!(amount.to_f64()),
        value::Value::Time(at) => json!(at.to_string()),
        value::Value::Span(span) => json!(span.millis() as f64 / 1e3),
        value::Value::Text(_) | value::Value::Made(_) => json!(shown),
    }
}
