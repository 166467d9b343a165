//! People: whose alerts may a rep see, whose a manager?
//!
//! ```text
//! rep r07      rep:r07, territory:North         what is his or hers, and what nobody has where
//!                                               he or she sells
//! manager m1   the same of everybody below,     by `manager_id` of the reference data, to any
//!              and the queue                    depth
//! ```
//!
//! The inbox keeps what the engine says of reps, so that it is known again before the reference
//! data are read anew.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value as Param;
use serde::Deserialize;
use serde::Serialize;

use crate::delivery::inbox::InboxError;

/// Owners by key, as one filter: see [`crate::alert::Owner::key`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sight {
    /// Everybody's.
    #[default]
    Everything,
    /// Those of these owners.
    Of(Arc<BTreeSet<String>>),
}

/// A sales person, as the reference data have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What people call him or her.
    pub name: Option<String>,
    /// Id of the manager.
    pub manager: Option<String>,
    /// Where he or she sells.
    pub territories: Vec<String>,
    /// `senior`, `junior` …, as the data say it.
    pub seniority: Option<String>,
}

/// Every rep, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People(BTreeMap<String, Person>);

impl Sight {
    /// Whether what belongs to the owner of this key may be seen.
    pub fn covers(&self, owner: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Of(keys) => keys.contains(owner),
        }
    }

    /// As a condition on `column`, with what it compares to; none where all may be seen.
    pub(super) fn condition(&self, column: &str) -> Option<(String, Param)> {
        let Self::Of(keys) = self else { return None };
        let listed = serde_json::to_string(keys.as_ref()).unwrap_or_else(|_| "[]".to_owned());
        Some((format!("{column} IN (SELECT value FROM json_each(?))"), Param::Text(listed)))
    }
}

impl People {
    /// What the reference data say of a rep.
    pub fn get(&self, id: &str) -> Option<&Person> {
        self.0.get(id)
    }

    /// These reps, and nobody else.
    #[cfg(test)]
    pub(in crate::delivery) fn of<const N: usize>(reps: [(&str, Person); N]) -> Self {
        Self(reps.map(|(id, person)| (id.to_owned(), person)).into())
    }

    /// Everybody, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Person)> {
        self.0.iter().map(|(id, person)| (id.as_str(), person))
    }

    /// What a rep may see.
    pub fn sight_of_rep(&self, id: &str) -> Sight {
        let mut keys = BTreeSet::new();
        self.add(id, &mut keys);
        Sight::Of(Arc::new(keys))
    }

    /// What a manager may see.
    pub fn sight_of_manager(&self, id: &str) -> Sight {
        let mut keys = BTreeSet::from(["queue".to_owned()]);
        let (mut team, mut next) = (BTreeSet::from([id]), vec![id]);
        // Whoever is in the team already is not gone through again: circles end.
        while let Some(manager) = next.pop() {
            self.add(manager, &mut keys);
            let below = self.0.iter().filter(|(_, rep)| rep.manager.as_deref() == Some(manager));
            for (rep, _) in below {
                if team.insert(rep) {
                    next.push(rep);
                }
            }
        }
        Sight::Of(Arc::new(keys))
    }

    fn add(&self, id: &str, keys: &mut BTreeSet<String>) {
        keys.insert(format!("rep:{id}"));
        let territories = self.0.get(id).into_iter().flat_map(|rep| &rep.territories);
        keys.extend(territories.map(|territory| format!("territory:{territory}")));
    }

    /// Puts what is new about a rep in; whether anything was.
    pub(super) fn learn(&mut self, id: &str, person: &Person) -> bool {
        if self.0.get(id) == Some(person) {
            return false;
        }
        self.0.insert(id.to_owned(), person.clone());
        true
    }

    /// Everybody whom the inbox has.
    pub(super) fn load(from: &Connection) -> Result<Self, InboxError> {
        let mut statement =
            from.prepare("SELECT id, name, manager, territories, seniority FROM reps")?;
        let mut rows = statement.query([])?;
        let mut people = Self::default();
        while let Some(row) = rows.next()? {
            let territories = row.get_ref(3)?.as_str().unwrap_or_default();
            let territories = serde_json::from_str(territories)?;
            let (name, manager, seniority) = (row.get(1)?, row.get(2)?, row.get(4)?);
            let person = Person { name, manager, territories, seniority };
            people.0.insert(row.get(0)?, person);
        }
        Ok(people)
    }

    /// Keeps a rep.
    pub(super) fn keep(to: &Connection, id: &str, person: &Person) -> Result<(), InboxError> {
        let territories = serde_json::to_string(&person.territories)?;
        to.prepare_cached(
            "INSERT OR REPLACE INTO reps (id, name, manager, territories, seniority)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(rusqlite::params![
            id,
            person.name,
            person.manager,
            territories,
            person.seniority
        ])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rep_sees_what_is_his_and_a_manager_what_the_team_has() {
        let mut people = People::default();
        for (id, manager, territories) in [
            ("r1", "m1", &["North"][..]),
            ("r2", "m1", &["East", "West"]),
            ("r3", "m2", &["South"]),
            ("m1", "chief", &[]),
            ("m2", "chief", &["South"]),
            // A circle, as bad data have it.
            ("chief", "m1", &[]),
        ] {
            let manager = Some(manager.to_owned());
            let territories = territories.iter().map(|&name| name.to_owned()).collect();
            assert!(
                people.learn(id, &Person { name: None, manager, territories, seniority: None })
            );
        }
        let keys = |sight: Sight| match sight {
            Sight::Of(keys) => keys.iter().cloned().collect::<Vec<_>>().join(" "),
            Sight::Everything => "everything".to_owned(),
        };
        for (sight, want) in [
            (people.sight_of_rep("r1"), "rep:r1 territory:North"),
            (people.sight_of_rep("unknown"), "rep:unknown"),
            (people.sight_of_manager("m2"), "queue rep:m2 rep:r3 territory:South"),
            (
                people.sight_of_manager("m1"),
                "queue rep:chief rep:m1 rep:m2 rep:r1 rep:r2 rep:r3 \
                 territory:East territory:North territory:South territory:West",
            ),
        ] {
            assert_eq!(keys(sight), want);
        }
    }
}
