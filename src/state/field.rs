//! What a rule reads of an event, a line or a customer; null where the source did not say.

use crate::event::Event;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::event::reference::Attribute;
use crate::money::Decimal;
use crate::state::Entity;
use crate::state::item::Item;
use crate::state::item::Talk;
use crate::state::program::Field;
use crate::state::program::Function;
use crate::state::program::KnownField;
use crate::state::program::ProfileField;
use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value::Fault;
use crate::state::value::Value;

fn named_text(symbol: Option<Symbol>) -> Value {
    symbol.map_or(Value::Null, Value::Text)
}

fn talk_field(talk: &Talk, field: Field) -> Value {
    let number = |decimal: Option<Decimal>| decimal.map_or(Value::Null, Value::Number);
    match field {
        Field::Topic => named_text(talk.topic),
        Field::Outcome => named_text(talk.outcome),
        Field::Direction => named_text(talk.direction),
        Field::Campaign => named_text(talk.campaign),
        Field::Severity => named_text(talk.severity),
        Field::Duration => number(talk.duration_s),
        Field::Sentiment => number(talk.sentiment),
        Field::Count => number(talk.count),
        Field::Amount => talk.amount.map_or(Value::Null, Value::Money),
        _ => Value::Null,
    }
}

/// The name of an item that stands in a field which [is one](Field::is_name).
#[inline]
pub(crate) fn name_of(item: &Item, field: Field) -> Option<Symbol> {
    let (head, body) = (&item.head, &item.body);
    match field {
        Field::Channel => head.channel,
        Field::Rep => head.rep,
        Field::Territory => head.territory,
        Field::Customer => head.customer,
        Field::Product => body.product,
        Field::Category => body.category,
        Field::Brand => body.brand,
        Field::Promotion => body.promotion,
        _ => None,
    }
}

/// A field of an item; null when the source did not say.
pub fn field_of(item: &Item, field: Field, symbols: &Symbols) -> Value {
    let money = |amount: Option<Decimal>| amount.map_or(Value::Null, Value::Money);
    let (head, body) = (&item.head, &item.body);
    match field {
        Field::Time => Value::Time(head.time),
        Field::Kind => match head.talk.word {
            Some(word) => Value::Text(word),
            None => Value::Text(symbols.intern(head.kind.name())),
        },
        Field::Quantity => body.quantity.map_or(Value::Null, Value::Number),
        Field::Net => money(body.net),
        Field::Cost => money(body.cost),
        Field::GrossProfit => money(body.net.and_then(|net| net.checked_sub(body.cost?))),
        Field::Discount => money(body.discount),
        Field::NonProduct => Value::Bool(body.non_product),
        field if field.is_name() => named_text(name_of(item, field)),
        _ => talk_field(&head.talk, field),
    }
}

/// A field of the event at hand, without making an item of all of it where one line will do.
pub(crate) fn event_field(event: &Event, field: Field, symbols: &Symbols) -> Value {
    match (field, event.lines.as_slice()) {
        (Field::Time, _) => Value::Time(event.time),
        (Field::Channel, _) => named_text(event.channel),
        (Field::Rep, _) => named_text(event.rep),
        (Field::Territory, _) => named_text(event.territory),
        (Field::Customer, _) => named_text(event.customer),
        (Field::Category, [line]) => named_text(line.category),
        (Field::Product, [line]) => named_text(line.product),
        (Field::Net, [line]) => line.net.map_or(Value::Null, Value::Money),
        _ => field_of(&crate::state::item::whole(event, false), field, symbols),
    }
}

pub(crate) fn profile_field(scope: &Scope<'_>, field: ProfileField) -> Value {
    if field == ProfileField::Id {
        return named_text(scope.id);
    }
    let Some(profile) = scope.entity.and_then(Entity::profile) else {
        // Of a customer without reference data the id is known, and people call it by that.
        return if field == ProfileField::Name { named_text(scope.id) } else { Value::Null };
    };
    match field {
        ProfileField::Id => named_text(scope.id),
        ProfileField::Name => match &profile.name {
            Some(name) => Value::Text(scope.symbols.intern(name)),
            None => named_text(scope.id),
        },
        ProfileField::Kind => named_text(profile.kind),
        ProfileField::Segment => named_text(profile.segment),
        ProfileField::Tier => named_text(profile.tier),
        ProfileField::Territory => named_text(profile.territory),
        ProfileField::Owner => named_text(profile.owner),
        ProfileField::ConsentMarketing => {
            profile.consent_marketing.map_or(Value::Null, Value::Bool)
        }
    }
}

