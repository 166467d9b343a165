//! Does `siaga rules explain` tell what really was? A thousand firings and a thousand non-firings
//! are recorded while they happen, then explained from a replay of their own.
//!
//! ```text
//! stream ─┬─► shard, every evaluation recorded: each node's value, whether an alert opened
//!         └─► explainer, told only rule, customer and instant ─► terms with values ─► equal
//! ```

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use siaga::cli::rules::RulesCommand;
use siaga::cli::rules::Terminal;
use siaga::cli::rules::Verdict as Ended;
use siaga::cli::rules::explain::ExplainArgs;
use siaga::cli::rules::explain::ExplainFormat;
use siaga::cli::rules::perform;
use siaga::demo;
use siaga::engine::Input;
use siaga::engine::Output;
use siaga::engine::explain::Explainer;
use siaga::engine::explain::Question;
use siaga::engine::explain::Verdict;
use siaga::engine::look::Look;
use siaga::engine::look::Observer;
use siaga::engine::sequence::Sequencer;
use siaga::engine::shard::Shard;
use siaga::event::EntityId;
use siaga::event::Record;
use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;
use siaga::rule::set::RuleSet;
use siaga::state::evaluate::evaluate;
use siaga::state::program::FUEL;
use siaga::state::program::Items;
use siaga::state::program::Node;
use siaga::state::program::NodeId;
use siaga::state::program::Scope;
use siaga::state::texts::Texts;
use siaga::state::value::Fault;
use siaga::state::value::Value;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::scene::rule_set;

