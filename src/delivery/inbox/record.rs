//! What became of a rule's alerts: how many, for whom, on which days, and were they right?
//!
//! ```text
//! alerts of a rule ─┬─ live ───► outcomes, by owner, by day
//!                   └─ shadow ─► outcomes, as nobody saw them
//! ```

use std::collections::BTreeMap;

use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::SHADOW;
use crate::engine::backtest::bar::Shown;
use crate::engine::backtest::outcome::Judged;
use crate::time::Span;
use crate::time::Timestamp;

/// What became of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// All of them.
    pub alerts: u64,
    /// Not over yet.
    pub open: u64,
    /// Won.
    pub won: u64,
    /// Lost.
    pub lost: u64,
    /// Dismissed.
    pub dismissed: u64,
    /// Over by themselves, or with their moment.
    pub passed: u64,
}

impl Outcomes {
    /// Alerts that somebody judged.
    pub fn judged(&self) -> u64 {
        self.won + self.lost + self.dismissed
    }

    /// The share of the judged ones that made business, as `rules promote` counts it; none when
    /// nobody has judged one.
    #[expect(clippy::cast_precision_loss, reason = "a share that is shown")]
    pub fn precision(&self) -> Option<f64> {
        (self.judged() > 0).then(|| self.won as f64 / self.judged() as f64)
    }

    fn count(&mut self, state: &AlertState) {
        self.alerts += 1;
        match state {
            AlertState::Closed { reason, .. } => match reason {
                CloseReason::Won => self.won += 1,
                CloseReason::Lost => self.lost += 1,
                CloseReason::Dismissed(_) => self.dismissed += 1,
                CloseReason::Resolved | CloseReason::Expired | CloseReason::Withdrawn => {
                    self.passed += 1;
                }
            },
            _ => self.open += 1,
        }
    }
}

/// What became of the alerts of one rule since an instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleRecord {
    /// Of alerts that people saw.
    pub live: Outcomes,
    /// Of alerts in the shadow.
    pub shadow: Outcomes,
    /// Alerts of each owner, the shadow included; the most first.
    pub owners: Vec<Volume>,
    /// Alerts of each UTC day that had any, the shadow included, in order.
    pub days: Vec<(i64, u64)>,
    /// The most alerts that one owner had on one day.
    pub busiest: u64,
    /// Who would have had the most alerts of the shadow on one day, and how many.
    pub busiest_in_shadow: Option<(String, u64)>,
}

/// How many alerts of a rule one owner had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// [`crate::alert::Owner::key`].
    pub owner: String,
    /// All of them.
    pub alerts: u64,
    /// The most on one UTC day.
    pub busiest: u64,
}

impl RuleRecord {
    /// What it showed in the shadow, for who decides whether it goes live.
    pub fn shown(&self) -> Shown {
        let Outcomes { alerts, won, lost, dismissed, .. } = self.shadow;
        let judged = Judged { won, lost, dismissed };
        Shown { alerts, judged, busiest: self.busiest_in_shadow.clone() }
    }
}

impl Inbox {
    /// What became of the alerts that each rule opened since `from`; of one rule, or of all.
    pub fn records(
        &self,
        rule: Option<&str>,
        from: Timestamp,
    ) -> Result<BTreeMap<String, RuleRecord>, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT rule, state, shelf, owner, opened_at FROM alerts
             WHERE opened_at >= ?1 AND (?2 IS NULL OR rule = ?2) ORDER BY rule",
        )?;
        let mut rows = statement.query(rusqlite::params![from.millis(), rule])?;
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let rule = row.get_ref(0)?.as_str().unwrap_or_default();
            if !tallies.contains_key(rule) {
                tallies.insert(rule.to_owned(), Tally::default());
            }
            let Some(tally) = tallies.get_mut(rule) else { continue };
            let state = serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?;
            let is_shadow = row.get::<_, i64>(2)? == SHADOW;
            let outcomes = if is_shadow { &mut tally.shadow } else { &mut tally.live };
            outcomes.count(&state);
            let day = row.get::<_, i64>(4)?.div_euclid(Span::DAY.millis());
            let cell = tally.cells.entry((row.get(3)?, day)).or_default();
            cell.alerts += 1;
            cell.shadow += u64::from(is_shadow);
        }
        Ok(tallies.into_iter().map(|(rule, tally)| (rule, tally.record())).collect())
    }
}

