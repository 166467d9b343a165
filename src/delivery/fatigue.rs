//! Fatigue control: may this person be told now, later, or in the digest – and why not now?
//!
//! ```text
//! told already to be over? ─► kept back by another? ─► flapping? ─► budget? ─► quiet hours? ─► now
//!     suppressed                 suppressed              digest       digest      later
//! ```
//!
//! Every answer but "now" carries its reason, which the outbox keeps and shows. Programs are always
//! told: only what is too old, of a history that was replayed, is kept from them.

use rusqlite::Transaction;

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::delivery::desk::Desk;
use crate::delivery::desk::Destination;
use crate::delivery::inbox::InboxError;
use crate::delivery::outbox::About;
use crate::delivery::outbox::Status;
use crate::delivery::route;
use crate::delivery::route::matcher::Labels;
use crate::time::Timestamp;

/// How a delivery begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begin {
    /// Pending, held for the digest, or suppressed.
    pub(super) status: Status,
    /// Why it is not simply sent; empty when it is.
    pub(super) reason: String,
    /// Not before then.
    pub(super) due_at: Timestamp,
}

/// What is to be told.
pub(super) struct Asked<'a> {
    /// The alert as it stands now.
    pub(super) alert: &'a Alert,
    /// What it is, for routing.
    pub(super) labels: &'a Labels,
    /// What of it.
    pub(super) about: About,
    /// Where to.
    pub(super) to: &'a Destination,
    /// Whether people read it.
    pub(super) is_for_people: bool,
    /// Whether the receiver wants it in the digest.
    pub(super) is_digested: bool,
}

fn suppressed(reason: String, now: Timestamp) -> Begin {
    Begin { status: Status::Suppressed, reason, due_at: now }
}

fn held(reason: String, now: Timestamp) -> Begin {
    Begin { status: Status::Held, reason, due_at: now }
}

