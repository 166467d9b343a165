//! People: who gets an alert, by which address, and who stands in?
//!
//! ```text
//! to = "owner"      the customer's rep, or those of the territory that the alert belongs to
//!      "territory"  everybody who sells where the customer is
//!      "senior"     the owner if senior, else a senior rep of the territory, else the manager
//!      "manager"    the owner's manager
//!      "rep:r07"    this person                                       └─► away? the one who covers
//! ```
//!
//! Who the reps are, whom they report to, where they sell and who is senior comes from the reference
//! data. Section `[people.ID]` adds what those do not have, addresses and hours, and wins where both
//! say something. A person without a section still gets mail where a channel makes addresses of ids.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::alert::Alert;
use crate::alert::Owner;
use crate::delivery::hours::Hours;
use crate::delivery::inbox::people::People;
use crate::delivery::route::matcher::Labels;
use crate::time::Timestamp;

/// Section `[people.ID]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// What people call him or her.
    pub name: Option<String>,
    /// Address for mail.
    pub email: Option<String>,
    /// Member id in Slack: `U012AB3CD`.
    pub slack: Option<String>,
    /// Id of the manager.
    pub manager: Option<String>,
    /// Where he or she sells.
    pub territories: Vec<String>,
    /// Whether large customers are for him or her.
    pub senior: Option<bool>,
    /// Messages a day before the rest goes to the digest; that of `[delivery]` when left out.
    pub budget_per_day: Option<u32>,
    /// When nothing is sent; those of `[delivery]` when left out.
    pub quiet_hours: Option<Hours>,
    /// Times of absence.
    pub away: Vec<Away>,
}

/// A time of absence.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Away {
    /// From this time on, or from midnight UTC of this day.
    pub from: Instant,
    /// Before this time, or before midnight UTC of this day.
    pub until: Instant,
    /// Id of who stands in; the manager when left out.
    pub cover: Option<String>,
}

/// A time in a configuration: RFC 3339, or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Instant(pub Timestamp);

impl TryFrom<String> for Instant {
    type Error = crate::time::TimeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Timestamp::parse(&text).map(Self)
    }
}

/// Whom a receiver is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Whom {
    /// The alert's owner.
    Owner,
    /// Everybody of the customer's territory.
    Territory,
    /// A senior rep.
    Senior,
    /// The owner's manager.
    Manager,
    /// This person.
    Rep(String),
}

/// A word that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nobody: write `owner`, `territory`, `senior`, `manager`, or a rep's id as \
     `rep:r07`"
)]
pub struct WhomError(String);

impl TryFrom<String> for Whom {
    type Error = WhomError;
    fn try_from(text: String) -> Result<Self, WhomError> {
        match text.as_str() {
            "owner" => Ok(Self::Owner),
            "territory" => Ok(Self::Territory),
            "senior" => Ok(Self::Senior),
            "manager" => Ok(Self::Manager),
            other => match other.strip_prefix("rep:") {
                Some(id) if !id.is_empty() => Ok(Self::Rep(id.to_owned())),
                _ => Err(WhomError(text.chars().take(40).collect())),
            },
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Territory => f.write_str("territory"),
            Self::Senior => f.write_str("senior"),
            Self::Manager => f.write_str("manager"),
            Self::Rep(id) => write!(f, "rep:{id}"),
        }
    }
}

/// Somebody who gets an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Id of the person.
    pub id: String,
    /// Why it is not who was meant; empty when it is.
    pub note: String,
}

/// Everybody, by id.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct Directory(pub BTreeMap<String, Person>);

impl Directory {
    /// Most people that one alert goes to by a territory.
    const TERRITORY_MAX: usize = 20;
    /// Most stand-ins of stand-ins that are followed.
    const COVERS_MAX: usize = 8;

    /// The same, with everybody whom the reference data name.
    #[must_use]
    pub fn over(&self, known: &People) -> Self {
        let mut people = self.0.clone();
        for (id, rep) in known.iter() {
            let person = people.entry(id.to_owned()).or_default();
            person.name = person.name.take().or_else(|| rep.name.clone());
            person.manager = person.manager.take().or_else(|| rep.manager.clone());
            if person.territories.is_empty() {
                person.territories.clone_from(&rep.territories);
            }
            let seniority = rep.seniority.as_deref();
            let is_senior = || seniority.map(|word| word.eq_ignore_ascii_case("senior"));
            person.senior = person.senior.or_else(is_senior);
        }
        Self(people)
    }

    /// Who gets the alert; nobody where nobody is known.
    pub fn find(
        &self,
        whom: &Whom,
        alert: &Alert,
        labels: &Labels,
        now: Timestamp,
    ) -> Vec<Recipient> {
        let territory = labels.get("territory").map(String::as_str);
        let owners = match &alert.owner {
            Owner::Rep(id) => vec![id.clone()],
            Owner::Territory(name) => self.selling_in(Some(name)),
            Owner::Queue => Vec::new(),
        };
        let ids = match whom {
            Whom::Owner => owners,
            Whom::Territory => self.selling_in(territory),
            Whom::Rep(id) => vec![id.clone()],
            Whom::Manager => self.managers(&owners),
            Whom::Senior => match owners.iter().find(|id| self.is_senior(id)) {
                Some(senior) => vec![senior.clone()],
                None => {
                    let there = self.selling_in(territory);
                    let senior = there.into_iter().find(|id| self.is_senior(id));
                    senior.map_or_else(|| self.managers(&owners), |senior| vec![senior])
                }
            },
        };
        let mut found: Vec<Recipient> = Vec::new();
        for id in ids {
            let recipient = self.present(&id, now);
            if found.iter().all(|known| known.id != recipient.id) {
                found.push(recipient);
            }
        }
        found
    }

