//! Alerts over the API: the ranked list, one alert, and what a sales person does with it.
//!
//! ```text
//! POST …/actions ─► engine ─► outputs ─► inbox ─► feed ─┐
//!       ▲                                               │ waits a moment for its own change,
//!       └── 200 the alert as it is now ◄────────────────┘ else 202: accepted, not yet done
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::alert::Action;
use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::alert::Deed;
use crate::alert::Family;
use crate::alert::Owner;
use crate::alert::Severity;
use crate::alert::Value;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::inbox::query;
use crate::delivery::inbox::query::Cursor;
use crate::delivery::inbox::query::Kept;
use crate::delivery::inbox::query::Standing;
use crate::delivery::inbox::query::Tally;
use crate::delivery::wire::WireAlert;
use crate::delivery::wire::WireDeed;
use crate::delivery::wire::WireValue;
use crate::delivery::wire::reason_name;
use crate::engine::ActionInput;
use crate::engine::Output;
use crate::engine::port::IngestError;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::money::Decimal;
use crate::time::Span;
use crate::time::Timestamp;

/// How long an action waits for its own effect.
const EFFECT_WAIT: Duration = Duration::from_secs(1);
/// Alerts that a page asks for at once; for more it reads the whole list.
const CHANGED_MAX: usize = 20;
const NOTE_CHARS_MAX: usize = 500;
const SNOOZE_MAX: Span = Span::from_millis(366 * 86_400_000);

/// What a list may be asked for; the pages take the same words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    pub(super) state: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) family: Option<String>,
    /// `customer:c1`, `rep:r1`, `product:p1`.
    pub(super) entity: Option<String>,
    pub(super) q: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) severity: Option<String>,
    /// Worth at least this much.
    pub(super) min: Option<String>,
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<u32>,
    /// The alert that lies open beside the list; only pages use it.
    pub(super) alert: Option<String>,
    /// Ids, parted by commas: of the list only those of them that it has; only pages use it.
    pub(super) changed: Option<String>,
}

impl Parameters {
    /// The question to the inbox; an empty word is one that was not given.
    pub(super) fn query(
        &self,
        services: &Services,
        caller: &Caller,
    ) -> Result<query::Query, Problem> {
        let given = |word: &Option<String>| word.clone().filter(|word| !word.is_empty());
        let standing = given(&self.state).map_or(Ok(Standing::Open), |word| {
            Standing::from_name(&word).ok_or_else(|| {
                let known = Standing::ALL.map(|(_, name)| name).join(", ");
                Problem::bad_request(format!("`state` is none of {known}."))
            })
        })?;
        if standing == Standing::Shadow && !caller.sees_shadow() {
            gate::denied(&caller.viewer, "alerts in the shadow");
            let detail = "What fires in the shadow is for those who write rules.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let family = given(&self.family).map(|word| {
            Family::from_name(&word).ok_or_else(|| {
                let known = Family::ALL.map(|(_, name)| name).join(", ");
                Problem::bad_request(format!("`family` is none of {known}."))
            })
        });
        let entity = given(&self.entity).map(|word| {
            let parts = word.split_once(':').and_then(|(kind, id)| {
                let kinds = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];
                Some((kinds.into_iter().find(|k| k.name() == kind)?, id.to_owned()))
            });
            parts.ok_or_else(|| Problem::bad_request("`entity` is not like `customer:c1`."))
        });
        let severity = given(&self.severity).map(|word| {
            Severity::from_name(&word).ok_or_else(|| {
                Problem::bad_request("`severity` is none of info, warning, critical.")
            })
        });
        let among: Vec<AlertId> = given(&self.changed)
            .map(|ids| ids.split(',').map(alert_id).collect())
            .transpose()?
            .unwrap_or_default();
        if among.len() > CHANGED_MAX {
            let detail = format!("`changed` has more than {CHANGED_MAX} ids.");
            return Err(Problem::bad_request(detail));
        }
        let value_min = given(&self.min).map(|word| {
            Decimal::parse(word.trim())
                .map_err(|_| Problem::bad_request("`min` is not a number: write e.g. `500`."))
        });
        Ok(query::Query {
            rule: given(&self.rule),
            severity: severity.transpose()?,
            value_min: value_min.transpose()?,
            standing,
            sight: caller.sight(services),
            owner: given(&self.owner),
            family: family.transpose()?,
            entity: entity.transpose()?,
            text: given(&self.q).map(|text| text.chars().take(200).collect()),
            among,
            after: given(&self.cursor).map(|text| Cursor::decode(&text)).transpose()?,
            limit: self.limit.unwrap_or(0),
        })
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    alerts: Vec<Numbered<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Numbered<'a> {
    seq: u64,
    #[serde(flatten)]
    alert: WireAlert<'a>,
    /// What it brought in or cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<WireValue>,
}

