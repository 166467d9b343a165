//! `siaga serve`: takes events over HTTP, shows alerts as they fire, and outlives its process.

mod durable;
pub(in crate::cli) mod erasing;
mod feedback;
mod gate;
mod outbound;
pub(in crate::cli) mod reload;
pub(super) mod settled;
mod share;
mod standby;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::bail;
use clap::Args;
use parking_lot::Mutex;

use crate::access::Access;
use crate::access::oidc::Provider;
use crate::api;
use crate::api::HttpConfig;
use crate::api::Rulebook;
use crate::api::Services;
use crate::cli::mapping;
use crate::cli::replay::threads;
use crate::cli::rule_set;
use crate::cli::serve::durable::Keeping;
use crate::cli::serve::durable::Kept;
use crate::cli::serve::durable::Wanted;
use crate::cli::serve::gate::Gate;
use crate::cli::serve::reload::Folder;
use crate::cli::serve::reload::Reloader;
use crate::cli::serve::settled::Settled;
use crate::cli::serve::share::Shared;
use crate::config::Config;
use crate::delivery;
use crate::delivery::Delivery;
use crate::delivery::Feed;
use crate::delivery::channel::secret::Secret;
use crate::delivery::courier::Permit;
use crate::delivery::desk::Desk;
use crate::delivery::inbox::Inbox;
use crate::disk::Disk;
use crate::disk::system::SystemDisk;
use crate::engine::Output;
use crate::engine::away::Room;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Settings;
use crate::engine::sequence::own::Own;
use crate::engine::service::Limits;
use crate::engine::service::Parts;
use crate::engine::service::Service;
use crate::engine::service::clock::Clock;
use crate::engine::service::clock::Look;
use crate::event::Symbols;
use crate::event::mapping::Mapping;
use crate::journal::entry::SetupEntry;
use crate::metrics::Metrics;
use crate::rule::set::RuleSet;
use crate::source::Batch;
use crate::source::dead_letter;
use crate::source::dead_letter::DeadLetters;
use crate::source::file;
use crate::source::fluvio;
use crate::source::fluvio::FluvioSource;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::holding::Holding;
use crate::source::log::Taker;
use crate::source::merge::Merge;
use crate::time;
use crate::time::Span;

/// Changes kept for a listener that is busy.
pub(super) const FEED_CHANGES: usize = 1_024;

/// Batches of outputs that wait for the inbox.
const OUTPUT_BATCHES: usize = 256;

/// How often the inbox is kept tidy.
const TIDY: Duration = Duration::from_millis(500);

/// How often event time follows the wall clock.
const TICK: Duration = Duration::from_millis(100);

/// Take events over HTTP, show alerts as they fire
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga serve
  siaga serve --data /var/lib/siaga
  siaga serve --data /var/lib/siaga --standby
  siaga serve --config siaga.toml --history transactions.ndjson.zst --history customers.ndjson
  curl -H 'content-type: application/x-ndjson' --data-binary @today.ndjson localhost:8080/v1/events

Every key of the configuration can be set in the environment: SIAGA_HTTP_LISTEN=127.0.0.1:9000.")]
pub struct Serve {
    /// Configuration file (TOML); built-in values when left out
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of everything that is kept: journal, inbox, dead letters
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Recorded events and reference data to begin with, taken in before the server is ready; the
    /// journal keeps them, so that later starts need them no more
    #[arg(long)]
    history: Vec<PathBuf>,
    /// How your fields map to ours (TOML), in files and in bodies
    #[arg(long)]
    mapping: Option<PathBuf>,
    /// Stand by: follow the journal of the process that runs in the same folder of data, and take
    /// its place when it ends
    #[arg(long)]
    standby: bool,
}

