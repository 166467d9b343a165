//! What a replay found, in tables for people and in JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::TableComponent;
use comfy_table::presets;
use serde_json::json;

use crate::alert::Owner;
use crate::engine::Output;
use crate::engine::runtime::Totals;
use crate::money;
use crate::money::Currency;
use crate::money::Decimal;
use crate::rule::set::RuleSet;
use crate::source::Refused;
use crate::time::Timestamp;

/// Refused records that are listed one by one.
const REFUSED_LISTED: usize = 10;

/// Reps that are listed.
const REPS_LISTED: usize = 10;

/// Counts of alerts and refusals.
#[derive(Debug, Default)]
pub(super) struct Summary {
    rules: BTreeMap<(String, String), Count>,
    owners: BTreeMap<Owner, Count>,
    changed: u64,
    refused: BTreeMap<&'static str, u64>,
    first_refused: Vec<String>,
}

/// How many alerts, and how much money in each currency.
#[derive(Debug, Default, Clone)]
struct Count {
    alerts: u64,
    money: BTreeMap<Option<Currency>, i128>,
}

/// What the replay itself knows.
pub(super) struct Facts<'a> {
    /// Records read, refused ones included.
    pub(super) read: u64,
    /// What the engine did.
    pub(super) totals: Totals,
    /// Newest event time.
    pub(super) newest: Timestamp,
    /// How long it took.
    pub(super) took: Duration,
    /// Events that had to leave the reordering before their time.
    pub(super) released_early: u64,
    /// The rules.
    pub(super) rules: &'a RuleSet,
}

impl Count {
    fn add(&mut self, value: Option<crate::alert::Value>) {
        self.alerts += 1;
        if let Some(value) = value {
            *self.money.entry(value.currency).or_default() += i128::from(value.amount.micros());
        }
    }

    /// Sums as people read them; one beyond the range of money is cut off there.
    fn money(&self) -> String {
        let shown = self.money.iter().map(|(currency, micros)| {
            let micros = i64::try_from(*micros).unwrap_or(i64::MAX);
            money::display(Decimal::from_micros(micros), *currency)
        });
        shown.collect::<Vec<_>>().join(" + ")
    }
}

impl Summary {
    /// Counts an output.
    pub(super) fn output(&mut self, output: &Output) {
        match output {
            Output::Opened { alert, .. } => {
                let key = (alert.family.name(), alert.rule.as_str());
                match self.rules.iter_mut().find(|((f, r), _)| (f.as_str(), r.as_str()) == key) {
                    Some((_, count)) => count.add(alert.value),
                    None => {
                        let key = (key.0.to_owned(), key.1.to_owned());
                        self.rules.entry(key).or_default().add(alert.value);
                    }
                }
                match self.owners.get_mut(&alert.owner) {
                    Some(count) => count.add(alert.value),
                    None => self.owners.entry(alert.owner.clone()).or_default().add(alert.value),
                }
            }
            Output::Changed { .. } => self.changed += 1,
            Output::Acted { .. } | Output::Duty(_) => {}
        }
    }

    /// Counts a refusal.
    pub(super) fn refused(&mut self, refused: &Refused) {
        *self.refused.entry(refused.reason.code()).or_default() += 1;
        if self.first_refused.len() < REFUSED_LISTED {
            let Refused { source, position, reason, .. } = refused;
            self.first_refused.push(format!("{source}:{position}: {reason}"));
        }
    }

    /// As tables.
    pub(super) fn table(&self, facts: &Facts<'_>) -> String {
        let mut out = String::new();
        let Totals { sequence, shards, entities, .. } = &facts.totals;
        let refused: u64 = self.refused.values().sum();
        let seconds = facts.took.as_secs_f64();
        let grouped = money::grouped;
        #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
        let rate = facts.read as f64 / seconds.max(1e-9);
        // Writing into a String does not fail.
        let _ = writeln!(
            out,
            "{} records read in {seconds:.2} s ({rate:.0}/s) = {} events applied + {} reference data \
             + {} repeats ignored + {} without a customer + {} refused",
            grouped(facts.read),
            grouped(sequence.events - sequence.unowned),
            grouped(sequence.references),
            grouped(sequence.duplicates),
            grouped(sequence.unowned),
            grouped(refused),
        );
        let _ = writeln!(
            out,
            "{} customers, reps and products; {} events came late; newest event {}",
            grouped(*entities),
            grouped(shards.late + shards.too_late),
            facts.newest,
        );
        if facts.released_early > 0 {
            let _ = writeln!(
                out,
                "{} events left the reordering early: the files are too far apart for its bound",
                grouped(facts.released_early)
            );
        }
        self.refusal_lines(&mut out);
        self.rule_table(&mut out, facts);
        self.owner_table(&mut out);
        out
    }