/// Rules that fire often, in every form that a rule has.
const RULES: &str = "\
groups:
  - name: g
    rules:
      - alert: Larger
        family: trend
        on: [order]
        let:
          usual: orders.last('180d').avg(o, o.net)
          recent: lines.last('30d').filter(l, has(l.cost) && l.net > 0)
          rate: margin_rate(recent)
          gap: margin_rate(lines.between('210d', '30d')) - rate
        when: size(orders) >= 3 && (event.net > usual * 1.2 || (gap > 0.02 && size(recent) > 2))
        value: event.net - usual
        episode: date(event.time)
        annotations: {summary: '{{ customer.name }} {{ money(event.net) }}'}
      - alert: Calls
        family: quality
        on: [call, complaint, email]
        when: |
          event.category.orElse(event.topic) != null && !lines.exists(l, l.category == event.category)
            ? size(orders.last('90d')) > 1
            : event.sentiment < 0.0
        for: 1d
        cooldown: 10d
        expires_after: 5d
        annotations: {summary: x}
      - alert: Silent
        family: drift
        on: {silence: order, after: \"greatest(mean_gap(orders) * 2, duration('10d'))\"}
        let: {spent: \"orders.last('365d').sum(o, o.net)\"}
        when: size(orders.last('365d')) >= 3 && spent / size(orders.last('365d')) > 100
        value: spent
        annotations: {summary: x}
      - alert: Weekly
        family: performance
        entity: rep
        on: {every: 7d, at: '07:00'}
        let: {now_: \"orders.last('7d').sum(o, o.net)\", before: \"orders.between('35d', '7d').sum(o, o.net) / 4\"}
        when: now_ < before * 0.8
        annotations: {summary: x}
";

/// A stream, its names and rules over it.
struct Stage {
    symbols: Symbols,
    rules: Arc<RuleSet>,
    records: Vec<Record>,
}

fn stage() -> Stage {
    let symbols = Symbols::default();
    let rules = rule_set(RULES, &symbols);
    let settings = demo::Settings {
        seed: 5,
        customers: 200,
        reps: 12,
        history_days: 330,
        live_days: 0,
        ..demo::Settings::default()
    };
    let mut decoder = Decoder::new(Arc::new(Mapping::identity()), symbols.intern("demo"));
    let events = demo::stream(&settings).map(|(_, line)| line);
    let lines = demo::reference(&settings).into_iter().chain(events);
    let mut writer = symbols.write();
    let records = lines.map(|line| decoder.decode(line.as_bytes(), &mut writer).unwrap());
    let records = records.collect();
    drop(writer);
    Stage { symbols, rules, records }
}

type Outcome = Result<Value, Fault>;

/// What was recorded of one evaluation.
#[derive(Clone)]
struct Recorded {
    rule: u16,
    entity: EntityId,
    now: Timestamp,
    event: Option<String>,
    holds: Result<bool, Fault>,
    values: HashMap<NodeId, Outcome>,
    fired: bool,
}

/// The nodes of an expression, without those that speak of an item of a list.
fn nodes(scope: &Scope<'_>, id: NodeId, found: &mut HashMap<NodeId, Outcome>) {
    if found.contains_key(&id) {
        return;
    }
    let mut lets = vec![None; scope.let_nodes.len()];
    let mut alone = Scope {
        program: scope.program,
        plan: scope.plan,
        entity: scope.entity,
        id: scope.id,
        event: scope.event,
        now: scope.now,
        catalog: scope.catalog,
        symbols: scope.symbols,
        walked: None,
        texts: &mut Texts::default(),
        lets: &mut lets,
        let_nodes: scope.let_nodes,
        fuel: FUEL,
        items: &mut Items::default(),
    };
    found.insert(id, evaluate(&mut alone, id));
    let below: Vec<NodeId> = match scope.program.node(id) {
        Node::Let(place) => vec![scope.let_nodes[usize::from(*place)]],
        Node::Arithmetic(_, a, b)
        | Node::Compare(_, a, b)
        | Node::And(a, b)
        | Node::Or(a, b)
        | Node::Function2(_, a, b) => vec![*a, *b],
        Node::Conditional(a, b, c) => vec![*a, *b, *c],
        Node::Not(a)
        | Node::Negate(a)
        | Node::Has(a)
        | Node::In(a, _)
        | Node::Lookup(a, _)
        | Node::Owns(_, a)
        | Node::Function(_, a) => vec![*a],
        _ => Vec::new(),
    };
    for id in below {
        nodes(scope, id, found);
    }
}

/// Every evaluation of a replay, and whether an alert opened by it.
fn record(stage: &Stage) -> Vec<Recorded> {
    let seen: Arc<Mutex<Vec<Recorded>>> = Arc::default();
    let (notes, rules) = (Arc::clone(&seen), Arc::clone(&stage.rules));
    let observer: Arc<Observer> = Arc::new(move |look: &Look<'_>, scope: &Scope<'_>| {
        let rule = &rules.rules[usize::from(look.rule)];
        let mut values = HashMap::new();
        for id in [rule.when].into_iter().chain(rule.part_nodes.iter().copied()) {
            nodes(scope, id, &mut values);
        }
        // What the engine itself computed on its way is the same as what each node gives alone.
        for (place, known) in scope.lets.iter().enumerate() {
            if let Some(known) = known {
                assert_eq!(values[&scope.let_nodes[place]], *known, "part {place}");
            }
        }
        let event = scope.event.map(|event| event.id.to_string());
        notes.lock().unwrap().push(Recorded {
            rule: look.rule,
            entity: look.entity,
            now: scope.now,
            event,
            holds: look.holds,
            values,
            fired: false,
        });
    });
    let mut sequencer = Sequencer::new(&stage.rules, &stage.symbols, 1, Span::ZERO);
    let mut shard = Shard::new(Arc::clone(&stage.rules), stage.symbols.clone()).observed(observer);
    let mut outputs = Vec::new();
    let mark = |outputs: &mut Vec<Output>| {
        for output in outputs.drain(..) {
            let Output::Opened { alert, .. } = output else { continue };
            let rule = stage.rules.place(&alert.rule).unwrap();
            let id = stage.symbols.intern(&alert.entity_id);
            let mut seen = seen.lock().unwrap();
            let holding = seen.iter_mut().rev();
            let mut holding = holding.filter(|one| (one.rule, one.entity.id) == (rule, id));
            // The alert opens at the clock of the evaluation that opened it.
            holding.find(|one| one.now == alert.opened_at).unwrap().fired = true;
        }
    };
    for record in stage.records.clone() {
        let mut send = |_: usize, mut input: Input| shard.step(&mut input, &mut outputs);
        sequencer.take(record, (None, None), &mut send);
        mark(&mut outputs);
        shard.step(&mut Input::Watermark(sequencer.watermark()), &mut outputs);
        mark(&mut outputs);
    }
    drop(shard);
    std::mem::take(&mut *seen.lock().unwrap())
}

/// So many of them, spread over all.
fn spread<'r>(all: &[&'r Recorded], count: usize) -> Vec<&'r Recorded> {
    assert!(all.len() >= count, "there are only {}", all.len());
    (0..count).map(|number| all[number * all.len() / count]).collect()
}

