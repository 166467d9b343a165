//! `siaga erase …`: a customer goes for good.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use anyhow::ensure;
use clap::Args;

use crate::cli;
use crate::cli::serve::configured;
use crate::cli::serve::erasing;
use crate::cli::serve::erasing::Pending;
use crate::journal::JournalError;

/// Remove all that is kept of customers, for good
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga erase c1042 --config siaga.toml
  siaga erase c1042 c2077 --data /var/lib/siaga

While a server runs on the data, this is noted, and done before its next start. Afterwards journal,
snapshots, inbox, outbox and dead letters hold nothing of them; backups and what was sent do.")]
pub struct Erase {
    /// Their ids, as your data have them
    #[arg(required = true, value_name = "CUSTOMER")]
    customers: Vec<String>,
    /// Configuration file (TOML) of the server; built-in values when left out
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of everything that is kept
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Asks for it, and does it unless a server is at work.
pub fn run(args: &Erase) -> anyhow::Result<ExitCode> {
    let (config, folder) = configured(args.config.as_deref(), args.data.as_deref())?;
    ensure!(
        folder.join("journal").is_dir(),
        "there is no journal in {}: name the server's data by --config or --data",
        folder.display()
    );
    Pending::ask(&folder, &args.customers)?;
    match erasing::finish_alone(&config, &folder) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if is_in_use(&error) => {
            cli::say(
                "siaga: a server is at work on this data: it is noted, and done before the server \
                 starts the next time",
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error).context("not everything is erased yet: run it again"),
    }
}

fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(JournalError::InUse { .. }))
}
