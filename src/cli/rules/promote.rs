//! Is a rule in the shadow good enough for the light? Says so with the figures, and turns it on.
//!
//! ```text
//! inbox: alerts of the rule in the shadow ─┬─► won, lost, dismissed ─► precision ─┐
//!                                          └─► owner and day ────────► volume ────┴─► yes or no
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::counted;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::inbox::query::Query;
use crate::delivery::inbox::query::Standing;
use crate::engine::backtest::outcome::Judged;
use crate::engine::backtest::outcome::Outcome;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::document;
use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::rule::file;
use crate::rule::file::Mode;
use crate::time::Span;

/// What `rules promote` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules promote --rule CallBack --inbox siaga-data/inbox.sqlite rules/
  siaga rules promote --rule CallBack --inbox siaga-data/inbox.sqlite --write rules/

A rule with `mode: shadow` keeps its alerts for the record: GET /v1/alerts?state=shadow lists them,
and who looks them through closes them as won, lost or dismissed, as any alert. The share that was
won is the precision. With --write a rule that is good enough is set to `mode: live` in its file;
a running server takes that in by itself.

Exit codes: 0 good enough, 1 not, or a bad rule file, 2 used wrongly")]
pub struct PromoteArgs {
    /// Rule files, and folders of them
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Name of the rule
    #[arg(long)]
    pub rule: String,
    /// The inbox of the server on which the rule ran
    #[arg(long, value_name = "FILE")]
    pub inbox: PathBuf,
    /// Share of the judged alerts that has to be won, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub min_precision: f64,
    /// Alerts that had to be judged, so that the share means something
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub min_judged: u64,
    /// Alerts that one rep, territory or queue may get in a day
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub max_per_rep_day: u64,
    /// Set `mode: live` in the file if the rule is good enough
    #[arg(long)]
    pub write: bool,
}

/// What the rule did in the shadow.
#[derive(Debug, Default)]
struct Record {
    alerts: u64,
    judged: Judged,
    by_owner_and_day: BTreeMap<(String, i64), u64>,
}

impl Record {
    fn add(&mut self, alert: &Alert) {
        self.alerts += 1;
        if let AlertState::Closed { reason, .. } = &alert.state {
            match reason {
                CloseReason::Won => self.judged.add(Outcome::Won),
                CloseReason::Lost => self.judged.add(Outcome::Lost),
                CloseReason::Dismissed(_) => self.judged.add(Outcome::Dismissed),
                CloseReason::Resolved | CloseReason::Expired | CloseReason::Withdrawn => {}
            }
        }
        let day = alert.opened_at.millis().div_euclid(Span::DAY.millis());
        *self.by_owner_and_day.entry((alert.owner.key(), day)).or_default() += 1;
    }

    /// The most that one owner got in a day, and who.
    fn busiest(&self) -> Option<(&str, u64)> {
        let busiest = self.by_owner_and_day.iter().max_by_key(|(_, alerts)| **alerts)?;
        Some((&busiest.0.0, *busiest.1))
    }
}

