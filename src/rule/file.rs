//! What does a rule file say? Groups of rules with their parts, each expression a tree.
//!
//! ```text
//! paths ──► Files ──► document ──► RuleFile ─┬─ Group ─┬─ RuleSource  alert, family, on, when …
//!  (*.rules.yaml of a folder)                │         └─ RuleSource
//!                                            └─ Group …
//! ```
//!
//! A rule with a mistake is reported and left out; the mistakes of all rules of all files come
//! together. What the names in the expressions mean is for the checker.

mod part;
mod rule;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::alert::Family;
use crate::event::EntityKind;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::document;
use crate::rule::document::Located;
use crate::rule::document::Reader;
use crate::rule::document::Yaml;
use crate::rule::expression::Expr;
use crate::rule::keys;
use crate::rule::template::Template;
use crate::time::Span;

/// End of the names of rule files: a folder gives all of these.
pub const RULE_FILE_SUFFIX: &str = ".rules.yaml";

/// Most rules in all files together.
pub const RULES_MAX: usize = 10_000;

/// The rules of one file that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFile {
    /// Number of the file in its [`Files`].
    pub file: usize,
    /// Its groups, in the order of the file.
    pub groups: Vec<Group>,
}

/// Rules that belong together in the eyes of their author.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Unique within its file.
    pub name: Located<String>,
    /// Its rules, in the order of the file.
    pub rules: Vec<RuleSource>,
}

/// One rule as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSource {
    /// Number of the file in its [`Files`].
    pub file: usize,
    /// Its name: CamelCase, unique over all files.
    pub alert: Located<String>,
    /// What kind of chance or danger it looks for.
    pub family: Located<Family>,
    /// Whose history the lists are; customers' where nothing is said.
    pub entity: EntityKind,
    /// What makes it look.
    pub on: Located<Trigger>,
    /// `let`: named parts, in the order in which they may use each other.
    pub parts: Vec<(Located<String>, Formula)>,
    /// The condition; absent only where a silence is the condition.
    pub when: Option<Formula>,
    /// `for`: how long the condition must hold before the alert opens.
    pub holds_for: Option<Located<Span>>,
    /// How long it must be false before the alert closes.
    pub keep_firing_for: Option<Located<Span>>,
    /// How long the rule is quiet for the entity after an alert has closed.
    pub cooldown: Option<Located<Span>>,
    /// When the moment passes.
    pub expires_after: Option<Located<Span>>,
    /// Money at stake.
    pub value: Option<Formula>,
    /// Names the occurrence: at most one alert per entity and episode.
    pub episode: Option<Formula>,
    /// The instant the alert speaks of; `now` where nothing is said.
    pub at: Option<Formula>,
    /// `severity`, `play` and whatever else, in the order of the file.
    pub labels: Vec<(Located<String>, Located<String>)>,
    /// The line in the inbox.
    pub summary: Template,
    /// What more there is to say.
    pub description: Option<Template>,
    /// The events shown behind the alert.
    pub evidence: Option<Formula>,
    /// Whether its alerts reach anybody.
    pub mode: Mode,
}

/// An expression as a tree and as its author wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// As written, without the quotes of YAML.
    pub text: String,
    /// As a tree; places are those in the file.
    pub expr: Expr,
}

/// What makes a rule look.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// An event of one of these types.
    Events(Vec<Located<String>>),
    /// No event of this type for a time that each one sets anew.
    Silence {
        /// Type of the event that stays away.
        event: Located<String>,
        /// How long after the last one.
        after: Formula,
    },
    /// A schedule.
    Every {
        /// How often; longer than nothing.
        every: Located<Span>,
        /// Time of day, counted from midnight.
        at: Option<Located<Span>>,
        /// Whose midnight; else UTC.
        zone: Option<Located<String>>,
        /// Over how long the entities are spread; else all look at once.
        spread: Option<Located<Span>>,
    },
}

/// Whether a rule's alerts reach anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// They do.
    #[default]
    Live,
    /// They go to the record only.
    Shadow,
    /// The rule is checked and does not run.
    Off,
}

impl Mode {
    /// Every mode with its name in rule files.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Live, "live"), (Self::Shadow, "shadow"), (Self::Off, "off")];

