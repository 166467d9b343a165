//! `siaga rules explain`: why did a rule fire for this customer at that time, or why did it not?
//!
//! ```text
//! files ─► merge ─► explainer (one replay) ─► explanation ─► a tree of values, or JSON
//!            └ refused records that name the entity ──────────┘
//! ```

mod json;
mod pretty;
mod words;

use std::sync::Arc;

use clap::Args;
use clap::ValueEnum;

use std::path::PathBuf;

use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::history;
use crate::cli::rules::history::HistoryArgs;
use crate::engine::explain;
use crate::engine::explain::Explainer;
use crate::engine::explain::Explanation;
use crate::engine::explain::Question;
use crate::engine::explain::QuestionError;
use crate::engine::explain::suppose::Supposition;
use crate::event::Symbols;
use crate::rule::file::Mode;
use crate::rule::set::Rule;
use crate::source::Batch;
use crate::source::Refused;
use crate::time::Timestamp;

/// Refused records that are named one by one.
const REFUSED_LISTED: usize = 5;

/// What `rules explain` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules explain --rule DriftSilence --entity c-1042 --at 2025-03-04 --history orders.ndjson.zst
  siaga rules explain --rules new/ --rule Margin --entity c-7 --at 2025-03-04T09:30:00Z \\
      --history 2025.ndjson --set 'recent=0.1'            what if `recent` had been 0.1?
  siaga rules explain --rule CrossSellOnCall --entity c-7 --at 2025-03-04 --history 2025.ndjson \\
      --set \"event.topic='welding'\"                       what if the call had been about welding?

The last evaluation up to the instant is explained. Every sub-expression is shown with its value,
also those that were not needed because another one decided.
Exit codes: 0 explained, 1 a bad rule or an unreadable file, 2 used wrongly")]
pub struct ExplainArgs {
    /// Name of the rule
    #[arg(long, value_name = "NAME")]
    pub rule: String,
    /// Id of the customer, rep or product that the rule looks at
    #[arg(long, value_name = "ID")]
    pub entity: String,
    /// The instant: `2025-03-04` or `2025-03-04T09:30:00Z`
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub at: Timestamp,
    /// Only an evaluation that this event set off, where several share an instant
    #[arg(long, value_name = "ID")]
    pub event: Option<String>,
    /// Rule files and folders; the built-in starter rules when left out
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    #[command(flatten)]
    /// The history
    pub history: HistoryArgs,
    /// What if? A `let` name or a field of the event with another value, such as `recent=0.1`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub suppose: Vec<String>,
    /// How the explanation is written
    #[arg(long, value_enum, default_value_t = ExplainFormat::Pretty)]
    pub format: ExplainFormat,
}

/// How `rules explain` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// A tree for people
    Pretty,
    /// One JSON object for programs
    Json,
}

/// What an explanation is written from.
struct Facts<'a> {
    rule: &'a Rule,
    /// The mode of the rule in its file; an explanation runs it in any case.
    mode: Mode,
    explanation: &'a Explanation,
    /// Refused records that name the entity: the first of them, and how many.
    refused: (Vec<String>, u64),
}

impl ExplainArgs {
    /// This question about these files, and nothing else asked for.
    pub fn of(rule: &str, entity: &str, at: Timestamp, history: Vec<PathBuf>) -> Self {
        Self {
            rule: rule.to_owned(),
            entity: entity.to_owned(),
            at,
            event: None,
            rules: Vec::new(),
            history: HistoryArgs::of(history),
            suppose: Vec::new(),
            format: ExplainFormat::Pretty,
        }
    }
}

/// Runs it.
pub(super) fn explain(args: &ExplainArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let symbols = Symbols::default();
    let Some(set) = history::rule_set(&args.rules, &symbols, terminal)? else {
        return Ok(Verdict::Bad);
    };
    let misuse = |error: &QuestionError, terminal: &mut Terminal<'_>| -> anyhow::Result<Verdict> {
        writeln!(terminal.err, "error: {error}")?;
        Ok(Verdict::Misused)
    };
    let place = match explain::rule_place(&set, &args.rule) {
        Ok(place) => place,
        Err(error) => return misuse(&error, terminal),
    };
    let mode = set.rules[usize::from(place)].mode;
    let rules = Arc::new(explain::awake(set, place));
    let rule = &rules.rules[usize::from(place)];
    let suppositions = args.suppose.iter().map(|text| Supposition::parse(text, rule, &symbols));
    let suppositions = match suppositions.collect::<Result<Vec<_>, _>>() {
        Ok(suppositions) => suppositions,
        Err(error) => return misuse(&error.into(), terminal),
    };
    let (rule_name, entity) = (args.rule.clone(), args.entity.clone());
    let question = Question { rule: rule_name, entity, at: args.at, event: args.event.clone() };
    let lateness = args.history.lateness;
    let explainer = Explainer::start(&rules, &symbols, &[question], suppositions, lateness);
    let mut explainer = match explainer {
        Ok(explainer) => explainer,
        Err(error) => return misuse(&error, terminal),
    };
    let mut merge = args.history.open(&symbols)?;
    let bar = history::progress(merge.bytes_total());
    let (mut batch, mut more) = (Batch::default(), true);
    let mut refused = (Vec::new(), 0);
    while more {
        more = merge.next_batch(&symbols, &mut batch)?;
        for record in batch.records.drain(..) {
            explainer.take(record);
        }
        for record in batch.refused.iter().filter(|record| names(record, &args.entity)) {
            refused.1 += 1;
            if refused.0.len() < REFUSED_LISTED {
                let Refused { source, position, reason, .. } = record;
                refused.0.push(format!("{source}:{position}: {reason}"));
            }
        }
        batch.clear();
        bar.set_position(merge.bytes_read());
    }
    bar.finish_and_clear();
    for explanation in &explainer.finish() {
        let facts = Facts { rule, mode, explanation, refused: std::mem::take(&mut refused) };
        let text = match args.format {
            ExplainFormat::Pretty => pretty::tree(&facts),
            ExplainFormat::Json => json::object(&facts)?,
        };
        terminal.out.write_all(text.as_bytes())?;
    }
    Ok(Verdict::Good)
}

/// Whether a refused record speaks of an entity: its id stands in it as a whole word.
fn names(record: &Refused, entity: &str) -> bool {
    let text = &record.excerpt;
    let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.match_indices(entity).any(|(at, _)| {
        let after = text.get(at + entity.len()..).and_then(|rest| rest.chars().next());
        let before = text.get(..at).and_then(|rest| rest.chars().next_back());
        !within(before) && !within(after)
    })
}
