//! The events behind a list: how many, and which are the newest?

use compact_str::format_compact;

use crate::alert::Evidence;
use crate::engine::firing;
use crate::state::Entity;
use crate::state::detection::Over;
use crate::state::evaluate::evaluate;
use crate::state::history::Entry;
use crate::state::item::Item;
use crate::state::past::PastAlert;
use crate::state::past::Reach;
use crate::state::program::Bound;
use crate::state::program::Items;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Scope;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::scan;
use crate::state::value::Value;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::SpanPlan;

/// Events that are shown of a list.
pub const SHOWN_MAX: usize = 5;

/// The events behind a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Behind {
    /// The list, as rules write it.
    pub text: String,
    /// Events in it; of lines, the events that have one in it.
    pub events: u64,
    /// Items in it, where they are lines.
    pub lines: Option<u64>,
    /// Whether it is everything ever seen: then the events that are still kept are counted.
    pub ever: bool,
    /// The newest, the newest first.
    pub newest: Vec<Evidence>,
}

/// What keeps an item in a list.
enum Sieve<'a> {
    Kept(Filter),
    Stages(&'a [Stage]),
}

/// The events behind the list of a node, which is called `text`; none for a node without a list.
pub(super) fn of(scope: &mut Scope<'_>, id: NodeId, text: String) -> Option<Behind> {
    let program = scope.program;
    match program.node(id) {
        Node::Aggregate(running) => Some(kept(scope, running.place, text)),
        Node::Decides(verdict) => Some(kept(scope, verdict.count.place, text)),
        Node::Scan(scan) => part(scope, &scan.source, &scan.stages, text),
        Node::Detect(detection) => match &detection.over {
            Over::Part(source, stages) => part(scope, source, stages, text),
            Over::Ever(place) => {
                let followed = *scope.plan.followed.get(usize::from(*place))?;
                let entity = scope.entity?;
                let whole = (followed.list, (0, entity.history.end()));
                let behind = within(scope, entity, whole, &Sieve::Kept(followed.filter), text);
                Some(Behind { ever: true, ..behind })
            }
        },
        _ => None,
    }
}

/// The events of a source of items.
fn part(scope: &mut Scope<'_>, source: &Source, stages: &[Stage], text: String) -> Option<Behind> {
    let entity = scope.entity?;
    let sieve = Sieve::Stages(stages);
    match source {
        Source::Window(list, span) => {
            let bounds = entity.bounds(scope.plan, *span);
            Some(within(scope, entity, (*list, bounds), &sieve, text))
        }
        Source::Newest(list, count) => {
            let (from, _) = scan::newest(entity, *list, *count);
            let bounds = (from, entity.history.end());
            Some(within(scope, entity, (*list, bounds), &sieve, text))
        }
        Source::Alerts(reach) => Some(alerts(scope, entity, *reach, (stages, text))),
        Source::EventLines => {
            let lines = scope.event.map_or(0, |event| event.lines.len() as u64);
            let events = u64::from(scope.event.is_some());
            let lines = Some(lines);
            Some(Behind { text, events, lines, ever: false, newest: Vec::new() })
        }
        Source::Offers(_) | Source::Values(_) | Source::Split(..) => None,
    }
}

/// The alerts of a list, which stand in the place of events.
fn alerts(
    scope: &mut Scope<'_>,
    entity: &Entity,
    reach: Reach,
    (stages, text): (&[Stage], String),
) -> Behind {
    let (mut count, mut newest) = (0, Vec::new());
    for place in entity.past().places(reach, entity.clock).rev() {
        if !of_stages(stages, |node| holds(scope, Bound::Alert(place), node)) {
            continue;
        }
        count += 1;
        if let Some(alert) = entity.past().at(place).filter(|_| newest.len() < SHOWN_MAX) {
            newest.push(shown(&alert, scope, entity));
        }
    }
    Behind { text, events: count, lines: None, ever: false, newest }
}

