//! The outbox: what is to be sent to whom, and what became of it?
//!
//! ```text
//! changes (inbox) ─► plan ─┬► pending ─► sending ─┬► delivered
//!                          │     ▲         │      ├► uncertain ─┐ accepted, or not? sent again,
//!                          │     └─────────┴──────┴─────────────┘ with the same id
//!                          │   failed, or re-driven by hand      ─► dead
//!                          ├► held       for the digest ─► delivered
//!                          └► suppressed with the reason
//! ```
//!
//! It lies in the inbox's file, so that one transaction moves both. A change of an alert is kept
//! with the alert; the plan takes each change once, marks how far it has come, and writes the
//! deliveries, all in one transaction: whatever breaks off in between, nothing is lost and nothing is
//! planned twice. `sending` is on disk before the first byte leaves, so that an attempt which the
//! end of the program cut off is known to be uncertain afterwards.
//!
//! A lane is an alert on its way to one address of one channel. Within a lane one delivery is sent
//! after the other, in the order of the changes.

pub mod query;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use rusqlite::OptionalExtension;
use rusqlite::Transaction;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Owner;
use crate::delivery::desk::Destination;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::time::Timestamp;

/// The deliveries in the inbox's file; clones share it.
#[derive(Clone)]
pub struct Outbox {
    pub(super) inbox: Arc<Inbox>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waits for its turn, or for the next attempt.
    Pending,
    /// An attempt is under way.
    Sending,
    /// The last attempt may or may not have been accepted; it is made again.
    Uncertain,
    /// The receiver has accepted it.
    Delivered,
    /// It is given up, until somebody re-drives it.
    Dead,
    /// Waits for the digest.
    Held,
    /// It is not sent; the reason says why.
    Suppressed,
}

/// What a delivery tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An alert is there.
    Opened,
    /// It stands elsewhere now: told anew.
    Changed,
    /// It stands elsewhere now: the old message is changed where it stands.
    Updated,
    /// Nobody took it in time.
    Escalated,
    /// What was held back, once a day.
    Digest,
}

/// A delivery, as it is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Which alert; `None` for a digest.
    pub alert: Option<AlertId>,
    /// Whose alert, as one word: `customer:c1`.
    pub entity: String,
    /// Name of the rule.
    pub rule: String,
    /// Name of the channel.
    pub channel: String,
    /// Where it goes within the channel; empty where the channel has one address only.
    pub address: String,
    /// Id of the person it goes to; empty where it goes to none by name.
    pub person: String,
    /// What it tells.
    pub about: About,
    /// How it begins: pending, held or suppressed.
    pub status: Status,
    /// Why it is held, suppressed or late; empty when it simply goes.
    pub reason: String,
    /// Which way it came: the route and its receiver.
    pub route: String,
    /// The state that it tells, or the ids that a digest holds, as JSON.
    pub state: String,
    /// Event time of what it tells, which makes its id.
    pub at: Timestamp,
    /// Not before then, by the wall clock.
    pub due_at: Timestamp,
}

/// A delivery whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its place in the table.
    pub row: i64,
    /// The same in every attempt, after a restart, and in a replay.
    pub id: String,
    /// Where it goes within the channel.
    pub address: String,
    /// Id of the person.
    pub person: String,
    /// What it tells.
    pub about: About,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// When the first attempt was made.
    pub first_at: Timestamp,
    /// The alert in the state that it tells; none for a digest, or if it is no longer kept.
    pub alert: Option<Box<Alert>>,
    /// What the receiver called the last delivery of this lane; empty if there was none.
    pub earlier: String,
    /// Ids of the alerts of a digest.
    pub digest: Vec<AlertId>,
    /// Alerts of the same entity that came at the same time and are told with this one.
    pub also: Vec<Alert>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted; what the receiver calls it, where it says.
    Delivered(String),
    /// To be tried again then.
    Again {
        /// When.
        at: Timestamp,
        /// Whether it may have been accepted all the same.
        uncertain: bool,
        /// What went wrong.
        reason: String,
    },
    /// Given up.
    Dead(String),
}

