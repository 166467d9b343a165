//! An alert as other programs read it: times in RFC 3339, money as decimal numbers.
//!
//! ```text
//! Alert { opened_at: 1741080600000, value: 1234500000 µ } ─► "opened_at": "2025-03-04T09:30:00Z",
//!                                                            "value": {"amount": 1234.5, …}
//! ```
//!
//! The API, the NDJSON output and every channel write this one form. A field that an alert lacks is
//! absent, never null.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::Serializer;
use serde_json::value::RawValue;

use crate::alert::Action;
use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::alert::Deed;
use crate::alert::Evidence;
use crate::alert::Reason;
use crate::alert::Value;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// An [`Alert`], ready to be written.
#[derive(Debug, Serialize)]
pub struct WireAlert<'a> {
    id: AlertId,
    rule: &'a str,
    family: &'static str,
    severity: &'static str,
    entity: WireEntity<'a>,
    owner: String,
    state: WireState<'a>,
    opened_at: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<WireTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<WireValue>,
    summary: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    reasons: &'a [Reason],
    evidence: Vec<WireEvidence<'a>>,
    evidence_total: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
}

#[derive(Debug, Serialize)]
struct WireEntity<'a> {
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Where an alert stands, ready to be written.
#[derive(Debug, Default, Serialize)]
pub struct WireState<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<WireTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<WireTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<WireTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// What somebody did with an alert, ready to be written.
#[derive(Debug, Serialize)]
pub struct WireDeed<'a> {
    action: &'static str,
    by: &'a str,
    at: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<WireTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<WireDecimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

/// One event of an entity, ready to be written.
#[derive(Debug, Serialize)]
pub struct WireEvidence<'a> {
    event_id: &'a str,
    time: WireTime,
    kind: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    net: Option<WireValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f32>,
}

/// An amount, ready to be written.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WireValue {
    amount: WireDecimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
}

/// A decimal number, written exactly.
#[derive(Debug, Clone, Copy)]
pub struct WireDecimal(pub Decimal);

/// An instant, written in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireTime(pub Timestamp);

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for WireDecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.0.to_string());
        number.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl From<Value> for WireValue {
    fn from(value: Value) -> Self {
        Self { amount: WireDecimal(value.amount), currency: value.currency }
    }
}

impl<'a> From<&'a Evidence> for WireEvidence<'a> {
    fn from(event: &'a Evidence) -> Self {
        Self {
            event_id: &event.event_id,
            time: WireTime(event.time),
            kind: &event.kind,
            text: &event.text,
            net: event.net.map(WireValue::from),
            margin: event.margin,
        }
    }
}

impl<'a> From<&'a AlertState> for WireState<'a> {
    fn from(state: &'a AlertState) -> Self {
        let wire = Self { name: state.name(), ..Self::default() };
        match state {
            AlertState::Pending | AlertState::Firing => wire,
            AlertState::Acknowledged { by, at } => {
                Self { by: Some(by), at: Some(WireTime(*at)), ..wire }
            }
            AlertState::Snoozed { by, until } => {
                Self { by: Some(by), until: Some(WireTime(*until)), ..wire }
            }
            AlertState::Waiting { by, since } => {
                Self { by: Some(by), since: Some(WireTime(*since)), ..wire }
            }
            AlertState::Closed { at, reason } => {
                let note = match reason {
                    CloseReason::Dismissed(note) => Some(note.as_str()),
                    _ => None,
                };
                Self {
                    at: Some(WireTime(*at)),
                    reason: Some(reason_name(reason)),
                    note: note.filter(|n| !n.is_empty()),
                    ..wire
                }
            }
        }
    }
}

impl<'a> From<&'a Deed> for WireDeed<'a> {
    fn from(deed: &'a Deed) -> Self {
        let (by, at) = (deed.by.as_str(), WireTime(deed.at));
        let action = action_name(&deed.action);
        let (until, reason, note, amount, owner) = (None, None, None, None, None);
        let wire = Self { action, by, at, until, reason, note, amount, owner };
        match &deed.action {
            Action::Acknowledge | Action::Wait | Action::Reopen => wire,
            Action::Snooze { until } => Self { until: Some(WireTime(*until)), ..wire },
            Action::Close { reason, amount } => {
                let note = match reason {
                    CloseReason::Dismissed(note) => Some(note.as_str()),
                    _ => None,
                };
                Self {
                    reason: Some(reason_name(reason)),
                    note: note.filter(|note| !note.is_empty()),
                    amount: amount.map(WireDecimal),
                    ..wire
                }
            }
            Action::Reassign { owner } => Self { owner: Some(owner.key()), ..wire },
            Action::Comment { text } | Action::Retract { text } => {
                Self { note: Some(text), ..wire }
            }
        }
    }
}

impl<'a> From<&'a Alert> for WireAlert<'a> {
    fn from(alert: &'a Alert) -> Self {
        Self {
            id: alert.id,
            rule: &alert.rule,
            family: alert.family.name(),
            severity: alert.severity.name(),
            entity: WireEntity {
                kind: alert.entity_kind.name(),
                id: &alert.entity_id,
                name: alert.entity_name.as_deref(),
            },
            owner: alert.owner.key(),
            state: WireState::from(&alert.state),
            opened_at: WireTime(alert.opened_at),
            expires_at: alert.expires_at.map(WireTime),
            event_id: alert.event_id.as_deref(),
            value: alert.value.map(WireValue::from),
            summary: &alert.summary,
            description: &alert.description,
            labels: &alert.labels,
            reasons: &alert.reasons,
            evidence: alert.evidence.iter().map(WireEvidence::from).collect(),
            evidence_total: alert.evidence_total,
            shadow: alert.is_shadow,
        }
    }
}

/// The word of an action.
pub fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Acknowledge => "acknowledge",
        Action::Snooze { .. } => "snooze",
        Action::Wait => "wait",
        Action::Reopen => "reopen",
        Action::Close { .. } => "close",
        Action::Reassign { .. } => "reassign",
        Action::Comment { .. } => "comment",
        Action::Retract { .. } => "retract",
    }
}

/// The word of a reason for closing.
pub fn reason_name(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Resolved => "resolved",
        CloseReason::Expired => "expired",
        CloseReason::Withdrawn => "withdrawn",
        CloseReason::Won => "won",
        CloseReason::Lost => "lost",
        CloseReason::Dismissed(_) => "dismissed",
    }
}
