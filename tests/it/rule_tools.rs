//! Do the tools of rule authors do what they say, from the outside?

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::Parser;
use siaga::cli::rules::CheckArgs;
use siaga::cli::rules::CheckOutput;
use siaga::cli::rules::RulesCommand;
use siaga::cli::rules::Terminal;
use siaga::cli::rules::Verdict;
use siaga::cli::rules::perform;

/// The command line after `siaga rules`.
#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: RulesCommand,
}

/// Runs a command line; how it ended, and what it wrote to its two streams.
#[track_caller]
fn run(words: &[&str]) -> (Verdict, String, String) {
    let line = Line::try_parse_from(["rules"].iter().chain(words)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
    let verdict = perform(&line.command, &mut terminal).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (verdict, text(out), text(err))
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

const LOOSE: &str = "groups:\n- rules:\n  - family: drift\n    alert: A\n    on: [order]\n    when: size( orders.last('9d') )>3  # why\n    annotations: {summary: x}\n  name: g\n";

#[test]
fn the_starter_files_are_laid_out() {
    let (verdict, out, err) = run(&["fmt", "--check", "--diff", shown(&starter())]);
    assert_eq!((verdict, out.as_str()), (Verdict::Good, ""), "{err}");
    assert!(err.contains("18 files, 0 to lay out, 0 left alone"), "{err}");
}

#[test]
fn a_file_is_laid_out_only_when_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rules.yaml");
    fs::write(&path, LOOSE).unwrap();
    let (verdict, out, err) = run(&["fmt", "--check", shown(folder.path())]);
    assert_eq!((verdict, out.as_str()), (Verdict::Bad, ""), "{err}");
    let (verdict, out, _) = run(&["fmt", "--diff", shown(&path)]);
    assert_eq!(verdict, Verdict::Good);
    assert!(out.contains("+        when: size(orders.last('9d')) > 3  # why\n"), "{out}");
    assert_eq!(fs::read_to_string(&path).unwrap(), LOOSE, "nothing was to be written");

    let (verdict, _, err) = run(&["fmt", shown(&path)]);
    assert!(verdict == Verdict::Good && err.contains("1 laid out"), "{err}");
    assert!(fs::read_to_string(&path).unwrap().contains("    rules:\n      - alert: A\n"));
    assert_eq!(run(&["fmt", "--check", shown(&path)]).0, Verdict::Good);
}

#[test]
fn a_file_with_mistakes_is_left_alone_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rules.yaml");
    let text = LOOSE.replace("family", "famly");
    fs::write(&path, &text).unwrap();
    let (verdict, _, err) = run(&["fmt", shown(&path)]);
    assert_eq!(verdict, Verdict::Bad);
    assert!(err.contains("E101") && err.contains("left alone until"), "{err}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_new_rule_passes_check_and_test_at_once() {
    let families =
        "cross_sell up_sell switch_sell drift performance trend margin alignment quality";
    let starts = ["silence", "schedule", "order", "call.started,order", "return", "complaint"];
    let usual = families.split(' ').map(|family| ["--family", family]);
    let others = starts.into_iter().map(|start| ["--on", start]);
    for choice in usual.chain(others) {
        let folder = tempfile::tempdir().unwrap();
        let path = shown(folder.path());
        let (verdict, out, err) =
            run(&[&["new", "FirstTry", "--dir", path][..], &choice[..]].concat());
        assert_eq!((verdict, out.lines().count()), (Verdict::Good, 2), "{choice:?} {err}");
        let (verdict, _, err) = run(&["check", "--lint-fatal", path]);
        assert_eq!(verdict, Verdict::Good, "{choice:?}\n{err}");
        let (verdict, out, err) = run(&["test", path]);
        assert_eq!(verdict, Verdict::Good, "{choice:?}\n{out}\n{err}");
        assert!(out.contains("2 passed") && out.contains("0 never fired, 0 never quiet"), "{out}");
    }
}

#[test]
fn a_new_rule_is_never_written_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let test = folder.path().join("first_try.test.yaml");
    fs::write(&test, "mine").unwrap();
    let path = shown(folder.path());
    let (verdict, out, err) = run(&["new", "FirstTry", "--dir", path]);
    assert_eq!((verdict, out.as_str()), (Verdict::Misused, ""));
    assert!(err.contains("first_try.test.yaml exists"), "{err}");
    assert_eq!(fs::read_dir(path).unwrap().count(), 1);
    let (verdict, _, err) = run(&["new", "first_try", "--dir", path]);
    assert!(verdict == Verdict::Misused && err.contains("`FirstTry`"), "{err}");
    let (verdict, _, err) = run(&["new", "Second", "--dir", path, "--on", "cal.started"]);
    assert!(verdict == Verdict::Misused && err.contains("did you mean `call.started`?"), "{err}");
}

