//! `siaga outbox …`: what waits to be delivered, what failed, and what was held back?
//!
//! ```text
//! list  [--status dead] [--suppressed] …   the newest deliveries, each with its reason
//! retry ID… | --dead                       to be tried again at once
//! drop  ID…                                given up
//! ```
//!
//! It works on the server's own file, also while the server runs, which sees it within a second.

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::bail;
use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets;

use crate::alert::AlertId;
use crate::config::Config;
use crate::delivery::inbox::Inbox;
use crate::delivery::outbox::Outbox;
use crate::delivery::outbox::Status;
use crate::delivery::outbox::query::Listed;
use crate::delivery::outbox::query::Query;
use crate::time;
use crate::time::Timestamp;

/// Looks after deliveries.
#[derive(Debug, Clone, Subcommand)]
pub enum OutboxCommand {
    /// List deliveries, the newest first, each with its reason
    List(ListArgs),
    /// Let deliveries be tried again at once
    Retry(RetryArgs),
    /// Give deliveries up
    Drop(DropArgs),
}

/// Whose outbox.
#[derive(Debug, Clone, Args)]
struct Place {
    /// Configuration file (TOML), which says where the data are
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
}

/// Which deliveries.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga outbox list --status dead
  siaga outbox list --suppressed --rep r07
  siaga outbox list --alert 0123456789abcdef0123456789abcdef --output json")]
pub struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Only those that stand so: pending, sending, uncertain, delivered, dead, held, suppressed
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only those that were not sent; the same as `--status suppressed`
    #[arg(long, conflicts_with = "status")]
    suppressed: bool,
    /// Only those of this channel
    #[arg(long)]
    channel: Option<String>,
    /// Only those of this alert
    #[arg(long)]
    alert: Option<AlertId>,
    /// Only those to this rep
    #[arg(long)]
    rep: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Which deliveries are tried again.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga outbox retry 0123abcd
  siaga outbox retry --dead

What a later delivery of the same alert has overtaken is left as it is.")]
pub struct RetryArgs {
    #[command(flatten)]
    place: Place,
    /// Ids of deliveries, or their beginnings
    #[arg(required_unless_present = "dead")]
    ids: Vec<String>,
    /// All that are dead
    #[arg(long)]
    dead: bool,
}

/// Which deliveries are given up.
#[derive(Debug, Clone, Args)]
pub struct DropArgs {
    #[command(flatten)]
    place: Place,
    /// Ids of deliveries, or their beginnings
    #[arg(required = true)]
    ids: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// A list of JSON objects
    Json,
}

fn status(word: &str) -> Result<Status, String> {
    Status::from_name(word).ok_or_else(|| {
        let known = Status::ALL.map(|(_, name)| name).join(", ");
        format!("write one of {known}")
    })
}

/// Does what was asked for, on the standard output.
pub fn run(command: &OutboxCommand) -> anyhow::Result<ExitCode> {
    match command {
        OutboxCommand::List(args) => list(args),
        OutboxCommand::Retry(args) => retry(args),
        OutboxCommand::Drop(args) => {
            let outbox = open(&args.place)?;
            each(&outbox, &args.ids, "dropped", "is done already", Outbox::abandon)
        }
    }
}

fn open(place: &Place) -> anyhow::Result<Outbox> {
    let config = Config::load(place.config.as_deref(), std::env::vars())?;
    let path = config.storage.data_dir.join("inbox.sqlite");
    if !path.exists() {
        bail!("there is no {}: name the server's configuration by --config", path.display());
    }
    Ok(Outbox::new(Arc::new(Inbox::open(&path, config.inbox)?)))
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let outbox = open(&args.place)?;
    let status = args.status.or_else(|| args.suppressed.then_some(Status::Suppressed));
    let deliveries = outbox.list(&Query {
        status,
        channel: args.channel.clone(),
        alert: args.alert,
        person: args.rep.clone(),
        before: None,
        limit: args.limit,
    })?;
    let mut out = io::stdout().lock();
    match args.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&deliveries)?)?,
        Output::Text => {
            writeln!(out, "{}", table(&deliveries))?;
            let waiting = outbox.backlog()?;
            let counts =
                waiting.iter().map(|of| format!("{} {} {}", of.channel, of.count, of.status));
            let counts = counts.collect::<Vec<_>>().join(", ");
            let counts = if counts.is_empty() { "nothing waits".to_owned() } else { counts };
            writeln!(out, "{counts}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Deliveries as a table for people.
pub(super) fn table(deliveries: &[Listed]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["delivery", "since", "channel", "to", "rule", "what", "status", "why"]);
    for delivery in deliveries {
        let to = [delivery.person.as_str(), delivery.address.as_str()];
        let to = to.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        let attempts = match delivery.attempts {
            0 | 1 => String::new(),
            attempts => format!(", attempt {attempts}"),
        };
        let since = delivery.changed_at.0.to_string();
        table.add_row([
            delivery.id.get(..12).unwrap_or(&delivery.id).to_owned(),
            since.get(..19).unwrap_or_default().replace('T', " "),
            delivery.channel.clone(),
            to,
            delivery.rule.clone(),
            delivery.about.clone(),
            format!("{}{attempts}", delivery.status),
            delivery.reason.clone(),
        ]);
    }
    table
}

fn retry(args: &RetryArgs) -> anyhow::Result<ExitCode> {
    let outbox = open(&args.place)?;
    if !args.dead {
        let done = "was overtaken, or is done already";
        return each(&outbox, &args.ids, "is tried again", done, Outbox::retry);
    }
    let (mut before, mut count) = (None, 0_u64);
    loop {
        let status = Some(Status::Dead);
        let query = Query { status, before, limit: Query::LIMIT_MAX, ..Query::default() };
        let dead = outbox.list(&query)?;
        let Some(last) = dead.last() else { break };
        before = Some(last.row);
        for delivery in &dead {
            count += u64::from(outbox.retry(&delivery.id, time::now())?);
        }
    }
    writeln!(io::stdout(), "{count} deliveries are tried again")?;
    Ok(ExitCode::SUCCESS)
}

type Change = fn(&Outbox, &str, Timestamp) -> Result<bool, crate::delivery::inbox::InboxError>;

/// Does something with each of the deliveries, and says what became of it.
fn each(
    outbox: &Outbox,
    ids: &[String],
    done: &str,
    not_done: &str,
    change: Change,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        let found = outbox.find(id)?.with_context(|| {
            format!("`{id}` begins the id of no delivery, or of several: copy it from `siaga outbox list`")
        })?;
        let word = if change(outbox, &found.id, time::now())? {
            done.to_owned()
        } else {
            code = ExitCode::FAILURE;
            format!("{not_done}: it is {}", found.status)
        };
        writeln!(io::stdout(), "{}: {word}", found.id)?;
    }
    Ok(code)
}
