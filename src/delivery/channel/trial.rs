//! A message to try a channel with: it says that it is a test, and is about nobody.

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Evidence;
use crate::alert::Family;
use crate::alert::Owner;
use crate::alert::Reason;
use crate::alert::Severity;
use crate::alert::Value;
use crate::delivery::route::matcher::Labels;
use crate::event::EntityKind;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// An alert that says it is a test; no rule has this name.
pub fn alert(now: Timestamp) -> Alert {
    let value = Value {
        amount: Decimal::from_micros(1_234 * Decimal::SCALE),
        currency: Currency::parse("USD").ok(),
    };
    Alert {
        id: AlertId::new("siaga.test", "customer", "test", &now.millis().to_string()),
        rule: "SiagaTest".to_owned(),
        family: Family::Quality,
        severity: Severity::Info,
        entity_kind: EntityKind::Customer,
        entity_id: "test".to_owned(),
        entity_name: Some("No customer: a test".to_owned()),
        owner: Owner::Queue,
        state: AlertState::Firing,
        opened_at: now,
        expires_at: None,
        event_id: None,
        value: Some(value),
        summary: "A test from Siaga: this channel works".to_owned(),
        description: "Somebody has tried this channel with `siaga channels test`.".to_owned(),
        labels: [("play".to_owned(), "nothing_to_do".to_owned())].into(),
        reasons: vec![Reason {
            name: "asked_for".into(),
            expression: "siaga channels test".into(),
            value: "yes".into(),
        }],
        evidence: vec![Evidence {
            event_id: "test".into(),
            time: now,
            kind: "order".into(),
            text: "nothing".into(),
            net: Some(value),
            margin: None,
        }],
        evidence_total: 1,
        trust: 1.0,
        is_shadow: false,
    }
}

/// An alert that has these labels, to see where it would go.
pub fn labelled(labels: &Labels, now: Timestamp) -> Alert {
    let text = |name: &str| labels.get(name).map(String::as_str);
    let owner = match (text("rep"), text("territory")) {
        (Some(rep), _) => Owner::Rep(rep.to_owned()),
        (None, Some(territory)) => Owner::Territory(territory.to_owned()),
        (None, None) => Owner::Queue,
    };
    let family = text("family").and_then(Family::from_name);
    let severity = text("severity").and_then(Severity::from_name);
    let plain = alert(now);
    Alert {
        rule: text("rule").unwrap_or("SiagaTest").to_owned(),
        family: family.unwrap_or(plain.family),
        severity: severity.unwrap_or(plain.severity),
        owner,
        ..plain
    }
}
