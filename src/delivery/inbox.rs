//! The inbox: which alerts are there, where do they stand, and what has changed since?
//!
//! ```text
//! Vec<Output> ─► apply ─► one transaction ─► alerts, ranked by money ─► pages, API
//!                (one writer)             └► changes, numbered      ─► live streams
//! ```
//!
//! An alert is known by its id: an output that comes twice, from a replay or a restart, changes
//! nothing, and never takes back what a rep did. An alert belongs to whoever looks after its
//! customer now: when that is somebody else, it moves. Readers have connections of their own, so that a
//! long list does not hold up a new alert (`SQLite`, write-ahead log).

pub mod copy;
mod deed;
mod duty;
pub mod erase;
pub mod people;
pub mod query;
pub mod record;
pub mod team;
mod schema;
#[cfg(test)]
pub(crate) mod sample;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use parking_lot::MutexGuard;
use parking_lot::RwLock;
use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::OptionalExtension;
use rusqlite::Transaction;
use rusqlite::TransactionBehavior;
use serde::Deserialize;
use serde::Serialize;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::delivery::inbox::people::People;
use crate::delivery::inbox::people::Person;
use crate::engine::Duty;
use crate::engine::Output;
use crate::event::EntityKind;
use crate::money::Decimal;
use crate::tables;
use crate::tables::MigrateError;
use crate::time::Timestamp;

/// Section `[inbox]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InboxConfig {
    /// Changes kept for streams that come back; who was away for longer starts afresh.
    pub changes_kept: u64,
    /// Closed alerts kept, the newest; open ones are always kept.
    pub closed_kept: u64,
    /// Connections for reading.
    pub readers: usize,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self { changes_kept: 100_000, closed_kept: 200_000, readers: 4 }
    }
}

/// Why the inbox failed.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The file cannot be read or written.
    #[error("the inbox cannot be used: {0}: check the disk and `storage.data_dir`")]
    Sqlite(#[from] rusqlite::Error),
    /// An alert in the file is not one.
    #[error("an alert in the inbox cannot be read: {0}: restore the file from a backup")]
    Body(#[from] serde_json::Error),
    /// The file is damaged.
    #[error("the inbox is damaged: {0}")]
    Corrupt(String),
    /// A later program wrote the file.
    #[error("the inbox has version {found}, this program knows {known}: run a newer siaga")]
    Newer {
        /// Version of the file.
        found: usize,
        /// Highest version that this program knows.
        known: usize,
    },
    /// A cursor that this program did not hand out.
    #[error("`{0}` is not a cursor: send the `next` of the page before, unchanged")]
    Cursor(String),
}

impl From<MigrateError> for InboxError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Sqlite(error) => Self::Sqlite(error),
            MigrateError::Newer { found, known } => Self::Newer { found, known },
        }
    }
}

/// One change of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number; a later change has a higher one.
    pub seq: u64,
    /// Which alert.
    pub id: AlertId,
    /// Whether the alert is new.
    pub opened: bool,
    /// [`crate::alert::Owner::key`] of the alert.
    pub owner: String,
    /// The alert's family, by name.
    pub family: String,
    /// Name of the state that it has now; [`MOVED`] where it is no longer this owner's.
    pub state: String,
    /// Event time of the change.
    pub at: Timestamp,
}

/// The store of alerts.
pub struct Inbox {
    writer: Mutex<Connection>,
    /// Empty for an inbox in memory, which has one connection.
    readers: Vec<Mutex<Connection>>,
    /// None for an inbox in memory.
    tidier: Option<Mutex<Connection>>,
    turn: AtomicUsize,
    batches: AtomicU64,
    people: RwLock<Arc<People>>,
    config: InboxConfig,
}

/// Pages of the log at which the writer itself brings them to their places: 64 MB.
const PAGES_MAX: u32 = 16_384;

/// The state in a change that tells an owner that the alert is somebody else's now.
pub const MOVED: &str = "moved";

impl Inbox {
    /// Batches between two removals of what is no longer kept.
    const PRUNE_EVERY: u64 = 256;

    /// Opens the inbox in this file, and makes it if it is not there.
    pub fn open(path: &Path, config: InboxConfig) -> Result<Self, InboxError> {
        let writer = prepared(Connection::open(path)?)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let readers = (0..config.readers.clamp(1, 64)).map(|_| {
            let reader = Connection::open_with_flags(path, flags)?;
            reader.busy_timeout(std::time::Duration::from_secs(5))?;
            Ok(Mutex::new(reader))
        });
        let readers = readers.collect::<Result<Vec<_>, rusqlite::Error>>()?;
        let tidier = Connection::open(path)?;
        tidier.pragma_update(None, "synchronous", "NORMAL")?;
        Self::with(writer, (readers, Some(Mutex::new(tidier))), config)
    }

    /// An inbox that is gone when the program ends.
    pub fn in_memory(config: InboxConfig) -> Result<Self, InboxError> {
        Self::with(prepared(Connection::open_in_memory()?)?, (Vec::new(), None), config)
    }

