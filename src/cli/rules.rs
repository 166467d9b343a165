//! `siaga rules …`: are rule files right, and do the rules do what their tests say?
//!
//! ```text
//! check  PATHS…  ─► files, checker, lints   ─► every mistake of every file
//! test   PATHS…  ─► the same, then rehearse ─► every test, and what no test reaches
//! fmt    PATHS…  ─► layout                  ─► the files, all laid out alike
//! new    NAME    ─► skeleton                ─► a rule and its test, to be changed
//! schema, docs                              ─► for editors, for people
//! backtest       ─► recorded history under two rule sets ─► what is new, gone, kept
//! promote        ─► shadow mode: precise and rare enough to go live?
//! explain        ─► one evaluation in it: every sub-expression with its value
//! explain-code E203                         ─► a code at length
//! lsp                                       ─► all of it in an editor, while one types
//!
//! 0 good     1 a bad rule or a failed test     2 used wrongly     3 only warnings, if they count
//! ```

pub mod backtest;
mod check;
pub mod docs;
mod explain_code;
pub mod fmt;
mod lsp;
pub mod new;
pub mod schema;
pub mod explain;
pub mod history;
pub mod promote;
mod test;

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

pub use self::check::CheckArgs;
pub use self::check::CheckOutput;

/// Checks and tests rule files.
#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// Check rule files and report every mistake with its place
    Check(CheckArgs),
    /// Run the tests of rules on a virtual clock
    Test(TestArgs),
    /// Lay out rule files and test files in one way
    Fmt(fmt::FmtArgs),
    /// Write a new rule and its test, to be changed
    New(new::NewArgs),
    /// Write the JSON Schema of rule files or test files, for editors
    Schema(schema::SchemaArgs),
    /// Write a page on what rules do, or the reference of the language
    Docs(docs::DocsArgs),
    /// Compare what two rule sets find in recorded history
    Backtest(Box<backtest::BacktestArgs>),
    /// Explain why a rule fired for a customer at a time, or why it did not
    Explain(Box<explain::ExplainArgs>),
    /// Say whether a rule in shadow mode is good enough to go live, and turn it on
    Promote(promote::PromoteArgs),
    /// Explain a code such as E203 at length
    ExplainCode(ExplainCodeArgs),
    /// Serve an editor: mistakes, completion, hovers, definitions (Language Server Protocol)
    Lsp(LspArgs),
}

/// What `rules test` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules test rules/                       all *.test.yaml of a folder
  siaga rules test rules/drift.test.yaml        one file
  siaga rules test rules/ --output junit > report.xml

A test file names the rule files it tests; their paths count from its own folder.
Exit codes: 0 all tests pass, 1 a bad rule or a failed test, 2 used wrongly")]
pub struct TestArgs {
    /// Test files, and folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = TestOutput::Pretty)]
    pub output: TestOutput,
}

/// What `rules explain-code` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules explain-code E203
  siaga rules explain-code                      all codes with their titles")]
pub struct ExplainCodeArgs {
    /// The code, as in `error[E203]`; without it all are listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// What `rules lsp` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
An editor starts it and speaks the Language Server Protocol 3.17 over standard input and output.
rules/README.md says how to set up VS Code, Neovim and Helix.

Exit codes: 0 the editor said goodbye, 1 it went without a word")]
pub struct LspArgs {
    /// What editors add by habit; there is no other way to talk
    #[arg(long, hide = true)]
    pub stdio: bool,
    /// Write to the error stream how long each message took
    #[arg(long)]
    pub trace: bool,
}

/// How `rules test` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestOutput {
    /// For people
    Pretty,
    /// For programs: one JSON object a test, then one for the whole
    Json,
    /// For build servers: XML in the form of junit.xml
    Junit,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is good.
    Good,
    /// A bad rule, or a failed test.
    Bad,
    /// The command makes no sense so.
    Misused,
    /// All can run, but there are warnings, and they are to count.
    Lints,
}

/// Where a command writes to.
pub struct Terminal<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Mistakes and what a person should know beside the results.
    pub err: &'a mut dyn Write,
    /// Whether `err` shows colours.
    pub colour: bool,
}

/// Runs a command on the terminal of the process.
#[expect(clippy::needless_pass_by_value, reason = "commands are handed over")]
pub fn run(command: RulesCommand) -> anyhow::Result<ExitCode> {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour };
    Ok(match perform(&command, &mut terminal)? {
        Verdict::Good => ExitCode::SUCCESS,
        Verdict::Bad => ExitCode::from(1),
        Verdict::Misused => ExitCode::from(2),
        Verdict::Lints => ExitCode::from(3),
    })
}

/// Runs a command on any terminal.
pub fn perform(command: &RulesCommand, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    match command {
        RulesCommand::Check(args) => check::check(args, terminal),
        RulesCommand::Test(args) => test::test(args, terminal),
        RulesCommand::Fmt(args) => fmt::fmt(args, terminal),
        RulesCommand::New(args) => new::new(args, terminal),
        RulesCommand::Schema(args) => schema::schema(args, terminal),
        RulesCommand::Docs(args) => docs::docs(args, terminal),
        RulesCommand::Backtest(args) => backtest::backtest(args, terminal),
        RulesCommand::Explain(args) => explain::explain(args, terminal),
        RulesCommand::Promote(args) => promote::promote(args, terminal),
        RulesCommand::ExplainCode(args) => explain_code::explain_code(args, terminal),
        RulesCommand::Lsp(args) => lsp::lsp(args, terminal),
    }
}

/// `1 rule`, `2 rules`.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
