//! `siaga users …`: who may sign in?
//!
//! A password is typed without being shown, or read as a line from a pipe; never an argument, which
//! other programs on the machine could read. A running server sees every change at once.

use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use anyhow::bail;
use anyhow::ensure;
use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use comfy_table::Table;
use comfy_table::presets;
use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use serde_json::json;

use crate::access::Access;
use crate::access::account::Account;
use crate::access::account::New;
use crate::access::role::Role;
use crate::config::Config;

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Make an account
    #[command(after_help = "\
Examples:
  siaga users add ops --role operator
  siaga users add maya --role rep --rep r07
  siaga users add maya@example.com --role rep --rep r07 --no-password
  pass show siaga/maya | siaga users add maya --role rep --rep r07")]
    Add(Add),
    /// List the accounts
    List(List),
    /// Give an account another password; its sessions end
    Passwd(Named),
    /// Keep an account out; its sessions end
    Disable(Named),
    /// Let an account in again
    Enable(Named),
}

/// A new account.
#[derive(Debug, Args)]
pub struct Add {
    /// By which the person signs in
    name: String,
    /// What the person may do
    #[arg(long)]
    role: Role,
    /// The id that your data have for the person; reps and managers need it
    #[arg(long, value_name = "ID")]
    rep: Option<String>,
    /// Without a password: the person signs in by the company's directory, see `[oidc]`
    #[arg(long)]
    no_password: bool,
    /// Do nothing where there is an account already: for what runs before every start
    #[arg(long)]
    first: bool,
    #[command(flatten)]
    place: Place,
}

/// An account that is there.
#[derive(Debug, Args)]
pub struct Named {
    /// By which the person signs in
    name: String,
    #[command(flatten)]
    place: Place,
}

/// How a list is written.
#[derive(Debug, Args)]
pub struct List {
    /// How the list is written
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Where the accounts are.
#[derive(Debug, Args)]
pub struct Place {
    /// Configuration file (TOML) of the server; built-in values when left out
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// One JSON array
    Json,
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Rep, Self::Manager, Self::Author, Self::Operator, Self::Auditor]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Rep => "sees and acts on what is his or hers",
            Self::Manager => "sees and acts on what the team has",
            Self::Author => "sees what rules find, and how they do",
            Self::Operator => "may do everything",
            Self::Auditor => "sees everything, changes nothing",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// Does what was asked for.
pub fn run(command: &UsersCommand) -> anyhow::Result<ExitCode> {
    obey(command, &mut ask_password, &mut io::stdout())
}

fn obey(
    command: &UsersCommand,
    ask: &mut dyn FnMut() -> anyhow::Result<String>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    match command {
        UsersCommand::Add(Add { name, role, rep, no_password, first, place }) => {
            let access = place.make()?;
            if *first && !access.accounts()?.is_empty() {
                return Ok(ExitCode::SUCCESS);
            }
            let new = New { name, role: *role, person: rep.as_deref() };
            let password = if *no_password { None } else { Some(ask()?) };
            access.add_account("cli", new, password.as_deref())?;
        }
        UsersCommand::List(List { output, place }) => {
            let accounts = place.open()?.accounts()?;
            let listed = match output {
                Output::Text => table(&accounts),
                Output::Json => format!("{:#}", json(&accounts)),
            };
            writeln!(out, "{listed}")?;
        }
        UsersCommand::Passwd(Named { name, place }) => {
            place.open()?.set_password("cli", name, &ask()?)?;
        }
        UsersCommand::Disable(Named { name, place }) => {
            place.open()?.set_disabled("cli", name, true)?;
        }
        UsersCommand::Enable(Named { name, place }) => {
            place.open()?.set_disabled("cli", name, false)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(accounts: &[Account]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["name", "role", "rep", "state", "since"]);
    for account in accounts {
        table.add_row([
            account.name.clone(),
            account.role.name().to_owned(),
            account.person.clone().unwrap_or_default(),
            if account.is_disabled { "disabled" } else { "" }.to_owned(),
            account.created_at.to_string(),
        ]);
    }
    table.to_string()
}

fn json(accounts: &[Account]) -> serde_json::Value {
    let account = |account: &Account| {
        json!({
            "name": account.name,
            "role": account.role.name(),
            "rep": account.person,
            "disabled": account.is_disabled,
            "created_at": account.created_at.to_string(),
        })
    };
    accounts.iter().map(account).collect()
}

impl Place {
    /// The accounts that are there.
    pub(super) fn open(&self) -> anyhow::Result<Access> {
        let (config, path) = self.read()?;
        ensure!(
            path.is_file(),
            "there are no accounts in {}: name the server's configuration by --config",
            path.display()
        );
        Ok(Access::open(&path, config.access)?)
    }

    /// The accounts, which are made if they are not there.
    pub(super) fn make(&self) -> anyhow::Result<Access> {
        let (config, path) = self.read()?;
        let folder = &config.storage.data_dir;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Access::open(&path, config.access)?)
    }

    fn read(&self) -> anyhow::Result<(Config, PathBuf)> {
        let config = Config::load(self.config.as_deref(), std::env::vars())?;
        let path = Path::new(&config.storage.data_dir).join(Access::FILE);
        Ok((config, path))
    }
}

/// A line from the pipe, or what is typed twice without being shown.
fn ask_password() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        return line();
    }
    let first = unseen("Password: ")?;
    if first != unseen("Once more: ")? {
        bail!("the two passwords differ: try again");
    }
    Ok(first)
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn unseen(prompt: &str) -> anyhow::Result<String> {
    let terminal = io::stdin();
    let shown = termios::tcgetattr(&terminal).context("cannot hide the password")?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    write!(io::stderr(), "{prompt}")?;
    termios::tcsetattr(&terminal, OptionalActions::Flush, &hidden)
        .context("cannot hide the password")?;
    let typed = line();
    termios::tcsetattr(&terminal, OptionalActions::Now, &shown)?;
    writeln!(io::stderr())?;
    typed
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: UsersCommand,
    }