    fn is_senior(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|person| person.senior == Some(true))
    }

    /// Everybody who sells in this territory.
    fn selling_in(&self, territory: Option<&str>) -> Vec<String> {
        let Some(territory) = territory else { return Vec::new() };
        let sells = |person: &Person| person.territories.iter().any(|name| name == territory);
        let there = self.0.iter().filter(|(_, person)| sells(person));
        there.map(|(id, _)| id.clone()).take(Self::TERRITORY_MAX).collect()
    }

    fn managers(&self, of: &[String]) -> Vec<String> {
        of.iter().filter_map(|id| self.0.get(id)?.manager.clone()).collect()
    }

    /// This person, or whoever stands in.
    fn present(&self, id: &str, now: Timestamp) -> Recipient {
        let mut now_with = id.to_owned();
        for _ in 0..Self::COVERS_MAX {
            let Some(person) = self.0.get(&now_with) else { break };
            let away = person.away.iter().find(|away| away.from.0 <= now && now < away.until.0);
            let cover = away.and_then(|away| away.cover.clone().or_else(|| person.manager.clone()));
            match cover {
                // In a circle of covers nobody is there: it goes to who was meant.
                Some(cover) if cover == id => return Recipient::meant(id),
                Some(cover) => now_with = cover,
                None => break,
            }
        }
        if now_with == id {
            return Recipient::meant(id);
        }
        Recipient { note: format!("{now_with} stands in for {id}, who is away"), id: now_with }
    }
}

impl Recipient {
    fn meant(id: &str) -> Self {
        Self { id: id.to_owned(), note: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox;
    use crate::delivery::inbox::sample;

    const PEOPLE: &str = r#"
        [r1]
        manager = "m1"
        territories = ["North"]
        away = [{from = "2025-03-10", until = "2025-03-20", cover = "r2"}]
        [r2]
        manager = "m1"
        territories = ["North"]
        away = [{from = "2025-03-15", until = "2025-03-20"}]
        [r3]
        manager = "m1"
        senior = true
        territories = ["North", "South"]
        [r4]
        away = [{from = "2025-03-10", until = "2025-03-20", cover = "r5"}]
        [r5]
        away = [{from = "2025-03-10", until = "2025-03-20", cover = "r4"}]
        [m1]
    "#;

    #[test]
    fn the_reference_data_say_who_there_is_and_the_configuration_wins() {
        let rep = |manager: &str, territory: &str, seniority: &str| inbox::people::Person {
            name: Some(format!("of {manager}")),
            manager: Some(manager.to_owned()),
            territories: vec![territory.to_owned()],
            seniority: Some(seniority.to_owned()),
        };
        let known = People::of([
            ("r1", rep("m1", "North", "Senior")),
            ("r2", rep("m1", "North", "junior")),
            ("r3", rep("m1", "South", "senior")),
        ]);
        let text = "
            [r1]
            email = 'one@example.com'
            senior = false
            [r2]
            manager = 'm2'
            territories = ['West']
            [away]";
        let people: Directory = toml::from_str(text).unwrap();
        let people = people.over(&known).0;
        let told = |id: &str| {
            let person: &Person = &people[id];
            let manager = person.manager.as_deref().unwrap_or_default();
            (manager, person.territories.join(" "), person.senior, person.email.is_some())
        };
        assert_eq!(people.len(), 4);
        assert_eq!(told("r1"), ("m1", "North".to_owned(), Some(false), true));
        assert_eq!(told("r2"), ("m2", "West".to_owned(), Some(false), false));
        assert_eq!(told("r3"), ("m1", "South".to_owned(), Some(true), false));
        assert_eq!(told("away"), ("", String::new(), None, false));
    }

    #[test]
    fn an_alert_finds_its_people() {
        let people: Directory = toml::from_str(PEOPLE).unwrap();
        let rep = |id: &str| Owner::Rep(id.to_owned());
        let north = || Owner::Territory("North".to_owned());
        let (early, away) = ("2025-03-09", "2025-03-12");
        for (whom, owner, day, want) in [
            ("owner", rep("r1"), early, &["r1"][..]),
            ("owner", rep("unknown"), early, &["unknown"]),
            ("owner", north(), early, &["r1", "r2", "r3"]),
            ("owner", Owner::Queue, early, &[]),
            ("territory", rep("r1"), early, &["r1", "r2", "r3"]),
            ("senior", rep("r1"), early, &["r3"]),
            ("senior", rep("r3"), early, &["r3"]),
            ("senior", rep("unknown"), early, &["r3"]),
            ("manager", rep("r1"), early, &["m1"]),
            ("manager", rep("m1"), early, &[]),
            ("rep:r9", rep("r1"), early, &["r9"]),
            // Who is away is stood in for, also by one who is away.
            ("owner", rep("r1"), away, &["r2"]),
            ("owner", rep("r1"), "2025-03-16", &["m1"]),
            ("owner", rep("r1"), "2025-03-20", &["r1"]),
            ("owner", rep("r4"), away, &["r4"]),
            ("owner", north(), away, &["r2", "r3"]),
        ] {
            let alert = Alert { owner, ..sample::alert("c1", None) };
            let labels = [("territory".to_owned(), "North".to_owned())].into();
            let parsed = Whom::try_from(whom.to_owned()).unwrap();
            let found =
                people.find(&parsed, &alert, &labels, sample::at(&format!("{day}T12:00:00Z")));
            let ids: Vec<&str> = found.iter().map(|recipient| recipient.id.as_str()).collect();
            assert_eq!(ids, want, "{whom} of {:?} on {day}", alert.owner);
        }
        let error = Whom::try_from("boss".to_owned()).unwrap_err().to_string();
        assert!(error.contains("`boss` names nobody") && error.contains("rep:r07"), "{error}");
    }
}