    fn with(
        writer: Connection,
        (readers, tidier): (Vec<Mutex<Connection>>, Option<Mutex<Connection>>),
        config: InboxConfig,
    ) -> Result<Self, InboxError> {
        let people = RwLock::new(Arc::new(People::load(&writer)?));
        let (turn, batches) = (AtomicUsize::new(0), AtomicU64::new(0));
        let writer = Mutex::new(writer);
        Ok(Self { writer, readers, tidier, turn, batches, people, config })
    }

    /// Brings what was written to its place in the file, beside the writer: its syncs would hold up
    /// the alerts. To be called about twice a second; without it the writer does so, more rarely.
    pub fn tidy(&self) -> Result<(), InboxError> {
        let Some(tidier) = &self.tidier else { return Ok(()) };
        Ok(tidier.lock().query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    /// Everybody whom the reference data name.
    pub fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.read())
    }

    /// A connection for reading; waits while all are in use.
    pub(super) fn reader(&self) -> MutexGuard<'_, Connection> {
        let free = self.readers.iter().find_map(|reader| reader.try_lock());
        free.unwrap_or_else(|| match self.readers.len() {
            0 => self.writer.lock(),
            count => self.readers[self.turn.fetch_add(1, Ordering::Relaxed) % count].lock(),
        })
    }

    /// Does something in a transaction of the one writer: all of it is kept, or none.
    pub(super) fn write<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Keeps a batch of outputs, all or none, and says what it changed.
    ///
    /// An alert that is known is not opened again; a change of an unknown alert, or to what an alert
    /// is already, is left out.
    pub fn apply(&self, outputs: &[Output]) -> Result<Vec<Change>, InboxError> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        let (mut changes, mut people) = (Vec::new(), None);
        for output in outputs {
            match output {
                Output::Opened { alert, .. } => open_alert(&transaction, alert, &mut changes)?,
                Output::Changed { id, state, at } => {
                    changes.extend(change_alert(&transaction, *id, state, *at)?);
                }
                Output::Acted { id, deed } => deed::keep(&transaction, *id, deed, &mut changes)?,
                Output::Duty(Duty::Customer { id, owner, at }) => {
                    let entity = (EntityKind::Customer, id.as_str());
                    duty::hand_over(&transaction, entity, (owner, *at), &mut changes)?;
                }
                Output::Duty(Duty::Rep { id, name, manager, territories, seniority }) => {
                    let person = Person {
                        name: name.clone(),
                        manager: manager.clone(),
                        territories: territories.clone(),
                        seniority: seniority.clone(),
                    };
                    let people = people.get_or_insert_with(|| People::clone(&self.people.read()));
                    if people.learn(id, &person) {
                        People::keep(&transaction, id, &person)?;
                    }
                }
            }
        }
        if self.batches.fetch_add(1, Ordering::Relaxed).is_multiple_of(Self::PRUNE_EVERY) {
            prune(&transaction, &self.config)?;
        }
        transaction.commit()?;
        if let Some(people) = people {
            *self.people.write() = Arc::new(people);
        }
        Ok(changes)
    }
}

fn prepared(mut connection: Connection) -> Result<Connection, InboxError> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", PAGES_MAX)?;
    tables::migrate(&mut connection, &schema::MIGRATIONS)?;
    Ok(connection)
}

/// Where alerts of rules in shadow mode lie, whatever their state.
const SHADOW: i64 = 3;

/// Reads an inbox through, without changing it, and counts its alerts. A server may have it open.
pub fn verify(path: &Path) -> Result<u64, InboxError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let told: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if told != "ok" {
        return Err(InboxError::Corrupt(told));
    }
    let count = "SELECT count(*) FROM alerts";
    Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

/// Where an alert in this state lies: 0 open, 1 snoozed, 2 closed.
fn shelf(state: &AlertState) -> i64 {
    match state {
        AlertState::Pending | AlertState::Firing | AlertState::Acknowledged { .. } => 0,
        AlertState::Snoozed { .. } | AlertState::Waiting { .. } => 1,
        AlertState::Closed { .. } => 2,
    }
}

