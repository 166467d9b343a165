//! Alerts for tests.

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Evidence;
use crate::alert::Family;
use crate::alert::Owner;
use crate::alert::Reason;
use crate::alert::Severity;
use crate::alert::Value;
use crate::event::EntityKind;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn usd(amount: &str) -> Value {
    let currency = Currency::parse("USD").ok();
    Value { amount: Decimal::parse(amount).unwrap(), currency }
}

/// A firing alert of the customer, owned by the rep `r1`.
pub(crate) fn alert(customer: &str, amount: Option<&str>) -> Alert {
    Alert {
        id: AlertId::new("drift.silence", "customer", customer, "1"),
        rule: "drift.silence".to_owned(),
        family: Family::Drift,
        severity: Severity::Warning,
        entity_kind: EntityKind::Customer,
        entity_id: customer.to_owned(),
        entity_name: Some(format!("Customer {customer}")),
        owner: Owner::Rep("r1".to_owned()),
        state: AlertState::Firing,
        opened_at: at("2025-03-01T09:00:00Z"),
        expires_at: None,
        event_id: None,
        value: amount.map(usd),
        summary: format!("{customer} has gone quiet"),
        description: "Usually orders every 9 days.".to_owned(),
        labels: [("play".to_owned(), "Call and ask.".to_owned())].into(),
        reasons: vec![Reason {
            name: "silence".into(),
            expression: "days_since(order) > 3 * usual_gap".into(),
            value: "31 d".into(),
        }],
        evidence: vec![Evidence {
            event_id: "e1".into(),
            time: at("2025-02-01T09:00:00Z"),
            kind: "order".into(),
            text: "3 × drill".into(),
            net: Some(usd("299.97")),
            margin: Some(0.31),
        }],
        evidence_total: 1,
        is_shadow: false,
        trust: 1.0,
    }
}
