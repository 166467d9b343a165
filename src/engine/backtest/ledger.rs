//! The alerts of one replay, as little of each as a comparison needs: 64 bytes.
//!
//! ```text
//! opened ─► entry: id, rule, entity, owner, when, severity, value ◄─ closing, when it comes
//! ```

use std::collections::HashMap;

use rapidhash::fast::RandomState;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::alert::Family;
use crate::alert::Owner;
use crate::alert::Severity;
use crate::alert::Value;
use crate::engine::Output;
use crate::event::EntityKind;
use crate::time::Timestamp;

/// Alerts in the order of their opening.
#[derive(Debug, Default)]
pub struct Ledger {
    from: Option<Timestamp>,
    /// The alerts that count.
    pub entries: Vec<Entry>,
    /// Open alerts, by the place of their entry.
    open: HashMap<AlertId, u32, RandomState>,
    rules: Names,
    families: Vec<Family>,
    entities: Names,
    owners: Names,
    /// Alerts that opened before the first that counts.
    pub warming: u64,
}

/// One alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which alert; an episode that comes again has the same id.
    pub id: AlertId,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Money at stake.
    pub value: Option<Value>,
    entity: u32,
    owner: u32,
    rule: u16,
    /// Whose history the rule looked at.
    pub kind: EntityKind,
    /// How urgent.
    pub severity: Severity,
    /// How it ended.
    pub closing: Closing,
}

/// How an alert ended, as far as the history goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is still open.
    Open,
    /// The condition no longer held.
    Resolved,
    /// Its moment passed.
    Expired,
    /// By hand.
    ByHand,
}

/// Texts by number.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<String, u32, RandomState>,
    texts: Vec<String>,
}

impl Names {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        // Fewer names than alerts, and fewer alerts than memory for them.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }
}

impl Closing {
    /// The lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
            Self::ByHand => "closed by hand",
        }
    }
}

impl Ledger {
    /// An empty one; alerts that open before `from` are not kept.
    pub fn new(from: Option<Timestamp>) -> Self {
        Self { from, ..Self::default() }
    }

    /// Takes an output of the engine in.
    pub fn note(&mut self, output: &Output) {
        match output {
            Output::Opened { alert, .. } => self.open(alert),
            Output::Changed { id, state: AlertState::Closed { at, reason }, .. } => {
                // What opened while the windows were filled is not known here.
                let Some(place) = self.open.remove(id) else { return };
                let Some(entry) = self.entries.get_mut(place as usize) else { return };
                entry.closed_at = Some(*at);
                entry.closing = match reason {
                    CloseReason::Resolved => Closing::Resolved,
                    CloseReason::Expired => Closing::Expired,
                    CloseReason::Won
                    | CloseReason::Lost
                    | CloseReason::Dismissed(_)
                    | CloseReason::Withdrawn => Closing::ByHand,
                };
            }
            Output::Changed { .. } | Output::Acted { .. } | Output::Duty(_) => {}
        }
    }

    fn open(&mut self, alert: &Alert) {
        if self.from.is_some_and(|from| alert.opened_at < from) {
            self.warming += 1;
            return;
        }
        let rule = self.rules.number(&alert.rule);
        if rule as usize == self.families.len() {
            self.families.push(alert.family);
        }
        let owner = match &alert.owner {
            Owner::Rep(_) | Owner::Territory(_) => self.owners.number(&alert.owner.key()),
            Owner::Queue => self.owners.number("queue"),
        };
        // A message that is over as soon as it is told closes without a word.
        let told = alert.expires_at == Some(alert.opened_at);
        let entry = Entry {
            id: alert.id,
            opened_at: alert.opened_at,
            closed_at: told.then_some(alert.opened_at),
            value: alert.value,
            entity: self.entities.number(&alert.entity_id),
            owner,
            rule: u16::try_from(rule).unwrap_or(u16::MAX),
            kind: alert.entity_kind,
            severity: alert.severity,
            closing: if told { Closing::Expired } else { Closing::Open },
        };
        if !told {
            self.open.insert(alert.id, u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        }
        self.entries.push(entry);
    }

    /// Name of an alert's rule.
    pub fn rule(&self, entry: &Entry) -> &str {
        self.rules.text(u32::from(entry.rule))
    }

    /// Family of an alert's rule.
    pub fn family(&self, entry: &Entry) -> Option<Family> {
        self.families.get(usize::from(entry.rule)).copied()
    }

    /// The id of an alert's entity in the source.
    pub fn entity(&self, entry: &Entry) -> &str {
        self.entities.text(entry.entity)
    }

    /// Who should act, in one word: `rep:r12`, `territory:North`, `queue`.
    pub fn owner(&self, entry: &Entry) -> &str {
        self.owners.text(entry.owner)
    }

    /// Puts the alerts in the order of their ids, and forgets what only the replay needed.
    pub(super) fn settle(&mut self) {
        self.open = HashMap::default();
        self.entries.sort_unstable_by_key(|entry| (entry.id, entry.opened_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_takes_little() {
        // Ten million alerts are kept in well under a gigabyte.
        assert!(size_of::<Entry>() <= 80, "{} bytes", size_of::<Entry>());
    }
}
