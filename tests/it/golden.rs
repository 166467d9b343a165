//! What does an author get to read? Every code of the program at least once, word by word.
//!
//! `tests/it/golden/diagnostics.txt` holds what is shown for each case below. With `SIAGA_BLESS=1`
//! the file is written anew, to be read through before it is committed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use siaga::engine::rehearsal;
use siaga::event::Symbols;
use siaga::rule::compile;
use siaga::rule::diagnostic;
use siaga::rule::diagnostic::Diagnostic;
use siaga::rule::diagnostic::Files;
use siaga::rule::diagnostic::codes;
use siaga::rule::file;
use siaga::rule::fixture;
use siaga::rule::lint;

/// Conditions of a rule on `call.started`.
const CONDITIONS: [&str; 64] = [
    "size(order) > 3",
    "tomorrow > now",
    "rep.id == 'r1'",
    "value > 3",
    "event.topik == 'x'",
    "customer.nmae == 'x'",
    "customer.consent.mail",
    "lines.exists(l, l.topic == 'x')",
    "orders.net > 3",
    "siz(orders) > 3",
    "sum(orders) > 3",
    "percent(0.5) > 3",
    "orders.summ(o, o.net) > 3",
    "event.topic.startswith('a')",
    "size(orders)",
    "orders",
    "customer",
    "event.topic && true",
    "event.topic in orders",
    "event.topic in ['a', 5]",
    "mean_gap(lines) > duration('1d')",
    "event.amount + 5 > 3",
    "event.amount * event.amount > 3",
    "now + 5 > now",
    "now - event.time > '3d'",
    "event.time > '2025-01-01'",
    "event.product == 5",
    "event.topic < 5",
    "event.amount > null",
    "-event.topic == 'a'",
    "1 / 0 > 1",
    "lines.last('30d').sum(l.net) > 1",
    "size(orders, lines) > 1",
    "size(orders.last('30x')) > 1",
    "size(orders.last(0)) > 1",
    "size(orders.between('30d', '210d')) > 1",
    "size(orders.last('9d').last('3d')) > 1",
    "size(orders.last(now - now)) > 1",
    "event.topic in [event.brand]",
    "orders.stddev(o, o.net) > 1.0",
    "size(orders.last('5000d')) > 1",
    "lines.last('9d').exists(a, lines.last('9d').exists(b, lines.last('9d').exists(c, lines.last('9d').exists(d, lines.last('9d').exists(e, e.net > a.net)))))",
    "lines.last('365d').exists(a, lines.last('365d').exists(b, lines.last('365d').exists(c, c.net > a.net && b.net > a.net)))",
    "x = 5",
    "size(orders) > 3 and size(lines) > 3",
    "size(orders) <> 3",
    "size(orders > 3",
    "event.topic == ‘car’",
    "size(orders) ≥ 3",
    "recent < 30%",
    "",
    "event.{topic} == 1",
    "[1, 2].exists(x, x > 1) && b'x' == b'y'",
    "size(orders) >= 0",
    "event.duration > 10.0 && event.duration < 5.0",
    "size(orders) >= 5",
    "lines.last('9d').exists(x, size(orders) > 3)",
    "event.duration // 2",
    "event.topic == ' car'",
    "alerts.exists(a, a.stat == 'won')",
    "margin_rate(alerts) > 0.5",
    "alerts.last('9d').last('3d').exists(a, a.closed == null)",
    "alerts.exists(a, a.state == 'one') && alerts.exists(a, a.rule == 'B')",
    "interactions.last('9d').exists(i, i.kind == 'vist')",
];

