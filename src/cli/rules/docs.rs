//! What do these rules do, and what can a rule say? Pages for people.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::describe;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::file;
use crate::rule::page::Page;
use crate::rule::reference;

/// What `rules docs` takes.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  siaga rules docs rules/ --out RULES.md              what each rule tells, in plain words
  siaga rules docs rules/ --html --out rules.html     the same for a browser
  siaga rules docs --reference                        fields, lists, functions and keys

Exit codes: 0 good, 1 a bad rule, 2 used wrongly")]
pub struct DocsArgs {
    /// Rule files, and folders of them
    #[arg(value_name = "PATH", required_unless_present = "reference")]
    pub paths: Vec<PathBuf>,
    /// The reference of the language in place of a page on rules
    #[arg(long, conflicts_with = "paths")]
    pub reference: bool,
    /// HTML in place of Markdown
    #[arg(long)]
    pub html: bool,
    /// Where the page goes; the standard output when left out
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What stands at its top
    #[arg(long, default_value = "What our rules tell")]
    pub title: String,
}

/// Writes the page.
pub(super) fn docs(args: &DocsArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let page =
        if args.reference { Some(reference::reference()) } else { described(args, terminal)? };
    let Some(page) = page else { return Ok(Verdict::Bad) };
    let text = if args.html { page.to_html() } else { page.to_markdown() };
    match &args.out {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => terminal.out.write_all(text.as_bytes())?,
    }
    Ok(Verdict::Good)
}

/// The page on the rules; none where they have mistakes, which are shown.
fn described(args: &DocsArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Option<Page>> {
    let (files, rule_files, mut problems) = file::load(&args.paths);
    let (set, more) = compile::compile(&rule_files, &Symbols::default());
    problems.extend(more);
    diagnostic::sort(&mut problems);
    let shown = diagnostic::render(&problems, &files, terminal.colour);
    terminal.err.write_all(shown.as_bytes())?;
    let bad = problems.iter().any(Diagnostic::is_error);
    Ok((!bad).then(|| describe::page(&args.title, &rule_files, &files, &set)))
}
