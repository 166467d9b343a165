//! The comparison for people, in tables.

use std::cmp::Reverse;
use std::fmt::Write;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::TableComponent;
use comfy_table::presets;

use crate::cli::rules::backtest::Facts;
use crate::cli::rules::backtest::json::date;
use crate::cli::rules::backtest::money::shown;
use crate::engine::backtest::comparison::Change;
use crate::engine::backtest::comparison::Compared;
use crate::engine::backtest::comparison::Difference;
use crate::engine::backtest::comparison::Split;
use crate::engine::backtest::comparison::Volume;
use crate::money;
use crate::money::grouped;

/// Lines of a table, at most.
const LINES_MAX: usize = 15;

/// A rule of either set.
pub(super) struct RuleLine {
    pub(super) name: String,
    pub(super) family: &'static str,
    pub(super) mode: &'static str,
    /// Which sets have it.
    pub(super) sets: &'static str,
    pub(super) split: Split,
}

/// The rules of the new set in their order, then those that only the old set has.
pub(super) fn rules(facts: &Facts<'_>) -> Vec<RuleLine> {
    let old = facts.old.map(|set| set.rules.as_slice()).unwrap_or_default();
    let new = facts.new.rules.as_slice();
    let within =
        |rules: &[crate::rule::set::Rule], name: &str| rules.iter().any(|rule| &*rule.name == name);
    let only_old = old.iter().filter(|rule| !within(new, &rule.name));
    let lines = new.iter().map(|rule| (rule, true)).chain(only_old.map(|rule| (rule, false)));
    let line = |(rule, is_new): (&crate::rule::set::Rule, bool)| RuleLine {
        name: rule.name.to_string(),
        family: rule.family.name(),
        mode: rule.mode.name(),
        sets: match (is_new, within(old, &rule.name)) {
            (true, true) => "both",
            (true, false) => "new",
            (false, _) => "old",
        },
        split: facts.found.comparison.rules.get(&*rule.name).cloned().unwrap_or_default(),
    };
    lines.map(line).collect()
}

/// The differences to be listed: those with the most money first.
pub(super) fn listed<'f>(facts: &Facts<'f>) -> Vec<Compared<'f>> {
    let alerts = facts.found.comparison.alerts();
    let mut different: Vec<_> = alerts.filter(|a| a.change != Change::Kept).collect();
    let money = |compared: &Compared<'_>| compared.entry.value.map(|value| value.amount);
    different.sort_by_key(|compared| (Reverse(money(compared)), compared.entry.opened_at));
    different.truncate(facts.args.list);
    different
}

/// All tables.
pub(super) fn tables(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    heading(&mut out, facts);
    rule_table(&mut out, facts);
    owner_table(&mut out, facts);
    day_lines(&mut out, facts);
    listed_table(&mut out, facts);
    out
}

/// Writing into a String does not fail.
fn heading(out: &mut String, facts: &Facts<'_>) {
    let comparison = &facts.found.comparison;
    let total = &comparison.total;
    let seconds = facts.took.as_secs_f64();
    let _ = writeln!(out, "{} records read in {seconds:.2} s", grouped(facts.read));
    for (code, count) in &facts.refused {
        let _ = writeln!(out, "  refused, {code}: {}", grouped(*count));
    }
    if facts.outside > 0 {
        let _ = writeln!(out, "  {} events outside of the period", grouped(facts.outside));
    }
    let (new_warming, old_warming) = comparison.warming();
    if new_warming + old_warming > 0 {
        let _ = writeln!(
            out,
            "  {} alerts of the new rules and {} of the old opened while windows were filled: not \
             counted",
            grouped(new_warming),
            grouped(old_warming)
        );
    }
    let changed: Vec<String> = Difference::ALL
        .iter()
        .zip(total.differences)
        .filter(|(_, count)| *count > 0)
        .map(|((_, name), count)| format!("{} in {name}", grouped(count)))
        .collect();
    let changed = match changed.as_slice() {
        [] => String::new(),
        some => format!(", of which {} changed ({})", grouped(total.changed), some.join(", ")),
    };
    let _ = writeln!(
        out,
        "\n{} new, {} gone, {} kept{changed}",
        grouped(total.new.alerts),
        grouped(total.gone.alerts),
        grouped(total.kept.alerts),
    );
    let mut table = plain(&["", "alerts", "at stake", "precision"]);
    for (name, count) in [
        ("new", total.new.clone()),
        ("gone", total.gone.clone()),
        ("kept", total.kept.clone()),
        ("before", total.before()),
        ("after", total.after()),
    ] {
        let judged = count.judged.to_string();
        table.add_row([name.to_owned(), grouped(count.alerts), shown(&count), judged]);
    }
    right(&mut table, &[1, 2, 3]);
    let _ = writeln!(out, "{table}");
    if comparison.total.after().judged.total() + comparison.total.before().judged.total() == 0 {
        let _ = writeln!(
            out,
            "No outcome is known: the history has no quote or opportunity that was decided within \
             {} of an alert. Give recorded alerts with --outcomes.",
            facts.args.outcome_within
        );
    }
    for (name, volume) in [("before", &comparison.old_volume), ("after", &comparison.new_volume)] {
        volume_line(out, name, volume);
    }
}