    #[test]
    fn accounts_are_made_listed_and_disabled() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("siaga.toml");
        let data = folder.path().join("data");
        std::fs::write(&config, format!("[storage]\ndata_dir = {data:?}\n")).unwrap();
        let run = |words: &[&str], password: &str| -> Result<String, String> {
            let config = config.to_str().unwrap();
            let words = [&["users"], words, &["--config", config]].concat();
            let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
            let (mut out, mut ask) = (Vec::new(), || Ok(password.to_owned()));
            obey(&line.command, &mut ask, &mut out).map_err(|error| error.to_string())?;
            Ok(String::from_utf8(out).unwrap())
        };
        let long = "standing by all day";
        for (words, password, want) in [
            (&["list"][..], "", Err("there are no accounts")),
            (&["add", "ops", "--role", "operator"], "short", Err("at least 12")),
            (&["add", "ops", "--role", "king"], long, Err("possible values: rep")),
            (&["add", "maya", "--role", "rep"], long, Err("by --rep")),
            (&["add", "maya", "--role", "rep", "--rep", "r07"], long, Ok("")),
            (&["add", "maya", "--role", "auditor"], long, Err("there already")),
            (&["passwd", "bob"], long, Err("there is no `bob`")),
            (&["passwd", "maya"], "another day of standing by", Ok("")),
            (&["add", "ops", "--role", "operator", "--first"], "", Ok("")),
            (&["disable", "ops"], "", Err("there is no `ops`")),
            (&["disable", "maya"], "", Ok("")),
            (&["list"], "", Ok("disabled")),
            (&["list", "--output", "json"], "", Ok("\"rep\": \"r07\"")),
            (&["enable", "maya"], "", Ok("")),
            (&["list", "--output", "json"], "", Ok("\"disabled\": false")),
        ] {
            let got = run(words, password);
            let is_as_told = match (&got, want) {
                (Ok(text), Ok(want)) | (Err(text), Err(want)) => text.contains(want),
                _ => false,
            };
            assert!(is_as_told, "{words:?}: {got:?}, want {want:?}");
        }
    }
}
