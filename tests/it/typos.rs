//! Does a slip of the finger in a rule file go unseen? Every position of the starter rules is
//! mistyped, and each typo has to end in one of two ways:
//!
//! ```text
//! told       an error or a warning that points into the rule of the typo
//! harmless   the rules compile to the very same program: comments, texts, labels, blanks
//! ```
//!
//! What is left is what no reader of the file alone could know for a slip, because the file says
//! something else that is as good: see [`Exempt`]. Each of those makes another page of what the
//! rules tell, and the page of the starter rules is kept beside them: its test fails.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::path::Path;

use siaga::event::Symbols;
use siaga::rule::compile;
use siaga::rule::describe;
use siaga::rule::diagnostic::Diagnostic;
use siaga::rule::diagnostic::Files;
use siaga::rule::file;
use siaga::rule::file::RuleFile;
use siaga::rule::lint;
use siaga::rule::set::RuleSet;
use siaga::rule::starter;
use siaga::rule::text::TextPart;

/// What a typo can hit without anybody being able to tell from the file alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exempt {
    /// A digit of a number, or a number or unit of a length of time: `30d`, `13d` and `30h` are
    /// equally good.
    Number,
    /// A letter of a text that is compared: a category may have any name. With `--history` it is
    /// told (W109).
    Text,
    /// The name of a rule: its tests name it, too, and then do not find it (E150).
    Name,
    /// `>` for `>=`, `==` for `!=`, a `!` too few, `+` for `-`: both are rules.
    Operator,
}

/// A typo in a file.
#[derive(Debug, Clone)]
struct Typo {
    at: usize,
    text: String,
}

/// How a typo ended.
enum End {
    /// Reported; how many lines from the typo.
    Told(usize),
    Harmless,
    Changed(Exempt),
    /// Neither told nor harmless nor exempt, or the page does not show it: a hole.
    Silent,
}

/// The typos of one position: a letter too few, one too many, two in the wrong order, a neighbour
/// of the same kind, a letter where none belongs.
fn typos(text: &str, at: usize) -> Vec<Typo> {
    let (before, rest) = text.split_at(at);
    let mut chars = rest.chars();
    let Some(here) = chars.next() else { return Vec::new() };
    let behind = chars.as_str();
    let mut texts = vec![
        format!("{before}{behind}"),
        format!("{before}{here}{here}{behind}"),
        format!("{before}{}{behind}", neighbour(here)),
        format!("{before}{}{behind}", if here == 'x' { 'y' } else { 'x' }),
    ];
    if let Some(next) = chars.next() {
        texts.push(format!("{before}{next}{here}{}", chars.as_str()));
    }
    texts.retain(|typo| typo != text);
    texts.into_iter().map(|text| Typo { at, text }).collect()
}

/// What lies next to it: the next digit, the next letter, the next sign.
fn neighbour(c: char) -> char {
    const SIGNS: &str = "<>=!+-*/&|.,:;'\"()[]{}#_ <";
    match c {
        '9' | 'z' | 'Z' => char::from_u32(u32::from(c) - 1).unwrap_or('a'),
        _ if c.is_ascii_alphanumeric() => char::from_u32(u32::from(c) + 1).unwrap_or('a'),
        _ => SIGNS.chars().skip_while(|sign| *sign != c).nth(1).unwrap_or('-'),
    }
}

/// Every how many typos one is tried. `SIAGA_TYPOS=1` tries all of them, which takes a while; the
/// prime of every day comes by each kind of typo, and is enough to notice a hole that opens.
fn stride() -> usize {
    let given = std::env::var("SIAGA_TYPOS").ok().and_then(|number| number.parse().ok());
    given.filter(|stride| *stride > 0).unwrap_or(31)
}

