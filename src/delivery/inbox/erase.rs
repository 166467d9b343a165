//! A customer goes for good: its alerts, what was said of them, and what was, or is to be, sent.
//!
//! ```text
//! its alerts ─► gone, with deeds, deliveries, escalations; their owners are told that they moved
//! others     ─► stay; where they mention the customer, another word stands in its place
//! file       ─► written anew, so that nothing is left between its rows
//! ```

use rusqlite::Transaction;
use serde_json::Value;

use crate::alert::AlertId;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::MOVED;
use crate::delivery::inbox::SHADOW;
use crate::delivery::inbox::number;
use crate::event::EntityKind;
use crate::event::mention;
use crate::time::Timestamp;

/// A shorter name, or one of digits alone, is looked for as a whole text only: in a sentence it could
/// be anything.
const LENGTH_MIN: usize = 4;

/// How often it is tried to write the file anew while somebody reads it.
const TRIES: usize = 50;

/// Who goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its id in the source.
    pub id: String,
    /// What people called it.
    pub names: Vec<String>,
    /// What stands in its place from here on.
    pub alias: String,
}

/// What went with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Its alerts.
    pub alerts: usize,
    /// What was sent of them, or was about to be.
    pub deliveries: usize,
    /// Alerts of others that mentioned it.
    pub mentions: usize,
}

impl Inbox {
    /// What an entity is called in its alerts.
    pub fn called(&self, kind: EntityKind, id: &str) -> Result<Vec<String>, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare(
            "SELECT DISTINCT json_extract(body, '$.entity_name') FROM alerts
             WHERE entity_kind = ?1 AND entity_id = ?2",
        )?;
        let names =
            statement.query_map([kind.name(), id], |row| row.get::<_, Option<String>>(0))?;
        Ok(names.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Removes what is kept of a customer. Done a second time it finds nothing.
    pub fn erase(&self, gone: &Gone) -> Result<Removed, InboxError> {
        self.writer.lock().pragma_update(None, "secure_delete", true)?;
        let removed = self.write(|to| -> Result<Removed, InboxError> {
            let (alerts, mut deliveries) = remove_alerts(to, gone)?;
            let entity = format!("customer:{}", gone.id);
            deliveries += to.execute("DELETE FROM deliveries WHERE entity = ?1", [&entity])?;
            // Whoever copies this inbox copies it anew, and has nothing of them either.
            to.execute("UPDATE identity SET name = lower(hex(randomblob(16)))", [])?;
            Ok(Removed { alerts, deliveries, mentions: remove_mentions(to, gone)? })
        })?;
        // What an earlier change left in the file, unseen, goes as well.
        let writer = self.writer.lock();
        writer.execute_batch("VACUUM")?;
        for _ in 0..TRIES {
            let is_busy: bool =
                writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if !is_busy {
                return Ok(removed);
            }
        }
        Err(InboxError::Corrupt("its log is being read: stop who reads it".to_owned()))
    }
}

fn remove_alerts(to: &Transaction<'_>, gone: &Gone) -> Result<(usize, usize), InboxError> {
    let mut statement = to.prepare(
        "SELECT id, owner, family, changed_at, shelf FROM alerts
         WHERE entity_kind = 'customer' AND entity_id = ?1",
    )?;
    let rows = statement.query_map([&gone.id], |row| {
        let owner_and_family: (String, String) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, String>(0)?, owner_and_family, row.get(3)?, row.get::<_, i64>(4)?))
    })?;
    let found = rows.collect::<Result<Vec<_>, _>>()?;
    let mut deliveries = 0;
    for (id, (owner, family), at, shelf) in &found {
        deliveries += to.execute("DELETE FROM deliveries WHERE alert = ?1", [id])?;
        for table in ["deeds", "escalations"] {
            to.execute(&format!("DELETE FROM {table} WHERE alert = ?1"), [id])?;
        }
        to.execute("DELETE FROM alerts WHERE id = ?1", [id])?;
        // An open page takes it off its list.
        if let (Ok(id), false) = (id.parse::<AlertId>(), *shelf == SHADOW) {
            let (owner, family, at) = (owner.clone(), family.clone(), Timestamp::saturating(*at));
            let state = MOVED.to_owned();
            number(to, Change { seq: 0, id, opened: false, owner, family, state, at })?;
        }
    }
    Ok((found.len(), deliveries))
}

