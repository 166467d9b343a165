//! `siaga demo`: a made-up distributor, a year of it at once and then live in the browser; or its
//! events as files, to try the other commands on.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufWriter;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use crate::access::Access;
use crate::access::AccessConfig;
use crate::access::AccessError;
use crate::access::account::New;
use crate::access::role::Role;
use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::Deed;
use crate::api::HttpConfig;
use crate::cli::replay::threads;
use crate::cli::rule_set;
use crate::cli::serve::House;
use crate::cli::serve::reload::Folder;
use crate::cli::serve::reload::Reloader;
use crate::cli::serve::settled::Settled;
use crate::config::Config;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::inbox::people::Sight;
use crate::delivery::inbox::query::Since;
use crate::demo;
use crate::engine::ActionInput;
use crate::engine::port::IngestError;
use crate::engine::port::Port;
use crate::engine::runtime::Settings;
use crate::engine::service::Limits;
use crate::engine::service::Service;
use crate::event::EntityId;
use crate::event::Record;
use crate::event::Symbols;
use crate::event::decode::Decoder;
use crate::event::mapping::Mapping;
use crate::source::dead_letter::DeadLetters;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// Events taken in one go while the history is played.
const HISTORY_BATCH: usize = 512;

/// Changes of the inbox that are looked at in one go.
const HEARD: u32 = 512;

/// A made-up company, a year of it at once and then live in your browser
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga demo
  siaga demo --speed 60 --listen 127.0.0.1:9000
  siaga demo --rules my-rules/
  siaga demo --write company --customers 200 --days 365

A rule file that is changed runs at once: its windows are filled from the history, which is kept
for SIAGA_ENGINE_HISTORY (400d).

With --write its days begin on 2025-01-06, and the same command writes the same bytes.
All customers, reps and amounts are made up by a generator with a seed.")]
pub struct Demo {
    /// Which made-up company: another seed, another one
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Its customers
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    customers: u32,
    /// How much faster than the clock its days pass; an offer for a call, good for a quarter of an
    /// hour, is there for a second and a half at 600: slow down to read it
    #[arg(long, default_value_t = 600.0)]
    speed: f64,
    /// Address and port of the page
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Rule files or folders; the built-in starter rules when left out
    #[arg(long)]
    rules: Vec<PathBuf>,
    /// Write its history to this folder and stop: `reference.ndjson` and `events.ndjson`
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["speed", "listen", "rules"])]
    write: Option<PathBuf>,
    /// Days of the history that is written
    #[arg(long, default_value_t = demo::Settings::default().history_days, requires = "write",
        value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
}