/// Lines of a rule; they take the place of its own.
const LINES: [&str; 45] = [
    "famly: drift",
    "family: drfit",
    "entity: shop",
    "mode: live\nmode: off",
    "for: 5",
    "cooldown: 1m1h",
    "expires_after:",
    "on: order",
    "on: []",
    "on: {silence: order}",
    "on: {silence: order, after: \"'30d'\"}",
    "on: {silence: order, after: \"duration('9d')\"}\nwhen: event.net > 3",
    "on: {every: 0s}",
    "on: {every: 59s}",
    "on: {every: 1d, at: 25:00}",
    "on: [cal.started]",
    "on: [purchase]",
    "when: >\n  size(orders) > 3",
    "when: [a]",
    "let: {Recent: '1'}",
    "let: {orders: '5'}",
    "let: {a: b + 1, b: '5'}",
    "labels: {Play: x}",
    "labels: {severity: hgih}",
    "labels: {play: '{{ x }}'}",
    "labels: {severty: critical}",
    "annotations: {summary: '{{ a'}",
    "annotations: {summary: '{{ value | money }}'}",
    "annotations: {summary: {{ a }}}",
    "annotations: {description: x}",
    "annotations: {summary: '{customer.name} calls'}",
    "annotations: {summary: '{{ percent(now) }}'}",
    "annotations: {summary: '{{ round(1.5, x1) }}'}",
    "evidence: lines",
    "evidence: alerts.last('9d')",
    "evidence: size(orders)",
    "at: event.net",
    "value: event.topic",
    "alert: margin_falls",
    "value: size(lines.last('9d').filter(l, l.net > 5 && lines.exists(x, x.brand == 'a')))",
    "cooldown: 1d  # Why.        value: event.net",
    "a: b: c",
    "when: 'size(orders) > 3",
    "when: *missing",
    "let: {a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
];

/// Tests of the two rules of [`SMALL`].
const TESTS: [&str; 12] = [
    "    alerts: [{rule: Never, customer_id: c1}]\n",
    "    alerts: [{rule: Large, value: 99}]\n",
    "    quiet: [Large]\n",
    "    quiet: [Larg]\n",
    "      - {at: 2025-01-02, customer_id: c2, type: order, lines: [{product_id: p, quantity: 1, net_amount: 200}]}\n    alerts: [{rule: Large, customer_id: c1}]\n",
    "      - {at: 2025-01-02, type: order}\n    quiet: [Never]\n",
    "      - {at: yesterday, customer_id: c, type: order}\n    quiet: [Never]\n",
    "      - {at: 2025-01-02, every: 1d, customer_id: c, type: order}\n    quiet: [Never]\n",
    "      - {at: 2025-01-02, every: 1d, count: 0, customer_id: c, type: order}\n    quiet: [Never]\n",
    "    alert: [{rule: Large}]\n",
    "    until: 2025-02-01\n",
    "    alerts: [{rule: Large, value: much}]\n",
];

const SMALL: &str = "\
groups:
  - name: g
    rules:
      - alert: Large
        family: quality
        on: [order]
        when: event.net > 100
        value: event.net
        annotations: {summary: x}
      - alert: Never
        family: quality
        on: [order]
        when: event.net < 0
        annotations: {summary: x}
";

/// Codes that need files and folders, or a history: other tests of this crate show them.
const ELSEWHERE: [&str; 5] = ["E001", "E004", "W001", "W108", "W109"];

/// A rule file with these lines, and its own where they are not given.
fn rule_file(lines: &str) -> String {
    let own = [
        ("alert", "alert: A"),
        ("family", "family: drift"),
        ("on", "on: [call.started]"),
        ("when", "when: size(orders.last('9d')) > 0"),
        ("annotations", "annotations: {summary: x}"),
    ];
    let given = |key: &str| lines.lines().any(|line| line.starts_with(&format!("{key}:")));
    let own = own.into_iter().filter(|(key, _)| !given(key)).map(|(_, line)| line);
    let mut text = "groups:\n  - name: g\n    rules:\n".to_owned();
    for (number, line) in own.chain(lines.lines()).enumerate() {
        let dash = if number == 0 { "      - " } else { "        " };
        text.push_str(&format!("{dash}{line}\n"));
    }
    text
}

