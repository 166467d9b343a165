//! Do the tests of the starter rules notice a wrong operator? `>` for `>=` and a `!` too few are
//! rules like any other, so that no check can tell them. Every operator is exchanged, one at a
//! time, and one of the file's own tests has to fail.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use siaga::engine::rehearsal;
use siaga::event::Symbols;
use siaga::rule::compile;
use siaga::rule::diagnostic::Files;
use siaga::rule::file;
use siaga::rule::fixture;
use siaga::rule::fixture::Fixture;
use siaga::rule::lint;
use siaga::rule::set::RuleSet;
use siaga::rule::starter;

/// Operators, and what each is exchanged for.
const OPERATORS: [(&str, &[&str]); 12] = [
    (">=", &[">", "<="]),
    ("<=", &["<", ">="]),
    ("==", &["!="]),
    ("!=", &["=="]),
    ("&&", &["||"]),
    ("||", &["&&"]),
    (">", &[">=", "<"]),
    ("<", &["<=", ">"]),
    ("+", &["-"]),
    ("-", &["+"]),
    ("*", &["/", "+"]),
    ("/", &["*"]),
];

/// Exchanges after which no data give another alert, each with the line it is in and why.
const EQUAL: [(&str, &str, &str); 18] = [
    ("&& alive < 0.501", "<=", "no data give a chance that is .501 to the last digit"),
    ("&& alive > 0.3", ">=", "nor one that is .3"),
    ("p_alive(orders) > 0.5", ">=", "nor one that is a half"),
    ("looked_after < 0.1", "<=", "nor one that is a tenth"),
    ("size(near) > 0", ">=", "of no line there is no gain"),
    ("shift.strength >= 1.5", ">", "nor a sum of deviations that is one and a half of its limit"),
    ("elapsed >= 0.2", ">", "no look falls on the moment at which a fifth is over"),
    ("&& chance < 0.3", "<=", "nor is a chance .3 to the last digit"),
    ("certainty > 0.95", ">=", "nor one that is .95"),
    ("when: gap > 0.1", ">=", "nor a share that is a tenth"),
    ("deserves_more: worth >= enough", ">", "1.1 times a bound is no amount of money"),
    (") * 13 >= 100", ">", "nor a level of roots that is the thirteenth of 100 away"),
    (
        "o.lift >= 2.0 || o.p >= 0.5",
        ">",
        "nor a lift or a chance that is a bound to the last digit",
    ),
    ("o.p >= 0.8", ">", "nor one that is .8"),
    ("- orders.first().time >= duration('455d')", ">", "the moments of looks are spread"),
    ("- orders.first().time >= duration('180d')", ">", "the moments of looks are spread"),
    ("&& worth >= 50", ">", "nor is a worth fifty to the last digit"),
    ("silent > days_promised", ">=", "the moments of looks are spread"),
];

/// An exchange: where, how long the operator is, and what comes in its place.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    at: usize,
    length: usize,
    other: &'static str,
}

/// Every exchange of an operator in the expressions of a file.
fn exchanges(text: &str) -> Vec<Exchange> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        let begin = start + line.len() - content.len();
        start += line.len();
        if content.starts_with('#') {
            continue;
        }
        // Between single quotes stands a text; an operator has a blank on each side, but for `!`.
        let texts = content.split('\'').scan(begin, |at, piece| {
            let here = *at;
            *at += piece.len() + 1;
            Some((here, piece))
        });
        for (at, piece) in texts.step_by(2) {
            for (operator, others) in OPERATORS {
                for (place, _) in piece.match_indices(operator) {
                    let before = text[..at + place].chars().next_back();
                    let behind = text[at + place + operator.len()..].chars().next();
                    let dash = at + place == begin && operator == "-";
                    if before == Some(' ') && behind == Some(' ') && !dash {
                        let (at, length) = (at + place, operator.len());
                        found.extend(others.iter().map(|other| Exchange { at, length, other }));
                    }
                }
            }
            for (place, _) in piece.match_indices('!') {
                if !piece[place..].starts_with("!=") {
                    found.push(Exchange { at: at + place, length: 1, other: "" });
                }
            }
        }
    }
    found
}

/// The rules of a text; none when a mistake or a warning tells what was done to it.
fn untold(name: &str, text: &str, symbols: &Symbols) -> Option<RuleSet> {
    let mut files = Files::default();
    files.add(name, text);
    let (read, problems) = file::read(&files);
    let (set, more) = compile::compile(&read, symbols);
    let told = [problems, more, lint::lint(&read, &files, None)].concat();
    told.is_empty().then_some(set)
}

fn tests_of(name: &str) -> Fixture {
    let name = name.replace(".rules.", ".test.");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(&name);
    let mut files = Files::default();
    let file = files.add(name, fs::read_to_string(path).unwrap());
    let (fixture, problems) = fixture::read(file, &files);
    assert_eq!(problems, []);
    fixture.unwrap()
}

/// Whether all tests pass.
fn passes(fixture: &Fixture, set: RuleSet, symbols: &Symbols) -> bool {
    let report = rehearsal::rehearse(fixture, &Arc::new(set), symbols).unwrap();
    report.tests.iter().all(|test| test.failures.is_empty())
}

/// The exchanges of a file that neither a message nor a test tells.
fn unnoticed(name: &str, text: &str) -> (usize, Vec<String>) {
    let (fixture, symbols) = (tests_of(name), Symbols::default());
    assert!(passes(&fixture, untold(name, text, &symbols).unwrap(), &symbols), "{name}");
    let all = exchanges(text);
    let one = |exchange: &Exchange| -> Option<String> {
        let Exchange { at, length, other } = *exchange;
        let changed = format!("{}{other}{}", &text[..at], &text[at + length..]);
        let number = text[..at].matches('\n').count();
        let was = text.lines().nth(number).unwrap().trim();
        let equal = |(line, with, _): &(&str, &str, &str)| {
            was.contains(line) && (with.is_empty() || *with == other)
        };
        if EQUAL.iter().any(equal) || !passes(&fixture, untold(name, &changed, &symbols)?, &symbols)
        {
            return None;
        }
        Some(format!("{name}:{}: {}", number + 1, changed.lines().nth(number).unwrap().trim()))
    };
    let half = all.len().div_ceil(2);
    let found = std::thread::scope(|scope| {
        let halves = all
            .chunks(half)
            .map(|part| scope.spawn(move || part.iter().filter_map(one).collect::<Vec<String>>()));
        let halves: Vec<_> = halves.collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    (all.len(), found)
}

#[test]
fn a_wrong_operator_fails_a_test_of_its_rule() {
    let mut tried = 0;
    let mut left = Vec::new();
    for (name, text) in starter::STARTER {
        let (count, found) = unnoticed(name, text);
        tried += count;
        left.extend(found);
    }
    assert!(tried >= 60, "{tried} operators were exchanged");
    assert!(left.is_empty(), "{} of {tried} go unnoticed:\n{}", left.len(), left.join("\n"));
}
