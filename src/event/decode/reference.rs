//! Who are our customers, products and reps? Builds records of reference data.
//!
//! ```text
//! fields of the vocabulary ──► fields of Customer, Product, Rep …
//! all others               ──► attributes (numbers, flags, texts; a list becomes one text)
//! ```

use std::collections::BTreeMap;

use crate::event::Reference;
use crate::event::Symbol;
use crate::event::decode::form::Form;
use crate::event::decode::form::Name;
use crate::event::decode::form::Slot;
use crate::event::decode::form::Value;
use crate::event::decode::json;
use crate::event::decode::json::Json;
use crate::event::decode::refusal::Refusal;
use crate::event::decode::refusal::shown;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::mapping::RecordKind;
use crate::event::reference::Agreement;
use crate::event::reference::Attribute;
use crate::event::reference::Customer;
use crate::event::reference::Product;
use crate::event::reference::Quota;
use crate::event::reference::Relation;
use crate::event::reference::RelationKind;
use crate::event::reference::Rep;
use crate::event::reference::Tenure;
use crate::event::symbol;
use crate::money::Decimal;
use crate::time::Timestamp;

/// The fields of one reference record, looked up by field.
struct Sheet<'f, 'a, 's, 't> {
    form: &'f Form<'a>,
    mapping: &'f Mapping,
    symbols: &'s mut symbol::Writer<'t>,
    /// Set of the fields that were asked for: the others are attributes.
    taken: u64,
}

/// Builds and checks the reference record.
pub(crate) fn reference(
    form: &Form<'_>,
    kind: RecordKind,
    mapping: &Mapping,
    symbols: &mut symbol::Writer<'_>,
) -> Result<Reference, Refusal> {
    let told = [Field::Record, Field::Stream].iter().fold(0, |set, field| set | field.bit());
    let mut sheet = Sheet { form, mapping, symbols, taken: told };
    match kind {
        RecordKind::Product => sheet.product().map(Reference::Product),
        RecordKind::ProductRelation => sheet.relation().map(Reference::Relation),
        RecordKind::Rep => sheet.rep().map(Reference::Rep),
        RecordKind::Agreement => sheet.agreement().map(Reference::Agreement),
        _ => sheet.customer().map(Reference::Customer),
    }
}