fn of_rules(text: &str) -> (Files, Vec<Diagnostic>) {
    let mut files = Files::default();
    files.add("a.rules.yaml", text);
    let (rule_files, mut problems) = file::read(&files);
    let (_, more) = compile::compile(&rule_files, &Symbols::default());
    problems.extend(more);
    problems.extend(lint::lint(&rule_files, &files, None));
    diagnostic::sort(&mut problems);
    (files, problems)
}

fn of_tests(lines: &str) -> (Files, Vec<Diagnostic>) {
    let mut rules = Files::default();
    rules.add("small.rules.yaml", SMALL);
    let symbols = Symbols::default();
    let (set, _) = compile::compile(&file::read(&rules).0, &symbols);
    let events = "      - {at: 2025-01-01, customer_id: c1, type: order, currency: USD, lines: [{product_id: p, quantity: 1, net_amount: 250}]}\n";
    let mut files = Files::default();
    let text = format!(
        "rule_files: [small.rules.yaml]\ntests:\n  - name: claim\n    events:\n{events}{lines}"
    );
    let file = files.add("small.test.yaml", text);
    let (fixture, mut problems) = fixture::read(file, &files);
    if let Some(fixture) = fixture.filter(|_| problems.is_empty()) {
        let report = rehearsal::rehearse(&fixture, &Arc::new(set), &symbols).unwrap();
        problems.extend(report.tests.into_iter().flat_map(|test| test.failures));
    }
    (files, problems)
}

/// Two of a name, too deep an expression, too much to keep: more than lines of one rule.
fn of_more() -> Vec<(&'static str, (Files, Vec<Diagnostic>))> {
    let second = rule_file("").replace("groups:\n", "").replace("name: g", "name: h");
    let twice = rule_file("") + second.as_str();
    let deep = format!("when: {}size(orders) > 3{}", "(".repeat(100), ")".repeat(100));
    let mut windows = "let:\n".to_owned();
    for days in 1..=2_200 {
        let _ =
            writeln!(windows, "  w{days}: size(orders.between('{}h', '{days}h'))", days + 2_300);
    }
    vec![
        ("two rules of one name", of_rules(&twice)),
        ("too deep", of_rules(&rule_file(&deep))),
        ("an empty file", of_rules("")),
        ("too many windows", {
            let (files, mut problems) = of_rules(&rule_file(&windows));
            problems.truncate(1);
            (files, problems)
        }),
    ]
}

#[test]
fn every_code_is_shown_as_it_is_to_be_read() {
    let mut cases: Vec<(String, (Files, Vec<Diagnostic>))> = Vec::new();
    for condition in CONDITIONS {
        let lines = format!("when: |\n  {condition}\nvalue: 5");
        let lines = if condition.is_empty() { "when: ''".to_owned() } else { lines };
        cases.push((condition.to_owned(), of_rules(&rule_file(&lines))));
    }
    cases.extend(LINES.iter().map(|lines| ((*lines).to_owned(), of_rules(&rule_file(lines)))));
    cases.extend(TESTS.iter().map(|lines| ((*lines).to_owned(), of_tests(lines))));
    cases.extend(of_more().into_iter().map(|(name, found)| (name.to_owned(), found)));

    let (mut page, mut seen, mut count) = (String::new(), BTreeSet::new(), 0);
    for (name, (files, problems)) in &cases {
        assert!(!problems.is_empty(), "nothing is said of {name}");
        count += problems.len();
        seen.extend(problems.iter().map(|problem| problem.code));
        let shown = diagnostic::render(problems, files, false);
        let _ = write!(page, "=== {}\n{}\n", name.trim().replace('\n', "\n    "), shown.trim_end());
    }
    let missing: Vec<&str> = codes::CODES
        .iter()
        .map(|known| known.code)
        .filter(|code| !seen.contains(code) && !ELSEWHERE.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
    assert!(count >= 100, "{count} diagnostics");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/diagnostics.txt");
    if std::env::var_os("SIAGA_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    for (got, want) in page.split("=== ").zip(golden.split("=== ")) {
        assert_eq!(got, want);
    }
    assert_eq!(page.len(), golden.len(), "cases were added or taken away: run with SIAGA_BLESS=1");
}
