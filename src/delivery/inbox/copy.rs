//! Copies: another inbox gets the alerts of this one, each as it stands.
//!
//! ```text
//! this inbox                                              the other one
//! first: every alert, by its row, a page at a time   ─┐   new ──► opened
//! then:  those that changed, by the change's number  ─┴─► other ► changed, or moved to its owner
//!                                                         same ─► nothing
//! ```
//!
//! What is copied is where an alert stands, not what happened to it: taken twice, or after others were
//! missed, it comes to the same. How far an inbox was copied is kept with the alerts, all or none.
//! Alerts in the shadow stay where they are.
//!
//! An inbox that began anew has another name: everything is copied again, and what is not there any
//! more, in none of those that are copied, goes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Transaction;
use serde::Deserialize;
use serde::Serialize;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Deed;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::MOVED;
use crate::delivery::inbox::number;
use crate::delivery::inbox::open_alert;
use crate::delivery::inbox::people::People;
use crate::delivery::inbox::people::Person;
use crate::delivery::inbox::prune;
use crate::delivery::inbox::query;
use crate::delivery::inbox::shelf;
use crate::event::EntityKind;
use crate::money::Decimal;
use crate::time::Timestamp;

/// Alerts of one page, at most.
const PAGE_MAX: u32 = 256;

/// One alert, with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// The alert, in the state that it has now.
    pub alert: Alert,
    /// What it brought in or cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// Event time of its newest change.
    pub changed_at: Timestamp,
    /// Event time of the first response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// What was done with it, the oldest first.
    pub deeds: Vec<CopiedDeed>,
}

/// What somebody did with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedDeed {
    /// What, who and when.
    pub deed: Deed,
    /// Whether it is a comment that was taken back.
    pub is_taken_back: bool,
}

/// Alerts that are copied together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The name of the inbox that they are copied from.
    pub inbox: String,
    /// The alerts.
    pub alerts: Vec<Copied>,
    /// Where the next page begins.
    pub next: Place,
}

/// How far an inbox is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Place {
    /// Up to this row, on the first way through; the changes that follow are behind this number.
    Row(u64, u64),
    /// All of it, up to the change of this number.
    Change(u64),
}

impl Place {
    /// Whether every alert has been copied once.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Change(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(row, seq) => write!(f, "row-{row}-{seq}"),
            Self::Change(seq) => write!(f, "change-{seq}"),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = InboxError;

    fn try_from(text: String) -> Result<Self, InboxError> {
        text.parse()
    }
}

impl FromStr for Place {
    type Err = InboxError;

    fn from_str(text: &str) -> Result<Self, InboxError> {
        let mut parts = text.split('-');
        let kind = parts.next();
        let mut number = || {
            let number = parts.next().and_then(|part| part.parse::<u64>().ok());
            number.filter(|number| i64::try_from(*number).is_ok())
        };
        let place = match kind {
            Some("row") => number().zip(number()).map(|(row, seq)| Self::Row(row, seq)),
            Some("change") => number().map(Self::Change),
            _ => None,
        };
        place.ok_or_else(|| InboxError::Cursor(text.chars().take(80).collect()))
    }
}