#[test]
fn a_thousand_firings_and_a_thousand_others_are_explained_as_they_were() {
    let stage = stage();
    let recorded = record(&stage);
    // A timer and an event may set a rule off at one instant; then the instant alone does not say
    // which is meant.
    let mut instants: HashMap<_, usize> = HashMap::new();
    for one in &recorded {
        *instants.entry((one.rule, one.entity, one.now)).or_default() += 1;
    }
    let clear =
        |one: &&Recorded| one.event.is_some() || instants[&(one.rule, one.entity, one.now)] == 1;
    let of = |fired: bool| recorded.iter().filter(clear).filter(move |one| one.fired == fired);
    let mut sample = spread(&of(true).collect::<Vec<_>>(), 1_000);
    sample.extend(spread(&of(false).collect::<Vec<_>>(), 1_000));
    let questions: Vec<Question> = sample
        .iter()
        .map(|one| Question {
            rule: stage.rules.rules[usize::from(one.rule)].name.to_string(),
            entity: stage.symbols.text(one.entity.id),
            at: one.now,
            event: one.event.clone(),
        })
        .collect();
    let explainer =
        Explainer::start(&stage.rules, &stage.symbols, &questions, Vec::new(), Span::ZERO);
    let mut explainer = explainer.unwrap();
    for record in stage.records.clone() {
        explainer.take(record);
    }
    let answers = explainer.finish();
    assert_eq!(answers.len(), sample.len());
    let mut terms = 0;
    for (one, answer) in sample.iter().zip(&answers) {
        let asked = &answer.question;
        let moment = answer.moment.as_ref().unwrap();
        assert_eq!((moment.now, moment.holds), (one.now, one.holds), "{asked:?}");
        assert_eq!(answer.verdict == Verdict::Fired, one.fired, "{asked:?} {:?}", answer.verdict);
        let mut shown = HashMap::new();
        for section in &moment.sections {
            section.term.walk(&mut |term| {
                shown.insert(term.node, term.value);
                terms += 1;
            });
        }
        for (node, value) in &one.values {
            // A constant says its value itself; of a part, the name carries the value.
            let aside = match stage.rules.program.node(*node) {
                Node::Constant(_) => true,
                _ => stage.rules.rules[usize::from(one.rule)].part_nodes.contains(node),
            };
            match shown.get(node) {
                Some(shown) => assert_eq!(shown, value, "{asked:?}"),
                None => assert!(aside, "{asked:?} lacks {:?}", stage.rules.program.node(*node)),
            }
        }
    }
    assert!(terms > 20_000, "{terms}");
}

