//! Questions to the outbox: which deliveries are there, how many wait, how long already?

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::types::Value as Param;
use serde::Serialize;

use crate::alert::AlertId;
use crate::delivery::inbox::InboxError;
use crate::delivery::outbox::Outbox;
use crate::delivery::outbox::Status;
use crate::delivery::wire::WireTime;
use crate::time::Timestamp;

/// Which deliveries a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Those that stand so.
    pub status: Option<Status>,
    /// Those of this channel.
    pub channel: Option<String>,
    /// Those of this alert.
    pub alert: Option<AlertId>,
    /// Those to this person.
    pub person: Option<String>,
    /// Older than this row.
    pub before: Option<i64>,
    /// At most this many, up to [`Query::LIMIT_MAX`]; 0 means 50.
    pub limit: u32,
}

/// A delivery, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Its place in the table; later ones are higher.
    pub row: i64,
    /// Its stable id.
    pub id: String,
    /// Which alert; absent for a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    /// Name of the rule; empty for a digest.
    pub rule: String,
    /// Name of the channel.
    pub channel: String,
    /// Where it goes within the channel.
    pub address: String,
    /// Id of the person.
    pub person: String,
    /// `opened`, `changed`, `updated`, `escalated` or `digest`.
    pub about: String,
    /// Where it stands.
    pub status: Status,
    /// Why it stands there.
    pub reason: String,
    /// Which way it came.
    pub route: String,
    /// Id of the digest that tells it, or is about to; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was planned.
    pub created_at: WireTime,
    /// When it is, or was, due.
    pub due_at: WireTime,
    /// When its status last changed.
    pub changed_at: WireTime,
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How many deliveries of a channel wait, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Name of the channel.
    pub channel: String,
    /// Where they stand.
    pub status: Status,
    /// How many.
    pub count: u64,
    /// When the oldest was planned.
    pub oldest: Timestamp,
}

impl Query {
    /// Most deliveries in a list.
    pub const LIMIT_MAX: u32 = 500;
}

const COLUMNS: &str =
    "row, id, alert, rule, channel, address, person, about, status, reason, route,
    attempts, created_at, due_at, changed_at,
    (SELECT d.id FROM deliveries AS d
     WHERE d.id = deliveries.reference AND d.about = 'digest' AND d.id <> deliveries.id)";

impl Outbox {
    /// The newest deliveries that the query asks for.
    pub fn list(&self, query: &Query) -> Result<Vec<Listed>, InboxError> {
        let (mut sql, mut params) = (String::from("1"), Vec::new());
        let mut add = |condition: &str, param: Param| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            params.push(param);
        };
        if let Some(status) = query.status {
            add("status = ?", Param::Text(status.name().to_owned()));
        }
        if let Some(channel) = &query.channel {
            add("channel = ?", Param::Text(channel.clone()));
        }
        if let Some(alert) = query.alert {
            add("alert = ?", Param::Text(alert.to_string()));
        }
        if let Some(person) = &query.person {
            add("person = ?", Param::Text(person.clone()));
        }
        if let Some(before) = query.before {
            add("row < ?", Param::Integer(before));
        }
        let limit = if query.limit == 0 { 50 } else { query.limit.min(Query::LIMIT_MAX) };
        params.push(Param::Integer(i64::from(limit)));
        let reader = self.inbox.reader();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM deliveries WHERE {sql} ORDER BY row DESC LIMIT ?"
        ))?;
        let rows = statement.query_map(rusqlite::params_from_iter(params), listed)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The delivery with this id, or the only one whose id begins so.
    pub fn find(&self, id: &str) -> Result<Option<Listed>, InboxError> {
        let reader = self.inbox.reader();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM deliveries WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2"
        ))?;
        let rows = statement.query_map([id], listed)?;
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(rows.pop().filter(|_| rows.is_empty()))
    }

    /// What waits or has been given up, by channel.
    pub fn backlog(&self) -> Result<Vec<Backlog>, InboxError> {
        let reader = self.inbox.reader();
        let mut statement = reader.prepare_cached(
            "SELECT channel, status, COUNT(*), MIN(created_at) FROM deliveries
             WHERE status IN ('pending', 'sending', 'uncertain', 'held', 'dead')
             GROUP BY channel, status ORDER BY channel, status",
        )?;
        let rows = statement.query_map([], |row| {
            let status: String = row.get(1)?;
            Ok(Backlog {
                channel: row.get(0)?,
                status: Status::from_name(&status).unwrap_or(Status::Dead),
                count: row.get::<_, i64>(2)?.cast_unsigned(),
                oldest: Timestamp::saturating(row.get(3)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Number of the change up to which deliveries are planned; `None` before the first step.
    pub fn planned(&self) -> Result<Option<u64>, InboxError> {
        let reader = self.inbox.reader();
        let mut statement =
            reader.prepare_cached("SELECT value FROM outbox_marks WHERE name = 'planned'")?;
        let planned: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(planned.map(i64::cast_unsigned))
    }

    /// When the next delivery of a channel is due; `None` when none waits.
    pub fn next_due(&self, channel: &str) -> Result<Option<Timestamp>, InboxError> {
        let reader = self.inbox.reader();
        let due: Option<Option<i64>> = reader
            .prepare_cached(
                "SELECT MIN(due_at) FROM deliveries
                 WHERE channel = ?1 AND status IN ('pending', 'uncertain')",
            )?
            .query_row([channel], |row| row.get(0))
            .optional()?;
        Ok(due.flatten().map(Timestamp::saturating))
    }
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let (alert, status): (String, String) = (row.get(2)?, row.get(8)?);
    let at = |millis: i64| WireTime(Timestamp::saturating(millis));
    Ok(Listed {
        row: row.get(0)?,
        id: row.get(1)?,
        alert: alert.parse().ok(),
        rule: row.get(3)?,
        channel: row.get(4)?,
        address: row.get(5)?,
        person: row.get(6)?,
        about: row.get(7)?,
        status: Status::from_name(&status).unwrap_or(Status::Dead),
        reason: row.get(9)?,
        route: row.get(10)?,
        attempts: row.get(11)?,
        created_at: at(row.get(12)?),
        due_at: at(row.get(13)?),
        changed_at: at(row.get(14)?),
        digest: row.get(15)?,
    })
}