#[test]
fn schema_and_reference_are_whole_documents() {
    for (words, title) in
        [(&["schema"][..], "Siaga rule file"), (&["schema", "--tests"], "Siaga test file")]
    {
        let (verdict, out, _) = run(words);
        let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((verdict, &schema["title"]), (Verdict::Good, &title.into()));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    let (_, out, _) = run(&["docs", "--reference"]);
    assert!(out.starts_with("# Reference of the rule language\n"), "{out}");
}

#[test]
fn a_page_on_rules_is_written_where_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("rules.html");
    let (verdict, out, err) =
        run(&["docs", shown(&starter()), "--html", "--title", "A & B", "--out", shown(&page)]);
    assert_eq!((verdict, out.as_str(), err.as_str()), (Verdict::Good, "", ""));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h1>A &amp; B</h1>") && html.contains("DriftSilence"), "{html}");
    let broken = folder.path().join("a.rules.yaml");
    fs::write(&broken, LOOSE.replace("orders", "order")).unwrap();
    let (verdict, out, err) = run(&["docs", shown(&broken)]);
    assert!(verdict == Verdict::Bad && out.is_empty() && err.contains("E201"), "{err}");
}

const ODD: &str = "\
groups:
  - name: g
    rules:
      - alert: Odd
        family: drift
        on: [call.started]
        when: event.topic == 'tyrse' && size(orders) >= 0
        expires_after: 1d
        annotations: {summary: x}
";

#[test]
fn warnings_end_with_code_three_only_where_they_are_to_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.rules.yaml");
    fs::write(&path, ODD).unwrap();
    let path = shown(&path);
    let (verdict, _, err) = run(&["check", path]);
    assert!(verdict == Verdict::Good && err.contains("W101"), "{err}");
    assert_eq!(run(&["check", "--lint-fatal", path]).0, Verdict::Lints);
    let broken = folder.path().join("broken.rules.yaml");
    fs::write(&broken, LOOSE.replace("orders", "order")).unwrap();
    assert_eq!(run(&["check", "--lint-fatal", path, shown(&broken)]).0, Verdict::Bad);
}

#[test]
fn a_history_shows_what_never_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, history) = (folder.path().join("odd.rules.yaml"), folder.path().join("day.ndjson"));
    fs::write(&rules, ODD.replace(" && size(orders) >= 0", "")).unwrap();
    let call = |kind: &str| {
        format!(
            "{{\"event_id\":\"{kind}\",\"occurred_at\":\"2025-01-01T00:00:00Z\",\"customer_id\":\"c\",\"kind\":\"{kind}\",\"topic\":\"tyres\"}}\n"
        )
    };
    let check = |text: String| {
        fs::write(&history, text).unwrap();
        run(&["check", shown(&rules), "--history", shown(&history)])
    };
    let (verdict, _, err) = check(call("call.ended"));
    assert_eq!(verdict, Verdict::Good);
    assert!(err.contains("W108") && err.contains("the rule never looks"), "{err}");
    assert!(err.contains("W109") && err.contains("did you mean `tyres`?"), "{err}");
    let (_, _, err) = check(call("call.started").replace("tyres", "tyrse"));
    assert!(err.ends_with("0 errors, 0 warnings\n"), "{err}");
}

#[test]
fn mistakes_come_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.rules.yaml");
    fs::write(&path, ODD.replace("event.topic", "event.topik")).unwrap();
    for (form, part) in [
        ("github", "::error file="),
        ("github", ",line=7,col=21,endLine=7,endColumn=26,title=E203::"),
        ("sarif", "\"ruleId\": \"E203\""),
        ("junit", "<failure type=\"E203\""),
        ("json", "\"code\":\"E203\""),
    ] {
        let (verdict, out, _) = run(&["check", "--format", form, shown(&path)]);
        assert_eq!(verdict, Verdict::Bad);
        assert!(out.contains(part), "{form}: {part}\n{out}");
    }
    let (verdict, out, _) = run(&["check", "--format", "sarif", shown(&starter())]);
    let log: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((verdict, log["runs"][0]["results"].as_array().unwrap().len()), (Verdict::Good, 0));
}

#[test]
fn each_rule_is_shown_with_its_cost_and_a_dear_one_is_refused() {
    let (verdict, _, err) = run(&["check", "--cost", shown(&starter())]);
    assert_eq!(verdict, Verdict::Good);
    assert_eq!(err.matches(" operations  ").count(), 26, "{err}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dear.rules.yaml");
    let inner = "lines.last('365d').exists(c, c.net > a.net)";
    let dear = format!(
        "lines.last('365d').exists(a, lines.last('365d').exists(b, b.net > a.net && {inner}))"
    );
    fs::write(&path, ODD.replace("size(orders) >= 0", &dear)).unwrap();
    let args = CheckArgs { paths: vec![path], output: CheckOutput::Json, ..CheckArgs::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
    let verdict = perform(&RulesCommand::Check(args), &mut terminal).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(verdict == Verdict::Bad && out.contains("E307"), "{out}");
}
