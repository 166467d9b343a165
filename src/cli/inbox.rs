//! `siaga inbox`: one inbox over several processes.
//!
//! ```text
//! [gather] of ─► copies of their alerts ─► inbox.sqlite ─► pages, API, live streams
//! ```
//!
//! It reads no topic, has no rules and sends no messages: those are the processes' own. What it keeps
//! are copies, and the accounts of those who sign in here.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use clap::Args;

use crate::access::Access;
use crate::access::oidc::Provider;
use crate::api;
use crate::api::Services;
use crate::cli::serve;
use crate::config::Config;
use crate::delivery::Feed;
use crate::delivery::inbox::Inbox;
use crate::engine::port::Port;
use crate::event::Symbols;
use crate::gather::Gathered;
use crate::metrics::Metrics;
use crate::time;

/// How long requests may go on when it stops.
const GRACE: Duration = Duration::from_secs(10);

/// Show the alerts of several processes as one inbox
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga inbox --config siaga.toml --data /var/lib/siaga-inbox
  SIAGA_GATHER_OF=http://siaga-0:8080,http://siaga-1:8080 siaga inbox

It copies the alerts of the processes that `of` in [gather] names, and hands to them what people do.
`token` or `token_file` in [gather] is the same in its configuration and in theirs.")]
pub struct InboxCommand {
    /// Configuration file (TOML); built-in values when left out
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the copies and the accounts; not that of a process
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Runs it until it is told to stop.
pub fn run(args: &InboxCommand) -> anyhow::Result<ExitCode> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    if let Some(data) = &args.data {
        config.storage.data_dir.clone_from(data);
    }
    let folder = &config.storage.data_dir;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    if folder.join("journal").exists() {
        bail!("{} is the folder of a process: give the inbox one of its own", folder.display());
    }
    let inbox = Arc::new(Inbox::open(&folder.join("inbox.sqlite"), config.inbox.clone())?);
    let access = Arc::new(Access::open(&folder.join(Access::FILE), config.access.clone())?);
    let (metrics, symbols) = (Arc::new(Metrics::new()?), Symbols::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = (Arc::clone(&inbox), symbols.clone());
    let gathered =
        Gathered::new(&config.gather, config.cluster.processes, store, runtime.handle().clone())?;
    let gathered = Arc::new(gathered);
    let tidied = Arc::downgrade(&inbox);
    std::thread::Builder::new().name("inbox".to_owned()).spawn(move || serve::tidy(&tidied))?;
    let feed = Feed::new(serve::FEED_CHANGES);
    let port = Arc::clone(&gathered) as Arc<dyn Port>;
    let kept = (inbox, feed.clone(), Arc::clone(&access));
    let mut services =
        Services::new(port, symbols, kept, Arc::clone(&metrics), config.http.clone());
    services.oidc = Provider::new(&config.oidc)?.map(Arc::new);
    services.gathers = true;
    // It has no rules that could be bad.
    metrics.rules_last_reload_successful.set(1);
    runtime.block_on(async {
        let listener = api::bind(&config.http, &access).await?;
        serve::announce(listener.local_addr()?, &access)?;
        let mut following = gathered.follow(&feed, &metrics);
        following.spawn(measure(Arc::clone(&gathered), Arc::clone(&metrics)));
        api::serve(listener, Arc::new(services), serve::told_to_stop()).await?;
        following.shutdown().await;
        anyhow::Ok(())
    })?;
    runtime.shutdown_timeout(GRACE);
    Ok(ExitCode::SUCCESS)
}

/// Brings the figures up to date, once a second.
async fn measure(gathered: Arc<Gathered>, metrics: Arc<Metrics>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let asked = Arc::clone(&gathered);
        let Ok(status) = tokio::task::spawn_blocking(move || asked.status()).await else { return };
        metrics.ready.set(i64::from(status.ready));
        #[expect(clippy::cast_precision_loss, reason = "seconds for a gauge")]
        metrics.heartbeat_timestamp_seconds.set(time::now().millis() as f64 / 1e3);
    }
}
