//! Which rule files are read, and where are their mistakes placed?

use super::*;
use crate::rule::diagnostic::codes;
use crate::rule::expression;

/// A rule that is fine; `…` is replaced by the lines under test.
fn rule_with(lines: &str) -> String {
    let mut text = "groups:\n  - name: g\n    rules:\n      - alert: A\n".to_owned();
    let given = |key: &str| lines.lines().any(|line| line.starts_with(&format!("{key}:")));
    for (key, line) in [
        ("family", "family: drift"),
        ("on", "on: [order]"),
        ("when", "when: 'true'"),
        ("annotations", "annotations: {summary: s}"),
    ] {
        if !given(key) && !lines.contains(&format!("no {key}\n")) {
            text.push_str(&format!("        {line}\n"));
        }
    }
    for line in lines.lines().filter(|line| !line.starts_with("no ")) {
        text.push_str(&format!("        {line}\n"));
    }
    text
}

fn load_text(text: &str) -> (Files, Vec<RuleFile>, Vec<Diagnostic>) {
    let mut files = Files::default();
    files.add("a.rules.yaml", text);
    let (rule_files, problems) = read(&files);
    (files, rule_files, problems)
}

/// One mistake as `(code, line, column, what is to be seen)`; gives what is different.
fn differs(text: &str, want: (&str, usize, usize, &str)) -> Option<String> {
    let (files, _, problems) = load_text(text);
    let shown = diagnostic::render(&problems, &files, false);
    let found = problems.iter().map(|problem| {
        assert!(codes::explain(problem.code).is_some(), "{}", problem.code);
        let at = files.position(0, problem.span.start);
        (problem.code, at.line, at.column, problem.help.is_some())
    });
    let found: Vec<_> = found.collect();
    let same = found == [(want.0, want.1, want.2, true)] && shown.contains(want.3);
    (!same).then(|| format!("want {want:?}, found {found:?} in\n{text}\n{shown}"))
}

