//! Duty: an alert goes along when somebody else looks after its customer.
//!
//! ```text
//! keeper   who looks after the customer, as the engine said last     a rep may have given the
//! owner    whose alert it is                                         alert to somebody else since
//! ```
//!
//! What the engine says again, from a replay, is no news: it takes back nothing that a rep did.

use rusqlite::Transaction;

use crate::alert::AlertId;
use crate::alert::Owner;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::MOVED;
use crate::delivery::inbox::SHADOW;
use crate::delivery::inbox::number;
use crate::event::EntityKind;
use crate::time::Timestamp;

/// Gives an entity's alerts to whoever looks after it since `at`, unless that is older than what is
/// known. Both sides are told.
pub(super) fn hand_over(
    to: &Transaction<'_>,
    (kind, entity): (EntityKind, &str),
    (keeper, at): (&Owner, Timestamp),
    changes: &mut Vec<Change>,
) -> Result<(), InboxError> {
    let keeper = keeper.key();
    let mut statement = to.prepare_cached(
        "SELECT id, family, state_name, owner, shelf FROM alerts
         WHERE entity_kind = ?1 AND entity_id = ?2 AND keeper <> ?3 AND owned_at <= ?4",
    )?;
    let known = rusqlite::params![kind.name(), entity, keeper, at.millis()];
    let found = statement.query_map(known, |row| {
        let columns = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok::<(String, String, String, String, i64), _>(columns)
    })?;
    for row in found.collect::<Result<Vec<_>, _>>()? {
        let (id, family, state, before, shelf) = row;
        let Ok(alert) = id.parse::<AlertId>() else { continue };
        let owner = keeper.clone();
        let there = Change { seq: 0, id: alert, opened: false, owner, family, state, at };
        let mut seq = None;
        if shelf != SHADOW && before != keeper {
            let moved = Change { owner: before, state: MOVED.to_owned(), ..there.clone() };
            changes.push(number(to, moved)?);
            let there = number(to, there)?;
            seq = Some(there.seq.cast_signed());
            changes.push(there);
        }
        to.prepare_cached(
            "UPDATE alerts SET owner = ?2, keeper = ?2, owned_at = ?3, seq = COALESCE(?4, seq)
             WHERE id = ?1",
        )?
        .execute(rusqlite::params![id, keeper, at.millis(), seq])?;
    }
    Ok(())
}
