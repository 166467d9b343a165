//! An alert as it fires: who, what, why, how much, and the very events.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use compact_str::CompactString;
use compact_str::ToCompactString;
use rapidhash::v3::rapidhash_v3;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Evidence;
use crate::alert::Owner;
use crate::alert::Reason;
use crate::engine::shard::Context;
use crate::event::EntityKind;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::event::reference::Customer;
use crate::money::Currency;
use crate::money::Decimal;
use crate::rule::file::Mode;
use crate::rule::set;
use crate::rule::set::Rule;
use crate::rule::text;
use crate::state::Entity;
use crate::state::evaluate::evaluate;
use crate::state::history::Entry;
use crate::state::item::Body;
use crate::state::item::Item;
use crate::state::learned;
use crate::state::learned::VALUE_REACH;
use crate::state::program::Items;
use crate::state::program::Scope;
use crate::state::program::Stage;
use crate::state::scan;
use crate::state::texts;
use crate::state::value::Value;
use crate::state::window::List;
use crate::time::Timestamp;

/// The label that says how much a customer is worth.
const VALUE_TIER: &str = "value_tier";

/// The alert of `rule` as the scope stands. What it says may take `fuel`, its id whatever it takes.
pub(crate) fn alert(
    context: Context<'_>,
    rule: &Rule,
    scope: &mut Scope<'_>,
    at: Timestamp,
    fuel: u32,
) -> Alert {
    let entity = scope.entity;
    let currency = entity.and_then(Entity::currency);
    let id = scope.id.map_or_else(String::new, |id| context.symbols.text(id));
    let whole = scope.fuel;
    let episode = episode_text(rule, scope, at);
    scope.fuel = fuel.saturating_sub(whole - scope.fuel);
    let value = rule.value.and_then(|place| value_of(scope, place, currency));
    let summary = text::render(&rule.summary, scope);
    let description = text::render(&rule.description, scope);
    let reasons = reasons(rule, scope, currency);
    let (evidence, evidence_total) = evidence(rule, scope);
    let profile = entity.and_then(Entity::profile);
    Alert {
        id: AlertId::new(&rule.name, rule.entity.name(), &id, &episode),
        rule: rule.name.to_string(),
        family: rule.family,
        severity: rule.severity,
        entity_kind: rule.entity,
        entity_name: match rule.entity {
            EntityKind::Customer => profile.and_then(|profile| profile.name.clone()),
            EntityKind::Rep => {
                let rep = scope.id.and_then(|id| context.catalog.rep(id));
                rep.and_then(|rep| rep.name.clone())
            }
            EntityKind::Product => {
                let product = scope.id.and_then(|id| context.catalog.product(id));
                product.and_then(|product| product.name.clone())
            }
        },
        owner: owner(context.symbols, rule.entity, entity, &id),
        entity_id: id,
        state: AlertState::Firing,
        opened_at: at,
        expires_at: rule.timing.expires.map(|span| at + span),
        event_id: scope.event.map(|event| event.id.to_string()),
        value,
        summary,
        description,
        labels: labels(context, rule, entity, scope.now),
        reasons,
        evidence,
        evidence_total,
        is_shadow: rule.mode == Mode::Shadow,
        trust: context.catalog.models().trust(&rule.name),
    }
}

/// The rule's labels, and the tier that the customer's value puts it in: what routes go by.
fn labels(
    context: Context<'_>,
    rule: &Rule,
    entity: Option<&Entity>,
    now: Timestamp,
) -> BTreeMap<String, String> {
    let mut labels = rule.labels.clone();
    let plan = context.rules.plan(rule.entity);
    let known = rule.entity == EntityKind::Customer && plan.horizon >= VALUE_REACH;
    if let Some(entity) = entity.filter(|_| known)
        && let Some(tier) = learned::value_tier(entity, context.catalog.models(), now)
    {
        labels.insert(VALUE_TIER.to_owned(), tier.to_owned());
    }
    labels
}