fn open_alert(
    to: &Transaction<'_>,
    alert: &Alert,
    changes: &mut Vec<Change>,
) -> Result<(), InboxError> {
    let id = alert.id.to_string();
    let known: Option<String> = to
        .prepare_cached("SELECT state FROM alerts WHERE id = ?1")?
        .query_row([&id], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        // A rule that was taken out and is back says it anew, perhaps in other words.
        match serde_json::from_str(&known)? {
            AlertState::Closed { reason: CloseReason::Withdrawn, .. } => {}
            _ => {
                // The reference data may have been changed while the program was away.
                let entity = (alert.entity_kind, alert.entity_id.as_str());
                return duty::hand_over(to, entity, (&alert.owner, alert.opened_at), changes);
            }
        }
        to.prepare_cached("DELETE FROM alerts WHERE id = ?1")?.execute([&id])?;
    }
    let change = Change {
        seq: 0,
        id: alert.id,
        opened: true,
        owner: alert.owner.key(),
        family: alert.family.name().to_owned(),
        state: alert.state.name().to_owned(),
        at: alert.opened_at,
    };
    // Nobody is told of what fires in the shadow.
    let change = if alert.is_shadow { change } else { number(to, change)? };
    let name = alert.entity_name.as_deref().unwrap_or_default();
    let words = [name, &alert.entity_id, &alert.summary, &alert.rule].join("\n").to_lowercase();
    to.prepare_cached(
        "INSERT INTO alerts (id, family, entity_kind, entity_id, owner, shelf, state_name, state,
             rank, currency, opened_at, changed_at, seq, words, body, rule, severity, keeper,
             owned_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15, ?16, ?5,
             ?11)",
    )?
    .execute(rusqlite::params![
        id,
        change.family,
        alert.entity_kind.name(),
        alert.entity_id,
        change.owner,
        if alert.is_shadow { SHADOW } else { shelf(&alert.state) },
        change.state,
        serde_json::to_string(&alert.state)?,
        alert.rank().map_or(query::RANK_NONE, Decimal::micros),
        alert.value.and_then(|value| value.currency).map(String::from),
        alert.opened_at.millis(),
        change.seq.cast_signed(),
        words,
        serde_json::to_string(alert)?,
        alert.rule,
        alert.severity.name(),
    ])?;
    changes.extend((!alert.is_shadow).then_some(change));
    Ok(())
}

fn change_alert(
    to: &Transaction<'_>,
    id: AlertId,
    state: &AlertState,
    at: Timestamp,
) -> Result<Option<Change>, InboxError> {
    let text = id.to_string();
    let found = to
        .prepare_cached("SELECT state, changed_at, owner, family, shelf FROM alerts WHERE id = ?1")?
        .query_row([&text], |row| {
            let shelf: i64 = row.get(4)?;
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, shelf == SHADOW))
        })
        .optional()?;
    let Some((before, changed_at, owner, family, is_shadow)) = found else { return Ok(None) };
    let before: AlertState = serde_json::from_str(&before)?;
    if !moves(&before, Timestamp::saturating(changed_at), state, at) {
        return Ok(None);
    }
    let state_name = state.name().to_owned();
    let change = Change { seq: 0, id, opened: false, owner, family, state: state_name, at };
    let change = if is_shadow { change } else { number(to, change)? };
    to.prepare_cached(
        "UPDATE alerts SET shelf = ?2, state_name = ?3, state = ?4, changed_at = ?5, seq = ?6
         WHERE id = ?1",
    )?
    .execute(rusqlite::params![
        text,
        if is_shadow { SHADOW } else { shelf(state) },
        change.state,
        serde_json::to_string(state)?,
        at.millis(),
        change.seq.cast_signed(),
    ])?;
    Ok((!is_shadow).then_some(change))
}

/// Whether an alert goes from one state to the other.
///
/// A closed alert comes back only when it is reopened after it was closed, and what a rep said of
/// it outlives what the engine finds out later, or once more.
fn moves(before: &AlertState, changed_at: Timestamp, after: &AlertState, at: Timestamp) -> bool {
    match (before, after) {
        (same, also) if same == also => false,
        (AlertState::Closed { .. }, AlertState::Firing) => at >= changed_at,
        (AlertState::Closed { .. }, AlertState::Closed { reason, .. }) => !reason.is_by_engine(),
        (AlertState::Closed { .. }, _) => false,
        _ => true,
    }
}

/// Gives a change its number and keeps it for streams that come back.
fn number(to: &Transaction<'_>, change: Change) -> Result<Change, InboxError> {
    to.prepare_cached(
        "INSERT INTO changes (id, opened, owner, family, state, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(rusqlite::params![
        change.id.to_string(),
        change.opened,
        change.owner,
        change.family,
        change.state,
        change.at.millis(),
    ])?;
    Ok(Change { seq: to.last_insert_rowid().cast_unsigned(), ..change })
}

/// Removes what is no longer kept.
fn prune(to: &Transaction<'_>, config: &InboxConfig) -> Result<(), InboxError> {
    let limit = |kept: u64| i64::try_from(kept).unwrap_or(i64::MAX);
    to.prepare_cached(
        "DELETE FROM changes WHERE seq <= (SELECT COALESCE(MAX(seq), 0) FROM changes) - ?1
             -- What the outbox has not planned yet is kept for it.
             AND seq <= COALESCE((SELECT value FROM outbox_marks WHERE name = 'planned'), seq)",
    )?
    .execute([limit(config.changes_kept)])?;
    to.prepare_cached(
        "DELETE FROM alerts WHERE shelf = 2 AND seq <= COALESCE(
             (SELECT seq FROM alerts WHERE shelf = 2 ORDER BY seq DESC LIMIT 1 OFFSET ?1), 0)",
    )?
    .execute([limit(config.closed_kept)])?;
    // Changes in the shadow have no numbers: the oldest go.
    to.prepare_cached(
        "DELETE FROM alerts WHERE shelf = 3 AND row <= COALESCE(
             (SELECT row FROM alerts WHERE shelf = 3 ORDER BY row DESC LIMIT 1 OFFSET ?1), 0)",
    )?
    .execute([limit(config.closed_kept)])?;
    deed::prune(to)
}

#[cfg(test)]
mod tests;