impl Inbox {
    /// The name of this inbox: it is another one where the file was made anew.
    pub fn name(&self) -> Result<String, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT name FROM identity")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// The alerts that come next for whoever has copied them up to `from`; from the beginning without
    /// one, or where it is too long ago.
    pub fn page(&self, from: Option<Place>) -> Result<Page, InboxError> {
        let inbox = self.name()?;
        let reader = self.reader();
        let (oldest, newest) = bounds(&reader)?;
        let (ids, next) = match from {
            Some(Place::Row(row, seq)) => rows_behind(&reader, (row, seq))?,
            Some(Place::Change(seq)) if seq <= newest && seq + 1 >= oldest => {
                changed_behind(&reader, seq)?
            }
            Some(Place::Change(_)) | None => rows_behind(&reader, (0, newest))?,
        };
        let found = ids.iter().map(|id| copied(&reader, id));
        let alerts = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Page { inbox, alerts, next })
    }

    /// Sets out to copy the inboxes at these addresses, and no others. Where they are others than
    /// before, all are copied again, and what none of them has any more goes then.
    pub fn gather(&self, addresses: &[String]) -> Result<(), InboxError> {
        let wanted: BTreeSet<&str> = addresses.iter().map(String::as_str).collect();
        // Who is erased at a process is overwritten here, too.
        self.writer.lock().pragma_update(None, "secure_delete", true)?;
        self.write(|to| {
            let mut statement = to.prepare("SELECT address FROM origins")?;
            let known = statement.query_map([], |row| row.get::<_, String>(0))?;
            let known = known.collect::<Result<BTreeSet<_>, _>>()?;
            if known.iter().map(String::as_str).eq(wanted.iter().copied()) {
                return Ok(());
            }
            to.execute_batch("DELETE FROM origins; UPDATE alerts SET is_stale = 1;")?;
            for address in wanted {
                to.execute("INSERT INTO origins (address) VALUES (?1)", [address])?;
            }
            Ok(())
        })
    }

    /// The name of the inbox at an address, and how far it is copied; none before the first page.
    pub fn copied(&self, address: &str) -> Result<Option<(String, Place)>, InboxError> {
        let reader = self.reader();
        let mut statement =
            reader.prepare_cached("SELECT inbox, place FROM origins WHERE address = ?1")?;
        let found = statement
            .query_row([address], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
            .optional()?;
        let Some((Some(inbox), Some(place))) = found else { return Ok(None) };
        Ok(Some((inbox, place.parse()?)))
    }

    /// Whether each of the inboxes that are gathered has been copied once.
    pub fn is_gathered(&self) -> Result<bool, InboxError> {
        is_gathered(&self.reader())
    }

    /// The address of the inbox that an alert, or else the latest of an entity, was copied from.
    pub fn origin(
        &self,
        (kind, entity): (EntityKind, &str),
        alert: Option<AlertId>,
    ) -> Result<Option<String>, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT origin FROM alerts
             WHERE entity_kind = ?1 AND entity_id = ?2 AND (?3 IS NULL OR id = ?3)
             ORDER BY seq DESC LIMIT 1",
        )?;
        let alert = alert.map(|id| id.to_string());
        let asked = rusqlite::params![kind.name(), entity, alert];
        Ok(statement.query_row(asked, |row| row.get(0)).optional()?)
    }

    /// Keeps a page of the inbox at this address, all of it or nothing; says what it changed.
    pub fn take(&self, address: &str, page: &Page) -> Result<Vec<Change>, InboxError> {
        let known = self.copied(address)?;
        self.write(|to| {
            let mut changes = Vec::new();
            if known.as_ref().is_some_and(|(inbox, _)| *inbox != page.inbox) {
                to.prepare_cached("UPDATE alerts SET is_stale = 1 WHERE origin = ?1")?
                    .execute([address])?;
            }
            for copied in &page.alerts {
                adopt(to, address, copied, &mut changes)?;
            }
            let place = page.next.to_string();
            to.prepare_cached("UPDATE origins SET inbox = ?2, place = ?3 WHERE address = ?1")?
                .execute([address, &page.inbox, &place])?;
            let was_whole =
                known.is_some_and(|(inbox, place)| inbox == page.inbox && place.is_whole());
            if page.next.is_whole() && !was_whole && is_gathered(to)? {
                sweep(to, &mut changes)?;
                prune(to, &self.config)?;
            }
            Ok(changes)
        })
    }

    /// Learns of people from elsewhere.
    pub fn introduce(&self, persons: &[(String, Person)]) -> Result<(), InboxError> {
        let mut people = People::clone(&self.people.read());
        let told = persons.iter().filter(|(id, person)| people.learn(id, person));
        let new: Vec<&(String, Person)> = told.collect();
        if new.is_empty() {
            return Ok(());
        }
        self.write(|to| new.iter().try_for_each(|(id, person)| People::keep(to, id, person)))?;
        *self.people.write() = people.into();
        Ok(())
    }
}

