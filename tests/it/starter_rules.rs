//! Do the starter rules hold what their tests say, and does a broken file name its mistake?

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use siaga::cli::rules::CheckArgs;
use siaga::cli::rules::CheckOutput;
use siaga::cli::rules::ExplainCodeArgs;
use siaga::cli::rules::RulesCommand;
use siaga::cli::rules::Terminal;
use siaga::cli::rules::TestArgs;
use siaga::cli::rules::TestOutput;
use siaga::cli::rules::Verdict;
use siaga::cli::rules::perform;

fn starter() -> Vec<PathBuf> {
    vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")]
}

/// Runs a command; how it ended, and what it wrote to its two streams.
fn run(command: &RulesCommand) -> (Verdict, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
    let verdict = perform(command, &mut terminal).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (verdict, text(out), text(err))
}

fn check(paths: Vec<PathBuf>, output: CheckOutput) -> (Verdict, String, String) {
    run(&RulesCommand::Check(CheckArgs { paths, output, ..CheckArgs::default() }))
}

fn test(paths: Vec<PathBuf>, output: TestOutput) -> (Verdict, String, String) {
    run(&RulesCommand::Test(TestArgs { paths, output }))
}

#[test]
fn the_starter_rules_are_sound() {
    let (verdict, out, err) = check(starter(), CheckOutput::Pretty);
    assert_eq!((verdict, out.as_str()), (Verdict::Good, ""), "{err}");
    assert!(err.trim_end().ends_with("0 errors, 0 warnings"), "{err}");
}

#[test]
fn every_starter_rule_fires_and_stays_quiet_as_its_tests_say() {
    let (verdict, out, err) = test(starter(), TestOutput::Pretty);
    assert_eq!(verdict, Verdict::Good, "{out}\n{err}");
    assert!(out.trim_end().ends_with("0 never fired, 0 never quiet"), "{out}");
}

const BROKEN: &str = "\
groups:
  - name: g
    rules:
      - alert: Broken
        family: drift
        on: [order]
        when: size(order) > 3 && event.topik == 'x'
        annotations: {summary: x}
";

#[test]
fn a_broken_rule_is_named_with_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.rules.yaml");
    fs::write(&path, BROKEN).unwrap();
    let (verdict, out, err) = check(vec![folder.path().to_owned()], CheckOutput::Pretty);
    assert_eq!((verdict, out.as_str()), (Verdict::Bad, ""));
    for place in ["7:20", "7:40"] {
        assert!(err.contains(&format!("{}:{place}", path.display())), "{err}");
    }
    assert!(err.contains("2 errors"), "{err}");

    let (verdict, out, _) = check(vec![path], CheckOutput::Json);
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdict, Verdict::Bad);
    assert_eq!((&lines[0]["code"], &lines[1]["column"]), (&"E201".into(), &40.into()));
}

#[test]
fn a_file_that_is_not_there_is_bad_and_a_folder_without_tests_is_misuse() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.rules.yaml");
    let (verdict, _, err) = check(vec![missing], CheckOutput::Pretty);
    assert!(verdict == Verdict::Bad && err.contains("E001"), "{err}");
    let (verdict, _, err) = test(vec![folder.path().to_owned()], TestOutput::Pretty);
    assert!(verdict == Verdict::Misused && err.contains("no test file"), "{err}");
}

