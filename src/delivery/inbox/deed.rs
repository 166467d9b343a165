//! What people did with alerts: who acknowledged, what was said, to whom an alert went.
//!
//! ```text
//! Output::Acted ─► deeds ─┬─► history and comments of an alert
//!                         ├─► alerts.owner        reassigned
//!                         ├─► alerts.amount       won or lost, for so much
//!                         └─► alerts.answered_at  the first response
//! ```
//!
//! A deed that comes twice, from a replay, is kept once and does nothing the second time.

use rusqlite::OptionalExtension;
use rusqlite::Transaction;

use crate::alert::Action;
use crate::alert::AlertId;
use crate::alert::Deed;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::MOVED;
use crate::delivery::inbox::SHADOW;
use crate::delivery::inbox::number;
use crate::money::Decimal;
use crate::time::Timestamp;

/// Most deeds that are read of one alert, the newest.
const DEEDS_MAX: u32 = 200;

/// Keeps a deed and does what it says; a change of a state comes as an output of its own.
pub(super) fn keep(
    to: &Transaction<'_>,
    id: AlertId,
    deed: &Deed,
    changes: &mut Vec<Change>,
) -> Result<(), InboxError> {
    let text = id.to_string();
    let found = to
        .prepare_cached("SELECT owner, family, state_name, shelf FROM alerts WHERE id = ?1")?
        .query_row([&text], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? == SHADOW))
        })
        .optional()?;
    let Some((owner, family, state, false)) = found else { return Ok(()) };
    let kept = to
        .prepare_cached(
            "INSERT OR IGNORE INTO deeds (alert, at, by, action) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(rusqlite::params![
            text,
            deed.at.millis(),
            deed.by,
            serde_json::to_string(&deed.action)?,
        ])?;
    if kept == 0 {
        return Ok(());
    }
    if deed.action.is_response() {
        to.prepare_cached(
            "UPDATE alerts SET answered_at = COALESCE(answered_at, ?2) WHERE id = ?1",
        )?
        .execute(rusqlite::params![text, deed.at.millis()])?;
    }
    let here = Change { seq: 0, id, opened: false, owner, family, state, at: deed.at };
    match &deed.action {
        Action::Acknowledge | Action::Snooze { .. } | Action::Wait => {}
        Action::Reopen => amount(to, &text, None)?,
        Action::Close { amount: given, .. } => amount(to, &text, given.map(Decimal::micros))?,
        Action::Comment { .. } => changes.push(told(to, here)?),
        Action::Retract { text: words } => {
            let comment = serde_json::to_string(&Action::Comment { text: words.clone() })?;
            to.prepare_cached(
                "UPDATE deeds SET is_taken_back = 1 WHERE alert = ?1 AND action = ?2 AND by = ?3",
            )?
            .execute(rusqlite::params![text, comment, deed.by])?;
            changes.push(told(to, here)?);
        }
        Action::Reassign { owner } if owner.key() == here.owner => {}
        Action::Reassign { owner } => {
            let there = Change { owner: owner.key(), opened: true, ..here.clone() };
            changes.push(told(to, Change { state: MOVED.to_owned(), ..here })?);
            to.prepare_cached("UPDATE alerts SET owner = ?2 WHERE id = ?1")?
                .execute([&text, &there.owner])?;
            changes.push(told(to, there)?);
        }
    }
    Ok(())
}

/// Numbers a change and notes it with its alert.
fn told(to: &Transaction<'_>, change: Change) -> Result<Change, InboxError> {
    let change = number(to, change)?;
    to.prepare_cached("UPDATE alerts SET seq = ?2 WHERE id = ?1")?
        .execute(rusqlite::params![change.id.to_string(), change.seq.cast_signed()])?;
    Ok(change)
}

fn amount(to: &Transaction<'_>, id: &str, micros: Option<i64>) -> Result<(), InboxError> {
    to.prepare_cached("UPDATE alerts SET amount = ?2 WHERE id = ?1")?
        .execute(rusqlite::params![id, micros])?;
    Ok(())
}

/// Forgets what was done with alerts that are forgotten.
pub(super) fn prune(to: &Transaction<'_>) -> Result<(), InboxError> {
    to.prepare_cached("DELETE FROM deeds WHERE alert NOT IN (SELECT id FROM alerts)")?
        .execute([])?;
    Ok(())
}