/// A field of the rep's or the product's reference data.
pub(crate) fn known_field(scope: &Scope<'_>, field: &KnownField) -> Result<Value, Fault> {
    let money = |amount: Option<Decimal>| amount.map_or(Value::Null, Value::Money);
    let words = |text: &Option<String>| {
        text.as_ref().map_or(Value::Null, |text| Value::Text(scope.symbols.intern(text)))
    };
    let called = |name: &Option<String>| match words(name) {
        Value::Null => named_text(scope.id),
        name => name,
    };
    let rep = scope.id.and_then(|id| scope.catalog.rep(id));
    let product = scope.id.and_then(|id| scope.catalog.product(id));
    let quota = rep.and_then(|rep| {
        rep.quotas.iter().find(|quota| quota.from <= scope.now && scope.now < quota.to)
    });
    Ok(match (field, rep, product) {
        (KnownField::RepName, Some(rep), _) => called(&rep.name),
        (KnownField::ProductName, _, Some(product)) => called(&product.name),
        // Without reference data the id is known, and people call it by that.
        (KnownField::RepName | KnownField::ProductName, ..) => named_text(scope.id),
        (KnownField::RepTitle, Some(rep), _) => words(&rep.title),
        (KnownField::RepManager, Some(rep), _) => named_text(rep.manager),
        (KnownField::RepTerritory, Some(rep), _) => {
            let mut territories = rep.sold_in(scope.now);
            named_text(territories.next().filter(|_| territories.next().is_none()))
        }
        (KnownField::RepSeniority, Some(rep), _) => named_text(rep.seniority),
        (KnownField::RepQuota, ..) => {
            let home = scope.entity.and_then(Entity::currency);
            let theirs = quota.and_then(|quota| quota.currency);
            if home.is_some() && theirs.is_some() && home != theirs {
                return Err(Fault::Currencies);
            }
            money(quota.map(|quota| quota.amount))
        }
        (KnownField::RepQuotaFrom, ..) => {
            quota.map_or(Value::Null, |quota| Value::Time(quota.from))
        }
        (KnownField::RepQuotaTo, ..) => quota.map_or(Value::Null, |quota| Value::Time(quota.to)),
        (KnownField::TeamWinRate, ..) => {
            let team = scope.catalog.models().team.conversion.share();
            team.map_or(Value::Null, Value::Double)
        }
        (KnownField::ProductCategory, _, Some(product)) => named_text(product.category),
        (KnownField::ProductBrand, _, Some(product)) => named_text(product.brand),
        (KnownField::ProductListPrice, _, Some(product)) => money(product.list_price),
        (KnownField::ProductUnitCost, _, Some(product)) => money(product.unit_cost),
        (KnownField::ProductAttribute(name), _, Some(product)) => {
            told(scope, product.attributes.get(&**name))
        }
        _ => Value::Null,
    })
}

/// Anything else that the source says of the customer.
pub(crate) fn attribute(scope: &Scope<'_>, name: &str) -> Value {
    let profile = scope.entity.and_then(Entity::profile);
    told(scope, profile.and_then(|profile| profile.attributes.get(name)))
}

fn told(scope: &Scope<'_>, attribute: Option<&Attribute>) -> Value {
    match attribute {
        None => Value::Null,
        Some(Attribute::Flag(flag)) => Value::Bool(*flag),
        Some(Attribute::Number(number)) => Value::Double(*number),
        Some(Attribute::Text(text)) => Value::Text(scope.symbols.intern(text)),
    }
}

/// What the catalogue says of a product by its id; null of one that is not known.
pub(crate) fn product_term(
    scope: &Scope<'_>,
    function: Function,
    product: Value,
) -> Result<Value, Fault> {
    const FLOOR: &str = "margin_floor";
    let id = match product {
        Value::Text(_) | Value::Made(_) => texts::symbol(scope, product),
        Value::Null => None,
        _ => return Err(Fault::Type),
    };
    let Some(product) = id.and_then(|id| scope.catalog.product(id)) else { return Ok(Value::Null) };
    let money = |amount: Option<Decimal>| amount.map_or(Value::Null, Value::Money);
    Ok(match function {
        Function::ListPrice => money(product.list_price),
        Function::UnitCost => money(product.unit_cost),
        Function::MarginFloor => match product.attributes.get(FLOOR) {
            Some(Attribute::Number(floor)) => Value::Double(*floor),
            _ => Value::Null,
        },
        _ => return Err(Fault::Type),
    })
}

/// Whether a territory was a rep's at an instant, by the rep's reference data; null where nobody
/// says.
pub(crate) fn in_territory(
    scope: &Scope<'_>,
    [rep, territory, at]: [Value; 3],
) -> Result<Value, Fault> {
    let (Some(rep), Some(territory)) = (texts::symbol(scope, rep), texts::symbol(scope, territory))
    else {
        return Ok(Value::Null);
    };
    let at = match at {
        Value::Time(at) => at,
        Value::Null => return Ok(Value::Null),
        _ => return Err(Fault::Type),
    };
    let held = scope.catalog.rep(rep).and_then(|rep| rep.held(territory, at));
    Ok(held.map_or(Value::Null, Value::Bool))
}

/// Money of a second currency can neither be added to the first nor compared with it.
pub(crate) fn at_home(value: Value, foreign: bool) -> Result<Value, Fault> {
    match value {
        Value::Money(_) if foreign => Err(Fault::Currencies),
        value => Ok(value),
    }
}

/// Whether the event at hand is in another currency than the entity's first was.
pub(crate) fn is_foreign(scope: &Scope<'_>, event: &Event) -> bool {
    let home = scope.entity.and_then(Entity::currency);
    home.is_some() && event.currency.is_some() && home != event.currency
}