impl Status {
    /// Every status with its word.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Pending, "pending"),
        (Self::Sending, "sending"),
        (Self::Uncertain, "uncertain"),
        (Self::Delivered, "delivered"),
        (Self::Dead, "dead"),
        (Self::Held, "held"),
        (Self::Suppressed, "suppressed"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The status of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == name).map(|(status, _)| *status)
    }
}

impl About {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Opened, "opened"),
        (Self::Changed, "changed"),
        (Self::Updated, "updated"),
        (Self::Escalated, "escalated"),
        (Self::Digest, "digest"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What this word says.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == name).map(|(about, _)| *about)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Planned {
    /// The lane that it goes on.
    pub fn lane(&self) -> String {
        let alert = self.alert.map_or_else(String::new, |id| id.to_string());
        // Names of channels have no blanks.
        format!("{alert} {} {}", self.channel, self.address)
    }

    /// A hash of what it tells, and to whom. It depends on nothing that a replay would change.
    pub fn id(&self) -> String {
        let at = format!("{} {}", self.at.millis(), self.state);
        AlertId::new("delivery", self.about.name(), &self.lane(), &at).to_string()
    }
}

impl Outbox {
    /// The outbox in this inbox's file.
    pub fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// Marks attempts that the end of the program cut off as uncertain; how many there were.
    pub fn recover(&self, now: Timestamp) -> Result<usize, InboxError> {
        self.inbox.write(|to| {
            let reason = "the program ended during the attempt";
            Ok(to.execute(
                "UPDATE deliveries SET status = 'uncertain', reason = ?1, due_at = ?2,
                     changed_at = ?2 WHERE status = 'sending'",
                rusqlite::params![reason, now.millis()],
            )?)
        })
    }

    /// Takes up to `limit` deliveries of a channel whose turn it is, and marks them as being sent.
    ///
    /// With `together`, other openings of the same entity to the same address that wait as well
    /// go with the first.
    pub fn claim(
        &self,
        channel: &str,
        limit: usize,
        now: Timestamp,
        together: bool,
    ) -> Result<Vec<Claim>, InboxError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.inbox.write(|to| {
            let mut rows = to.prepare_cached(
                "SELECT row FROM deliveries AS d
                 WHERE channel = ?1 AND status IN ('pending', 'uncertain') AND due_at <= ?2
                   AND NOT EXISTS (SELECT 1 FROM deliveries AS e
                       WHERE e.lane = d.lane AND e.row < d.row
                         AND e.status IN ('pending', 'sending', 'uncertain'))
                 ORDER BY due_at, row LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = rows.query_map(rusqlite::params![channel, now.millis(), limit], |row| {
                row.get::<_, i64>(0)
            })?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let mut claims = Vec::with_capacity(rows.len());
            for row in rows {
                claims.extend(claim(to, row, now, together)?);
            }
            Ok(claims)
        })
    }

    /// Notes what became of an attempt.
    pub fn settle(&self, row: i64, verdict: &Verdict, now: Timestamp) -> Result<(), InboxError> {
        let (status, reason, due, reference) = match verdict {
            Verdict::Delivered(reference) => (Status::Delivered, "", now, reference.as_str()),
            Verdict::Again { at, uncertain: true, reason } => {
                (Status::Uncertain, reason.as_str(), *at, "")
            }
            Verdict::Again { at, reason, .. } => (Status::Pending, reason.as_str(), *at, ""),
            Verdict::Dead(reason) => (Status::Dead, reason.as_str(), now, ""),
        };
        let reason: String = reason.chars().take(Self::REASON_CHARS_MAX).collect();
        self.inbox.write(|to| {
            to.prepare_cached(
                "UPDATE deliveries SET status = ?2, reason = ?3, due_at = ?4, changed_at = ?5,
                     reference = CASE ?6 WHEN '' THEN reference ELSE ?6 END
                 WHERE row = ?1 AND status = 'sending'",
            )?
            .execute(rusqlite::params![
                row,
                status.name(),
                reason,
                due.millis(),
                now.millis(),
                reference
            ])?;
            if matches!(verdict, Verdict::Delivered(_)) {
                told_by_digest(to, row, now)?;
            }
            Ok(())
        })
    }