/// Runs it until it is told to stop.
pub fn run(args: &Serve) -> anyhow::Result<ExitCode> {
    let (config, folder) = configured(args.config.as_deref(), args.data.as_deref())?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut shared = Shared::new(&config, &folder, &args.history)?;
    let mapping = mapping(args.mapping.as_deref())?;
    let own = shared.as_ref().and_then(Shared::own);
    let of_data = (folder.as_path(), own.as_ref());
    if !args.standby {
        erasing::finish(&config, of_data, &mapping)?;
    }
    let Some((core, kept, since)) = begun(args.standby, &config, of_data, &mapping)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if args.standby {
        shared = shared_again(args, &config, &folder, own.as_ref())?;
    }
    let sees_a_part = shared.as_ref().is_some_and(|shared| !shared.sees_everything());
    let (folder_of_rules, rules) = first_rules(&config, args, &core.symbols, sees_a_part)?;
    let stored = folder.join("inbox.sqlite");
    let inbox = Inbox::open(&stored, config.inbox.clone())?;
    let desk = outbound::desk(&config)?;
    let access = Access::open(&folder.join(Access::FILE), config.access.clone())?;
    core.service.bury_in(dead_letters(&config, &folder)?);
    let wanted = Wanted { rules, lateness: config.engine.lateness, history: config.engine.history };
    let mut house = House::open_on((inbox, Some(&stored)), core)?;
    house.admit(&config)?;
    house.desk = desk;
    house.permit = shared.as_ref().map_or_else(|| house.permit.clone(), Shared::permit);
    let paths = folder_of_rules.paths().to_vec();
    house.rulebook = (!paths.is_empty()).then_some(Rulebook { paths, inbox: stored });
    let service = Arc::clone(&house.service);
    service.recover_first();
    let history = args.history.clone();
    let topics = Topics { config: config.fluvio.clone(), metrics: Arc::clone(&house.metrics) };
    // Reads, and holds its claim, until the server has stopped.
    let reading = Arc::new(Mutex::new((None, None)));
    let begun = Arc::clone(&reading);
    let (ask, asked) = std::sync::mpsc::sync_channel(1);
    let reloader = Reloader {
        folder: folder_of_rules,
        history: config.engine.history,
        symbols: service.symbols().clone(),
        service: Arc::clone(&service),
        sees_a_part,
    };
    let (snapshots, settled) = (config.storage.snapshot_every, Arc::clone(&house.settled));
    let metrics = Arc::clone(&house.metrics);
    let ended = house.run(&config.http, access, Some(ask), move |running| {
        let (keeping, took) = take_in(kept, &service, &wanted, (&history, &mapping))?;
        *begun.lock() = topics.read(&service, mapping, (shared, running))?;
        service.set_ready();
        if let Some(since) = since {
            standby::say(since);
        }
        let reloading = std::thread::Builder::new().name("rules".to_owned());
        reloading.spawn(move || reloader.run(&asked))?;
        let saved = Arc::clone(&service);
        save(running, move |stopped| {
            keeping.run(&saved, (snapshots, took), &|| settled.wait(), stopped);
        })?;
        let alarm = running.clone();
        let ticking = Arc::clone(&service);
        std::thread::Builder::new()
            .name("clock".to_owned())
            .spawn(move || keep_time(&ticking, &metrics, &alarm))?;
        Ok(())
    });
    let (reading, holding) = std::mem::take(&mut *reading.lock());
    drop(reading);
    // Nothing is sent any more: a successor may speak at once.
    drop(holding);
    ended
}

/// The configuration, and the folder of everything, which may be named beside it.
pub(in crate::cli) fn configured(
    file: Option<&Path>,
    data: Option<&Path>,
) -> anyhow::Result<(Config, PathBuf)> {
    let mut config = Config::load(file, std::env::vars())?;
    if let Some(data) = data {
        data.clone_into(&mut config.storage.data_dir);
    }
    let folder = config.storage.data_dir.clone();
    Ok((config, folder))
}