/// How this delivery begins.
pub(super) fn decide(
    within: &Transaction<'_>,
    desk: &Desk,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<Begin, InboxError> {
    let Asked { alert, about, to, .. } = asked;
    let at_once = Begin { status: Status::Pending, reason: String::new(), due_at: now };
    if let Err(problem) = &to.address {
        return Ok(suppressed(format!("no address: {problem}"), now));
    }
    if *about == About::Opened && alert.opened_at < now - desk.config.stale_after {
        let reason = format!("stale: it opened at {}", alert.opened_at);
        return Ok(suppressed(reason, now));
    }
    // A message that is changed where it stands disturbs nobody.
    if !asked.is_for_people || *about == About::Updated {
        return Ok(at_once);
    }
    if *about != About::Changed {
        if alert.state != AlertState::Firing {
            return Ok(suppressed(over(alert), now));
        }
        if let Some(reason) = inhibited(within, desk, asked)? {
            return Ok(suppressed(reason, now));
        }
    }
    if asked.is_digested && *about == About::Opened {
        return Ok(held("digest: its receiver gets all of them so".to_owned(), now));
    }
    if *about == About::Opened
        && let Some(reason) = flapping(within, desk, asked, now)?
    {
        return Ok(held(reason, now));
    }
    let wait =
        if *about == About::Opened { desk.config.group_wait } else { crate::time::Span::ZERO };
    let hours = desk.quiet_hours(&to.person);
    let due_at = hours.over(now + wait);
    let is_late = due_at > now + wait;
    let reason = if is_late { format!("quiet hours: waits until {due_at}") } else { String::new() };
    if let Some(reason) = over_budget(within, desk, asked, due_at)? {
        let is_opening = *about != About::Changed;
        return Ok(if is_opening { held(reason, now) } else { suppressed(reason, now) });
    }
    Ok(Begin { status: Status::Pending, reason, due_at })
}

/// Why nobody has to be told of an alert that is not firing.
pub(super) fn over(alert: &Alert) -> String {
    match &alert.state {
        AlertState::Closed { .. } => "over: it was closed before it was sent".to_owned(),
        AlertState::Snoozed { .. } | AlertState::Waiting { .. } => {
            "over: it was put aside before it was sent".to_owned()
        }
        _ => "over: somebody took it on before it was sent".to_owned(),
    }
}

/// Which open alert of the same customer keeps this one back.
fn inhibited(
    within: &Transaction<'_>,
    desk: &Desk,
    asked: &Asked<'_>,
) -> Result<Option<String>, InboxError> {
    let alert = asked.alert;
    let rules = desk.config.inhibit.iter();
    let rules: Vec<_> = rules.filter(|rule| rule.target.matches(asked.labels)).collect();
    if rules.is_empty() {
        return Ok(None);
    }
    let mut statement = within.prepare_cached(
        "SELECT body FROM alerts WHERE entity_kind = ?1 AND entity_id = ?2 AND shelf = 0
             AND id != ?3 ORDER BY rank DESC LIMIT 50",
    )?;
    let kind = alert.entity_kind.name();
    let params = rusqlite::params![kind, alert.entity_id, alert.id.to_string()];
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let other: Alert = serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?;
        // What is known of the customer is the same for both.
        let mut labels = route::labels(&other, None);
        for name in ["segment", "tier", "territory"] {
            if let Some(value) = asked.labels.get(name) {
                labels.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
        let holds = rules.iter().any(|rule| {
            // An alert that is both source and target keeps no other such one back.
            rule.source.matches(&labels)
                && !rule.target.matches(&labels)
                && rule.equal.iter().all(|name| labels.get(name) == asked.labels.get(name))
        });
        if holds {
            return Ok(Some(format!("inhibited: {} of this customer is open", other.rule)));
        }
    }
    Ok(None)
}

/// Why the same news about the same customer is no news any more.
fn flapping(
    within: &Transaction<'_>,
    desk: &Desk,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<Option<String>, InboxError> {
    let most = desk.config.flaps_max;
    if most == 0 {
        return Ok(None);
    }
    let mut statement = within.prepare_cached(
        "SELECT COUNT(*) FROM deliveries WHERE entity = ?1 AND rule = ?2 AND channel = ?3
             AND address = ?4 AND about = 'opened' AND status != 'suppressed' AND created_at > ?5",
    )?;
    let address = asked.to.address.as_deref().unwrap_or_default();
    let since = (now - desk.config.flap_window).millis();
    let entity = entity(asked.alert);
    let params = rusqlite::params![entity, asked.alert.rule, asked.to.channel, address, since];
    let told: u32 = statement.query_row(params, |row| row.get(0))?;
    let window = desk.config.flap_window;
    Ok((told >= most).then(|| format!("flapping: opened {} times within {window}", told + 1)))
}

/// Why a person gets no more that day. What a digest tells does not count.
fn over_budget(
    within: &Transaction<'_>,
    desk: &Desk,
    asked: &Asked<'_>,
    due_at: Timestamp,
) -> Result<Option<String>, InboxError> {
    let person = &asked.to.person;
    let Some(budget) = desk.budget(person).filter(|_| !person.is_empty()) else { return Ok(None) };
    let day = desk.config.digest_at.day_start(due_at);
    let mut statement = within.prepare_cached(
        "SELECT COUNT(*) FROM deliveries WHERE person = ?1 AND due_at >= ?2 AND due_at < ?3
             AND about IN ('opened', 'escalated', 'changed')
             AND (status IN ('pending', 'sending', 'uncertain')
                  OR (status IN ('delivered', 'dead') AND attempts > 0))",
    )?;
    let next = day + crate::time::Span::DAY;
    let params = rusqlite::params![person, day.millis(), next.millis()];
    let told: u32 = statement.query_row(params, |row| row.get(0))?;
    Ok((told >= budget).then(|| format!("budget: {budget} messages a day")))
}

/// Whose alert it is, as one word.
pub(super) fn entity(alert: &Alert) -> String {
    format!("{}:{}", alert.entity_kind.name(), alert.entity_id)
}