/// What rules do, whatever they are called and however they are worded.
fn meaning(set: &RuleSet) -> u64 {
    let mut said = format!("{:?} {:?}", set.program, set.plans);
    for rule in &set.rules {
        let labels: Vec<&String> = rule.labels.keys().collect();
        let parts: Vec<_> =
            rule.parts.iter().map(|part| (part.node, part.ty, part.shown)).collect();
        let shown = rule.summary.parts.iter().chain(&rule.description.parts);
        let shown: Vec<_> = shown
            .filter_map(|part| match part {
                TextPart::Value { node, ty, format } => Some((node, ty, format)),
                TextPart::Plain(_) => None,
            })
            .collect();
        let _ = write!(
            said,
            "{} {:?} {:?} {:?} {:?} {:?} {parts:?} {:?} {:?} {:?} {:?} {:?} {labels:?} {shown:?} {:?}",
            rule.name,
            rule.family,
            rule.severity,
            rule.entity,
            rule.mode,
            rule.trigger,
            rule.when,
            rule.timing,
            rule.value,
            rule.episode,
            rule.at,
            rule.evidence,
        );
    }
    let mut hasher = DefaultHasher::new();
    said.hash(&mut hasher);
    hasher.finish()
}

/// Reads, compiles and checks a text, up to the first step that tells something; all names are
/// numbered by one table, so that equal numbers are equal names.
fn compiled(name: &str, text: &str, symbols: &Symbols) -> Result<Compiled, Told> {
    let mut files = Files::default();
    files.add(name, text);
    let (rule_files, problems) = file::read(&files);
    if !problems.is_empty() {
        return Err(Told { files, problems });
    }
    let (set, mut problems) = compile::compile(&rule_files, symbols);
    if problems.is_empty() {
        problems = lint::lint(&rule_files, &files, None);
    }
    if !problems.is_empty() {
        return Err(Told { files, problems });
    }
    Ok(Compiled { files, rule_files, set })
}

/// What is wrong with a text.
#[derive(Debug)]
struct Told {
    files: Files,
    problems: Vec<Diagnostic>,
}

/// A text that nothing is wrong with.
struct Compiled {
    files: Files,
    rule_files: Vec<RuleFile>,
    set: RuleSet,
}

impl Told {
    /// How many lines the nearest message is from a byte.
    fn lines_from(&self, at: usize) -> usize {
        let Self { files, problems } = self;
        let line = files.position(0, at).line;
        let far = problems.iter().flat_map(|problem| {
            let from = files.position(0, problem.span.start).line;
            let to = files.position(0, problem.span.end).line;
            let others = problem.secondary.iter().map(|s| files.position(0, s.span.start).line);
            let own = if (from..=to).contains(&line) { line } else { from };
            others.chain([own]).map(|at| at.abs_diff(line)).collect::<Vec<_>>()
        });
        far.min().unwrap_or(usize::MAX)
    }
}

impl Compiled {
    /// The page of what the rules tell.
    fn page(&self) -> String {
        describe::page(TITLE, &self.rule_files, &self.files, &self.set).to_markdown()
    }
}

const TITLE: &str = "The starter rules";

/// What is known of a sound text.
struct Known<'a> {
    meaning: u64,
    page: String,
    symbols: &'a Symbols,
}

