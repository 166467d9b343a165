//! `siaga serve`: takes events over HTTP, shows alerts as they fire.

pub(in crate::cli) mod reload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::access::Access;
use crate::api;
use crate::api::HttpConfig;
use crate::api::Services;
use crate::cli::mapping;
use crate::cli::replay::threads;
use crate::cli::rule_set;
use crate::cli::serve::reload::Folder;
use crate::cli::serve::reload::Reloader;
use crate::config::Config;
use crate::delivery;
use crate::delivery::Delivery;
use crate::delivery::Feed;
use crate::delivery::inbox::Inbox;
use crate::engine::Output;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Settings;
use crate::engine::runtime::Sink;
use crate::engine::service::Limits;
use crate::engine::service::Parts;
use crate::engine::service::Service;
use crate::event::Symbols;
use crate::event::mapping::Mapping;
use crate::metrics::Metrics;
use crate::rule::set::RuleSet;
use crate::source::Batch;
use crate::source::dead_letter;
use crate::source::dead_letter::DeadLetters;
use crate::source::file;
use crate::source::fluvio;
use crate::source::fluvio::FluvioSource;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::log::Taker;
use crate::source::merge::Merge;
use crate::time;
use crate::time::Span;

/// Changes kept for a listener that is busy.
const FEED_CHANGES: usize = 1_024;

/// Batches of outputs that wait for the inbox.
const OUTPUT_BATCHES: usize = 256;

/// How often event time follows the wall clock.
const TICK: Duration = Duration::from_millis(100);

/// Take events over HTTP, show alerts as they fire
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga serve
  siaga serve --config siaga.toml --history transactions.ndjson.zst --history customers.ndjson
  curl -H 'content-type: application/x-ndjson' --data-binary @today.ndjson localhost:8080/v1/events

Every key of the configuration can be set in the environment: SIAGA_HTTP_LISTEN=127.0.0.1:9000.")]
pub struct Serve {
    /// Configuration file (TOML); built-in values when left out
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Recorded events and reference data to take in before the server is ready
    #[arg(long)]
    history: Vec<PathBuf>,
    /// How your fields map to ours (TOML), in files and in bodies
    #[arg(long)]
    mapping: Option<PathBuf>,
}

/// Runs it until it is told to stop.
pub fn run(args: &Serve) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.config.as_deref(), std::env::vars())?;
    let symbols = Symbols::default();
    // The folder of the configuration is asked for in so many words, or is there by convention.
    let named = config.rules.path.exists() || args.config.is_some();
    let paths = if named { vec![config.rules.path.clone()] } else { Vec::new() };
    let folder_of_rules = Folder::new(paths.clone());
    let mut rules = rule_set(&paths, &symbols)?;
    rules.keep(config.engine.history);
    let rules = Arc::new(rules);
    let mapping = mapping(args.mapping.as_deref())?;
    let folder = &config.storage.data_dir;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let inbox = Inbox::open(&folder.join("inbox.sqlite"), config.inbox.clone())?;
    let access = Access::open(&folder.join(Access::FILE), config.access.clone())?;
    let dead = DeadLetters::create(&folder.join("dead-letters.ndjson"), dead_letter::BYTES_MAX)?;
    let dead = match config.fluvio.letters()? {
        Some(letters) => dead.onwards(letters),
        None => dead,
    };
    let settings =
        Settings { shards: threads(config.engine.shards), lateness: config.engine.lateness };
    let limits =
        Limits { waiting_max: config.engine.queue_records_max as u64, ahead_max: Some(Span::DAY) };
    let house = House::open(inbox, rules, symbols, settings, (Arc::clone(&mapping), dead, limits))?;
    let service = Arc::clone(&house.service);
    let history = args.history.clone();
    let topics = Topics { config: config.fluvio.clone(), metrics: Arc::clone(&house.metrics) };
    // Reads until the server has stopped.
    let reading = Arc::new(parking_lot::Mutex::new(None));
    let begun = Arc::clone(&reading);
    let (ask, asked) = std::sync::mpsc::sync_channel(1);
    let reloader = Reloader {
        folder: folder_of_rules,
        history: config.engine.history,
        symbols: service.symbols().clone(),
        service: Arc::clone(&service),
    };
    let ended = house.run(&config.http, access, Some(ask), move || {
        take_history(&service, &history, &mapping)?;
        *begun.lock() = topics.read(&service, mapping)?;
        service.set_ready();
        let reloading = std::thread::Builder::new().name("rules".to_owned());
        reloading.spawn(move || reloader.run(&asked))?;
        let ticking = Arc::clone(&service);
        // Ends with the service, which refuses the tick once it has stopped.
        std::thread::Builder::new().name("clock".to_owned()).spawn(move || {
            while ticking.tick(time::now()).is_ok() {
                std::thread::sleep(TICK);
            }
        })?;
        Ok(())
    });
    reading.lock().take();
    ended
}

/// The topics of a Fluvio cluster, if there is one.
struct Topics {
    config: FluvioConfig,
    metrics: Arc<Metrics>,
}

impl Topics {
    /// Starts to read them.
    fn read(
        self,
        service: &Arc<Service>,
        mapping: Arc<Mapping>,
    ) -> anyhow::Result<Option<FluvioSource>> {
        if !self.config.is_used() {
            return Ok(None);
        }
        service.await_log();
        let parts = fluvio::Parts {
            mapping,
            symbols: service.symbols().clone(),
            metrics: self.metrics,
            positions: Vec::new(),
            taker: Arc::clone(service) as Arc<dyn Taker>,
        };
        Ok(Some(FluvioSource::start(self.config, parts)?))
    }
}

