//! From checked files to a rule set: each rule's expressions are compiled into one program, and
//! its windows into one plan per kind of entity.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::alert::Severity;
use crate::alert::life_cycle::Timing;
use crate::event::Kind;
use crate::event::Symbols;
use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::Named;
use crate::rule::cost;
use crate::rule::cost::Cost;
use crate::rule::cost::ITEMS_BUDGET;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::suggest;
use crate::rule::document::Located;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::file;
use crate::rule::file::RuleFile;
use crate::rule::file::RuleSource;
use crate::rule::gate::Gate;
use crate::rule::plan::Planner;
use crate::rule::schedule::Schedule;
use crate::rule::set::Evidence;
use crate::rule::set::KindSet;
use crate::rule::set::Part;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::rule::template::Template;
use crate::rule::template::TemplatePart;
use crate::rule::text::Format;
use crate::rule::text::Text;
use crate::rule::text::TextPart;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::is_list;
use crate::state::builtin;
use crate::state::program::Node;
use crate::state::program::Program;
use crate::state::value::Value;
use crate::state::window::List;
use crate::time::Span;

/// A window longer than this is refused.
pub const WINDOW_MAX: Span = Span::from_millis(1_100 * Span::DAY.millis());

/// A schedule that looks more often than this would catch up for hours after a quiet night.
pub const EVERY_MIN: Span = Span::from_millis(60_000);

/// History is kept at least so far back: evidence and the customer's page live on it.
pub const HISTORY_MIN: Span = Span::from_millis(30 * Span::DAY.millis());

/// Compiles all rules of the files. The set holds those without a mistake; whether to run it when
/// there were mistakes is the caller's choice.
pub fn compile(files: &[RuleFile], symbols: &Symbols) -> (RuleSet, Vec<Diagnostic>) {
    let mut program = Program::default();
    let mut planners = [Planner::default(), Planner::default(), Planner::default()];
    let mut problems = Vec::new();
    let mut rules = Vec::new();
    for source in file::rules(files) {
        let mut found = Vec::new();
        let planner = &mut planners[source.entity as usize];
        let rule = one(source, &mut program, planner, symbols, &mut found);
        if planner.plan.horizon > WINDOW_MAX {
            let message = format!("a window reaches back further than {WINDOW_MAX}");
            let problem =
                Diagnostic::error("E302", source.file, source.alert.span.clone(), message);
            found.push(
                problem.with_help("what `size sum avg min max` need is kept without a window"),
            );
            planner.plan.horizon = WINDOW_MAX;
        }
        if let Some(rule) = &rule {
            found.extend(too_dear(source, cost::cost(rule, &program, &planner.plan)));
        }
        if let Some(rule) = rule.filter(|_| !found.iter().any(Diagnostic::is_error)) {
            rules.push(rule);
        }
        problems.append(&mut found);
    }
    diagnostic::sort(&mut problems);
    problems.dedup();
    let plans = planners.map(|mut planner| {
        planner.reach(HISTORY_MIN);
        planner.plan
    });
    (RuleSet::new(rules, program, plans), problems)
}

/// A rule that would go through more items than the evaluator allows is refused at once.
fn too_dear(source: &RuleSource, cost: Cost) -> Option<Diagnostic> {
    if !cost.exceeds_budget() {
        return None;
    }
    let message = format!(
        "the rule goes through {} items each time it looks, at most {ITEMS_BUDGET} are allowed",
        cost.items
    );
    let problem = Diagnostic::error("E307", source.file, source.alert.span.clone(), message);
    Some(problem.with_help("shorten the windows of lists that stand within each other"))
}