/// Writes the history, or runs the demo until it is told to stop.
pub fn run(args: &Demo) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.write {
        write(folder, args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let symbols = Symbols::default();
    let folder = Folder::new(args.rules.clone());
    let history = Config::load(None, std::env::vars())?.engine.history;
    let mut rules = rule_set(&args.rules, &symbols)?;
    rules.keep(history);
    let rules = Arc::new(rules);
    let settings = demo::Settings {
        seed: args.seed,
        customers: args.customers,
        ..demo::Settings::live_on(time::now())
    };
    let limits = Limits { waiting_max: 65_536, ahead_max: None };
    let mapping = Arc::new(Mapping::identity());
    let house = House::open(
        Inbox::in_memory(InboxConfig::default())?,
        rules,
        symbols.clone(),
        Settings { shards: threads(0), lateness: Span::ZERO },
        (Arc::clone(&mapping), DeadLetters::counting(), limits),
    )?;
    let http = HttpConfig { listen: free(args.listen), demo: true, ..HttpConfig::default() };
    let service = Arc::clone(&house.service);
    let answers = Answers {
        service: Arc::clone(&service),
        inbox: Arc::clone(&house.inbox),
        settled: Arc::clone(&house.settled),
        symbols: symbols.clone(),
        seed: args.seed,
        heard: 0,
        due: BTreeMap::new(),
    };
    let source = symbols.intern("demo");
    let decoder = Decoder::new(mapping, source);
    let pace = demo::Pace { speed: args.speed.max(1.0), ..demo::Pace::default() };
    let (ask, asked) = std::sync::mpsc::sync_channel(1);
    let reloader = Reloader {
        folder,
        history,
        symbols: symbols.clone(),
        service: Arc::clone(&service),
        sees_a_part: false,
    };
    house.run(&http, people()?, Some(ask), move |_| {
        let reloading = std::thread::Builder::new().name("rules".to_owned());
        reloading.spawn(move || reloader.run(&asked))?;
        play(&service, &symbols, decoder, (&settings, pace), answers)
    })
}

/// Who signs in by one click: an account for each role, named after it and without a password.
fn people() -> Result<Access, AccessError> {
    let access = Access::in_memory(AccessConfig::default())?;
    for (role, name) in Role::ALL {
        let person = match role {
            Role::Rep => Some(demo::REP),
            Role::Manager => Some(demo::MANAGER),
            Role::Author | Role::Operator | Role::Auditor => None,
        };
        access.add_account("demo", New { name, role, person }, None)?;
    }
    Ok(access)
}

/// The history as two files that every other command reads. Files that are there stay as they are.
fn write(folder: &Path, args: &Demo) -> anyhow::Result<()> {
    let settings = demo::Settings {
        seed: args.seed,
        customers: args.customers,
        history_days: args.days,
        live_days: 0,
        ..demo::Settings::default()
    };
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let reference = demo::reference(&settings);
    for (name, lines) in [
        ("reference.ndjson", &mut reference.into_iter() as &mut dyn Iterator<Item = String>),
        ("events.ndjson", &mut demo::stream(&settings).map(|(_, line)| line)),
    ] {
        let path = folder.join(name);
        let file = fs::File::create_new(&path)
            .with_context(|| format!("cannot write {}: name another folder", path.display()))?;
        let (mut file, mut count) = (BufWriter::new(file), 0_u64);
        for line in lines {
            writeln!(file, "{line}")?;
            count += 1;
        }
        file.flush()?;
        crate::cli::say(&format!("{}: {count} records", path.display()));
    }
    Ok(())
}

/// What the reps of the demo do about the alerts of its history. From then on, only who looks at
/// the pages does anything.
struct Answers {
    service: Arc<Service>,
    inbox: Arc<Inbox>,
    settled: Arc<Settled>,
    symbols: Symbols,
    seed: u64,
    /// The newest change of the inbox that was looked at.
    heard: u64,
    /// What they will do, by its time.
    due: BTreeMap<(Timestamp, AlertId), ActionInput>,
}

impl Answers {
    /// Does what was due by now.
    fn give(&mut self, now: Timestamp) -> anyhow::Result<()> {
        self.settled.wait();
        self.hear()?;
        while let Some(due) = self.due.first_entry().filter(|due| due.key().0 <= now) {
            match self.service.act(due.remove()) {
                // It was over before anybody came to it.
                Ok(()) | Err(IngestError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Looks at the alerts that have opened since.
    fn hear(&mut self) -> anyhow::Result<()> {
        loop {
            let since = self.inbox.changes_since(self.heard, (&Sight::Everything, None), HEARD)?;
            let changes = match since {
                Since::Changes(changes) => changes,
                Since::Resync(newest) => {
                    self.heard = newest;
                    return Ok(());
                }
            };
            let Some(last) = changes.last() else { return Ok(()) };
            self.heard = last.seq;
            for change in changes.iter().filter(|change| change.opened) {
                if let Some(kept) = self.inbox.get(change.id)? {
                    self.plan(&kept.alert);
                }
            }
        }
    }

    fn plan(&mut self, alert: &Alert) {
        let id = self.symbols.intern(&alert.entity_id);
        for Deed { action, by, at } in demo::answer(self.seed, alert) {
            let entity = EntityId { kind: alert.entity_kind, id };
            let rule = alert.rule.clone();
            let did = ActionInput { entity, rule, alert: alert.id, action, by, at };
            self.due.insert((at, alert.id), did);
        }
    }
}

/// The address asked for; if somebody has it already, another port of the same machine.
fn free(asked: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(asked) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            SocketAddr::new(asked.ip(), 0)
        }
        _ => asked,
    }
}

/// Plays the history at once, and what follows at the pace of the demo.
fn play(
    service: &Service,
    symbols: &Symbols,
    mut decoder: Decoder,
    (settings, pace): (&demo::Settings, demo::Pace),
    mut answers: Answers,
) -> anyhow::Result<()> {
    let mut decode = |line: &str| -> anyhow::Result<Record> {
        Ok(decoder.decode(line.as_bytes(), &mut symbols.write())?)
    };
    let reference: Result<Vec<Record>, _> =
        demo::reference(settings).iter().map(|line| decode(line)).collect();
    service.take(reference?, None)?;
    let mut stream = demo::stream(settings).peekable();
    let mut batch = Vec::with_capacity(HISTORY_BATCH);
    let mut day = settings.start.day();
    while let Some((at, line)) = stream.next_if(|(at, _)| *at < settings.live_from()) {
        if at.day() > day || batch.len() == HISTORY_BATCH {
            service.take(batch.drain(..), None)?;
        }
        if at.day() > day {
            day = at.day();
            answers.give(at)?;
        }
        batch.push(decode(&line)?);
    }
    service.take(batch, None)?;
    let mut now = settings.live_from();
    service.tick(now)?;
    answers.give(now)?;
    service.set_ready();
    for (at, line) in stream {
        std::thread::sleep(pace.wait(at - now));
        now = at;
        let arrived = time::steady();
        service.take([decode(&line)?], Some(arrived))?;
    }
    crate::cli::say("siaga: the demo is over; the page stays open");
    Ok(())
}