/// A record in the making: alerts by owner and day.
#[derive(Default)]
struct Tally {
    live: Outcomes,
    shadow: Outcomes,
    cells: BTreeMap<(String, i64), Cell>,
}

/// Alerts of one owner on one day, and those of them in the shadow.
#[derive(Default)]
struct Cell {
    alerts: u64,
    shadow: u64,
}

impl Tally {
    fn record(self) -> RuleRecord {
        let (mut owners, mut days): (BTreeMap<String, Volume>, _) =
            (BTreeMap::new(), BTreeMap::new());
        let busiest = self.cells.values().map(|cell| cell.alerts).max().unwrap_or(0);
        let in_shadow = self.cells.iter().filter(|(_, cell)| cell.shadow > 0);
        let in_shadow = in_shadow.max_by_key(|(_, cell)| cell.shadow);
        let busiest_in_shadow = in_shadow.map(|((owner, _), cell)| (owner.clone(), cell.shadow));
        for ((owner, day), Cell { alerts, .. }) in self.cells {
            let volume = owners.entry(owner).or_default();
            volume.alerts += alerts;
            volume.busiest = volume.busiest.max(alerts);
            *days.entry(day).or_insert(0_u64) += alerts;
        }
        let owners = owners.into_iter().map(|(owner, volume)| Volume { owner, ..volume });
        let mut owners: Vec<Volume> = owners.collect();
        owners.sort_by(|a, b| b.alerts.cmp(&a.alerts).then_with(|| a.owner.cmp(&b.owner)));
        let (live, shadow, days) = (self.live, self.shadow, days.into_iter().collect());
        RuleRecord { live, shadow, owners, days, busiest, busiest_in_shadow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Owner;
    use crate::delivery::inbox::InboxConfig;
    use crate::delivery::inbox::sample;
    use crate::engine::Output;

    #[test]
    fn a_record_tells_how_often_for_whom_and_how_right() {
        let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
        let no = || CloseReason::Dismissed("no".to_owned());
        for (i, (day, owner, reason, is_shadow)) in [
            ("2025-02-01", "r1", Some(CloseReason::Won), false),
            ("2025-03-01", "r1", Some(CloseReason::Won), false),
            ("2025-03-01", "r1", Some(no()), false),
            ("2025-03-02", "r2", Some(CloseReason::Lost), false),
            ("2025-03-02", "r2", Some(CloseReason::Expired), false),
            ("2025-03-02", "r1", None, false),
            ("2025-03-05", "r3", None, true),
        ]
        .into_iter()
        .enumerate()
        {
            let mut alert = sample::alert(&format!("c{i}"), None);
            (alert.opened_at, alert.is_shadow) = (sample::at(day), is_shadow);
            alert.owner = Owner::Rep(owner.to_owned());
            let (id, at) = (alert.id, alert.opened_at);
            let changed = reason.map(|reason| Output::Changed {
                id,
                state: AlertState::Closed { at, reason },
                at,
            });
            let opened = Output::Opened { alert: Box::new(alert), arrived: None };
            inbox.apply(&[opened].into_iter().chain(changed).collect::<Vec<_>>()).unwrap();
        }
        let records = inbox.records(None, sample::at("2025-03-01")).unwrap();
        assert_eq!(records.len(), 1);
        let record = &records["drift.silence"];
        let live = Outcomes { alerts: 5, open: 1, won: 1, lost: 1, dismissed: 1, passed: 1 };
        assert_eq!(record.live, live);
        assert_eq!(record.live.precision(), Some(1.0 / 3.0));
        assert_eq!(record.shadow, Outcomes { alerts: 1, open: 1, ..Outcomes::default() });
        assert_eq!(record.shadow.precision(), None);
        let busiest = Some(("rep:r3".to_owned(), 1));
        assert_eq!(record.shown(), Shown { alerts: 1, busiest, ..Shown::default() });
        let owners = record.owners.iter().map(|v| (v.owner.as_str(), v.alerts, v.busiest));
        let want = [("rep:r1", 3, 2), ("rep:r2", 2, 2), ("rep:r3", 1, 1)];
        assert_eq!(owners.collect::<Vec<_>>(), want);
        let days: Vec<u64> = record.days.iter().map(|(_, alerts)| *alerts).collect();
        assert_eq!((days, record.busiest), (vec![2, 3, 1], 2));
        assert!(inbox.records(Some("other"), Timestamp::MIN).unwrap().is_empty());
    }
}
