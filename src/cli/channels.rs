//! `siaga channels …`: does a message arrive, and what does it look like?
//!
//! ```text
//! list             every channel, its kind and whether its configuration is sound
//! test NAME        sends a message that says it is a test       0 accepted, 1 not
//! preview NAME     prints what would be sent, and sends nothing
//! ```

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

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::config::Config;
use crate::delivery::channel::Attempt;
use crate::delivery::channel::Message;
use crate::delivery::channel::config::Configured;
use crate::delivery::channel::trial;
use crate::delivery::desk::Desk;
use crate::delivery::inbox::Inbox;
use crate::delivery::outbox::About;
use crate::time;

/// Tries channels.
#[derive(Debug, Clone, Subcommand)]
pub enum ChannelsCommand {
    /// List the channels
    List(ListArgs),
    /// Send a message that says it is a test
    Test(TestArgs),
    /// Print what would be sent, and send nothing
    Preview(PreviewArgs),
}

/// Where the channels are configured.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
}

/// Which channel, and to whom.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga channels test team
  siaga channels test mail --rep r07

Exit codes: 0 accepted, 1 not accepted, 2 used wrongly")]
pub struct TestArgs {
    /// Name of the channel in the configuration
    name: String,
    /// Configuration file (TOML)
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Id of the rep it goes to, where the channel tells people apart
    #[arg(long, default_value = "")]
    rep: String,
}

/// Which channel, and what of which alert.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga channels preview team
  siaga channels preview mail --about closed --html > mail.html
  siaga channels preview crm --alert 0123456789abcdef0123456789abcdef")]
pub struct PreviewArgs {
    /// Name of the channel in the configuration
    name: String,
    /// Configuration file (TOML)
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Id of the rep it goes to, where the channel tells people apart
    #[arg(long, default_value = "")]
    rep: String,
    /// Id of an alert in the inbox; a made-up one when left out
    #[arg(long)]
    alert: Option<AlertId>,
    /// What it tells
    #[arg(long, value_enum, default_value_t = Telling::Opened)]
    about: Telling,
    /// Only the page of a mail, for a browser
    #[arg(long)]
    html: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Telling {
    /// An alert is there
    Opened,
    /// It was closed
    Closed,
    /// Nobody took it on in time
    Escalated,
    /// What was held back, once a day
    Digest,
}

/// Does what was asked for, on the standard output.
pub fn run(command: &ChannelsCommand) -> anyhow::Result<ExitCode> {
    match command {
        ChannelsCommand::List(args) => list(args),
        ChannelsCommand::Test(args) => test(args),
        ChannelsCommand::Preview(args) => preview(args),
    }
}

/// The configuration, and the desk that it makes.
pub(super) fn desk(path: Option<&PathBuf>) -> anyhow::Result<(Config, Desk)> {
    let config = Config::load(path.map(PathBuf::as_path), std::env::vars())?;
    let desk = Desk::new(&config.delivery()).context("the configuration")?;
    Ok((config, desk))
}

fn channel(desk: &Desk, name: &str) -> anyhow::Result<Arc<Configured>> {
    if let Some(found) = desk.channels.get(name) {
        return Ok(Arc::clone(found));
    }
    let known: Vec<&str> = desk.channels.keys().map(String::as_str).collect();
    match known.as_slice() {
        [] => bail!(
            "there are no channels: write a section [channels.NAME], and name its file by --config"
        ),
        known => bail!("`{name}` is no channel: write one of {}", known.join(", ")),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let (_, desk) = desk(args.config.as_ref())?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["channel", "kind", "for", "a minute", "tried for"]);
    for channel in desk.channels.values() {
        let for_whom = if channel.channel.is_for_people() { "people" } else { "programs" };
        let rate = match channel.per_minute {
            0 => "no limit".to_owned(),
            rate => rate.to_string(),
        };
        table.add_row([
            channel.name.clone(),
            channel.channel.kind().to_owned(),
            for_whom.to_owned(),
            rate,
            channel.give_up_after.to_string(),
        ]);
    }
    writeln!(io::stdout(), "{table}")?;
    Ok(ExitCode::SUCCESS)
}

/// A message over this channel to this rep.
fn message(
    desk: &Desk,
    to: &Configured,
    rep: &str,
    about: About,
    alerts: Vec<Alert>,
) -> anyhow::Result<Message> {
    let person = desk.person(rep);
    let address = to.channel.address(rep, person).map_err(|problem| anyhow::anyhow!(problem))?;
    let now = time::now();
    Ok(Message {
        id: AlertId::new("trial", &to.name, rep, &now.millis().to_string()).to_string(),
        address,
        person: rep.to_owned(),
        slack: person.and_then(|person| person.slack.clone()),
        about,
        alerts,
        earlier: String::new(),
        sent_at: now,
        pages: desk.config.pages.clone(),
    })
}

fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let (_, desk) = desk(args.config.as_ref())?;
    let channel = channel(&desk, &args.name)?;
    let alerts = vec![trial::alert(time::now())];
    let message = message(&desk, &channel, &args.rep, About::Opened, alerts)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let attempt = runtime.block_on(channel.channel.send(&message));
    let (name, id) = (&args.name, &message.id);
    let problem = match attempt {
        Attempt::Accepted(_) => {
            writeln!(io::stdout(), "{name}: accepted, delivery {id}")?;
            return Ok(ExitCode::SUCCESS);
        }
        Attempt::Failed { reason, .. } => format!("not accepted now: {reason}"),
        Attempt::Uncertain(reason) => format!("perhaps accepted: {reason}"),
        Attempt::Refused(reason) => format!("refused: {reason}"),
        Attempt::Gone(reason) => format!("the receiver wants nothing any more: {reason}"),
    };
    writeln!(io::stdout(), "{name}: {problem}")?;
    Ok(ExitCode::FAILURE)
}

fn preview(args: &PreviewArgs) -> anyhow::Result<ExitCode> {
    let (config, desk) = desk(args.config.as_ref())?;
    let channel = channel(&desk, &args.name)?;
    let now = time::now();
    let mut alert = match args.alert {
        Some(id) => {
            let path = config.storage.data_dir.join("inbox.sqlite");
            let kept = Inbox::open(&path, config.inbox.clone())?.get(id)?;
            kept.with_context(|| format!("no alert in {} has the id {id}", path.display()))?.alert
        }
        None => trial::alert(now),
    };
    let about = match args.about {
        Telling::Opened => About::Opened,
        Telling::Escalated => About::Escalated,
        Telling::Digest => About::Digest,
        Telling::Closed => {
            alert.state = AlertState::Closed { at: now, reason: CloseReason::Resolved };
            About::Changed
        }
    };
    let message = message(&desk, &channel, &args.rep, about, vec![alert])?;
    let rendered = channel.channel.render(&message)?;
    let mut out = io::stdout().lock();
    if args.html {
        let html = rendered.html.with_context(|| {
            format!("a {} has no page: leave out --html", channel.channel.kind())
        })?;
        out.write_all(html.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{}", rendered.head)?;
    match serde_json::from_slice::<serde_json::Value>(&rendered.body) {
        Ok(json) => writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?,
        Err(_) => out.write_all(&rendered.body)?,
    }
    Ok(ExitCode::SUCCESS)
}