/// The engine, what an earlier process left, and when the place of another was free, if this one
/// stood by; none when it was told to stop before.
fn begun(
    stands_by: bool,
    config: &Config,
    (folder, own): (&Path, Option<&Own>),
    mapping: &Arc<Mapping>,
) -> anyhow::Result<Option<(Core, Kept, Option<Instant>)>> {
    let settings =
        Settings { shards: threads(config.engine.shards), lateness: config.engine.lateness };
    let limits =
        Limits { waiting_max: config.engine.queue_records_max as u64, ahead_max: Some(Span::DAY) };
    let room = room(config, folder)?;
    let make = |rules, symbols, metrics| {
        let parts = (Arc::clone(mapping), DeadLetters::counting(), limits);
        let core = Core::new(rules, (symbols, metrics), (settings, room.as_ref()), parts)?;
        if let Some(own) = own {
            core.service.keep_own(own.clone());
        }
        Ok(core)
    };
    if stands_by {
        let next = standby::stand_by(&config.http, folder, &make)?;
        return Ok(next.map(|next| (next.core, next.kept, Some(next.since))));
    }
    let symbols = Symbols::default();
    let kept = Kept::open(folder, &symbols)?;
    // What runs first is what was running last; the configuration's rules come behind it.
    let before = kept.rules(&symbols)?;
    Ok(Some((make(before, symbols, Arc::new(Metrics::new()?))?, kept, None)))
}

/// The share once more: the process that was followed may have marked the folder meanwhile. What
/// followed it has to have kept the same part.
fn shared_again(
    args: &Serve,
    config: &Config,
    folder: &Path,
    own: Option<&Own>,
) -> anyhow::Result<Option<Shared>> {
    let shared = Shared::new(config, folder, &args.history)?;
    if shared.as_ref().and_then(Shared::own).as_ref() != own {
        bail!("the process before this one has only now taken its share: start this one again");
    }
    Ok(shared)
}

/// The rules of the configuration, and the folder that is watched for others.
fn first_rules(
    config: &Config,
    args: &Serve,
    symbols: &Symbols,
    sees_a_part: bool,
) -> anyhow::Result<(Folder, Arc<RuleSet>)> {
    // The folder of the configuration is asked for in so many words, or is there by convention.
    let named = config.rules.path.exists() || args.config.is_some();
    let paths = if named { vec![config.rules.path.clone()] } else { Vec::new() };
    let folder = Folder::new(paths.clone());
    let mut rules = rule_set(&paths, symbols)?;
    rules.keep(config.engine.history);
    if sees_a_part {
        share::check(&rules)?;
    }
    Ok((folder, Arc::new(rules)))
}

/// How much memory customers may take, where that is bounded.
fn room(config: &Config, folder: &Path) -> anyhow::Result<Option<Room>> {
    let (folder, disk) = (folder.join("away"), Arc::new(SystemDisk) as Arc<dyn Disk>);
    Room::take(config.engine.memory_bytes_max, &disk, &folder)
        .with_context(|| format!("cannot use {}", folder.display()))
}

/// Where refused records go.
fn dead_letters(config: &Config, folder: &Path) -> anyhow::Result<DeadLetters> {
    let dead = DeadLetters::create(&folder.join("dead-letters.ndjson"), dead_letter::BYTES_MAX)?;
    Ok(match config.fluvio.letters()? {
        Some(letters) => dead.onwards(letters),
        None => dead,
    })
}

/// Runs what takes snapshots until it is told to stop, which it is at the end.
fn save(
    running: &Running,
    saving: impl FnOnce(&Receiver<()>) + Send + 'static,
) -> std::io::Result<()> {
    let (stop, stopped) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("snapshots".to_owned());
    let saving = thread.spawn(move || saving(&stopped))?;
    running.at_the_end(move || {
        let _ = stop.send(());
        if saving.join().is_err() {
            tracing::error!("the snapshots broke off");
        }
    });
    Ok(())
}

/// The topics of a Fluvio cluster, if there is one.
struct Topics {
    config: FluvioConfig,
    metrics: Arc<Metrics>,
}

