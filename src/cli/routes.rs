//! `siaga routes …`: where does an alert go, and why?
//!
//! ```text
//! show                       the tree of routes
//! test --labels tier=A,…     the tree, with the way of such an alert, and who would be told
//! test --alert ID            the same for an alert in the inbox, and what became of its deliveries
//! ```

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use clap::Subcommand;
use comfy_table::Table;
use comfy_table::presets;
use serde::Serialize;

use crate::alert::AlertId;
use crate::cli::channels::desk;
use crate::delivery::channel::trial;
use crate::delivery::desk::Destination;
use crate::delivery::inbox::Inbox;
use crate::delivery::outbox::Outbox;
use crate::delivery::outbox::query::Query;
use crate::delivery::route;
use crate::delivery::route::matcher::Labels;
use crate::time;

/// Shows and tries routes.
#[derive(Debug, Clone, Subcommand)]
pub enum RoutesCommand {
    /// Draw the tree of routes
    Show(ShowArgs),
    /// Show where an alert would go, and why
    Test(TestArgs),
}

/// Where the routes are configured.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
}

/// Which alert.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga routes test --labels family=margin,tier=A,rep=r07
  siaga routes test --alert 0123456789abcdef0123456789abcdef

Labels of every alert: family, rule, severity, kind, entity, rep, territory, value, currency; of
customers also segment and tier, which only the running server knows: for an alert of the inbox,
add them by --labels.

Exit codes: 0 somebody is told, 1 nobody is, 2 used wrongly")]
pub struct TestArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Labels of the alert: `name=value`, parted by commas
    #[arg(long, value_delimiter = ',', value_parser = label)]
    labels: Vec<(String, String)>,
    /// Id of an alert in the inbox
    #[arg(long)]
    alert: Option<AlertId>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Reads `name=value`.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write `name=value`, e.g. `tier=A`")?;
    Ok((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
}

/// Does what was asked for, on the standard output.
pub fn run(command: &RoutesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RoutesCommand::Show(args) => {
            let (_, desk) = desk(args.config.as_ref())?;
            io::stdout().write_all(desk.route.draw(None).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        RoutesCommand::Test(args) => test(args),
    }
}

#[derive(Serialize)]
struct Tested<'a> {
    labels: &'a Labels,
    destinations: Vec<WireDestination<'a>>,
}

#[derive(Serialize)]
struct WireDestination<'a> {
    channel: &'a str,
    person: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    route: &'a str,
}

impl<'a> From<&'a Destination> for WireDestination<'a> {
    fn from(to: &'a Destination) -> Self {
        Self {
            channel: &to.channel,
            person: &to.person,
            address: to.address.as_deref().ok(),
            problem: to.address.as_ref().err().map(String::as_str),
            route: &to.route,
        }
    }
}

fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let (config, mut desk) = desk(args.config.as_ref())?;
    let given: Labels = args.labels.iter().cloned().collect();
    let now = time::now();
    let path = config.storage.data_dir.join("inbox.sqlite");
    // Who the reps are, the server has learned from the reference data.
    let is_there = args.alert.is_some() || path.is_file();
    let inbox = is_there.then(|| Inbox::open(&path, config.inbox.clone())).transpose()?;
    if let Some(inbox) = &inbox {
        desk = desk.knowing(&inbox.people());
    }
    let (alert, labels, told) = match args.alert.zip(inbox) {
        None => (trial::labelled(&given, now), given, Vec::new()),
        Some((id, inbox)) => {
            let kept = inbox.get(id)?;
            let kept = kept.with_context(|| {
                format!("no alert in {} has the id {id}: copy it from a page", path.display())
            })?;
            let mut labels = route::labels(&kept.alert, None);
            labels.extend(given);
            let query = Query { alert: Some(id), ..Query::default() };
            (kept.alert, labels, Outbox::new(Arc::new(inbox)).list(&query)?)
        }
    };
    let found = desk.destinations(&alert, &labels, now);
    let is_told = found.iter().any(|to| to.address.is_ok());
    let code = if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let mut out = io::stdout().lock();
    if args.json {
        let destinations = found.iter().map(WireDestination::from).collect();
        let tested = Tested { labels: &labels, destinations };
        writeln!(out, "{}", serde_json::to_string_pretty(&tested)?)?;
        return Ok(code);
    }
    let shown = labels.iter().map(|(name, value)| format!("{name}=\"{value}\""));
    writeln!(out, "{}\n", shown.collect::<Vec<_>>().join(" "))?;
    out.write_all(desk.route.draw(Some(&labels)).as_bytes())?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["channel", "person", "address", "way"]);
    for to in &found {
        let address = match &to.address {
            Ok(address) if address.is_empty() => "as configured".to_owned(),
            Ok(address) => address.clone(),
            Err(problem) => format!("none: {problem}"),
        };
        table.add_row([to.channel.clone(), to.person.clone(), address, to.route.clone()]);
    }
    writeln!(out, "\n{table}")?;
    if found.is_empty() {
        writeln!(out, "nobody is told: there are no channels; write a section [channels.NAME]")?;
    }
    if !told.is_empty() {
        writeln!(out, "\nWhat became of it:\n{}", crate::cli::outbox::table(&told))?;
    }
    Ok(code)
}
