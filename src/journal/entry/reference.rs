//! Reference data as bytes: which fields a record has, then the fields.

use std::collections::BTreeMap;

use crate::event::Reference;
use crate::event::reference::Agreement;
use crate::event::reference::Attribute;
use crate::event::reference::Customer;
use crate::event::reference::Product;
use crate::event::reference::Quota;
use crate::event::reference::Relation;
use crate::event::reference::RelationKind;
use crate::event::reference::Rep;
use crate::event::reference::Tenure;
use crate::journal::entry::EntryError;
use crate::journal::entry::event::get_currency;
use crate::journal::entry::event::get_decimal;
use crate::journal::entry::event::put_currency;
use crate::journal::entry::event::put_decimal;
use crate::journal::entry::names::NamesIn;
use crate::journal::entry::names::NamesOut;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;

const CUSTOMER: u8 = 1;
const PRODUCT: u8 = 2;
const RELATION: u8 = 3;
const REP: u8 = 4;
const AGREEMENT: u8 = 5;

/// Writes which kind of reference data it is, and the data.
pub(super) fn put_reference(out: &mut Out, names: &mut NamesOut, reference: &Reference) {
    match reference {
        Reference::Customer(customer) => {
            out.byte(CUSTOMER);
            put_customer(out, names, customer);
        }
        Reference::Product(product) => {
            out.byte(PRODUCT);
            put_product(out, names, product);
        }
        Reference::Relation(relation) => {
            out.byte(RELATION);
            out.number(names.place(relation.from));
            out.number(names.place(relation.to));
            out.byte(match relation.kind {
                RelationKind::Substitute => 0,
                RelationKind::ReplacedBy => 1,
                RelationKind::Alternative => 2,
                RelationKind::Accessory => 3,
            });
        }
        Reference::Rep(rep) => {
            out.byte(REP);
            put_rep(out, names, rep);
        }
        Reference::Agreement(agreement) => {
            out.byte(AGREEMENT);
            put_agreement(out, names, agreement);
        }
    }
}

/// Reads reference data of this kind.
pub(super) fn get_reference(
    body: &mut In<'_>,
    names: &NamesIn,
    variant: u8,
) -> Result<Reference, EntryError> {
    Ok(match variant {
        CUSTOMER => Reference::Customer(get_customer(body, names)?),
        PRODUCT => Reference::Product(get_product(body, names)?),
        RELATION => Reference::Relation(Relation {
            from: names.get(body)?,
            to: names.get(body)?,
            kind: match body.byte()? {
                0 => RelationKind::Substitute,
                1 => RelationKind::ReplacedBy,
                2 => RelationKind::Alternative,
                3 => RelationKind::Accessory,
                _ => return Err(EntryError::Value("kind of relation")),
            },
        }),
        REP => Reference::Rep(get_rep(body, names)?),
        AGREEMENT => Reference::Agreement(get_agreement(body, names)?),
        _ => return Err(EntryError::Value("kind of record")),
    })
}

fn put_customer(out: &mut Out, names: &mut NamesOut, customer: &Customer) {
    let symbols =
        [customer.kind, customer.segment, customer.tier, customer.territory, customer.owner];
    out.number(names.place(customer.id));
    out.present([
        customer.name.is_some(),
        customer.consent_marketing.is_some(),
        customer.consent_marketing == Some(true),
    ]);
    out.present(symbols.map(|symbol| symbol.is_some()));
    put_text(out, customer.name.as_deref());
    for symbol in symbols {
        names.put(out, symbol);
    }
    put_attributes(out, &customer.attributes);
}

fn get_customer(body: &mut In<'_>, names: &NamesIn) -> Result<Customer, EntryError> {
    let id = names.get(body)?;
    let [name, said, consent] = body.present()?;
    let [kind, segment, tier, territory, owner] = body.present()?;
    Ok(Customer {
        id,
        name: get_text(name, body)?,
        kind: names.get_if(kind, body)?,
        segment: names.get_if(segment, body)?,
        tier: names.get_if(tier, body)?,
        territory: names.get_if(territory, body)?,
        owner: names.get_if(owner, body)?,
        consent_marketing: said.then_some(consent),
        attributes: get_attributes(body)?,
    })
}

fn put_product(out: &mut Out, names: &mut NamesOut, product: &Product) {
    out.number(names.place(product.id));
    out.present([
        product.name.is_some(),
        product.category.is_some(),
        product.brand.is_some(),
        product.list_price.is_some(),
        product.unit_cost.is_some(),
    ]);
    put_text(out, product.name.as_deref());
    names.put(out, product.category);
    names.put(out, product.brand);
    put_decimal(out, product.list_price);
    put_decimal(out, product.unit_cost);
    put_attributes(out, &product.attributes);
}

fn get_product(body: &mut In<'_>, names: &NamesIn) -> Result<Product, EntryError> {
    let id = names.get(body)?;
    let [name, category, brand, list_price, unit_cost] = body.present()?;
    Ok(Product {
        id,
        name: get_text(name, body)?,
        category: names.get_if(category, body)?,
        brand: names.get_if(brand, body)?,
        list_price: get_decimal(list_price, body)?,
        unit_cost: get_decimal(unit_cost, body)?,
        attributes: get_attributes(body)?,
    })
}

