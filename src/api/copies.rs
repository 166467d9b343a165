//! Copies over the API: what an inbox over several processes asks of each of them.
//!
//! ```text
//! GET /v1/copies?inbox=…&from=change-41&wait_s=10 ─► 42, 43 … as they stand now; else it waits
//! GET /v1/copies/customer/c1                      ─► what the engine knows of a customer
//! ```
//!
//! A process that may not speak for its partitions, since another may have taken its place, tells
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use rapidhash::v3::rapidhash_v3;
use serde::Deserialize;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::api::Services;
use crate::api::blocking;
use crate::api::entities;
use crate::api::problem::Problem;
use crate::delivery::inbox::copy::Place;
use crate::delivery::inbox::people::Person;
use crate::event::EntityKind;
use crate::gather::Copies;
use crate::gather::Introduction;
use crate::time;

/// The longest wait for something new, within the time that a request may take.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How often it is looked what nobody tells of: people, and whether this process may still speak.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What is known already.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// The name of the inbox that `from` is a place of.
    inbox: Option<String>,
    /// Behind this place.
    from: Option<String>,
    /// The version of the people.
    people: Option<String>,
    /// Seconds that the answer may wait for something new.
    wait_s: Option<u64>,
}

/// `GET /v1/copies`
pub(super) async fn copies(
    State(services): State<Arc<Services>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let limit = WAIT_MAX.min(Duration::from_secs(services.http.timeout_s.max(1)) / 2);
    let wait = Duration::from_secs(parameters.wait_s.unwrap_or(0)).min(limit);
    let until = time::steady() + wait;
    // Listen first: what changes during a look is then looked for once more rather than never.
    let mut feed = services.feed.listen();
    let mut stopping = services.stopping.subscribe();
    loop {
        speaks(&services)?;
        let asked = parameters.clone();
        let (copies, is_news) = blocking(&services, move |services| look(services, &asked)).await?;
        if is_news || time::steady() >= until || *stopping.borrow() {
            // It may have been replaced meanwhile.
            speaks(&services)?;
            return answer(&copies);
        }
        tokio::select! {
            heard = feed.recv() => if matches!(heard, Err(RecvError::Closed)) {
                tokio::time::sleep(LOOK_AGAIN).await;
            },
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = stopping.changed() => {}
        }
    }
}

/// What there is, and whether any of it is new.
fn look(services: &Services, asked: &Parameters) -> Result<(Copies, bool), Problem> {
    let is_known = asked.inbox.as_ref() == Some(&services.inbox.name()?);
    let from = asked.from.as_ref().filter(|_| is_known);
    let from = from.map(|text| text.parse::<Place>()).transpose()?;
    let page = services.inbox.page(from)?;
    let people = services.inbox.people();
    let persons = people.iter().map(|(id, person)| (id.to_owned(), person.clone()));
    let people = introduction(persons.collect())?;
    let people = Some(people).filter(|people| Some(&people.version) != asked.people.as_ref());
    let is_news = from != Some(page.next) || !page.alerts.is_empty() || people.is_some();
    Ok((Copies { page, people, status: services.engine.status() }, is_news))
}

fn introduction(persons: Vec<(String, Person)>) -> Result<Introduction, Problem> {
    let text = serde_json::to_vec(&persons).map_err(|error| Problem::internal(&error))?;
    Ok(Introduction { version: format!("{:016x}", rapidhash_v3(&text)), persons })
}

/// `GET /v1/copies/{kind}/{id}`
pub(super) async fn entity(
    State(services): State<Arc<Services>>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let kinds = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];
    let kind = kinds.into_iter().find(|known| known.name() == kind);
    let kind = kind.ok_or_else(|| {
        Problem::missing("There are copies of each `customer`, `rep` and `product`.")
    })?;
    speaks(&services)?;
    let view = blocking(&services, move |services| {
        let view = services.engine.entity(kind, &id);
        view.ok_or_else(|| entities::unheard_of(kind, &id))
    });
    answer(&view.await?)
}

/// Refuses where another process may have taken the place of this one.
fn speaks(services: &Services) -> Result<(), Problem> {
    if (services.permit)() {
        return Ok(());
    }
    let detail = "This process does not hold its partitions at the moment: ask again.";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1))
}

fn answer(body: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_string(body).map_err(|error| Problem::internal(&error))?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