impl<'a> Sheet<'_, 'a, '_, '_> {
    fn slot(&mut self, field: Field) -> Option<Slot<'a>> {
        self.taken |= field.bit();
        self.form.find(field).copied()
    }

    fn symbol(&mut self, field: Field) -> Result<Option<Symbol>, Refusal> {
        let Some(slot) = self.slot(field) else { return Ok(None) };
        let text = slot.value.name(slot.name(), false)?;
        Ok(text.map(|text| self.symbols.intern(&text)))
    }

    fn id(&mut self, field: Field, instead: &'static str) -> Result<Symbol, Refusal> {
        let text = match self.slot(field) {
            Some(slot) => slot.value.name(slot.name(), true)?,
            None => None,
        };
        match text {
            Some(text) => Ok(self.symbols.intern(&text)),
            None => Err(self.missing(field, instead)),
        }
    }

    fn missing(&self, field: Field, instead: &'static str) -> Refusal {
        Refusal::MissingField { field: self.mapping.theirs(field).to_owned(), instead }
    }

    fn prose(&mut self, field: Field) -> Result<Option<String>, Refusal> {
        let Some(slot) = self.slot(field) else { return Ok(None) };
        slot.value.prose(slot.name())
    }

    fn decimal(&mut self, field: Field) -> Result<Option<Decimal>, Refusal> {
        let Some(slot) = self.slot(field) else { return Ok(None) };
        slot.value.decimal(slot.name())
    }

    fn customer(&mut self) -> Result<Customer, Refusal> {
        let consent_marketing = match (self.slot(Field::ConsentMarketing), self.consent()?) {
            (Some(slot), _) => slot.value.flag(slot.name())?,
            (None, nested) => nested,
        };
        Ok(Customer {
            id: self.id(Field::CustomerId, "write the customer's id")?,
            name: self.prose(Field::Name)?,
            kind: self.symbol(Field::Kind)?,
            segment: self.symbol(Field::Segment)?,
            tier: self.symbol(Field::Tier)?,
            territory: self.symbol(Field::Territory)?,
            owner: self.symbol(Field::OwnerRepId)?,
            consent_marketing,
            attributes: self.attributes()?,
        })
    }

    /// `"consent": {"marketing": true}`.
    fn consent(&mut self) -> Result<Option<bool>, Refusal> {
        let mut found = None;
        if let Some(Slot { value: Value::Json(Json::Object(object)), .. }) =
            self.slot(Field::Consent)
        {
            json::members(object, |key, value| {
                if key.raw == "marketing" {
                    found = Value::Json(value).flag(Name::top("consent.marketing"))?;
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    fn product(&mut self) -> Result<Product, Refusal> {
        let (latest_price, latest_cost) = self.latest_version()?;
        Ok(Product {
            id: self.id(Field::ProductId, "write the product's id")?,
            name: self.prose(Field::Name)?,
            category: self.symbol(Field::Category)?,
            brand: self.symbol(Field::Brand)?,
            list_price: self.decimal(Field::ListPrice)?.or(latest_price),
            unit_cost: self.decimal(Field::UnitCost)?.or(latest_cost),
            attributes: self.attributes()?,
        })
    }

    /// Price and cost of the last of a product's `versions`, which run on to this day.
    fn latest_version(&mut self) -> Result<(Option<Decimal>, Option<Decimal>), Refusal> {
        let mut latest = (None, None);
        if let Some(Slot { value: Value::Json(Json::Array(list)), .. }) = self.slot(Field::Versions)
        {
            each_object("versions", list, |place, object| {
                latest = (None, None);
                json::members(object, |key, value| {
                    let name = Name { within: Some(("versions", place)), key: key.raw };
                    match key.raw {
                        "list_price" => latest.0 = Value::Json(value).decimal(name)?,
                        "unit_cost" => latest.1 = Value::Json(value).decimal(name)?,
                        _ => {}
                    }
                    Ok(())
                })
            })?;
        }
        Ok(latest)
    }

    fn relation(&mut self) -> Result<Relation, Refusal> {
        let from = self.id(Field::From, "write the product or category it starts from")?;
        let to = self.id(Field::To, "write the product or category it leads to")?;
        let slot = self.slot(Field::Relation).or_else(|| self.slot(Field::Kind));
        let Some(slot) = slot else {
            let instead = "write `substitute`, `replaced_by`, `alternative` or `accessory`";
            return Err(self.missing(Field::Relation, instead));
        };
        let word = slot.value.name(slot.name(), false)?.unwrap_or_default();
        let kind = match &*word {
            "substitute" => RelationKind::Substitute,
            "replaced_by" => RelationKind::ReplacedBy,
            "alternative" => RelationKind::Alternative,
            "accessory" => RelationKind::Accessory,
            other => {
                return Err(Refusal::UnknownWord {
                    field: slot.name().text(),
                    found: shown(other),
                    expected: "`substitute`, `replaced_by`, `alternative`, `accessory`",
                });
            }
        };
        Ok(Relation { from, to, kind })
    }

    fn rep(&mut self) -> Result<Rep, Refusal> {
        Ok(Rep {
            id: self.id(Field::RepId, "write the id of the sales person")?,
            name: self.prose(Field::Name)?,
            title: self.prose(Field::Title)?,
            manager: self.symbol(Field::ManagerId)?,
            territories: self.territories()?,
            seniority: self.symbol(Field::Seniority)?,
            quotas: self.quotas()?,
            tenures: self.tenures()?,
        })
    }

    fn territories(&mut self) -> Result<Vec<Symbol>, Refusal> {
        let Some(slot) = self.slot(Field::Territories) else {
            return Ok(self.symbol(Field::Territory)?.into_iter().collect());
        };
        let mut names = Vec::new();
        let Value::Json(Json::Array(list)) = slot.value else {
            // A table writes them into one cell.
            let cell = slot.value.prose(slot.name())?.unwrap_or_default();
            let parts = cell.split(['|', ';']).map(str::trim).filter(|part| !part.is_empty());
            names.extend(parts.map(|part| self.symbols.intern(part)));
            return Ok(names);
        };
        json::elements(list, |value| {
            let text = Value::Json(value).name(slot.name(), false)?;
            names.extend(text.map(|text| self.symbols.intern(&text)));
            Ok(())
        })?;
        Ok(names)
    }

    /// The list in a field; `None` where there is none.
    fn list(&mut self, field: Field, expected: &'static str) -> Result<Option<&'a str>, Refusal> {
        let Some(slot) = self.slot(field) else { return Ok(None) };
        match slot.value {
            Value::Json(Json::Array(list)) => Ok(Some(list)),
            Value::Json(Json::Null) => Ok(None),
            _ => {
                let (field, found) = (slot.name().text(), "no list".to_owned());
                Err(Refusal::WrongType { field, found, expected })
            }
        }
    }

    fn tenures(&mut self) -> Result<Vec<Tenure>, Refusal> {
        const FIELD: &str = "territory_history";
        let expected = "a list of `{\"territory\", \"from\", \"to\"}`";
        let Some(list) = self.list(Field::TerritoryHistory, expected)? else {
            return Ok(Vec::new());
        };
        let mut tenures = Vec::new();
        each_object(FIELD, list, |place, object| {
            let (mut territory, mut from, mut to) = (None, None, None);
            json::members(object, |key, value| {
                let name = Name { within: Some((FIELD, place)), key: key.raw };
                let value = Value::Json(value);
                match key.raw {
                    "territory" => territory = value.name(name, true)?,
                    "from" => from = value.any_time(name, self.mapping)?,
                    "to" => to = value.any_time(name, self.mapping)?,
                    _ => {}
                }
                Ok(())
            })?;
            let missing = |key, instead| {
                let field = Name { within: Some((FIELD, place)), key }.text();
                Refusal::MissingField { field, instead }
            };
            let territory =
                territory.ok_or_else(|| missing("territory", "write the territory's name"))?;
            let from = from.ok_or_else(|| missing("from", "write the first day"))?;
            if let Some(to) = to {
                period(from, to, Name { within: Some((FIELD, place)), key: "to" })?;
            }
            tenures.push(Tenure { territory: self.symbols.intern(&territory), from, to });
            Ok(())
        })?;
        Ok(tenures)
    }

    fn quotas(&mut self) -> Result<Vec<Quota>, Refusal> {
        let expected = "a list of `{\"from\", \"to\", \"amount\"}`";
        let Some(list) = self.list(Field::Quotas, expected)? else { return Ok(Vec::new()) };
        let mut quotas = Vec::new();
        each_object("quotas", list, |place, object| {
            let (mut from, mut to, mut amount, mut currency) = (None, None, None, None);
            json::members(object, |key, value| {
                let name = Name { within: Some(("quotas", place)), key: key.raw };
                let value = Value::Json(value);
                match key.raw {
                    "from" => from = value.any_time(name, self.mapping)?,
                    "to" => to = value.any_time(name, self.mapping)?,
                    "amount" => amount = value.decimal(name)?,
                    "currency" => currency = value.currency(name)?,
                    _ => {}
                }
                Ok(())
            })?;
            let missing = |key, instead| {
                let field = Name { within: Some(("quotas", place)), key }.text();
                Refusal::MissingField { field, instead }
            };
            let name = Name { within: Some(("quotas", place)), key: "to" };
            let (from, to) = period(
                from.ok_or_else(|| missing("from", "write the first day"))?,
                to.ok_or_else(|| missing("to", "write the first day after it"))?,
                name,
            )?;
            let amount = amount.ok_or_else(|| missing("amount", "write the revenue to reach"))?;
            quotas.push(Quota { from, to, amount, currency: currency.or(self.mapping.currency) });
            Ok(())
        })?;
        Ok(quotas)
    }

    fn time(&mut self, field: Field, instead: &'static str) -> Result<Timestamp, Refusal> {
        let found = match self.slot(field) {
            Some(slot) => slot.value.any_time(slot.name(), self.mapping)?,
            None => None,
        };
        found.ok_or_else(|| self.missing(field, instead))
    }

    fn agreement(&mut self) -> Result<Agreement, Refusal> {
        let id = self.id(Field::AgreementId, "write the number of the contract")?;
        let customer = self.id(Field::CustomerId, "write the id of the customer")?;
        let from = self.time(Field::From, "write the first day of the term")?;
        let to = self.time(Field::To, "write the first day after the term")?;
        let (from, to) = period(from, to, Name::top("to"))?;
        let currency = match self.slot(Field::Currency) {
            Some(slot) => slot.value.currency(slot.name())?,
            None => None,
        };
        Ok(Agreement {
            id,
            customer,
            from,
            to,
            planned_amount: self.decimal(Field::PlannedAmount)?,
            planned_quantity: self.decimal(Field::PlannedQuantity)?,
            discount_rate: self.decimal(Field::DiscountRate)?,
            currency: currency.or(self.mapping.currency),
        })
    }

    /// What is left once the vocabulary has been taken out.
    fn attributes(&self) -> Result<BTreeMap<String, Attribute>, Refusal> {
        let mut attributes = BTreeMap::new();
        for slot in &self.form.slots {
            if self.taken & slot.field.bit() != 0 {
                continue;
            }
            match slot.value {
                Value::Json(Json::Object(object)) if slot.key.raw == "attributes" => {
                    json::members(object, |key, value| {
                        let found = attribute(Value::Json(value))?;
                        attributes.extend(found.map(|found| (key.read().into_owned(), found)));
                        Ok(())
                    })?;
                }
                value => {
                    let found = attribute(value)?;
                    attributes.extend(found.map(|found| (slot.key.read().into_owned(), found)));
                }
            }
        }
        Ok(attributes)
    }
}

/// A value outside of the vocabulary; objects are left out.
fn attribute(value: Value<'_>) -> Result<Option<Attribute>, Refusal> {
    Ok(match value {
        Value::Json(Json::Null | Json::Object(_)) | Value::Absurd(_) => None,
        Value::Json(Json::Flag(flag)) => Some(Attribute::Flag(flag)),
        Value::Json(Json::Number(text)) => text.parse().ok().map(Attribute::Number),
        Value::Json(Json::Text(text)) if text.raw.is_empty() => None,
        Value::Json(Json::Text(text)) => Some(Attribute::Text(text.read().into_owned())),
        Value::Json(Json::Array(list)) => {
            let mut parts = Vec::new();
            json::elements(list, |element| {
                match element {
                    Json::Text(text) => parts.push(text.read().into_owned()),
                    Json::Number(text) => parts.push(text.to_owned()),
                    _ => {}
                }
                Ok(())
            })?;
            (!parts.is_empty()).then(|| Attribute::Text(parts.join(", ")))
        }
        Value::Decimal(number) => Some(Attribute::Number(number.to_f64())),
        #[expect(clippy::cast_precision_loss, reason = "an attribute is a binary number")]
        Value::Whole(number) => Some(Attribute::Number(number as f64)),
        Value::Time(time) => Some(Attribute::Text(time.to_string())),
    })
}

fn each_object<'a>(
    field: &'static str,
    list: &'a str,
    mut each: impl FnMut(usize, &'a str) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut place = 0;
    json::elements(list, |element| {
        let Json::Object(object) = element else {
            return Err(Refusal::WrongType {
                field: format!("{field}[{place}]"),
                found: "no object".to_owned(),
                expected: "an object, e.g. `{\"from\": \"2025-01-01\"}`",
            });
        };
        each(place, object)?;
        place += 1;
        Ok(())
    })
}

fn period(
    from: Timestamp,
    to: Timestamp,
    name: Name<'_>,
) -> Result<(Timestamp, Timestamp), Refusal> {
    if from < to {
        return Ok((from, to));
    }
    let expected = format!("a time after `from`, which is {from}");
    Err(Refusal::BadTime { field: name.text(), found: to.to_string(), expected })
}
