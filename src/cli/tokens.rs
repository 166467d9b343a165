//! `siaga tokens …`: which programs may use the API, and for what?

use std::io;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::json;

use crate::access::role::Scope;
use crate::access::token::Token;
use crate::cli::users::List;
use crate::cli::users::Output;
use crate::cli::users::Place;

/// Tokens.
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token; it is shown this once
    #[command(after_help = "\
Examples:
  siaga tokens add shop --scope ingest
  siaga tokens add crm --scope read --scope act
  curl -H \"authorization: Bearer $TOKEN\" localhost:8080/v1/alerts")]
    Add(Add),
    /// List the tokens, without their secrets
    List(List),
    /// Make a token useless, for good
    Revoke(Revoke),
}

/// A new token.
#[derive(Debug, Args)]
pub struct Add {
    /// What it is called, after the program that has it
    name: String,
    /// What it is for; may be given more than once
    #[arg(long, required = true)]
    scope: Vec<Scope>,
    #[command(flatten)]
    place: Place,
}

/// A token that is there.
#[derive(Debug, Args)]
pub struct Revoke {
    /// What it is called
    name: String,
    #[command(flatten)]
    place: Place,
}

impl ValueEnum for Scope {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Ingest, Self::Read, Self::Act, Self::Operate, Self::Inbox]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Ingest => "hand events in",
            Self::Read => "read alerts, customers and rules, everybody's",
            Self::Act => "read alerts and customers, and act on alerts",
            Self::Operate => "metrics and the audit log",
            Self::Inbox => "copy all alerts to an inbox over several processes, and act on them",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// Does what was asked for.
pub fn run(command: &TokensCommand) -> anyhow::Result<ExitCode> {
    obey(command, &mut io::stdout())
}

fn obey(command: &TokensCommand, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        TokensCommand::Add(Add { name, scope, place }) => {
            let mut scopes = scope.clone();
            scopes.sort_unstable();
            scopes.dedup();
            writeln!(out, "{}", place.make()?.add_token("cli", name, &scopes)?)?;
        }
        TokensCommand::List(List { output, place }) => {
            let tokens = place.open()?.tokens()?;
            let listed = match output {
                Output::Text => table(&tokens),
                Output::Json => format!("{:#}", json(&tokens)),
            };
            writeln!(out, "{listed}")?;
        }
        TokensCommand::Revoke(Revoke { name, place }) => place.open()?.revoke_token("cli", name)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn words(token: &Token) -> Vec<&'static str> {
    token.scopes.iter().map(|scope| scope.name()).collect()
}

fn table(tokens: &[Token]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["name", "scopes", "state", "since"]);
    for token in tokens {
        let state = if token.is_revoked { "revoked" } else { "" };
        let since = token.created_at.to_string();
        table.add_row([&token.name, &words(token).join(", "), state, &since]);
    }
    table.to_string()
}

fn json(tokens: &[Token]) -> serde_json::Value {
    let token = |token: &Token| {
        json!({
            "name": token.name,
            "scopes": words(token),
            "revoked": token.is_revoked,
            "created_at": token.created_at.to_string(),
        })
    };
    tokens.iter().map(token).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: TokensCommand,
    }

    #[test]
    fn a_token_is_shown_once_listed_and_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("siaga.toml");
        let data = folder.path().join("data");
        std::fs::write(&config, format!("[storage]\ndata_dir = {data:?}\n")).unwrap();
        let run = |words: &[&str]| -> Result<String, String> {
            let words = [&["tokens"], words, &["--config", config.to_str().unwrap()]].concat();
            let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
            let mut out = Vec::new();
            obey(&line.command, &mut out).map_err(|error| error.to_string())?;
            Ok(String::from_utf8(out).unwrap())
        };
        let refused = run(&["add", "crm"]).unwrap_err();
        assert!(refused.contains("--scope"), "{refused}");
        let text = run(&["add", "crm", "--scope", "act", "--scope", "read"]).unwrap();
        assert!(text.starts_with("siaga_"), "{text}");
        let listed = run(&["list"]).unwrap();
        assert!(listed.contains("read, act") && !listed.contains("siaga_"), "{listed}");
        run(&["revoke", "crm"]).unwrap();
        let listed = run(&["list", "--output", "json"]).unwrap();
        assert!(listed.contains("\"revoked\": true"), "{listed}");
        assert!(run(&["revoke", "crm"]).unwrap_err().contains("there is no `crm`"));
    }
}