    fn refusal_lines(&self, out: &mut String) {
        for (code, count) in &self.refused {
            let _ = writeln!(out, "  refused, {code}: {}", money::grouped(*count));
        }
        for line in &self.first_refused {
            let _ = writeln!(out, "    {line}");
        }
        let total: u64 = self.refused.values().sum();
        let listed = self.first_refused.len() as u64;
        if total > listed {
            let more = money::grouped(total - listed);
            let _ = writeln!(out, "    … and {more} more: --dead-letters FILE keeps them all");
        }
    }

    fn rule_table(&self, out: &mut String, facts: &Facts<'_>) {
        let mut table = plain(&["family", "rule", "alerts", "at stake", "looked", "failed"]);
        let mut total = 0;
        for (place, rule) in facts.rules.rules.iter().enumerate() {
            let key = (rule.family.name().to_owned(), rule.name.to_string());
            let count = self.rules.get(&key).cloned().unwrap_or_default();
            total += count.alerts;
            let did = facts.totals.shards.rules.get(place).copied().unwrap_or_default();
            table.add_row([
                key.0,
                key.1,
                money::grouped(count.alerts),
                count.money(),
                money::grouped(did.evaluations),
                money::grouped(did.failures),
            ]);
        }
        right(&mut table, &[2, 3, 4, 5]);
        let _ = writeln!(out, "\n{table}");
        let total = money::grouped(total);
        let changed = money::grouped(self.changed);
        let _ = writeln!(out, "{total} alerts opened; {changed} later changes (resolved, expired)");
    }

    fn owner_table(&self, out: &mut String) {
        let mut owners: Vec<(&Owner, &Count)> = self.owners.iter().collect();
        owners.sort_by_key(|(owner, count)| (std::cmp::Reverse(count.alerts), *owner));
        if owners.is_empty() {
            return;
        }
        let mut table = plain(&["owner", "alerts", "at stake"]);
        for (owner, count) in owners.iter().take(REPS_LISTED) {
            table.add_row([owner.key(), money::grouped(count.alerts), count.money()]);
        }
        right(&mut table, &[1, 2]);
        let _ = writeln!(out, "\n{table}");
        if owners.len() > REPS_LISTED {
            let _ = writeln!(out, "… and {} more owners", owners.len() - REPS_LISTED);
        }
    }

    /// As JSON.
    pub(super) fn json(&self, facts: &Facts<'_>) -> serde_json::Result<String> {
        let Totals { sequence, shards, entities, .. } = &facts.totals;
        let sums = |count: &Count| -> BTreeMap<String, String> {
            let sums = count.money.iter().map(|(currency, micros)| {
                let micros = i64::try_from(*micros).unwrap_or(i64::MAX);
                let name = currency.map_or_else(|| "none".to_owned(), |c| c.to_string());
                (name, Decimal::from_micros(micros).to_string())
            });
            sums.collect()
        };
        let rules = facts.rules.rules.iter().enumerate().map(|(place, rule)| {
            let key = (rule.family.name().to_owned(), rule.name.to_string());
            let count = self.rules.get(&key).cloned().unwrap_or_default();
            json!({
                "family": key.0,
                "rule": key.1,
                "alerts": count.alerts,
                "value": sums(&count),
                "evaluations": shards.rules.get(place).map(|rule| rule.evaluations),
                "failures": shards.rules.get(place).map(|rule| rule.failures),
            })
        });
        let rules = rules.collect::<Vec<_>>();
        let owners = self.owners.iter().map(|(owner, count)| {
            json!({"owner": owner.key(), "alerts": count.alerts, "value": sums(count)})
        });
        let owners = owners.collect::<Vec<_>>();
        let all = json!({
            "records_read": facts.read,
            "events_applied": sequence.events - sequence.unowned,
            "reference_records": sequence.references,
            "duplicates": sequence.duplicates,
            "events_without_customer": sequence.unowned,
            "refused": self.refused,
            "late": shards.late,
            "too_late": shards.too_late,
            "entities": entities,
            "newest": facts.newest.to_string(),
            "seconds": facts.took.as_secs_f64(),
            "rules": rules,
            "owners": owners,
        });
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }
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