impl Topics {
    /// Starts to read them, where the journal says that they were read to; one of several processes
    /// reads its share, and claims it.
    fn read(
        self,
        service: &Arc<Service>,
        mapping: Arc<Mapping>,
        (shared, running): (Option<Shared>, &Running),
    ) -> anyhow::Result<(Option<FluvioSource>, Option<Holding>)> {
        if !self.config.is_used() {
            if service.is_held() {
                tracing::warn!(
                    "event time stood still for a partition that was away, and no cluster is named \
                     any more: it goes on without what that partition held"
                );
                service.hold(false)?;
            }
            return Ok((None, None));
        }
        service.await_log();
        feedback::write_through(&self.config, service)?;
        let begun = shared.map(|shared| shared.begin(service, &self.metrics, running));
        let (share, holding) = begun.transpose()?.unzip();
        let parts = fluvio::Parts {
            mapping,
            symbols: service.symbols().clone(),
            metrics: self.metrics,
            positions: service.positions(),
            held: service.is_held(),
            share,
            taker: Arc::clone(service) as Arc<dyn Taker>,
        };
        Ok((Some(FluvioSource::start(self.config, parts)?), holding))
    }
}

/// Lets event time follow the clock until the service has stopped, and refuses the tick.
fn keep_time(service: &Service, metrics: &Metrics, alarm: &Running) {
    let mut clock = Clock::new();
    loop {
        let (now, look) = clock.look(time::now(), time::steady());
        match look {
            Look::Jumped(off) => tracing::error!(
                %off,
                "the wall clock has jumped: deadlines wait for the time that really passes; set \
                 the clock right, or start again if it is"
            ),
            Look::Back => tracing::info!("the wall clock is right again"),
            Look::Right | Look::Wrong => {}
        }
        metrics.clock_suspect.set(i64::from(matches!(look, Look::Jumped(_) | Look::Wrong)));
        if service.tick(now).is_err() {
            break;
        }
        std::thread::sleep(TICK);
    }
    if let Some(failure) = service.failure() {
        alarm.raise(failure.into());
    } else if let Some(reason) = service.broken() {
        alarm.raise(anyhow::anyhow!(reason));
    }
}

/// Takes in what was kept, and what is handed in beside it; how long that took.
fn take_in(
    kept: Kept,
    service: &Service,
    wanted: &Wanted,
    (history, mapping): (&[PathBuf], &Arc<Mapping>),
) -> anyhow::Result<(Keeping, Duration)> {
    let started = time::steady();
    let keeping = kept.take_up(service, wanted)?;
    take_history(service, history, mapping)?;
    Ok((keeping, time::steady().saturating_duration_since(started)))
}

/// Takes recorded events in, once in the life of a journal.
fn take_history(
    service: &Service,
    files: &[PathBuf],
    mapping: &Arc<Mapping>,
) -> anyhow::Result<()> {
    let Some(setup) = service.setup() else { return Ok(()) };
    if setup.begun {
        if !files.is_empty() {
            tracing::info!("the journal has begun already: the recorded history is left out");
        }
        return Ok(());
    }
    // A start that broke off took in the first of them, in the same order.
    let mut known = service.taken();
    if known > 0 && !files.is_empty() {
        tracing::info!(known, "the recorded history goes on where it broke off");
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
        let again = usize::try_from(known).unwrap_or(usize::MAX).min(batch.records.len());
        known -= again as u64;
        batch.records.drain(..again);
        if !batch.records.is_empty() {
            service.take(batch.records.drain(..), None)?;
        }
        batch.clear();
    }
    if read + refused > 0 {
        tracing::info!(records = read, refused, "the history is in");
    }
    service.set_up(SetupEntry { begun: true, ..setup })?;
    Ok(())
}

/// What is done at the end.
type End = Box<dyn FnOnce() + Send>;

/// A server that runs, as its own threads see it.
#[derive(Clone)]
pub(super) struct Running {
    failed: tokio::sync::mpsc::Sender<anyhow::Error>,
    end: Arc<Mutex<Option<End>>>,
}

impl Running {
    /// Stops the server, because something has failed that it cannot do without; the first reason
    /// counts.
    pub(super) fn raise(&self, reason: anyhow::Error) {
        let _ = self.failed.try_send(reason);
    }

    /// What has to be done when nobody is served any more, before the engine stops.
    fn at_the_end(&self, act: impl FnOnce() + Send + 'static) {
        *self.end.lock() = Some(Box::new(act));
    }
}

