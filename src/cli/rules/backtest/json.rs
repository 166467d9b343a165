//! The comparison for programs: one object for the whole, and one a line for each alert. Its shape
//! is described in `rules/README.md`.

use std::io;
use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::cli::rules::backtest::Facts;
use crate::cli::rules::backtest::money;
use crate::cli::rules::backtest::table;
use crate::delivery::wire::WireDecimal;
use crate::engine::backtest::comparison::Compared;
use crate::engine::backtest::comparison::Count;
use crate::engine::backtest::comparison::Difference;
use crate::engine::backtest::comparison::Split;
use crate::engine::backtest::comparison::Volume;
use crate::engine::backtest::ledger::Entry;
use crate::time::Span;
use crate::time::Timestamp;

/// The whole comparison.
pub(super) fn whole(facts: &Facts<'_>) -> serde_json::Result<String> {
    let comparison = &facts.found.comparison;
    let named = |(name, split): (&String, &Split), key: &str| {
        let mut object = split_of(split);
        object[key] = json!(name);
        object
    };
    let rules = table::rules(facts).into_iter().map(|line| {
        let mut object = split_of(&line.split);
        object["rule"] = json!(line.name);
        object["family"] = json!(line.family);
        object["mode"] = json!(line.mode);
        object["in"] = json!(line.sets);
        object
    });
    let days = comparison.days.iter().map(|(day, split)| {
        let mut object = split_of(split);
        object["day"] = json!(date(*day));
        object
    });
    let listed = table::listed(facts).into_iter().map(|compared| alert(&compared));
    let (new_warming, old_warming) = comparison.warming();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let all = json!({
        "from": time(facts.args.from),
        "to": time(facts.args.to),
        "alerts_from": time(facts.args.alerts_from),
        "newest": facts.found.newest.to_string(),
        "records_read": facts.read,
        "events_outside": facts.outside,
        "refused": facts.refused,
        "seconds": facts.took.as_secs_f64(),
        "warming": {"new": new_warming, "old": old_warming},
        "total": split_of(&comparison.total),
        "rules": rules.collect::<Vec<_>>(),
        "owners": comparison.owners.iter().map(|pair| named(pair, "owner")).collect::<Vec<_>>(),
        "days": days.collect::<Vec<_>>(),
        "volume": {
            "new": volume(&comparison.new_volume),
            "old": volume(&comparison.old_volume),
        },
        "listed": listed.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

/// Every alert of both sets, a line each, by the time of its opening.
pub(super) fn alerts(facts: &Facts<'_>, to: &mut dyn Write) -> io::Result<()> {
    for compared in facts.found.comparison.alerts() {
        serde_json::to_writer(&mut *to, &alert(&compared))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

fn alert(compared: &Compared<'_>) -> Value {
    let mut object = state(compared.entry);
    object["change"] = json!(compared.change.name());
    object["id"] = json!(compared.entry.id);
    object["rule"] = json!(compared.rule());
    object["family"] = json!(compared.family().map(crate::alert::Family::name));
    object["entity"] = json!({"kind": compared.entry.kind.name(), "id": compared.entity()});
    object["owner"] = json!(compared.owner());
    let differences: Vec<_> = compared.differences().collect();
    if let Some(before) = compared.before.filter(|_| !differences.is_empty()) {
        object["differs_in"] = json!(differences);
        object["before"] = state(before);
    }
    object
}

fn state(entry: &Entry) -> Value {
    let mut object = json!({
        "opened_at": entry.opened_at.to_string(),
        "severity": entry.severity.name(),
        "closing": entry.closing.name(),
    });
    if let Some(at) = entry.closed_at {
        object["closed_at"] = json!(at.to_string());
    }
    if let Some(value) = entry.value {
        object["value"] = json!({"amount": WireDecimal(value.amount), "currency": value.currency});
    }
    object
}

fn split_of(split: &Split) -> Value {
    let differences = Difference::ALL.iter().zip(split.differences);
    let differences = differences.map(|((_, name), count)| ((*name).to_owned(), json!(count)));
    json!({
        "new": count(&split.new),
        "gone": count(&split.gone),
        "kept": count(&split.kept),
        "kept_before": count(&split.kept_before),
        "changed": split.changed,
        "differences": Value::Object(differences.collect()),
        "after": count(&split.after()),
        "before": count(&split.before()),
    })
}

fn count(count: &Count) -> Value {
    let judged = count.judged;
    let mut object = json!({"alerts": count.alerts, "value": money::exact(count)});
    if let Some(precision) = judged.precision() {
        object["outcomes"] = json!({
            "won": judged.won, "lost": judged.lost, "dismissed": judged.dismissed,
            "precision": precision,
        });
    }
    object
}

fn volume(volume: &Volume) -> Value {
    let busiest = volume
        .busiest
        .as_ref()
        .map(|(owner, day, alerts)| json!({"owner": owner, "day": date(*day), "alerts": alerts}));
    json!({
        "alerts": volume.alerts, "reps": volume.reps, "days": volume.days,
        "mean_per_rep_and_day": volume.mean(), "busiest": busiest,
    })
}

/// The date of a day counted from 1970.
pub(super) fn date(day: i64) -> String {
    let at = Timestamp::saturating(day.saturating_mul(Span::DAY.millis()));
    at.to_string().chars().take(10).collect()
}