/// Judges the rule and, if it is asked for, turns it on.
pub(super) fn promote(args: &PromoteArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let (files, rule_files, problems) = file::load(&args.paths);
    if problems.iter().any(Diagnostic::is_error) {
        let shown = diagnostic::render(&problems, &files, terminal.colour);
        terminal.err.write_all(shown.as_bytes())?;
        return Ok(Verdict::Bad);
    }
    let Some(rule) = file::rules(&rule_files).find(|rule| rule.alert.value == args.rule) else {
        writeln!(terminal.err, "there is no rule `{}` in these files", args.rule)?;
        return Ok(Verdict::Misused);
    };
    if rule.mode != Mode::Shadow {
        let mode = rule.mode.name();
        writeln!(terminal.err, "the mode of `{}` is `{mode}`, not `shadow`", args.rule)?;
        return Ok(Verdict::Misused);
    }
    if !args.inbox.is_file() {
        writeln!(terminal.err, "there is no inbox {}", args.inbox.display())?;
        return Ok(Verdict::Misused);
    }
    let record = record(args)?;
    let good = report(args, &record, terminal)?;
    if good && args.write {
        let (name, text) = (files.name(rule.file), files.text(rule.file));
        let place =
            document::read(rule.file, text).ok().and_then(|yaml| mode_of(&yaml, &args.rule));
        let place = place.with_context(|| format!("{name}: `mode` is not written out"))?;
        let next = [&text[..place.start], Mode::Live.name(), &text[place.end..]].concat();
        fs::write(name, next).with_context(|| format!("cannot write {name}"))?;
        writeln!(terminal.err, "{name}: `{}` is live", args.rule)?;
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// All that the inbox has of the rule in the shadow.
fn record(args: &PromoteArgs) -> anyhow::Result<Record> {
    let inbox = Inbox::open(&args.inbox, InboxConfig::default())?;
    let mut record = Record::default();
    let mut query = Query {
        standing: Standing::Shadow,
        text: Some(args.rule.clone()),
        limit: Query::LIMIT_MAX,
        ..Query::default()
    };
    loop {
        let page = inbox.list(&query)?;
        let of_rule = page.alerts.iter().filter(|kept| kept.alert.rule == args.rule);
        of_rule.for_each(|kept| record.add(&kept.alert));
        query.after = page.next;
        if query.after.is_none() {
            return Ok(record);
        }
    }
}

/// Writes what is asked for and what there is; tells whether all of it is met.
fn report(
    args: &PromoteArgs,
    record: &Record,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<bool> {
    let judged = record.judged.total();
    let precise = record.judged.precision().is_some_and(|share| share >= args.min_precision);
    let (who, most) = record.busiest().unwrap_or(("nobody", 0));
    let checks = [
        (judged >= args.min_judged, format!("judged: {judged}, at least {}", args.min_judged)),
        (
            precise,
            format!("precision: {}, at least {:.1} %", record.judged, args.min_precision * 100.0),
        ),
        (
            most <= args.max_per_rep_day,
            format!("most for one rep in a day: {most} ({who}), at most {}", args.max_per_rep_day),
        ),
    ];
    let good = checks.iter().all(|(met, _)| *met);
    let alerts = counted(usize::try_from(record.alerts).unwrap_or(usize::MAX), "alert");
    writeln!(terminal.out, "{}: {alerts} in the shadow", args.rule)?;
    for (met, check) in checks {
        writeln!(terminal.out, "  {} {check}", if met { "yes" } else { "no " })?;
    }
    let verdict = if good { "good enough to go live" } else { "stays in the shadow" };
    writeln!(terminal.out, "{}: {verdict}", args.rule)?;
    Ok(good)
}

/// Where the mode of the rule of this name is written.
fn mode_of(yaml: &Yaml, rule: &str) -> Option<Range<usize>> {
    match &yaml.shape {
        Shape::Null | Shape::Scalar(_) => None,
        Shape::List(items) => items.iter().find_map(|item| mode_of(item, rule)),
        Shape::Map(entries) => {
            let at = |name: &str| {
                let named = |key: &Yaml| matches!(&key.shape, Shape::Scalar(s) if s.text == name);
                entries.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
            };
            let named = at("alert");
            if named.is_some_and(|n| matches!(&n.shape, Shape::Scalar(s) if s.text == rule)) {
                return at("mode").map(|mode| mode.span.clone());
            }
            entries.iter().find_map(|(_, value)| mode_of(value, rule))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;
    use crate::engine::Output;

    const RULES: &str = "# Ours.\ngroups:\n  - name: g\n    rules:\n      - alert: Other\n        family: trend\n        on: [order]\n        when: size(orders) > 0\n        mode: shadow\n        annotations: {summary: s}\n      - alert: Quiet\n        family: drift\n        on: [order]\n        when: size(orders) > 0\n        mode: 'shadow' # since Monday\n        annotations: {summary: s}\n";

    /// An inbox with shadow alerts of `Quiet`, one a customer: what became of each, and its day.
    fn judged(path: &std::path::Path, fates: &[(CloseReason, i64)]) {
        let inbox = Inbox::open(path, InboxConfig::default()).unwrap();
        for (number, (reason, day)) in fates.iter().enumerate() {
            let mut alert = sample::alert(&format!("c{number}"), None);
            alert.rule = "Quiet".to_owned();
            alert.is_shadow = true;
            alert.opened_at = alert.opened_at + Span::from_millis(day * Span::DAY.millis());
            let (id, at) = (alert.id, alert.opened_at);
            let state = AlertState::Closed { at, reason: reason.clone() };
            let opened = Output::Opened { alert: Box::new(alert), arrived: None };
            inbox.apply(&[opened, Output::Changed { id, state, at }]).unwrap();
        }
    }

    #[test]
    fn a_rule_goes_live_when_it_is_right_and_rare_enough() {
        use CloseReason::Resolved;
        use CloseReason::Won;
        let no = || CloseReason::Dismissed(String::new());
        for (what, fates, want) in [
            ("right and rare", vec![(Won, 0), (Won, 0), (no(), 1), (Resolved, 1)], Verdict::Good),
            ("often wrong", vec![(Won, 0), (no(), 1), (no(), 2), (no(), 2)], Verdict::Bad),
            ("too often", vec![(Won, 0), (Won, 0), (Won, 0)], Verdict::Bad),
            ("nobody has judged enough", vec![(Won, 0), (Won, 1), (Resolved, 2)], Verdict::Bad),
            ("never fired", vec![], Verdict::Bad),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (rules, inbox) = (folder.path().join("a.rules.yaml"), folder.path().join("inbox"));
            fs::write(&rules, RULES).unwrap();
            judged(&inbox, &fates);
            let args = PromoteArgs {
                paths: vec![rules.clone()],
                rule: "Quiet".to_owned(),
                inbox,
                min_precision: 0.6,
                min_judged: 3,
                max_per_rep_day: 2,
                write: true,
            };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
            let verdict = promote(&args, &mut terminal).unwrap();
            let told = String::from_utf8(out).unwrap();
            assert_eq!(verdict, want, "{what}: {told}");
            let written = fs::read_to_string(&rules).unwrap();
            let turned_on = RULES.replace("'shadow' # since", "live # since");
            let expected = if want == Verdict::Good { turned_on.as_str() } else { RULES };
            assert_eq!(written, expected, "{what}");
        }
    }
}
