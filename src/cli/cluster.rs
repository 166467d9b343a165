//! `siaga cluster …`: which of several processes holds which partitions?
//!
//! ```text
//! status ─► the control topic, to its end ─► partition, process, epoch, behind, heard of
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use anyhow::bail;
use clap::Args;
use clap::Subcommand;
use comfy_table::Table;
use comfy_table::presets;

use crate::config::Config;
use crate::source::fluvio::claim;
use crate::source::fluvio::claim::Held;
use crate::source::fluvio::cluster::Map;
use crate::source::fluvio::holding;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// Processes that share the topics of a Fluvio cluster.
#[derive(Debug, Clone, Subcommand)]
pub enum ClusterCommand {
    /// Tell which process holds which partitions, and how far it is behind
    Status(Which),
}

/// Which of them.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Exit code 1 where a partition is held by nobody, or by a process that has not been heard of within
the lease; times are those of the processes' own clocks.")]
pub struct Which {
    /// Configuration file (TOML) with the sections `[fluvio]` and `[cluster]`
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
}

/// Does what was asked for.
pub fn run(command: &ClusterCommand) -> anyhow::Result<ExitCode> {
    let ClusterCommand::Status(which) = command;
    let config = Config::load(which.config.as_deref(), std::env::vars())?;
    if !config.fluvio.is_used() || !config.cluster.is_used() {
        bail!(
            "one process reads everything: set `endpoint` in [fluvio] and `processes` in [cluster]"
        );
    }
    let cluster = config.fluvio.cluster()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topic = &config.cluster.control_topic;
    let (map, claims) = runtime.block_on(async {
        let map = cluster.map().await?;
        let claims = holding::claims(&config.fluvio, topic).await;
        anyhow::Ok((map, claims.with_context(|| format!("the topic `{topic}`"))?))
    })?;
    let lease = Span::from_millis(i64::try_from(config.cluster.lease_ms).unwrap_or(i64::MAX));
    let (text, whole) = told(&claims, partitions(&config, &map), (time::now(), lease));
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many partitions there are to hold.
fn partitions(config: &Config, map: &Map) -> u32 {
    let shared =
        config.fluvio.topics.iter().filter(|topic| !config.cluster.whole_topics.contains(topic));
    let counts = shared.filter_map(|topic| map.partitions(topic)).map(|found| found.len());
    u32::try_from(counts.max().unwrap_or(0)).unwrap_or(u32::MAX)
}

/// A line a partition, and whether all of them are held.
fn told(claims: &claim::Table, partitions: u32, (now, lease): (Timestamp, Span)) -> (String, bool) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["PARTITION", "PROCESS", "EPOCH", "BEHIND", "HEARD OF"]);
    let mut whole = true;
    for partition in 0..partitions {
        let held = claims.all().find(|(found, _)| *found == partition).map(|(_, held)| held);
        let number = partition.to_string();
        let Some(Held { epoch, by, behind, .. }) = held.filter(|held| !held.by.leaves) else {
            whole = false;
            table.add_row([number.as_str(), "nobody", "", "", ""]);
            continue;
        };
        let ago = (now - Timestamp::saturating(by.at)).max(Span::ZERO);
        let late = if ago > lease { ", too long" } else { "" };
        whole &= late.is_empty();
        let (epoch, behind) = (epoch.to_string(), behind.to_string());
        let heard = format!("{ago} ago{late}");
        table.add_row([number.as_str(), &by.process, &epoch, &behind, &heard]);
    }
    (format!("{table}\n"), whole)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_partition_says_who_holds_it_and_how_long_ago_that_was_heard() {
        let mut claims = claim::Table::default();
        let claim = |process: &str, partitions: &[u32], at| claim::Claim {
            instance: process.to_owned(),
            process: process.to_owned(),
            ordinal: 0,
            processes: 3,
            epoch: None,
            leaves: false,
            partitions: partitions.iter().map(|p| (*p, 7)).collect::<BTreeMap<_, _>>(),
            at,
        };
        let now = time::steady();
        claims.read(3, &claim("siaga-0", &[0], 9_000), now);
        claims.read(4, &claim("siaga-1", &[1], 1_000), now);
        let at = (Timestamp::saturating(10_000), Span::from_millis(5_000));
        let (text, whole) = told(&claims, 3, at);
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["0", "siaga-0", "3", "7", "1s", "ago"]);
        assert_eq!(lines[2], ["1", "siaga-1", "4", "7", "9s", "ago,", "too", "long"]);
        assert_eq!(lines[3], ["2", "nobody"]);
        assert!(!whole);
        assert!(told(&claims, 1, at).1);
    }
}