/// A number for an episode, equal for equal episodes of one run.
pub(crate) fn episode_hash(value: Value, scope: &Scope<'_>) -> u64 {
    let (tag, bits) = match value {
        Value::Null => (0_u64, 0),
        Value::Bool(truth) => (1, u64::from(truth)),
        Value::Int(int) => (2, u64::from_ne_bytes(int.to_ne_bytes())),
        Value::Double(double) => (3, double.to_bits()),
        Value::Number(number) | Value::Money(number) => {
            (4, u64::from_ne_bytes(number.micros().to_ne_bytes()))
        }
        Value::Time(at) => (5, u64::from_ne_bytes(at.millis().to_ne_bytes())),
        Value::Span(span) => (6, u64::from_ne_bytes(span.millis().to_ne_bytes())),
        // A text that was made may be a name, too: what it says counts.
        Value::Text(_) | Value::Made(_) => {
            let hash = texts::read(scope, value, |text| rapidhash_v3(text.as_bytes()));
            (7, hash.unwrap_or_default())
        }
    };
    // Fibonacci hashing (Knuth, TAOCP 6.4) spreads the tag over the bits.
    bits ^ tag.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The episode in the alert's id: the rule's own, else the instant of opening.
fn episode_text(rule: &Rule, scope: &mut Scope<'_>, at: Timestamp) -> CompactString {
    match rule.episode.map(|node| evaluate(scope, node)) {
        Some(result) => text::outcome(result, None, scope),
        None => at.millis().to_compact_string(),
    }
}

fn value_of(
    scope: &mut Scope<'_>,
    place: u16,
    currency: Option<Currency>,
) -> Option<crate::alert::Value> {
    let node = *scope.let_nodes.get(usize::from(place))?;
    let amount = match evaluate(scope, node).ok()? {
        Value::Money(amount) | Value::Number(amount) => amount,
        other => Decimal::from_f64(other.number().ok()?).ok()?,
    };
    Some(crate::alert::Value { amount, currency })
}

fn reasons(rule: &Rule, scope: &mut Scope<'_>, currency: Option<Currency>) -> Vec<Reason> {
    let mut reasons = Vec::with_capacity(rule.parts.len() + 1);
    if !rule.when_text.is_empty() {
        let (name, expression) = ("when".into(), Arc::clone(&rule.when_text));
        reasons.push(Reason { name, expression, value: "yes".into() });
    }
    for part in rule.parts.iter().filter(|part| part.shown) {
        let result = evaluate(scope, part.node);
        let value = text::outcome(result, currency, scope);
        let (name, expression) = (part.name.as_str().into(), Arc::clone(&part.text));
        reasons.push(Reason { name, expression, value });
    }
    reasons
}

/// Who should act on what happens to an entity.
fn owner(symbols: &Symbols, kind: EntityKind, entity: Option<&Entity>, id: &str) -> Owner {
    match (kind, entity) {
        (EntityKind::Rep, _) => Owner::Rep(id.to_owned()),
        (EntityKind::Customer, Some(entity)) => customer_owner(symbols, entity),
        (EntityKind::Customer, None) | (EntityKind::Product, _) => Owner::Queue,
    }
}

/// The customer's rep by reference data, else who served it last, else its territory.
pub(crate) fn customer_owner(symbols: &Symbols, customer: &Entity) -> Owner {
    match keeper(customer.profile(), (customer.rep, customer.territory())) {
        (Some(rep), _) => Owner::Rep(symbols.text(rep)),
        (None, Some(territory)) => Owner::Territory(symbols.text(territory)),
        (None, None) => Owner::Queue,
    }
}

/// A customer's rep or, where there is none, its territory; by reference data before who served
/// it last.
pub(crate) fn keeper(
    profile: Option<&Customer>,
    (rep, territory): (Option<Symbol>, Option<Symbol>),
) -> (Option<Symbol>, Option<Symbol>) {
    let rep = profile.and_then(|profile| profile.owner).or(rep);
    let territory = profile.and_then(|profile| profile.territory).or(territory);
    (rep, territory.filter(|_| rep.is_none()))
}

pub(crate) fn evidence(rule: &Rule, scope: &mut Scope<'_>) -> (Vec<Evidence>, u64) {
    let Some(entity) = scope.entity else { return (Vec::new(), 0) };
    let end = entity.history.end();
    let (list, from, to, stages): (List, u32, u32, &[Stage]) = match &rule.evidence {
        set::Evidence::Event => {
            let event = scope.event;
            let shown = event.and_then(|event| {
                let newest = entity.history.back_from(end);
                let same = |entry: &Entry<'_>| {
                    (entry.time(), entry.kind()) == (event.time, event.kind)
                        && entry.id_text() == event.id
                };
                newest.take_while(|entry| entry.time() >= event.time).find(same)
            });
            let shown: Vec<Evidence> =
                shown.iter().map(|entry| shown_entry(entry, scope, entity.currency())).collect();
            let total = shown.len() as u64;
            return (shown, total);
        }
        set::Evidence::Newest(list, count) => {
            (*list, scan::newest(entity, *list, *count).0, end, &[])
        }
        set::Evidence::Window(list, span, stages) => {
            let (from, to) = entity.bounds(scope.plan, *span);
            (*list, from, to, stages)
        }
    };
    // Where the newest stand, round and round.
    let mut newest = [0; Alert::EVIDENCE_MAX];
    let mut total = 0;
    for entry in entity.history.from(from).take_while(|entry| entry.offset < to) {
        if list.holds(entry.kind()) && passes(&entry, list, stages, scope) {
            newest[total % newest.len()] = entry.offset;
            total += 1;
        }
    }
    let shown =
        (total.saturating_sub(newest.len())..total).map(|place| newest[place % newest.len()]);
    let shown = shown.filter_map(|offset| entity.history.at(offset));
    let shown = shown.map(|entry| shown_entry(&entry, scope, entity.currency())).collect();
    (shown, total as u64)
}