/// One customer's orders and calls, and a record that is refused.
const HISTORY: &str = r#"
{"event_id":"o1","type":"order","occurred_at":"2025-01-01T10:00:00Z","customer_id":"c1","currency":"USD","lines":[{"product_id":"p","category":"Tools","quantity":1,"net_amount":100}]}
{"event_id":"o2","type":"order","occurred_at":"2025-01-05T10:00:00Z","customer_id":"c1","currency":"USD","lines":[{"product_id":"p","category":"Tools","quantity":1,"net_amount":300}]}
{"event_id":"o3","type":"order","occurred_at":"2025-01-06T10:00:00Z","customer_id":"c1","currency":"USD","lines":[{"product_id":"p","category":"Tools","quantity":1,"net_amount":400}]}
{"event_id":"o4","type":"order","occurred_at":"2025-01-10T10:00:00Z","customer_id":"c1","currency":"USD","lines":[{"product_id":"p","category":"Tools","quantity":1,"net_amount":50}]}
{"event_id":"o5","type":"order","occurred_at":"2025-01-12T10:00:00Z","customer_id":"c1","currency":"USD","lines":[{"product_id":"p","category":"Tools","quantity":1,"net_amount":600}]}
{"event_id":"k1","kind":"call","occurred_at":"2025-01-13T10:00:00Z","customer_id":"c1"}
{"event_id":"x","type":"order","occurred_at":"not a time","customer_id":"c1","lines":[{"product_id":"p","quantity":1,"net_amount":9}]}
"#;

const SMALL: &str = "\
groups:
  - name: g
    rules:
      - alert: Large
        family: trend
        on: [order]
        let:
          usual: orders.avg(o, o.net)
          recent: orders.last('30d').sum(o, o.net)
        when: event.net > 200 && recent > 0
        cooldown: 5d
        value: recent
        annotations: {summary: '{{ event.net }}'}
      - alert: Held
        family: trend
        on: [order]
        when: size(orders) >= 2
        for: 30d
        annotations: {summary: x}
      - alert: Once
        family: trend
        on: [order]
        when: event.net > 200
        episode: event.lines.map(l, l.category).first()
        annotations: {summary: x}
      - alert: Mood
        family: quality
        on: [call]
        when: event.sentiment < 0.0
        annotations: {summary: x}
      - alert: Web
        family: quality
        on: [web]
        when: size(orders) > 3
        annotations: {summary: x}
      - alert: Asleep
        family: drift
        on: {silence: order, after: duration('30d')}
        mode: off
        annotations: {summary: x}
";

struct Small {
    _folder: tempfile::TempDir,
    rules: PathBuf,
    history: PathBuf,
}

fn small() -> Small {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path: PathBuf = Path::new(folder.path()).join(name);
        fs::write(&path, text.trim_start()).unwrap();
        path
    };
    let (rules, history) = (write("small.rules.yaml", SMALL), write("events.ndjson", HISTORY));
    Small { rules, history, _folder: folder }
}

/// Runs the command; how it ended, and what it wrote.
fn explained(args: ExplainArgs) -> (Ended, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false };
    let ended = perform(&RulesCommand::Explain(Box::new(args)), &mut terminal).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended, text(out), text(err))
}

fn asked(small: &Small, rule: &str, entity: &str, at: &str) -> ExplainArgs {
    let at = Timestamp::parse(at).unwrap();
    let history = vec![small.history.clone()];
    ExplainArgs { rules: vec![small.rules.clone()], ..ExplainArgs::of(rule, entity, at, history) }
}

#[test]
fn what_kept_an_alert_from_opening_is_named() {
    let small = small();
    for (rule, entity, at, told) in [
        ("Large", "c1", "2025-01-02", "Not fired: `event.net > 200` is false."),
        ("Large", "c1", "2025-01-05T10:00:00Z", "Fired: the condition holds, and an alert opens."),
        ("Large", "c1", "2025-01-07", "its alert is open since 2025-01-05T10:00:00Z"),
        ("Large", "c1", "2025-01-11", "resolved 2025-01-10T10:00:00Z  $300.00"),
        ("Large", "c1", "2025-01-13", "`cooldown: 5d` keeps the rule quiet until 2025-01-15"),
        ("Held", "c1", "2025-01-13", "`for: 30d` asks that it does until 2025-02-04"),
        ("Held", "c1", "2025-03-01", "Fired"),
        ("Once", "c1", "2025-01-13", "this episode has had its alert"),
        ("Mood", "c1", "2025-01-14", "no value, because of `event.sentiment < 0.0`: a field is"),
        ("Web", "c1", "2025-01-14", "It looks at `web`; there is none"),
        ("Web", "c1", "2025-01-14", "when: size(orders) > 3"),
        ("Large", "c9", "2025-01-14", "the history has no customer `c9`"),
        ("Asleep", "c1", "2025-01-14", "silence is over at 2025-02-11T10:00:00Z"),
        ("Asleep", "c1", "2025-03-01", "The rule's mode is `off`"),
        ("Large", "c1", "2025-01-14", "1 refused record names it"),
        ("Large", "c1", "2025-01-14", "orders.last('30d'): 5 events"),
    ] {
        let (ended, out, err) = explained(asked(&small, rule, entity, at));
        assert_eq!(ended, Ended::Good, "{err}");
        assert!(out.contains(told), "{rule} {entity} {at}: no “{told}” in\n{out}");
    }
}