    /// Its name in rule files.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// Reads rule files; of a folder, all that end in [`RULE_FILE_SUFFIX`], in the order of names.
pub fn load(paths: &[PathBuf]) -> (Files, Vec<RuleFile>, Vec<Diagnostic>) {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    for path in paths {
        if path.is_dir() {
            add_folder(path, &mut files, &mut problems);
        } else {
            add_file(path, &mut files, &mut problems);
        }
    }
    let (rule_files, more) = read(&files);
    // A file that could not be read is empty, and was reported already.
    let unread: Vec<usize> = problems.iter().map(|problem: &Diagnostic| problem.file).collect();
    problems.extend(more.into_iter().filter(|problem| !unread.contains(&problem.file)));
    diagnostic::sort(&mut problems);
    (files, rule_files, problems)
}

/// Reads the rules of files that are in memory.
pub fn read(files: &Files) -> (Vec<RuleFile>, Vec<Diagnostic>) {
    let (mut rule_files, mut problems) = (Vec::new(), Vec::new());
    for file in 0..files.len() {
        let (read, more) = read_one(file, files.text(file));
        rule_files.extend(read);
        problems.extend(more);
    }
    problems.extend(namesakes(&rule_files));
    diagnostic::sort(&mut problems);
    (rule_files, problems)
}

/// Reads the rules of the file of this number; none when it is no YAML at all. What has to do with
/// other files, too, is told by [`namesakes`].
pub fn read_one(file: usize, text: &str) -> (Option<RuleFile>, Vec<Diagnostic>) {
    match document::read(file, text) {
        Ok(yaml) => {
            let mut reader = Reader::new(file);
            let groups = groups(&mut reader, &yaml);
            (Some(RuleFile { file, groups }), reader.problems)
        }
        Err(problem) => (None, vec![*problem]),
    }
}

/// The rules of these files, in order.
pub fn rules(files: &[RuleFile]) -> impl Iterator<Item = &RuleSource> {
    files.iter().flat_map(|file| &file.groups).flat_map(|group| &group.rules)
}

fn add_folder(folder: &Path, files: &mut Files, problems: &mut Vec<Diagnostic>) {
    let Some(paths) = listed(folder, RULE_FILE_SUFFIX, files, problems) else { return };
    if paths.is_empty() {
        let file = files.add(folder.display().to_string(), "");
        let message = "the folder holds no rule file";
        let help = format!("the names of rule files end in `{RULE_FILE_SUFFIX}`");
        problems.push(Diagnostic::warning("W001", file, 0..0, message).with_help(help));
    }
    for path in paths {
        add_file(&path, files, problems);
    }
}

/// The files of a folder whose names end so, in the order of names; none when it cannot be read.
pub(in crate::rule) fn listed(
    folder: &Path,
    suffix: &str,
    files: &mut Files,
    problems: &mut Vec<Diagnostic>,
) -> Option<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let file = files.add(folder.display().to_string(), "");
            problems.push(Diagnostic::error("E001", file, 0..0, format!("cannot read: {error}")));
            return None;
        }
    };
    let wanted = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(suffix))
    };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(wanted).collect();
    paths.sort();
    Some(paths)
}

/// Takes a file in; what cannot be read is reported and empty.
pub(in crate::rule) fn add_file(path: &Path, files: &mut Files, problems: &mut Vec<Diagnostic>) {
    let name = path.display().to_string();
    // The length is asked first, so that a huge file is not read at all.
    let too_long =
        fs::metadata(path).is_ok_and(|about| about.len() > document::FILE_BYTES_MAX as u64);
    let message = match (too_long, fs::read(path)) {
        (true, _) => {
            let file = files.add(name, "");
            let message = format!("the file has more than {} bytes", document::FILE_BYTES_MAX);
            problems.push(Diagnostic::error("E004", file, 0..0, message));
            return;
        }
        (false, Ok(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => {
                files.add(name, text);
                return;
            }
            Err(error) => {
                format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1)
            }
        },
        (false, Err(error)) => format!("cannot read: {error}"),
    };
    let file = files.add(name, "");
    problems.push(Diagnostic::error("E001", file, 0..0, message));
}

fn groups(reader: &mut Reader, yaml: &Yaml) -> Vec<Group> {
    let Some(top) = reader.fields(yaml, "the file", &keys::names(&keys::RULE_FILE)) else {
        return Vec::new();
    };
    let list = reader
        .require(&top, "groups", "a rule file starts with `groups:`")
        .and_then(|groups| reader.list(groups, "groups"));
    let mut groups: Vec<Group> = Vec::new();
    for item in list.unwrap_or_default() {
        let Some(fields) = reader.fields(item, "the group", &keys::names(&keys::GROUP)) else {
            continue;
        };
        let name = reader
            .require(&fields, "name", "name it, e.g. `name: margin`")
            .and_then(|name| reader.text(name, "name"));
        let rules = reader
            .require(&fields, "rules", "list its rules under `rules:`")
            .and_then(|rules| reader.list(rules, "rules"));
        let rules = rules.unwrap_or_default();
        let rules = rules.iter().filter_map(|item| rule::rule(reader, item)).collect();
        let Some(name) = name else { continue };
        if let Some(first) = groups.iter().find(|group| group.name.value == name.value) {
            let problem = reader
                .error("E108", &name.span, format!("two groups are named `{}`", name.value))
                .with_label("again here")
                .with_secondary(reader.file, first.name.span.clone(), "first here")
                .with_help("rename one of them, or put their rules together");
            reader.report(problem);
        }
        groups.push(Group { name, rules });
    }
    groups
}

/// Rules of one name, and rules that are too many: an alert's name is its identity everywhere, so
/// there is one rule of a name over all files.
pub fn namesakes(rule_files: &[RuleFile]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut seen: HashMap<&str, &RuleSource> = HashMap::new();
    for rule in rules(rule_files) {
        let name = rule.alert.value.as_str();
        match seen.get(name) {
            Some(first) => problems.push(
                Diagnostic::error(
                    "E108",
                    rule.file,
                    rule.alert.span.clone(),
                    format!("two rules are named `{name}`"),
                )
                .with_label("again here")
                .with_secondary(first.file, first.alert.span.clone(), "first here")
                .with_help("rename one of them: the name tells their alerts apart"),
            ),
            None => {
                seen.insert(name, rule);
            }
        }
        if seen.len() == RULES_MAX + 1 {
            let message = format!("there are more than {RULES_MAX} rules");
            problems.push(Diagnostic::error("E004", rule.file, rule.alert.span.clone(), message));
            break;
        }
    }
    problems
}

#[cfg(test)]
mod tests;
