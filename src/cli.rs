//! The command line: one verb, one file.

pub mod channels;
pub mod cluster;
pub mod demo;
pub mod doctor;
pub mod erase;
pub mod inbox;
pub mod journal;
pub mod models;
pub mod outbox;
pub mod replay;
pub mod routes;
pub mod rules;
pub mod serve;
mod summary;
pub mod tokens;
pub mod topics;
pub mod users;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::bail;
use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use tracing_subscriber::EnvFilter;

use crate::event::Symbols;
use crate::event::mapping::Mapping;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::set::RuleSet;

/// Sales-intelligence alerts from live transactions and interactions
#[derive(Debug, Parser)]
#[command(name = "siaga", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  siaga demo                                 a made-up company, live, in your browser
  siaga replay orders.csv --mapping my.toml  what would the rules have found?
  siaga serve --config siaga.toml            take events over HTTP, show alerts as they fire
  siaga users add maya --role rep --rep r07  let somebody sign in
  siaga doctor --config siaga.toml           is this machine ready for it?
  siaga rules check rules/                   are my rules sound?
  siaga topics create --config siaga.toml    make the topics that are missing
  siaga cluster status --config siaga.toml   which process holds which partitions?
  siaga inbox --config siaga.toml            one inbox over several processes
  siaga journal verify siaga-data/journal    is everything that was taken in still there?
  siaga erase c1042 --config siaga.toml      remove all that is kept of a customer
  siaga channels test team                   does a message arrive?
  siaga routes test --labels tier=A          where would an alert go, and why?
  siaga outbox list --status dead            what could not be delivered?

Exit codes: 0 good, 1 failed, 2 wrong usage.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Demo),
    /// Try the ways to people and programs outside
    #[command(subcommand)]
    Channels(channels::ChannelsCommand),
    /// See where alerts go, and why
    #[command(subcommand)]
    Routes(routes::RoutesCommand),
    /// Look after deliveries: what waits, what failed
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    Doctor(doctor::Doctor),
    Erase(erase::Erase),
    Replay(replay::Replay),
    Models(models::Models),
    /// Look into a journal, without changing it
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Check, test and explain rule files
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Write the completions of a shell to the standard output
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    Serve(serve::Serve),
    Inbox(inbox::InboxCommand),
    /// Say which programs may use the API
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// Say who may sign in
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Make or list the topics of a Fluvio cluster
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Which of several processes holds which partitions
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
}

/// Parses the arguments and does what they say.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    log();
    let result = match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Channels(command) => channels::run(&command),
        Verb::Routes(command) => routes::run(&command),
        Verb::Outbox(command) => outbox::run(&command),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Erase(args) => erase::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Models(args) => models::run(&args),
        Verb::Journal(command) => journal::run(&command),
        Verb::Rules(command) => rules::run(command),
        Verb::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "siaga", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Serve(args) => serve::run(&args),
        Verb::Inbox(args) => inbox::run(&args),
        Verb::Tokens(command) => tokens::run(&command),
        Verb::Users(command) => users::run(&command),
        Verb::Topics(command) => topics::run(&command),
        Verb::Cluster(command) => cluster::run(&command),
    };
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "siaga: {error:#}");
        ExitCode::FAILURE
    })
}

/// Tells the person at the terminal something.
fn say(text: &str) {
    // A closed terminal must not stop the program.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Log lines go to standard error; `SIAGA_LOG` says how many, `info` when it says nothing.
fn log() {
    // Fluvio's client tells of each connection that ends, wanted or not; its reader tells the rest.
    let usual = || EnvFilter::new("info,fluvio=off,fluvio_socket=off");
    let filter = EnvFilter::try_from_env("SIAGA_LOG").unwrap_or_else(|_| usual());
    let plain = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(!plain)
        .init();
}

/// How foreign fields map to ours; without a file they carry our names already.
fn mapping(path: Option<&Path>) -> anyhow::Result<Arc<Mapping>> {
    let Some(path) = path else { return Ok(Arc::new(Mapping::identity())) };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mapping = Mapping::parse(&text).with_context(|| path.display().to_string())?;
    Ok(Arc::new(mapping))
}

/// Rules as they were read, with what was found wrong.
struct Compiled {
    files: Files,
    rules: RuleSet,
    problems: Vec<Diagnostic>,
}

/// Reads the rules of these files and folders; the starter rules when none is named.
fn compiled(paths: &[PathBuf], symbols: &Symbols) -> Compiled {
    let (files, sources, mut problems) = if paths.is_empty() {
        let files = crate::rule::starter::files();
        let (sources, problems) = file::read(&files);
        (files, sources, problems)
    } else {
        file::load(paths)
    };
    let (mut rules, more) = compile::compile(&sources, symbols);
    rules.files = files.all().into();
    problems.extend(more);
    diagnostic::sort(&mut problems);
    Compiled { files, rules, problems }
}

impl Compiled {
    /// What was found, for people; empty when nothing was.
    fn problems(&self, colour: bool) -> String {
        diagnostic::render(&self.problems, &self.files, colour)
    }

    /// Why these rules cannot run.
    fn refusal(&self) -> Option<&'static str> {
        if self.problems.iter().any(Diagnostic::is_error) {
            Some("the rules have mistakes")
        } else if self.rules.rules.is_empty() {
            Some("there are no rules")
        } else {
            None
        }
    }
}

/// The rules of these files and folders; the starter rules when none is named.
fn rule_set(paths: &[PathBuf], symbols: &Symbols) -> anyhow::Result<RuleSet> {
    let read = compiled(paths, symbols);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    std::io::stderr().write_all(read.problems(colour).as_bytes())?;
    if let Some(reason) = read.refusal() {
        bail!("{reason}: mend them, or name a file or folder with `--rules`, then start again");
    }
    Ok(read.rules)
}