/// One alert with what was done about it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    alert: Numbered<'a>,
    history: Vec<WireDeed<'a>>,
}

impl<'a> From<&'a Kept> for Numbered<'a> {
    fn from(kept: &'a Kept) -> Self {
        let amount = kept.amount.map(WireValue::from);
        Self { seq: kept.seq, alert: WireAlert::from(&kept.alert), amount }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    action: String,
    by: Option<String>,
    until: Option<String>,
    #[serde(rename = "for")]
    span: Option<String>,
    reason: Option<String>,
    note: Option<String>,
    amount: Option<serde_json::Number>,
    owner: Option<String>,
}

/// `GET /v1/alerts`
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let query = parameters.query(&services, &caller)?;
    let text = blocking(&services, move |services| {
        let page = services.inbox.list(&query)?;
        let next = page.next.as_ref().map(Cursor::encode);
        json(&Listed { alerts: page.alerts.iter().map(Numbered::from).collect(), next })
    });
    Ok(answer(StatusCode::OK, text.await?))
}

/// Alerts and the money in them.
#[derive(Serialize)]
struct WireTally {
    alerts: u64,
    /// In whole units of each currency.
    at_stake: Vec<WireValue>,
}

impl From<&Tally> for WireTally {
    fn from(tally: &Tally) -> Self {
        let values = tally.money.iter().map(|(currency, units)| {
            let amount = Decimal::from_micros(units.saturating_mul(Decimal::SCALE));
            WireValue::from(Value { amount, currency: *currency })
        });
        Self { alerts: tally.alerts, at_stake: values.collect() }
    }
}

#[derive(Serialize)]
struct Tallied {
    open: WireTally,
    snoozed: WireTally,
    /// Only where closed ones are asked for: they are many.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<WireTally>,
    families: BTreeMap<&'static str, WireTally>,
    owners: BTreeMap<String, WireTally>,
}

/// `GET /v1/tallies`
pub(super) async fn tallies(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let query = parameters.query(&services, &caller)?;
    let text = blocking(&services, move |services| {
        let counts = services.inbox.counts(&query)?;
        let owners = services.inbox.owners(&query.sight)?;
        let has_closed = matches!(query.standing, Standing::Closed | Standing::Any);
        let families = counts.families.iter();
        json(&Tallied {
            open: WireTally::from(&counts.open),
            snoozed: WireTally::from(&counts.snoozed),
            closed: has_closed.then(|| WireTally::from(&counts.closed)),
            families: families.map(|(f, tally)| (f.name(), WireTally::from(tally))).collect(),
            owners: owners.iter().map(|(o, tally)| (o.clone(), WireTally::from(tally))).collect(),
        })
    });
    Ok(answer(StatusCode::OK, text.await?))
}

/// `GET /v1/alerts/{id}`
pub(super) async fn one(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = alert_id(&id)?;
    let text = blocking(&services, move |services| told(services, &caller, id));
    Ok(answer(StatusCode::OK, text.await?))
}

fn told(services: &Services, caller: &Caller, id: AlertId) -> Result<String, Problem> {
    let (kept, deeds) = (find(services, caller, id)?, services.inbox.deeds(id)?);
    let history = deeds.iter().map(WireDeed::from).collect();
    json(&Told { alert: Numbered::from(&kept), history })
}