/// The running parts of a server, wired together.
pub(super) struct House {
    /// The engine.
    pub(super) service: Arc<Service>,
    symbols: Symbols,
    /// What was told so far.
    pub(super) inbox: Arc<Inbox>,
    feed: Feed,
    metrics: Arc<Metrics>,
    /// Whether all of it is in there.
    pub(super) settled: Arc<Settled>,
    deliverer: std::thread::JoinHandle<()>,
    /// Where alerts go beside the pages; nowhere when there are no channels.
    desk: Option<Arc<Desk>>,
    /// The directory that knows who people are.
    oidc: Option<Arc<Provider>>,
    /// Whether anything may be sent.
    permit: Permit,
    /// Where the rules come from; none where they are built in.
    rulebook: Option<Rulebook>,
    /// What an inbox over several processes shows to copy this one.
    peer: Option<Secret>,
}

/// The engine with its names, before anybody hears of it.
pub(super) struct Core {
    service: Arc<Service>,
    symbols: Symbols,
    metrics: Arc<Metrics>,
    gate: Arc<Gate>,
}

impl Core {
    /// Starts the engine; what it tells is held until there is a house around it.
    fn new(
        rules: Arc<RuleSet>,
        (symbols, metrics): (Symbols, Arc<Metrics>),
        (settings, room): (Settings, Option<&Room>),
        (mapping, dead, limits): (Arc<Mapping>, DeadLetters, Limits),
    ) -> anyhow::Result<Self> {
        let gate = Arc::new(Gate::default());
        let engine = Engine::start_within(room, (&rules, &symbols), settings, gate.sink())?;
        let service = Arc::new(Service::new(Parts {
            engine,
            rules,
            symbols: symbols.clone(),
            mapping,
            dead,
            metrics: Arc::clone(&metrics),
            limits,
        }));
        Ok(Self { service, symbols, metrics, gate })
    }
}

impl House {
    /// Starts the engine and the delivery behind it, with an inbox in memory.
    pub(super) fn open(
        inbox: Inbox,
        rules: Arc<RuleSet>,
        symbols: Symbols,
        settings: Settings,
        parts: (Arc<Mapping>, DeadLetters, Limits),
    ) -> anyhow::Result<Self> {
        let metrics = Arc::new(Metrics::new()?);
        let core = Core::new(rules, (symbols, metrics), (settings, None), parts)?;
        Self::open_on((inbox, None), core)
    }

    /// Starts the delivery behind an engine; the inbox is in this file.
    fn open_on((inbox, stored): (Inbox, Option<&Path>), core: Core) -> anyhow::Result<Self> {
        let Core { service, symbols, metrics, gate } = core;
        let settled = Arc::new(Settled::new(stored, Arc::clone(&metrics)));
        let inbox = Arc::new(inbox);
        let feed = Feed::new(FEED_CHANGES);
        let (outputs, waiting) = std::sync::mpsc::sync_channel::<Vec<Output>>(OUTPUT_BATCHES);
        let mut delivery = Delivery {
            inbox: Arc::clone(&inbox),
            feed: feed.clone(),
            metrics: Arc::clone(&metrics),
            lines: None,
        };
        let tidied = Arc::downgrade(&inbox);
        std::thread::Builder::new().name("inbox".to_owned()).spawn(move || tidy(&tidied))?;
        let delivering = Arc::clone(&settled);
        let deliverer =
            std::thread::Builder::new().name("delivery".to_owned()).spawn(move || {
                while let Ok(batch) = waiting.recv() {
                    delivery::deliver_batch(&batch, &mut delivery);
                    delivering.delivered();
                }
            })?;
        gate.open(outputs, Arc::clone(&settled));
        Ok(Self {
            service,
            symbols,
            inbox,
            feed,
            metrics,
            settled,
            deliverer,
            desk: None,
            oidc: None,
            permit: Arc::new(|| true),
            rulebook: None,
            peer: None,
        })
    }