fn take_history(
    service: &Service,
    files: &[PathBuf],
    mapping: &Arc<Mapping>,
) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let symbols = service.symbols();
    let files = files.iter().map(|path| file::open(path, mapping, None, symbols));
    let reorder = Span::from_millis(2 * Span::DAY.millis());
    let mut merge = Merge::new(files.collect::<Result<Vec<_>, _>>()?, reorder);
    let (mut batch, mut more, mut read, mut refused) = (Batch::default(), true, 0, 0);
    while more {
        more = merge.next_batch(symbols, &mut batch)?;
        read += batch.records.len();
        refused += batch.refused.len();
        service.take(batch.records.drain(..), None)?;
        batch.clear();
    }
    tracing::info!(records = read, refused, "the history is in");
    Ok(())
}

/// The running parts of a server, wired together.
pub(super) struct House {
    /// The engine.
    pub(super) service: Arc<Service>,
    symbols: Symbols,
    inbox: Arc<Inbox>,
    feed: Feed,
    metrics: Arc<Metrics>,
    deliverer: std::thread::JoinHandle<()>,
}

impl House {
    /// Starts the engine and the delivery behind it.
    pub(super) fn open(
        inbox: Inbox,
        rules: Arc<RuleSet>,
        symbols: Symbols,
        settings: Settings,
        (mapping, dead, limits): (Arc<Mapping>, DeadLetters, Limits),
    ) -> anyhow::Result<Self> {
        let metrics = Arc::new(Metrics::new()?);
        let inbox = Arc::new(inbox);
        let feed = Feed::new(FEED_CHANGES);
        let (outputs, waiting) = std::sync::mpsc::sync_channel::<Vec<Output>>(OUTPUT_BATCHES);
        let sink: Sink = Arc::new(move |found: &mut Vec<Output>| {
            // The receiver only goes when the program ends.
            let _ = outputs.send(std::mem::take(found));
        });
        let engine = Engine::start(&rules, &symbols, settings, sink)?;
        let delivery = Delivery {
            inbox: Arc::clone(&inbox),
            feed: feed.clone(),
            metrics: Arc::clone(&metrics),
            lines: None,
        };
        let deliverer = std::thread::Builder::new()
            .name("delivery".to_owned())
            .spawn(move || delivery::deliver(&waiting, delivery))?;
        let service = Arc::new(Service::new(Parts {
            engine,
            rules,
            symbols: symbols.clone(),
            mapping,
            dead,
            metrics: Arc::clone(&metrics),
            limits,
        }));
        Ok(Self { service, symbols, inbox, feed, metrics, deliverer })
    }

    /// Serves pages and API until the program is told to stop. `begin` runs beside the server;
    /// `reload` is told of each SIGHUP, if there is anything to load again.
    pub(super) fn run(
        self,
        http: &HttpConfig,
        access: Access,
        reload: Option<SyncSender<()>>,
        begin: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<ExitCode> {
        let Self { service, symbols, inbox, feed, metrics, deliverer } = self;
        let access = Arc::new(access);
        let services = Arc::new(Services::new(
            Arc::clone(&service) as Arc<dyn crate::engine::port::Port>,
            symbols,
            (inbox, feed),
            Arc::clone(&access),
            metrics,
            http.clone(),
        ));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let failure = runtime.block_on(async {
            let listener = api::bind(http, &access).await?;
            let address = listener.local_addr()?;
            crate::cli::say(&format!("siaga: open http://{address}"));
            if access.is_untouched()? {
                let key = access.begin_setup()?;
                crate::cli::say(&format!(
                    "siaga: nobody has to sign in on this machine; this link, good for once, makes \
                     the first account: http://{address}/setup?key={key}"
                ));
            }
            let measured = Arc::clone(&service);
            let metering = tokio::spawn(async move {
                let mut second = tokio::time::interval(Duration::from_secs(1));
                loop {
                    second.tick().await;
                    measured.measure();
                }
            });
            let hanging_up = reload.map(|reload| tokio::spawn(on_hangup(reload)));
            let (failed, broken) = tokio::sync::oneshot::channel();
            std::thread::Builder::new().name("begin".to_owned()).spawn(move || {
                if let Err(error) = begin() {
                    let _ = failed.send(error);
                }
            })?;
            let (tell, told) = tokio::sync::oneshot::channel();
            let stop = async move {
                let failure = tokio::select! {
                    () = told_to_stop() => None,
                    Ok(error) = broken => Some(error),
                };
                let _ = tell.send(failure);
            };
            api::serve(listener, services, stop).await?;
            metering.abort();
            if let Some(hanging_up) = hanging_up {
                hanging_up.abort();
            }
            anyhow::Ok(told.await.ok().flatten())
        })?;
        service.stop();
        // The engine held the other end: the delivery ends once everything is in the inbox.
        drop(service);
        if deliverer.join().is_err() {
            tracing::error!("the delivery broke off");
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Passes each SIGHUP on; one that is still waiting stands for those that follow it.
async fn on_hangup(reload: SyncSender<()>) {
    let hangup = tokio::signal::unix::SignalKind::hangup();
    let Ok(mut hangups) = tokio::signal::unix::signal(hangup) else { return };
    while hangups.recv().await.is_some() {
        let _ = reload.try_send(());
    }
}

/// Ctrl-C or SIGTERM.
async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