const SMALL: &str = "\
groups:
  - name: g
    rules:
      - alert: Large
        family: quality
        on: [order]
        when: event.net > 100
        value: event.net
        labels: {play: thank}
        annotations: {summary: \"{{ customer.name }} buys for {{ event.net }}\"}
      - alert: Never
        family: quality
        on: [order]
        when: event.net < 0
        annotations: {summary: x}
";

/// Runs one test of the two rules above; gives what was written.
fn rehearsed(test_lines: &str, output: TestOutput) -> (Verdict, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.rules.yaml"), SMALL).unwrap();
    let path = folder.path().join("small.test.yaml");
    let events = "      - {at: 2025-01-01, customer_id: c1, type: order, currency: USD, \
                  lines: [{product_id: p, quantity: 1, net_amount: 250}]}\n";
    let head = "rule_files: [small.rules.yaml]\ntests:\n  - name: claim & \"proof\"\n    events:\n";
    fs::write(&path, format!("{head}{events}{test_lines}")).unwrap();
    test(vec![path], output)
}

#[test]
fn a_failed_test_says_what_came_instead() {
    for (lines, code, told) in [
        ("    alerts: [{rule: Never, customer_id: c1}]\n", "E152", "did not hold"),
        ("    alerts: [{rule: Never, customer_id: c1}]\n", "E152", "Large of customer c1"),
        ("    alerts: [{rule: Large, customer_id: c2}]\n", "E153", "entity: expected c2"),
        ("    alerts: [{rule: Large, value: 99}]\n", "E153", "value: expected 99, came 250"),
        ("    alerts: [{rule: Large, labels: {play: x}}]\n", "E153", "expected x, came thank"),
        ("    alerts: [{rule: Large, summary: x}]\n", "E153", "came “c1 buys for $250.00”"),
        ("    alerts: [{rule: Large, state: closed}]\n", "E153", "expected closed, came firing"),
        ("    alerts: [{rule: Large, evidence: [e9]}]\n", "E153", "evidence: expected e9"),
        ("    alerts: [{rule: Large, opened_at: 2024-01-01}]\n", "E153", "opened_at: expected"),
        ("    quiet: [Large]\n", "E154", "it fired: Large of customer c1"),
        (
            "      - {at: 2025-01-02, customer_id: c2, type: order, lines: [{product_id: p, quantity: 1, net_amount: 200}]}\n    \
             alerts: [{rule: Large, customer_id: c1}]\n",
            "E155",
            "Large of customer c2",
        ),
        ("    quiet: [Larg]\n", "E150", "did you mean `Large`?"),
        ("      - {at: 2025-01-02, type: order}\n    quiet: [Never]\n", "E151", "the line reads"),
    ] {
        let (verdict, out, err) = rehearsed(lines, TestOutput::Pretty);
        assert_eq!(verdict, Verdict::Bad, "{lines}\n{out}");
        assert!(err.contains(code) && err.contains(told), "{lines}: want {code} {told}\n{err}");
        assert!(out.contains("1 test, 0 passed, 1 failed"), "{out}");
    }
}

#[test]
fn a_test_passes_by_what_it_says_and_leaves_the_rest_open() {
    let lines = "    alerts: [{rule: Large, customer_id: c1, value: 250}]\n";
    let (verdict, out, err) = rehearsed(lines, TestOutput::Pretty);
    assert_eq!((verdict, err.as_str()), (Verdict::Good, ""), "{out}");
    assert!(out.contains("Never: no test makes it fire"), "{out}");
    assert!(out.contains("2 rules, 1 never fired, 2 never quiet"), "{out}");

    let (_, out, _) = rehearsed(lines, TestOutput::Json);
    let whole: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&whole["passed"], &whole["never_fired"][0]), (&1.into(), &"Never".into()));

    let (_, out, _) = rehearsed("    quiet: [Large]\n", TestOutput::Junit);
    assert!(out.contains(r#"name="claim &amp; &quot;proof&quot;">"#), "{out}");
    assert!(out.contains(r#"<failure type="E154" message="`Large` was to stay quiet">"#), "{out}");
}

#[test]
fn a_code_is_explained() {
    let explain = |code: Option<&str>| {
        run(&RulesCommand::ExplainCode(ExplainCodeArgs { code: code.map(str::to_owned) }))
    };
    let (verdict, out, _) = explain(Some("e203"));
    assert!(verdict == Verdict::Good && out.starts_with("E203: there is no such field"), "{out}");
    assert!(explain(None).1.contains("\nE212  "));
    let (verdict, _, err) = explain(Some("E999"));
    assert!(verdict == Verdict::Misused && err.contains("there is no code `E999`"), "{err}");
}
