//! The plan: what has to be sent because of what has changed, and because time has passed?
//!
//! ```text
//! changes behind the mark ─► openings ─► route ─► fatigue ─► deliveries ┐
//!                            others   ─► who was told of the opening ───┼─► one transaction, with
//! nobody took it on in time           ─► escalation ────────────────────┤   the mark moved on
//! it is time for the digest           ─► what was held ─────────────────┘
//! ```
//!
//! Several changes of an alert that wait together are one: the alert as it stands now is told.
//!
//! Nothing is planned before what it rests on is durable. An opening that an earlier process left,
//! and that the engine does not know after its journal was taken in, rests on nothing: the alert is
//! withdrawn, and comes anew if what set it off is sent again.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::OptionalExtension;
use rusqlite::Transaction;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::delivery::desk::Desk;
use crate::delivery::desk::Destination;
use crate::delivery::fatigue;
use crate::delivery::fatigue::Asked;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::MOVED;
use crate::delivery::inbox::people::People;
use crate::delivery::inbox::people::Sight;
use crate::delivery::inbox::query::Since;
use crate::delivery::outbox;
use crate::delivery::outbox::About;
use crate::delivery::outbox::Outbox;
use crate::delivery::outbox::Planned;
use crate::delivery::outbox::Status;
use crate::delivery::route;
use crate::delivery::route::matcher::Labels;
use crate::engine::Output;
use crate::engine::port::EntityView;
use crate::engine::port::Port;
use crate::engine::service::Service;
use crate::time::Span;
use crate::time::Timestamp;

/// Whoever tells the inbox of alerts.
pub trait Origin: Send + Sync {
    /// What is known of whom an alert is about.
    fn look_up(&self, alert: &Alert) -> Option<EntityView>;

    /// Returns once everything that was told by now rests on what is durable; whether it does.
    fn confirm(&self) -> bool;

    /// Whether this alert was told of, as far as is remembered.
    fn knows(&self, alert: &Alert) -> bool;
}

impl Origin for Service {
    fn look_up(&self, alert: &Alert) -> Option<EntityView> {
        self.entity(alert.entity_kind, &alert.entity_id)
    }

    fn confirm(&self) -> bool {
        Self::confirm(self)
    }

    fn knows(&self, alert: &Alert) -> bool {
        Self::knows(self, alert)
    }
}

/// Plans, one step after the other.
pub struct Planner {
    outbox: Outbox,
    configured: Arc<Desk>,
    /// The desk with the people of the reference data, as they were then.
    desk: Mutex<(Arc<People>, Arc<Desk>)>,
    origin: Arc<dyn Origin>,
    /// Changes up to this number were told by an earlier process.
    before: u64,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Changes that it took.
    pub changes: usize,
    /// Whether there are more to take at once.
    pub is_behind: bool,
    /// Alerts that it withdrew.
    pub withdrawn: Vec<Change>,
}

/// An alert that has changed.
struct Changed {
    alert: Alert,
    labels: Labels,
    news: News,
}

/// What has happened to an alert.
#[derive(Clone, Copy)]
struct News {
    /// Whether its opening is among the changes.
    is_new: bool,
    /// Whether it is somebody else's now.
    is_moved: bool,
    at: Timestamp,
}

/// The mark up to which changes are planned.
const PLANNED: &str = "planned";
/// The mark of the last digest.
const DIGEST: &str = "digest";
/// So many alerts that are taken back are named in the log.
const NAMED_MAX: usize = 1_000;

impl Planner {
    /// Changes that one step takes.
    const CHANGES_MAX: u32 = 256;
    /// Escalations that one step takes.
    const ESCALATIONS_MAX: u32 = 64;
    /// Alerts that one digest holds; what is beyond waits for the next.
    const DIGEST_MAX: usize = 200;

    /// One for what this origin tells from here on, and for what was told before and not planned.
    pub fn new(
        outbox: Outbox,
        desk: Arc<Desk>,
        origin: Arc<dyn Origin>,
    ) -> Result<Self, InboxError> {
        let before = outbox.inbox.write(newest)?.cast_unsigned();
        let people = outbox.inbox.people();
        let known = Mutex::new((Arc::clone(&people), Arc::new(desk.knowing(&people))));
        Ok(Self { outbox, configured: desk, desk: known, origin, before })
    }

    /// The desk with the people whom the reference data name at this moment.
    fn desk(&self) -> Arc<Desk> {
        let people = self.outbox.inbox.people();
        let mut known = self.desk.lock();
        if !Arc::ptr_eq(&known.0, &people) {
            let desk = Arc::new(self.configured.knowing(&people));
            *known = (people, desk);
        }
        Arc::clone(&known.1)
    }

