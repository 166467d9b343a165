//! `siaga doctor`: would it run well here, and what has to be mended?
//!
//! ```text
//! configuration ─► rules, folder, disk, inbox, port, topics, processes, limits ─► a line each:
//!                                                              what is, and what to do about it
//! ```
//!
//! It changes nothing but a scratch file in the data folder, which it removes, and may be asked
//! while the server runs.

mod checks;

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;
use serde::Serialize;

use crate::config::Config;

/// Look at an installation, and say what to mend
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siaga doctor
  siaga doctor --config /etc/siaga/siaga.toml
  siaga doctor --output json

It may be asked while the server runs, and as the user that runs it.

Exit codes: 0 all is well or worth a note only, 1 something has to be mended, 2 used wrongly")]
pub struct Doctor {
    /// Configuration file (TOML); built-in values when left out
    #[arg(long, env = "SIAGA_CONFIG")]
    config: Option<PathBuf>,
    /// How the findings are written
    #[arg(long, alias = "format", value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Good,
    /// It runs, and could run better.
    Note,
    /// It does not run, or not safely.
    Bad,
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    of: &'static str,
    verdict: Verdict,
    /// What is.
    what: String,
    /// What to do about it; empty when nothing is.
    mend: String,
}

impl Finding {
    fn good(of: &'static str, what: impl Into<String>) -> Self {
        Self { of, verdict: Verdict::Good, what: what.into(), mend: String::new() }
    }

    fn note(of: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { of, verdict: Verdict::Note, what: what.into(), mend: mend.into() }
    }

    fn bad(of: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { of, verdict: Verdict::Bad, what: what.into(), mend: mend.into() }
    }
}

/// Looks at everything, and says what it found on the standard output.
pub fn run(args: &Doctor) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    match Config::load(args.config.as_deref(), std::env::vars()) {
        Ok(config) => {
            let from = args.config.as_ref();
            let from = from.map_or("built-in values".to_owned(), |path| path.display().to_string());
            findings.push(Finding::good("configuration", from));
            findings.extend(checks::all(&config, args.config.is_some()));
        }
        Err(error) => {
            let mend = "mend it: deploy/siaga.example.toml explains every key";
            findings.push(Finding::bad("configuration", error.to_string(), mend));
        }
    }
    let worst = findings.iter().map(|finding| finding.verdict).max();
    let text = match args.output {
        Output::Text => told(&findings, io::stdout().is_terminal()),
        Output::Json => {
            let report = serde_json::json!({ "verdict": worst, "findings": findings });
            format!("{}\n", serde_json::to_string_pretty(&report)?)
        }
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if worst == Some(Verdict::Bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The findings for people: a line each, and below it what to do.
fn told(findings: &[Finding], terminal: bool) -> String {
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let width = findings.iter().map(|finding| finding.of.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { of, verdict, what, mend } in findings {
        let (word, code) = match verdict {
            Verdict::Good => ("good", 32),
            Verdict::Note => ("note", 33),
            Verdict::Bad => ("BAD ", 31),
        };
        let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() };
        text += &format!("{word}  {of:width$}  {what}\n");
        if !mend.is_empty() {
            text += &format!("      {:width$}  → {mend}\n", "");
        }
    }
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    let notes = findings.iter().filter(|finding| finding.verdict == Verdict::Note).count();
    text + &match (bad, notes) {
        (0, 0) => "\nall is well\n".to_owned(),
        (0, notes) => format!("\nit runs; {notes} worth a look\n"),
        (bad, _) => format!("\n{bad} to mend\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_says_what_to_do_and_the_end_counts_it() {
        let findings = [
            Finding::good("port", "127.0.0.1:8080 is free"),
            Finding::bad("data folder", "cannot be written", "give it to the user"),
        ];
        let want = "\
good  port         127.0.0.1:8080 is free
BAD   data folder  cannot be written
                   → give it to the user

1 to mend
";
        assert_eq!(told(&findings, false), want);
    }
}