/// Whether an event is among the evidence: it, or one of its lines, passes the filters.
fn passes(entry: &Entry<'_>, list: List, stages: &[Stage], scope: &mut Scope<'_>) -> bool {
    let mut holds = |item: Item| {
        stages.iter().all(|stage| match stage {
            Stage::Map(_) => true,
            Stage::Filter(node) => {
                let outer = std::mem::replace(scope.items, Items::of(item));
                let result = evaluate(scope, *node).and_then(Value::truth);
                *scope.items = outer;
                result == Ok(true)
            }
        })
    };
    if stages.is_empty() {
        true
    } else if list == List::Lines {
        let head = entry.open().head;
        entry.lines().any(|body| holds(Item { head, body }))
    } else {
        holds(entry.whole())
    }
}

/// An event as evidence.
pub fn shown_entry(entry: &Entry<'_>, scope: &Scope<'_>, currency: Option<Currency>) -> Evidence {
    const LINES: usize = 3;
    let names = scope.symbols.read();
    let mut text = CompactString::default();
    let mut lines = 0;
    let mut whole = None;
    let opened = entry.open_with(|body| {
        if lines < LINES {
            if lines > 0 {
                text.push_str(", ");
            }
            describe_line(&mut text, body, |symbol| names.text(symbol));
        }
        lines += 1;
        whole = Some(whole.map_or(*body, |whole: Body| whole.with(*body)));
    });
    let whole = whole.unwrap_or_default();
    if lines > LINES {
        let _ = write!(text, " and {} more", lines - LINES);
    }
    let talk = &opened.head.talk;
    let said = [talk.topic, talk.outcome, opened.category, opened.product, talk.campaign];
    for (place, symbol) in said.iter().enumerate() {
        // A call about a category often names it as its topic, too.
        let Some(symbol) = symbol.filter(|_| !said[..place].contains(symbol)) else { continue };
        if !text.is_empty() {
            text.push_str(" · ");
        }
        // Topic and outcome are words of ours as often as of theirs: `no_answer`.
        match place {
            0 | 1 => text.push_str(&names.text(symbol).replace('_', " ")),
            _ => text.push_str(names.text(symbol)),
        }
    }
    if let Some(sentiment) = talk.sentiment {
        let gap = if text.is_empty() { "" } else { " · " };
        let _ = write!(text, "{gap}mood {:+.1}", sentiment.to_f64());
    }
    let kind = match talk.word {
        Some(word) => names.text(word).into(),
        None => entry.kind().name().into(),
    };
    let amount = whole.net.or(talk.amount);
    Evidence {
        event_id: opened.id,
        time: entry.time(),
        kind,
        text,
        net: amount.map(|amount| crate::alert::Value { amount, currency }),
        margin: margin(&whole),
    }
}

fn describe_line<'n>(text: &mut CompactString, body: &Body, name: impl Fn(Symbol) -> &'n str) {
    if let Some(quantity) = body.quantity {
        quantity.written(|digits| text.push_str(digits));
        text.push_str(" × ");
    }
    match (body.product, body.category) {
        (Some(product), Some(category)) => {
            for part in [name(product), " (", name(category), ")"] {
                text.push_str(part);
            }
        }
        (Some(symbol), None) | (None, Some(symbol)) => text.push_str(name(symbol)),
        (None, None) => text.push_str("goods"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a display value")]
fn margin(body: &Body) -> Option<f32> {
    let (net, cost) = (body.net?, body.cost?);
    (net != Decimal::ZERO).then(|| ((net.to_f64() - cost.to_f64()) / net.to_f64()) as f32)
}