/// `POST /v1/alerts/{id}/actions`
pub(super) async fn act(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let id = alert_id(&id)?;
    let body = action_of(&headers, &body)?;
    let mut feed = services.feed.listen();
    let shown_to = Arc::clone(&caller);
    blocking(&services, move |services| {
        let now = services.clock();
        let alert = found(services, &caller, id, &body)?.alert;
        let action = action(&body, now)?;
        allowed(&alert.state, &action)?;
        // Event time may stand still while a rep does not: two deeds are never of one instant.
        let before = services.inbox.acted_at(id)?;
        let now = before.map_or(now, |before| now.max(before + Span::from_millis(1)));
        let given = body.by.filter(|by| !by.trim().is_empty());
        // A person acts in his or her own name; a program says in whose.
        let by = caller.viewer.acts_as().or(given).unwrap_or_else(|| alert.owner.key());
        let (did, detail) = noted(&action);
        services.access.note(&caller.viewer.key(), did, &format!("alert:{id}"), &detail)?;
        hand_over(services, &alert, action, (by.chars().take(100).collect(), now))
    })
    .await?;
    let effect = async {
        // A missed change may be the one that is waited for, so it ends the waiting too.
        while feed.recv().await.is_ok_and(|change| change.id != id) {}
    };
    let done = tokio::time::timeout(EFFECT_WAIT, effect).await.is_ok();
    let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let text = blocking(&services, move |services| told(services, &shown_to, id));
    match text.await {
        Ok(text) => Ok(answer(status, text)),
        // Who gives an alert away may see it no longer.
        Err(problem) if problem.status == StatusCode::NOT_FOUND => {
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// The alert that is acted on: one that the caller may see, or one that he or she was the last to
/// give away, to take it back.
fn found(
    services: &Services,
    caller: &Caller,
    id: AlertId,
    body: &ActionBody,
) -> Result<Kept, Problem> {
    let seen = find(services, caller, id);
    if seen.is_ok() || body.action != "reassign" {
        return seen;
    }
    let last = services.inbox.deeds(id)?.pop();
    let is_own = last.is_some_and(|deed| {
        matches!(deed.action, Action::Reassign { .. }) && Some(deed.by) == caller.viewer.acts_as()
    });
    let given_away = services.inbox.get(id)?.filter(|kept| is_own && !kept.alert.is_shadow);
    given_away.map_or(seen, Ok)
}

/// The action that a body asks for; refuses one that is not sent as JSON.
pub(super) fn action_of<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, Problem> {
    // A form of another site cannot send this type without asking first.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let detail = "An action is JSON: send `content-type: application/json`.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("The body is not an action: {error}.")))
}

/// Gives an action to the engine, or, for an alert that the engine has forgotten, to the inbox.
pub(super) fn hand_over(
    services: &Services,
    alert: &Alert,
    action: Action,
    (by, at): (String, Timestamp),
) -> Result<(), Problem> {
    let entity =
        EntityId { kind: alert.entity_kind, id: services.symbols.intern(&alert.entity_id) };
    let (id, rule) = (alert.id, alert.rule.clone());
    let deed = Deed { action, by, at };
    let input = ActionInput {
        entity,
        rule,
        alert: id,
        action: deed.action.clone(),
        by: deed.by.clone(),
        at,
    };
    match services.engine.act(input) {
        Ok(()) => Ok(()),
        Err(IngestError::Unknown(_)) => {
            let state = deed.action.leads_to(&deed.by, at);
            let changed = state.map(|state| Output::Changed { id, state, at });
            let outputs: Vec<Output> =
                changed.into_iter().chain([Output::Acted { id, deed }]).collect();
            services.feed.tell(services.inbox.apply(&outputs)?);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// An action as the audit log has it: without what a rep wrote.
fn noted(action: &Action) -> (&'static str, String) {
    match action {
        Action::Acknowledge => ("alert.acknowledge", String::new()),
        Action::Snooze { until } => ("alert.snooze", format!("until {until}")),
        Action::Wait => ("alert.wait", String::new()),
        Action::Reopen => ("alert.reopen", String::new()),
        Action::Close { reason, .. } => ("alert.close", reason_name(reason).to_owned()),
        Action::Comment { .. } => ("alert.comment", String::new()),
        Action::Retract { .. } => ("alert.retract", String::new()),
        Action::Reassign { owner } => ("alert.reassign", format!("to {}", owner.key())),
    }
}

/// Reads an action, and refuses what no sales person means.
fn action(body: &ActionBody, now: Timestamp) -> Result<Action, Problem> {
    match body.action.as_str() {
        "acknowledge" => Ok(Action::Acknowledge),
        "reopen" => Ok(Action::Reopen),
        "wait" => Ok(Action::Wait),
        "snooze" => Ok(Action::Snooze { until: until(body, now)? }),
        "close" => Ok(Action::Close { reason: reason(body)?, amount: amount(body)? }),
        "comment" => Ok(Action::Comment { text: text(body, "A comment has a `note`.")? }),
        "retract" => {
            let detail = "A retraction has the `note` that the comment had.";
            Ok(Action::Retract { text: text(body, detail)? })
        }
        "reassign" => match body.owner.as_deref().map(Owner::from_key) {
            Some(owner) if Some(owner.key()) == body.owner => Ok(Action::Reassign { owner }),
            _ => {
                let detail = "A reassignment has an `owner`: `rep:r1`, `territory:North`, `queue`.";
                Err(Problem::bad_request(detail))
            }
        },
        _ => {
            let detail = "`action` is none of `acknowledge`, `snooze`, `wait`, `close`, `reopen`, \
                          `reassign`, `comment`, `retract`.";
            Err(Problem::bad_request(detail))
        }
    }
}

fn until(body: &ActionBody, now: Timestamp) -> Result<Timestamp, Problem> {
    let until = match (&body.until, &body.span) {
        (Some(until), None) => Timestamp::parse(until),
        (None, Some(span)) => Span::parse(span).map(|span| now + span),
        _ => {
            let detail = "A snooze has `until`, a time, or `for`, e.g. `1h`, `1d`.";
            return Err(Problem::bad_request(detail));
        }
    };
    let until = until.map_err(|error| Problem::bad_request(error.to_string()))?;
    if until <= now || until > now + SNOOZE_MAX {
        let detail = format!("A snooze ends within a year after {now}, not at {until}.");
        return Err(Problem::bad_request(detail));
    }
    Ok(until)
}

fn reason(body: &ActionBody) -> Result<CloseReason, Problem> {
    match body.reason.as_deref() {
        Some("won") => Ok(CloseReason::Won),
        Some("lost") => Ok(CloseReason::Lost),
        Some("dismissed") => {
            let detail = "A dismissed alert has a `note` that says why.";
            Ok(CloseReason::Dismissed(text(body, detail)?))
        }
        _ => {
            let detail = "A close has a `reason`: `won`, `lost` or `dismissed`.";
            Err(Problem::bad_request(detail))
        }
    }
}

/// The amount as it was written: a number of JSON keeps its digits.
fn amount(body: &ActionBody) -> Result<Option<Decimal>, Problem> {
    let Some(number) = &body.amount else { return Ok(None) };
    let amount = Decimal::parse(&number.to_string());
    let amount = amount.ok().filter(|amount| *amount >= Decimal::ZERO).ok_or_else(|| {
        Problem::bad_request(format!("`amount` is {number}: write a positive number."))
    })?;
    Ok(Some(amount))
}

/// The note, which has to say something.
fn text(body: &ActionBody, missing: &str) -> Result<String, Problem> {
    let note = body.note.as_deref().unwrap_or_default().trim();
    if note.is_empty() {
        return Err(Problem::bad_request(missing));
    }
    Ok(note.chars().take(NOTE_CHARS_MAX).collect())
}

/// Refuses what the state does not allow.
pub(super) fn allowed(state: &AlertState, action: &Action) -> Result<(), Problem> {
    let conflict = |detail: &str| Err(Problem::new(StatusCode::CONFLICT, detail));
    match (state, action) {
        (AlertState::Firing | AlertState::Pending, Action::Reopen) => {
            conflict("The alert is open already.")
        }
        (AlertState::Closed { reason, .. }, Action::Reopen) if reason.is_by_engine() => {
            conflict("The moment of this alert has passed; it cannot be reopened.")
        }
        (
            AlertState::Closed { .. },
            Action::Acknowledge | Action::Snooze { .. } | Action::Wait | Action::Reassign { .. },
        ) => conflict("The alert is closed: reopen it first."),
        _ => Ok(()),
    }
}

pub(super) fn alert_id(text: &str) -> Result<AlertId, Problem> {
    text.parse()
        .map_err(|error: crate::event::alert_id::AlertIdError| Problem::missing(error.to_string()))
}

/// The alert of this id; one that may not be seen is as missing as one that is not there.
pub(super) fn find(services: &Services, caller: &Caller, id: AlertId) -> Result<Kept, Problem> {
    let kept = services.inbox.get(id)?.filter(|kept| {
        (!kept.alert.is_shadow || caller.sees_shadow())
            && caller.sees(services, &kept.alert.owner.key(), "an alert")
    });
    kept.ok_or_else(|| Problem::missing(format!("No alert has the id {id}.")))
}

fn json(body: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(body).map_err(|error| Problem::internal(&error))
}

fn answer(status: StatusCode, text: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}
