//! The audit log: who did what to which alert, account or token? It only grows.
//!
//! It names accounts, tokens, alerts and words of our own; never a customer, nor what a rep wrote.

use rusqlite::Connection;

use crate::access::Access;
use crate::access::AccessError;
use crate::time;
use crate::time::Timestamp;

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Its number; a later deed has a higher one.
    pub seq: u64,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Who: `user:maya`, `token:crm`, `cli`, `local`.
    pub who: String,
    /// What: `alert.acknowledge`, `account.add` …
    pub did: String,
    /// To what: `alert:0123…`, `user:maya`, `token:crm`.
    pub object: String,
    /// What more there is to say; empty where nothing is.
    pub detail: String,
}

impl Access {
    /// Most deeds that are read at once.
    pub const DEEDS_MAX: u32 = 500;

    /// Notes a deed before it is done: what cannot be noted must not be done.
    pub fn note(
        &self,
        who: &str,
        did: &str,
        object: &str,
        detail: &str,
    ) -> Result<(), AccessError> {
        record(&self.writer.lock(), who, did, (object, detail))
    }

    /// Deeds older than `before`, or the newest, the newest first.
    pub fn deeds(&self, before: Option<u64>, limit: u32) -> Result<Vec<Deed>, AccessError> {
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT seq, at, who, did, object, detail FROM audit WHERE seq < ?1
             ORDER BY seq DESC LIMIT ?2",
        )?;
        let limit = i64::from(limit.clamp(1, Self::DEEDS_MAX));
        let deeds = statement.query_map([before, limit], |row| {
            Ok(Deed {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                at: Timestamp::saturating(row.get(1)?),
                who: row.get(2)?,
                did: row.get(3)?,
                object: row.get(4)?,
                detail: row.get(5)?,
            })
        })?;
        Ok(deeds.collect::<Result<_, _>>()?)
    }
}

/// Notes a deed beside what it changes.
pub(super) fn record(
    to: &Connection,
    who: &str,
    did: &str,
    (object, detail): (&str, &str),
) -> Result<(), AccessError> {
    to.prepare_cached(
        "INSERT INTO audit (at, who, did, object, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(rusqlite::params![time::now().millis(), who, did, object, detail])?;
    Ok(())
}