    /// Knows whom the configuration names, beside those who have an account.
    fn admit(&mut self, config: &Config) -> anyhow::Result<()> {
        self.oidc = Provider::new(&config.oidc)?.map(Arc::new);
        self.peer = config.gather.secret()?;
        Ok(())
    }

    /// Serves pages and API until the program is told to stop. `begin` runs beside the server;
    /// `reload` is told of each SIGHUP, if there is anything to load again.
    pub(super) fn run(
        self,
        http: &HttpConfig,
        access: Access,
        reload: Option<SyncSender<()>>,
        begin: impl FnOnce(&Running) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<ExitCode> {
        let Self { service, symbols, inbox, feed, metrics, deliverer, desk, oidc, .. } = self;
        let (permit, rulebook, peer) = (self.permit, self.rulebook, self.peer);
        let end = Arc::default();
        let ending = Arc::clone(&end);
        let port = Arc::clone(&service) as Arc<dyn crate::engine::port::Port>;
        let carried = (Arc::clone(&inbox), feed.clone(), Arc::clone(&metrics));
        let access = Arc::new(access);
        let kept = (inbox, feed, Arc::clone(&access));
        let mut services = Services::new(port, symbols, kept, metrics, http.clone());
        services.desk.clone_from(&desk);
        services.oidc = oidc;
        services.rulebook = rulebook;
        services.peer = peer;
        services.permit = Arc::clone(&permit);
        let services = Arc::new(services);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let failure = runtime.block_on(async {
            let listener = api::bind(http, &access).await?;
            let address = listener.local_addr()?;
            let courier = outbound::start(desk, Arc::clone(&service), carried, permit)?;
            announce(address, &access)?;
            let measured = Arc::clone(&service);
            let metering = tokio::spawn(async move {
                let mut second = tokio::time::interval(Duration::from_secs(1));
                loop {
                    second.tick().await;
                    measured.measure();
                }
            });
            let hanging_up = reload.map(|reload| tokio::spawn(on_hangup(reload)));
            let (failed, mut broken) = tokio::sync::mpsc::channel(1);
            let alarm = Running { failed, end };
            let beginning = alarm.clone();
            std::thread::Builder::new().name("begin".to_owned()).spawn(move || {
                if let Err(error) = begin(&beginning) {
                    beginning.raise(error);
                }
            })?;
            let (tell, told) = tokio::sync::oneshot::channel();
            let stop = async move {
                let _alarm = alarm;
                let failure = tokio::select! {
                    () = told_to_stop() => None,
                    // The alarm that stays here keeps the channel open.
                    error = broken.recv() => error,
                };
                let _ = tell.send(failure);
            };
            api::serve(listener, services, stop).await?;
            if let Some(courier) = courier {
                courier.stop().await;
            }
            metering.abort();
            if let Some(hanging_up) = hanging_up {
                hanging_up.abort();
            }
            anyhow::Ok(told.await.ok().flatten())
        })?;
        if let Some(end) = ending.lock().take() {
            end();
        }
        let stopped = service.stop();
        // The engine held the other end: the delivery ends once everything is in the inbox.
        drop(service);
        if deliverer.join().is_err() {
            tracing::error!("the delivery broke off");
        }
        if let Some(error) = failure {
            return Err(error);
        }
        stopped?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Keeps an inbox tidy as long as it is there.
pub(super) fn tidy(inbox: &Weak<Inbox>) {
    while let Some(inbox) = inbox.upgrade() {
        if let Err(error) = inbox.tidy() {
            tracing::warn!(%error, "the inbox's log goes on growing for now");
        }
        drop(inbox);
        std::thread::sleep(TIDY);
    }
}

/// Says where the pages are, and how the first account is made.
pub(super) fn announce(address: SocketAddr, access: &Access) -> anyhow::Result<()> {
    crate::cli::say(&format!("siaga: open http://{address}"));
    if access.is_untouched()? {
        let key = access.begin_setup()?;
        crate::cli::say(&format!(
            "siaga: nobody has to sign in on this machine; this link, good for once, makes the \
             first account: http://{address}/setup?key={key}"
        ));
    }
    Ok(())
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
pub(super) async fn told_to_stop() {
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