fn one(
    source: &RuleSource,
    program: &mut Program,
    planner: &mut Planner,
    symbols: &Symbols,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let has_event = matches!(source.on.value, file::Trigger::Events(_));
    let place = (source.file, source.entity, has_event);
    let mut checker = Checker::new(place, (program, planner), symbols, problems);
    let mut parts = Vec::new();
    for (name, formula) in &source.parts {
        shadowed(&mut checker, source, name);
        let checked = checker.named_part(&formula.expr);
        parts.push(part(&mut checker, (&name.value, &formula.text), &checked));
        checker.lets.push(Named { name: name.value.clone(), checked });
    }
    let when = match &source.when {
        Some(formula) => checker.expect(&formula.expr, &[Type::Bool], "`when`").node,
        None => checker.program.add(Node::Constant(Value::Bool(true))),
    };
    let trigger = trigger(&mut checker, source)?;
    let value = source.value.as_ref().map(|formula| {
        let wanted = [Type::Money, Type::Double, Type::Int];
        let typed = checker.expect(&formula.expr, &wanted, "`value`");
        let place = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        let (node, ty) = (typed.node, typed.ty);
        let (name, text) = ("value".to_owned(), Arc::from(formula.text.as_str()));
        parts.push(Part { name, text, node, ty, shown: true });
        let read = checker.program.add(Node::Let(place));
        checker.value = Some(crate::rule::check::Typed { node: read, ..typed });
        place
    });
    let episode = source.episode.as_ref().map(|formula| checker.value(&formula.expr).node);
    let at =
        source.at.as_ref().map(|formula| checker.expect(&formula.expr, &[Type::Time], "`at`").node);
    let summary = text(&mut checker, &source.summary);
    let description = source.description.as_ref().map(|template| text(&mut checker, template));
    let evidence = evidence(&mut checker, source);
    let (severity, labels) = labels(source);
    let span = |located: &Option<Located<Span>>| located.as_ref().map(|located| located.value);
    Some(Rule {
        name: Arc::from(source.alert.value.as_str()),
        family: source.family.value,
        severity,
        entity: source.entity,
        mode: source.mode,
        trigger,
        part_nodes: parts.iter().map(|part| part.node).collect(),
        parts,
        when,
        gate: Gate::of(checker.program, when),
        when_text: source.when.as_ref().map_or("", |formula| &formula.text).into(),
        timing: Timing {
            hold: span(&source.holds_for).unwrap_or_default(),
            keep_firing: span(&source.keep_firing_for).unwrap_or_default(),
            cooldown: span(&source.cooldown).unwrap_or_default(),
            expires: span(&source.expires_after),
            episodic: source.episode.is_some(),
        },
        value,
        episode,
        at,
        labels,
        summary,
        description: description.unwrap_or_default(),
        evidence,
    })
}

/// A part that is a list or a table has no value of its own; it is not shown.
fn part(checker: &mut Checker<'_>, (name, text): (&str, &str), checked: &Checked) -> Part {
    let null = checker.program.add(Node::Constant(Value::Null));
    let (node, ty, shown) = match checked {
        Checked::Value(typed) => {
            let constant = matches!(checker.program.node(typed.node), Node::Constant(_));
            (typed.node, typed.ty, !constant)
        }
        _ => (null, Type::Unknown, false),
    };
    Part { name: name.to_owned(), text: text.into(), node, ty, shown }
}

/// A name that hides a list or a record would make the rule unreadable.
fn shadowed(checker: &mut Checker<'_>, source: &RuleSource, name: &Located<String>) {
    let taken = is_list(&name.value)
        || ["now", "event", "customer", "rep", "product", "value"].contains(&name.value.as_str());
    if taken {
        let message = format!("`{}` means something already", name.value);
        let found = Diagnostic::error("E303", source.file, name.span.clone(), message)
            .with_help("choose another name");
        checker.diagnostics.push(found);
    }
}

fn trigger(checker: &mut Checker<'_>, source: &RuleSource) -> Option<Trigger> {
    match &source.on.value {
        file::Trigger::Events(names) => {
            let kinds = names.iter().map(|name| kinds(checker, name));
            Some(Trigger::Events(kinds.fold(KindSet::default(), KindSet::with)))
        }
        file::Trigger::Silence { event, after } => {
            let kinds = kinds(checker, event);
            let what = "how long the silence may last (`after`)";
            let after = checker.expect(&after.expr, &[Type::Span], what).node;
            let slot = slot(checker, source)?;
            Some(Trigger::Silence { kinds, after, slot })
        }
        file::Trigger::Every { every, at, zone, spread } => {
            let span = |span: &Option<Located<Span>>| span.as_ref().map_or(Span::ZERO, |s| s.value);
            let zone = zone.as_ref().and_then(|zone| builtin::time_zone(&zone.value));
            let schedule = Schedule {
                every: every.value,
                at: span(at),
                zone: zone.unwrap_or(TimeZone::UTC),
                spread: span(spread),
            };
            if let Some(spread) = spread.as_ref().filter(|spread| spread.value > every.value) {
                let message =
                    format!("the entities are spread over {}, longer than `every`", spread.value);
                let found = Diagnostic::error("E306", source.file, spread.span.clone(), message)
                    .with_help("write at most as long as `every`");
                checker.diagnostics.push(found);
            }
            if every.value < EVERY_MIN {
                let message =
                    format!("`every` is {}: a schedule looks once a minute at most", every.value);
                let found = Diagnostic::error("E306", source.file, every.span.clone(), message)
                    .with_help(
                        "write `every: 1d`, or let an event set the rule off: `on: [order]`",
                    );
                checker.diagnostics.push(found);
            }
            let slot = slot(checker, source)?;
            Some(Trigger::Every { schedule, slot })
        }
    }
}

