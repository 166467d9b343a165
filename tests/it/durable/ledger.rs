//! What an inbox makes of outputs, to be compared.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use siaga::alert::AlertId;
use siaga::engine::Output;

/// Alerts by their ids: every text that an alert was told with, and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) alerts: BTreeMap<AlertId, (BTreeSet<String>, String)>,
    /// In the order in which they opened first.
    pub(crate) order: Vec<(AlertId, String, String)>,
}

impl Ledger {
    pub(crate) fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Opened { alert, .. } => {
                    let text = serde_json::to_string(alert).unwrap();
                    if !self.alerts.contains_key(&alert.id) {
                        self.order.push((alert.id, alert.rule.clone(), alert.entity_id.clone()));
                    }
                    let entry = self.alerts.entry(alert.id).or_default();
                    entry.0.insert(text);
                    "opened".clone_into(&mut entry.1);
                }
                Output::Acted { .. } | Output::Duty(_) => {}
                Output::Changed { id, state, .. } => {
                    self.alerts.entry(*id).or_default().1 = serde_json::to_string(state).unwrap();
                }
            }
        }
    }

    /// What two ledgers have to have in common.
    pub(crate) fn alerts(&self) -> &BTreeMap<AlertId, (BTreeSet<String>, String)> {
        &self.alerts
    }
}

/// The first difference of two ledgers, for people.
pub(crate) fn difference(want: &Ledger, have: &Ledger) -> Option<String> {
    let ids: BTreeSet<_> = want.alerts.keys().chain(have.alerts.keys()).collect();
    ids.into_iter().find_map(|id| {
        let (want, have) = (want.alerts().get(id), have.alerts().get(id));
        (want != have).then(|| format!("{id}: want {want:#?}, have {have:#?}"))
    })
}
