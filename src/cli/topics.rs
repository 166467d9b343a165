//! `siaga topics …`: does the cluster have the topics that the configuration names?
//!
//! ```text
//! create ─► those that are missing are made      0 all are there    1 the cluster is away or refuses
//! list   ─► every topic of the cluster, its partitions, and what we use it for
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use clap::Subcommand;
use comfy_table::Table;
use comfy_table::presets;

use crate::config::Config;
use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::cluster::NewTopic;
use crate::time::Span;

/// A topic, and what it is used for.
type Use<'a> = (&'a str, &'static str);

/// Topics of the Fluvio cluster.
#[derive(Debug, Clone, Subcommand)]
pub enum TopicsCommand {
    /// Make the topics of the configuration that are missing
    Create(Create),
    /// Tell which topics there are
    List(Which),
}

/// Whose topics.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Configuration file (TOML) whose section `[fluvio]` names the cluster
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
}

/// How topics are made.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga topics create --config siaga.toml
  SIAGA_FLUVIO_ENDPOINT=127.0.0.1:9003 siaga topics create --partitions 4

Topics that are there are left as they are. Choose more partitions than you have machines, once: all
topics keyed by customer need the same number, and a later change moves keys between partitions.")]
pub struct Create {
    /// More topics than those of the configuration
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Partitions of each new topic
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    partitions: u32,
    /// Brokers that keep each partition; with 1, what is on a lost broker is lost
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    replication: u32,
    /// How long records are kept at least: `30d`; the cluster's own rule when left out
    #[arg(long, value_parser = Span::parse)]
    retention: Option<Span>,
}

/// Does what was asked for.
pub fn run(command: &TopicsCommand) -> anyhow::Result<ExitCode> {
    let which = match command {
        TopicsCommand::Create(create) => &create.which,
        TopicsCommand::List(which) => which,
    };
    let config = Config::load(which.config.as_deref(), std::env::vars())?;
    if !config.fluvio.is_used() {
        bail!("no cluster is named: write `endpoint` in the section [fluvio]");
    }
    let cluster = config.fluvio.cluster()?;
    let uses = config.topics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = match command {
        TopicsCommand::Create(create) => runtime.block_on(make(&cluster, &uses, create))?,
        TopicsCommand::List(_) => runtime.block_on(list(&cluster, &uses))?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn make(cluster: &Cluster, uses: &[Use<'_>], how: &Create) -> anyhow::Result<String> {
    let retention =
        how.retention.map(|span| Duration::from_millis(u64::try_from(span.millis()).unwrap_or(0)));
    let (partitions, replication) = (how.partitions, how.replication);
    let mut told = String::new();
    let configured = uses.iter().copied();
    for (name, used) in configured.chain(how.topics.iter().map(|name| (name.as_str(), ""))) {
        let name = name.to_owned();
        // The order of claims is that of one partition.
        let partitions = if used == Config::CLAIMS { 1 } else { partitions };
        let topic = NewTopic { name: name.clone(), partitions, replication, retention };
        let made = cluster.create(&topic).await?;
        let word = if made { "made" } else { "is there" };
        told.push_str(&format!("{name}: {word}\n"));
    }
    Ok(told)
}

async fn list(cluster: &Cluster, uses: &[Use<'_>]) -> anyhow::Result<String> {
    let map = cluster.map().await?;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["TOPIC", "PARTITIONS", "USE"]);
    for (topic, partitions) in map.topics() {
        let used = uses.iter().find(|(name, _)| *name == topic).map_or("", |(_, used)| *used);
        table.add_row([topic, &partitions.to_string(), used]);
    }
    for (name, used) in uses.iter().filter(|(name, _)| map.partitions(name).is_none()) {
        table.add_row([*name, "missing", *used]);
    }
    Ok(format!("{table}\n"))
}