/// Takes the customer out of the words of alerts of others, and of what people said of those.
fn remove_mentions(to: &Transaction<'_>, gone: &Gone) -> Result<usize, InboxError> {
    let mut found = 0;
    for (table, column) in [("alerts", "body"), ("alerts", "words"), ("deeds", "action")] {
        for word in std::iter::once(&gone.id).chain(&gone.names) {
            let sought = if column == "words" { word.to_lowercase() } else { written(word)? };
            let mut statement = to.prepare(&format!(
                "SELECT row, {column} FROM {table} WHERE instr({column}, ?1) > 0"
            ))?;
            let rows = statement.query_map([&sought], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
            for (row, text) in rows.collect::<Result<Vec<_>, _>>()? {
                let anew = if column == "words" {
                    without(&text, &sought, &gone.alias)
                } else {
                    let mut value: Value = serde_json::from_str(&text)?;
                    let changed = cleanse(&mut value, word, &gone.alias);
                    changed.then(|| value.to_string())
                };
                let Some(anew) = anew else { continue };
                let change = format!("UPDATE {table} SET {column} = ?2 WHERE row = ?1");
                to.execute(&change, rusqlite::params![row, anew])?;
                found += usize::from(column == "body");
            }
        }
    }
    Ok(found)
}

/// A text as it stands within the quotes of JSON.
fn written(text: &str) -> Result<String, InboxError> {
    let quoted = serde_json::to_string(text)?;
    Ok(quoted.trim_matches('"').to_owned())
}

/// The text without the word; none where it does not stand there.
fn without(text: &str, word: &str, alias: &str) -> Option<String> {
    if word.chars().any(char::is_alphabetic) && word.chars().count() >= LENGTH_MIN {
        return mention::replaced(text, word, alias);
    }
    let lines: Vec<&str> =
        text.split('\n').map(|line| if line == word { alias } else { line }).collect();
    let anew = lines.join("\n");
    (anew != text).then_some(anew)
}

/// Takes a word out of every text of a value; whether it was there.
fn cleanse(value: &mut Value, word: &str, alias: &str) -> bool {
    match value {
        Value::String(text) => match without(text, word, alias) {
            Some(anew) => {
                *text = anew;
                true
            }
            None => false,
        },
        Value::Array(all) => {
            all.iter_mut().fold(false, |found, one| cleanse(one, word, alias) | found)
        }
        Value::Object(all) => {
            all.values_mut().fold(false, |found, one| cleanse(one, word, alias) | found)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Action;
    use crate::alert::Deed;
    use crate::delivery::inbox::InboxConfig;
    use crate::delivery::inbox::sample::alert;
    use crate::engine::Output;

    #[test]
    fn of_a_customer_nothing_is_left_and_nothing_of_others_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.sqlite");
        let inbox = Inbox::open(&path, InboxConfig::default()).unwrap();
        let (mut theirs, mut other, mut rep) =
            (alert("kd-4711", Some("10")), alert("kd-47110", Some("20")), alert("r1", None));
        theirs.entity_name = Some("Canary Ltd".to_owned());
        other.entity_name = Some("Canary Limited".to_owned());
        rep.entity_kind = EntityKind::Rep;
        rep.summary = "Canary Ltd (kd-4711) and kd-47110".to_owned();
        let said = |words: &str| Deed {
            action: Action::Comment { text: words.to_owned() },
            by: "ann".to_owned(),
            at: Timestamp::EPOCH,
        };
        let open = |alert: &crate::alert::Alert| Output::Opened {
            alert: Box::new(alert.clone()),
            arrived: None,
        };
        let all = [
            open(&theirs),
            open(&other),
            open(&rep),
            Output::Acted { id: theirs.id, deed: said("spoke to Mr Canary") },
            Output::Acted { id: other.id, deed: said("as Canary Ltd did") },
        ];
        inbox.apply(&all).unwrap();
        // Something that was there once, and left its words between the rows.
        let words = "x".repeat(3_000) + "Canary Ltd";
        let writer = inbox.writer.lock();
        writer.pragma_update(None, "secure_delete", false).unwrap();
        writer
            .execute(
                "INSERT INTO deeds (alert, at, by, action) VALUES ('0', 0, 'ann', ?1)",
                [words],
            )
            .unwrap();
        writer.execute("DELETE FROM deeds WHERE alert = '0'", []).unwrap();
        drop(writer);
        let gone = Gone {
            id: "kd-4711".to_owned(),
            names: vec!["Canary Ltd".to_owned()],
            alias: "erased-1".to_owned(),
        };
        assert_eq!(inbox.called(EntityKind::Customer, &gone.id).unwrap(), gone.names);
        let newest = inbox.newest_seq().unwrap();
        let removed = inbox.erase(&gone).unwrap();
        assert_eq!(removed, Removed { alerts: 1, deliveries: 0, mentions: 2 });
        assert_eq!(inbox.newest_seq().unwrap(), newest + 1, "its owner is told");
        assert_eq!(inbox.erase(&gone).unwrap(), Removed::default(), "a second time");
        assert!(inbox.get(theirs.id).unwrap().is_none());
        assert_eq!(inbox.get(other.id).unwrap().unwrap().alert, other);
        let kept = inbox.get(rep.id).unwrap().unwrap().alert;
        assert_eq!(kept.summary, "erased-1 (erased-1) and kd-47110");
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for word in ["Canary Ltd", "canary ltd", "Mr Canary", "kd-4711\"", "kd-4711 "] {
                let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(!found, "{word} is still there");
            }
        }
    }
}
