//! What can be offered to a customer? The lists `next_best(…)` and `white_space(…)` of a rule.
//!
//! ```text
//! next_best(event.lines, 5)      what goes with the categories of this order      pairs in orders
//! next_best('Welding', 5)        … with what a caller asks about                  pairs in orders
//! white_space(lines, 5)          what owners of the same things own, too          pairs among owners
//!   less  what the customer has ever bought, what it declined, what is not sold
//! ```
//!
//! Items are [`Offer`]s, the best first. Before anything is learned the lists are empty.

use std::sync::Arc;

use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::evaluate::evaluate;
use crate::state::models::Models;
use crate::state::models::affinity::Meeting;
use crate::state::models::affinity::Offer;
use crate::state::past::Standing;
use crate::state::program::NodeId;
use crate::state::program::Scope;
use crate::state::scan;
use crate::state::texts;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::List;

/// Offers that are asked for at most.
pub const OFFERS_MAX: u32 = 20;

/// A list of offers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    /// How categories have to go together.
    pub meeting: Meeting,
    /// With which.
    pub context: Context,
    /// Place in the plan of the categories ever bought, which are not offered.
    pub owned: u16,
    /// So many at most.
    pub number: u32,
}

/// The categories that an offer has to go with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Context {
    /// One, by its name.
    Category(NodeId),
    /// Those of the event that set the rule off.
    Event,
    /// All that were ever bought: the set at this place of the plan.
    Owned(u16),
    /// Those bought in a window of the plan.
    Window(u16),
    /// Those of the newest so many lines.
    Newest(u32),
}

/// Fields of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferField {
    /// What is offered.
    Category,
    /// What of the customer's says most for it.
    Because,
    /// The chance that such customers have it.
    P,
    /// That chance over anybody's.
    Lift,
    /// Customers that have both.
    Buyers,
    /// Customers that have what says most for it.
    Peers,
    /// What its buyers spend on it in a year.
    Net,
    /// What is left of that after cost.
    Profit,
}

/// The offers of the last ask: a rule asks for one list several times.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    ask: Ask,
    context: Vec<u16>,
    offers: Arc<[Offer]>,
}

/// The offers that an ask finds, the best first.
pub(crate) fn offers(scope: &mut Scope<'_>, ask: &Ask) -> Result<Arc<[Offer]>, Fault> {
    let entity = scope.entity.ok_or(Fault::Type)?;
    let context = context(scope, ask.context)?;
    let answered = scope.walked.as_ref().and_then(|walked| walked.answered());
    if let Some(known) = answered.filter(|known| known.ask == *ask && known.context == context) {
        return Ok(Arc::clone(&known.offers));
    }
    let catalog = scope.catalog;
    let allowed = |category| {
        catalog.sells(category)
            && !entity.owns(ask.owned, Some(category))
            && !declined(entity, category)
    };
    let number = usize::try_from(ask.number).unwrap_or(0);
    let affinity = &catalog.models().affinity;
    let found: Arc<[Offer]> = affinity.best(ask.meeting, &context, allowed, number).into();
    if let Some(walked) = &mut scope.walked {
        walked.answer(Answered { ask: *ask, context, offers: Arc::clone(&found) });
    }
    Ok(found)
}

/// The places of the categories of a context.
pub(crate) fn context(scope: &mut Scope<'_>, context: Context) -> Result<Vec<u16>, Fault> {
    let entity = scope.entity.ok_or(Fault::Type)?;
    let affinity = &scope.catalog.models().affinity;
    Ok(match context {
        Context::Category(node) => {
            let value = evaluate(scope, node)?;
            // A caller who names nothing asks for nothing.
            affinity.context(texts::symbol(scope, value))
        }
        Context::Event => {
            let event = scope.event.ok_or(Fault::Missing)?;
            let detail = event.detail.as_deref().and_then(|detail| detail.category);
            affinity.context(event.lines.iter().filter_map(|line| line.category).chain(detail))
        }
        Context::Owned(set) => affinity.context(entity.owned_names(set)),
        Context::Window(span) => bought(entity, scope.catalog, entity.bounds(scope.plan, span)),
        Context::Newest(count) => {
            let (from, _) = scan::newest(entity, List::Lines, count);
            bought(entity, scope.catalog, (from, entity.history.end()))
        }
    })
}

/// The categories of the lines of a part of the history.
fn bought(entity: &Entity, catalog: &Catalog, (from, to): (u32, u32)) -> Vec<u16> {
    let entries = entity.history.from(from).take_while(|entry| entry.offset < to);
    let orders = entries.filter(|entry| List::Lines.holds(entry.kind()));
    let names = orders.flat_map(|entry| entry.bare_lines().filter_map(|body| body.category));
    catalog.models().affinity.context(names)
}

/// Whether somebody closed an alert that offered this as lost, or dismissed it; of the alerts that
/// are kept of an entity.
pub(crate) fn declined(entity: &Entity, offer: Symbol) -> bool {
    let over = |state| matches!(state, Standing::Lost | Standing::Dismissed);
    entity.past().all().any(|alert| alert.offer == Some(offer) && over(alert.state))
}

/// A field of an offer; amounts are null for a customer of another currency than the models'.
pub(crate) fn field(scope: &Scope<'_>, offer: &Offer, field: OfferField) -> Value {
    match field {
        OfferField::Category => Value::Text(offer.category),
        OfferField::Because => Value::Text(offer.because),
        OfferField::P => Value::Double(offer.p),
        OfferField::Lift => Value::Double(offer.lift),
        OfferField::Buyers => Value::Int(i64::from(offer.buyers)),
        OfferField::Peers => Value::Int(i64::from(offer.peers)),
        OfferField::Net => money(scope, Some(offer.net)),
        OfferField::Profit => money(scope, offer.profit),
    }
}

/// An amount that was learned, in the customer's currency; null where that is another one.
pub(crate) fn money(scope: &Scope<'_>, amount: Option<f64>) -> Value {
    let Models { currency, .. } = scope.catalog.models();
    let own = scope.entity.and_then(Entity::currency);
    if own.is_some() && own != *currency {
        return Value::Null;
    }
    // To the cent: what was learned is no exact amount.
    let cents = amount.map(|amount| (amount * 100.0).round() / 100.0);
    cents.and_then(|cents| Decimal::from_f64(cents).ok()).map_or(Value::Null, Value::Money)
}
