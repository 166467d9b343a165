//! A new rule with its test, to be changed by its author.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::alert::Family;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::event::Kind;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::suggest;
use crate::rule::file;
use crate::rule::skeleton;
use crate::rule::skeleton::Start;

/// What `rules new` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  siaga rules new MarginFalls --family margin              margin_falls.rules.yaml and its test
  siaga rules new QuietShops --family drift --dir rules    in another folder
  siaga rules new AfterACall --on call.ended,order         looks at these events
  siaga rules new WeeklyLook --on schedule                 `silence` and `schedule` need no event

Both files pass `rules check` and `rules test` as they are. Files that exist are not touched.
Exit codes: 0 good, 2 used wrongly")]
pub struct NewArgs {
    /// The rule's name, in CamelCase
    pub name: String,
    /// What kind of chance or danger it looks for
    #[arg(long, default_value = "alignment", value_parser = family)]
    pub family: Family,
    /// What makes it look: types of events, `silence` or `schedule`; usual for the family if left out
    #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
    pub on: Vec<String>,
    /// The folder for both files
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
}

fn family(name: &str) -> Result<Family, String> {
    let names = Family::ALL.map(|(_, name)| name);
    Family::from_name(name).ok_or_else(|| match suggest(name, names) {
        Some(near) => format!("there is no such family: did you mean `{near}`?"),
        None => format!("there is no such family: write one of {}", names.join(", ")),
    })
}

/// Writes both files.
pub(super) fn new(args: &NewArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let start = match start(&args.on) {
        Ok(start) => start,
        Err(message) => {
            writeln!(terminal.err, "error: {message}")?;
            return Ok(Verdict::Misused);
        }
    };
    let skeleton = skeleton::skeleton(&args.name, args.family, &start);
    let mut files = Files::default();
    files.add(&skeleton.rule_file, &skeleton.rules);
    let (_, problems) = file::read(&files);
    if let Some(problem) = problems.first() {
        // The skeleton is sound, so it is the name that is not.
        let help = problem.help.as_deref().unwrap_or("write it in CamelCase");
        writeln!(terminal.err, "error: {}: {help}", problem.message)?;
        return Ok(Verdict::Misused);
    }
    debug_assert!(problems.is_empty(), "{}", diagnostic::render(&problems, &files, false));
    let written = [(&skeleton.rule_file, &skeleton.rules), (&skeleton.test_file, &skeleton.tests)];
    let paths = written.map(|(name, _)| args.dir.join(name));
    if let Some(there) = paths.iter().find(|path| path.exists()) {
        let there = there.display();
        writeln!(terminal.err, "error: {there} exists: choose another name, or another `--dir`")?;
        return Ok(Verdict::Misused);
    }
    fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make the folder {}", args.dir.display()))?;
    for ((_, text), path) in written.into_iter().zip(&paths) {
        // Never over a file that somebody else made in the meantime.
        let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(terminal.out, "{}", path.display())?;
    }
    let [rules, tests] = paths.map(|path| path.display().to_string());
    writeln!(terminal.err, "now: siaga rules check {rules} && siaga rules test {tests}")?;
    Ok(Verdict::Good)
}

fn start(on: &[String]) -> Result<Start, String> {
    match on {
        [] => Ok(Start::Usual),
        [word] if word == "silence" => Ok(Start::Silence),
        [word] if word == "schedule" => Ok(Start::Schedule),
        words => {
            let kinds = words.iter().map(|word| {
                Kind::from_name(word).ok_or_else(|| {
                    let names = Kind::ALL.map(|(_, name)| name);
                    let near = suggest(word, names.into_iter().chain(["silence", "schedule"]));
                    let near = near.map_or_else(
                        || format!("there are {}, silence, schedule", names.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    format!("there are no `{word}` events: {near}")
                })
            });
            kinds.collect::<Result<_, _>>().map(Start::Events)
        }
    }
}
