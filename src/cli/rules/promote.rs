//! Is a rule in the shadow good enough for the light? Says so with the figures, and turns it on.
//!
//! ```text
//! inbox: alerts of the rule in the shadow ────┬─► won, lost, dismissed ─► precision ─┐
//! history: its alerts, had it been live then ─┴─► owner and day ────────► volume ────┴─► yes or no
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::replay::threads;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::backtest;
use crate::cli::rules::counted;
use crate::cli::rules::history;
use crate::cli::rules::history::HistoryArgs;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxConfig;
use crate::engine::backtest::Backtest;
use crate::engine::backtest::Period;
use crate::engine::backtest::bar::Bar;
use crate::engine::backtest::bar::Shown;
use crate::engine::backtest::comparison::Split;
use crate::engine::runtime::Settings;
use crate::event::Symbols;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::file;
use crate::rule::file::Mode;
use crate::rule::mode;
use crate::time::Span;
use crate::time::Timestamp;

/// What `rules promote` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules promote --rule CallBack --inbox siaga-data/inbox.sqlite rules/
  siaga rules promote --rule CallBack --inbox siaga-data/inbox.sqlite --write rules/
  siaga rules promote --rule CallBack --history 2025.ndjson.zst --alerts-from 2025-07-01 rules/
                                                without having waited for it to run

A rule with `mode: shadow` keeps its alerts for the record: GET /v1/alerts?state=shadow lists them,
and who looks them through closes them as won, lost or dismissed, as any alert. The share that was
won is the precision. With --history recorded events are played through the engine instead, with all
rules of the files, and the rule as if it had been live: its alerts are judged by --outcomes, else by
what customers decided soon after. With --write a rule that is good enough is set to `mode: live` in its file;
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
    #[arg(long, value_name = "FILE", required_unless_present = "history")]
    pub inbox: Option<PathBuf>,
    /// Recorded events to play: NDJSON, CSV or Parquet, also packed as .zst or .gz
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with = "inbox")]
    pub history: Vec<PathBuf>,
    /// Customers, products and reps, where they are not among the files of the history
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "history")]
    pub reference: Vec<PathBuf>,
    /// How your fields map to ours (TOML), in the files of the history
    #[arg(long, value_name = "FILE", requires = "history")]
    pub mapping: Option<PathBuf>,
    /// Count alerts from this instant on; what happened before fills the windows
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME", requires = "history")]
    pub alerts_from: Option<Timestamp>,
    /// Recorded alerts, as `siaga serve` writes them: which were won, lost, dismissed?
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "history")]
    pub outcomes: Vec<PathBuf>,
    /// What a customer decides so soon after an alert is its outcome, where nobody has said
    #[arg(long, default_value = "30d", value_parser = Span::parse, value_name = "DURATION")]
    pub outcome_within: Span,
    /// Share of the judged alerts that has to be won, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = Bar::default().min_precision)]
    pub min_precision: f64,
    /// Alerts that had to be judged, so that the share means something
    #[arg(long, value_name = "NUMBER", default_value_t = Bar::default().min_judged)]
    pub min_judged: u64,
    /// Alerts that one rep, territory or queue may get in a day
    #[arg(long, value_name = "NUMBER", default_value_t = Bar::default().max_per_rep_day)]
    pub max_per_rep_day: u64,
    /// Set `mode: live` in the file if the rule is good enough
    #[arg(long)]
    pub write: bool,
}