    /// Plans what has come up until now. There may be more at once: then it says so.
    pub fn step(&self, now: Timestamp) -> Result<Step, InboxError> {
        let inbox = &self.outbox.inbox;
        let from = self.begin(now)?;
        let (changes, to) =
            match inbox.changes_since(from, (&Sight::Everything, None), Self::CHANGES_MAX)? {
                Since::Changes(changes) => {
                    let to = changes.last().map_or(from, |change| change.seq);
                    (changes, to)
                }
                // None is kept: none can have been missed.
                Since::Resync(newest) if newest <= from => (Vec::new(), from),
                Since::Resync(newest) => {
                    tracing::error!(
                        from,
                        newest,
                        "changes are missing: their deliveries are not made"
                    );
                    (Vec::new(), newest)
                }
            };
        let mut news: BTreeMap<AlertId, News> = BTreeMap::new();
        let mut doubtful = BTreeSet::new();
        for change in &changes {
            let at = change.at;
            let known =
                news.entry(change.id).or_insert(News { is_new: false, is_moved: false, at });
            known.is_new |= change.opened;
            known.is_moved |= change.state == MOVED;
            known.at = at;
            if change.opened && change.seq <= self.before {
                doubtful.insert(change.id);
            }
        }
        // Looked up before the transaction: the engine may be waiting for the inbox.
        let mut found = Vec::with_capacity(news.len());
        for (id, news) in news {
            found.extend(self.changed(id, news)?);
        }
        let late = self.late(now)?;
        // Only now: what was read above was told before.
        if !self.origin.confirm() {
            return Ok(Step::default());
        }
        let unfounded = found.extract_if(.., |changed| {
            doubtful.contains(&changed.alert.id) && !self.origin.knows(&changed.alert)
        });
        let withdrawn = self.withdraw(unfounded.map(|changed| changed.alert.id), now)?;
        inbox.write(|to_| {
            // Another planner was faster: a step that was under way when its process gave up.
            if mark(to_, PLANNED)? != Some(from.cast_signed()) {
                return Ok(());
            }
            if found.is_empty() && late.is_empty() && to == from && !self.is_digest_due(to_, now)? {
                return Ok(());
            }
            for changed in &found {
                self.plan(to_, changed, now)?;
            }
            for (changed, receiver) in &late {
                self.escalate(to_, changed, receiver, now)?;
            }
            self.digest(to_, now)?;
            set_mark(to_, PLANNED, to.cast_signed())
        })?;
        let is_behind = changes.len() == Self::CHANGES_MAX as usize;
        Ok(Step { changes: changes.len(), is_behind, withdrawn })
    }

    /// Takes alerts back whose events were lost before anybody was told that they are kept.
    fn withdraw(
        &self,
        alerts: impl Iterator<Item = AlertId>,
        at: Timestamp,
    ) -> Result<Vec<Change>, InboxError> {
        let state = AlertState::Closed { at, reason: CloseReason::Withdrawn };
        let ids: Vec<AlertId> = alerts.collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let named: Vec<String> = ids.iter().take(NAMED_MAX).map(AlertId::to_string).collect();
        let told: Vec<Output> =
            ids.iter().map(|id| Output::Changed { id: *id, state: state.clone(), at }).collect();
        tracing::warn!(
            alerts = told.len(),
            ids = named.join(","),
            "the journal does not hold what these alerts rest on: they are withdrawn, and not sent"
        );
        self.outbox.inbox.apply(&told)
    }

    /// The number up to which changes are planned. In the life of an inbox this begins with the
    /// newest: what was there before there were channels calls nobody.
    pub fn begin(&self, now: Timestamp) -> Result<u64, InboxError> {
        let inbox = &self.outbox.inbox;
        inbox.write(|to| {
            if let Some(planned) = mark(to, PLANNED)? {
                return Ok(planned.cast_unsigned());
            }
            let newest = newest(to)?;
            set_mark(to, PLANNED, newest)?;
            set_mark(to, DIGEST, now.millis())?;
            Ok(newest.cast_unsigned())
        })
    }

    fn changed(&self, id: AlertId, news: News) -> Result<Option<Changed>, InboxError> {
        let kept = self.outbox.inbox.get(id)?;
        Ok(kept.map(|kept| {
            let labels = route::labels(&kept.alert, self.origin.look_up(&kept.alert).as_ref());
            Changed { alert: kept.alert, labels, news }
        }))
    }