/// Numbers of the oldest and the newest change that are kept.
fn bounds(reader: &Connection) -> Result<(u64, u64), InboxError> {
    let mut statement = reader.prepare_cached("SELECT MIN(seq), MAX(seq) FROM changes")?;
    let found = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match found {
        (Some(oldest), Some(newest)) => (i64::cast_unsigned(oldest), i64::cast_unsigned(newest)),
        _ => (1, 0),
    })
}

/// Ids of alerts by their rows, and where it goes on.
fn rows_behind(
    reader: &Connection,
    (row, seq): (u64, u64),
) -> Result<(Vec<String>, Place), InboxError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, row FROM alerts WHERE row > ?1 AND shelf < 3 ORDER BY row LIMIT ?2",
    )?;
    let asked = rusqlite::params![row.cast_signed(), PAGE_MAX];
    let found = statement.query_map(asked, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    let found = found.collect::<Result<Vec<(String, i64)>, _>>()?;
    let next = match found.last() {
        Some((_, last)) if found.len() == PAGE_MAX as usize => {
            Place::Row(last.cast_unsigned(), seq)
        }
        _ => Place::Change(seq),
    };
    Ok((found.into_iter().map(|(id, _)| id).collect(), next))
}

/// Ids of the alerts that the next changes are about, each once, and where it goes on.
fn changed_behind(reader: &Connection, seq: u64) -> Result<(Vec<String>, Place), InboxError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, MAX(seq) AS latest
         FROM (SELECT id, seq FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2)
         GROUP BY id ORDER BY latest",
    )?;
    let asked = rusqlite::params![seq.cast_signed(), PAGE_MAX];
    let found = statement.query_map(asked, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    let found = found.collect::<Result<Vec<(String, i64)>, _>>()?;
    let next = found.last().map_or(seq, |(_, last)| last.cast_unsigned());
    Ok((found.into_iter().map(|(id, _)| id).collect(), Place::Change(next)))
}

/// An alert as it is copied; none where it is gone, or lies in the shadow.
fn copied(reader: &Connection, id: &str) -> Result<Option<Copied>, InboxError> {
    let mut statement = reader.prepare_cached(
        "SELECT body, state, seq, owner, amount, changed_at, answered_at FROM alerts
         WHERE id = ?1 AND shelf < 3",
    )?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let kept = query::kept(row)?;
    let answered_at: Option<i64> = row.get(6)?;
    Ok(Some(Copied {
        alert: kept.alert,
        amount: kept.amount.map(|amount| amount.amount),
        changed_at: Timestamp::saturating(row.get(5)?),
        answered_at: answered_at.map(Timestamp::saturating),
        deeds: deeds(reader, id)?,
    }))
}

fn deeds(reader: &Connection, id: &str) -> Result<Vec<CopiedDeed>, InboxError> {
    let mut statement = reader.prepare_cached(
        "SELECT action, by, at, is_taken_back FROM deeds WHERE alert = ?1 ORDER BY row",
    )?;
    let mut rows = statement.query([id])?;
    let mut deeds = Vec::new();
    while let Some(row) = rows.next()? {
        let action = serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?;
        let (by, at) = (row.get(1)?, Timestamp::saturating(row.get(2)?));
        deeds.push(CopiedDeed { deed: Deed { action, by, at }, is_taken_back: row.get(3)? });
    }
    Ok(deeds)
}

/// What is known of an alert that is copied once more.
struct Known {
    alert: Alert,
    state: AlertState,
    owner: String,
    amount: Option<i64>,
}

