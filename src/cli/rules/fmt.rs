//! Are these files laid out as all others are? Writes them so, or tells which are not.

mod difference;

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::counted;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::layout;

/// What `rules fmt` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules fmt rules/                        lays out all *.rules.yaml and *.test.yaml of a folder
  siaga rules fmt --check rules/                writes nothing, and fails if a file is not laid out
  siaga rules fmt --diff margin.rules.yaml      shows what would change

Comments are kept, and so is what the rules mean. A file with mistakes is left alone.
Exit codes: 0 good, 1 a mistake was found, or with `--check` a file to lay out, 2 used wrongly")]
pub struct FmtArgs {
    /// Rule files, test files, and folders of them; the current folder when none is named
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Write nothing; fail if a file is not laid out
    #[arg(long)]
    pub check: bool,
    /// Write nothing; show what would change
    #[arg(long)]
    pub diff: bool,
}

/// Lays out everything that the paths name.
pub(super) fn fmt(args: &FmtArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let (files, problems) = layout::load(&args.paths);
    let mut bad = problems.iter().any(Diagnostic::is_error);
    let shown = diagnostic::render(&problems, &files, terminal.colour);
    terminal.err.write_all(shown.as_bytes())?;
    let unread: Vec<usize> = problems.iter().map(|problem| problem.file).collect();
    let (mut changed, mut broken) = (0, 0);
    let read: Vec<usize> = (0..files.len()).filter(|file| !unread.contains(file)).collect();
    for &file in &read {
        let (name, text) = (files.name(file), files.text(file));
        let next = match layout::layout(name, text) {
            Ok(next) => next,
            Err((files, problems)) => {
                let shown = diagnostic::render(&problems, &files, terminal.colour);
                terminal.err.write_all(shown.as_bytes())?;
                writeln!(terminal.err, "{name}: left alone until its mistakes are mended")?;
                broken += 1;
                bad = true;
                continue;
            }
        };
        if next == text {
            continue;
        }
        changed += 1;
        if args.diff {
            terminal.out.write_all(difference::unified(name, text, &next).as_bytes())?;
        }
        match (args.check, args.diff) {
            (true, _) => {
                writeln!(terminal.err, "{name}: not laid out; `siaga rules fmt` does it")?;
                bad = true;
            }
            (false, true) => {}
            (false, false) => {
                fs::write(name, next).with_context(|| format!("cannot write {name}"))?;
            }
        }
    }
    let done = if args.check || args.diff { "to lay out" } else { "laid out" };
    let told =
        [counted(read.len(), "file"), format!("{changed} {done}"), format!("{broken} left alone")];
    writeln!(terminal.err, "{}", told.join(", "))?;
    Ok(if bad { Verdict::Bad } else { Verdict::Good })
}