    const REASON_CHARS_MAX: usize = 300;

    /// Lets a delivery be tried again at once, from the start; whether there was such a one to try.
    ///
    /// A digest, and what a later delivery of its lane has overtaken, is left as it is.
    pub fn retry(&self, id: &str, now: Timestamp) -> Result<bool, InboxError> {
        self.inbox.write(|to| {
            let changed = to.execute(
                "UPDATE deliveries AS d SET status = 'pending', reason = 're-driven by hand',
                     attempts = 0, first_at = 0, due_at = ?2, changed_at = ?2
                 WHERE id = ?1 AND status IN ('dead', 'suppressed', 'pending', 'uncertain')
                   AND NOT EXISTS (SELECT 1 FROM deliveries AS e
                       WHERE e.lane = d.lane AND e.row > d.row AND e.status = 'delivered')",
                rusqlite::params![id, now.millis()],
            )?;
            Ok(changed > 0)
        })
    }

    /// Gives a delivery up; whether there was one that waited.
    pub fn abandon(&self, id: &str, now: Timestamp) -> Result<bool, InboxError> {
        self.inbox.write(|to| {
            let changed = to.execute(
                "UPDATE deliveries SET status = 'suppressed', reason = 'dropped by hand',
                     changed_at = ?2
                 WHERE id = ?1 AND status IN ('pending', 'uncertain', 'dead', 'held')",
                rusqlite::params![id, now.millis()],
            )?;
            Ok(changed > 0)
        })
    }
}

/// Writes a delivery; one that is known, from a replay, changes nothing.
pub(super) fn enqueue(
    to: &Transaction<'_>,
    planned: &Planned,
    now: Timestamp,
) -> Result<(), InboxError> {
    to.prepare_cached(
        "INSERT OR IGNORE INTO deliveries (id, lane, alert, entity, rule, channel, address, person,
             about, status, reason, route, state, created_at, due_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?14)",
    )?
    .execute(rusqlite::params![
        planned.id(),
        planned.lane(),
        planned.alert.map_or_else(String::new, |id| id.to_string()),
        planned.entity,
        planned.rule,
        planned.channel,
        planned.address,
        planned.person,
        planned.about.name(),
        planned.status.name(),
        planned.reason,
        planned.route,
        planned.state,
        now.millis(),
        planned.due_at.millis(),
    ])?;
    Ok(())
}

/// Suppresses the openings of an alert on their way to an address that have not been tried yet.
pub(super) fn overtake(
    to: &Transaction<'_>,
    (alert, destination): (&str, &Destination),
    reason: &str,
    now: Timestamp,
) -> Result<(), InboxError> {
    let address = destination.address.as_deref().unwrap_or_default();
    to.prepare_cached(
        "UPDATE deliveries SET status = 'suppressed', reason = ?4, changed_at = ?5
         WHERE alert = ?1 AND channel = ?2 AND address = ?3 AND +status = 'pending'
           AND attempts = 0",
    )?
    .execute(rusqlite::params![alert, destination.channel, address, reason, now.millis()])?;
    Ok(())
}

/// Suppresses the openings of an alert that wait for anybody but these, by channel and address.
pub(super) fn withdraw(
    to: &Transaction<'_>,
    (alert, theirs): (AlertId, &[(String, String)]),
    reason: &str,
    now: Timestamp,
) -> Result<(), InboxError> {
    let mut statement = to.prepare_cached(
        "SELECT row, channel, address FROM deliveries
         WHERE alert = ?1 AND about = 'opened' AND person <> '' AND attempts = 0
           AND (status = 'pending' OR (status = 'held' AND reference = ''))",
    )?;
    let rows = statement.query_map([alert.to_string()], |row| {
        Ok((row.get::<_, i64>(0)?, (row.get(1)?, row.get(2)?)))
    })?;
    for (row, address) in rows.collect::<Result<Vec<_>, _>>()? {
        if !theirs.contains(&address) {
            to.prepare_cached(
                "UPDATE deliveries SET status = 'suppressed', reason = ?2, changed_at = ?3
                 WHERE row = ?1",
            )?
            .execute(rusqlite::params![row, reason, now.millis()])?;
        }
    }
    Ok(())
}