    fn plan(&self, to: &Transaction<'_>, news: &Changed, now: Timestamp) -> Result<(), InboxError> {
        self.tell_on(to, news, now)?;
        if news.news.is_moved {
            self.keep_from_the_former(to, news, now)?;
        }
        if !news.news.is_new {
            return Ok(());
        }
        // An alert that has a new owner is there already for those who knew of it.
        let known = outbox::addresses(to, news.alert.id)?;
        for destination in self.desk().destinations(&news.alert, &news.labels, now) {
            let address = destination.address.clone().unwrap_or_default();
            if known.contains(&(destination.channel.clone(), address)) {
                continue;
            }
            let sent = self.tell(to, (news, About::Opened), &destination, now)?;
            let after = self.configured.receiver(&destination.receiver).escalate_after;
            if sent && after > Span::ZERO {
                to.prepare_cached("INSERT OR IGNORE INTO escalations VALUES (?1, ?2, ?3, ?4)")?
                    .execute(rusqlite::params![
                        news.alert.id.to_string(),
                        destination.receiver,
                        news.alert.owner.key(),
                        (now + after).millis(),
                    ])?;
            }
        }
        Ok(())
    }

    /// What waits for somebody whose alert it is no longer is not sent.
    fn keep_from_the_former(
        &self,
        to: &Transaction<'_>,
        news: &Changed,
        now: Timestamp,
    ) -> Result<(), InboxError> {
        let theirs = self.desk().destinations(&news.alert, &news.labels, now).into_iter();
        let theirs: Vec<(String, String)> =
            theirs.filter_map(|of| Some((of.channel, of.address.ok()?))).collect();
        outbox::withdraw(
            to,
            (news.alert.id, &theirs),
            "moved: somebody else looks after it now",
            now,
        )
    }

    /// Plans one delivery; whether it is to be sent, now or with the digest.
    fn tell(
        &self,
        to: &Transaction<'_>,
        (news, about): (&Changed, About),
        destination: &Destination,
        now: Timestamp,
    ) -> Result<bool, InboxError> {
        let desk = self.desk();
        let channel = desk.channels.get(&destination.channel);
        let is_for_people = channel.is_some_and(|channel| channel.channel.is_for_people());
        let begin = fatigue::decide(
            to,
            &desk,
            &Asked {
                alert: &news.alert,
                labels: &news.labels,
                about,
                to: destination,
                is_for_people,
                is_digested: desk.receiver(&destination.receiver).digest,
            },
            now,
        )?;
        let planned = Planned {
            alert: Some(news.alert.id),
            entity: fatigue::entity(&news.alert),
            rule: news.alert.rule.clone(),
            channel: destination.channel.clone(),
            address: destination.address.clone().unwrap_or_default(),
            person: destination.person.clone(),
            about,
            status: begin.status,
            reason: begin.reason,
            route: destination.route.clone(),
            state: serde_json::to_string(&news.alert.state)?,
            at: news.news.at,
            due_at: begin.due_at,
        };
        outbox::enqueue(to, &planned, now)?;
        Ok(begin.status != Status::Suppressed)
    }

    /// Tells a change to everybody who was, or is about to be, told of the opening.
    fn tell_on(
        &self,
        to: &Transaction<'_>,
        news: &Changed,
        now: Timestamp,
    ) -> Result<(), InboxError> {
        let mut statement = to.prepare_cached(
            // What a digest told was never attempted by itself.
            "SELECT channel, address, person, route, MAX(attempts),
                    (SELECT e.state FROM deliveries AS e
                     WHERE e.lane = deliveries.lane ORDER BY e.row DESC LIMIT 1)
             FROM deliveries
             WHERE alert = ?1 AND about IN ('opened', 'escalated')
               AND (status IN ('pending', 'sending', 'uncertain')
                    OR (status = 'delivered' AND attempts > 0))
             GROUP BY channel, address, person",
        )?;
        let id = news.alert.id.to_string();
        let rows = statement.query_map([id.as_str()], |row| {
            let destination = Destination {
                channel: row.get(0)?,
                address: Ok(row.get(1)?),
                person: row.get(2)?,
                route: row.get(3)?,
                receiver: String::new(),
            };
            Ok((destination, row.get::<_, u32>(4)? > 0, row.get::<_, String>(5)?))
        })?;
        let told = rows.collect::<Result<Vec<_>, _>>()?;
        let state = serde_json::to_string(&news.alert.state)?;
        for (destination, is_begun, last) in told {
            let Some(channel) = self.configured.channels.get(&destination.channel) else {
                continue;
            };
            let is_for_people = channel.channel.is_for_people();
            let is_firing = news.alert.state == AlertState::Firing;
            if is_for_people && is_begun && last == state {
                // A comment, or another owner: no news of where it stands.
                continue;
            }
            if is_for_people && !is_begun {
                if !is_firing {
                    outbox::overtake(to, (&id, &destination), &fatigue::over(&news.alert), now)?;
                }
            } else if !is_for_people || channel.channel.tells(&news.alert.state) {
                let edits = channel.channel.is_edited();
                let about = if edits { About::Updated } else { About::Changed };
                self.tell(to, (news, about), &destination, now)?;
            }
        }
        Ok(())
    }