/// Keeps a copied alert, and numbers what is new about it.
fn adopt(
    to: &Transaction<'_>,
    address: &str,
    copied: &Copied,
    changes: &mut Vec<Change>,
) -> Result<(), InboxError> {
    let (alert, id) = (&copied.alert, copied.alert.id.to_string());
    let mut before = known(to, &id)?;
    let differs = |known: &Known| {
        let (owner, state) = (alert.owner.clone(), alert.state.clone());
        Alert { owner, state, ..known.alert.clone() } != *alert
    };
    // A rule that was taken out and is back may say it in other words.
    if before.as_ref().is_some_and(differs) {
        to.prepare_cached("DELETE FROM alerts WHERE id = ?1")?.execute([&id])?;
        before = None;
    }
    let is_new = before.is_none();
    if is_new {
        open_alert(to, alert, changes)?;
    }
    let has_new_deeds = keep_deeds(to, &id, &copied.deeds)?;
    let (owner, amount) = (alert.owner.key(), copied.amount.map(Decimal::micros));
    let change = Change {
        seq: 0,
        id: alert.id,
        opened: false,
        owner: owner.clone(),
        family: alert.family.name().to_owned(),
        state: alert.state.name().to_owned(),
        at: copied.changed_at,
    };
    let mut told = Vec::new();
    if let Some(Known { owner: was, state, amount: sum, .. }) = before {
        if was != owner {
            let (left, change) = (change.clone(), Change { opened: true, ..change });
            told.push(number(to, Change { owner: was, state: MOVED.to_owned(), ..left })?);
            told.push(number(to, change)?);
        } else if state != alert.state || sum != amount || has_new_deeds {
            told.push(number(to, change)?);
        }
    }
    let seq = told.last().map(|change| change.seq.cast_signed());
    changes.extend(told);
    to.prepare_cached(
        "UPDATE alerts SET shelf = ?2, state_name = ?3, state = ?4, owner = ?5, keeper = ?5,
             amount = ?6, changed_at = ?7, answered_at = ?8, seq = COALESCE(?9, seq),
             origin = ?10, is_stale = 0
         WHERE id = ?1",
    )?
    .execute(rusqlite::params![
        id,
        shelf(&alert.state),
        alert.state.name(),
        serde_json::to_string(&alert.state)?,
        owner,
        amount,
        copied.changed_at.millis(),
        copied.answered_at.map(Timestamp::millis),
        seq,
        address,
    ])?;
    Ok(())
}

fn known(to: &Transaction<'_>, id: &str) -> Result<Option<Known>, InboxError> {
    let mut statement =
        to.prepare_cached("SELECT body, state, owner, amount FROM alerts WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Known {
        alert: serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?,
        state: serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?,
        owner: row.get(2)?,
        amount: row.get(3)?,
    }))
}

/// Keeps what was done, and nothing else; whether that is anything new.
fn keep_deeds(to: &Transaction<'_>, id: &str, deeds: &[CopiedDeed]) -> Result<bool, InboxError> {
    if self::deeds(to, id)? == deeds {
        return Ok(false);
    }
    to.prepare_cached("DELETE FROM deeds WHERE alert = ?1")?.execute([id])?;
    for CopiedDeed { deed, is_taken_back } in deeds {
        let action = serde_json::to_string(&deed.action)?;
        to.prepare_cached(
            "INSERT INTO deeds (alert, at, by, action, is_taken_back) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(rusqlite::params![
            id,
            deed.at.millis(),
            deed.by,
            action,
            is_taken_back
        ])?;
    }
    Ok(true)
}

fn is_gathered(reader: &Connection) -> Result<bool, InboxError> {
    let mut statement = reader.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM origins WHERE COALESCE(place, '') NOT LIKE 'change-%')",
    )?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Removes the alerts that none of the inboxes has any more; whose lists showed them are told.