/// Every channel and address that an alert was planned for.
pub(super) fn addresses(
    to: &Transaction<'_>,
    alert: AlertId,
) -> Result<HashSet<(String, String)>, InboxError> {
    let mut statement =
        to.prepare_cached("SELECT DISTINCT channel, address FROM deliveries WHERE alert = ?1")?;
    let rows = statement.query_map([alert.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every channel, address and person for whom something is held.
pub(super) fn holders(to: &Transaction<'_>) -> Result<Vec<(String, String, String)>, InboxError> {
    let mut statement = to.prepare_cached(
        "SELECT channel, address, MAX(person) FROM deliveries
         WHERE status = 'held' AND reference = '' GROUP BY channel, address",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is held for an address, worth most first, with its alerts; what is over is suppressed.
pub(super) fn held(
    to: &Transaction<'_>,
    (channel, address): (&str, &str),
    limit: usize,
    now: Timestamp,
) -> Result<Vec<(i64, AlertId)>, InboxError> {
    to.prepare_cached(
        "UPDATE deliveries SET status = 'suppressed', changed_at = ?3,
             reason = reason || '; over before the digest'
         WHERE status = 'held' AND reference = '' AND channel = ?1 AND address = ?2
           AND NOT EXISTS (SELECT 1 FROM alerts AS a WHERE a.id = deliveries.alert
               AND a.shelf = 0 AND a.state_name = 'firing')",
    )?
    .execute(rusqlite::params![channel, address, now.millis()])?;
    let mut statement = to.prepare_cached(
        "SELECT d.row, d.alert FROM deliveries AS d JOIN alerts AS a ON a.id = d.alert
         WHERE d.status = 'held' AND d.reference = '' AND d.channel = ?1 AND d.address = ?2
         ORDER BY a.rank DESC, d.row LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(rusqlite::params![channel, address, limit], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter_map(|(row, id)| Some((row, id.parse().ok()?))).collect())
}

/// Notes in which digest held deliveries are told.
pub(super) fn put_into(
    to: &Transaction<'_>,
    held: &[(i64, AlertId)],
    digest: &str,
) -> Result<(), InboxError> {
    let mut statement = to.prepare_cached("UPDATE deliveries SET reference = ?2 WHERE row = ?1")?;
    for (row, _) in held {
        statement.execute(rusqlite::params![row, digest])?;
    }
    Ok(())
}

/// Marks one delivery as being sent, and reads what it needs.
fn claim(
    to: &Transaction<'_>,
    row: i64,
    now: Timestamp,
    together: bool,
) -> Result<Option<Claim>, InboxError> {
    let begun = to
        .prepare_cached(
            "UPDATE deliveries SET status = 'sending', attempts = attempts + 1, changed_at = ?2,
                 first_at = CASE first_at WHEN 0 THEN ?2 ELSE first_at END
             WHERE row = ?1 AND status IN ('pending', 'uncertain')",
        )?
        .execute(rusqlite::params![row, now.millis()])?;
    if begun == 0 {
        // An earlier one of the same batch took it along.
        return Ok(None);
    }
    let mut statement = to.prepare_cached(CLAIMED)?;
    let (mut claim, state, kept) = statement.query_row([row], |found| {
        let about: String = found.get(3)?;
        let claim = Claim {
            row,
            id: found.get(0)?,
            address: found.get(1)?,
            person: found.get(2)?,
            about: About::from_name(&about).unwrap_or(About::Changed),
            attempt: found.get(4)?,
            first_at: Timestamp::saturating(found.get(5)?),
            alert: None,
            earlier: found.get::<_, Option<String>>(8)?.unwrap_or_default(),
            digest: Vec::new(),
            also: Vec::new(),
        };
        let kept: Option<(String, String)> = found.get::<_, Option<_>>(7)?.zip(found.get(9)?);
        Ok((claim, found.get::<_, String>(6)?, kept))
    })?;
    if claim.about == About::Digest {
        claim.digest = serde_json::from_str(&state)?;
    } else if let Some((body, owner)) = kept {
        claim.alert = Some(Box::new(alert((&body, &owner), &state)?));
    }
    if together && claim.about == About::Opened && claim.attempt == 1 {
        claim.also = take_along(to, row, &claim.id, now)?;
    }
    Ok(Some(claim))
}

/// The alert as it opened, with its owner of now, in this state.
fn alert((body, owner): (&str, &str), state: &str) -> Result<Alert, InboxError> {
    let mut alert: Alert = serde_json::from_str(body)?;
    alert.owner = Owner::from_key(owner);
    alert.state = serde_json::from_str::<AlertState>(state)?;
    Ok(alert)
}

/// The other openings for the same entity and address that have never been tried: told with this
/// one, and noted so.
fn take_along(
    to: &Transaction<'_>,
    row: i64,
    id: &str,
    now: Timestamp,
) -> Result<Vec<Alert>, InboxError> {
    let mut statement = to.prepare_cached(TOGETHER)?;
    let found = statement.query_map(rusqlite::params![row, TOGETHER_MAX], |found| {
        let kept: (String, String) = (found.get(2)?, found.get(3)?);
        Ok((found.get::<_, i64>(0)?, found.get::<_, String>(1)?, kept))
    })?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let mut alerts = Vec::with_capacity(found.len());
    for (other, state, (body, owner)) in found {
        to.prepare_cached(
            "UPDATE deliveries SET status = 'suppressed', reason = ?2, changed_at = ?3
             WHERE row = ?1",
        )?
        .execute(rusqlite::params![
            other,
            format!("grouped: told with delivery {id}"),
            now.millis()
        ])?;
        alerts.push(alert((&body, &owner), &state)?);
    }
    Ok(alerts)
}

/// A delivery with its alert and what its lane was called last. A plus keeps a column out of the
/// choice of an index: there are few of a lane, and a great many of a status.
const CLAIMED: &str =
    "SELECT d.id, d.address, d.person, d.about, d.attempts, d.first_at, d.state, a.body,
            (SELECT e.reference FROM deliveries AS e
             WHERE e.lane = d.lane AND +e.status = 'delivered' AND e.reference != ''
             ORDER BY e.row DESC LIMIT 1), a.owner
     FROM deliveries AS d LEFT JOIN alerts AS a ON a.id = d.alert WHERE d.row = ?1";

/// Openings of the same entity on their way to the same address that were not tried yet.
const TOGETHER: &str = "SELECT o.row, o.state, a.body, a.owner FROM deliveries AS d
     JOIN deliveries AS o ON o.entity = d.entity AND +o.channel = d.channel
         AND o.address = d.address AND o.row != d.row AND o.about = 'opened'
         AND +o.status = 'pending' AND o.attempts = 0
     JOIN alerts AS a ON a.id = o.alert
     WHERE d.row = ?1 ORDER BY a.rank DESC LIMIT ?2";

/// Most alerts of one customer that go with another.
const TOGETHER_MAX: i64 = 20;

/// Once a digest is delivered, what it told of is delivered too.
fn told_by_digest(to: &Transaction<'_>, row: i64, now: Timestamp) -> Result<(), InboxError> {
    let digest: Option<String> = to
        .prepare_cached("SELECT id FROM deliveries WHERE row = ?1 AND about = 'digest'")?
        .query_row([row], |found| found.get(0))
        .optional()?;
    if let Some(id) = digest {
        to.prepare_cached(
            "UPDATE deliveries SET status = 'delivered', changed_at = ?2
             WHERE status = 'held' AND reference = ?1",
        )?
        .execute(rusqlite::params![id, now.millis()])?;
    }
    Ok(())
}