#[test]
fn what_was_not_needed_has_a_value_too() {
    let small = small();
    let (_, out, _) = explained(asked(&small, "Large", "c1", "2025-01-02"));
    let line = out.lines().find(|line| line.contains("recent = ")).unwrap();
    assert!(line.contains("$100.00"), "{out}");
    let line = out.lines().find(|line| line.contains("─ recent > 0")).unwrap();
    assert!(line.contains("yes") && line.contains("not needed"), "{out}");
}

#[test]
fn a_supposition_changes_what_hangs_on_it() {
    let small = small();
    for (at, suppose, told) in [
        ("2025-01-02", "event.net=250", "With event.net=250: Fired"),
        ("2025-01-05T10:00:00Z", "recent=0", "With recent=0: Not fired: `recent > 0` is false."),
        ("2025-01-13", "recent=5", "With recent=5: Not fired: the condition holds, but the last"),
        (
            "2025-01-05T10:00:00Z",
            "recent=null",
            "With recent=null: Not fired: the condition has no",
        ),
    ] {
        let suppose = vec![suppose.to_owned()];
        let args = ExplainArgs { suppose, ..asked(&small, "Large", "c1", at) };
        let (ended, out, err) = explained(args);
        assert_eq!(ended, Ended::Good, "{err}");
        assert!(out.contains(told), "{at}: no “{told}” in\n{out}");
    }
}

#[test]
fn a_question_that_makes_no_sense_says_what_to_write() {
    let small = small();
    for (rule, suppose, told) in [
        ("Larg", None, "did you mean `Large`?"),
        ("Large", Some("recnt=1"), "did you mean `recent`?"),
        ("Large", Some("recent"), "such as `recent=0.1`"),
        ("Large", Some("recent=much"), "`much` is not money: write `1234.50`"),
        ("Large", Some("event.time=1"), "of events `channel`"),
    ] {
        let suppose = suppose.map(str::to_owned).into_iter().collect();
        let args = ExplainArgs { suppose, ..asked(&small, rule, "c1", "2025-01-14") };
        let (ended, _, err) = explained(args);
        assert!(ended == Ended::Misused && err.contains(told), "no “{told}” in\n{err}");
    }
}

#[test]
fn programs_get_values_and_the_events_behind_them() {
    let small = small();
    let suppose = vec!["recent=5".to_owned()];
    let args = asked(&small, "Large", "c1", "2025-01-13");
    let args = ExplainArgs { suppose, format: ExplainFormat::Json, ..args };
    let (_, out, _) = explained(args);
    let whole: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(whole["verdict"]["name"], "cooldown");
    assert_eq!(whole["verdict"]["until"], "2025-01-15T10:00:00Z");
    let moment = &whole["moment"];
    assert_eq!((&moment["event"]["id"], &moment["holds"]), (&"o5".into(), &true.into()));
    let when = &moment["sections"][0];
    assert_eq!(when["name"], "when");
    assert_eq!(when["term"]["parts"][0]["parts"][0]["value"], 600.0);
    assert_eq!(moment["lists"][0]["events"], 5);
    assert_eq!(moment["lists"][0]["newest"][0]["event_id"], "o5");
    assert_eq!(moment["supposed"]["holds"], true);
    assert_eq!(whole["alerts"].as_array().unwrap().len(), 1);
}