#[test]
fn a_wrong_rule_is_reported_where_it_is_wrong() {
    // Lines are added behind line 4, less those of family, on, when and annotations they replace.
    let wrong: Vec<String> = [
        ("famly: drift\nno family\n", "E101", 8, 9, "did you mean `family`?"),
        ("family: drfit", "E105", 8, 17, "did you mean `drift`?"),
        ("family: sales", "E105", 8, 17, "`cross_sell`, `up_sell`"),
        ("entity: shop", "E105", 9, 17, "`customer`, `rep`, `product`"),
        ("mode: shadw", "E105", 9, 15, "did you mean `shadow`?"),
        ("mode: live\nmode: off", "E102", 10, 9, "has the key `mode` twice"),
        ("colour: red", "E101", 9, 9, "its keys are `alert`, `family`"),
        ("for: 5", "E106", 9, 14, "`5` is not a duration"),
        ("cooldown: 1m1h", "E106", 9, 19, "from large to small"),
        ("expires_after:", "E104", 9, 22, "`expires_after` has no value"),
        ("on: order", "E109", 8, 13, "write `[order]`"),
        ("on: []", "E109", 8, 13, "names no event"),
        ("on: {silence: order}", "E103", 8, 14, "has no `after`"),
        ("on: {silence: order, after: 30d}", "E120", 8, 37, "write a duration in quotes, `'30d'`"),
        (
            "on: {silence: order, afer: \"'30d'\", after: \"'30d'\"}",
            "E101",
            8,
            30,
            "did you mean `after`?",
        ),
        ("on: {every: 0s}", "E106", 8, 21, "longer than nothing"),
        ("on: {every: 1d, zone: Mars/Base}", "E112", 8, 31, "no time zone `Mars/Base`"),
        ("on: {every: 1d, at: 25:00}", "E112", 8, 29, "`25:00` is not a time of day"),
        ("when: x = 5", "E120", 8, 17, "`=` does not compare"),
        ("when: '''ö'' == ''x'' and y'", "E120", 8, 31, "write `&&`"),
        ("when: \"'é' == \\\"x\\\" or y\"", "E120", 8, 29, "write `||`"),
        ("when: |\n  size(x) > 1\n    && y <> 2", "E120", 10, 18, "write `!=`"),
        ("when: size(x) > 1 &&\n  y <> 2", "E120", 9, 13, "write `!=`"),
        ("when: >\n  size(x)", "E124", 9, 11, "write `|`"),
        ("when: [a]", "E104", 8, 15, "`when` is a single value, here is a list"),
        ("when: größe > 5", "E120", 8, 17, "letters a to z"),
        ("when: ''", "E123", 8, 15, "the expression is empty"),
        ("value: (a + b", "E120", 9, 16, "never closed"),
        ("evidence: lines.last('30d'", "E120", 9, 29, "put a `)`"),
        ("episode: 30%", "E120", 9, 18, "write the share, `0.3`"),
        ("let: {Recent: '1'}", "E110", 9, 15, "`Recent` is not a name"),
        ("let: {in: '1'}", "E110", 9, 15, "no word of CEL"),
        ("let: {a: '1', a: '2'}", "E102", 9, 23, "twice"),
        ("let: [a]", "E104", 9, 14, "written as a mapping"),
        ("labels: {Play: x}", "E111", 9, 18, "`Play` is not a name for a label"),
        ("labels: {severity: hgih}", "E105", 9, 28, "`info`, `warning`, `critical`"),
        ("labels: {play: '{{ x }}'}", "E111", 9, 24, "a label is a plain text"),
        ("annotations: {summary: '{{ a'}", "E130", 8, 33, "never closed"),
        ("annotations: {summary: 'é }}'}", "E130", 8, 35, "closes nothing"),
        ("annotations: {summary: '{{ a | b }}'}", "E130", 8, 38, "no pipes"),
        ("annotations: {summary: {{ a }}}", "E104", 8, 32, "in quotes"),
        ("annotations: {sumary: x, summary: y}", "E101", 8, 23, "did you mean `summary`?"),
        ("annotations: {description: x}", "E103", 8, 23, "has no `summary`"),
        ("no when\nno more", "E103", 4, 16, "the rule has no `when`"),
        ("no annotations\nno more", "E103", 4, 16, "the rule has no `annotations`"),
    ]
    .into_iter()
    .filter_map(|(lines, code, line, column, message)| {
        differs(&rule_with(lines), (code, line, column, message))
    })
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_file_is_reported_where_it_is_wrong() {
    let named = |name: &str| rule_with("").replace("alert: A", &format!("alert: {name}"));
    let two = |group: &str, alert: &str| {
        let second = named(alert).replace("groups:\n", "");
        named("A") + &second.replace("name: g", &format!("name: {group}"))
    };
    let wrong: Vec<String> = [
        (String::new(), "E104", 1, 1, "written as a mapping"),
        ("group: []".to_owned(), "E101", 1, 1, "did you mean `groups`?"),
        ("groups: {}".to_owned(), "E104", 1, 9, "`groups` is a list"),
        ("groups:\n  - rules: []".to_owned(), "E103", 2, 5, "the group has no `name`"),
        ("groups:\n  - name: a: b".to_owned(), "E002", 2, 12, "put a value that holds `: `"),
        (
            "groups:\n  - name: g\n    rules:\n      - 5\n".to_owned(),
            "E104",
            4,
            9,
            "the rule is written as a mapping",
        ),
        (named("margin_falls"), "E107", 4, 16, "`MarginFalls`"),
        (named("'é'"), "E107", 4, 16, "CamelCase"),
        (two("h", "A"), "E108", 11, 16, "two rules are named `A`"),
        (two("g", "B"), "E108", 9, 11, "two groups are named `g`"),
    ]
    .into_iter()
    .filter_map(|(text, code, line, column, message)| differs(&text, (code, line, column, message)))
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_mistakes_of_all_files_are_reported() {
    let mut files = Files::default();
    files.add("a.rules.yaml", rule_with("for: x\nwhen: a = b\nvalue: c and d\nmode: lve"));
    files.add("b.rules.yaml", "groups: [");
    files.add("c.rules.yaml", rule_with("labels: {A: b}").replace("alert: A", "alert: B"));
    let (rule_files, problems) = read(&files);
    let found: Vec<_> = problems.iter().map(|problem| (problem.file, problem.code)).collect();
    assert_eq!(
        found,
        [(0, "E106"), (0, "E120"), (0, "E120"), (0, "E105"), (1, "E002"), (2, "E111"),]
    );
    assert_eq!(rules(&rule_files).count(), 0);
}

#[test]
fn every_place_of_a_rule_is_that_of_its_text() {
    let text = rule_with(
        "entity: rep\nlet:\n  zeta: größe + 1\n  alpha: \"zeta.a == \\\"é\\\"\"\nwhen: 'alpha == ''x'' && zeta.b'\n\
         for: 1h30m\nkeep_firing_for: 3d\nexpires_after: 14d\nvalue: |\n  zeta\n    * 2.0\nepisode: date(event.time)\nat: event.time\n\
         labels: {severity: warning, play: 007}\nmode: shadow\n\
         annotations:\n  summary: 'é {{ alpha.c }} {{ f(''y'') }}'\n  description: d\nevidence: lines.last('30d')",
    )
    .replace("größe", "groesse");
    let (files, rule_files, problems) = load_text(&text);
    assert!(problems.is_empty(), "{}", diagnostic::render(&problems, &files, false));
    let rule = rules(&rule_files).next().unwrap();
    let at = |expr: &Expr| files.slice(0, expr.span.clone()).to_owned();
    let mark = |expr: &Expr| files.slice(0, expr.mark.clone()).to_owned();
    let names: Vec<_> = rule.parts.iter().map(|(name, _)| name.value.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha"], "`let` keeps its order");
    assert_eq!(at(&rule.parts[0].1.expr), "groesse + 1");
    assert_eq!(at(&rule.parts[1].1.expr), r#"zeta.a == \"é\""#);
    let when = rule.when.as_ref().unwrap();
    assert_eq!(when.text, "alpha == 'x' && zeta.b");
    let found: Vec<_> = when.expr.children().into_iter().map(|e| (at(e), mark(e))).collect();
    assert_eq!(
        found,
        [("alpha == ''x''".to_owned(), "==".to_owned()), ("zeta.b".to_owned(), "b".to_owned()),]
    );
    assert_eq!(at(&rule.value.as_ref().unwrap().expr), "zeta\n            * 2.0");
    assert_eq!(at(&rule.evidence.as_ref().unwrap().expr), "lines.last('30d')");
    let shown: Vec<_> = rule.summary.expressions().map(at).collect();
    assert_eq!(shown, ["alpha.c", "f(''y'')"]);
    let labels: Vec<_> = rule.labels.iter().map(|(_, text)| text.value.as_str()).collect();
    assert_eq!(labels, ["warning", "007"], "a label stays as it is written");
    assert_eq!(rule.holds_for.as_ref().map(|l| l.value), Span::parse("90m").ok());
    assert_eq!((rule.entity, rule.mode), (EntityKind::Rep, Mode::Shadow));
    assert_eq!(files.slice(0, rule.alert.span.clone()), "A");
}

#[test]
fn a_rule_looks_at_events_silences_or_a_schedule() {
    let on = |line: &str| {
        let (files, rule_files, problems) = load_text(&rule_with(line));
        assert!(problems.is_empty(), "{}", diagnostic::render(&problems, &files, false));
        rules(&rule_files).next().unwrap().on.value.clone()
    };
    assert!(
        matches!(on("on: [call.started, order]"), Trigger::Events(events) if events.len() == 2)
    );
    let silence = on("on: {silence: order, after: \"drift_deadline(orders, 0.5)\"}\nno when\n");
    assert!(matches!(silence, Trigger::Silence { event, .. } if event.value == "order"));
    for at in ["07:30", "\"07:30\"", "7:30"] {
        let Trigger::Every { every, at, .. } = on(&format!("on: {{every: 1d, at: {at}}}")) else {
            panic!("{at}");
        };
        assert_eq!((every.value, at.unwrap().value.millis()), (Span::DAY, 27_000_000));
    }
}

#[test]
fn a_folder_gives_its_rule_files_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("b.rules.yaml", rule_with("").as_bytes());
    write("a.rules.yaml", rule_with("").replace("alert: A", "alert: B").as_bytes());
    write("notes.yaml", b"x");
    let (files, rule_files, problems) = load(&[folder.path().to_owned()]);
    assert_eq!((files.len(), problems.len()), (2, 0));
    let names: Vec<_> = rules(&rule_files).map(|rule| rule.alert.value.as_str()).collect();
    assert_eq!(names, ["B", "A"]);

    write("c.rules.yaml", b"groups: \xff");
    let missing = folder.path().join("missing.rules.yaml");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let (_, rule_files, problems) = load(&[folder.path().to_owned(), missing, empty]);
    assert_eq!(rules(&rule_files).count(), 2);
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["E001", "E001", "W001"]);
}

#[test]
fn the_rules_of_the_handbook_are_read_whole() {
    let (files, rule_files, problems) = load_text(
        r#"groups:
  - name: margin
    rules:
      - alert: MarginBelowOwnBaseline     # CamelCase
        family: margin
        entity: customer
        on: [order]
        let:
          recent:   margin_rate(lines.last('30d'))
          baseline: margin_rate(lines.between('210d', '30d'))
        when: size(orders.last('30d')) >= 5 && recent < baseline - 0.03
        for: 0s
        keep_firing_for: 3d
        value: (baseline - recent) * lines.last('30d').sum(l, l.net) * 12.0   # ranks the inbox
        labels: {severity: warning, play: defend_margin}
        annotations:
          summary: "{{ customer.name }}: margin {{ percent(recent) }}, usually {{ percent(baseline) }}"
          description: "{{ money(value) }} a year is at stake."
        evidence: lines.last('30d')
        mode: live
      - alert: CrossSellLifeOnCarCall
        family: cross_sell
        on: [call.started]
        when: event.topic == 'car_insurance' && customer.consent.marketing && !lines.exists(l, l.category == 'life_insurance')
        value: customer.segment_stats.life_margin * 0.08
        expires_after: 15m
        annotations: {summary: "{{ customer.name }} is calling about car insurance."}
"#,
    );
    assert!(problems.is_empty(), "{}", diagnostic::render(&problems, &files, false));
    let shown: Vec<_> = rules(&rule_files)
        .map(|rule| (rule.alert.value.as_str(), rule.value.as_ref().unwrap().expr.to_text()))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "MarginBelowOwnBaseline",
                "(baseline - recent) * lines.last('30d').sum(l, l.net) * 12.0".to_owned()
            ),
            ("CrossSellLifeOnCarCall", "customer.segment_stats.life_margin * 0.08".to_owned()),
        ]
    );
    for rule in rules(&rule_files) {
        rule.when.as_ref().unwrap().expr.walk(&mut |expr| {
            let text = files.slice(0, expr.span.clone());
            assert_eq!(&expression::parse(text).unwrap(), expr, "{text}");
        });
    }
}