impl Inbox {
    /// When something was last done with an alert, a comment that was taken back included.
    pub fn acted_at(&self, id: AlertId) -> Result<Option<Timestamp>, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT MAX(at) FROM deeds WHERE alert = ?1")?;
        let millis: Option<i64> = statement.query_row([id.to_string()], |row| row.get(0))?;
        Ok(millis.map(Timestamp::saturating))
    }

    /// What was done with an alert, the oldest first; comments that were taken back are left out.
    pub fn deeds(&self, id: AlertId) -> Result<Vec<Deed>, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT action, by, at FROM deeds WHERE alert = ?1 AND is_taken_back = 0
             ORDER BY row DESC LIMIT ?2",
        )?;
        let mut rows = statement.query(rusqlite::params![id.to_string(), DEEDS_MAX])?;
        let mut deeds = Vec::new();
        while let Some(row) = rows.next()? {
            let action = serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?;
            if matches!(action, Action::Retract { .. }) {
                continue;
            }
            deeds.push(Deed { action, by: row.get(1)?, at: Timestamp::saturating(row.get(2)?) });
        }
        deeds.reverse();
        Ok(deeds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::CloseReason;
    use crate::alert::Owner;
    use crate::delivery::inbox::InboxConfig;
    use crate::delivery::inbox::query::Query;
    use crate::delivery::inbox::sample;
    use crate::engine::Output;

    fn deed(action: Action, time: &str) -> Deed {
        Deed { action, by: "ann".to_owned(), at: sample::at(time) }
    }

    fn comment(text: &str) -> Action {
        Action::Comment { text: text.to_owned() }
    }

    #[test]
    fn deeds_are_kept_once_and_comments_can_be_taken_back() {
        let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
        let alert = sample::alert("c1", Some("10"));
        let id = alert.id;
        let opened = Output::Opened { alert: Box::new(alert), arrived: None };
        inbox.apply(std::slice::from_ref(&opened)).unwrap();
        let retract = Action::Retract { text: "one".to_owned() };
        let deeds = [
            deed(comment("one"), "2025-03-02"),
            deed(comment("two"), "2025-03-03"),
            deed(retract, "2025-03-04"),
            deed(comment("one"), "2025-03-05"),
        ];
        let outputs: Vec<Output> =
            deeds.iter().map(|deed| Output::Acted { id, deed: deed.clone() }).collect();
        assert_eq!(inbox.apply(&outputs).unwrap().len(), 4);
        let want = [deeds[1].clone(), deeds[3].clone()];
        assert_eq!(inbox.deeds(id).unwrap(), want);
        // A replay says it all again.
        assert_eq!(inbox.apply(&outputs).unwrap(), []);
        assert_eq!(inbox.deeds(id).unwrap(), want);
        let stray = AlertId::new("r", "customer", "c2", "");
        let unknown = Output::Acted { id: stray, deed: deeds[0].clone() };
        assert_eq!(inbox.apply(&[unknown]).unwrap(), []);
        assert_eq!(inbox.deeds(stray).unwrap(), []);
    }

    #[test]
    fn a_reassigned_alert_leaves_one_list_and_arrives_in_another() {
        let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
        let alert = sample::alert("c1", Some("10"));
        let id = alert.id;
        inbox.apply(&[Output::Opened { alert: Box::new(alert), arrived: None }]).unwrap();
        let owner = Owner::Rep("r2".to_owned());
        let action = Action::Reassign { owner: owner.clone() };
        let moved = Output::Acted { id, deed: deed(action, "2025-03-02") };
        let changes = inbox.apply(std::slice::from_ref(&moved)).unwrap();
        let told: Vec<_> =
            changes.iter().map(|c| (c.owner.as_str(), c.state.as_str(), c.opened)).collect();
        assert_eq!(told, [("rep:r1", "moved", false), ("rep:r2", "firing", true)]);
        let listed = |owner: &str| {
            let query = Query { owner: Some(owner.to_owned()), ..Query::default() };
            inbox.list(&query).unwrap().alerts.len()
        };
        assert_eq!((listed("rep:r1"), listed("rep:r2")), (0, 1));
        assert_eq!(inbox.get(id).unwrap().unwrap().alert.owner, owner);
    }

    #[test]
    fn an_amount_stays_until_the_alert_is_opened_again() {
        let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
        let alert = sample::alert("c1", Some("10"));
        let id = alert.id;
        inbox.apply(&[Output::Opened { alert: Box::new(alert), arrived: None }]).unwrap();
        let amount = Decimal::parse("12.5").ok();
        let close = Action::Close { reason: CloseReason::Won, amount };
        for (action, time, want) in
            [(close, "2025-03-02", Some(sample::usd("12.5"))), (Action::Reopen, "2025-03-03", None)]
        {
            let deed = deed(action, time);
            let state = deed.action.leads_to(&deed.by, deed.at).unwrap();
            let at = deed.at;
            inbox.apply(&[Output::Changed { id, state, at }, Output::Acted { id, deed }]).unwrap();
            assert_eq!(inbox.get(id).unwrap().unwrap().amount, want);
        }
    }
}