impl PromoteArgs {
    /// Judges this rule of the files by an inbox or a history that is named, as it is usual.
    pub fn of(rule: &str, paths: Vec<PathBuf>) -> Self {
        let Bar { min_precision, min_judged, max_per_rep_day } = Bar::default();
        Self {
            paths,
            rule: rule.to_owned(),
            inbox: None,
            history: Vec::new(),
            reference: Vec::new(),
            mapping: None,
            alerts_from: None,
            outcomes: Vec::new(),
            outcome_within: Span::from_millis(30 * Span::DAY.millis()),
            min_precision,
            min_judged,
            max_per_rep_day,
            write: false,
        }
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
    let shown = match &args.inbox {
        Some(inbox) if !inbox.is_file() => {
            writeln!(terminal.err, "there is no inbox {}", inbox.display())?;
            return Ok(Verdict::Misused);
        }
        Some(inbox) => of_inbox(args, inbox)?,
        None => match of_history(args, terminal)? {
            Some(shown) => shown,
            None => return Ok(Verdict::Bad),
        },
    };
    let good = report(args, &shown, terminal)?;
    if good && args.write {
        // A history takes its time: what the file says by now counts.
        let name = mode::set_live(&args.paths, &args.rule)?;
        writeln!(terminal.err, "{name}: `{}` is live", args.rule)?;
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// All that the inbox has of the rule in the shadow.
fn of_inbox(args: &PromoteArgs, inbox: &Path) -> anyhow::Result<Shown> {
    let inbox = Inbox::open(inbox, InboxConfig::default())?;
    let mut records = inbox.records(Some(&args.rule), Timestamp::MIN)?;
    Ok(records.remove(&args.rule).unwrap_or_default().shown())
}

/// What the rule would have done in the history, had it been live; none where a rule is bad.
fn of_history(args: &PromoteArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Option<Shown>> {
    let symbols = Symbols::default();
    let Some(mut rules) = history::rule_set(&args.paths, &symbols, terminal)? else {
        return Ok(None);
    };
    for rule in rules.rules.iter_mut().filter(|rule| *rule.name == args.rule) {
        rule.mode = Mode::Live;
    }
    let settings = Settings { shards: threads(0), lateness: Span::ZERO };
    let period = Period { alerts_from: args.alerts_from, ..Period::default() };
    let outcomes = backtest::outcomes(&args.outcomes, args.outcome_within)?;
    let rules = Arc::new(rules);
    let mut test = Backtest::start(&rules, None, &symbols, (settings, period), outcomes)?;
    let files = HistoryArgs {
        reference: args.reference.clone(),
        mapping: args.mapping.clone(),
        ..HistoryArgs::of(args.history.clone())
    };
    let played = backtest::play(&mut test, &files, &symbols)?;
    let refused: u64 = played.refused.values().sum();
    if refused > 0 {
        writeln!(terminal.err, "{refused} of {} records were refused", played.read)?;
    }
    let found = test.finish()?.comparison;
    let count = found.rules.get(&args.rule).map(Split::after).unwrap_or_default();
    let mut given: BTreeMap<(&str, i64), u64> = BTreeMap::new();
    for alert in found.alerts().filter(|alert| alert.rule() == args.rule) {
        *given.entry((alert.owner(), alert.entry.opened_at.day())).or_default() += 1;
    }
    let busiest = given.iter().max_by_key(|(_, alerts)| **alerts);
    let busiest = busiest.map(|((owner, _), alerts)| ((*owner).to_owned(), *alerts));
    Ok(Some(Shown { alerts: count.alerts, judged: count.judged, busiest }))
}

/// Writes what is asked for and what there is; tells whether all of it is met.
fn report(args: &PromoteArgs, shown: &Shown, terminal: &mut Terminal<'_>) -> anyhow::Result<bool> {
    let PromoteArgs { min_precision, min_judged, max_per_rep_day, .. } = *args;
    let checks = Bar { min_precision, min_judged, max_per_rep_day }.checks(shown);
    let good = checks.iter().all(|(met, _)| *met);
    let alerts = counted(usize::try_from(shown.alerts).unwrap_or(usize::MAX), "alert");
    let place = if args.inbox.is_some() { "in the shadow" } else { "in the history" };
    writeln!(terminal.out, "{}: {alerts} {place}", args.rule)?;
    for (met, check) in checks {
        writeln!(terminal.out, "  {} {check}", if met { "yes" } else { "no " })?;
    }
    let verdict = if good { "good enough to go live" } else { "stays in the shadow" };
    writeln!(terminal.out, "{}: {verdict}", args.rule)?;
    Ok(good)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::alert::AlertState;
    use crate::alert::CloseReason;
    use crate::delivery::inbox::sample;
    use crate::engine::Output;

    const RULES: &str = "# Ours.\ngroups:\n  - name: g\n    rules:\n      - alert: Other\n        family: trend\n        on: [order]\n        when: size(orders) > 0\n        mode: shadow\n        annotations: {summary: s}\n      - alert: Quiet\n        family: drift\n        on: [order]\n        when: size(orders) > 0\n        mode: 'shadow' # since Monday\n        annotations: {summary: s}\n";

    /// An inbox with shadow alerts of `Quiet`, one a customer: what became of each, and its day.
    fn judged(path: &Path, fates: &[(CloseReason, i64)]) {
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
                inbox: Some(inbox),
                min_precision: 0.6,
                min_judged: 3,
                max_per_rep_day: 2,
                write: true,
                ..PromoteArgs::of("Quiet", vec![rules.clone()])
            };
            let (verdict, told) = judge(&args);
            assert_eq!(verdict, want, "{what}: {told}");
            let written = fs::read_to_string(&rules).unwrap();
            let turned_on = RULES.replace("'shadow' # since", "live # since");
            let expected = if want == Verdict::Good { turned_on.as_str() } else { RULES };
            assert_eq!(written, expected, "{what}");
        }
    }

    fn judge(args: &PromoteArgs) -> (Verdict, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
        let verdict = promote(args, &mut terminal).unwrap();
        (verdict, String::from_utf8([out, err].concat()).unwrap())
    }

    /// Two rules look at calls; the one in the shadow only where the other has been quiet, and its
    /// own last alert is a while ago.
    const OF_CALLS: &str = "groups:\n  - name: g\n    rules:\n      - alert: Other\n        family: trend\n        on: [call]\n        when: event.topic == 'tyres'\n        expires_after: 1d\n        annotations: {summary: s}\n      - alert: Quiet\n        family: drift\n        on: [call]\n        when: alerts.last('9d').all(a, a.rule == 'Other' && a.state == 'expired')\n        expires_after: 1d\n        mode: shadow\n        annotations: {summary: s}\n";

    #[test]
    fn a_rule_is_judged_by_a_history_as_if_it_had_been_live() {
        let folder = tempfile::tempdir().unwrap();
        let (rules, history) = (folder.path().join("a.rules.yaml"), folder.path().join("h.ndjson"));
        fs::write(&rules, OF_CALLS).unwrap();
        let event = |number: usize, day: u32, who: &str, kind: &str| {
            format!(
                "{{\"event_id\":\"e{number}\",\"occurred_at\":\"2025-03-{day:02}T09:30:00Z\",\"customer_id\":\"{who}\",\"rep_id\":\"r1\",\"type\":\"{kind}\",\"topic\":\"x\"}}\n"
            )
        };
        let events = [
            // Told on the first day; the second call comes too soon after it.
            (1, "c1", "call"),
            (3, "c1", "quote.accepted"),
            (5, "c1", "call"),
            (1, "c2", "call"),
            (4, "c2", "quote.lost"),
            (20, "c3", "call"),
            (21, "c3", "quote.accepted"),
        ];
        let lines =
            events.iter().enumerate().map(|(n, (day, who, kind))| event(n, *day, who, kind));
        fs::write(&history, lines.collect::<String>()).unwrap();
        let args = PromoteArgs {
            history: vec![history],
            min_precision: 0.6,
            min_judged: 3,
            max_per_rep_day: 2,
            write: true,
            ..PromoteArgs::of("Quiet", vec![rules.clone()])
        };
        for (what, args, good, told) in [
            (
                "since then",
                PromoteArgs { alerts_from: Timestamp::parse("2025-03-10").ok(), ..args.clone() },
                false,
                "judged: 1, at least 3",
            ),
            (
                "soon after",
                PromoteArgs { outcome_within: Span::DAY, ..args.clone() },
                false,
                "judged: 1, at least 3",
            ),
            (
                "too many",
                PromoteArgs { max_per_rep_day: 1, ..args.clone() },
                false,
                "in a day: 2 (rep:r1), at most 1",
            ),
            ("all of it", args, true, "precision: 66.7 % of 3, at least 60.0 %"),
        ] {
            let (verdict, text) = judge(&args);
            assert_eq!(verdict, if good { Verdict::Good } else { Verdict::Bad }, "{what}: {text}");
            assert!(text.contains(told), "{what}: {text}");
            assert_eq!(fs::read_to_string(&rules).unwrap().contains("mode: live"), good, "{what}");
        }
    }
}