fn volume_line(out: &mut String, name: &str, volume: &Volume) {
    let Some((owner, day, alerts)) = &volume.busiest else { return };
    let _ = writeln!(
        out,
        "{name}: {:.3} alerts a rep and day ({} reps, {} days); most: {} on {} for {owner}",
        volume.mean(),
        grouped(volume.reps),
        grouped(volume.days),
        grouped(*alerts),
        date(*day),
    );
}

fn rule_table(out: &mut String, facts: &Facts<'_>) {
    let mut table =
        plain(&["rule", "new", "gone", "kept", "changed", "before", "after", "precision"]);
    for line in rules(facts) {
        let Split { new, gone, kept, changed, .. } = &line.split;
        let note = match (line.sets, line.mode, facts.old.is_some()) {
            ("new", _, true) => " (added)",
            ("old", ..) => " (removed)",
            (_, "off", _) => " (off)",
            (_, "shadow", _) => " (shadow)",
            _ => "",
        };
        let (before, after) = (line.split.before(), line.split.after());
        let precision = match (before.judged.precision(), after.judged.precision()) {
            (Some(_), Some(_)) => format!("{} → {}", before.judged, after.judged),
            _ => after.judged.to_string(),
        };
        table.add_row([
            format!("{}{note}", line.name),
            grouped(new.alerts),
            grouped(gone.alerts),
            grouped(kept.alerts),
            grouped(*changed),
            shown(&before),
            shown(&after),
            precision,
        ]);
    }
    right(&mut table, &[1, 2, 3, 4, 5, 6, 7]);
    let _ = writeln!(out, "\n{table}");
}

fn owner_table(out: &mut String, facts: &Facts<'_>) {
    let mut owners: Vec<_> = facts.found.comparison.owners.iter().collect();
    if owners.is_empty() {
        return;
    }
    let different = |split: &Split| split.new.alerts + split.gone.alerts;
    owners.sort_by_key(|(name, split)| {
        (Reverse(different(split)), Reverse(split.kept.alerts), (*name).clone())
    });
    let mut table = plain(&["owner", "new", "gone", "kept", "before", "after"]);
    for (name, split) in owners.iter().take(LINES_MAX) {
        table.add_row([
            (*name).clone(),
            grouped(split.new.alerts),
            grouped(split.gone.alerts),
            grouped(split.kept.alerts),
            shown(&split.before()),
            shown(&split.after()),
        ]);
    }
    right(&mut table, &[1, 2, 3, 4, 5]);
    let _ = writeln!(out, "\n{table}");
    if owners.len() > LINES_MAX {
        let more = owners.len() - LINES_MAX;
        let _ = writeln!(out, "… and {more} more owners: --format json has them all");
    }
}

fn day_lines(out: &mut String, facts: &Facts<'_>) {
    let mut days: Vec<_> = facts.found.comparison.days.iter().collect();
    let different = |split: &Split| split.new.alerts + split.gone.alerts;
    days.retain(|(_, split)| different(split) > 0);
    if days.is_empty() {
        return;
    }
    let all = days.len();
    days.sort_by_key(|(day, split)| (Reverse(different(split)), **day));
    let mut table = plain(&["day", "new", "gone", "kept"]);
    for (day, split) in days.iter().take(LINES_MAX) {
        let counts = [split.new.alerts, split.gone.alerts, split.kept.alerts].map(grouped);
        let [new, gone, kept] = counts;
        table.add_row([date(**day), new, gone, kept]);
    }
    right(&mut table, &[1, 2, 3]);
    let _ = writeln!(out, "\n{table}");
    if all > LINES_MAX {
        let more = all - LINES_MAX;
        let _ = writeln!(out, "… and {more} more days with a difference: --format json has them");
    }
}

fn listed_table(out: &mut String, facts: &Facts<'_>) {
    let listed = listed(facts);
    if listed.is_empty() {
        return;
    }
    let mut table = plain(&["", "rule", "of", "opened", "at stake", "owner"]);
    for compared in &listed {
        let entry = compared.entry;
        let differences: Vec<_> = compared.differences().collect();
        let what = match differences.as_slice() {
            [] => compared.change.name().to_owned(),
            some => format!("{}: {}", compared.change.name(), some.join(", ")),
        };
        let value = entry.value.map(|value| money::display(value.amount, value.currency));
        table.add_row([
            what,
            compared.rule().to_owned(),
            format!("{} {}", entry.kind.name(), compared.entity()),
            entry.opened_at.to_string(),
            value.unwrap_or_default(),
            compared.owner().to_owned(),
        ]);
    }
    right(&mut table, &[4]);
    let _ = writeln!(out, "\n{table}");
    let total = &facts.found.comparison.total;
    let more = total.new.alerts + total.gone.alerts + total.changed - listed.len() as u64;
    if more > 0 {
        let more = grouped(more);
        let _ = writeln!(out, "… and {more} more differences: --alerts FILE has them all");
    }
    let _ = writeln!(out, "Why? siaga rules explain --rule RULE --entity ID --at OPENED …");
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    // Lines between rows would make two of each.
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table
}

fn right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