    /// Alerts that somebody should have taken on by now, each with its receiver.
    fn late(&self, now: Timestamp) -> Result<Vec<(Changed, String)>, InboxError> {
        let due = {
            let reader = self.outbox.inbox.reader();
            let mut statement = reader.prepare_cached(
                "SELECT alert, receiver FROM escalations WHERE due_at <= ?1
                 ORDER BY due_at LIMIT ?2",
            )?;
            let params = rusqlite::params![now.millis(), Self::ESCALATIONS_MAX];
            let rows = statement.query_map(params, |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        let mut late = Vec::with_capacity(due.len());
        for (id, receiver) in due {
            let Ok(id) = id.parse() else { continue };
            // Its own time is when it opened: an alert escalates once for each receiver.
            let news = News { is_new: false, is_moved: false, at: Timestamp::EPOCH };
            let changed = self.changed(id, news)?;
            late.extend(changed.map(|changed| (changed, receiver)));
        }
        Ok(late)
    }

    fn escalate(
        &self,
        to: &Transaction<'_>,
        news: &Changed,
        receiver: &str,
        now: Timestamp,
    ) -> Result<(), InboxError> {
        if news.alert.state == AlertState::Firing {
            let (alert, labels) = (&news.alert, &news.labels);
            for destination in self.desk().escalations(receiver, alert, labels, now) {
                self.tell(to, (news, About::Escalated), &destination, now)?;
            }
        }
        to.prepare_cached("DELETE FROM escalations WHERE alert = ?1 AND receiver = ?2")?
            .execute([&news.alert.id.to_string(), receiver])?;
        Ok(())
    }

    /// Whether it is time for the digests.
    fn is_digest_due(&self, to: &Transaction<'_>, now: Timestamp) -> Result<bool, InboxError> {
        let due = self.configured.config.digest_at.latest(now);
        Ok(mark(to, DIGEST)?.is_some_and(|last| last < due.millis()))
    }

    /// Makes the digests, once a day.
    fn digest(&self, to: &Transaction<'_>, now: Timestamp) -> Result<(), InboxError> {
        if !self.is_digest_due(to, now)? {
            return Ok(());
        }
        let due = self.configured.config.digest_at.latest(now);
        set_mark(to, DIGEST, now.millis())?;
        self.prune(to)?;
        for (channel, address, person) in outbox::holders(to)? {
            let held = outbox::held(to, (&channel, &address), Self::DIGEST_MAX, now)?;
            if held.is_empty() || !self.configured.channels.contains_key(&channel) {
                continue;
            }
            let ids: Vec<AlertId> = held.iter().map(|(_, id)| *id).collect();
            let planned = Planned {
                alert: None,
                entity: String::new(),
                rule: String::new(),
                channel,
                address,
                person,
                about: About::Digest,
                status: Status::Pending,
                reason: String::new(),
                route: format!("digest of {}", ids.len()),
                state: serde_json::to_string(&ids)?,
                at: due,
                due_at: now,
            };
            outbox::enqueue(to, &planned, now)?;
            outbox::put_into(to, &held, &planned.id())?;
        }
        Ok(())
    }

    /// Forgets the oldest of what is done.
    fn prune(&self, to: &Transaction<'_>) -> Result<(), InboxError> {
        let kept = i64::try_from(self.configured.config.kept).unwrap_or(i64::MAX);
        to.prepare_cached(
            "DELETE FROM deliveries WHERE status IN ('delivered', 'suppressed', 'dead')
                 AND row <= (SELECT COALESCE(MAX(row), 0) FROM deliveries) - ?1",
        )?
        .execute([kept])?;
        Ok(())
    }
}

/// The number of the newest change.
fn newest(to: &Transaction<'_>) -> Result<i64, InboxError> {
    let mut statement = to.prepare_cached("SELECT COALESCE(MAX(seq), 0) FROM changes")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn mark(to: &Transaction<'_>, name: &str) -> Result<Option<i64>, InboxError> {
    let mut statement = to.prepare_cached("SELECT value FROM outbox_marks WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

fn set_mark(to: &Transaction<'_>, name: &str, value: i64) -> Result<(), InboxError> {
    to.prepare_cached("INSERT OR REPLACE INTO outbox_marks VALUES (?1, ?2)")?
        .execute(rusqlite::params![name, value])?;
    Ok(())
}

#[cfg(test)]
mod tests;