fn sweep(to: &Transaction<'_>, changes: &mut Vec<Change>) -> Result<(), InboxError> {
    let mut statement =
        to.prepare("SELECT id, family, owner, changed_at FROM alerts WHERE is_stale = 1")?;
    let found = statement.query_map([], |row| {
        Ok::<(String, String, String, i64), _>((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    for row in found.collect::<Result<Vec<_>, _>>()? {
        let (text, family, owner, at) = row;
        let Ok(id) = text.parse() else { continue };
        let (state, at) = (MOVED.to_owned(), Timestamp::saturating(at));
        changes.push(number(to, Change { seq: 0, id, opened: false, owner, family, state, at })?);
    }
    to.execute("DELETE FROM alerts WHERE is_stale = 1", [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Action;
    use crate::alert::CloseReason;
    use crate::alert::Owner;
    use crate::delivery::inbox::InboxConfig;
    use crate::delivery::inbox::erase::Gone;
    use crate::delivery::inbox::query::Query;
    use crate::delivery::inbox::query::Standing;
    use crate::delivery::inbox::sample;
    use crate::engine::Output;

    const HERE: &str = "http://one";

    fn inbox() -> Inbox {
        Inbox::in_memory(InboxConfig::default()).unwrap()
    }

    fn opened(customer: &str) -> Output {
        Output::Opened { alert: Box::new(sample::alert(customer, Some("10"))), arrived: None }
    }

    fn done(customer: &str, action: Action, time: &str) -> Vec<Output> {
        let id = sample::alert(customer, None).id;
        let deed = Deed { action, by: "rep:r1".to_owned(), at: sample::at(time) };
        let state = deed.action.leads_to(&deed.by, deed.at);
        let changed = state.map(|state| Output::Changed { id, state, at: deed.at });
        changed.into_iter().chain([Output::Acted { id, deed }]).collect()
    }

    /// Copies until there is nothing more; how many changes each page made.
    fn copy(from: &Inbox, to: &Inbox, address: &str) -> Vec<usize> {
        let mut told = Vec::new();
        loop {
            let known = to.copied(address).unwrap();
            let place = known.filter(|(name, _)| *name == from.name().unwrap()).map(|(_, p)| p);
            let page = from.page(place).unwrap();
            let is_all = place == Some(page.next);
            told.push(to.take(address, &page).unwrap().len());
            if is_all {
                return told;
            }
        }
    }

    /// Every alert with where it stands, and what was done.
    fn all(inbox: &Inbox) -> Vec<(Alert, Option<Decimal>, Vec<Deed>)> {
        let query = Query { standing: Standing::Any, limit: 200, ..Query::default() };
        let found = inbox.list(&query).unwrap().alerts.into_iter();
        let mut all: Vec<_> = found
            .map(|kept| {
                let deeds = inbox.deeds(kept.alert.id).unwrap();
                (kept.alert, kept.amount.map(|amount| amount.amount), deeds)
            })
            .collect();
        all.sort_by_key(|(alert, ..)| alert.id);
        all
    }

    #[test]
    fn a_copy_has_every_alert_as_it_stands_with_all_that_was_done() {
        let (one, copied) = (inbox(), inbox());
        copied.gather(&[HERE.to_owned()]).unwrap();
        assert!(!copied.is_gathered().unwrap());
        for number in 0..300 {
            one.apply(&[opened(&format!("c{number}"))]).unwrap();
        }
        one.apply(&done("c1", Action::Acknowledge, "2025-03-02")).unwrap();
        assert_eq!(copy(&one, &copied, HERE), [256, 44, 0]);
        assert!(copied.is_gathered().unwrap());
        let amount = Decimal::parse("12.5").ok();
        let comment = |text: &str| Action::Comment { text: text.to_owned() };
        for (action, told) in [
            (comment("call again"), 1),
            (Action::Close { reason: CloseReason::Won, amount }, 1),
            (Action::Retract { text: "call again".to_owned() }, 1),
            (Action::Reopen, 1),
            // One leaves a list, one arrives in another.
            (Action::Reassign { owner: Owner::Rep("r2".to_owned()) }, 2),
        ] {
            let time = format!("2025-03-1{}", one.newest_seq().unwrap() % 10);
            one.apply(&done("c2", action, &time)).unwrap();
            assert_eq!(copy(&one, &copied, HERE)[0], told);
            assert_eq!(all(&one), all(&copied));
        }
        let (kind, c2) = (EntityKind::Customer, sample::alert("c2", None).id);
        assert_eq!(copied.origin((kind, "c2"), Some(c2)).unwrap().as_deref(), Some(HERE));
        assert_eq!(copied.origin((kind, "nobody"), None).unwrap(), None);
    }

    #[test]
    fn who_was_away_for_too_long_copies_everything_and_changes_only_what_is_new() {
        let short = InboxConfig { changes_kept: 4, ..InboxConfig::default() };
        let (one, copied) = (Inbox::in_memory(short).unwrap(), inbox());
        copied.gather(&[HERE.to_owned()]).unwrap();
        one.apply(&[opened("c0"), opened("c1")]).unwrap();
        copy(&one, &copied, HERE);
        let before = copied.newest_seq().unwrap();
        for number in 2..600 {
            one.apply(&[opened(&format!("c{number}"))]).unwrap();
        }
        copy(&one, &copied, HERE);
        assert_eq!(copied.newest_seq().unwrap() - before, 598, "two were known");
        assert_eq!(all(&one).len(), all(&copied).len());
    }

    #[test]
    fn what_begins_anew_replaces_what_it_was_once_all_are_copied() {
        let there = "http://two";
        let (one, two, copied) = (inbox(), inbox(), inbox());
        copied.gather(&[HERE.to_owned(), there.to_owned()]).unwrap();
        one.apply(&[opened("c1"), opened("c2")]).unwrap();
        two.apply(&[opened("c3")]).unwrap();
        copy(&one, &copied, HERE);
        assert!(!copied.is_gathered().unwrap());
        copy(&two, &copied, there);
        assert_eq!(all(&copied).len(), 3);
        // `c2` has moved to the other one, `c1` is no more.
        let (anew, other) = (inbox(), inbox());
        copy(&anew, &copied, HERE);
        assert_eq!(all(&copied).len(), 1, "the other has none of them yet");
        other.apply(&[opened("c2"), opened("c3")]).unwrap();
        copy(&other, &copied, there);
        let left: Vec<_> = all(&copied).into_iter().map(|(alert, ..)| alert.entity_id).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        // One that is gathered no more goes once the others are copied anew.
        copied.gather(&[HERE.to_owned()]).unwrap();
        assert_eq!(all(&copied).len(), 2);
        copy(&inbox(), &copied, HERE);
        assert_eq!(all(&copied), []);
    }

    #[test]
    fn who_is_erased_at_a_process_is_not_in_its_copy_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.sqlite");
        let (one, copied) = (inbox(), Inbox::open(&path, InboxConfig::default()).unwrap());
        copied.gather(&[HERE.to_owned()]).unwrap();
        let mut theirs = sample::alert("kd-4711", Some("10"));
        theirs.entity_name = Some("Canary Ltd".to_owned());
        let mut rep = sample::alert("r1", None);
        rep.entity_kind = EntityKind::Rep;
        rep.summary = "Canary Ltd has left".to_owned();
        let open = |alert: &Alert| Output::Opened { alert: Box::new(alert.clone()), arrived: None };
        one.apply(&[open(&theirs), open(&rep), opened("kd-47110")]).unwrap();
        one.apply(&done("kd-4711", Action::Acknowledge, "2025-03-02")).unwrap();
        copy(&one, &copied, HERE);
        assert_eq!(all(&copied).len(), 3);
        let gone = Gone {
            id: "kd-4711".to_owned(),
            names: vec!["Canary Ltd".to_owned()],
            alias: "erased-1".to_owned(),
        };
        one.erase(&gone).unwrap();
        copy(&one, &copied, HERE);
        assert_eq!(all(&copied), all(&one));
        assert_eq!(all(&copied).len(), 2);
        // The log beside the file is written over and over; it goes when nobody has it open.
        drop(copied);
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for word in ["Canary Ltd", "canary ltd", "kd-4711\"", "kd-4711 "] {
                let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(!found, "{word} is still there");
            }
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        for place in [Place::Row(7, 41), Place::Change(0)] {
            assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        }
        for text in ["", "row-1", "change-x", "change-18446744073709551615", "line-1-2"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
