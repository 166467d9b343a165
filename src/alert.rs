//! An alert: what a sales person should know now, why, how much money, and the very events.
//!
//! ```text
//!             `when` holds          …for `for`             a rep acts
//!   (quiet) ───────────────► pending ─────────► firing ◄──────────────► acknowledged, snoozed, waiting
//!                               │                  │                        │
//!                               └─► (quiet)        └────────► closed ◄──────┘
//!                                                   resolved, expired, withdrawn, won, lost, dismissed
//! ```
//!
//! An alert's id is a hash of rule, entity and episode, so that a replay, a reload or a repeat
//! of an event never makes a second one.

pub mod play;
pub mod life_cycle;

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use serde::Deserialize;
use serde::Serialize;

use crate::event::EntityKind;
pub use crate::event::alert_id::AlertId;
pub use crate::event::deed::Action;
pub use crate::event::deed::CloseReason;
pub use crate::event::deed::Deed;
pub use crate::event::deed::Owner;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// The nine families of sales alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// A complementary category is missing.
    CrossSell,
    /// A higher grade, a larger pack, the next price tier.
    UpSell,
    /// A more profitable substitute.
    SwitchSell,
    /// The customer is leaving, as a whole or in part.
    Drift,
    /// A rep's quota, conversion or activity.
    Performance,
    /// A lasting rise or fall.
    Trend,
    /// Margin below the customer's own normal.
    Margin,
    /// Terms and coverage that no longer fit the customer's value.
    Alignment,
    /// Returns of a product, sentiment.
    Quality,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth acting on this week.
    Warning,
    /// Act now: the customer is on the phone, or money is being lost.
    Critical,
}

/// One alert, as it is sent, kept and shown. Its texts are final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable across replays, reloads and channels.
    pub id: AlertId,
    /// Name of the rule.
    pub rule: String,
    /// What kind of chance or danger.
    pub family: Family,
    /// How urgent.
    pub severity: Severity,
    /// Whose history the rule looked at.
    pub entity_kind: EntityKind,
    /// The entity's id in the source.
    pub entity_id: String,
    /// What people call it, where reference data say.
    pub entity_name: Option<String>,
    /// Who should act.
    pub owner: Owner,
    /// Where it stands.
    pub state: AlertState,
    /// Event time at which it began to fire.
    pub opened_at: Timestamp,
    /// Event time at which the moment passes.
    pub expires_at: Option<Timestamp>,
    /// Id of the event that set it off; absent when the passing of time did.
    pub event_id: Option<String>,
    /// Money at stake, which ranks the inbox.
    pub value: Option<Value>,
    /// One line a sales person understands.
    pub summary: String,
    /// What more there is to say.
    pub description: String,
    /// Labels of the rule: `play` and whatever the author added.
    pub labels: BTreeMap<String, String>,
    /// Why: the named parts of the rule with their values, in order.
    pub reasons: Vec<Reason>,
    /// The very events behind it, oldest first; at most [`Alert::EVIDENCE_MAX`].
    pub evidence: Vec<Evidence>,
    /// How many events the rule looked at in all.
    pub evidence_total: u64,
    /// Whether the rule runs in the shadow: the alert is kept for the record and shown to nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_shadow: bool,
    /// How far its rule was believed when it opened, by what became of earlier alerts: 1 at first.
    #[serde(default = "full_trust", skip_serializing_if = "is_full_trust")]
    pub trust: f64,
}

/// What an alert is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Amount, in millionths when serialised.
    pub amount: Decimal,
    /// Its currency; absent when the events carry none, or the value is a plain number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// Where an alert stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AlertState {
    /// The condition holds, but not yet for as long as the rule asks.
    Pending,
    /// Waiting for somebody.
    Firing,
    /// Somebody is on it.
    Acknowledged {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Put aside until a time.
    Snoozed {
        /// By whom.
        by: String,
        /// When it comes back.
        until: Timestamp,
    },
    /// Put aside until something new happens that the rule would warn of.
    Waiting {
        /// By whom.
        by: String,
        /// Since when: what happened before is known.
        since: Timestamp,
    },
    /// Over.
    Closed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: CloseReason,
    },
}

/// A named part of a rule, with the value it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The name in the rule, or `when`.
    pub name: CompactString,
    /// The expression as the author wrote it.
    pub expression: Arc<str>,
    /// Its value, as people read it.
    pub value: CompactString,
}

/// One event behind an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its id in the source.
    pub event_id: CompactString,
    /// When it happened.
    pub time: Timestamp,
    /// `order`, `call.started` …
    pub kind: CompactString,
    /// What it was: products, topic, outcome.
    pub text: CompactString,
    /// Its net amount, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Value>,
    /// Share of the net amount that is left after cost, where the source gives costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f32>,
}

impl Eq for Value {}

fn full_trust() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_full_trust(trust: &f64) -> bool {
    (trust - 1.0).abs() < f64::EPSILON
}

impl Alert {
    /// Most events kept as evidence of one alert; the newest are kept.
    pub const EVIDENCE_MAX: usize = 50;

    /// What ranks it among others: its money, as far as its rule is believed.
    pub fn rank(&self) -> Option<Decimal> {
        let amount = self.value?.amount;
        if is_full_trust(&self.trust) {
            return Some(amount);
        }
        Some(Decimal::from_f64(amount.to_f64() * self.trust).unwrap_or(amount))
    }
}

impl Family {
    /// Every family with its name in rule files.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::CrossSell, "cross_sell"),
        (Self::UpSell, "up_sell"),
        (Self::SwitchSell, "switch_sell"),
        (Self::Drift, "drift"),
        (Self::Performance, "performance"),
        (Self::Trend, "trend"),
        (Self::Margin, "margin"),
        (Self::Alignment, "alignment"),
        (Self::Quality, "quality"),
    ];

    /// Its name in rule files.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The family of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(family, _)| *family)
    }
}

impl Severity {
    /// The lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Critical].into_iter().find(|s| s.name() == name)
    }
}

impl AlertState {
    /// The word of the state alone.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Snoozed { .. } => "snoozed",
            Self::Waiting { .. } => "waiting",
            Self::Closed { .. } => "closed",
        }
    }
}

impl Action {
    /// Where an alert stands after it; `None` for what leaves it where it is.
    pub fn leads_to(&self, by: &str, at: Timestamp) -> Option<AlertState> {
        let by = by.to_owned();
        Some(match self {
            Self::Acknowledge => AlertState::Acknowledged { by, at },
            Self::Snooze { until } => AlertState::Snoozed { by, until: *until },
            Self::Wait => AlertState::Waiting { by, since: at },
            Self::Reopen => AlertState::Firing,
            Self::Close { reason, .. } => AlertState::Closed { at, reason: reason.clone() },
            Self::Reassign { .. } | Self::Comment { .. } | Self::Retract { .. } => return None,
        })
    }
}