fn put_rep(out: &mut Out, names: &mut NamesOut, rep: &Rep) {
    out.number(names.place(rep.id));
    out.present([
        rep.name.is_some(),
        rep.title.is_some(),
        rep.manager.is_some(),
        rep.seniority.is_some(),
        // Since format 4 of journals.
        !rep.tenures.is_empty(),
    ]);
    put_text(out, rep.name.as_deref());
    put_text(out, rep.title.as_deref());
    names.put(out, rep.manager);
    names.put(out, rep.seniority);
    out.length(rep.territories.len());
    for territory in &rep.territories {
        out.number(names.place(*territory));
    }
    out.length(rep.quotas.len());
    for quota in &rep.quotas {
        out.time(quota.from);
        out.time(quota.to);
        out.decimal(quota.amount);
        out.present([quota.currency.is_some()]);
        put_currency(out, quota.currency);
    }
    if !rep.tenures.is_empty() {
        out.length(rep.tenures.len());
        for tenure in &rep.tenures {
            out.number(names.place(tenure.territory));
            out.time(tenure.from);
            out.present([tenure.to.is_some()]);
            if let Some(to) = tenure.to {
                out.time(to);
            }
        }
    }
}

fn get_rep(body: &mut In<'_>, names: &NamesIn) -> Result<Rep, EntryError> {
    let id = names.get(body)?;
    let [name, title, manager, seniority, tenures] = body.present()?;
    let (name, title) = (get_text(name, body)?, get_text(title, body)?);
    let (manager, seniority) = (names.get_if(manager, body)?, names.get_if(seniority, body)?);
    let count = body.length()?;
    let territories = (0..count).map(|_| names.get(body)).collect::<Result<_, _>>()?;
    let count = body.length()?;
    let quotas = (0..count).map(|_| get_quota(body)).collect::<Result<_, _>>()?;
    let count = if tenures { body.length()? } else { 0 };
    let tenures = (0..count).map(|_| get_tenure(body, names)).collect::<Result<_, _>>()?;
    Ok(Rep { id, name, title, manager, territories, seniority, quotas, tenures })
}

fn get_tenure(body: &mut In<'_>, names: &NamesIn) -> Result<Tenure, EntryError> {
    let (territory, from) = (names.get(body)?, body.time()?);
    let [ends] = body.present()?;
    let to = if ends { Some(body.time()?) } else { None };
    Ok(Tenure { territory, from, to })
}

fn get_quota(body: &mut In<'_>) -> Result<Quota, EntryError> {
    let (from, to, amount) = (body.time()?, body.time()?, body.decimal()?);
    let [currency] = body.present()?;
    Ok(Quota { from, to, amount, currency: get_currency(currency, body)? })
}

fn put_agreement(out: &mut Out, names: &mut NamesOut, agreement: &Agreement) {
    out.number(names.place(agreement.id));
    out.number(names.place(agreement.customer));
    out.time(agreement.from);
    out.time(agreement.to);
    out.present([
        agreement.planned_amount.is_some(),
        agreement.planned_quantity.is_some(),
        agreement.discount_rate.is_some(),
        agreement.currency.is_some(),
    ]);
    put_decimal(out, agreement.planned_amount);
    put_decimal(out, agreement.planned_quantity);
    put_decimal(out, agreement.discount_rate);
    put_currency(out, agreement.currency);
}

fn get_agreement(body: &mut In<'_>, names: &NamesIn) -> Result<Agreement, EntryError> {
    let (id, customer) = (names.get(body)?, names.get(body)?);
    let (from, to) = (body.time()?, body.time()?);
    let [planned_amount, planned_quantity, discount_rate, currency] = body.present()?;
    Ok(Agreement {
        id,
        customer,
        from,
        to,
        planned_amount: get_decimal(planned_amount, body)?,
        planned_quantity: get_decimal(planned_quantity, body)?,
        discount_rate: get_decimal(discount_rate, body)?,
        currency: get_currency(currency, body)?,
    })
}

fn put_attributes(out: &mut Out, attributes: &BTreeMap<String, Attribute>) {
    out.length(attributes.len());
    for (name, value) in attributes {
        out.text(name);
        match value {
            Attribute::Flag(flag) => out.byte(u8::from(*flag)),
            Attribute::Number(number) => {
                out.byte(2);
                number.to_le_bytes().into_iter().for_each(|byte| out.byte(byte));
            }
            Attribute::Text(text) => {
                out.byte(3);
                out.text(text);
            }
        }
    }
}

fn get_attributes(body: &mut In<'_>) -> Result<BTreeMap<String, Attribute>, EntryError> {
    let count = body.length()?;
    let mut attributes = BTreeMap::new();
    for _ in 0..count {
        let name = body.text()?.to_owned();
        let value = match body.byte()? {
            0 => Attribute::Flag(false),
            1 => Attribute::Flag(true),
            2 => {
                let mut bytes = [0; 8];
                for byte in &mut bytes {
                    *byte = body.byte()?;
                }
                Attribute::Number(f64::from_le_bytes(bytes))
            }
            3 => Attribute::Text(body.text()?.to_owned()),
            _ => return Err(EntryError::Value("attribute")),
        };
        attributes.insert(name, value);
    }
    Ok(attributes)
}

fn put_text(out: &mut Out, text: Option<&str>) {
    if let Some(text) = text {
        out.text(text);
    }
}

fn get_text(present: bool, body: &mut In<'_>) -> Result<Option<String>, EntryError> {
    if present { body.text().map(|text| Some(text.to_owned())) } else { Ok(None) }
}