fn shown(alert: &PastAlert, scope: &Scope<'_>, entity: &Entity) -> Evidence {
    let (rule, family) = (scope.symbols.text(alert.rule), scope.symbols.text(alert.family));
    let currency = entity.currency();
    Evidence {
        event_id: format!("{:032x}", alert.id).into(),
        time: alert.opened,
        kind: "alert".into(),
        text: format_compact!("{rule} · {family} · {}", alert.state.name()),
        net: alert.value.map(|amount| crate::alert::Value { amount, currency }),
        margin: None,
    }
}

/// The events of a running value.
fn kept(scope: &mut Scope<'_>, place: u16, text: String) -> Behind {
    let plan = scope.plan;
    let aggregate = plan.aggregate(place);
    let of_it = |span: &SpanPlan| span.members.iter().any(|member| member == place);
    let span = plan.spans.iter().position(of_it);
    let Some(entity) = scope.entity else {
        return Behind { text, events: 0, lines: None, ever: false, newest: Vec::new() };
    };
    let bounds = match span.and_then(|span| u16::try_from(span).ok()) {
        Some(span) => entity.bounds(plan, span),
        None => (0, entity.history.end()),
    };
    let sieve = Sieve::Kept(aggregate.filter);
    let behind = within(scope, entity, (aggregate.list, bounds), &sieve, text);
    Behind { ever: span.is_none(), ..behind }
}

fn within(
    scope: &mut Scope<'_>,
    entity: &Entity,
    (list, (from, to)): (List, (u32, u32)),
    sieve: &Sieve<'_>,
    text: String,
) -> Behind {
    let (mut events, mut lines, mut newest) = (0, 0, Vec::new());
    for entry in entity.history.back_from(to).take_while(|entry| entry.offset >= from) {
        if !list.holds(entry.kind()) {
            continue;
        }
        let count = items(&entry, list, sieve, scope);
        if count == 0 {
            continue;
        }
        events += 1;
        lines += count;
        if newest.len() < SHOWN_MAX {
            newest.push(firing::shown_entry(&entry, scope, entity.currency()));
        }
    }
    let lines = (list == List::Lines).then_some(lines);
    Behind { text, events, lines, ever: false, newest }
}

/// How many items of an event pass.
fn items(entry: &Entry<'_>, list: List, sieve: &Sieve<'_>, scope: &mut Scope<'_>) -> u64 {
    if list == List::Lines {
        let head = entry.open().head;
        let passing = entry.lines().filter(|body| passes(Item { head, body: *body }, sieve, scope));
        passing.count() as u64
    } else {
        u64::from(passes(entry.whole(), sieve, scope))
    }
}

fn passes(item: Item, sieve: &Sieve<'_>, scope: &mut Scope<'_>) -> bool {
    let bound = Bound::Item(item);
    match sieve {
        Sieve::Kept(Filter::All) => true,
        Sieve::Kept(Filter::Category(symbol)) => item.body.category == Some(*symbol),
        Sieve::Kept(Filter::Holds(node)) => holds(scope, bound, *node),
        Sieve::Stages(stages) => of_stages(stages, |node| holds(scope, bound, node)),
    }
}

/// Whether an item passes the filters of a list. Behind a map the item is another: what it was made
/// of is shown.
fn of_stages(stages: &[Stage], mut holds: impl FnMut(NodeId) -> bool) -> bool {
    stages
        .iter()
        .map_while(|stage| match stage {
            Stage::Filter(node) => Some(*node),
            Stage::Map(_) => None,
        })
        .all(&mut holds)
}

fn holds(scope: &mut Scope<'_>, item: Bound, node: NodeId) -> bool {
    let outer = std::mem::replace(scope.items, Items::one(item));
    let result = evaluate(scope, node).and_then(Value::truth);
    *scope.items = outer;
    result == Ok(true)
}
