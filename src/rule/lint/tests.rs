//! Which warnings are there, where, and what is left alone?

use super::*;
use crate::rule::diagnostic;
use crate::rule::rows;
use crate::rule::rows::Told;
use crate::rule::rows::rule_with;
use crate::rule::starter;

/// The warnings of a rule with these lines.
fn warnings(lines: &str) -> Vec<Told> {
    let mut files = Files::default();
    files.add("a.rules.yaml", rule_with("order", lines));
    let (rule_files, problems) = file::read(&files);
    assert_eq!(problems, [], "{lines}");
    let found = lint(&rule_files, &files, None);
    assert!(!found.iter().any(Diagnostic::is_error), "{lines}");
    rows::told(&found, &files)
}

#[test]
fn what_is_hardly_meant_is_told() {
    let rows = [
        ("when: size(orders) >= 0", "W101", "size(orders) >= 0", "always true"),
        ("when: 0 <= orders.last('9d').count(o, o.net > 3)", "W101", "0 <= orders…", "always true"),
        ("when: event.net >= event.net", "W101", "event.net >= event.net", "always true"),
        ("when: 3 > 2", "W101", "3 > 2", "take it away"),
        ("when: true", "W101", "true", "always true"),
        ("when: size(orders.last('9d')) > 0 || size(lines) > -1", "W101", "size(lines) > -1", ""),
        ("when: size(orders) < 0", "W102", "size(orders) < 0", "always false"),
        ("when: size(orders) == -1", "W102", "size(orders) == -1", "always false"),
        ("when: event.net > 10 && event.net < 5", "W102", "event.net > 10 &&…", "another bound"),
        ("when: event.net > 5 && now > event.time && 5 >= event.net", "W102", "event.net > 5…", ""),
        ("when: event.topic == 'a' && event.topic == 'b'", "W102", "event.topic == 'a' &&…", ""),
        ("when: duration('1h') > duration('2h')", "W102", "duration('1h')…", "always false"),
        ("let: {a: 'size(orders) >= 0'}", "W101", "size(orders) >= 0", "always true"),
        ("when: size(orders) >= 5", "W103", "size(orders) >= 5", "stays true"),
        ("let: {n: size(orders)}\nwhen: n >= 5", "W103", "n >= 5", "expires_after"),
        ("when: now - orders.first().time > duration('9d')", "W103", "now -…", "stays true"),
        ("when: orders.exists(o, o.net > 5)", "W103", "orders.exists…", "stays true"),
        ("on: [call]\nwhen: event.topic == 'x'", "W103", "event.topic…", "one event"),
        ("when: lines.last('9d').exists(x, 3 > size(orders))", "W104", "x", "never used"),
        ("value: |\n  event.net // 2\n", "W105", "// 2", "write `/` once"),
        ("value: \"{' a': 1}[event.topic]\"", "W110", "' a'", "write `'a'`"),
        (
            "value: size(lines.last('9d').filter(l, l.net > 5 && lines.exists(x, x.brand == 'a')))",
            "W111",
            "lines.exists(x…",
            "the same for every `l`",
        ),
        ("value: \"alerts.count(a, a.state == 'wonn')\"", "W112", "'wonn'", "did you mean `won`?"),
        (
            "value: \"alerts.last('9d').filter(a, 'B' != a.rule).size()\"",
            "W112",
            "'B'",
            "no rule `B`",
        ),
        (
            "let: {told: \"alerts.last('9d')\"}\nvalue: \"told.count(a, a.family in ['drift', 'sale'])\"",
            "W112",
            "'sale'",
            "cross_sell",
        ),
        (
            "value: size(interactions.filter(i, i.kind in ['visit', 'emial']))",
            "W113",
            "'emial'",
            "did you mean `email`?",
        ),
        ("on: [call]\nvalue: \"event.kind == 'calls' ? 1 : 2\"", "W113", "'calls'", "`call`"),
        ("labels: {severty: info}", "W106", "severty", "did you mean `severity`?"),
        ("labels: {plya: info}", "W106", "plya", "did you mean `play`?"),
        ("cooldown: 1d  # Why.        value: event.net", "W107", "value", "begin a new line"),
    ];
    rows::check(&rows, warnings);
}

#[test]
fn what_is_meant_is_left_alone() {
    for lines in [
        "when: size(orders) >= 5\nexpires_after: 9d",
        "on: {silence: order, after: mean_gap(orders)}\nwhen: size(orders) >= 5",
        "when: event.net > 5 && event.net < 10",
        "when: event.net > 5 && event.net >= 5 && size(orders.last('9d')) > 0",
        "when: customer.consent.marketing != false && size(orders.last('9d')) > 0",
        "when: event.topic == 'a' && event.brand == 'b'\nexpires_after: 1d",
        "when: size(orders.last('9d')) > 0  // what is new",
        "value: |\n  event.net // what it is, in words\n    * 2",
        "when: event.topic == 'a//b'\nexpires_after: 1d",
        "value: alerts.last('9d').count(a, a.rule == 'A' && a.state in ['won', 'lost'])",
        "value: lines.last('9d').count(l, l.category == 'won')",
        "value: size(interactions.last('9d').filter(i, i.kind in ['webinar', 'visit', 'other']))",
        "value: \"customer.kind == 'calls' ? 1 : 2\"",
        "labels: {team: x, region: y, zone: z}",
        "value: size(lines.last('9d').filter(l, lines.exists(x, x.brand == l.brand)))",
        "value: size(lines.last('9d').filter(l, l.net > lines.last('9d').avg(x, x.net)))",
        "cooldown: 1d  # value: none, see above",
        "# value: event.net\ncooldown: 1d",
    ] {
        assert_eq!(warnings(lines), [], "{lines}");
    }
    let files = starter::files();
    let (rule_files, _) = file::read(&files);
    let found = lint(&rule_files, &files, None);
    assert!(found.is_empty(), "{}", diagnostic::render(&found, &files, false));
}
