//! Deliveries over the API: who was told of an alert, what waits, what failed; and the buttons that
//! somebody pressed in Slack.
//!
//! ```text
//! GET  /v1/deliveries?status=dead     the newest first; `next` goes on where a page ends
//! GET  /v1/alerts/{id}/deliveries     who was told of it, who was not, and why
//! POST /v1/deliveries/{id}/actions    {"action":"retry"} or {"action":"drop"}
//! POST /v1/slack/actions              signed by Slack ─► the same as an action on a page
//! ```

use std::sync::Arc;

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

use crate::api::Services;
use crate::api::alerts;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::channel::secret::Secret;
use crate::delivery::channel::slack_interaction;
use crate::delivery::channel::slack_interaction::InteractionError;
use crate::delivery::channel::slack_interaction::Pressed;
use crate::delivery::outbox::Outbox;
use crate::delivery::outbox::Status;
use crate::delivery::outbox::query;
use crate::delivery::outbox::query::Listed;
use crate::time;

/// What a list may be asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    status: Option<String>,
    channel: Option<String>,
    alert: Option<String>,
    rep: Option<String>,
    cursor: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Page {
    deliveries: Vec<Listed>,
    /// What the next page is asked for with; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    action: String,
}

impl Services {
    /// The deliveries, which lie in the inbox's file.
    pub(super) fn outbox(&self) -> Outbox {
        Outbox::new(Arc::clone(&self.inbox))
    }
}

/// `GET /v1/deliveries`
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let status = asked.status.map(|word| {
        Status::from_name(&word).ok_or_else(|| {
            let known = Status::ALL.map(|(_, name)| name).join(", ");
            Problem::bad_request(format!("`status` is none of {known}."))
        })
    });
    let limit = asked.limit.unwrap_or(50).clamp(1, query::Query::LIMIT_MAX);
    let query = query::Query {
        status: status.transpose()?,
        channel: asked.channel,
        alert: asked.alert.as_deref().map(alerts::alert_id).transpose()?,
        person: asked.rep,
        before: asked.cursor,
        limit,
    };
    page(&services, query).await
}

/// `GET /v1/alerts/{id}/deliveries`
pub(super) async fn of_alert(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let alert = alerts::alert_id(&id)?;
    blocking(&services, move |services| alerts::find(services, &caller, alert).map(drop)).await?;
    let limit = query::Query::LIMIT_MAX;
    page(&services, query::Query { alert: Some(alert), limit, ..query::Query::default() }).await
}

async fn page(services: &Arc<Services>, query: query::Query) -> Result<Response, Problem> {
    let limit = query.limit as usize;
    let text = blocking(services, move |services| {
        let deliveries = services.outbox().list(&query)?;
        let next = deliveries.last().filter(|_| deliveries.len() == limit).map(|last| last.row);
        serde_json::to_string(&Page { deliveries, next }).map_err(|e| Problem::internal(&e))
    });
    Ok(json(text.await?))
}

/// `POST /v1/deliveries/{id}/actions`
pub(super) async fn act(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: ActionBody = alerts::action_of(&headers, &body)?;
    let change = match body.action.as_str() {
        "retry" => Outbox::retry,
        "drop" => Outbox::abandon,
        _ => return Err(Problem::bad_request("`action` is none of `retry`, `drop`.")),
    };
    let text = blocking(&services, move |services| {
        let outbox = services.outbox();
        let missing = || Problem::missing("No delivery has this id: see /v1/deliveries.");
        let found = outbox.find(&id)?.filter(|found| found.id == id).ok_or_else(missing)?;
        let (who, object) = (caller.viewer.key(), format!("delivery:{id}"));
        services.access.note(&who, &body.action, &object, &found.channel)?;
        if !change(&outbox, &id, time::now())? {
            let detail = format!("The delivery is {}, or a later one overtook it.", found.status);
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let now = outbox.find(&id)?.ok_or_else(missing)?;
        serde_json::to_string(&now).map_err(|error| Problem::internal(&error))
    });
    Ok(json(text.await?))
}

/// `POST /v1/slack/actions`
pub(super) async fn slack(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let secrets = signing_secrets(&services);
    if secrets.is_empty() {
        let detail = "No channel has a `slack.signing_secret`: set it to let buttons act.";
        return Err(Problem::missing(detail));
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let timestamp = header("x-slack-request-timestamp").unwrap_or_default();
    let signature = header("x-slack-signature").unwrap_or_default();
    slack_interaction::verify(&secrets, (timestamp, signature), &body, time::now())
        .map_err(refused)?;
    let pressed = slack_interaction::read(&body, services.clock()).map_err(refused)?;
    blocking(&services, move |services| press(services, &pressed)).await?;
    Ok(StatusCode::OK)
}

/// Every secret that Slack may have signed with.
fn signing_secrets(services: &Services) -> Vec<Secret> {
    let channels = services.desk.iter().flat_map(|desk| desk.channels.values());
    channels.filter_map(|channel| channel.signing_secret.clone()).collect()
}

fn refused(error: InteractionError) -> Problem {
    let status = match error {
        InteractionError::Payload => StatusCode::BAD_REQUEST,
        InteractionError::Signature | InteractionError::Stale => StatusCode::UNAUTHORIZED,
    };
    tracing::warn!(%error, "refused a button of Slack");
    Problem::new(status, error.to_string())
}

/// Does what the button says, as whoever pressed it.
fn press(services: &Services, pressed: &Pressed) -> Result<(), Problem> {
    let Some(action) = &pressed.action else { return Ok(()) };
    let kept = services.inbox.get(pressed.alert)?.filter(|kept| !kept.alert.is_shadow);
    let alert = kept.ok_or_else(|| Problem::missing("No alert has this id."))?.alert;
    alerts::allowed(&alert.state, action)?;
    let people = services.desk.iter().flat_map(|desk| &desk.people.0);
    let is_member = |slack: &Option<String>| slack.as_deref() == Some(pressed.member.as_str());
    let person = people.into_iter().find(|(_, person)| is_member(&person.slack));
    let Some((id, _)) = person else {
        let detail = "Who pressed the button is nobody here: set `slack` of a section [people.ID].";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let by = format!("rep:{id}");
    services.access.note(&by, "slack_button", &format!("alert:{}", alert.id), "")?;
    alerts::hand_over(services, &alert, action.clone(), (by, services.clock()))
}

fn json(text: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