fn slot(checker: &mut Checker<'_>, source: &RuleSource) -> Option<u16> {
    match checker.planner.slot() {
        Ok(slot) => Some(slot),
        Err(full) => {
            let span = source.on.span.clone();
            checker.diagnostics.push(Diagnostic::error(
                "E301",
                source.file,
                span,
                full.to_string(),
            ));
            None
        }
    }
}

fn kinds(checker: &mut Checker<'_>, name: &Located<String>) -> KindSet {
    let kinds = KindSet::named(&name.value);
    if kinds.is_empty() {
        let near = suggest(&name.value, Kind::ALL.iter().map(|(_, known)| *known));
        let message = format!("there are no `{}` events", name.value);
        let found = Diagnostic::error("E213", checker.file, name.span.clone(), message).with_help(
            near.map_or_else(
                || format!("there are {}", Kind::ALL.map(|(_, known)| known).join(", ")),
                |near| format!("did you mean `{near}`?"),
            ),
        );
        checker.diagnostics.push(found);
    }
    kinds
}

fn labels(source: &RuleSource) -> (Severity, BTreeMap<String, String>) {
    let mut severity = Severity::Warning;
    let mut labels = BTreeMap::new();
    for (name, value) in &source.labels {
        if name.value != "severity" {
            labels.insert(name.value.clone(), value.value.clone());
            continue;
        }
        // Other words were refused when the file was read.
        severity = Severity::from_name(&value.value).unwrap_or(severity);
    }
    (severity, labels)
}

fn text(checker: &mut Checker<'_>, template: &Template) -> Text {
    let parts = template.parts.iter().map(|part| match part {
        TemplatePart::Text(plain) => TextPart::Plain(plain.clone()),
        TemplatePart::Expr(expr) => {
            let (inner, format) = formatted(checker, expr);
            let typed = checker.value(inner);
            TextPart::Value { node: typed.node, ty: typed.ty, format }
        }
    });
    Text { parts: parts.collect() }
}

/// `percent(x)`, `money(x)`, `round(x, 1)`, `date(t)` at the top of a template's expression.
fn formatted<'e>(checker: &mut Checker<'_>, expr: &'e Expr) -> (&'e Expr, Format) {
    let Tree::Call { name, target: None, args } = &expr.node else { return (expr, Format::Auto) };
    let format = match (name.as_str(), args.len()) {
        ("percent", 1) => Format::Percent,
        ("money", 1) => Format::Money,
        ("date", 1) => Format::Date,
        ("round", 2) => Format::Round(decimals(checker, &args[1])),
        _ => return (expr, Format::Auto),
    };
    let typed = checker.value(&args[0]);
    let fits = match format {
        Format::Percent | Format::Round(_) => typed.ty.is_number(),
        Format::Money => typed.ty.is_number() || typed.ty == Type::Money,
        _ => matches!(typed.ty, Type::Time | Type::Unknown),
    };
    if !fits {
        let message = format!("`{name}` cannot write {}", typed.ty.noun());
        let span = args[0].span.clone();
        let found = Diagnostic::error("E205", checker.file, span, message);
        checker
            .diagnostics
            .push(found.with_help("without a function it is written as suits its type"));
    }
    (&args[0], format)
}

/// How many decimals are to be written: a number of one digit.
fn decimals(checker: &mut Checker<'_>, expr: &Expr) -> u8 {
    let places = match expr.node {
        Tree::Int(places) => u8::try_from(places).ok().filter(|places| *places <= 9),
        _ => None,
    };
    places.unwrap_or_else(|| {
        let message = "how many decimals are written is a number from 0 to 9";
        let found = Diagnostic::error("E205", checker.file, expr.span.clone(), message);
        checker.diagnostics.push(found.with_help("write it out: `round(x, 1)`"));
        0
    })
}

fn evidence(checker: &mut Checker<'_>, source: &RuleSource) -> Evidence {
    let Some(formula) = &source.evidence else {
        return match &source.on.value {
            file::Trigger::Events(_) => Evidence::Event,
            _ => Evidence::Newest(List::Orders, 12),
        };
    };
    let checked = checker.check(&formula.expr);
    match checker.evidence(&checked) {
        Some(evidence) => evidence,
        None => {
            let span = formula.expr.span.clone();
            let message = "evidence has to be a list of events";
            let found = Diagnostic::error("E305", source.file, span, message)
                .with_help("such as `lines.last('30d')` or `orders.last(10)`");
            checker.diagnostics.push(found);
            Evidence::Event
        }
    }
}