/// What stands at a byte of a sound file that a typo changed silently.
fn exempt(text: &str, typo: &Typo) -> Option<Exempt> {
    let line_start = text[..typo.at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let column = typo.at - line_start;
    let key = line.trim_start().trim_start_matches("- ").split(':').next().unwrap_or("");
    let here = text[typo.at..].chars().next()?;
    let near = |wanted: fn(char) -> bool| {
        let before = text[..typo.at].chars().next_back();
        let next = text[typo.at..].chars().nth(1);
        wanted(here) || [before, next].into_iter().flatten().any(wanted)
    };
    let quoted = line[..column].matches('\'').count() % 2 == 1
        || (here == '\'' && line.matches('\'').count() > 1);
    if key == "alert" {
        return Some(Exempt::Name);
    }
    if ["for", "keep_firing_for", "cooldown", "expires_after"].contains(&key) {
        return Some(Exempt::Number);
    }
    if quoted {
        let texts = line.split('\'').skip(1).step_by(2);
        let spans = texts.clone().any(|text| {
            text.ends_with(['d', 'h', 'm', 'w']) && text.starts_with(|c: char| c.is_ascii_digit())
        });
        return Some(if spans { Exempt::Number } else { Exempt::Text });
    }
    if near(|c| c.is_ascii_digit()) {
        return Some(Exempt::Number);
    }
    near(|c| "<>=!+-*/".contains(c)).then_some(Exempt::Operator)
}

fn end(name: &str, text: &str, typo: &Typo, known: &Known<'_>) -> End {
    let found = match compiled(name, &typo.text, known.symbols) {
        Ok(found) => found,
        Err(told) => return End::Told(told.lines_from(typo.at)),
    };
    if meaning(&found.set) == known.meaning {
        return End::Harmless;
    }
    let shown = found.page() != known.page;
    exempt(text, typo).filter(|_| shown).map_or(End::Silent, End::Changed)
}

/// What came of the typos of all files.
#[derive(Default)]
struct Tally {
    /// A line for each file.
    table: String,
    /// Typos that nobody tells.
    silent: Vec<String>,
    /// Typos told more than a line away from where they are: how far, and what.
    far: Vec<(usize, String)>,
    told: usize,
}

/// How each typo ended; two threads share the work.
fn ends(name: &str, text: &str, chosen: &[Typo]) -> Vec<End> {
    let symbols = Symbols::default();
    let sound = compiled(name, text, &symbols).unwrap();
    let (meaning, page) = (meaning(&sound.set), sound.page());
    let known = &Known { meaning, page, symbols: &symbols };
    std::thread::scope(|scope| {
        let workers: Vec<_> = chosen
            .chunks(chosen.len().div_ceil(2).max(1))
            .map(|part| {
                let one = move |typo| end(name, text, typo, known);
                scope.spawn(move || part.iter().map(one).collect::<Vec<End>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn tally(name: &str, text: &str, all: &mut Tally) {
    let every = text.char_indices().flat_map(|(at, _)| typos(text, at));
    let chosen: Vec<Typo> = every.step_by(stride()).collect();
    let (mut told, mut harmless) = (0, 0);
    let mut exempted = BTreeMap::new();
    for (typo, end) in chosen.iter().zip(ends(name, text, &chosen)) {
        let line = text[..typo.at].matches('\n').count() + 1;
        let shown = format!("{name}:{line}: {}", typo.text.lines().nth(line - 1).unwrap_or(""));
        match end {
            End::Told(distance) => {
                told += 1;
                if distance > 1 {
                    all.far.push((distance, shown));
                }
            }
            End::Harmless => harmless += 1,
            End::Changed(kind) => {
                *exempted.entry(kind).or_insert(0) += 1;
            }
            End::Silent => all.silent.push(shown),
        }
    }
    all.told += told;
    let _ = writeln!(
        all.table,
        "{name}: {} typos, {told} told, {harmless} harmless, {exempted:?}",
        chosen.len()
    );
}

#[test]
fn a_typo_is_told_or_harmless_wherever_it_is() {
    let mut all = Tally::default();
    for (name, text) in starter::STARTER {
        tally(name, text, &mut all);
    }
    let Tally { table, silent, far, told } = all;
    eprintln!("{table}{} told further away", far.len());
    assert!(silent.is_empty(), "{table}{} typos go unseen:\n{}", silent.len(), silent.join("\n"));
    // A quote or bracket that is lost may only show where the next one stands.
    assert!(far.len() * 10 <= told, "{} of {told} are told far away: {far:#?}", far.len());
}

#[test]
fn the_page_of_the_starter_rules_says_what_they_do() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::default();
    let mut names: Vec<_> = starter::STARTER.to_vec();
    names.sort_unstable();
    for (name, text) in names {
        files.add(format!("rules/{name}"), text);
    }
    let (rule_files, problems) = file::read(&files);
    assert_eq!(problems, []);
    let (set, _) = compile::compile(&rule_files, &Symbols::default());
    let page = describe::page(TITLE, &rule_files, &files, &set).to_markdown();
    let kept = std::fs::read_to_string(root.join("rules/STARTER.md")).unwrap();
    let differ = page.lines().zip(kept.lines()).find(|(now, then)| now != then);
    assert!(
        page == kept,
        "rules/STARTER.md is another: {differ:?}; if the change is meant, \
         `siaga rules docs rules --title \"{TITLE}\" --out rules/STARTER.md` writes it"
    );
}
