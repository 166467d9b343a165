//! Is what can be written offered, and nothing else?

use super::*;

/// Labels offered at `|`; the text is that of a rule file, or of a test file that starts with
/// `rule_files` or `tests`.
fn offered(text: &str) -> Vec<Completion> {
    let offset = text.find('|').unwrap();
    let text = text.replacen('|', "", 1);
    let name = if text.starts_with("groups") { "a.rules.yaml" } else { "a.test.yaml" };
    let mut files = Files::default();
    let file = files.add(name, text);
    files.add("b.rules.yaml", "groups: [{name: b, rules: [{alert: Other, family: drift, labels: {play: call_back, team: x}}]}]");
    completions(&files, file, offset)
}

fn labels(text: &str) -> Vec<String> {
    offered(text).into_iter().map(|found| found.label).collect()
}

/// A rule with these lines; `|` is the cursor.
fn rule(lines: &str) -> String {
    let lines = lines.replace('\n', "\n        ");
    format!("groups:\n  - name: g\n    rules:\n      - alert: A\n        {lines}\n")
}

#[track_caller]
fn check(text: &str, wanted: &[&str], unwanted: &[&str]) {
    let found = labels(text);
    for want in wanted {
        assert!(found.iter().any(|label| label == want), "no `{want}` in {found:?}\n{text}");
    }
    for not in unwanted {
        assert!(!found.iter().any(|label| label == not), "`{not}` in {found:?}\n{text}");
    }
}

#[test]
fn keys_are_those_of_the_place_that_are_not_there_yet() {
    for (text, wanted, unwanted) in [
        ("groups:\n  - name: g\n    |", &["rules"][..], &["name", "alert"][..]),
        ("groups:\n  - |", &["name", "rules"], &["groups"]),
        ("groups:\n  - na|\n    rules: []", &["name"], &["rules"]),
        ("groups:\n  - name: g\n    rules:\n      - |", &["alert", "when"], &["name"]),
        ("groups:\n  - name: g\n    rules:\n      - al|", &["alert", "let"], &[]),
        ("tests:\n  - name: x\n    |", &["events", "quiet"], &["name", "tests"]),
        ("tests:\n  - name: x\n    alerts:\n      - {rule: A, |}", &["opened_at"], &["rule"]),
        ("tests:\n  - events:\n      - {at: 2025-01-01, cus|", &["customer_id", "type"], &["at"]),
        ("|", &["rule_files", "tests"], &["groups"]),
    ] {
        check(text, wanted, unwanted);
    }
    for (lines, wanted, unwanted) in [
        ("family: drift\n|", &["on", "keep_firing_for"][..], &["alert", "family"][..]),
        ("fam|ily: drift\nwhen: true", &["family"], &["when"]),
        ("|\nwhen: true", &["family", "on"], &["alert", "when"]),
        ("on: {silence: order, |}", &["after", "every"], &["silence"]),
        ("annotations:\n  |", &["summary", "description"], &["alert"]),
        ("annotations: {summary: x, |", &["description"], &["summary", "when"]),
        ("labels: {|}", &["severity", "play"], &[]),
        ("let:\n  |", &[], &["alert", "when"]),
        ("# fam|", &[], &["family"]),
    ] {
        check(&rule(lines), wanted, unwanted);
    }
}

#[test]
fn values_are_those_of_the_key() {
    for (lines, wanted, unwanted) in [
        ("family: |", &["drift", "margin"][..], &["order"][..]),
        ("family: m|", &["margin"], &[]),
        ("on: [order, |]", &["call.started", "quote"], &["drift"]),
        ("on: [call.|", &["call.started"], &[]),
        ("on:\n  - |", &["order"], &[]),
        ("on: {silence: |, after: x}", &["order"], &["after"]),
        ("cooldown: |\nwhen: x", &["30d", "7d"], &["order"]),
        ("labels: {severity: |}", &["critical"], &["30d"]),
        ("labels: {play: |}", &["call_back"], &["x"]),
        ("labels: {team: |}", &["x"], &["call_back"]),
        ("mode: |", &["shadow"], &[]),
    ] {
        check(&rule(lines), wanted, unwanted);
    }
    check("tests:\n  - quiet: [|]", &["Other"], &[]);
    check("rule_files: [|]", &["b.rules.yaml"], &["a.test.yaml"]);
}

