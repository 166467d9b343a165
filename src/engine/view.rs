//! One entity as a page or a program sees it, read beside the running shard.

use std::collections::HashSet;

use crate::alert::life_cycle::Phase;
use crate::engine::firing;
use crate::engine::live::Live;
use crate::engine::port::EntityView;
use crate::engine::port::OfferView;
use crate::engine::port::RestView;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::money::Decimal;
use crate::rule::file::Mode;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::text;
use crate::rule::vocabulary::Type;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::evaluate::evaluate;
use crate::state::models::Models;
use crate::state::models::affinity::Meeting;
use crate::state::offers;
use crate::state::program::FUEL;
use crate::state::program::Items;
use crate::state::program::Scope;
use crate::state::texts::Texts;
use crate::state::value::Value;
use crate::state::window::List;
use crate::time::Span;

/// Events that are shown.
const RECENT: usize = 50;
/// Offers that are shown.
const OFFERS: usize = 5;

/// The entity at this moment.
/// `models` is what was learned across customers, where anything was.
pub fn entity(
    id: EntityId,
    live: &Live,
    (rules, models): (&RuleSet, Option<&Models>),
    symbols: &Symbols,
) -> EntityView {
    let entity = &live.entity;
    let history = &entity.history;
    let text = |symbol: Option<Symbol>| symbol.map(|symbol| symbols.text(symbol));
    let profile = entity.profile();
    let catalog = Catalog::default();
    let scope = Scope {
        program: &rules.program,
        plan: rules.plan(id.kind),
        entity: Some(entity),
        id: Some(id.id),
        event: None,
        now: entity.clock,
        catalog: &catalog,
        symbols,
        walked: None,
        texts: &mut Texts::default(),
        lets: &mut [],
        let_nodes: &[],
        fuel: FUEL,
        items: &mut Items::default(),
    };
    let newest = history.back_from(history.end());
    let recent =
        newest.take(RECENT).map(|entry| firing::shown_entry(&entry, &scope, entity.currency()));
    let recent = recent.collect();
    let orders = history.from(0).filter(|entry| List::Orders.holds(entry.kind())).count();
    EntityView {
        id: symbols.text(id.id),
        name: profile.and_then(|profile| profile.name.clone()),
        segment: text(profile.and_then(|profile| profile.segment)),
        tier: text(profile.and_then(|profile| profile.tier)),
        territory: text(profile.and_then(|profile| profile.territory).or(entity.territory())),
        owner: text(profile.and_then(|profile| profile.owner).or(entity.rep)),
        first_seen: history.at(0).map(|entry| entry.time()),
        last_seen: history.before(history.end()).map(|entry| entry.time()),
        orders: orders as u64,
        currency: entity.currency(),
        net_30d: net(live, 30),
        net_365d: net(live, 365),
        recent,
        windows: windows(id, live, rules, symbols, &catalog),
        offers: match (id.kind, models) {
            (EntityKind::Customer, Some(models)) => offers(&live.entity, models, symbols),
            _ => Vec::new(),
        },
        resting: resting(id, live, rules, symbols, &catalog),
    }
}

/// What owners of the same categories own, too, less what the customer has or has declined.
fn offers(customer: &Entity, models: &Models, symbols: &Symbols) -> Vec<OfferView> {
    let entries = customer.history.from(0).filter(|entry| List::Lines.holds(entry.kind()));
    let owned: HashSet<Symbol> =
        entries.flat_map(|entry| entry.bare_lines().filter_map(|body| body.category)).collect();
    let context = models.affinity.context(owned.iter().copied());
    let allowed = |offer| !owned.contains(&offer) && !offers::declined(customer, offer);
    let found = models.affinity.best(Meeting::Owner, &context, allowed, OFFERS);
    let currency = models.currency.filter(|currency| customer.currency() == Some(*currency));
    let shown = found.iter().map(|offer| {
        let amount = Decimal::from_f64(offer.net).ok();
        OfferView {
            category: symbols.text(offer.category),
            because: symbols.text(offer.because),
            peers: offer.peers,
            buyers: offer.buyers,
            net: currency.and(amount).map(|amount| crate::alert::Value { amount, currency }),
        }
    });
    shown.collect()
}

/// Revenue of the last days, as far as the history reaches; none without an amount.
fn net(live: &Live, days: i64) -> Option<crate::alert::Value> {
    let entity = &live.entity;
    let from = entity.clock - Span::from_millis(days * Span::DAY.millis());
    let history = &entity.history;
    let within = history.back_from(history.end()).take_while(|entry| entry.time() > from);
    let mut sum = None;
    for entry in within.filter(|entry| List::Orders.holds(entry.kind())) {
        for body in entry.lines() {
            let amount = sum.unwrap_or(Decimal::ZERO).checked_add(body.net?);
            sum = Some(amount?);
        }
    }
    sum.map(|amount| crate::alert::Value { amount, currency: entity.currency() })
}

/// The named parts of every rule that have a value without an event.
fn windows(
    id: EntityId,
    live: &Live,
    rules: &RuleSet,
    symbols: &Symbols,
    catalog: &Catalog,
) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for rule in rules.rules.iter().filter(|rule| rule.entity == id.kind) {
        without_event(id, live, (rules, rule), (symbols, catalog), |scope| {
            for part in rule.parts.iter().filter(|part| part.shown && part.ty != Type::Unknown) {
                if let Ok(value) = evaluate(scope, part.node) {
                    let written = text::outcome(Ok(value), live.entity.currency(), scope);
                    shown.push((format!("{}: {}", rule.name, part.name), written.into()));
                }
            }
        });
    }
    shown
}

/// The live rules whose last alert about the entity closed too short a time ago for another one.
fn resting(
    id: EntityId,
    live: &Live,
    rules: &RuleSet,
    symbols: &Symbols,
    catalog: &Catalog,
) -> Vec<RestView> {
    let mut found: Vec<RestView> = Vec::new();
    for (place, phase) in live.phases() {
        let rule = &rules.rules[usize::from(place)];
        let Phase::Closed { at, .. } = phase else { continue };
        let (closed_at, until) = (*at, *at + rule.timing.cooldown);
        if rule.mode != Mode::Live || until <= live.entity.clock {
            continue;
        }
        let holds = without_event(id, live, (rules, rule), (symbols, catalog), |scope| {
            evaluate(scope, rule.when).and_then(Value::truth).ok()
        });
        found.push(RestView { rule: rule.name.to_string(), closed_at, until, holds });
    }
    found.sort_by(|a, b| a.rule.cmp(&b.rule));
    found
}

/// Looks at a rule as of now, with no event at hand.
fn without_event<T>(
    id: EntityId,
    live: &Live,
    (rules, rule): (&RuleSet, &Rule),
    (symbols, catalog): (&Symbols, &Catalog),
    look: impl FnOnce(&mut Scope<'_>) -> T,
) -> T {
    let (mut parts, mut texts) = (vec![None; rule.parts.len()], Texts::default());
    look(&mut Scope {
        program: &rules.program,
        plan: rules.plan(id.kind),
        entity: Some(&live.entity),
        id: Some(id.id),
        event: None,
        now: live.entity.clock,
        catalog,
        symbols,
        walked: None,
        texts: &mut texts,
        lets: &mut parts,
        let_nodes: &rule.part_nodes,
        fuel: FUEL,
        items: &mut Items::default(),
    })
}