#[test]
fn fields_follow_from_the_type_before_the_dot() {
    for (lines, wanted, unwanted) in [
        ("on: [order]\nwhen: event.|", &["topic", "lines", "net"][..], &["name", "sum"][..]),
        ("when: customer.|", &["name", "consent"], &["topic"]),
        ("when: customer.consent.|", &["marketing"], &["name"]),
        ("entity: rep\nwhen: rep.|", &["id", "name", "quota"], &["category", "attributes"]),
        ("entity: product\nwhen: product.|", &["id", "list_price", "attributes"], &["quota"]),
        ("when: event.time.|", &["orElse", "getHours"], &["trim", "startsWith"]),
        ("when: customer.name.|", &["orElse", "lowerAscii"], &["getHours"]),
        ("when: lines.|", &["last", "filter", "sum"], &["contains", "net"]),
        ("when: lines.last('30d').|", &["filter", "sum"], &["net"]),
        ("when: lines.last('30d').fi|", &["filter"], &[]),
        ("when: lines.last('30d').sum(l, l.|", &["net", "category"], &["topic", "filter"]),
        ("when: lines.last('30d').sum(l, l.|)\nfor: 0s", &["net"], &["topic"]),
        ("when: calls.last('30d').exists(c, c.|", &["topic", "net"], &[]),
        ("when: event.lines.filter(l, orders.exists(o, o.|", &["topic"], &[]),
        ("when: event.lines.filter(l, orders.exists(o, l.|", &["category"], &["topic"]),
        ("when: alerts.last('30d').|", &["exists", "filter"], &["rule"]),
        ("when: alerts.exists(a, a.|", &["rule", "state", "closed"], &["net", "time"]),
        ("when: orders.last().|", &["time", "topic"], &["sum"]),
        ("when: event.topic.|", &["startsWith", "orElse"], &["sum"]),
        ("when: (now - orders.last().time).|", &["orElse"], &["startsWith"]),
        ("let:\n  recent: lines.last('30d')\nwhen: recent.|", &["sum"], &["net"]),
        ("let:\n  a: lines.last('30d')\n  b: a.filter(l, l.|\nwhen: b", &["net"], &["topic"]),
        ("when: \"event.|", &["topic"], &[]),
        ("when: |\n  size(orders) > 3\n    && event.|", &["topic"], &[]),
        ("when: nothing.|", &["orElse"], &["net"]),
        ("annotations: {summary: \"é {{ customer.|", &["name"], &["topic"]),
    ] {
        let text = rule(lines);
        // A literal block starts with a bar, too: the last one is the cursor.
        let (head, tail) = text.rsplit_once('|').unwrap();
        let mut files = Files::default();
        let file = files.add("a.rules.yaml", format!("{head}{tail}"));
        let found: Vec<String> =
            completions(&files, file, head.len()).into_iter().map(|found| found.label).collect();
        for want in wanted {
            assert!(found.iter().any(|label| label == want), "no `{want}` in {found:?}\n{text}");
        }
        for not in unwanted {
            assert!(!found.iter().any(|label| label == not), "`{not}` in {found:?}\n{text}");
        }
    }
}

#[test]
fn names_are_those_that_can_be_seen() {
    let lets = "let:\n  a: size(orders)\n  b: |\n  c: 1\n";
    for (lines, wanted, unwanted) in [
        ("on: [order]\nwhen: |", &["event", "orders", "size", "now"][..], &["value", "rep"][..]),
        ("on: {silence: order, after: |}", &["orders", "duration"], &["event", "percent"]),
        (lets, &["a", "lines"], &["b", "c"]),
        ("value: 1\nevidence: |", &["value"], &[]),
        ("value: 1\nannotations: {summary: '{{ |", &["value", "percent", "customer"], &[]),
        ("annotations: {summary: '{{ size(|", &["orders"], &["percent"]),
        ("annotations: {summary: '{{ x }} |", &[], &["orders"]),
        ("when: orders.last('|", &["30d"], &["orders"]),
        ("when: alerts.exists(|", &["a"], &["orders"]),
        ("when: alerts.exists(a, a.state == '|", &["won", "dismissed"], &["order"]),
        ("when: event.kind == '|", &["order"], &["30d"]),
        ("when: size(orders) |", &[], &["orders"]),
        ("when: lines.sum(l, |", &["l", "orders"], &[]),
        ("when: lines.sum(|", &["l"], &["orders"]),
        ("when: x // a |", &[], &["orders"]),
    ] {
        check(&rule(lines), wanted, unwanted);
    }
}

#[test]
fn a_call_comes_with_its_arguments_to_be_filled_in() {
    let found = offered(&rule("when: lines.last('30d').filt|"));
    let filter = found.iter().find(|found| found.label == "filter").unwrap();
    assert_eq!(filter.insert, "filter(${1:l}, ${2:condition})");
    assert_eq!(filter.plain(), "filter(l, condition)");
    assert_eq!(filter.detail, ".filter(x, condition)");
    let found = offered(&rule("when: lines.la|"));
    let last = found.iter().find(|found| found.label == "last").unwrap();
    assert_eq!((last.insert.as_str(), last.plain().as_str()), ("last('${1:30d}')", "last('30d')"));
    assert_eq!(last.replace.len(), 2);
    let found = offered(&rule("|"));
    let texts = found.iter().find(|found| found.label == "annotations").unwrap();
    assert_eq!(texts.plain(), "annotations:\n          summary: \"{{ customer.name }}\"");
}
